import io
import json
import shutil
import tarfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pawprint.base.errors import UserError
from pawprint.fetch import download, http
from pawprint.fetch.errors import UnreachableError
from pawprint.photos import sources
from pawprint.photos.collection import load_photos
from pawprint.photos.manifest import Manifest
from pawprint.photos.sources import fetch_photos

# Drive's page as it stands for files over 100 MB, cut to what is looked at.
CONFIRMATION_PAGE = """<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title></head><body>
<p class="uc-warning-caption">Google Drive can't scan this file for viruses.</p>
<form id="download-form" action="{action}" method="get">
<input type="submit" id="uc-download-link" class="goog-inline-block" value="Download anyway"/>
<input type="hidden" name="id" value="{id}"><input type="hidden" name="export" value="download">
<input type="hidden" name="confirm" value="t"><input type="hidden" name="uuid" value="5f0e-aa&amp;b"></form>
</body></html>"""
FILE_ID = "1AbC_dEf-0123456789"


def fetch(source: str, folder: Path, keep_photos: str = "copy") -> Manifest:
    return fetch_photos(source, folder, keep_photos=keep_photos, resolve_uri=Path)


@pytest.mark.parametrize("length", [-1, None])
def test_a_url_with_or_without_a_content_length(length: int | None, site: Any, tiny_zip: Path, tmp_path: Path) -> None:
    url = site.give_file("/my%20pets.zip", tiny_zip.read_bytes(), length=length)
    manifest = fetch(url, tmp_path / "photos")
    assert manifest.url == manifest.source == url
    assert manifest.counts == {"unassigned": {"cats": 6, "dogs": 6}}
    assert next((tmp_path / "photos").glob("*.zip")).read_bytes() == tiny_zip.read_bytes()


def test_a_url_of_a_tar(site: Any, tiny_photos: Callable[..., Path], tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as archive:
        archive.add(tiny_photos(), "pets")
    url = site.give_file("/pets.tar.xz", buffer.getvalue(), kind="application/x-xz")
    manifest = fetch(url, tmp_path / "photos")
    assert manifest.archives[0].file == "pets.zip"
    referred = fetch(url, tmp_path / "b", "reference")
    assert referred.sha256 == manifest.sha256
    assert len(load_photos(tmp_path / "b").photos) == 12


def test_the_second_time_comes_from_the_cache_as_of_the_first(
    site: Any, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = site.give_file("/pets.zip", tiny_zip.read_bytes(), etag='"1"')
    first = fetch(url, tmp_path / "a")
    monkeypatch.setattr(download, "now", lambda: "2100-01-01T00:00:00+00:00")
    second = fetch(url, tmp_path / "b")
    assert second.sha256 == first.sha256
    assert second.retrieved_at == first.retrieved_at
    # The sender is away: what was had is taken.
    del site.answers["/pets.zip"]
    assert fetch(url, tmp_path / "c").retrieved_at == first.retrieved_at


def test_what_changed_at_the_senders_is_fetched_again(
    site: Any, tiny_zip: Path, tiny_photos: Callable[..., Path], tmp_path: Path
) -> None:
    url = site.give_file("/pets.zip", tiny_zip.read_bytes(), etag='"1"')
    first = fetch(url, tmp_path / "a")
    other = shutil.make_archive(str(tmp_path / "other"), "zip", tiny_photos(seed=1, name="others"))
    site.give_file("/pets.zip", Path(other).read_bytes(), etag='"2"')
    second = fetch(url, tmp_path / "b")
    assert second.sha256 != first.sha256
    assert download.read_version(url).startswith('"2"')


def test_a_sender_that_tells_no_version_is_asked_for_the_whole_again(site: Any, tiny_zip: Path, tmp_path: Path) -> None:
    url = site.give_file("/pets.zip", tiny_zip.read_bytes())
    assert download.read_version(url) is None
    fetch(url, tmp_path / "a")
    site.give_file("/pets.zip", tiny_zip.read_bytes()[:-30])
    with pytest.raises(UserError):
        fetch(url, tmp_path / "b")


def test_a_damaged_cache_is_not_used(site: Any, tiny_zip: Path, tmp_path: Path, kept: Callable[[], list[Path]]) -> None:
    url = site.give_file("/pets.zip", tiny_zip.read_bytes())
    first = fetch(url, tmp_path / "a")
    (cached,) = [path for path in kept() if path.suffix != ".json"]
    cached.write_bytes(cached.read_bytes()[:-1])
    assert fetch(url, tmp_path / "b").sha256 == first.sha256
    assert len(site.asked) == 2


def test_a_signed_address_is_not_written_into_the_cache(site: Any, tiny_zip: Path, alone: Path) -> None:
    url = site.give_file("/pets.zip", tiny_zip.read_bytes())
    download.fetch_url(f"{url}?signature=secret")
    (record,) = (alone / "downloads").glob("*.json")
    assert json.loads(record.read_text())["url"] == url


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("<html><head><title>Sign in</title></head></html>", r"an HTML page \('Sign in'\) instead of a zip or tar"),
        ("<html><head><title>Index of /photos</title></head></html>", r"list of a web folder .* `wget -r -np http"),
        (
            "<html><title>Directory listing for /photos/</title></html>",
            "name the folder, or name a zip or tar within it",
        ),
        ("just some words", "it looks like text: 'just some words'"),
    ],
)
def test_a_page_instead_of_an_archive_is_never_kept(
    page: str, words: str, site: Any, tmp_path: Path, kept: Callable[[], list[Path]]
) -> None:
    url = site.give_page("/pets.zip", page)
    with pytest.raises(UserError, match=words):
        fetch(url, tmp_path / "photos")
    assert not kept()
    assert not (tmp_path / "photos").exists()


def test_a_transfer_that_breaks_off_is_never_kept(
    site: Any, tiny_zip: Path, tmp_path: Path, kept: Callable[[], list[Path]]
) -> None:
    data = tiny_zip.read_bytes()
    url = site.give_file("/pets.zip", data[:-100], length=len(data))
    with pytest.raises(UserError, match="broke off"):
        fetch(url, tmp_path / "photos")
    cut = site.give_file("/cut.zip", data[:-100], length=None)
    with pytest.raises(UserError, match="cut short"):
        fetch(cut, tmp_path / "photos")
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w:gz") as archive:
        archive.add(tiny_zip, "cats/1.jpg")
    cut = site.give_file("/cut.tar.gz", tar.getvalue()[:-1000], length=None)
    with pytest.raises(UserError, match="cut short"):
        fetch(cut, tmp_path / "photos")
    assert not kept()


def test_errors_give_way_to_the_next_source_with_their_reasons(site: Any, tiny_zip: Path, tmp_path: Path) -> None:
    missing = site.url + "/missing.zip"
    away = "http://127.0.0.1:9/pets.zip"  # the port of `discard`: nobody listens
    failing = site.give_error("/failing.zip", 503)
    page = site.give_page("/page.zip", "<html><title>Oops</title></html>")
    good = site.give_file("/good.zip", tiny_zip.read_bytes())
    manifest = fetch(f"{missing},{away},{failing},{page},{good},synthetic", tmp_path / "photos")
    assert manifest.source == good
    assert [one["source"] for one in manifest.fallback] == [missing, away, failing, page]
    reasons = [one["reason"] for one in manifest.fallback]
    for reason, words in zip(reasons, ["answers 404", "connection refused", "answers 503", "HTML page"], strict=True):
        assert words in reason


def test_one_source_alone_never_falls_back(site: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="answers 404"):
        fetch(site.url + "/missing.zip", tmp_path / "photos")


def test_a_server_that_does_not_answer_gives_way_in_time(
    site: Any, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "WAIT_SECONDS", 0.3)
    done = threading.Event()
    site.answers["/hanging.zip"] = lambda _: done.wait(20)
    started = time.monotonic()
    manifest = fetch(f"{site.url}/hanging.zip,{tiny_zip}", tmp_path / "photos")
    done.set()
    assert time.monotonic() - started < 10
    assert "no answer within" in manifest.fallback[0]["reason"]


def test_a_name_that_cannot_be_resolved(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its name cannot be resolved"):
        fetch("http://no-such-host.invalid/pets.zip", tmp_path / "photos")


@pytest.fixture
def drive(site: Any, tiny_zip: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Start Drive: /uc redirects to /download, which gives the file once the form has been sent."""
    give = site.give_file("/file", tiny_zip.read_bytes())
    page = CONFIRMATION_PAGE.format(action=f"{site.url}/download", id=FILE_ID)
    site.give_redirect("/uc", f"{site.url}/download?id={FILE_ID}&export=download")
    give, ask = site.answers["/file"], (site.give_page("/page", page), site.answers["/page"])[1]
    confirmed = f"/download?id={FILE_ID}&export=download&confirm=t&uuid=5f0e-aa%26b"
    site.answers["/download"] = lambda handler: (give if handler.path == confirmed else ask)(handler)
    monkeypatch.setattr(http, "DRIVE_URL", f"{site.url}/uc")
    return site


def test_drive_with_its_confirmation_page(drive: Any, tiny_zip: Path, tmp_path: Path) -> None:
    manifest = fetch(f"gdrive:{FILE_ID}", tmp_path / "photos")
    assert len(drive.asked) == 3
    assert (tmp_path / "photos" / f"{FILE_ID}.zip").read_bytes() == tiny_zip.read_bytes()
    assert manifest.url == f"{drive.url}/uc?export=download&id={FILE_ID}"


def test_drive_without_a_confirmation_page(drive: Any, tmp_path: Path) -> None:
    drive.answers["/uc"] = drive.answers["/file"]
    assert fetch(f"gdrive:{FILE_ID}", tmp_path / "photos").counts
    assert len(drive.asked) == 1


def test_drives_other_pages_are_named_by_their_title(drive: Any, tmp_path: Path) -> None:
    drive.give_page("/uc", "<html><head><title>Google Drive - Quota exceeded</title></head></html>")
    with pytest.raises(UserError, match="'Google Drive - Quota exceeded'; share the file with anyone"):
        fetch(f"gdrive:{FILE_ID}", tmp_path / "photos")


@pytest.mark.parametrize("source", ["cat-and-dog", f"gdrive:{FILE_ID}", "plain"])
def test_remote_photos_by_reference_are_fetched_again_where_the_cache_is_gone(
    source: str, site: Any, kaggle: tuple[Any, Any], drive: Any, tiny_zip: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    plain = site.give_file("/plain.zip", tiny_zip.read_bytes())
    manifest = fetch(plain if source == "plain" else source, tmp_path / "photos", "reference")
    assert sorted(path.name for path in (tmp_path / "photos").iterdir()) == ["manifest.json", "photos.csv"]
    assert manifest.archives[0].location == manifest.url
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "another cache"))
    collection = load_photos(tmp_path / "photos")
    assert collection.read(collection.photos[0])
    assert kaggle
    assert drive


def test_remote_photos_by_reference_that_changed(
    site: Any, tiny_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = site.give_file("/pets.zip", tiny_zip.read_bytes())
    fetch(url, tmp_path / "photos", "reference")
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "another cache"))
    site.give_file("/pets.zip", tiny_zip.read_bytes()[:-2] + b"\x01\x00!")
    with pytest.raises(UserError, match=r"sha256 differs|cut short"):
        load_photos(tmp_path / "photos")


def test_a_cache_that_cannot_be_made(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match="name another folder in PAWPRINT_CACHE"):
        fetch(site.url + "/pets.zip", tmp_path / "photos")


def test_a_file_of_another_kind_enters_the_cache_if_the_caller_accepts_it(site: Any) -> None:
    def check(path: Path) -> None:
        if path.read_bytes() != b"weights":
            raise UserError("no file of weights")

    url = site.give_file("/w.safetensors", b"weights")
    assert download.fetch_url(url, check=check).path.read_bytes() == b"weights"
    with pytest.raises(UnreachableError, match=r"other gives no file of weights"):
        download.fetch_url(site.give_file("/other", b"others"), check=check)
