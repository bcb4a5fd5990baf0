"""Measure preprocess: its speed compared with Keras's own reader, and its time and memory with more photos.

    python -m benchmarks.preprocess                                # drawn photos
    python -m benchmarks.preprocess /path/to/cat-and-dog.zip       # the ratio on these photos

Reads, decodes and resizes the same JPEGs once with `keras.utils.image_dataset_from_directory` and with preprocess
(which also looks for duplicates, takes digests and writes shards), each on all cores and in a process of its own, in
turn and three times over; prints the median ratio and the share of the cores that preprocess kept busy. Then
preprocesses 500, 2000 and 20,000 drawn photos (2000 drawings, each repeated with a comment of its own, so that no
two files are the same), and prints seconds and peak memory of each.
"""

import argparse
import itertools
import os
import resource
import statistics
import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks.processes import apart

SIDE = 160
DRAWN, SIZES, ROUNDS = 2000, (500, 2000, 20_000), 3


def main() -> None:
    """Compare the speeds, then measure time and memory with more and more photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="?", type=Path, help="a zip of JPEGs in folders by class; drawn ones otherwise")
    given = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawn = draw(folder / "drawn")
        compare(given or write_copies(drawn, folder / "compared.zip", DRAWN), folder)
        for size in SIZES:
            seconds, busy, peak = apart(preprocess, write_copies(drawn, folder / f"{size}.zip", size))
            print(f"{size:>6} photos: {seconds:6.1f} s, {size / seconds:.0f} photos/s, cores {busy:.0%} busy, ", end="")
            print(f"peak memory {peak:.0f} MiB", flush=True)


def compare(photos: Path, folder: Path) -> None:
    """Print the ratio of the speeds of preprocess and Keras."""
    with zipfile.ZipFile(photos) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jpg")]
        for number, name in enumerate(names):
            target = folder / "files" / Path(name).parent.name / f"{number}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(name))
    ratios, shares = [], []
    for _ in range(ROUNDS):
        theirs = apart(read_with_keras, folder / "files")
        ours, busy, _ = apart(preprocess, photos)
        ratios.append(theirs / ours)
        shares.append(busy)
        print(f"{len(names)} photos: keras {theirs:.2f} s, preprocess {ours:.2f} s, cores {busy:.0%} busy", flush=True)
    print(f"preprocess is {statistics.median(ratios):.2f} times as fast, cores {statistics.median(shares):.0%} busy")


def preprocess(photos: Path) -> tuple[float, float, float]:
    """Return seconds, the busy share of the cores, and peak memory in MiB."""
    from pawprint.dataset.writer import write_dataset
    from pawprint.photos.collection import load_photos
    from pawprint.photos.sources import fetch_photos

    with tempfile.TemporaryDirectory() as folder:
        fetch_photos(str(photos), Path(folder) / "photos", keep_photos="reference", resolve_uri=Path)
        started, busy = time.perf_counter(), time.process_time()
        write_dataset(
            load_photos(Path(folder) / "photos"),
            Path(folder) / "dataset",
            image_size=SIDE,
            train_images=0,
            test_images=0,
            validation_fraction=0.1,
            seed=0,
        )
        seconds, busy = time.perf_counter() - started, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return seconds, busy / seconds / len(os.sched_getaffinity(0)), peak


def read_with_keras(folder: Path) -> float:
    """Return the seconds to read everything once, without the import and the listing of files."""
    import keras

    photos = keras.utils.image_dataset_from_directory(folder, image_size=(SIDE, SIDE), batch_size=64, verbose=False)
    started = time.perf_counter()
    for _ in photos.prefetch(2):
        pass
    return time.perf_counter() - started


def draw(folder: Path) -> Path:
    """Return a zip of `DRAWN` drawings."""
    from pawprint.photos.sources import fetch_photos

    fetch_photos(f"synthetic:{DRAWN}", folder, keep_photos="copy", resolve_uri=Path)
    return next(folder.glob("*.zip"))


def write_copies(drawn: Path, path: Path, number: int) -> Path:
    """Write an uncompressed zip of `number` different JPEGs, half of each class, and return its path."""
    with zipfile.ZipFile(drawn) as source, zipfile.ZipFile(path, "w") as target:
        by_class: dict[str, list[str]] = {}
        for name in sorted(name for name in source.namelist() if name.endswith(".jpg")):
            by_class.setdefault(Path(name).parent.name, []).append(name)
        for label, names in by_class.items():
            for count, name in zip(range(number // len(by_class)), itertools.cycle(names), strict=False):
                content = source.read(name)
                comment = f"{count}".encode()
                # A comment segment after the start of the image: marker, and length including its own two bytes.
                segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
                target.writestr(f"{label}/{count}.jpg", content[:2] + segment + content[2:])
    return path


if __name__ == "__main__":
    main()
