"""Photos for every room's tests: tiny drawn ones made on the spot, and the real ones where they are."""

import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

# A busy machine is no counterexample.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# The same examples each time, so that luck does not decide whether CI is green; other runs look further.
settings.register_profile("repeatable", settings.get_profile("any machine"), derandomize=True)
settings.load_profile("any machine")

REAL_PHOTOS = Path(__file__).parents[2] / "shared" / "data" / "cat-and-dog.zip"


def draw_tiny_photo(rng: np.random.Generator, hue: float) -> bytes:
    """Return a JPEG of 24 to 48 pixels a side: smooth noise tinted by its class, so learnable."""
    width, height = (int(side) for side in rng.integers(24, 49, size=2))
    coarse = rng.integers(0, 120, size=(6, 6, 3), dtype=np.uint8)
    tint = 120 * np.clip(np.cos(2 * np.pi * (hue - np.array([0, 1 / 3, 2 / 3]))), 0, 1)
    photo = Image.fromarray((coarse + tint).astype(np.uint8)).resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def _own_import_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what MLflow does on loading a model: it puts the model's few files of ours first on the path for good."""
    monkeypatch.setattr(sys, "path", sys.path[:])


@pytest.fixture
def tiny_photos(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that draws a folder of labelled photos and returns its path.

    Its arguments: `classes` (a folder each; default cats and dogs), `photos` (how many a class; default 6),
    `seed` (same seed, same bytes), `splits` (folders that the classes are repeated in, such as
    `("train", "test")`; default none) and `name` (of the folder under tmp_path).
    """

    def draw(
        classes: Sequence[str] = ("cats", "dogs"),
        photos: int = 6,
        seed: int = 0,
        splits: Sequence[str] = (),
        name: str = "tiny-photos",
    ) -> Path:
        rng = np.random.default_rng(seed)
        folder = tmp_path / name
        for split in splits or (".",):
            for position, label in enumerate(classes):
                (folder / split / label).mkdir(parents=True)
                for number in range(1, photos + 1):
                    photo = draw_tiny_photo(rng, position / len(classes))
                    (folder / split / label / f"{number:04d}.jpg").write_bytes(photo)
        return folder

    return draw


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """Return the path of the real cat-and-dog.zip, or skip the test where it is not at hand."""
    path = Path(os.environ.get("PAWPRINT_TEST_PHOTOS") or REAL_PHOTOS)
    if not path.is_file():
        pytest.skip(f"no real photos: {path} does not exist (name the zip in PAWPRINT_TEST_PHOTOS)")
    return path
