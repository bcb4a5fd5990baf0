"""Answer photos in batches, here or in slices on a cluster, whose answers are kept until all are there."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet

from pawprint.base.cluster import Workers
from pawprint.base.errors import UserError
from pawprint.base.files import write_beside
from pawprint.dataset.ahead import decode_ahead
from pawprint.dataset.decoding import Decoding
from pawprint.models.kind import TRAITS, measure_traits
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS, name_outputs
from pawprint.models.prediction import BATCH, compile_network, load_network
from pawprint.models.unlikeness import FEATURES, add_features
from pawprint.photos.collection import Photo, PhotoCollection
from pawprint.serving.labelling import shorten

SLICE = 4 * BATCH
"""Photos that a worker is given at once: whole batches, which are the same as on one machine."""
MAX_AGE_SECONDS = 14 * 24 * 3600
"""Age after which the parts of a prediction that nobody resumed are removed."""

Answer = Callable[[NDArray[np.uint8]], Mapping[str, NDArray[np.float32]] | NDArray[np.float32]]
"""From pixels, uint8 [k, side, side, 3], to the network's outputs by name, or only to probabilities [k, classes]."""


@dataclass(frozen=True)
class Answered:
    """Consecutive photos and the model's answers.

    Attributes:
        photos: [n].
        errors: [n] why a photo cannot be read, "" if it can.
        probabilities: [n, classes], NaN for unreadable photos.
        unlikeness: [n], NaN for these and if the model gives none.
        features: [n, d], the network's features, shortened, NaN for unreadable photos; d is 0 if it gives none.
        traits: how some of the photos look, each [n] (see `measure_traits`), NaN for the others.
    """

    photos: Sequence[Photo]
    errors: Sequence[str]
    probabilities: NDArray[np.float32]
    unlikeness: NDArray[np.float32]
    features: NDArray[np.float32]
    traits: Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Asking:
    """What is asked of photos.

    Attributes:
        num_classes: number of classes.
        image_size: side in pixels of the network's input.
        decoding: how a photo becomes a square.
        every: of so many photos one is measured.
    """

    num_classes: int
    image_size: int
    decoding: Decoding
    every: int


def answer_photos(
    collection: PhotoCollection,
    photos: Sequence[Photo],
    answer: Answer,
    asking: Asking,
    *,
    start: int = 0,
    workers: int | None = None,
) -> Iterator[Answered]:
    """Yield the answers to photos, a batch at a time; threads decode while the network works on earlier ones.

    Args:
        collection: where the photos are.
        photos: the photos.
        answer: the network.
        asking: what is asked.
        start: number of the first photo in the collection.
        workers: threads that decode. Default: the cores.

    Raises:
        UserError: a photo kept by reference is missing or has changed.
    """
    batches = decode_ahead(
        collection, photos, asking.image_size, batch_size=BATCH, decoding=asking.decoding, workers=workers
    )
    for batch in batches:
        outputs: Mapping[str, Any] = name_outputs(answer(batch.pixels)) if len(batch.pixels) else {}
        no_score = np.full(len(batch.pixels), np.nan, np.float32)
        readable = np.flatnonzero([not error for error in batch.errors])
        measured = (start + readable) % asking.every == 0
        traits = {name: np.full(len(batch.photos), np.nan) for name in TRAITS}
        for name, values in measure_traits(batch.pixels[measured]).items():
            traits[name][readable[measured]] = values
        yield Answered(
            batch.photos,
            batch.errors,
            batch.spread(outputs.get(PROBABILITIES, np.empty((0, asking.num_classes), np.float32))),
            batch.spread(outputs.get(UNLIKENESS, no_score)[:, None])[:, 0],
            batch.spread(shorten(outputs.get(FEATURES, np.empty((len(batch.pixels), 0), np.float32)))),
            traits,
        )
        start += len(batch.photos)


@dataclass(frozen=True)
class Answerer:
    """Answers slices of photos in a worker, which it is sent to; the network is loaded once in each.

    Attributes:
        collection: the photos.
        find_network: returns the path of the network on the worker's machine.
        asking: what is asked.
    """

    collection: PhotoCollection
    find_network: Callable[[], Path]
    asking: Asking

    @cached_property
    def _answer(self) -> Answer:
        import tensorflow as tf

        with suppress(RuntimeError):  # this worker has already computed something
            # Each worker has one core: the threads of several would wait for one another.
            tf.config.threading.set_intra_op_parallelism_threads(1)
            tf.config.threading.set_inter_op_parallelism_threads(1)
        return compile_network(add_features(load_network(self.find_network())), self.asking.image_size).outputs

    def __call__(self, piece: tuple[int, Sequence[Photo]]) -> pa.Table:
        """Return a table with a row for each photo of a slice, which begins at a number in the collection."""
        start, photos = piece
        batches = answer_photos(self.collection, photos, self._answer, self.asking, start=start, workers=1)
        return pa.concat_tables([_write(batch, self.collection) for batch in batches]).combine_chunks()


def answer_on_cluster(answerer: Answerer, cluster: Workers, folder: Path) -> Iterator[Answered]:
    """Yield the answers to all photos, slice by slice; each is kept as a Parquet file, and not asked for again.

    This process writes the files, so that one slice has one, however often workers died over it, and that the workers
    need no disk in common.

    Args:
        answerer: answers a slice.
        cluster: the workers.
        folder: keeps the answers of an earlier try; it is created if it is missing.

    Raises:
        UserError: a photo kept by reference is missing or has changed, or the cluster gave up.
    """
    folder.mkdir(parents=True, exist_ok=True)
    photos = answerer.collection.photos
    pieces = {
        folder / f"part-{start:010d}.parquet": (start, photos[start : start + SLICE])
        for start in range(0, len(photos), SLICE)
    }
    kept = {path for path in pieces if path.exists()}
    answers = cluster.map(answerer, (piece for path, piece in pieces.items() if path not in kept))
    for path, (_, some) in pieces.items():
        if path in kept:
            table = parquet.read_table(path)
        else:
            table = next(answers)
            with write_beside(path) as beside:
                parquet.write_table(table, beside)
        yield _read(table, some, answerer)


def clear_parts(folder: Path) -> None:
    """Remove the folders of parts, beside one another in a folder, that nothing was added to for `MAX_AGE_SECONDS`."""
    with suppress(OSError):  # another process removes them, too
        for path in folder.iterdir():
            if path.stat().st_mtime < time.time() - MAX_AGE_SECONDS:
                shutil.rmtree(path, ignore_errors=True)


def _write(batch: Answered, collection: PhotoCollection) -> pa.Table:
    classes = batch.probabilities.shape[1]
    return pa.table(
        {
            "member": pa.array([collection.name(photo) for photo in batch.photos], pa.string()),
            "error": pa.array(batch.errors, pa.string()),
            "probabilities": pa.FixedSizeListArray.from_arrays(pa.array(batch.probabilities.ravel()), classes),
            "unlikeness": pa.array(batch.unlikeness),
            "features": pa.array([row.tobytes() for row in batch.features], pa.binary()),
            **{name: pa.array(values) for name, values in batch.traits.items()},
        }
    )


def _read(table: pa.Table, photos: Sequence[Photo], answerer: Answerer) -> Answered:
    if table["member"].to_pylist() != [answerer.collection.name(photo) for photo in photos]:
        raise UserError("the answers kept of an earlier try are of other photos; empty `predictions` in PAWPRINT_CACHE")
    probabilities = table["probabilities"].combine_chunks().flatten().to_numpy()
    return Answered(
        photos,
        table["error"].to_pylist(),
        probabilities.reshape(len(photos), answerer.asking.num_classes),
        table["unlikeness"].to_numpy(),
        np.frombuffer(b"".join(table["features"].to_pylist()), np.float32).reshape(len(photos), -1),
        {name: table[name].to_numpy() for name in TRAITS},
    )
