"""What a person saw, as text."""

import io

import pytest
from tqdm import tqdm

from pawprint.photos.secrets import hide_secrets
from steps.transcript import Transcript


def seen(*pieces: str | bytes, limit: int = 10_000) -> str:
    kept = Transcript(limit)
    for piece in pieces:
        kept.feed(piece.encode() if isinstance(piece, str) else piece)
    return kept.text()


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("one\ntwo\n", "one\ntwo\n"),
        ("one\r\ntwo", "one\ntwo\n"),
        (" 10 %\r 50 %\r100 %\n", "100 %\n"),
        ("a long bar\r          \rdone\n", "done\n"),
        ("\x1b[1;31mred\x1b[0m text\n", "red text\n"),
        ("\x1b]0;a title\x07text\n", "text\n"),
        ("first 1\nsecond 1\n\x1b[A\x1b[Asecond becomes first\x1b[K\nx\n", "second becomes first\nxecond 1\n"),
        ("abc\x1b[2K\rd\n", "d\n"),
        ("abc\b\bX\n", "aXc\n"),
        ("bell\x07 \x00null\n", "bell null\n"),
        ("", ""),
        ("\n\n", ""),
    ],
)
def test_a_redrawn_line_is_what_it_was_last(written: str, text: str) -> None:
    assert seen(written) == text
    # However the pieces fall: in the middle of a character, or of a sequence.
    assert seen(*(bytes([byte]) for byte in written.encode())) == text


def test_bars_of_tqdm_leave_their_last_state_or_nothing() -> None:
    for leave in (True, False):
        terminal = io.StringIO()
        for _ in tqdm(range(50), file=terminal, leave=leave, desc="é photos", mininterval=0):
            pass
        text = seen("before\n", terminal.getvalue(), "after\n")
        assert text.count("é photos: 100%") == leave
        assert "é photos:  50%" not in text
        assert text.startswith("before\n")
        assert text.endswith("after\n")


def test_a_long_log_loses_its_middle_and_says_how_much() -> None:
    lines = [f"line {number:05}" for number in range(10_000)]
    text = seen(*(f"{line}\n" for line in lines), limit=10_000)
    kept = text.splitlines()
    assert 9_000 < len(text) < 12_000
    assert kept[:2] == lines[:2]
    assert kept[-2:] == lines[-2:]
    said = [line for line in kept if "left out" in line]
    assert said == [f"[{(len(lines) - len(kept) + 1) * 11} characters are left out here]"]


@pytest.mark.parametrize(
    "text",
    [
        "https://user:SECRET@host/x.zip",
        "postgresql://me:a/SECRET@host/db",
        "https://SECRET@github.com/a/b",
        "--source 'https://host/x.zip?X-Amz-Credential=SECRET&X-Amz-Signature=SECRET&a=1'",
        "https://account.blob/x?sv=1&sig=SECRET&se=2",
        "https://host/x?token=SECRET and access_token=SECRET",
        "Authorization: Bearer SECRETSECRET",
        "HF_TOKEN=SECRET password=SECRET",
    ],
)
def test_secrets_are_masked_wherever_they_stand(text: str) -> None:
    assert "SECRET" not in hide_secrets(text)
    assert "…" in hide_secrets(text)
    assert "SECRET" not in seen(f"{text}\n")


@pytest.mark.parametrize(
    "text", ["https://host/a@b.zip", "epoch 1/2  train_loss 0.5", "design=flat", "runs:/abc/dataset", "a token of luck"]
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide_secrets(text) == text
