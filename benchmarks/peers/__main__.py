"""Compare pawprint with what a person would take instead, on the same photos and the same cores.

    python -m benchmarks.peers cat-and-dog.zip sign-digits.zip --seeds 3
    python -m benchmarks.peers cat-and-dog.zip --only cnn timm_resnet

Each row is a program of its own: pawprint's is one `mlflow run`, a peer's is a file of this folder, as its
documentation shows it, not tuned. All learn from the training photos of the same split, may look at its validation
photos, and answer its test photos once. A peer from scratch learns for about the processor minutes that `cnn` takes
(or `--minutes`), by a timing of one epoch and of two. Those that are pretrained start from the same weights (lite0.py).
Prints a table of markdown: accuracy and F1 (of the second of two classes, else macro) on the test photos, minutes of
the whole command and of the processor in it, peak memory of its largest process, epochs, and the lines of code that a
person writes.

The peers' environment is made from requirements-peers.txt in the cache folder and shares nothing with the project's, in
which only Keras's example runs. Run it on a machine that does nothing else.
"""

import argparse
import ast
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.peers.hand_over import hand_over
from benchmarks.peers.programs import Result, build_environment, learn_for, run_ours, run_peer, write_weights
from pawprint.base.machine import count_cores
from pawprint.models.architectures import recipe_for

ROWS = {
    "cnn": "pawprint, `cnn`",
    "keras_example": "Keras's example, a small Xception",
    "fastai_resnet": "fastai, resnet18, `fit_one_cycle`",
    "timm_resnet": "timm, resnet18, AdamW and a cosine",
    "efficientnet_lite0": "pawprint, `efficientnet_lite0`",
    "fastai_fine_tune": "fastai, the same weights, `fine_tune`",
    "linear_probe": "scikit-learn on features of the same weights",
}
"""Each row by a module of this folder or an architecture of ours, as the table names it."""
OURS = ("cnn", "efficientnet_lite0")
PRETRAINED_EPOCHS = {"fastai_fine_tune": 3, "linear_probe": 1}
"""The peers that are pretrained; fastai's trains the last layer for one epoch more, before."""
HEADER = ("photos", "way", "accuracy", "F1", "minutes", "processor minutes", "peak memory, MiB", "epochs", "lines")


def main() -> None:
    """Measure each row on each set with each seed, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="photos, as `-P source=`")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=list(ROWS), choices=list(ROWS), help="rows to measure")
    parser.add_argument(
        "--minutes", type=float, help="of the processor, for each peer from scratch; otherwise those of cnn"
    )
    given = parser.parse_args()
    rows = [row for row in ROWS if row in given.only]
    if not given.minutes and "cnn" not in rows and set(rows) - {*OURS, *PRETRAINED_EPOCHS}:
        parser.error("without the row cnn, --minutes has to say how long the peers from scratch may take")
    load = os.getloadavg()[1]
    python = build_environment()
    found: dict[tuple[str, str], list[Result]] = {}
    for source in given.sources:
        epochs = dict(PRETRAINED_EPOCHS)
        for seed in range(given.seeds):
            for row, result in compare(source, rows, python=python, minutes=given.minutes, seed=seed, epochs=epochs):
                found.setdefault((Path(source).stem, row), []).append(result)
                print(f"{source}, seed {seed}, {row}: {result}", flush=True)
    print(f"\n{count_cores()} cores, {platform.platform()}, {given.seeds} seeds, load before: {load:.1f}\n")
    print(*tabulate(found), sep="\n")


def compare(
    source: str, rows: Sequence[str], *, python: Path, minutes: float | None, seed: int, epochs: dict[str, int]
) -> Iterator[tuple[str, Result]]:
    """Yield the result of each row on one split.

    Args:
        source: photos, as `-P source=`.
        rows: in the order of ROWS.
        python: of the peers.
        minutes: of the processor, for each peer from scratch; None for those that cnn takes.
        seed: of the split and of the trainings.
        epochs: of each peer; those that it lacks are found by a timing and added.
    """
    source = str(Path(source).absolute()) if Path(source).exists() else source
    with tempfile.TemporaryDirectory() as scratch:
        photos, weights = Path(scratch, "photos"), Path(scratch, "lite0.pth")
        data = hand_over(source, photos, recipe=recipe_for("cnn"), seed=seed)
        if set(rows) & set(PRETRAINED_EPOCHS):
            write_weights(python, photos, weights)
        for row in rows:
            if row in OURS:
                result = run_ours(row, data, source=source, seed=seed)
                minutes = minutes or result.processor_minutes
            else:
                program = [
                    sys.executable if row == "keras_example" else python,
                    "-m",
                    f"benchmarks.peers.{row}",
                    photos,
                ]
                learned = weights if row in PRETRAINED_EPOCHS else None
                learn = partial(run_peer, program, data, seed=seed, weights=learned)
                result = learn(epochs=epochs[row]) if row in epochs else learn_for(minutes or 0, learn)
                epochs[row] = result.epochs or 1
            yield row, result


def tabulate(found: Mapping[tuple[str, str], Sequence[Result]]) -> list[str]:
    """Return the lines of the table: for each set and row the mean over the seeds, with the standard deviation."""
    lines = [HEADER, ("---",) * len(HEADER)]
    for (photos, row), results in found.items():
        reached = [spread([one.accuracy for one in results]), spread([one.f1 for one in results])]
        reached += [f"{statistics.mean(one.minutes for one in results):.1f}"]
        reached += [f"{statistics.mean(one.processor_minutes for one in results):.1f}"]
        memory = f"{max(one.mebibytes for one in results):.0f}"
        length = 1 if row in OURS else count_lines(Path(__file__).with_name(f"{row}.py"))
        lines.append((photos, ROWS[row], *reached, memory, str(results[0].epochs or "-"), str(length)))
    return ["| " + " | ".join(line) + " |" for line in lines]


def spread(values: Sequence[float]) -> str:
    """Return the mean, with the standard deviation of several values.

    >>> spread([0.9]), spread([0.9, 0.8])
    ('0.900', '0.850 ± 0.071')
    """
    mean = f"{statistics.mean(values):.3f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"


def count_lines(path: Path) -> int:
    """Return the number of lines of code in a file: neither blank, nor a comment, nor in a docstring."""
    text = path.read_text("utf-8")
    described = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    return sum(
        bool(line.strip()) and not line.lstrip().startswith("#") and number not in described
        for number, line in enumerate(text.splitlines(), 1)
    )


if __name__ == "__main__":
    main()
