"""Reckon what 100,000 to 100 million photos need: bytes, processor time, cost, and what gives way first.

    python -m tools.simulate_scale                                    # the tables of docs/scale.md
    python -m tools.simulate_scale --check 2000 --of cat-and-dog.zip  # two small runs foretell a larger one

Every rate is measured (docs/results.md, docs/scale.md) on two cores of an AMD EPYC, in seconds of processor. The check
fits the fixed and the per-photo time of preprocess and predict to two runs of one worker, foretells a run of more
photos by them, runs it, and prints both figures. Two workers are not simulated.
"""

import argparse
import resource
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SMALL = (200, 1000)
"""Photos of the two runs that the check fits its rates to."""
PAIR_SECONDS = 1.5e-9
"""To compare two descriptors: of 150,000 photos 17 s."""
SIZES = tuple(10**power for power in range(5, 9))


@dataclass(frozen=True)
class Step:
    """Seconds of processor of a step: a fixed part, one for each photo, and one for each pair of photos."""

    fixed: float
    photo: float
    pair: float = 0.0

    def seconds(self, photos: int) -> float:
        """Return them for a number of photos.

        >>> Step(fixed=10, photo=0.001).seconds(1_000_000)
        1010.0
        """
        return self.fixed + self.photo * photos + self.pair * photos * (photos - 1) / 2


STEPS = {
    "preprocess": Step(15, 4.0e-3, PAIR_SECONDS),
    "train, an epoch": Step(20, 8.4e-3),
    "evaluate a fifth": Step(25, 0.2 * 0.8e-3),
    "predict": Step(20, 7.5e-3),
}
"""At 96 pixels; train by `baseline`, predict by `cnn`."""
PHOTO_BYTES, SIDE, CLASSES = 100_000, 96, 1000
INDEX_BYTES, DESCRIPTOR_BYTES, RESULT_BYTES = 163, 275, 200 + 21 * CLASSES
"""Of a photo: its line in the dataset's index, what preprocess remembers of it, and its rows in predictions.csv and
predictions.parquet, where each class has a probability."""
CORE_HOUR, GIB_MONTH, THOUSAND_READS = 0.048, 0.023, 0.0004
"""Dollars: AWS us-east-1, on demand, half of an m5.large; S3 Standard, a month and 1000 GETs."""


def main() -> None:
    """Print the tables, or check the method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", type=int, metavar="PHOTOS", help="foretell and run preprocess and predict of so many"
    )
    parser.add_argument("--of", type=Path, help="a zip of photos to crop for the check; drawn ones otherwise")
    given = parser.parse_args()
    print(check(given.check, given.of) if given.check else format_tables())


def format_tables() -> str:
    """Return seconds of each step, and bytes and dollars, as Markdown."""
    lines = [f"| photos | {' | '.join(STEPS)} | all, core-hours |", "| --- |" + " ---: |" * (len(STEPS) + 1)]
    for photos in SIZES:
        seconds = [step.seconds(photos) for step in STEPS.values()]
        lines.append(f"| {photos:,} | {' | '.join(f'{one:,.0f} s' for one in seconds)} | {sum(seconds) / 3600:,.1f} |")
    lines += [
        "",
        "| photos | their files | moved | dataset | index | descriptors | predictions | processor | reads | a month |",
    ]
    lines.append("| --- |" + " ---: |" * 9)
    for photos in SIZES:
        source, dataset = photos * PHOTO_BYTES, photos * SIDE * SIDE * 3
        hours = sum(step.seconds(photos) for step in STEPS.values()) / 3600
        predictions = photos * RESULT_BYTES
        kept = (source + dataset + predictions) / 2**30 * GIB_MONTH
        # preprocess and predict read each photo; the dataset is written once, and read by train and evaluate.
        moved = 2 * source + 3 * dataset + predictions
        remembered = [photos * INDEX_BYTES, photos * DESCRIPTOR_BYTES]
        bytes_of = [source, moved, dataset, *remembered, predictions]
        dollars = [hours * CORE_HOUR, 2 * photos / 1000 * THOUSAND_READS, kept]
        cells = [*(f"{one / 1e9:,.1f} GB" for one in bytes_of), *(f"${one:,.2f}" for one in dollars)]
        lines.append(f"| {photos:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def fit(few: tuple[int, float], more: tuple[int, float], *, pair: float = 0.0) -> Step:
    """Return the step that took so many seconds for two numbers of photos.

    >>> fit((100, 11.0), (200, 12.0))
    Step(fixed=10.0, photo=0.01, pair=0.0)
    """
    pairs = Step(0, 0, pair)
    (photos, seconds), (further, longer) = ((number, took - pairs.seconds(number)) for number, took in (few, more))
    photo = (longer - seconds) / (further - photos)
    return Step(seconds - photo * photos, photo, pair)


def check(photos: int, of: Path | None) -> str:
    """Return what the small runs foretell for more photos beside what these took."""
    from benchmarks.preprocess import draw

    with tempfile.TemporaryDirectory() as name:
        originals = of or draw(Path(name, "drawn"))
        took = {number: measure_steps(Path(name, str(number)), originals, number) for number in (*SMALL, photos)}
    lines = ["| step | fitted | foretold | measured | off by |", "| --- | --- | ---: | ---: | ---: |"]
    for step, pair in (("preprocess", PAIR_SECONDS), ("predict", 0.0)):
        fitted = fit(*((number, took[number][step]) for number in SMALL), pair=pair)
        foretold, measured = fitted.seconds(photos), took[photos][step]
        lines.append(
            f"| {step} of {photos} | {fitted.fixed:.1f} s + {fitted.photo * 1000:.2f} ms a photo | {foretold:.1f} s | "
            f"{measured:.1f} s | {foretold / measured - 1:+.0%} |"
        )
    return "\n".join(lines)


def measure_steps(folder: Path, originals: Path, photos: int) -> Mapping[str, float]:
    """Return seconds of processor of preprocess and predict without MLflow, in a process each, its start included."""
    from benchmarks.processes import apart
    from benchmarks.scale import crop_photos

    folder.mkdir()
    crop_photos(originals, folder / "photos.zip", photos, classes=10)
    return {step.__name__: apart(step, folder) for step in (preprocess, predict)}


def preprocess(folder: Path) -> float:
    """Make a dataset of `photos.zip` in a folder, and return the seconds of processor of this process and its own."""
    from pawprint.dataset.writer import write_dataset
    from pawprint.photos.collection import load_photos
    from pawprint.photos.sources import fetch_photos

    fetch_photos(str(folder / "photos.zip"), folder / "photos", keep_photos="reference", resolve_uri=Path)
    write_dataset(
        load_photos(folder / "photos"),
        folder / "dataset",
        image_size=SIDE,
        train_images=0,
        test_images=0,
        validation_fraction=0.1,
        seed=0,
    )
    return processor_seconds()


def predict(folder: Path) -> float:
    """Label `photos.zip` in a folder by an untrained `cnn`, and return the seconds of processor."""
    from benchmarks.untrained import build_untrained
    from pawprint.models.prediction import compile_network
    from pawprint.photos.collection import load_photos
    from pawprint.serving.predictions import predict_photos

    network = build_untrained("cnn")
    side = network.input_shape[1]
    names = ("cats", "dogs")
    (folder / "predictions").mkdir()
    predict_photos(
        load_photos(folder / "photos"),
        compile_network(network, side),
        class_names=names,
        image_size=side,
        folder=folder / "predictions",
    )
    return processor_seconds()


def processor_seconds() -> float:
    """Return the seconds of processor that this process and those that it started have used."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)


if __name__ == "__main__":
    main()
