"""Choose fonts that can draw a name: class names and file names come in every script.

DejaVu Sans, which matplotlib includes, has Latin, Greek, Cyrillic, Arabic and Hebrew. Noto Sans CJK (Chinese, Japanese,
Korean) and Noto Sans Devanagari (Hindi) come from packages in the lock. For other scripts the system's fonts are
searched; if none has a character, the name is written in ASCII, because a row of boxes names nothing.
"""

import logging
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from fontTools.ttLib import TTFont, TTLibError
from PIL import ImageDraw, ImageFont

LOG = logging.getLogger(__name__)

PACKAGED = (
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
    ("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf"),
    ("fontpkg_noto_sans_devanagari", "files/NotoSansDevanagari[[]wdth,wght].ttf"),
)
JOINERS = "\u200c\u200d"
"""Characters that join or separate letters and are invisible; used in Persian, Hindi and emojis."""


def choose_fonts(text: str) -> list[Path]:
    """Return the fonts a text needs, the packaged ones first; nothing for characters that no font has.

    >>> [path.stem for path in choose_fonts("Кошка 猫")]
    ['DejaVuSans', 'NotoSansCJKjp-Regular']
    """
    missing = _visible(text)
    chosen = []
    for path in _packaged():
        if missing and missing & _letters(path):
            chosen.append(path)
            missing -= _letters(path)
    for sign in sorted(missing):
        found = _find_system_font(sign) if sign in missing else None
        if found is not None:
            chosen.append(found)
            missing -= _letters(found)
    return chosen


def readable(text: str) -> str:
    r"""Return a text that can be drawn: characters that no font has become ASCII, control characters become `?`.

    >>> readable("cats\x07/猫.jpg")
    'cats?/猫.jpg'
    """
    if text.isascii() and text.isprintable():
        return text
    text = "".join(sign if sign.isprintable() or sign in JOINERS else "?" for sign in text)
    drawn: frozenset[str] = frozenset().union(*map(_letters, choose_fonts(text)))
    missing = _visible(text) - drawn
    if missing:
        _warn_once("".join(sorted(missing)[:10]))
    return "".join(_in_ascii(sign) if sign in missing else sign for sign in text)


def draw_text(
    draw: ImageDraw.ImageDraw, position: tuple[float, float], text: str, *, size: int, fill: str, anchor: str = "la"
) -> None:
    """Draw one line of text, each letter in a font that has it.

    Args:
        draw: The image to draw on.
        position: The start of the line, in pixels.
        text: Text in any script; right-to-left scripts and joined letters are laid out correctly.
        size: Size of the letters in pixels.
        fill: Colour.
        anchor: "la" if position is the line's upper edge, "lm" if it is its middle.
    """
    x, y = position
    baseline = y + size * (0.95 if anchor == "la" else 0.35)
    for font, part in _parts(readable(text), size):
        # The line itself runs from left to right, like a path, in whatever script its first letter is.
        direction = "ltr" if font.layout_engine == ImageFont.Layout.RAQM else None
        draw.text((x, baseline), part, fill, font, anchor="ls", direction=direction)
        x += font.getlength(part)


def measure_text(text: str, size: int) -> float:
    """Return the width of a line of text in pixels."""
    return sum(font.getlength(part) for font, part in _parts(readable(text), size))


def fit_text(text: str, *, size: int, width: float) -> str:
    """Return a text no wider than `width` pixels when drawn: a longer one is cut in the middle.

    Most of the kept part is the end, which is what differs between file names.
    """
    text = readable(text)
    if measure_text(text, size) <= width:
        return text

    def cut(kept: int) -> str:
        return f"{text[: kept // 3]}…{text[len(text) - kept + kept // 3 :]}"

    return cut(bisect_right(range(1, len(text)), width, key=lambda kept: measure_text(cut(kept), size)))


def _parts(text: str, size: int) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
    """Yield the parts of a text, each with its font: a single part if one font has all characters."""
    if text.isascii():
        yield _open(None, size), text
        return
    fonts = choose_fonts(text)
    whole = next((path for path in fonts if _visible(text) <= _letters(path)), None)
    if whole is not None or not fonts:
        yield _open(whole, size), text
        return
    chosen: list[Path] = []
    for sign in text:
        before = chosen[-1] if chosen else fonts[0]
        has_it = not _visible(sign) or sign in _letters(before)
        chosen.append(before if has_it else next((path for path in fonts if sign in _letters(path)), before))
    for path, signs in groupby(zip(chosen, text, strict=True), key=lambda pair: pair[0]):
        yield _open(path, size), "".join(sign for _, sign in signs)


@cache
def _open(path: Path | None, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size) if path is None else ImageFont.truetype(str(path), size)
    assert isinstance(font, ImageFont.FreeTypeFont)  # noqa: S101 - for mypy: Pillow's wheels have FreeType
    return font


def _visible(text: str) -> set[str]:
    """Return the characters that need a glyph: no spaces, and no characters that only affect their neighbours."""
    return {sign for sign in text if not sign.isspace() and sign not in JOINERS and not "\ufe00" <= sign <= "\ufe0f"}


@cache
def _packaged() -> tuple[Path, ...]:
    found: list[Path] = []
    for package, pattern in PACKAGED:
        spec = find_spec(package)  # finds the package without importing it
        if spec is not None and spec.origin is not None:
            found += Path(spec.origin).parent.glob(pattern)
    return tuple(found)


@cache
def _letters(path: Path) -> frozenset[str]:
    """Return the characters a font can draw; none if it is unreadable or has only coloured bitmaps."""
    try:
        with TTFont(path, lazy=True, fontNumber=0) as font:
            if not {"glyf", "CFF ", "CFF2"} & set(font.keys()) or {"sbix", "CBDT"} & set(font.keys()):
                return frozenset()
            return frozenset(map(chr, font.getBestCmap() or {}))
    except (OSError, TTLibError, ValueError, KeyError, AttributeError):
        return frozenset()


@cache
def _find_system_font(sign: str) -> Path | None:
    return next((path for path in _system_fonts() if sign in _letters(path)), None)


@cache
def _system_fonts() -> tuple[Path, ...]:
    """Return this machine's fonts, upright regular sans-serif fonts first."""
    from matplotlib.font_manager import findSystemFonts  # takes half a second, so only if needed

    def rank(path: Path) -> tuple[bool, bool, str]:
        return "Regular" not in path.stem, "Sans" not in path.stem, str(path)

    # macOS has a font with a box for every character.
    return tuple(sorted((path for path in map(Path, findSystemFonts()) if path.stem != "LastResort"), key=rank))


def _in_ascii(sign: str) -> str:
    """Return a pictogram's name or a letter's code in ASCII, as Python would write it."""
    if unicodedata.category(sign) == "So" and (name := unicodedata.name(sign, "")):
        return f"[{name.lower()}]"
    return sign.encode("unicode_escape").decode()


@cache
def _warn_once(signs: str) -> None:
    LOG.warning(
        "pictures: no font here has %s; such letters are written as %s in pictures. A font of Noto's that has them, "
        "installed on this system, is found",
        signs,
        _in_ascii(signs[0]),
    )
