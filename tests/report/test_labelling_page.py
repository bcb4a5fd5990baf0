"""predict's review.html: photos without a label, the most valuable first."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawprint.dataset.decoding import USUAL
from pawprint.photos.collection import load_photos
from pawprint.photos.sources import fetch_photos
from pawprint.report import review_page
from pawprint.report.labelling_page import build_labelling_page
from pawprint.serving.labelling import Answered

EVIL = "<script>alert(1)</script>"


def build(source: Path, folder: Path, number: int) -> tuple[str, list[str]]:
    """Return the page of the first photos of a source, and the digests of their files."""
    fetch_photos(str(source), folder / "photos", keep_photos="reference", resolve_uri=Path, labelled=False)
    collection = load_photos(folder / "photos", labelled=False)
    answer = np.array([0.4, 0.6], np.float32)
    chosen = [
        Answered(photo, collection.name(photo), answer, place == 0, 0.8, np.empty(0, np.float32))
        for place, photo in enumerate(collection.photos[:number])
    ]
    page = build_labelling_page(
        "0" * 32, chosen, collection, photos="runs:/1f/photos", class_names=("cats", EVIL), decoding=USUAL
    )
    return page, [hashlib.sha256(collection.read(one.photo)).hexdigest() for one in chosen]


def read_content(page: str) -> dict[str, Any]:
    found = re.search(r'id="content">(.*?)</script>', page, re.DOTALL)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_it_asks_for_labels_that_nobody_gave(tiny_photos: Callable[..., Path], tmp_path: Path) -> None:
    page, digests = build(tiny_photos(photos=4), tmp_path, 3)
    content = read_content(page)
    assert [photo["digest"] for photo in content["photos"]] == digests
    assert {(photo["label"], photo["original"], photo["split"]) for photo in content["photos"]} == {("", "", "")}
    assert content["photos"][0]["answers"] == [[EVIL, 0.6], ["cats", 0.4]]
    assert [photo["why"][0][:6] for photo in content["photos"]] == ["Unlike", "A mode", "A mode"]
    assert all(photo["photo"].startswith("data:image/jpeg;base64,") for photo in content["photos"])
    assert "-P more=runs:/1f/photos" in page
    assert EVIL not in page


def test_it_stays_small(tiny_photos: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(review_page, "MOST_PHOTOS", 5)
    page, _ = build(tiny_photos(photos=4), tmp_path, 8)
    assert len(read_content(page)["photos"]) == 5
    assert "3 more photos are worth a label" in page
