"""Measure how many wrong labels a reviewer of review.html finds, and what mending them does to the accuracy.

    python -m benchmarks.review cat-and-dog.zip --architecture efficientnet_lite0

Flips the labels of 5 % of the training photos (validation included; seeded) in a copy of the photos, runs `mlflow run .
--env-manager local` on it, and lets the true labels answer for a reviewer who looks at the first 150 photos of
review.html. Test photos keep their labels. Then it runs again with the corrections that this reviewer saves, and prints
a row of markdown: flips in all, flips among the photos looked at, accuracy before and after on the same test photos,
McNemar's exact p, and the accuracy with no label flipped. Run it in the project's own environment (`make test` builds
.venv).
"""

import argparse
import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run

from benchmarks.processes import run_project, store_of
from pawprint.dataset.corrections import Correction, write_corrections
from pawprint.photos.collection import load_photos
from pawprint.photos.sources import fetch_photos
from pawprint.report.effect import Effect, find_effect
from pawprint.report.graph import find_lineage

HEADER = (
    "| photos | network | flips | found in the first 150 | accuracy, flipped | mended | McNemar's p | never flipped |"
)


def main() -> None:
    """Measure each architecture on each set and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="photos, as `-P source=`")
    parser.add_argument("--architecture", nargs="+", default=["efficientnet_lite0", "cnn"])
    parser.add_argument("--share", type=float, default=0.05, help="of training labels that are flipped")
    parser.add_argument("--looks", type=int, default=150, help="photos that the reviewer looks at")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(HEADER, "|" + " --- |" * (HEADER.count("|") - 1), sep="\n", flush=True)
    for source in given.sources:
        for architecture in given.architecture:
            print(measure(source, architecture, given.share, given.looks, given.seed), flush=True)


def measure(source: str, architecture: str, share: float, looks: int, seed: int) -> str:
    """Return the row of an architecture on a set."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        truth = write_flipped(source, folder / "flipped", share, seed)
        write_flipped(source, folder / "true", 0, seed)
        values = {"architecture": architecture, "labels": "folder", "source": str(folder / "flipped")}
        first = run_main(folder, values)
        flips = {row["digest"] for row in read_photos(first) if truth[row["digest"]] != row["label"]}
        queue = [photo for photo in read_page(first)["photos"] if photo["split"] != "test"][:looks]
        found = [answer(photo, truth[photo["digest"]], first.info.run_id) for photo in queue]
        write_corrections([(row, "") for row in found], folder / "corrections.csv")
        second = run_main(folder, {**values, "corrections": str(folder / "corrections.csv")})
        effect = find_effect(find_lineage(second.info.run_id), pictures=False)
        clean = run_main(folder, {**values, "source": str(folder / "true")}).data.metrics["test_accuracy"]
    assert isinstance(effect, Effect)  # noqa: S101 - the corrections came from the first run
    assert effect.comparison  # noqa: S101
    seen = len({row.digest for row in found} & flips)
    return (
        f"| {Path(source).stem} | `{architecture}` | {len(flips)} | {seen} ({100 * seen / len(flips):.0f} %) "
        f"| {effect.before:.3f} | {effect.after:.3f} | {effect.comparison.p_value:.2g} | {clean:.3f} |"
    )


def write_flipped(source: str, folder: Path, share: float, seed: int) -> dict[str, str]:
    """Write photos with some training labels flipped, and return each photo's true label by its digest."""
    with tempfile.TemporaryDirectory() as scratch:
        fetch_photos(source, Path(scratch, "photos"), keep_photos="copy", resolve_uri=Path)
        collection = load_photos(Path(scratch, "photos"))
        labels = sorted({photo.label for photo in collection.photos})
        named = any(photo.split == "test" for photo in collection.photos)
        rng, truth = np.random.default_rng(seed), dict[str, str]()
        for number, photo in enumerate(collection.photos):
            test = photo.split == "test" if named else number % 4 == 0
            label = photo.label
            if not test and rng.random() < share:
                label = str(rng.choice([other for other in labels if other != label]))
            content = collection.read(photo)
            path = folder / ("test" if test else "train") / label / f"{number:05d}{Path(photo.member).suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            truth[hashlib.sha256(content).hexdigest()] = photo.label
    return truth


def answer(photo: dict[str, Any], truth: str, run_id: str) -> Correction:
    """Return what a reviewer who knows the truth decides."""
    right = truth == photo["label"]
    action, new = ("keep", "") if right else ("label", truth)
    why = photo["why"][0]
    return Correction(photo["digest"], photo["name"], action, photo["original"], new, why, "the truth", "", run_id)


def run_main(folder: Path, values: dict[str, Any]) -> Run:
    """Run main and return its run."""
    run_project(folder, values, PAWPRINT_CACHE=str(folder / "cache"))
    mlflow.set_tracking_uri(store_of(folder))
    return MlflowClient().search_runs(
        ["0"], "tags.`mlflow.project.entryPoint` = 'main'", order_by=["attributes.start_time DESC"], max_results=1
    )[0]


def read_page(main: Run) -> dict[str, Any]:
    """Return the data of a run's review.html."""
    text = Path(main.info.artifact_uri.removeprefix("file://"), "review.html").read_text("utf-8")
    found = re.search(r'id="content">(.*?)</script>', text, re.DOTALL)
    assert found  # noqa: S101 - our own page
    content: dict[str, Any] = json.loads(found[1])
    return content


def read_photos(main: Run) -> list[dict[str, str]]:
    """Return digest and label of the training and validation photos of a run."""
    from pawprint.report.review_queue import read_index

    preprocess = find_lineage(main.info.run_id).preprocess
    assert preprocess  # noqa: S101 - main has run it
    index = read_index(Path(preprocess.info.artifact_uri.removeprefix("file://"), "dataset"))
    return [{"digest": row["sha256"], "label": row["label"]} for row in index.values() if row["split"] != "test"]


if __name__ == "__main__":
    main()
