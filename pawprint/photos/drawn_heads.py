"""The heads of drawn cats and dogs: here lies most of what tells one from the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pawprint.photos.drawn_shapes import Colour, Pen, Points, both_sides, mix, oval_points, smooth_curve

if TYPE_CHECKING:
    from numpy.typing import NDArray

# One list for cats and dogs: a colour must not give the animal away.
COATS: tuple[Colour, ...] = (
    (226, 146, 62), (196, 118, 54), (150, 98, 58), (104, 68, 44), (72, 50, 40), (46, 44, 48), (70, 72, 78),
    (120, 124, 132), (164, 166, 170), (214, 208, 198), (240, 236, 228), (232, 206, 160), (206, 176, 130),
    (176, 140, 100), (132, 112, 96), (236, 186, 116),
)  # fmt: skip
MARKINGS = ("plain", "white", "stripes", "patches", "dark", "spots")


@dataclass(frozen=True)
class Coat:
    """What an animal is painted with.

    Attributes:
        base: the fur.
        shade: fur in the shade (far legs, the back of ears).
        second: the fur of muzzle, chest and paws, and of the markings.
        markings: one of `MARKINGS`.
        whisker: what stands out from the fur.
    """

    base: Colour
    shade: Colour
    second: Colour
    markings: str
    whisker: Colour


def choose_coat(rng: np.random.Generator) -> Coat:
    """Draws a coat by lot, alike for cats and dogs."""
    red, green, blue = np.clip(COATS[rng.integers(len(COATS))] + rng.normal(0, 8, 3), 20, 250).astype(int)
    base = (int(red), int(green), int(blue))
    light = sum(base) > 330
    markings = str(rng.choice(MARKINGS))
    second = base
    if markings in ("white", "patches"):
        second = (246, 243, 236) if sum(base) < 600 else COATS[rng.integers(7)]
    elif markings in ("stripes", "spots"):
        second = mix(base, (20, 14, 10) if light else (235, 225, 210), 0.42)
    elif markings == "dark":
        second = mix(base, (25, 18, 16), 0.72) if light else mix(base, (240, 220, 190), 0.6)
    return Coat(
        base=base,
        shade=mix(base, (20, 16, 30), 0.24),
        second=second,
        markings=markings,
        whisker=(252, 252, 252) if sum(base) < 560 else (70, 64, 62),
    )


def mark(pen: Pen, outline: Points, coat: Coat, rng: np.random.Generator) -> None:
    """Paints the coat's stripes, spots or patches inside the outline of a body or head."""
    if coat.markings not in ("stripes", "spots", "patches"):
        return
    outline = np.asarray(outline)
    low, high = outline.min(axis=0), outline.max(axis=0)
    middle, span = (low + high) / 2, high - low
    shapes: list[Points] = []
    if coat.markings == "stripes":
        for x in np.linspace(low[0], high[0], int(5 + 2 * span[0])):
            depth = span[1] * rng.uniform(0.2, 0.45)
            lean = rng.uniform(-0.1, 0.1)
            shapes.append([(x - 0.07, low[1] - 0.1), (x + 0.07, low[1] - 0.1), (x + lean, low[1] + depth)])
    elif coat.markings == "spots":
        for x, y in rng.uniform(low, high, (int(5 * span.prod()), 2)):
            shapes.append(oval_points(x, y, rng.uniform(0.06, 0.13)))
    else:
        for x, y in middle + rng.uniform(-0.6, 0.6, (2, 2)) * span:
            shapes.append(oval_points(x, y, span[0] * rng.uniform(0.2, 0.4), span[1] * rng.uniform(0.3, 0.5)))
    pen.clip(outline, shapes, coat.second)


def draw_head(pen: Pen, kind: str, coat: Coat, yaw: float, rng: np.random.Generator) -> None:
    """Draws the head of a "cat" or a "dog" around the pen's origin, about two units wide.

    Args:
        pen: where.
        kind: "cat" or "dog".
        coat: the colours.
        yaw: how far the face is turned, -1 (to the left) to 1.
        rng: the ear shapes, eye colours, expressions and so on.
    """
    (_draw_cat if kind == "cat" else _draw_dog)(pen, coat, yaw, rng)


def _draw_cat(pen: Pen, coat: Coat, yaw: float, rng: np.random.Generator) -> None:
    width, cheek = rng.uniform(0.94, 1.1), rng.uniform(-0.08, 0.12)
    ear_height, ear_lean = rng.uniform(0.62, 0.98), rng.uniform(-0.06, 0.2)
    pink = mix((236, 164, 160), coat.base, 0.25)
    ears = coat.second if coat.markings == "dark" else coat.base
    for side in (-1, 1):
        turned = yaw * 0.12
        tip = ((0.78 + ear_lean) * side * width + turned, -0.62 - ear_height)
        outer, inner = (0.93 * side * width + turned, -0.12), (0.16 * side * width + turned, -0.74)
        bulge = (0.97 * side * width + turned + 0.04 * side, -0.62)
        inside = (0.42 * side * width + turned, -1.05)
        pen.fill(_pointed([outer, bulge, tip], [tip, inside, inner]), ears)
        centre = np.mean([outer, tip, inner], axis=0) + (0, 0.04)
        pen.fill(
            centre + (_pointed([outer, bulge, tip], [tip, inside, inner]) - centre) * 0.6,
            pink,
            outlined=False,
        )
    outline = both_sides([
        (0, -0.84), (0.45 * width, -0.78), (0.88 * width, -0.42), (1.02 * width, 0.08),
        ((1.04 + cheek) * width, 0.34), (0.76 * width, 0.62), (0.32 * width, 0.8), (0, 0.83),
    ])  # fmt: skip
    curve = smooth_curve(outline, closed=True)
    if cheek > 0.02:  # tufts on the cheeks
        for side in (-1, 1):
            for height, out in ((0.22, 1.24), (0.42, 1.2), (0.58, 1.02)):
                root = 0.86 * width * side
                pen.fill([(root, height - 0.14), (out * width * side, height + 0.08), (root, height + 0.14)], coat.base)
    pen.fill(curve, coat.base)
    mark(pen, curve, coat, rng)
    shift = yaw * 0.24
    light = coat.second if coat.markings in ("white", "dark") else mix(coat.base, (255, 250, 242), 0.4)
    if coat.markings == "white":
        pen.blob([(shift, -0.5), (shift + 0.22, 0.05), (shift + 0.5, 0.5), (shift, 0.8), (shift - 0.5, 0.5), (shift - 0.22, 0.05)], light, outlined=False)
    for side in (-1, 1):
        pen.oval(shift * 1.2 + 0.19 * side, 0.4, 0.25, 0.2, colour=light, outlined=False)
    _draw_cat_eyes(pen, coat, shift, rng)
    # Nose, mouth and whiskers.
    x = shift * 1.25
    nose = mix((226, 130, 130), (60, 40, 40), rng.choice([0.0, 0.2, 0.8]))
    pen.fill([(x - 0.13, 0.16), (x + 0.13, 0.16), (x + 0.03, 0.29), (x - 0.03, 0.29)], nose, outlined=False)
    dark = mix(coat.shade, (30, 16, 16), 0.7)
    pen.stroke([(x, 0.28), (x, 0.38)], dark, 0.045)
    for side in (-1, 1):
        pen.stroke([(x, 0.38), (x + 0.12 * side, 0.48), (x + 0.28 * side, 0.42)], dark, 0.045)
    reach, droop = rng.uniform(0.85, 1.25), rng.uniform(-0.1, 0.25)
    for side in (-1, 1):
        for number in (-1, 0, 1):
            root = (x + 0.28 * side, 0.38 + 0.07 * number)
            tip = (root[0] + reach * side, root[1] + 0.24 * number + droop * 0.6)
            middle = ((root[0] + tip[0]) / 2, (root[1] + tip[1]) / 2 - 0.07)
            pen.stroke([root, middle, tip], coat.whisker, 0.03)


def _draw_cat_eyes(pen: Pen, coat: Coat, shift: float, rng: np.random.Generator) -> None:
    iris: Colour = tuple(  # type: ignore[assignment]
        ((142, 190, 84), (226, 190, 66), (208, 136, 50), (110, 170, 210), (120, 196, 160))[rng.integers(5)]
    )
    size, slant, pupil = rng.uniform(0.22, 0.29), rng.uniform(0.1, 0.4), rng.uniform(0.14, 0.42)
    closed = rng.random() < 0.07
    dark = (24, 18, 20)
    for side in (-1, 1):
        x, y = shift + 0.43 * side, -0.1
        if closed:
            pen.stroke([(x - size, y), (x, y + 0.16), (x + size, y)], dark, 0.07)
            continue
        almond = both_sides([(0, -0.86), (0.6, -0.62), (1.12, 0), (0.6, 0.62), (0, 0.86)]) * size
        eye = pen.moved(x, y, turn=-slant * side)
        eye.fill(smooth_curve(almond * 1.16, closed=True), dark, outlined=False)
        eye.fill(smooth_curve(almond, closed=True), iris, outlined=False)
        pen.oval(x + shift * 0.2, y, size * pupil, size * 0.82, colour=dark, outlined=False)
        pen.oval(x + shift * 0.2 - size * 0.2, y - size * 0.32, size * 0.2, colour=(255, 255, 255), outlined=False)


def _draw_dog(pen: Pen, coat: Coat, yaw: float, rng: np.random.Generator) -> None:
    width, jaw = rng.uniform(0.92, 1.1), rng.uniform(0.0, 0.18)
    style = str(rng.choice(["floppy", "floppy", "folded", "long"]))
    ears = coat.second if coat.markings in ("dark", "patches") else coat.shade
    if style != "folded":
        _draw_hanging_ears(pen, ears, yaw, width, 0.4 if style == "long" else 0.0, rng)
    outline = both_sides([
        (0, -0.88), (0.4 * width, -0.84), (0.72 * width, -0.52), (0.78 * width, -0.05),
        (0.68 * width, 0.4), (0.5 * width, 0.78 + jaw), (0.24, 0.98 + jaw), (0, 1.02 + jaw),
    ])  # fmt: skip
    curve = smooth_curve(outline, closed=True)
    pen.fill(curve, coat.base)
    mark(pen, curve, coat, rng)
    shift = yaw * 0.2
    if coat.markings == "white":  # a blaze
        pen.blob([(shift, -0.86), (shift + 0.16, -0.3), (shift + 0.3, 0.3), (shift - 0.3, 0.3), (shift - 0.16, -0.3)], coat.second, outlined=False)
    if style == "folded":
        _draw_folded_ears(pen, ears, yaw, width, rng)
    if rng.random() < 0.25:  # a patch around one eye
        pen.oval(shift + 0.36 * rng.choice([-1, 1]), -0.2, 0.27, 0.32, colour=mix(coat.shade, coat.second, 0.5), outlined=False)
    _draw_dog_eyes(pen, shift, rng)
    _draw_dog_snout(pen, coat, yaw, jaw, rng)


def _draw_hanging_ears(
    pen: Pen, colour: Colour, yaw: float, width: float, longer: float, rng: np.random.Generator
) -> None:
    out, length = rng.uniform(0.95, 1.25), rng.uniform(0.45, 0.8) + longer
    for side in (-1, 1):
        x, near = yaw * 0.08, 1 + 0.15 * side * yaw
        pen.blob(
            [
                (x + 0.38 * side * width, -0.84), (x + 0.8 * side * width, -0.78), (x + out * side * near, -0.2),
                (x + (out + 0.06) * side * near, length * 0.7), (x + (out - 0.2) * side * near, length),
                (x + (out - 0.4) * side, length * 0.7), (x + 0.6 * side * width, -0.1),
            ],
            colour,
        )  # fmt: skip


def _draw_folded_ears(pen: Pen, colour: Colour, yaw: float, width: float, rng: np.random.Generator) -> None:
    drop, out = rng.uniform(0.0, 0.25), rng.uniform(0.92, 1.1)
    for side in (-1, 1):
        x = yaw * 0.08
        pen.blob(
            [
                (x + 0.3 * side * width, -0.86), (x + 0.62 * side * width, -1.02), (x + 0.9 * side * width, -0.8),
                (x + out * side, -0.3), (x + (out - 0.06) * side, drop - 0.1), (x + 0.72 * side * width, -0.36),
                (x + 0.5 * side * width, -0.66),
            ],
            colour,
        )  # fmt: skip


def _draw_dog_eyes(pen: Pen, shift: float, rng: np.random.Generator) -> None:
    iris = mix((96, 60, 32), (30, 20, 16), rng.uniform(0, 1))
    size, brow = rng.uniform(0.13, 0.18), rng.random() < 0.5
    closed = rng.random() < 0.07
    for side in (-1, 1):
        x, y = shift + 0.35 * side, -0.18
        if closed:
            pen.stroke([(x - size, y + 0.06), (x, y - 0.08), (x + size, y + 0.06)], (24, 18, 20), 0.07)
            continue
        pen.oval(x, y, size * 1.3, size * 1.15, colour=(238, 232, 226), outlined=False)
        pen.oval(x + shift * 0.2, y, size, colour=iris, outlined=False)
        pen.oval(x + shift * 0.2, y, size * 0.6, colour=(18, 14, 14), outlined=False)
        pen.oval(x + shift * 0.2 - size * 0.3, y - size * 0.35, size * 0.3, colour=(255, 255, 255), outlined=False)
        if brow:
            pen.oval(x, y - 0.3, 0.13, 0.07, colour=mix((214, 160, 100), iris, 0.2), turn=0.3 * side, outlined=False)


def _draw_dog_snout(pen: Pen, coat: Coat, yaw: float, jaw: float, rng: np.random.Generator) -> None:
    x, wide = yaw * 0.36, rng.uniform(0.42, 0.56)
    light = coat.second if coat.markings in ("white", "dark") else mix(coat.base, (255, 250, 242), 0.32)
    dark = (34, 24, 26)
    bottom = 0.72 + jaw
    tongue, open_mouth = rng.random() < 0.65, rng.uniform(0.12, 0.34)
    if tongue:
        pen.oval(x, bottom, wide * 0.62, open_mouth, colour=mix(dark, (120, 30, 40), 0.4))
        length, lean = rng.uniform(0.25, 0.6), rng.uniform(-0.15, 0.15)
        pink = mix((238, 120, 134), (200, 80, 100), rng.uniform(0, 1))
        pen.tube([(x, bottom), (x + lean / 2, bottom + length / 2), (x + lean, bottom + length)], [0.16, 0.2, 0.17], pink)
        pen.stroke([(x, bottom), (x + lean / 2, bottom + length * 0.8)], mix(pink, dark, 0.35), 0.035)
    pen.blob(
        [
            (x, -0.02), (x + wide * 0.55, 0.1), (x + wide, 0.45), (x + wide * 0.72, bottom + 0.06), (x, bottom - 0.06),
            (x - wide * 0.72, bottom + 0.06), (x - wide, 0.45), (x - wide * 0.55, 0.1),
        ],
        light,
        outlined=False,
    )  # fmt: skip
    pen.stroke([(x, 0.3), (x, bottom - 0.1)], dark, 0.05)
    for side in (-1, 1):
        pen.stroke([(x, bottom - 0.1), (x + 0.2 * side, bottom + 0.04), (x + (wide - 0.03) * side, bottom - 0.12)], dark, 0.05)
    nose = mix(dark, (110, 70, 60), float(rng.choice([0.0, 0.0, 0.7])))
    nose_x = x * 1.12
    pen.blob(both_sides([(0, 0.0), (0.2, 0.02), (0.25, 0.14), (0.1, 0.28), (0, 0.31)]) + (nose_x, 0.03), nose, outlined=False)
    pen.oval(nose_x - 0.07, 0.1, 0.06, 0.035, colour=(225, 222, 222), outlined=False)
    if rng.random() < 0.5:
        for side in (-1, 1):
            for dx, dy in ((0.22, 0.46), (0.3, 0.56), (0.34, 0.44)):
                pen.oval(x + dx * side, dy, 0.022, colour=dark, outlined=False)


def _pointed(*curves: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Smooth curves joined by sharp corners."""
    return np.concatenate([smooth_curve(curve, closed=False) for curve in curves])
