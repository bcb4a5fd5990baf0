"""Write robustness.csv: the accuracy that remains when the test photos are corrupted."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pawprint.base.tables import TableWriter, read_dicts
from pawprint.dataset.shards import Images
from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.corruptions import LEVELS, STRENGTHS, corrupt_photo
from pawprint.evaluation.slices import wilson_interval

MOST_PHOTOS, FEWEST_PHOTOS = 200, 50
MOST_WORK = 1.8e12
"""Multiply-adds that all predictions together may cost. They limit the number of photos, and not the time, so that
every machine uses the same photos."""
CLEAN = "none"
BATCH = 50


@dataclass(frozen=True)
class Corrupted:
    """The model's accuracy on photos with one corruption.

    Attributes:
        kind: one of `corruptions.STRENGTHS`, or "none" for the original photos.
        level: 1 to 3, of `corruptions.LEVELS`; 0 for the original photos.
        strength: the level's strength.
        photos: the number of photos.
        correct: the number of correct predictions.
    """

    kind: str
    level: int
    strength: float
    photos: int
    correct: int

    @property
    def accuracy(self) -> float:
        """Share of correct predictions."""
        return self.correct / self.photos


def count_affordable(multiply_adds: int) -> int:
    """Return the number of photos to use, given the cost of one prediction.

    >>> count_affordable(10**8), count_affordable(10**9), count_affordable(10**11)
    (200, 150, 50)
    """
    asked = sum(map(len, STRENGTHS.values()))
    return int(min(MOST_PHOTOS, max(FEWEST_PHOTOS, MOST_WORK / (asked * multiply_adds))))


def choose_photos(labels: Integers, most: int, seed: int = 0) -> Integers:
    """Choose up to `most` photos at random, equally many for each class if possible, in the given order.

    Args:
        labels: [n] class numbers.
        most: the number of photos, over all classes.
        seed: the seed of the choice.
    """
    if len(labels) <= most:
        return np.arange(len(labels), dtype=np.int64)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(labels))
    rank = np.empty(len(labels), dtype=np.int64)
    for number in np.unique(labels):
        of_class = shuffled[labels[shuffled] == number]
        rank[of_class] = np.arange(len(of_class))
    # The first photo of each class, then the second of each, and so on; among equals, chance decides.
    chosen: Integers = np.sort(shuffled[np.argsort(rank[shuffled], kind="stable")][:most])
    return chosen


def measure_robustness(
    answer: Callable[[npt.NDArray[np.uint8]], Floats | npt.NDArray[np.float32]],
    images: Images,
    labels: Integers,
    predictions: Integers,
    places: Integers,
    seed: int = 0,
) -> list[Corrupted]:
    """Run a network on photos with each corruption and strength.

    Args:
        answer: the network, from pixels, uint8 [k, side, side, 3], to probabilities [k, classes].
        images: the test photos; those at `places` are read once.
        labels: [n] class numbers of all test photos.
        predictions: [n] the network's predictions for the original photos.
        places: [m] the indexes of the photos to use.
        seed: the seed of the noise.
    """
    photos, truth = images[places], labels[places]
    measured = [Corrupted(CLEAN, 0, 0.0, len(places), int((predictions[places] == truth).sum()))]
    rng = np.random.default_rng(seed)
    levels = [(kind, level) for kind, strengths in STRENGTHS.items() for level in range(1, len(strengths) + 1)]
    for kind, level in tqdm(levels, desc="robustness", unit="level", disable=None, delay=2):
        strength = STRENGTHS[kind][level - 1]
        worse = np.stack([corrupt_photo(photo, kind, strength, rng) for photo in photos])
        answers = np.concatenate([answer(batch) for batch in _batches(worse)]).argmax(axis=1)
        measured.append(Corrupted(kind, level, strength, len(places), int((answers == truth).sum())))
    return measured


def describe_robustness(measured: Sequence[Corrupted]) -> str:
    """Return a sentence with the corruption that lowers the accuracy most.

    >>> describe_robustness([Corrupted("none", 0, 0, 200, 190), Corrupted("blur", 1, 0.01, 200, 100)])
    'Of 200 photos 95.0 % are right as they are, and 50.0 % with mild blur, which costs most'
    """
    clean, *others = measured
    worst = min(others, key=lambda one: one.correct)
    if worst.correct >= clean.correct:
        return f"Of {clean.photos} photos no corruption made an answer wrong on balance"
    as_they_are, at_worst = (f"{100 * one.accuracy:.1f} %" for one in (clean, worst))
    return (
        f"Of {clean.photos} photos {as_they_are} are right as they are, and {at_worst} with "
        f"{LEVELS[worst.level - 1]} {worst.kind}, which costs most"
    )


def write_robustness(measured: Sequence[Corrupted], path: Path) -> None:
    """Write one row for each corruption and level: accuracy with its Wilson interval, the original photos first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = TableWriter(file)
        writer.writerow(("corruption", "level", "strength", "photos", "correct", "accuracy", "low", "high"))
        for one in measured:
            figures = (one.accuracy, *wilson_interval(one.correct, one.photos))
            cells = (f"{figure:.6g}" for figure in figures)
            writer.writerow((one.kind, one.level, f"{one.strength:g}", one.photos, one.correct, *cells))


def read_robustness(path: Path) -> list[Corrupted]:
    """Read the results that `write_robustness` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Corrupted(
                row["corruption"], int(row["level"]), float(row["strength"]), int(row["photos"]), int(row["correct"])
            )
            for row in read_dicts(file)
        ]


def _batches(photos: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
    for start in range(0, len(photos), BATCH):
        yield photos[start : start + BATCH]
