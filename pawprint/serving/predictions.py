"""Predict many photos: each is read once, answered in batches, and written as it comes, so that memory stays flat.

Writes predictions.csv and predictions.parquet, one row for each photo: `member`, then the columns of the served model's
answer (`label`, `probability`, `probability_<class>` for each class, `labels_95`, `decision`, `unlikeness`,
`unlike_training`, `error`).
"""

import heapq
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import parquet
from tqdm import tqdm

from pawprint.archives.left_out import LeftOut
from pawprint.archives.members import UNLABELLED
from pawprint.base.tables import TableWriter
from pawprint.dataset.ahead import decode_ahead
from pawprint.dataset.decoding import USUAL, Decoding
from pawprint.models.decision import ASK, Decision
from pawprint.models.kind import MOST_PHOTOS, TRAITS, measure_traits
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS, name_outputs
from pawprint.models.prediction import BATCH
from pawprint.models.prediction_sets import SHOWN, PredictionSets
from pawprint.models.unlikeness import FEATURES
from pawprint.photos.collection import Photo, PhotoCollection
from pawprint.photos.manifest import Manifest
from pawprint.serving.labelling import Answered, Shortlist, measure_uncertainty

MOST_DOUBTFUL = 200
"""Least certain photos of each class, and photos most unlike the training's, that are kept for the contact sheet."""
UNLIKE = -1
"""Stands among the class numbers for the group of photos that are unlike anything the model learned from."""
MOST_ERRORS = 100
"""Unreadable photos whose names are kept; the tables name all of them."""
ROW_GROUP = 8192  # rows written to Parquet at once
NO_LOSS = (UNLABELLED, "system file")
"""Reasons that mean no lost photo: photos without a class are predicted here, and system files are not photos."""

Answer = Callable[[NDArray[np.uint8]], Mapping[str, NDArray[np.float32]] | NDArray[np.float32]]
Write = Callable[[Sequence[str], NDArray[np.float32], NDArray[np.float32], Sequence[str]], list[str | None]]


@dataclass(frozen=True)
class Prediction:
    """A photo and the model's answer: float32 [k] probabilities, and the unlikeness, NaN if the model gives none."""

    photo: Photo
    name: str
    probabilities: NDArray[np.float32]
    unlikeness: float = float("nan")


@dataclass
class Outcome:
    """The result of predicting many photos.

    Attributes:
        counts: the number of photos of each predicted class, by class number.
        unlike: of these, the number of photos that are unlike anything the model learned from.
        doubtful: for each class, the photos with the lowest top probability, lowest first, at most `MOST_DOUBTFUL`;
            before them, as the class `UNLIKE`, those that are unlike, the most unlike first.
        shortlist: the most uncertain photos, of which some are worth a label.
        traits: how some of the photos look, see `measure_traits`.
        num_asked: the number of photos that the model's decision leaves to a person.
        num_unreadable: the number of photos without an answer.
        errors: the first of these photos, with the reason.
    """

    counts: Counter[int] = field(default_factory=Counter)
    unlike: Counter[int] = field(default_factory=Counter)
    doubtful: dict[int, list[Prediction]] = field(default_factory=dict)
    shortlist: Shortlist = field(default_factory=Shortlist)
    traits: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    num_asked: int = 0
    num_unreadable: int = 0
    errors: list[tuple[str, str]] = field(default_factory=list)


def count_left_out(manifest: Manifest) -> LeftOut:
    """Return the files without a row in the tables, by reason: HEIC photos, documents, videos."""
    left_out = LeftOut()
    for reason, number in manifest.ignored.items():
        if reason not in NO_LOSS:
            left_out[reason] = number
            left_out.names[reason] = list(manifest.ignored_names.get(reason, ()))
    return left_out


def predict_photos(
    collection: PhotoCollection,
    answer: Answer,
    *,
    class_names: Sequence[str],
    image_size: int,
    folder: Path,
    decoding: Decoding = USUAL,
    sets: PredictionSets | None = None,
    decision: Decision | None = None,
) -> Outcome:
    """Predict every photo of a collection.

    Photos are decoded in threads while the network works on earlier ones. An unreadable photo has its reason in the
    tables, and does not affect the others.

    Args:
        collection: the photos.
        answer: the network, from pixels, uint8 [k, image_size, image_size, 3], to its outputs by name, maybe with
            `features` (see `add_features`), or only to probabilities [k, classes].
        class_names: the classes, in the order of the answers.
        image_size: side in pixels of the network's input.
        folder: the folder for the tables, which are complete when this returns.
        decoding: how a photo becomes a square.
        sets: the model's prediction sets; None if it has none.
        decision: what the model leaves to a person; None if it says nothing of it.

    Raises:
        UserError: a photo kept by reference is missing or has changed.
    """
    outcome = Outcome()
    every = max(1, math.ceil(len(collection.photos) / MOST_PHOTOS))
    looks: list[Mapping[str, NDArray[np.float64]]] = []
    num_read = 0
    heaps: dict[int, list[tuple[float, int, Prediction]]] = {}
    batches = decode_ahead(collection, collection.photos, image_size, batch_size=BATCH, decoding=decoding)
    with (
        open_tables(folder, class_names, sets or PredictionSets(), decision) as write,
        tqdm(total=len(collection.photos), desc="predicting", unit="photo", disable=None, delay=2) as progress,
    ):
        for batch in batches:
            outputs: Mapping[str, Any] = name_outputs(answer(batch.pixels)) if len(batch.pixels) else {}
            rows = batch.spread(outputs.get(PROBABILITIES, np.empty((0, len(class_names)), np.float32)))
            no_score = np.full(len(batch.pixels), np.nan, np.float32)
            unlikeness = batch.spread(outputs.get(UNLIKENESS, no_score)[:, None])[:, 0]
            features = batch.spread(outputs.get(FEATURES, np.empty((len(batch.pixels), 0), np.float32)))
            doubts = measure_uncertainty(rows, unlikeness > 1)
            if len(batch.pixels):
                looks.append(measure_traits(batch.pixels[-num_read % every :: every]))
            num_read += len(batch.pixels)
            names = [collection.name(photo) for photo in batch.photos]
            outcome.num_asked += write(names, rows, unlikeness, batch.errors).count(ASK)
            answers = zip(batch.photos, names, rows, unlikeness.tolist(), doubts, features, batch.errors, strict=True)
            for photo, name, row, score, doubt, described, error in answers:
                if error:
                    outcome.num_unreadable += 1
                    outcome.errors += [(name, error)][: MOST_ERRORS - len(outcome.errors)]
                    continue
                best = int(row.argmax())
                # With equal probabilities the first photos are kept; the counter keeps predictions from being compared.
                outcome.shortlist.add(Answered(photo, name, row.copy(), score > 1, float(doubt), described.copy()))
                group, order = (UNLIKE, score) if score > 1 else (best, -float(row[best]))
                entry = (order, -outcome.counts.total(), Prediction(photo, name, row, score))
                outcome.counts[best] += 1
                outcome.unlike[best] += group == UNLIKE
                heap = heaps.setdefault(group, [])
                if len(heap) < MOST_DOUBTFUL:
                    heapq.heappush(heap, entry)
                else:
                    heapq.heappushpop(heap, entry)
            progress.update(len(batch.photos))
    outcome.traits = {name: np.concatenate([np.empty(0), *(look[name] for look in looks)]) for name in TRAITS}
    outcome.doubtful = {
        number: [one for *_, one in sorted(heap, reverse=True)] for number, heap in sorted(heaps.items())
    }
    return outcome


@contextmanager
def open_tables(
    folder: Path, class_names: Sequence[str], sets: PredictionSets, decision: Decision | None = None
) -> Iterator[Write]:
    """Open predictions.csv and predictions.parquet, and yield a function that writes rows to both.

    It takes names [n], probabilities [n, k] and unlikenesses [n] with NaN for photos without them, and errors [n], and
    returns the decisions [n]. In the csv, numbers have nine significant digits, enough to restore a float32 exactly; a
    set of labels is a JSON array.
    """
    text, number = pa.string(), pa.float64()
    kinds = {
        "member": text,
        "label": text,
        "probability": number,
        **{f"probability_{name}": number for name in class_names},
        f"labels_{SHOWN}": pa.list_(text),
        "decision": text,
        "unlikeness": number,
        "unlike_training": pa.bool_(),
        "error": text,
    }
    schema = pa.schema(list(kinds.items()))
    pending: list[pa.RecordBatch] = []
    with ExitStack() as opened:
        file = opened.enter_context((folder / "predictions.csv").open("w", encoding="utf-8", newline=""))
        writer = TableWriter(file)
        writer.writerow(kinds)
        table = opened.enter_context(parquet.ParquetWriter(folder / "predictions.parquet", schema))

        def flush() -> None:
            if pending:
                table.write_table(pa.Table.from_batches(pending))
                pending.clear()

        def write(
            names: Sequence[str],
            probabilities: NDArray[np.float32],
            unlikeness: NDArray[np.float32],
            errors: Sequence[str],
        ) -> list[str | None]:
            values = probabilities.astype(np.float64)
            best = np.where(np.isnan(values), -1, values).argmax(axis=1)
            labels = [None if error else class_names[at] for at, error in zip(best, errors, strict=True)]
            top = values[np.arange(len(values)), best]
            named = sets.name(values, class_names)
            scores = unlikeness.astype(np.float64)
            unlike = [None if np.isnan(score) else bool(score > 1) for score in scores]
            decided: list[str | None] = [None] * len(values)
            if decision:
                decided = decision.name(values, class_names, scores)
            rows = zip(names, labels, top, values, named, decided, scores, unlike, errors, strict=True)
            for name, label, first, row, among, choice, score, is_unlike, error in rows:
                numbers = ["" if np.isnan(value) else f"{value:.9g}" for value in (first, *row, score)]
                listed = among and json.dumps(among, ensure_ascii=False)
                writer.writerow([name, label, *numbers[:-1], listed, choice, numbers[-1], is_unlike, error])
            filled = [pa.array(column, number, from_pandas=True) for column in (top, *values.T, scores)]
            texts = pa.array(named, kinds[f"labels_{SHOWN}"])
            parts = [pa.array(names), pa.array(labels, text), *filled[:-1], texts]
            parts += [pa.array(decided, text), filled[-1]]
            parts += [pa.array(unlike, pa.bool_()), pa.array(errors)]
            pending.append(pa.record_batch(parts, schema=schema))
            if sum(batch.num_rows for batch in pending) >= ROW_GROUP:
                flush()
            return decided

        yield write
        flush()
