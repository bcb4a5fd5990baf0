"""Run pawprint or a peer on the photos that were handed over, and judge its answers to the test photos."""

import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.processes import ROOT, apart, run_project, store_of
from pawprint.base.cache import cache_folder
from pawprint.base.files import hash_file
from pawprint.dataset.reader import Dataset


@dataclass(frozen=True)
class Result:
    """What one training reached on the test photos, and what it took."""

    accuracy: float
    f1: float
    """Of the second of two classes; of more, the mean."""
    minutes: float
    processor_minutes: float
    """Of all cores and processes together; unlike the minutes, hardly longer on a busy machine."""
    mebibytes: float
    epochs: int | None


def build_environment() -> Path:
    """Build the environment of requirements-peers.txt in the cache folder, if it is not there; return its Python."""
    requirements = ROOT / "requirements-peers.txt"
    folder = cache_folder() / "peers" / hash_file(requirements)[:12]
    python = folder / "bin" / "python"
    uv = [sys.executable, "-m", "uv"]
    if not (folder / "complete").exists():
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([*uv, "pip", "install", "--python", python, "-r", requirements], check=True)
        (folder / "complete").touch()
    # Reads the packages from the disk once, so that no peer's time has it.
    subprocess.run([python, "-c", "import fastai.vision.all, timm, sklearn"], check=True)
    return python


def write_weights(python: Path, photos: Path, weights: Path) -> None:
    """Write our pretrained weights as a file for timm."""
    _run([python, "-m", "benchmarks.peers.lite0", photos, weights])


def run_peer(command: Sequence[object], data: Dataset, *, epochs: int, seed: int, weights: Path | None) -> Result:
    """Run a peer's program and judge its answers.

    Args:
        command: Python, the name of its module and the folder of the photos.
        data: the dataset that was written to the folder.
        epochs: how long it learns.
        seed: of its training.
        weights: of the pretrained network, for a peer that takes them.
    """
    *program, photos = command
    with tempfile.TemporaryDirectory() as scratch:
        answers = Path(scratch, "answers.json")
        words = [*program, photos, answers, epochs, seed, *([weights] if weights else [])]
        taken: tuple[float, float, float] = apart(measure, _run, (words,), {})
        given = {Path(path).stem: label for path, label in json.loads(answers.read_text("utf-8")).items()}
    labels = data.splits["test"].labels
    found = [given[f"{row:06d}"] for row in range(len(labels))]
    return Result(*score(labels.tolist(), found, len(data.class_names)), *taken, epochs)


def run_ours(architecture: str, data: Dataset, *, source: str, seed: int) -> Result:
    """Run the project once, as a person does.

    Raises:
        ValueError: it was tested on other photos than `data` has.
    """
    values = {"source": source, "architecture": architecture, "seed": seed}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        cache = {"PAWPRINT_CACHE": str(folder / "cache")}
        taken: tuple[float, float, float] = apart(measure, run_project, (folder, values), cache)
        mlflow.set_tracking_uri(store_of(folder))
        runs = MlflowClient().search_runs(["0"], "tags.`mlflow.project.entryPoint` = 'evaluate'")
        path = mlflow.artifacts.download_artifacts(f"runs:/{runs[0].info.run_id}/evaluation/predictions.csv")
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    if sorted(row["member"] for row in rows) != sorted(data.splits["test"].members):
        raise ValueError("pawprint was tested on other photos than its peers")
    numbers = {name: number for number, name in enumerate(data.class_names)}
    labels, found = ([numbers[row[column]] for row in rows] for column in ("label", "prediction"))
    return Result(*score(labels, found, len(numbers)), *taken, None)


def score(labels: Sequence[int], found: Sequence[int], num_classes: int) -> tuple[float, float]:
    """Return accuracy and F1."""
    average = "binary" if num_classes == 2 else "macro"
    return float(accuracy_score(labels, found)), float(f1_score(labels, found, average=average, zero_division=0))


def learn_for(minutes: float, learn: Callable[..., Result]) -> Result:
    """Let a peer learn for as many epochs as take about the given processor minutes, by a timing of one and of two."""
    once = learn(epochs=1)
    if once.processor_minutes > minutes / 2:
        return once
    each = max(learn(epochs=2).processor_minutes - once.processor_minutes, once.processor_minutes / 50)
    return learn(epochs=1 + round((minutes - once.processor_minutes) / each))


def measure(run: Callable[..., None], values: Sequence[object], named: Mapping[str, str]) -> tuple[float, float, float]:
    """Call a function that runs a program.

    It counts everything that this process has ever started, so call it in a new one.

    Returns:
        Its minutes, those of the processor in all its processes, and the peak memory in MiB of the largest of these.
    """
    begin = time.monotonic()
    run(*values, **named)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (time.monotonic() - begin) / 60, (used.ru_utime + used.ru_stime) / 60, used.ru_maxrss / 1024


def _run(words: Sequence[object]) -> None:
    subprocess.run([str(word) for word in words], cwd=ROOT, env={**os.environ, "HF_HUB_OFFLINE": "1"}, check=True)
