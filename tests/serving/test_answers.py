"""Answers of workers, kept until all are there; with Ray: tests/e2e/test_cluster.py."""

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.dataset.decoding import USUAL
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos
from pawprint.serving import answers
from pawprint.serving.answers import Answered, Answerer, Asking, answer_on_cluster, answer_photos, clear_parts

SIDE = 16
ASKING = Asking(2, SIDE, USUAL, 3)


def brightness(pixels: np.ndarray) -> dict[str, np.ndarray]:
    mean = (pixels.mean(axis=(1, 2, 3), dtype=np.float64)[:, None] / 255).astype(np.float32)
    return {"probabilities": np.concatenate([1 - mean, mean], axis=1), "unlikeness": mean[:, 0]}


class Here:
    """Workers in this process, which count what they are asked."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def map(self, function: Callable[[Any], Any], slices: Iterable[Any], /) -> Iterator[Any]:
        for each in slices:
            self.asked.append(each[0])
            yield function(each)


@pytest.fixture
def collection(tmp_path: Path) -> PhotoCollection:
    """Eleven photos, one of them broken."""
    loose = tmp_path / "loose"
    loose.mkdir()
    for number in range(11):
        buffer = io.BytesIO()
        Image.new("L", (20, 10), 20 * number).save(buffer, "PNG")
        (loose / f"{number:02d}.png").write_bytes(b"no photo" if number == 3 else buffer.getvalue())
    fetch_photos(str(loose), tmp_path / "photos", keep_photos="reference", resolve_uri=Path, labelled=False)
    return load_photos(tmp_path / "photos", labelled=False)


@pytest.fixture
def answerer(collection: PhotoCollection, monkeypatch: pytest.MonkeyPatch) -> Answerer:
    monkeypatch.setattr(answers, "BATCH", 2)
    monkeypatch.setattr(answers, "SLICE", 4)
    answerer = Answerer(collection, Path, ASKING)
    monkeypatch.setitem(answerer.__dict__, "_answer", brightness)
    return answerer


def join(batches: Iterable[Answered]) -> dict[str, Any]:
    taken = list(batches)
    arrays = {name: np.concatenate([batch.traits[name] for batch in taken]) for name in taken[0].traits}
    return {
        "photos": [photo for batch in taken for photo in batch.photos],
        "errors": [error for batch in taken for error in batch.errors],
        "probabilities": np.concatenate([batch.probabilities for batch in taken]).tobytes(),
        "unlikeness": np.concatenate([batch.unlikeness for batch in taken]).tobytes(),
        **{name: values.tobytes() for name, values in arrays.items()},
    }


def test_slices_give_the_answers_of_one_machine(answerer: Answerer, tmp_path: Path) -> None:
    alone = join(answer_photos(answerer.collection, answerer.collection.photos, brightness, ASKING))
    assert join(answer_on_cluster(answerer, Here(), tmp_path / "parts")) == alone
    assert [bool(error) for error in alone["errors"]] == [number == 3 for number in range(11)]
    # Measured: photos 0, 6 and 9; number 3 is broken.
    assert np.isfinite(np.frombuffer(alone["brightness"])).nonzero()[0].tolist() == [0, 6, 9]


def test_what_was_answered_is_not_asked_again(answerer: Answerer, tmp_path: Path) -> None:
    expected = join(answer_on_cluster(answerer, Here(), tmp_path / "whole"))
    first, second = Here(), Here()
    interrupted = answer_on_cluster(answerer, first, tmp_path / "parts")
    next(interrupted), next(interrupted)
    interrupted.close()
    (tmp_path / "parts" / "part-0000000000.parquet").unlink()
    assert join(answer_on_cluster(answerer, second, tmp_path / "parts")) == expected
    assert (first.asked, second.asked) == ([0, 4], [0, 8])


def test_parts_of_other_photos_are_refused(answerer: Answerer, tmp_path: Path) -> None:
    join(answer_on_cluster(answerer, Here(), tmp_path / "parts"))
    answerer.collection.photos.reverse()
    with pytest.raises(UserError, match="of other photos"):
        join(answer_on_cluster(answerer, Here(), tmp_path / "parts"))


def test_old_parts_are_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "predictions" / "key").mkdir(parents=True)
    clear_parts(tmp_path / "predictions")
    assert (tmp_path / "predictions" / "key").exists()
    monkeypatch.setattr(answers, "MAX_AGE_SECONDS", -1)
    clear_parts(tmp_path / "predictions")
    assert not (tmp_path / "predictions" / "key").exists()
    clear_parts(tmp_path / "nowhere")
