"""Equal identities, equal photos."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pawprint.photos.identity import identify_source
from pawprint.photos.sources import fetch_photos


def identify(source: str) -> str | None:
    return identify_source(source, resolve_uri=Path)


def test_a_folder_is_known_by_its_photos(tiny_photos: Callable[..., Path]) -> None:
    folder = tiny_photos()
    before = identify(str(folder))
    assert identify(str(folder)) == before
    photo = folder / "cats" / "0001.jpg"
    data = photo.read_bytes()
    photo.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert identify(str(folder)) != before
    photo.write_bytes(data)
    photo.rename(folder / "dogs" / "0009.jpg")
    assert identify(str(folder)) != before


def test_a_zip_is_known_by_its_bytes(tiny_zip: Path) -> None:
    before = identify(str(tiny_zip))
    tiny_zip.write_bytes(tiny_zip.read_bytes() + b" ")
    assert identify(str(tiny_zip)) != before


def test_drawn_photos_are_known_by_number_and_seed() -> None:
    assert identify("synthetic:10:1") != identify("synthetic:10:2")


def test_the_first_that_can_be_reached_counts(tiny_zip: Path, site: Any) -> None:
    url = site.give_error("/gone.zip", 404)
    assert identify(f"{url},{tiny_zip}") == identify(str(tiny_zip))
    assert identify(url) is None


@pytest.mark.parametrize(("etag", "known"), [('"a"', True), ('W/"a"', False), (None, False)])
def test_a_url_is_known_by_what_the_server_tells(etag: str | None, known: bool, tiny_zip: Path, site: Any) -> None:
    url = site.give_file("/pets.zip", tiny_zip.read_bytes(), etag=etag)
    assert (identify(url) is not None) == known


def test_photos_of_another_run_and_a_pair(tiny_photos: Callable[..., Path], tmp_path: Path) -> None:
    folder = tiny_photos()
    manifest = fetch_photos(str(folder), tmp_path / "photos", keep_photos="copy", resolve_uri=Path)
    told = identify_source("runs:/abc/photos", resolve_uri=lambda _: tmp_path / "photos")
    assert told is not None
    assert manifest.sha256 in told
    test = shutil.make_archive(str(tmp_path / "test"), "zip", folder)
    pair = identify(f"train={folder}+test={test}")
    assert pair is not None
    assert "train=" in pair
    assert identify(f"train={test}+test={folder}") != pair
