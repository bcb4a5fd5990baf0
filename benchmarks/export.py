"""Compare ONNX Runtime and LiteRT with compiled Keras: their answers, and their speed on this processor.

    python -m benchmarks.export                                     # cnn and efficientnet_lite0
    python -m benchmarks.export cnn --threads 1 --rounds 21
    python -m benchmarks.export models:/m-... --dataset runs:/<run id of preprocess>/dataset  # of MLFLOW_TRACKING_URI

The layers of an architecture take as long untrained as trained; its probabilities, though, lie closer together, so that
a difference says most of a trained model. The files are those of `-P export=onnx,litert`. Each engine has a process of
its own, with the same number of threads: an engine's idle threads spin for a while, and would slow down the others.
The processes are asked in turn, round by round, so that what else the machine does meets all of them. Printed are
the medians over the rounds, and the median of each round's ratio to Keras with its quartiles. On a machine that does
other things besides, the processor's time says more than the clock's.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.processes import apart
from pawprint.base.machine import count_cores
from pawprint.console.console import import_tensorflow_quietly
from pawprint.serving.formats import FILES, QUANTIZED

if TYPE_CHECKING:
    from pawprint.dataset.shards import Images

ARCHITECTURES = ("cnn", "efficientnet_lite0")
ENGINES = {"keras": "network.keras", **FILES}
PHOTOS, ROUNDS, BATCHES = 64, 15, (1, 32)
SECONDS = 0.3
"""Shortest duration of a round in seconds, because a single call is not precise."""

_engine: dict[str, Any] = {}
"""The loaded network and photos of this process."""


def main() -> None:
    """Export, compare and time each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=ARCHITECTURES, help="architectures, or models:/<model id>")
    parser.add_argument("--dataset", help="runs:/<run id of preprocess>/dataset, to compare the answers on")
    parser.add_argument("--threads", type=int, default=count_cores(), help="of each engine")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES, help="photos at once")
    arguments = parser.parse_args()
    for name in arguments.networks:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            side, summaries = apart(write_networks, name, folder, arguments.dataset)
            print(f"{name}, {side} px, {arguments.threads} threads", *summaries, sep="\n", flush=True)
            for line in time_engines(folder, arguments.threads, arguments.batches, arguments.rounds):
                print(line, flush=True)


def write_networks(name: str, folder: Path, dataset: str | None) -> tuple[int, list[str]]:
    """Write a network, its exports and photos; return the network's side and the summaries of the exports."""
    import_tensorflow_quietly()
    import numpy as np

    from benchmarks.untrained import build_untrained
    from pawprint.models.prediction import resize_photos
    from pawprint.serving.agreement import ask_network
    from pawprint.serving.exports import write_exports
    from pawprint.tracking.model_files import write_network
    from pawprint.tracking.models import open_photo_model

    with ExitStack() as opened:
        if name.startswith("models:/"):
            network = opened.enter_context(open_photo_model(name)).network
        else:
            network = build_untrained(name)
        side = network.input_shape[1]
        photos, labels, calibration = _read_photos(dataset, opened) if dataset else _draw_photos(side)
        np.save(folder / "photos.npy", resize_photos(photos[:PHOTOS], side))
        write_network(network, folder / ENGINES["keras"])
        exports = write_exports(
            ask_network(network, photos, labels, side),
            folder,
            formats={one: one in QUANTIZED for one in FILES},
            calibration=calibration,
            facts={},
        )
    return side, [export.summary for export in exports]


def _read_photos(dataset: str, opened: ExitStack) -> tuple["Images", Any, "Images"]:
    """Return the test photos of a dataset, their labels, and its training photos."""
    from pawprint.dataset.reader import load_dataset
    from pawprint.tracking.artifacts import open_artifact

    folder = opened.enter_context(open_artifact(dataset, expected="runs:/<run id of preprocess>/dataset"))
    splits = load_dataset(folder).splits
    return splits["test"].images, splits["test"].labels, splits["train"].images


def _draw_photos(side: int) -> tuple["Images", Any, "Images"]:
    """Return drawn photos and their labels, and the same photos once more."""
    import numpy as np

    from pawprint.dataset.decode import decode_photo
    from pawprint.drawn.drawings import KINDS, Drawing, draw_photo

    drawings = [Drawing(0, kind, number) for number in range(1, PHOTOS // 2 + 1) for kind in KINDS]
    photos = np.stack([decode_photo(draw_photo(drawing), side) for drawing in drawings])
    return photos, np.array([KINDS.index(drawing.kind) for drawing in drawings]), photos


def time_engines(folder: Path, threads: int, batches: Sequence[int], rounds: int) -> list[str]:
    """Time the engines in turn, round by round, and return a table."""
    rows = [f"{'':>14}{'at once':>9}{'ms a photo':>12}{'processor':>11}{'times as fast as Keras':>32}"]
    with ExitStack() as opened:
        engines = {
            name: opened.enter_context(
                ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), load_engine, (folder, file, threads))
            )
            for name, file in ENGINES.items()
            if (folder / file).exists()
        }
        for batch in batches:
            times: dict[str, list[tuple[float, float]]] = {name: [] for name in engines}
            for number in range(rounds + 1):
                order = [*engines][number % len(engines) :] + [*engines][: number % len(engines)]
                for name in order:
                    times[name].append(engines[name].submit(time_calls, batch).result())
            for name, each in times.items():
                rows.append(_format_times(name, batch, each[1:], times["keras"][1:]))  # the first round warms up
    return rows


def _format_times(
    name: str, batch: int, times: Sequence[tuple[float, float]], reference: Sequence[tuple[float, float]]
) -> str:
    wall, busy = (1000 * statistics.median(one) for one in zip(*times, strict=True))
    ratios = [of_keras[0] / of_this[0] for of_keras, of_this in zip(reference, times, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    ratio = "" if name == "keras" else f"{middle:.2f} ({low:.2f} to {high:.2f})"
    return f"{name:>14}{batch:>9}{wall:>12.2f}{busy:>11.2f}{ratio:>32}"


def load_engine(folder: Path, file: str, threads: int) -> None:
    """Load a network into this process, with so many threads, and the photos."""
    import numpy as np

    _engine.update(answer=_load(folder / file, threads), photos=np.load(folder / "photos.npy"))


def _load(path: Path, threads: int) -> Callable[[Any], Any]:
    import_tensorflow_quietly()
    import tensorflow as tf

    from pawprint.models.prediction import compile_network, load_network
    from pawprint.serving.runtimes import load_export

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    if path.suffix != ".keras":
        return load_export(path, threads=threads)
    network = load_network(path)
    return compile_network(network, network.input_shape[1])


def time_calls(batch: int) -> tuple[float, float]:
    """Return seconds per photo for repeated calls: the median by the clock, and the mean of the CPU time."""
    answer, photos = _engine["answer"], _engine["photos"][:batch]
    seconds: list[float] = []
    busy = time.process_time()
    while sum(seconds) < SECONDS:
        started = time.perf_counter()
        answer(photos)
        seconds.append(time.perf_counter() - started)
    busy = time.process_time() - busy
    return statistics.median(seconds) / batch, busy / len(seconds) / batch


if __name__ == "__main__":
    main()
