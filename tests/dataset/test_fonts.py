"""Names of every script in pictures: letters, not boxes."""

import logging
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pawprint.dataset import fonts
from pawprint.dataset.fonts import draw_text, fit_text, measure_text, readable
from pawprint.dataset.preview import write_preview
from pawprint.evaluation.confusion import write_confusion_matrix
from pawprint.evaluation.style import shorten

# Two names of a length: as boxes they look the same.
TWINS = {
    "Russian": ("кошка", "мошка"),
    "Greek": ("γάτα", "γάζα"),
    "Hindi": ("बाघ", "बाज"),
    "Chinese": ("猫", "狗"),
    "Japanese": ("ねこ", "いぬ"),
    "Korean": ("고양이", "강아지"),
    "Arabic": ("قطة", "قصة"),
    "Hebrew": ("חתול", "חמור"),
    "mixed": ("猫 бык", "狗 бык"),
}


@pytest.fixture(autouse=True)
def without_system_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn must not depend on what this machine happens to have."""
    monkeypatch.setattr(fonts, "_system_fonts", tuple)
    fonts._find_system_font.cache_clear()
    fonts._warn_once.cache_clear()


def draw_preview(path: Path, label: str) -> bytes:
    pixels = np.zeros((8, 8, 3), np.uint8)
    write_preview(path, {"train": [(label, pixels), ("dogs", pixels)]})
    return Image.open(path).tobytes()


def draw_matrix(path: Path, label: str) -> bytes:
    write_confusion_matrix([[3, 1], [0, 4]], [label, "dogs"], path)
    return Image.open(path).tobytes()


@pytest.mark.parametrize("draw", [draw_preview, draw_matrix])
@pytest.mark.parametrize("language", TWINS)
def test_two_names_look_different(tmp_path: Path, language: str, draw) -> None:
    first, second = TWINS[language]
    assert readable(first) == first
    assert draw(tmp_path / "1.png", first) != draw(tmp_path / "2.png", second)


def test_arabic_letters_are_joined_and_hindi_vowels_stand_where_they_are_read() -> None:
    assert measure_text("ببب", 40) < 0.8 * 3 * measure_text("ب", 40)
    short_i, alone = "कि", "क"  # the vowel is written first, though it is stored last
    canvas = Image.new("L", (200, 100), "white")
    draw_text(ImageDraw.Draw(canvas), (10, 20), short_i, size=60, fill="black")
    with_vowel = np.asarray(canvas)
    canvas = Image.new("L", (200, 100), "white")
    draw_text(ImageDraw.Draw(canvas), (10, 20), alone, size=60, fill="black")
    left = slice(0, 10 + int(0.4 * measure_text(alone, 60)))
    assert np.abs(with_vowel[:, left].astype(int) - np.asarray(canvas)[:, left]).mean() > 5


def test_what_no_font_has_is_written_in_ascii_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        assert readable("\U0001f9ff 1 \U00013000") == "[nazar amulet] 1 \\U00013000"
    (message,) = caplog.messages
    assert "\U00013000" in message
    assert "A font of Noto's that has them" in message


def test_a_system_font_that_has_the_letters_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    rune = "ᚠ"
    assert readable(rune) != rune
    monkeypatch.setattr(fonts, "_system_fonts", lambda: (Path("broken.ttf"), Path("runes.ttf")))
    monkeypatch.setattr(fonts, "_letters", lambda path: frozenset(rune) if path == Path("runes.ttf") else frozenset())
    fonts._find_system_font.cache_clear()
    assert fonts.choose_fonts(rune) == [Path("runes.ttf")]
    fonts._find_system_font.cache_clear()


@pytest.mark.parametrize("name", ["می\u200cخواهم", "क्\u200dष", "☎\ufe0f"])
def test_what_joins_letters_is_neither_drawn_nor_replaced(name: str) -> None:
    assert readable(name) == name


def test_a_name_cannot_turn_the_text_around_it() -> None:
    assert readable("cats\u202egpj.1") == "cats?gpj.1"


@pytest.mark.parametrize("text", ["x" * 500, "猫" * 500, "cats/" + "狗" * 60 + "/0001.jpg"])
def test_a_long_name_is_cut_in_the_middle_and_fits_the_width(text: str) -> None:
    fitted = fit_text(text, size=13, width=300)
    assert 250 < measure_text(fitted, 13) <= 300
    start, _, end = fitted.partition("…")
    assert text.startswith(start)
    assert text.endswith(end)
    assert 0 < len(start) < len(end)


def test_what_stands_beside_an_arabic_name_stays_where_it_is() -> None:
    """Else the percentage is drawn to the left of the name that it belongs to."""
    assert shorten("قطة", 24) == "\u200eقطة\u200e"
    assert shorten("cats", 24) == "cats"


def test_wide_signs_count_twice() -> None:
    short = shorten("猫" * 30, 24)
    assert sum(2 if unicodedata.east_asian_width(sign) == "W" else 1 for sign in short) <= 24
