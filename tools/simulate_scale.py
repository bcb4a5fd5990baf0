"""Reckon what 100,000 to 100 million photos need: bytes, processor time, cost, and what gives way first.

    python -m tools.simulate_scale                                    # the tables of docs/scale.md
    python -m tools.simulate_scale --check 8000 --of cat-and-dog.zip  # two small runs foretell a larger one

Every rate is measured (docs/results.md, docs/scale.md) on two cores of an AMD EPYC, in seconds of processor. The check
fits the fixed and the per-photo time of preprocess and predict to two runs of one worker, foretells a run of more
photos by them, runs it, and prints both figures. Two workers are not simulated.
"""

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SMALL = (500, 2000)
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
PHOTO_BYTES, SIDE, DESCRIPTOR_BYTES, RESULT_BYTES = 100_000, 96, 275, 150
"""A photo as it lies in the bucket; pixels of a stored one; what preprocess remembers of one; a row of predictions."""
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
        "| photos | in the bucket | moved | dataset | descriptors | predictions | processor | reads | a month kept |",
    ]
    lines.append("| --- |" + " ---: |" * 8)
    for photos in SIZES:
        source, dataset = photos * PHOTO_BYTES, photos * SIDE * SIDE * 3
        hours = sum(step.seconds(photos) for step in STEPS.values()) / 3600
        kept = (source + dataset) / 2**30 * GIB_MONTH
        # preprocess and predict read each photo once, train and evaluate each shard.
        moved = 2 * source + 2 * dataset
        bytes_of = [source, moved, dataset, photos * DESCRIPTOR_BYTES, photos * RESULT_BYTES]
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
    """Return seconds of processor of preprocess and predict, each by a run of its own."""
    from benchmarks.processes import apart
    from benchmarks.scale import crop_photos, find_run, measure
    from benchmarks.untrained import log_untrained

    folder.mkdir()
    crop_photos(originals, folder / "photos.zip", photos, classes=10)
    model = apart(log_untrained, "cnn", folder).uri
    apart(measure, folder, "download", {"source": folder / "photos.zip", "keep_photos": "reference"})
    known = {"photos": f"runs:/{apart(find_run, folder, 'download')[0]}/photos", "train_images": 0, "test_images": 0}
    made = apart(measure, folder, "preprocess", {**known, "image_size": SIDE})
    labelled = apart(measure, folder, "predict", {"source": folder / "photos.zip", "model": model})
    return {"preprocess": made.processor, "predict": labelled.processor}


if __name__ == "__main__":
    main()
