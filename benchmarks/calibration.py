"""Measure what the temperature and the prediction sets do, on photos that have chosen nothing.

    python -m benchmarks.calibration cat-and-dog.zip sign-digits.zip magnetic-tiles.zip
    python -m benchmarks.calibration photos.zip --architecture cnn --seeds 1

For each set and seed: split as preprocess does, train as train does, answer validation and test photos as the network
does before it gets a temperature, fit temperature and thresholds on the validation photos as train does, and judge
both on the test photos. Prints a row of markdown for each set, with means over the seeds: the temperature, the expected
calibration error and the log loss before and after it, and for each level the share of photos whose set holds the true
label, with the mean size of the sets. Below stands the largest loss of a single seed.
"""

import argparse
import os
import platform
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.trainings import learn, prepare, split_of
from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.metrics import point_metrics
from pawprint.models.prediction_sets import LEVELS, find_sets
from pawprint.models.temperature import fit_temperature, temper


@dataclass(frozen=True)
class Answers:
    """A network's answers, without a temperature, to photos that it has not learned from."""

    validation_labels: Integers
    validation: Floats
    test_labels: Integers
    test: Floats


def main() -> None:
    """Train on each set with each seed, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="photos, as `-P source=`")
    parser.add_argument("--architecture", default="efficientnet_lite0")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    given = parser.parse_args()
    found = {}
    for source in given.sources:
        answers = [answer(source, given.architecture, seed=seed, epochs=given.epochs) for seed in range(given.seeds)]
        found[Path(source).stem] = [judge(one) for one in answers]
    print(f"\n`{given.architecture}`, {given.seeds} seeds, {os.cpu_count()} cores, {platform.platform()}\n")
    print(*tabulate(found), sep="\n")


def answer(source: str, architecture: str, *, seed: int, epochs: int) -> Answers:
    """Train on photos as a main run with this seed does, and return the answers of the network."""
    from pawprint.models.prediction import predict_probabilities

    with tempfile.TemporaryDirectory(prefix="pawprint-") as folder:
        data = prepare(source, Path(folder), architecture=architecture, seed=seed)
        network = learn(data, architecture, epochs=epochs, seed=seed)[1].network
        judged = [split_of(data, name) for name in ("validation", "test")]
        found = [predict_probabilities(network, split.images, data.image_size).astype(np.float64) for split in judged]
    return Answers(judged[0].labels, found[0], judged[1].labels, found[1])


def judge(answers: Answers) -> dict[str, float]:
    """Calibrate on the validation photos as train does, and return the results on the test photos."""
    temperature = fit_temperature(answers.validation_labels, answers.validation)
    validation, test = (np.asarray(temper(one, temperature)) for one in (answers.validation, answers.test))
    sets, labels = find_sets(answers.validation_labels, validation), answers.test_labels
    results = {"photos": float(len(validation)), "temperature": temperature}
    for when, probabilities in (("before", answers.test), ("after", test)):
        metrics = point_metrics(labels, probabilities.astype(np.float64))
        results |= {f"{name} {when}": metrics[name] for name in ("accuracy", "ece", "log_loss")}
    for level in LEVELS:
        chosen = sets.choose(test, level)
        if chosen is not None:
            covered = chosen[np.arange(len(labels)), labels]
            results |= {f"coverage {level}": covered.mean(), f"size {level}": chosen.sum(axis=1).mean()}
    return results


def tabulate(found: Mapping[str, Sequence[Mapping[str, float]]]) -> list[str]:
    """Return the lines of the table, and a line about the seed that lost most by its temperature."""
    header = ["set", "validation photos", "accuracy", "temperature", "ECE before → after", "log loss before → after"]
    header += [f"{level} %: covered, size" for level in LEVELS]
    rows = []
    for name, seeds in found.items():
        mean = {
            key: statistics.fmean(one[key] for one in seeds) for key in seeds[0] if all(key in one for one in seeds)
        }
        row = [name, f"{mean['photos']:.0f}", f"{mean['accuracy after']:.3f}", f"{mean['temperature']:.2f}"]
        row += [f"{mean[f'{key} before']:.4f} → {mean[f'{key} after']:.4f}" for key in ("ece", "log_loss")]
        row += [
            f"{mean[f'coverage {level}']:.3f}, {mean[f'size {level}']:.2f}" if f"coverage {level}" in mean else "-"
            for level in LEVELS
        ]
        rows.append(row)
    lines = ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]]
    for key, unit in (("ece", "calibration error"), ("log_loss", "log loss")):
        lost, name, seed = max(
            (one[f"{key} after"] - one[f"{key} before"], name, seed)
            for name, seeds in found.items()
            for seed, one in enumerate(seeds)
        )
        lines.append(f"\n{unit}: the seed that lost most is {seed} of {name}, {lost:+.4f}")
    return lines


if __name__ == "__main__":
    main()
