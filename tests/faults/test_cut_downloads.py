"""Downloads over a bad line: they go on where they were, or begin again, and never mix two files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pawprint.fetch import http, partials, retries
from pawprint.fetch.download import fetch_url
from pawprint.fetch.errors import UnreachableError
from tests.faults.senders import DATA, OTHER, PAGE, RESUMABLE, WHOLE, Sender, kept, sending

pytestmark = pytest.mark.usefixtures("cache")

ROOT = Path(__file__).parents[2]
EXAMPLES = int(os.environ.get("PAWPRINT_TEST_CUTS", "40"))
CUTS = st.lists(st.integers(0, len(DATA) + 250), max_size=retries.FRUITLESS_TRIES - 1)


def test_cut_at_any_byte_it_goes_on_where_it_was() -> None:
    """In the status line, the headers, the first bytes, the overlap, the last byte: wherever it falls."""
    with sending(Sender()) as sender:

        @settings(max_examples=EXAMPLES)
        @given(cuts=CUTS)
        @example(cuts=[2158, 34])
        @example(cuts=[32])
        def check(cuts: list[int]) -> None:
            sender.cuts, sender.sent = list(cuts), 0
            with TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"PAWPRINT_CACHE": folder}):
                assert fetch_url(sender.url).path.read_bytes() == DATA
                assert kept(Path(folder)) == WHOLE
            assert sender.sent <= len(DATA) + len(cuts) * partials.OVERLAP_BYTES

        check()


def test_a_server_that_gives_no_parts_is_asked_for_the_whole_again() -> None:
    with sending(Sender(ranges=False)) as sender:

        @settings(max_examples=EXAMPLES)
        @given(cuts=CUTS, etag=st.booleans())
        def check(cuts: list[int], etag: bool) -> None:
            sender.cuts, sender.etag = list(cuts), '"1"' if etag else None
            with TemporaryDirectory() as folder, mock.patch.dict(os.environ, {"PAWPRINT_CACHE": folder}):
                assert fetch_url(sender.url).path.read_bytes() == DATA
                assert kept(Path(folder)) == WHOLE

        check()


def test_one_without_a_length_that_is_cut_is_fetched_again(send: Callable[[Sender], Sender]) -> None:
    sender = send(Sender(cuts=[9000], headers={"Content-Length": None}, etag=None))
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert len(sender.asked) == 2


def test_a_date_does_for_a_mark_if_it_is_older_than_the_answer(send: Callable[[Sender], Sender]) -> None:
    date = "Mon, 07 Oct 2019 10:00:00 GMT"
    sender = send(Sender(cuts=[9000], etag=None, heeds_if_range=False, headers={"Last-Modified": date}))
    fetch_url(sender.url)
    assert sender.asked[1]["If-Range"] == date
    fresh = send(Sender(cuts=[9000], etag=None, headers={"Last-Modified": "Mon, 07 Oct 2030 10:00:00 GMT"}))
    fetch_url(fresh.url)
    assert "Range" not in fresh.asked[1]


def test_it_ends_where_nothing_comes_any_more(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(cuts=[9000, *[0] * 20]))
    with pytest.raises(UnreachableError, match="hung up without an answer"):
        fetch_url(sender.url)
    assert len(sender.asked) == retries.FRUITLESS_TRIES
    # What came is not lost: the next run goes on with it.
    assert kept(cache) == RESUMABLE
    sender.cuts.clear()
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert sender.sent <= len(DATA) + partials.OVERLAP_BYTES


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Range": "bytes 0-99/100"},
        {"Content-Range": f"bytes 5-{len(DATA) - 1}/{len(DATA)}"},
        {"Content-Range": "pages 1-2/3"},
        {"Content-Range": None},
        {"Content-Range": "bytes 7000-9000/9001"},
    ],
)
def test_a_part_that_is_not_the_one_asked_for_is_not_taken(
    headers: dict[str, str | None], send: Callable[[Sender], Sender]
) -> None:
    sender = send(Sender(cuts=[9000]))

    def garble() -> None:
        sender.headers = headers

    sender.between = garble
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert "Range" in sender.asked[1]
    assert "Range" not in sender.asked[2]


@pytest.mark.parametrize("way", ["heeded", "told", "same mark", "same mark and same bytes at the joint"])
def test_a_file_that_changes_between_two_tries(way: str, send: Callable[[Sender], Sender], cache: Path) -> None:
    """The last two are servers that lie; what is cached is one file or the other, never a piece of each."""
    sender = send(Sender(cuts=[9000], heeds_if_range=way == "heeded"))

    def change() -> None:
        sender.data = OTHER
        if way in {"heeded", "told"}:
            sender.etag = '"2"'
        elif len(sender.asked) == 1 and way.endswith("joint"):
            (part,) = (cache / "downloads").glob("*.partial")
            at = part.stat().st_size
            sender.data = OTHER[: at - 2000] + DATA[at - 2000 : at] + OTHER[at:]

    sender.between = change
    got = fetch_url(sender.url).path.read_bytes()
    assert got == sender.data
    assert got != DATA


def test_a_page_instead_of_the_rest_does_no_harm_to_what_came(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(cuts=[9000]))

    def log_out() -> None:
        sender.data, sender.etag = PAGE, None

    sender.between = log_out
    with pytest.raises(UnreachableError, match="HTML page"):
        fetch_url(sender.url)
    assert kept(cache) == RESUMABLE
    sender.data, sender.etag, sender.between = DATA, '"1"', lambda: None
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert "Range" in sender.asked[-1]


def test_a_line_that_drips_is_given_up_and_gone_on_with(
    send: Callable[[Sender], Sender], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http, "STALL_SECONDS", 0.3)
    sender = send(Sender(drip_seconds=[0.01]))
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert "stalled" in caplog.text
    assert len(sender.asked) == 2


def test_a_line_that_falls_silent_is_given_up_and_gone_on_with(
    send: Callable[[Sender], Sender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "STALL_SECONDS", 0.3)
    sender = send(Sender(hang_after=[9000]))
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert sender.sent <= len(DATA) + partials.OVERLAP_BYTES


FETCH = "import sys; from pawprint.fetch.download import fetch_url; print(fetch_url(sys.argv[1]).path)"


def start_fetching(url: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", FETCH, url], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_killed_process_is_gone_on_with_by_the_next(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(hang_after=[15000]))
    process = start_fetching(sender.url)
    for _ in range(1000):
        if sum(path.stat().st_size for path in (cache / "downloads").glob("*.partial")) == 15000:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert kept(cache) == RESUMABLE
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert kept(cache) == WHOLE
    assert sender.sent == len(DATA) + partials.OVERLAP_BYTES


def test_two_processes_at_once_fetch_it_once(send: Callable[[Sender], Sender]) -> None:
    sender = send(Sender(drip_seconds=[0.001]))
    processes = [start_fetching(sender.url) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert len({path for path, _ in said}) == 1
    assert Path(said[0][0].strip()).read_bytes() == DATA
    # The second may have come so late that it found the file and asked for its version only.
    assert sender.sent <= len(DATA) + 70_000


def test_parts_that_nobody_went_on_with_are_dropped(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender())
    (cache / "downloads").mkdir(parents=True)
    old, young = cache / "downloads" / "a.partial", cache / "downloads" / "b.partial"
    for path in (old, young):
        path.write_bytes(b"PK")
    os.utime(old, (0, 0))
    fetch_url(sender.url)
    assert young.exists()
    assert not old.exists()


def test_a_damaged_note_begins_anew(send: Callable[[Sender], Sender], cache: Path) -> None:
    sender = send(Sender(cuts=[9000, *[0] * 4]))
    with pytest.raises(UnreachableError):
        fetch_url(sender.url)
    (note,) = (cache / "downloads").glob("*.partial.json")
    note.write_text(json.dumps([1]))
    assert fetch_url(sender.url).path.read_bytes() == DATA
    assert "Range" not in sender.asked[-1]
