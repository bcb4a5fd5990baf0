"""What does a person see? Pictures of MLflow's pages and of report.html, for looking at.

    python -m benchmarks.screenshots --store sqlite:////path/to/mlflow.db pictures/

Starts `mlflow server` on the store and takes, in headless Chromium, the pages of the newest main run that has a report,
of its first training, of the model, of the evaluation, of the registered model if there is one, and report.html at two
widths, light and dark.
"""

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import requests
from mlflow import MlflowClient

from pawprint.lineage.graph import Lineage, find_lineage

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDE, HIGH = 1280, 1600
PHONE = 390
DARK, LIGHT = 0, 1
"""Chromium's numbers for a preferred colour scheme."""


def find_browser() -> str | None:
    """Return the path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def serve(store: str) -> Iterator[str]:
    """Serve a store on a free port of this machine, and yield the address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--host", "127.0.0.1"]
    server = subprocess.Popen(
        [*command, "--port", str(port), "--workers", "1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                if requests.get(f"{address}/health", timeout=1).ok:
                    break
            except requests.RequestException:
                time.sleep(0.5)
        yield address
    finally:
        os.killpg(server.pid, 15)
        server.wait(timeout=20)


def take(browser: str, url: str, path: Path, *, width: int = WIDE, height: int = HIGH, scheme: int = LIGHT) -> None:
    """Take a picture of a page when it has come to rest."""
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={profile}", f"--window-size={width},{height}"),
                *(f"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=60000"),
                *("--run-all-compositor-stages-before-draw", f"--screenshot={path}", url),
            ],
            check=True,
            capture_output=True,
        )
    print(path)


def list_pages(lineage: Lineage) -> dict[str, str]:
    """Return the pages to look at, by the name of their picture."""
    main, training = lineage.main, lineage.trainings[0]
    if main is None or training.model is None:
        raise SystemExit("the newest main run has no model to show")
    experiment = f"#/experiments/{main.info.experiment_id}"
    pages = {
        "main": f"{experiment}/runs/{main.info.run_id}",
        "train": f"{experiment}/runs/{training.run.info.run_id}",
        "train-curves": f"{experiment}/runs/{training.run.info.run_id}/model-metrics",
        "evaluate": f"{experiment}/runs/{training.evaluations[-1].info.run_id}",
        "model": f"{experiment}/models/{training.model.model_id}",
    }
    for registered in MlflowClient().search_registered_models(max_results=1):
        pages["registered"] = f"#/models/{registered.name}"
        pages["registered-version"] = f"#/models/{registered.name}/versions/{registered.latest_versions[0].version}"
    return pages


def main() -> None:
    """Serve the store and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", required=True, help="a tracking store: sqlite:////…, postgresql://…")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    arguments = parser.parse_args()
    browser = find_browser()
    if browser is None:
        raise SystemExit(f"no browser found: install one of {', '.join(BROWSERS)}")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(arguments.store)
    newest = mlflow.search_runs(
        search_all_experiments=True,
        filter_string="tags.`pawprint.digest.story` LIKE '%'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
        output_format="list",
    )
    if not newest:
        raise SystemExit("no main run with a report in this store; run `mlflow run .` first")
    lineage = find_lineage(newest[0].info.run_id)
    with serve(arguments.store) as address:
        for name, page in list_pages(lineage).items():
            take(browser, f"{address}/{page}", arguments.folder / f"{name}.png")
    report = Path(mlflow.artifacts.download_artifacts(f"runs:/{newest[0].info.run_id}/report.html")).as_uri()
    for name, width, height, scheme in (
        ("report-light", WIDE, 6000, LIGHT),
        ("report-dark", WIDE, 6000, DARK),
        ("report-phone", PHONE, 9000, LIGHT),
    ):
        take(browser, report, arguments.folder / f"{name}.png", width=width, height=height, scheme=scheme)


if __name__ == "__main__":
    main()
