"""Check the claims about drawn photos: the time to draw 2000, and the low accuracy of a linear model on pixels.

    python -m benchmarks.drawings [seed ...]

Prints, for each seed, the seconds in which 2000 are drawn and the test accuracy of a logistic regression on 32 x 32
RGB pixels (1500 drawings to train on, 500 to test on; 0.5 is chance).
"""

from __future__ import annotations

import io
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pawprint.drawn.drawings import write_drawings

PHOTOS = 2000
TEST_PHOTOS = 500


def main(seeds: list[int]) -> None:
    """Draw and measure the photos of each seed."""
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "drawings.zip"
            started = time.perf_counter()
            write_drawings(path, photos=PHOTOS, seed=seed)
            seconds = time.perf_counter() - started
            megabytes = path.stat().st_size / 1e6
            accuracies = {strength: linear_accuracy(path, TEST_PHOTOS, strength) for strength in (1.0, 1e-4)}
        judged = ", ".join(f"{accuracy:.3f} (C={strength})" for strength, accuracy in accuracies.items())
        print(f"seed {seed}: {PHOTOS} drawings, {megabytes:.0f} MB, in {seconds:.1f} s; logistic regression {judged}")


def linear_accuracy(path: Path, test_photos: int, strength: float) -> float:
    """Return the test accuracy of a logistic regression on standardised 32 x 32 RGB pixels.

    Args:
        path: a zip of drawings.
        test_photos: number of photos for the test, chosen at random with a fixed seed.
        strength: scikit-learn's C; smaller values mean stronger regularisation.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        pixels = np.stack([read_pixels(archive.read(name)) for name in names])
    labels = np.array([name.startswith("dogs/") for name in names])
    order = np.random.default_rng(0).permutation(len(names))
    test, train = order[:test_photos], order[test_photos:]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000))
    model.fit(pixels[train], labels[train])
    return float(model.score(pixels[test], labels[test]))


def read_pixels(data: bytes) -> np.ndarray:
    """Return a JPEG as 3072 numbers from 0 to 1."""
    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
    return np.asarray(small, dtype=np.float32).ravel() / 255


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [0])
