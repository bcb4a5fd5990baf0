"""Draw the heads of cats and dogs, which hold most of the differences between them."""

from __future__ import annotations

import numpy as np

from pawprint.drawn.coats import Coat, mark
from pawprint.drawn.colours import Colour, choose, mix
from pawprint.drawn.shapes import Pen, both_sides, smooth_curve

CAT_EYES: tuple[Colour, ...] = ((142, 190, 84), (226, 190, 66), (208, 136, 50), (110, 170, 210), (120, 196, 160))


def draw_head(pen: Pen, kind: str, coat: Coat, yaw: float, rng: np.random.Generator) -> None:
    """Draw the head of a "cat" or a "dog" around the pen's origin, about two units wide.

    Args:
        pen: where to draw.
        kind: "cat" or "dog".
        coat: the colours.
        yaw: how far the face is turned, -1 (to the left) to 1.
        rng: random generator for ear shapes, eye colours, expressions and so on.
    """
    (_draw_cat if kind == "cat" else _draw_dog)(pen, coat, yaw, rng)


def _draw_cat(pen: Pen, coat: Coat, yaw: float, rng: np.random.Generator) -> None:
    width, cheek = rng.uniform(0.94, 1.1), rng.uniform(-0.08, 0.12)
    _draw_pointed_ears(pen, coat, yaw, width, rng)
    outline = both_sides([
        (0, -0.84), (0.45 * width, -0.78), (0.88 * width, -0.42), (1.02 * width, 0.08),
        ((1.04 + cheek) * width, 0.34), (0.76 * width, 0.62), (0.32 * width, 0.8), (0, 0.83),
    ])  # fmt: skip
    if cheek > 0.02:  # tufts on the cheeks
        for root in (-0.86 * width, 0.86 * width):
            for y, out in ((0.22, 1.44), (0.42, 1.4), (0.58, 1.19)):
                pen.fill([(root, y - 0.14), (out * root, y + 0.08), (root, y + 0.14)], coat.base)
    curve = smooth_curve(outline, closed=True)
    pen.fill(curve, coat.base)
    mark(pen, curve, coat, rng)
    shift = yaw * 0.24
    light = coat.second if coat.markings in ("white", "dark") else mix(coat.base, (255, 250, 242), 0.4)
    if coat.markings == "white":
        blaze = both_sides([(0, -0.5), (0.22, 0.05), (0.5, 0.5), (0, 0.8)])
        pen.moved(shift, 0).blob(blaze, light, outlined=False)
    _draw_cat_mouth(pen.moved(shift * 1.25, 0), coat, light, rng)
    _draw_cat_eyes(pen.moved(shift, -0.1), shift * 0.2, rng)


def _draw_pointed_ears(pen: Pen, coat: Coat, yaw: float, width: float, rng: np.random.Generator) -> None:
    height, lean = rng.uniform(0.62, 0.98), rng.uniform(-0.06, 0.2)
    colour = coat.second if coat.markings == "dark" else coat.base
    pink = mix((236, 164, 160), coat.base, 0.25)
    outer_edge = [(0.93, -0.12), (1.01, -0.62), (0.78 + lean, -0.62 - height)]
    inner_edge = [outer_edge[-1], (0.42, -1.05), (0.16, -0.74)]
    # Smooth edges that meet in a sharp tip.
    ear = np.concatenate([smooth_curve(edge, closed=False) for edge in (outer_edge, inner_edge)])
    middle = np.array([0.62, -0.46 - height / 3])
    for side in (-1, 1):
        placed, turned = np.array([side * width, 1]), np.array([yaw * 0.12, 0])
        pen.fill(ear * placed + turned, colour)
        pen.fill((middle + (ear - middle) * 0.6) * placed + turned, pink, outlined=False)


def _draw_cat_mouth(pen: Pen, coat: Coat, light: Colour, rng: np.random.Generator) -> None:
    dark = mix(coat.shade, (30, 16, 16), 0.7)
    nose = mix((226, 130, 130), (60, 40, 40), choose((0.0, 0.2, 0.8), rng))
    for side in (-1, 1):
        pen.oval(0.19 * side, 0.4, 0.25, 0.2, colour=light, outlined=False)
    for side in (-1, 1):
        pen.stroke([(0, 0.28), (0, 0.38), (0.12 * side, 0.48), (0.28 * side, 0.42)], dark, 0.045)
    pen.fill([(-0.13, 0.16), (0.13, 0.16), (0.03, 0.29), (-0.03, 0.29)], nose, outlined=False)
    reach, droop = rng.uniform(0.85, 1.25), rng.uniform(-0.06, 0.15)
    for side in (-1, 1):
        for number in (-1, 0, 1):
            x, y, dy = 0.28 * side, 0.38 + 0.07 * number, 0.24 * number + droop
            pen.stroke(
                [(x, y), (x + side * reach / 2, y + dy / 2 - 0.07), (x + side * reach, y + dy)], coat.whisker, 0.03
            )


def _draw_cat_eyes(pen: Pen, look: float, rng: np.random.Generator) -> None:
    iris, dark = choose(CAT_EYES, rng), (24, 18, 20)
    size, slant, pupil = rng.uniform(0.22, 0.29), rng.uniform(0.1, 0.4), rng.uniform(0.14, 0.42)
    closed = rng.random() < 0.07
    almond = smooth_curve(both_sides([(0, -0.86), (0.6, -0.62), (1.12, 0), (0.6, 0.62), (0, 0.86)]), closed=True)
    for x in (-0.43, 0.43):
        if closed:
            pen.stroke([(x - size, 0), (x, 0.16), (x + size, 0)], dark, 0.07)
            continue
        eye = pen.moved(x, 0, turn=-slant * np.sign(x), size=size)
        eye.fill(almond * 1.16, dark, outlined=False)
        eye.fill(almond, iris, outlined=False)
        pen.oval(x + look, 0, size * pupil, size * 0.82, colour=dark, outlined=False)
        pen.oval(x + look - size * 0.2, -size * 0.32, size * 0.2, colour=(255, 255, 255), outlined=False)


def _draw_dog(pen: Pen, coat: Coat, yaw: float, rng: np.random.Generator) -> None:
    width, jaw = rng.uniform(0.92, 1.1), rng.uniform(0.0, 0.18)
    style = choose(("floppy", "floppy", "folded", "long"), rng)
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
    if coat.markings == "white":
        blaze = both_sides([(0, -0.86), (0.16, -0.3), (0.3, 0.3)])
        pen.moved(shift, 0).blob(blaze, coat.second, outlined=False)
    if style == "folded":
        _draw_folded_ears(pen, ears, yaw, width, rng)
    if rng.random() < 0.25:  # a patch around one eye
        patch = mix(coat.shade, coat.second, 0.5)
        pen.oval(shift + choose((-0.36, 0.36), rng), -0.2, 0.27, 0.32, colour=patch, outlined=False)
    _draw_dog_eyes(pen.moved(shift, -0.18), shift * 0.2, rng)
    _draw_dog_snout(pen.moved(yaw * 0.36, 0), coat, jaw, rng)


def _draw_hanging_ears(
    pen: Pen, colour: Colour, yaw: float, width: float, longer: float, rng: np.random.Generator
) -> None:
    out, length = rng.uniform(0.95, 1.25), rng.uniform(0.45, 0.8) + longer
    for side in (-1, 1):
        reach = out * (1 + 0.15 * side * yaw)  # the ear turned towards the viewer looks larger
        ear = np.array([
            (0.38 * width, -0.84), (0.8 * width, -0.78), (reach, -0.2), (reach + 0.06, length * 0.7),
            (reach - 0.2, length), (reach - 0.4, length * 0.7), (0.6 * width, -0.1),
        ])  # fmt: skip
        pen.moved(yaw * 0.08, 0).blob(ear * (side, 1), colour)


def _draw_folded_ears(pen: Pen, colour: Colour, yaw: float, width: float, rng: np.random.Generator) -> None:
    drop, out = rng.uniform(0.0, 0.25), rng.uniform(0.92, 1.1)
    ear = np.array([
        (0.3 * width, -0.86), (0.62 * width, -1.02), (0.9 * width, -0.8), (out, -0.3), (out - 0.06, drop - 0.1),
        (0.72 * width, -0.36), (0.5 * width, -0.66),
    ])  # fmt: skip
    for side in (-1, 1):
        pen.moved(yaw * 0.08, 0).blob(ear * (side, 1), colour)


def _draw_dog_eyes(pen: Pen, look: float, rng: np.random.Generator) -> None:
    iris, dark = mix((96, 60, 32), (30, 20, 16), rng.uniform(0, 1)), (20, 15, 16)
    size, brows = rng.uniform(0.13, 0.18), rng.random() < 0.5
    closed = rng.random() < 0.07
    for x in (-0.35, 0.35):
        if closed:
            pen.stroke([(x - size, 0.06), (x, -0.08), (x + size, 0.06)], dark, 0.07)
            continue
        pen.oval(x, 0, size * 1.3, size * 1.15, colour=(238, 232, 226), outlined=False)
        pen.oval(x + look, 0, size, colour=iris, outlined=False)
        pen.oval(x + look, 0, size * 0.6, colour=dark, outlined=False)
        pen.oval(x + look - size * 0.3, -size * 0.35, size * 0.3, colour=(255, 255, 255), outlined=False)
        if brows:
            pen.oval(x, -0.3, 0.13, 0.07, colour=(200, 146, 92), turn=0.9 * x, outlined=False)


def _draw_dog_snout(pen: Pen, coat: Coat, jaw: float, rng: np.random.Generator) -> None:
    wide, bottom, dark = rng.uniform(0.42, 0.56), 0.72 + jaw, (34, 24, 26)
    light = coat.second if coat.markings in ("white", "dark") else mix(coat.base, (255, 250, 242), 0.32)
    if rng.random() < 0.65:
        pen.oval(0, bottom, wide * 0.62, rng.uniform(0.12, 0.34), colour=(68, 26, 32))
        length, lean = rng.uniform(0.25, 0.6), rng.uniform(-0.15, 0.15)
        pink = mix((238, 120, 134), (200, 80, 100), rng.uniform(0, 1))
        tongue = [(0, bottom), (lean / 2, bottom + length / 2), (lean, bottom + length)]
        pen.tube(tongue, [0.16, 0.2, 0.17], pink)
        pen.stroke([(0, bottom), (lean / 2, bottom + length * 0.8)], mix(pink, dark, 0.35), 0.035)
    snout = [(0, -0.02), (wide * 0.55, 0.1), (wide, 0.45), (wide * 0.72, bottom + 0.06), (0, bottom - 0.06)]
    pen.blob(both_sides(snout), light, outlined=False)
    pen.stroke([(0, 0.3), (0, bottom - 0.1)], dark, 0.05)
    for side in (-1, 1):
        smile = [(0, bottom - 0.1), (0.2 * side, bottom + 0.04), ((wide - 0.03) * side, bottom - 0.12)]
        pen.stroke(smile, dark, 0.05)
    nose = both_sides([(0, 0.03), (0.2, 0.05), (0.25, 0.17), (0.1, 0.31), (0, 0.34)])
    pen.blob(nose, mix(dark, (110, 70, 60), choose((0.0, 0.0, 0.7), rng)), outlined=False)
    pen.oval(-0.07, 0.1, 0.06, 0.035, colour=(225, 222, 222), outlined=False)
    if rng.random() < 0.5:
        for side in (-1, 1):
            for x, y in ((0.22, 0.46), (0.3, 0.56), (0.34, 0.44)):
                pen.oval(x * side, y, 0.022, colour=dark, outlined=False)
