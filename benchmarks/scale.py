"""Measure what each step takes with many photos of many classes: seconds, processor time, peak memory.

    python -m benchmarks.scale                                       # 2000 photos of 50 classes: a quick look
    python -m benchmarks.scale --photos 100000 --classes 1000        # `make scale`
    python -m benchmarks.scale --of cat-and-dog.zip                  # crops of these photos, not of drawings

Crops photos of 112 x 84 pixels at random places, deals them out to the classes, and runs download, preprocess, train
(one epoch of `baseline` at 96 pixels) and evaluate, each by `mlflow run` in a store of its own. Nothing can be learned
from such classes; the table is about time and memory alone. Seconds are those of the whole command, MLflow's start
included; memory is that of the largest process, which counts the parts of the dataset that are mapped into it.
"""

import argparse
import io
import resource
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from benchmarks.preprocess import draw
from benchmarks.processes import apart, run_project, store_of

WIDTH, HEIGHT, SIDE, SEED = 112, 84, 96, 0
ORIGINALS = 2000
"""Photos that are kept in memory to be cropped."""


@dataclass(frozen=True)
class Measured:
    """What a step took."""

    step: str
    seconds: float
    processor: float
    """Seconds of all cores together, MLflow's launcher included."""
    mebibytes: float


def main() -> None:
    """Make the photos, run the steps, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--classes", type=int, default=50)
    parser.add_argument("--of", type=Path, help="a zip of photos to crop; drawn ones otherwise")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        crop_photos(given.of or draw(folder / "drawn"), folder / "photos.zip", given.photos, given.classes)
        print(format_table(run_steps(folder)))


def crop_photos(source: Path, path: Path, number: int, classes: int) -> None:
    """Write a zip of so many crops, in a folder for each class."""
    rng = np.random.default_rng(SEED)
    with zipfile.ZipFile(source) as originals, zipfile.ZipFile(path, "w") as crops:
        names = sorted(one for one in originals.namelist() if one.lower().endswith((".jpg", ".jpeg")))
        opened = [Image.open(io.BytesIO(originals.read(one))).convert("RGB") for one in names[:ORIGINALS]]
        for count in tqdm(range(number), desc="cropping photos", disable=None):
            image = opened[rng.integers(len(opened))]
            width = rng.uniform(0.3, 0.8) * min(image.width, image.height * WIDTH / HEIGHT)
            height = width * HEIGHT / WIDTH
            left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
            box = (left, top, left + width, top + height)
            buffer = io.BytesIO()
            image.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box).save(buffer, "JPEG", quality=88)
            crops.writestr(f"class {count % classes:04}/{count:07}.jpg", buffer.getvalue())


def run_steps(folder: Path) -> list[Measured]:
    """Run each step on `photos.zip` in a folder."""
    everything = {"image_size": SIDE, "train_images": 0, "test_images": 0}
    measured = [apart(measure, folder, "download", {"source": folder / "photos.zip", "keep_photos": "reference"})]
    photos = f"runs:/{apart(find_run, folder, 'download')[0]}/photos"
    measured.append(apart(measure, folder, "preprocess", {"photos": photos, **everything}))
    dataset = f"runs:/{apart(find_run, folder, 'preprocess')[0]}/dataset"
    learning = {"dataset": dataset, "architecture": "baseline", "epochs": 1}
    measured.append(apart(measure, folder, "train", learning))
    model = apart(find_run, folder, "train")[1]
    measured.append(apart(measure, folder, "evaluate", {"dataset": dataset, "model": model}))
    return measured


def measure(folder: Path, step: str, values: dict[str, object]) -> Measured:
    """Run a step; in a process of its own, whose children are the step's alone."""
    started = time.perf_counter()
    run_project(folder, values, entry_point=step)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Measured(step, time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def find_run(folder: Path, step: str) -> tuple[str, str]:
    """Return the id of a step's run, and the URI of the model that it logged, if it did."""
    import mlflow
    from mlflow import MlflowClient

    mlflow.set_tracking_uri(store_of(folder))
    (run,) = MlflowClient().search_runs(["0"], f"tags.`mlflow.project.entryPoint` = '{step}'")
    models = run.outputs.model_outputs if run.outputs else []
    return run.info.run_id, f"models:/{models[0].model_id}" if models else ""


def format_table(measured: Sequence[Measured]) -> str:
    """Return a Markdown table.

    >>> print(format_table([Measured("train", 61.4, 100.2, 812.7)]))
    | step | seconds | processor's seconds | peak memory, MiB |
    | --- | ---: | ---: | ---: |
    | train | 61 | 100 | 813 |
    """
    rows = [f"| {one.step} | {one.seconds:.0f} | {one.processor:.0f} | {one.mebibytes:.0f} |" for one in measured]
    return "\n".join(
        ["| step | seconds | processor's seconds | peak memory, MiB |", "| --- | ---: | ---: | ---: |", *rows]
    )


if __name__ == "__main__":
    main()
