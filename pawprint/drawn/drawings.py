"""Write drawn photos of cats and dogs as JPEGs in an uncompressed zip, for use when no photos are available.

Their classes are meant to be learnable only from shape. Everything but the animal's own shape (colours, pose, size,
place, light, blur, scene, other objects) has the same distribution for both classes, so that no average of pixels
separates them, while ears, eyes, snout, whiskers, tongue, tail and build do.
"""

from __future__ import annotations

import io
import multiprocessing
import zipfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageFilter
from tqdm import tqdm

from pawprint.archives.packing import fixed_member
from pawprint.base.files import write_beside
from pawprint.base.machine import count_cores
from pawprint.drawn.animals import POSES, draw_animal
from pawprint.drawn.colours import choose
from pawprint.drawn.scenes import draw_foreground, draw_scene
from pawprint.drawn.shapes import Pen

if TYPE_CHECKING:
    from collections.abc import Iterable

KINDS = ("cat", "dog")
# For fewer photos, starting worker processes takes longer than drawing.
FEW = 64
# Everything is drawn this much larger and then averaged down, to smooth the edges.
OVERSAMPLING = 2


class Drawing(NamedTuple):
    """Everything a drawing depends on, so that it is the same wherever it is drawn."""

    seed: int
    kind: str
    number: int


def write_drawings(path: Path, *, photos: int, seed: int, workers: int | None = None) -> None:
    """Write an uncompressed zip of drawn cats and dogs: `cats/cat.0001.jpg`, …, `dogs/dog.0001.jpg`, ….

    The same seed gives the same bytes (with the same versions of Pillow and NumPy), with any number of processes. A
    smaller number of photos gives the first ones of a larger number.

    Args:
        path: the zip; it is written under a temporary name and then renamed, so that an interrupted run leaves none.
        photos: the number of photos, at least 2; half are cats (one more than half if the number is odd).
        seed: at least 0.
        workers: processes; by default one for each core this process may use, and none for a few photos.

    Raises:
        ValueError: there are fewer than two photos, a negative seed, or less than one worker.
    """
    if photos < 2:
        raise ValueError(f"photos is {photos}, expected at least 2 (one of each class)")
    if seed < 0:
        raise ValueError(f"seed is {seed}, expected 0 or more")
    if workers is None:
        workers = 1 if photos < FEW else count_cores()
    if workers < 1:
        raise ValueError(f"workers is {workers}, expected at least 1")
    drawings = [
        Drawing(seed, kind, number)
        for kind, count in zip(KINDS, ((photos + 1) // 2, photos // 2), strict=True)
        for number in range(1, count + 1)
    ]
    digits = max(4, len(str((photos + 1) // 2)))
    with write_beside(path) as beside, ExitStack() as stack:
        pictures: Iterable[bytes]
        if workers == 1:
            pictures = map(draw_photo, drawings)
        else:
            # Spawned, not forked: the caller may have threads (MLflow's, TensorFlow's) whose locks a fork copies.
            pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")))
            pictures = pool.map(draw_photo, drawings, chunksize=16)
        archive = stack.enter_context(zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED))
        progress = tqdm(pictures, total=photos, desc="drawing photos", unit="photo", disable=None)
        for drawing, picture in zip(drawings, progress, strict=True):
            name = f"{drawing.kind}s/{drawing.kind}.{drawing.number:0{digits}}.jpg"
            archive.writestr(fixed_member(name), picture)


def draw_photo(drawing: Drawing) -> bytes:
    """Draw one photo and return it as a JPEG."""
    key = np.random.SeedSequence((drawing.seed, KINDS.index(drawing.kind), drawing.number))
    rng = np.random.Generator(np.random.Philox(key))
    image = _take_picture(_draw_picture(drawing.kind, rng), rng)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(45, 96)))
    return file.getvalue()


def _draw_picture(kind: str, rng: np.random.Generator) -> Image.Image:
    """Draw one animal in its surroundings, OVERSAMPLING times larger than the result."""
    area, aspect = rng.uniform(205, 365) ** 2, np.exp(rng.normal(0, 0.22))
    sides = np.clip((np.sqrt(area * aspect), np.sqrt(area / aspect)), 200, 500)
    width, height = (int(side) * OVERSAMPLING for side in sides)
    pose = str(rng.choice(list(POSES), p=[0.45, 0.3, 0.25]))
    left, top, right, bottom = POSES[pose]
    mirror = choose((-1.0, 1.0), rng)
    if rng.random() < 0.45:  # a close-up: the head, and as much of the body as fits
        unit = min(width, height) * rng.uniform(0.2, 0.34)
        x, y = width * rng.uniform(0.3, 0.7), height * rng.uniform(0.36, 0.58)
    else:
        unit = min(width / (right - left), height / (bottom - top)) * rng.uniform(0.7, 1.05)
        x = width / 2 - mirror * unit * (left + right) / 2 + rng.normal(0, 0.08) * width
        y = height * rng.uniform(0.86, 0.99) - unit * bottom
        x = float(np.clip(x, unit, width - unit))
        y = float(np.clip(y, unit * 1.1, height - unit))
    feet = y + bottom * unit
    ground = min(feet - unit * rng.uniform(0.15, 1.6), height * 0.85)
    image = draw_scene((width, height), ground, rng)
    matrix = np.array([[mirror, 0.0], [0.0, 1.0]]) * unit
    outline = choose((0.0, 0.035, 0.06), rng)
    pen = Pen(image, matrix, np.array([x, y]), outline=outline)
    draw_animal(pen.moved(0, 0, turn=float(rng.normal(0, 0.06))), kind, pose, rng)
    draw_foreground(image, y + unit * 1.3, rng)
    return image


def _take_picture(scene: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Apply to a clean drawing the effects of light and a camera: uneven light, colour cast, blur, noise, greyscale."""
    image = scene.reduce(OVERSAMPLING)
    gains = rng.uniform(0.6, 1.0, (3, 3, 1)) * rng.uniform(0.87, 1.0, 3) * rng.uniform(0.8, 1.0)
    light = Image.fromarray((255 * gains).astype(np.uint8))
    # Smooth at 16 pixels, then twice as fast to full size.
    light = light.resize((16, 16), Image.Resampling.BICUBIC).resize(image.size, Image.Resampling.BILINEAR)
    image = ImageChops.multiply(image, light)
    # Multiplying only darkens: most pictures are brightened again, some stay dim.
    if rng.random() < 0.75:
        gain = rng.uniform(1.1, 1.55)
        image = image.point([min(255, int(value * gain)) for value in range(256)] * 3)
    if rng.random() < 0.35:
        image = image.filter(ImageFilter.BoxBlur(float(rng.uniform(0.5, 2.3))))
    grain = rng.uniform(0, 20)
    if grain > 4:
        # Uniform noise from -grain to grain, equal in the three bands.
        noise = Image.frombytes("L", image.size, rng.bytes(image.width * image.height))
        noise = noise.point([round(128 + (value - 127.5) / 127.5 * grain) for value in range(256)])
        image = ImageChops.add(image, Image.merge("RGB", (noise, noise, noise)), offset=-128)
    return image.convert("L") if rng.random() < 0.1 else image
