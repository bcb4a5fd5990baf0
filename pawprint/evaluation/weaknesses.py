"""Find a model's weaknesses and what it looks at: writes slices, robustness and explanations to `evaluation/`.

Writes slices.csv, slices.png, robustness.csv, robustness.png and, if the network can be explained, explanations.png.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from pawprint.dataset.reader import Split
from pawprint.dataset.shards import Images
from pawprint.evaluation.bootstrap import Floats, Integers
from pawprint.evaluation.column_slices import slice_columns
from pawprint.evaluation.explanations import (
    PATCHES,
    choose_explained,
    draw_explanations,
    map_activations,
    occlude,
)
from pawprint.evaluation.robustness import (
    FEWEST_PHOTOS,
    MOST_WORK,
    choose_photos,
    count_affordable,
    describe_robustness,
    measure_robustness,
    write_robustness,
)
from pawprint.evaluation.slices import describe_worst, slice_accuracy, write_slices
from pawprint.evaluation.weakness_plots import draw_robustness, draw_slices
from pawprint.models.kind import measure_traits
from pawprint.models.multiply_adds import count_multiply_adds
from pawprint.models.portable import build_portable_network, has_evidence
from pawprint.models.prediction import Answer, resize_photos

BATCH = 256


def write_weaknesses(
    network: Any,
    compiled: Answer,
    image_size: int,
    test: Split,
    probabilities: npt.NDArray[np.float32],
    class_names: Sequence[str],
    folder: Path,
) -> str:
    """Find a model's weaknesses and write them beside its other results.

    Args:
        network: the network, from pixels 0 to 255 to probabilities.
        compiled: the same, compiled by `compile_network`.
        image_size: the side in pixels of its input.
        test: the test photos.
        probabilities: [n, k] the network's answers for them.
        class_names: the k classes.
        folder: the folder written by `evaluate_predictions`.

    Returns:
        The main findings, in a few sentences.
    """
    predictions = probabilities.argmax(axis=1)
    slices = slice_accuracy(test.labels, predictions, class_names, _measure(test.images, len(test)))
    slices += slice_columns(test.labels, predictions, test.columns)
    write_slices(slices, folder / "slices.csv")
    draw_slices(slices, float((predictions == test.labels).mean()), folder / "slices.png")

    def answer(photos: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return compiled(resize_photos(photos, image_size))

    affordable = FEWEST_PHOTOS
    if len(test) > FEWEST_PHOTOS:
        affordable = count_affordable(count_multiply_adds(network, side=image_size))
    places = choose_photos(test.labels, affordable)
    measured = measure_robustness(answer, test.images, test.labels, predictions, places)
    write_robustness(measured, folder / "robustness.csv")
    draw_robustness(measured, folder / "robustness.png")

    findings = [describe_worst(slices), describe_robustness(measured)]
    chosen = np.array(choose_explained(test.labels, probabilities.astype(np.float64)), np.int64)
    photos = resize_photos(test.images[chosen], image_size)
    evidence = _explain(network, answer, photos, predictions[chosen])
    if evidence is None:
        findings.append("What it looked at was not measured: that would take longer than all else")
    else:
        members = [test.members[place] for place in chosen]
        of_chosen = test.labels[chosen], probabilities[chosen].astype(np.float64)
        draw_explanations(photos, evidence, *of_chosen, class_names, members, folder / "explanations.png")
    return ". ".join(findings) + "."


def _measure(images: Images, number: int) -> dict[str, Floats]:
    """Measure the traits of photos, a few at a time to limit memory."""
    parts: dict[str, list[Floats]] = defaultdict(list)
    for start in tqdm(range(0, number, BATCH), desc="measuring photos", unit="batch", disable=None, delay=2):
        for trait, values in measure_traits(images[np.arange(start, min(start + BATCH, number))]).items():
            parts[trait].append(values)
    return {trait: np.concatenate(values) for trait, values in parts.items()}


def _explain(network: Any, answer: Answer, photos: npt.NDArray[np.uint8], classes: Integers) -> Floats | None:
    """Return the evidence for each answer, [n, rows, columns], or None if it would take too long."""
    portable = build_portable_network(network)
    if has_evidence(portable):
        return map_activations(portable, photos, classes)
    asked = len(photos) * (PATCHES * PATCHES + 1)
    if asked * count_multiply_adds(network, side=photos.shape[1]) > MOST_WORK:
        return None
    return occlude(answer, photos, classes)
