"""Photos that are alike without being copies all stay, in every set where they once did not; planted copies are found.

Each set is one that people keep: digits of few pixels, products on white, tiles, faces with and without a mask, a
camera that never moves, leaves in colour, in gray and cut out.
"""

import csv
import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from pawprint.dataset.writer import write_dataset
from pawprint.photos.collection import load_photos
from pawprint.photos.sources import fetch_photos

SIDE = 96
Photos = dict[str, Image.Image]
Pixels = np.ndarray[Any, Any]


def encode(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def preprocess(photos: Photos | dict[str, bytes], folder: Path, **changes: Any) -> dict[str, Any]:
    """Return dataset.json, with the photos left out by name under `reasons` and each photo's split under `splits`."""
    for member, image in photos.items():
        path = folder / "source" / member
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image if isinstance(image, bytes) else encode(image))
    fetch_photos(str(folder / "source"), folder / "photos", keep_photos="copy", resolve_uri=Path)
    wanted = {"train_images": 0, "test_images": 0, "validation_fraction": 0.2, "seed": 0, "image_size": SIDE, **changes}
    description = write_dataset(load_photos(folder / "photos"), folder / "dataset", **wanted)
    description["reasons"] = {row["member"]: row["reason"] for row in read_rows(folder / "dataset" / "quarantine.csv")}
    description["splits"] = {row["member"]: row["split"] for row in read_rows(folder / "dataset" / "index.csv")}
    description["pairs"] = {
        frozenset((row["first"], row["second"])): row["kind"]
        for row in read_rows(folder / "dataset" / "near_duplicates.csv")
    }
    return description


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def copies_of(description: dict[str, Any]) -> set[frozenset[str]]:
    return {pair for pair, kind in description["pairs"].items() if kind == "copy"}


def load_digits(step: int) -> Photos:
    from sklearn import datasets

    digits = datasets.load_digits()
    pictures = (digits.images * (255 / 16)).round().astype(np.uint8)
    every = list(zip(pictures, digits.target, strict=True))[::step]
    return {f"{label}/{number}.png": Image.fromarray(picture) for number, (picture, label) in enumerate(every)}


def draw_strokes(number: int) -> Photos:
    """Digits of 28×28 as different hands write them: a stroke through points of the digit that stand a little off."""
    shapes = {
        "1": [(9, 9), (14, 4), (14, 24), (8, 24), (20, 24)],
        "7": [(7, 6), (21, 6), (12, 24)],
        "4": [(10, 4), (7, 15), (21, 15), (17, 7), (17, 24)],
    }
    rng = np.random.default_rng(0)
    photos = {}
    for label, points in shapes.items():
        for n in range(number):
            large = Image.new("L", (112, 112))
            moved = [tuple(4 * (np.array(point) + rng.normal(0, 1.3, 2))) for point in points]
            ImageDraw.Draw(large).line(moved, fill=255, width=int(rng.integers(8, 14)), joint="curve")
            photos[f"{label}/{n}.png"] = large.resize((28, 28), Image.Resampling.BOX)
    return photos


def draw_garments(number: int) -> Photos:
    """Trousers and shirts of one colour on white, each of its own cut."""
    rng = np.random.default_rng(0)
    photos = {}
    for n in range(number):
        colour = tuple(int(c) for c in rng.integers(20, 160, 3))
        for label in ("trousers", "shirts"):
            image = Image.new("RGB", (160, 160), "white")
            pen = ImageDraw.Draw(image)
            waist, hem, top, bottom = (int(v) for v in rng.normal((26, 16, 18, 142), (3, 2, 3, 3)))
            if label == "trousers":
                for sign in (-1, 1):
                    outer, inner = 80 + sign * waist, 80 + sign * int(rng.integers(4, 9))
                    feet = [(outer + sign * hem // 3, bottom), (inner, bottom)]
                    pen.polygon([(outer, top), (80, top), (80, 64), *feet[::-1]], fill=colour)
            else:
                pen.rectangle((80 - waist, top + 10, 80 + waist, bottom - 20), fill=colour)
                pen.polygon([(80 - waist, top + 10), (30 - hem, top + 60), (50 - hem, top + 70)], fill=colour)
                pen.polygon([(80 + waist, top + 10), (130 + hem, top + 60), (110 + hem, top + 70)], fill=colour)
            photos[f"{label}/{n}.png"] = image
    return photos


def draw_tiles(number: int) -> Photos:
    """Gray tiles of ground metal, whole or with a crack: the grain is each tile's own, and the light is the same."""
    rng = np.random.default_rng(0)
    light = np.linspace(90, 140, 200)[None, :] + np.linspace(0, 20, 200)[:, None]
    photos = {}
    for n in range(number):
        for label in ("whole", "cracked"):
            lines = np.repeat(rng.normal(0, 5, (1, 200)), 200, axis=0)
            tile = Image.fromarray((light + lines + rng.normal(0, 6, (200, 200))).clip(0, 255).astype(np.uint8))
            if label == "cracked":
                points = [tuple(int(v) for v in rng.integers(20, 180, 2)) for _ in range(3)]
                ImageDraw.Draw(tile).line(points, fill=40, width=2)
            photos[f"{label}/{n}.png"] = tile
    return photos


def draw_faces(number: int) -> Photos:
    """Each face twice: bare, and with a mask over mouth and nose."""
    rng = np.random.default_rng(0)
    photos = {}
    for n in range(number):
        rough = Image.fromarray(rng.integers(0, 255, (12, 12, 3), dtype=np.uint8)).resize((200, 200), 3)
        pen = ImageDraw.Draw(rough)
        skin = tuple(int(c) for c in rng.integers((150, 100, 70), (240, 190, 160)))
        pen.ellipse((50, 30, 150, 180), fill=skin)
        for x in (78, 122):
            pen.ellipse((x - 8, 80 + int(rng.integers(-5, 5)), x + 8, 94), fill="white", outline="black")
        pen.arc((75, 120, 125, 155), 20, 160, fill=(160, 40, 50), width=int(rng.integers(3, 7)))
        photos[f"bare/{n}.png"] = rough.filter(ImageFilter.GaussianBlur(1))
        masked = rough.copy()
        ImageDraw.Draw(masked).polygon([(56, 108), (144, 108), (132, 160), (100, 174), (68, 160)], fill=(190, 215, 235))
        photos[f"masked/{n}.png"] = masked.filter(ImageFilter.GaussianBlur(1))
    return photos


def film(number: int, folders: Iterable[str]) -> Photos:
    """Frames of one street by day and by night, each with a passer-by of its own and the grain of a sensor."""
    rng = np.random.default_rng(0)
    street = Image.fromarray(rng.integers(60, 250, (16, 22, 3), dtype=np.uint8)).resize((224, 160), 0)
    places = iter(
        rng.permutation([(x, y) for x in range(45, 180, 9) for y in range(30, 135, 7)])
    )  # none is taken twice
    photos = {}
    for folder in folders:
        for label, light in (("day", 1.0), ("night", 0.35)):
            for n in range(number):
                frame = street.copy()
                x, y = (int(v) for v in next(places))
                ImageDraw.Draw(frame).ellipse((x - 6, y - 14, x + 6, y + 14), fill=(30, 30, 35))
                grainy = light * np.asarray(frame, float) + rng.normal(0, 4, (160, 224, 3))
                photos[f"{folder}/{label}/{n}.png"] = Image.fromarray(grainy.clip(0, 255).astype(np.uint8))
    return photos


def draw_leaves(number: int) -> Photos:
    """Leaves of two kinds on their ground."""
    rng = np.random.default_rng(0)
    photos: Photos = {}
    for n in range(number):
        for label, hue in (("healthy", (60, 140, 50)), ("blight", (140, 120, 50))):
            ground = Image.fromarray(rng.integers(120, 160, (40, 40, 3), dtype=np.uint8)).resize((160, 160), 3)
            spots = Image.fromarray((hue + rng.normal(0, 28, (24, 24, 3))).clip(0, 255).astype(np.uint8))
            inside = Image.new("L", (160, 160))
            width = int(rng.integers(40, 60))
            ImageDraw.Draw(inside).ellipse((80 - width, 12, 80 + width, 148), fill=255)
            photos[f"{label}/{n}.png"] = Image.composite(spots.resize((160, 160), 3), ground, inside)
    return photos


COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "compressed": lambda image: encode(image, "JPEG", quality=40),
    "twice": lambda image: encode(image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC)),
    "mirrored": lambda image: encode(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
}


@pytest.mark.parametrize(
    ("draw", "kinds"),
    [
        pytest.param(
            lambda: load_digits(6), ("mirrored",), id="digits 8x8"
        ),  # of a changed copy, 64 pixels say nothing
        pytest.param(lambda: draw_strokes(70), ("twice", "mirrored"), id="digits 28x28", marks=pytest.mark.slow),
        pytest.param(lambda: draw_garments(60), tuple(COPIES), id="garments", marks=pytest.mark.slow),
        pytest.param(lambda: draw_tiles(50), tuple(COPIES), id="tiles"),
    ],
)
def test_alike_photos_stay_and_their_copies_are_found(
    draw: Callable[[], Photos], kinds: tuple[str, ...], tmp_path: Path
) -> None:
    photos = draw()
    planted = {}
    for number, name in enumerate(list(photos)[:: len(photos) // 15][:15]):
        kind = kinds[number % len(kinds)]
        planted[name.replace(".png", f"-{kind}.png")] = (name, COPIES[kind](photos[name]))
    right = {frozenset((name, copy)) for copy, (name, _) in planted.items()}
    files = {name: encode(image) for name, image in photos.items()} | {
        name: data for name, (_, data) in planted.items()
    }
    description = preprocess(files, tmp_path)
    assert description["reasons"] == {}
    assert len(description["splits"]) == len(files)
    assert copies_of(description) == right


@pytest.mark.slow
def test_all_1797_digits_are_kept(tmp_path: Path) -> None:
    description = preprocess(load_digits(1), tmp_path)
    assert sum(sum(classes.values()) for classes in description["counts"].values()) == 1797
    assert len(copies_of(description)) <= 1


def test_the_same_face_with_and_without_a_mask_is_two_photos_of_one_person(tmp_path: Path) -> None:
    description = preprocess(draw_faces(25), tmp_path)
    assert description["reasons"] == {}
    assert copies_of(description) == set()
    # And not one of them to be learned, the other to be asked.
    splits = description["splits"]
    assert len(splits) == 50
    assert sum(splits[f"bare/{n}.png"] == splits[f"masked/{n}.png"] for n in range(25)) >= 20


@pytest.mark.slow  # hundreds of frames, each compared with others of its scene
def test_a_fixed_camera_keeps_every_frame_in_its_makers_folder(tmp_path: Path) -> None:
    frames = film(25, ("train", "test"))
    # The same picture in both is another thing.
    frames["train/day/leak.png"] = frames["test/day/3.png"].resize((448, 320), Image.Resampling.BICUBIC)
    description = preprocess(frames, tmp_path)
    assert description["reasons"] == {"train/day/leak.png": "near duplicate of test/day/3.png in test"}
    assert sum(description["counts"]["test"].values()) == 50
    assert len(description["splits"]) == 100
    assert any("one scene" in note for note in description["notes"])
    assert sum(kind == "scene" for kind in description["pairs"].values()) >= 40 or any(
        "photos show one scene" in note for note in description["notes"]
    )


def test_a_burst_stays_on_one_side(tmp_path: Path) -> None:
    photos: Photos = {}
    for label in ("ants", "bees"):
        for burst in range(12):
            seed = np.random.default_rng([burst, len(label), ord(label[0])])
            scene = Image.fromarray(seed.integers(0, 255, (14, 14, 3), dtype=np.uint8)).resize((160, 160), 3)
            for frame in range(3):
                moved = scene.copy()
                x, y = (int(v) for v in seed.integers(20, 140, 2))
                ImageDraw.Draw(moved).ellipse((x - 9, y - 9, x + 9, y + 9), fill=(20, 15, 10))
                photos[f"{label}/{3 * burst + frame}.png"] = moved
    description = preprocess(photos, tmp_path)
    assert description["reasons"] == {}
    splits = description["splits"]
    assert len(splits) == 72
    first = {name: f"{Path(name).parent}/{int(Path(name).stem) // 3 * 3}.png" for name in splits}
    together = sum(splits[name] == splits[first[name]] for name in splits)
    assert together >= 0.9 * 72
    assert any("show the scene of another" in note for note in description["notes"])


def test_a_leaf_in_gray_is_the_same_leaf(tmp_path: Path) -> None:
    leaves = draw_leaves(12)
    gray = {name.replace(".png", "-gray.png"): image.convert("L") for name, image in leaves.items()}
    description = preprocess(leaves | gray, tmp_path)
    assert description["reasons"] == {}
    right = {frozenset((name, name.replace(".png", "-gray.png"))) for name in leaves}
    assert copies_of(description) == right


def test_drop_keeps_one_copy_and_says_so_and_off_looks_for_none(tmp_path: Path) -> None:
    photos = draw_garments(20)
    files = {name: encode(image) for name, image in photos.items()}
    for n in range(6):
        files[f"shirts/{n}-small.jpg"] = encode(photos[f"shirts/{n}.png"].resize((80, 80)), "JPEG", quality=80)
    dropped = preprocess(files, tmp_path / "drop", near_duplicates="drop")
    assert set(dropped["reasons"].values()) == {f"copy of shirts/{n}-small.jpg" for n in range(6)}
    assert dropped["requested"]["near_duplicates"] == "drop"
    [note] = [note for note in dropped["notes"] if "lost 6 of its 26" in note]
    assert "near_duplicates=drop" in note
    off = preprocess(files, tmp_path / "off", near_duplicates="off")
    assert len(off["splits"]) == 46
    assert off["pairs"] == {}
    assert any("near_duplicates=off" in note for note in off["notes"])
