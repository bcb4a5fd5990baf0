"""Take screenshots of MLflow's pages, report.html, the contact sheet and demo.html, to check what users see.

    python -m tools.screenshots pictures/                      # of a run on drawn photos, made for it (minutes)
    python -m tools.screenshots pictures/ --store sqlite:////path/to/mlflow.db
    python -m tools.screenshots pictures/ --docs docs/images   # and small ones, for the documentation

Serves the store with `mlflow server` and takes, in headless Chromium, the pages of the newest main run that has a
report: the list of runs, its own page, those of its first training, the model, the evaluation and the registered model;
then report.html, the contact sheet of the newest run of predict and the page to try the model in, light and dark, on a
desk and on a phone. For a missing page (demo.html needs `export=onnx` and npm) it prints a line. Run it in the
project's own environment (`make test` builds .venv); it needs a Chromium.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from PIL import Image

from benchmarks.processes import run_project, serve_store, store_of
from pawprint.drawn.drawings import Drawing, draw_photo
from pawprint.report.graph import Lineage, find_lineage

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DESK, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LOOKS = {"light": ("light", DESK), "dark": ("dark", DESK), "phone": ("light", PHONE)}
PARTS = {"curves": "How it learned", "slices": "Where it is weak", "evidence": "What it looked at"}
"""Sections of the report, by their headings."""
MOST_BYTES = 150_000
"""Largest size in bytes of a picture in the documentation."""
DRAWN = {"source": "synthetic", "train_images": 800, "test_images": 300, "epochs": 12}
NEW_PHOTOS = "synthetic:120:7"


def main() -> None:
    """Make a run unless a store is given, and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--store", help="a tracking store with runs: sqlite:////…, postgresql://…")
    parser.add_argument("--docs", type=Path, help="where small ones for the documentation go")
    arguments = parser.parse_args()
    browser = find_browser()
    if browser is None:
        raise SystemExit(f"no browser found: install one of {', '.join(BROWSERS)}")
    for folder in filter(None, (arguments.folder, arguments.docs)):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as opened:
        store = arguments.store or make_runs(Path(opened.enter_context(tempfile.TemporaryDirectory())))
        mlflow.set_tracking_uri(store)
        lineage = find_lineage(find_newest("tags.`pawprint.digest` LIKE '%story%'").info.run_id)
        chromium = opened.enter_context(open_browser(browser))
        with serve_store(store) as address:
            take_mlflow(chromium, address, lineage, arguments.folder)
        for name, page in find_pages(lineage, opened):
            take_page(chromium, name, page, arguments.folder)
        if arguments.docs:
            for path in write_small(arguments.folder, arguments.docs):
                print(path, path.stat().st_size)


def find_browser() -> str | None:
    """Return the path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def make_runs(folder: Path) -> str:
    """Train on drawn photos, export, register and predict; return the store."""
    run_project(folder, {**DRAWN, "export": "onnx", "register": "pets"})
    run_project(folder, {"model": "models:/pets@champion", "source": NEW_PHOTOS}, entry_point="predict")
    return store_of(folder)


def find_newest(which: str) -> Run:
    """Return the newest run of any experiment that matches a filter."""
    runs = mlflow.search_runs(
        search_all_experiments=True,
        filter_string=which,
        order_by=["attributes.start_time DESC"],
        max_results=1,
        output_format="list",
    )
    if not runs:
        raise SystemExit("no main run with a report in this store; run `mlflow run .` first")
    return runs[0]


@contextmanager
def open_browser(path: str) -> Iterator[Any]:
    """Yield a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # The sandbox is not available in a container, and the pages are our own.
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def take_mlflow(chromium: Any, address: str, lineage: Lineage, folder: Path) -> None:
    """Take MLflow's pages, in a window wide enough for its columns."""
    page = chromium.new_page(viewport={"width": 1440, "height": 900})
    for name, path in list_pages(lineage).items():
        page.goto(f"{address}/{path}")
        settle(page)
        if (assistant := page.locator("[data-component-id^='mlflow.assistant.chat_panel.close']")).count():
            assistant.first.click()
        if name == "runs":
            page.get_by_role("button", name="Model training").click()
            settle(page)
            page.locator("button[data-component-id*='runnamecellrenderer']").first.click()  # the steps of main
            page.mouse.move(0, 0)
            settle(page)
        _shoot(page, folder / f"mlflow-{name}.png")
    page.close()


def list_pages(lineage: Lineage) -> dict[str, str]:
    """Return the addresses of MLflow's pages by the name of their picture."""
    main, training = lineage.main, lineage.trainings[0]
    if main is None or training.model is None:
        raise SystemExit("the newest main run has no model to show")
    experiment = f"#/experiments/{main.info.experiment_id}"
    pages = {
        "runs": f"{experiment}/runs",
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


def find_pages(lineage: Lineage, opened: ExitStack) -> Iterator[tuple[str, Path]]:
    """Yield our own pages with the name of their picture; print a line for a missing page."""
    predicted = mlflow.search_runs(
        search_all_experiments=True,
        filter_string="tags.`mlflow.project.entryPoint` = 'predict' AND attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
        output_format="list",
    )
    wanted = {
        "report": (lineage.main, "report.html"),
        "review": (lineage.main, "review.html"),
        "contact-sheet": (predicted[0] if predicted else None, "predictions/contact-sheet.html"),
        "labelling": (predicted[0] if predicted else None, "predictions/review.html"),
        "demo": (lineage.trainings[0].run, "export/demo.html"),
    }
    scratch = opened.enter_context(tempfile.TemporaryDirectory())
    for name, (run, path) in wanted.items():
        folder, _, file = path.rpartition("/")
        if run and any(one.path == path for one in MlflowClient().list_artifacts(run.info.run_id, folder or None)):
            yield name, Path(MlflowClient().download_artifacts(run.info.run_id, path, scratch))
        else:
            print(f"no {file} in this store")


def take_page(chromium: Any, name: str, path: Path, folder: Path) -> None:
    """Take a whole page of ours in all `LOOKS`, and print its console messages."""
    for look, (scheme, size) in LOOKS.items():
        page = chromium.new_page(viewport=size, color_scheme=scheme)
        page.on("console", lambda message: print(f"{name}: {message.text}"))
        page.goto(path.as_uri())
        if name == "demo":
            page.wait_for_selector("#status:text-is('Ready.')", timeout=120_000)
            dog = {"name": "dog.jpg", "mimeType": "image/jpeg", "buffer": draw_photo(Drawing(5, "dog", 3))}
            page.set_input_files("#file", dog)
            page.wait_for_selector("#answer:visible", timeout=60_000)
        settle(page)
        _shoot(page, folder / f"{name}-{look}.png", full_page=True)
        if (name, look) == ("report", "light"):
            for part, words in PARTS.items():
                section = page.locator("section").filter(has=page.get_by_role("heading", name=words, exact=True))
                section.screenshot(path=folder / f"report-{part}.png")
        page.close()


def settle(page: Any) -> None:
    """Wait until a page has not changed for two seconds; MLflow's pages never stop polling the server."""
    same, before = 0, ""
    for _ in range(60):
        page.wait_for_timeout(500)
        now = page.content()
        same, before = (same + 1 if now == before else 0), now
        if same >= 4:
            return


def _shoot(page: Any, path: Path, *, full_page: bool = False) -> None:
    page.screenshot(path=path, full_page=full_page)
    print(path)


def write_small(folder: Path, docs: Path) -> Iterator[Path]:
    """Yield the pictures of the documentation, cropped and with as many colours as `MOST_BYTES` allows."""
    cuts = {
        "runs": ("mlflow-runs", (0, 0, 1440, 560)),
        "report": ("report-light", (0, 0, 1280, 1000)),
        "review": ("review-light", (0, 0, 1280, 860)),
        "labelling": ("labelling-light", (0, 0, 1280, 860)),
        "contact-sheet": ("contact-sheet-light", (0, 0, 1280, 760)),
        "demo": ("demo-light", (0, 0, 1280, 900)),
        "report-curves": ("report-curves", (0, 0, 1280, 480)),
        "report-slices": ("report-slices", (0, 0, 860, 1000)),
        "report-evidence": ("report-evidence", (0, 0, 1280, 370)),
    }
    for name, (picture, box) in cuts.items():
        if not (folder / f"{picture}.png").is_file():
            continue
        with Image.open(folder / f"{picture}.png") as whole:
            cut = whole.convert("RGB").crop((*box[:2], min(box[2], whole.width), min(box[3], whole.height)))
        cut.thumbnail((1000, 1000), Image.Resampling.LANCZOS)
        for colours in (256, 128, 64, 32):
            reduced = cut.quantize(colours, dither=Image.Dither.FLOYDSTEINBERG if colours > 64 else Image.Dither.NONE)
            reduced.save(docs / f"{name}.png", optimize=True)
            if (docs / f"{name}.png").stat().st_size < MOST_BYTES:
                break
        yield docs / f"{name}.png"


if __name__ == "__main__":
    main()
