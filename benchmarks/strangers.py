"""Measure whether a model knows what it has not learned: strangers among its photos.

    python -m benchmarks.strangers cat-and-dog.zip sign-digits.zip magnetic-tiles.zip
    python -m benchmarks.strangers --architecture cnn --epochs 10 --image-size 64 cat-and-dog.zip sign-digits.zip

Trains a model on each zip as train does, with its default split, and asks it for the unlikeness of its own test photos
and of strangers: the test photos of the other zips, drawn cats and dogs, noise, pictures of text, and black frames.
Prints for each zip and kind of stranger the AUROC (how often a stranger is more unlike than a photo of the set), the
false positives at 95 % recall (the share of strangers below the unlikeness that 95 % of the set's photos are below),
and the share of strangers with an unlikeness above 1, which the model calls unlike; and for its own test photos this
share, which should be 5 %. Nothing is chosen by it. Nothing is logged.
"""

import argparse
import os
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from sklearn.metrics import roc_auc_score

from benchmarks.trainings import learn, prepare, split_of
from pawprint.dataset.reader import Dataset
from pawprint.models.architectures import recipe_for
from pawprint.models.network_file import UNLIKENESS

if TYPE_CHECKING:
    import keras

NUMBER, SEED = 200, 0
DRAWN = f"synthetic:{NUMBER}"
WORDS = ("run", "error", "value", "0.97", "import", "return", "the", "photos", "of", "a", "model", "beside")
Pixels = npt.NDArray[np.uint8]


def main() -> None:
    """Train on each set, ask about all others, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", help="zips of photos")
    parser.add_argument("--architecture", default="efficientnet_lite0")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--image-size", type=int, help="default: the architecture's")
    parser.add_argument("--train-images", type=int, default=1500)
    given = parser.parse_args()
    from pawprint.training.unlikeness import learn_unlikeness

    side = given.image_size or recipe_for(given.architecture).image_size
    print(f"{given.architecture}, {given.epochs} epochs, {side} px, {os.cpu_count()} cores, {platform.platform()}\n")
    print("| photos | strangers | AUROC | FPR95 | called unlike |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        sets = {
            name: prepare(
                source,
                Path(scratch, name),
                architecture=given.architecture,
                side=side,
                train_images=given.train_images,
                seed=SEED,
            )
            for name, source in [*((Path(source).stem, source) for source in given.sets), ("drawn", DRAWN)]
        }
        tests = {name: choose(data) for name, data in sets.items()}
        tests |= {"noise": draw_noise(side), "text": draw_text(side), "black": draw_black(side)}
        for source in given.sets:
            name = Path(source).stem
            task, training = learn(sets[name], given.architecture, epochs=given.epochs, seed=SEED)
            examine(name, learn_unlikeness(training.network, task)[0], tests)


def choose(data: Dataset) -> Pixels:
    """Return all test photos of a set."""
    test = split_of(data, "test")
    return test.images[np.arange(len(test))]


def examine(name: str, network: "keras.Model", tests: dict[str, Pixels]) -> None:
    """Print a row for each kind of stranger, and one for the set's own test photos."""
    from pawprint.models.prediction import collect_outputs, compile_network

    side = network.input_shape[1]
    outputs = compile_network(network, side).outputs
    scores = {kind: collect_outputs(outputs, pixels, side)[UNLIKENESS] for kind, pixels in tests.items()}
    own = scores.pop(name)
    print(f"| {name} | none: its own test photos | | | {(own > 1).mean():.3f} |")
    for kind, strange in scores.items():
        truth = np.repeat([0, 1], [len(own), len(strange)])
        auroc = roc_auc_score(truth, np.concatenate([own, strange]))
        missed = (strange <= np.quantile(own, 0.95)).mean()
        print(f"| {name} | {kind} | {auroc:.4f} | {missed:.3f} | {(strange > 1).mean():.3f} |", flush=True)


def draw_noise(side: int) -> Pixels:
    """Return pictures of independent pixels, uint8 [NUMBER, side, side, 3]."""
    return np.random.default_rng(SEED).integers(0, 256, (NUMBER, side, side, 3), dtype=np.uint8)


def draw_black(side: int) -> Pixels:
    """Return black frames with a little of a camera's noise: a lens cap, uint8 [NUMBER, side, side, 3]."""
    rng = np.random.default_rng(SEED)
    levels = rng.uniform(0, 6, NUMBER)[:, None, None, None] + rng.normal(0, 1.5, (NUMBER, side, side, 3))
    return np.clip(levels, 0, 255).astype(np.uint8)


def draw_text(side: int) -> Pixels:
    """Return pictures full of lines of text, dark on light and light on dark, uint8 [NUMBER, side, side, 3]."""
    rng = np.random.default_rng(SEED)
    pictures = []
    for number in range(NUMBER):
        paper, ink = ((255, 255, 255), (20, 20, 20)) if number % 3 else ((30, 30, 34), (220, 220, 220))
        picture, size = Image.new("RGB", (side, side), paper), int(rng.integers(9, 20))
        pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size)
        for top in range(6, side - size, round(1.4 * size)):
            pen.text((6, top), " ".join(rng.choice(WORDS, int(rng.integers(3, 12)))), fill=ink, font=font)
        pictures.append(np.asarray(picture))
    return np.stack(pictures)


if __name__ == "__main__":
    main()
