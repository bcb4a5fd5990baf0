"""Measure the search for near duplicates: which copies it finds, and which other pairs, by set and kind of copy.

    python -m benchmarks.near_duplicates photos.zip other.zip    # photos of one's own
    python -m benchmarks.near_duplicates digits                  # 1797 digits of 8×8 pixels, from scikit-learn
    python -m benchmarks.near_duplicates photos.zip --picture pairs.png

Takes all photos of a zip (JPEGs; PNGs only where there are no JPEGs), plants one copy of every fifth or so, each kind
in turn, and searches. Prints for each kind how many were found as a copy, and how many at least in the same group; then
the pairs found among the originals, for a person to judge: `--picture` draws them. "lost" is how many photos
near_duplicates=drop would leave out besides the planted ones.
"""

import argparse
import io
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from tqdm import tqdm

from pawprint.dataset.decode import decode_photo
from pawprint.dataset.evidence import Kinship
from pawprint.dataset.likeness import Pixels, describe
from pawprint.dataset.near_duplicates import NearDuplicate, NearDuplicates

SIDE, SEED, MOST_PLANTED, TILE = 160, 0, 400, 150
Change = Callable[[Image.Image, np.random.Generator], bytes]


def encode(image: Image.Image, form: str = "JPEG", **options: int) -> bytes:
    """Return the encoded bytes of a picture."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a picture with 5 % of width and height cut off, divided at random between the two sides."""
    left, top = (0.05 * side * rng.random() for side in image.size)
    width, height = image.size
    return image.crop((round(left), round(top), round(left + 0.95 * width), round(top + 0.95 * height)))


def resize(image: Image.Image, factor: float) -> Image.Image:
    """Return a picture scaled by a factor."""
    return image.resize((max(1, round(image.width * factor)), max(1, round(image.height * factor))))


def mirror(image: Image.Image) -> Image.Image:
    """Return the mirror image."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


KINDS: dict[str, Change] = {
    "other format": lambda image, _: encode(image, "PNG"),
    "JPEG quality 20": lambda image, _: encode(image, quality=20),
    "half the size": lambda image, _: encode(resize(image, 0.5), quality=85),
    "twice the size": lambda image, _: encode(resize(image, 2), quality=85),
    "cropped by 5 %": lambda image, rng: encode(crop(image, rng), quality=90),
    "mirrored": lambda image, _: encode(mirror(image), quality=90),
    "gray": lambda image, _: encode(image.convert("L"), quality=90),
    "20 % brighter": lambda image, _: encode(ImageEnhance.Brightness(image).enhance(1.2), quality=90),
    "20 % darker": lambda image, _: encode(ImageEnhance.Brightness(image).enhance(0.8), quality=90),
    "mirrored, cropped, 0.6, quality 50": lambda image, rng: encode(resize(crop(mirror(image), rng), 0.6), quality=50),
}


def main() -> None:
    """Plant copies in each set, search, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", help="zips of photos, or digits")
    parser.add_argument("--picture", type=Path, help="where to draw the copies found among the originals")
    parser.add_argument("--side", type=int, default=SIDE, help="pixels that are stored")
    given = parser.parse_args()
    for place in given.sets:
        examine(place, load_digits() if place == "digits" else load_zip(Path(place)), given.side, given.picture)


def load_zip(path: Path) -> dict[str, bytes]:
    """Return the JPEG files in a zip by name, or the PNG files if there are no JPEGs."""
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not Path(name).name.startswith(".")]
        chosen = [name for name in names if name.lower().endswith((".jpg", ".jpeg"))]
        return {name: archive.read(name) for name in chosen or [n for n in names if n.lower().endswith(".png")]}


def load_digits() -> dict[str, bytes]:
    """Return scikit-learn's digits as PNGs of 8×8 pixels."""
    from sklearn import datasets

    digits = datasets.load_digits()
    pictures = (digits.images * (255 / 16)).round().astype(np.uint8)
    return {
        f"{label}/{number}.png": encode(Image.fromarray(picture), "PNG")
        for number, (picture, label) in enumerate(zip(pictures, digits.target, strict=True))
    }


def plant(photos: dict[str, bytes]) -> dict[str, tuple[str, str, bytes]]:
    """Return copies by name, each with the name of its original, its kind and its bytes."""
    rng = np.random.default_rng(SEED)
    sample = rng.permutation(sorted(photos))[: min(MOST_PLANTED, len(photos) // 5)]
    planted = {}
    for number, name in enumerate(sample):
        kind = list(KINDS)[number % len(KINDS)]
        with Image.open(io.BytesIO(photos[str(name)])) as image:
            planted[f"{name} ({kind})"] = (str(name), kind, KINDS[kind](image.convert("RGB"), rng))
    return planted


def examine(title: str, photos: dict[str, bytes], side: int, picture: Path | None) -> None:
    """Search one set and print the result."""
    planted = plant(photos)
    files = photos | {name: data for name, (_, _, data) in planted.items()}
    squares = {name: decode_photo(data, side) for name, data in tqdm(files.items(), desc="decoding", disable=None)}
    near = NearDuplicates(squares.__getitem__)
    for name, data in files.items():
        with Image.open(io.BytesIO(data)) as image:
            near.add(name, describe(squares[name]), min(image.size))
    start, busy = time.perf_counter(), time.process_time()
    near.search()
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    print(f"\n{title}: {len(photos)} photos, {len(planted)} planted; {busy:.0f} s of processor, {seconds:.0f} s in all")
    copies = {member: group for group in near.copies() for member in group}
    groups = {member: group for group in [*near.groups(), *near.too_large()] for member in group}
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for name, (original, kind, _) in planted.items():
        found[kind].update(
            planted=1,
            copy=original in copies.get(name, ()),
            group=original in groups.get(name, ()),
        )
    for kind, counts in found.items():
        print(f"  {kind:35} {counts['copy']:3} copies, {counts['group']:3} in a group, of {counts['planted']}")
    among = [pair for pair in near.pairs if not {pair.first, pair.second} & set(planted)]
    false = [pair for pair in among if pair.kinship is Kinship.COPY]
    lost = sum(len(group - set(planted)) - 1 for group in near.copies() if group - set(planted))
    print(f"  among the originals: {len(false)} pairs of copies ({lost} lost), {len(among) - len(false)} of scenes")
    for pair in false:
        print(f"    {pair.first} = {pair.second}: difference {pair.difference:.2f}")
    if picture and false:
        draw_pairs(picture.with_name(f"{Path(title).stem}-{picture.name}"), false, squares)


def draw_pairs(path: Path, pairs: list[NearDuplicate], squares: dict[str, Pixels], most: int = 60) -> None:
    """Draw pairs side by side, three in a row."""
    canvas = Image.new("RGB", (3 * (2 * TILE + 10), -(-min(most, len(pairs)) // 3) * (TILE + 10)), "white")
    for number, pair in enumerate(pairs[:most]):
        row, column = divmod(number, 3)
        for half, member in enumerate((pair.first, pair.second)):
            tile = Image.fromarray(squares[member]).resize((TILE, TILE))
            canvas.paste(tile, (column * (2 * TILE + 10) + half * TILE, row * (TILE + 10)))
    canvas.save(path)
    print(f"    drawn in {path}")


if __name__ == "__main__":
    main()
