"""The common style of all pictures, set only while a picture is drawn.

Figures are made from matplotlib's objects, never through pyplot, which would choose a screen backend and keep every
figure in memory. Class names and member names come from strangers: they are never parsed as formulas, and long ones
are cut in the middle.
"""

import math
import unicodedata
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from pawprint.dataset.fonts import choose_fonts, readable

INK = "#2b2f36"
SOFT = "#8a919c"
GRID = "#e6e8ec"
BLUE = "#2f6db3"
ORANGE = "#d9822b"
RED = "#c0413b"
GREEN = "#3d8f5f"
# Paul Tol's "muted" scheme, for any colour vision; with more classes than colours, the line's dashes change.
LINES = ("#332288", "#cc6677", "#117733", "#88ccee", "#aa4499", "#ddaa33")
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)))

SETTINGS: dict[Any, Any] = {
    "figure.constrained_layout.w_pad": 0.14,
    "figure.constrained_layout.h_pad": 0.14,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.labelsize": 10,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 2,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@contextmanager
def draw_figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure to draw on, and write it as a PNG (110 dots per inch) if the block ends without an error.

    Args:
        path: the PNG file; the same picture gives the same bytes.
        width: inches.
        height: inches.
    """
    with mpl.rc_context(SETTINGS), warnings.catch_warnings():
        # `shorten` already replaces characters that no font has, so the warning would be noise on the console.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        set_fonts(figure)
        figure.savefig(path, format="png", metadata={"Software": None})


def set_fonts(figure: Figure) -> None:
    """Set the fonts that the figure's texts need; matplotlib uses the first font that has a character."""
    for axes in figure.axes:
        axes.get_xticklabels()  # matplotlib creates them only on request
        axes.get_yticklabels()
    texts = figure.findobj(Text)
    paths = choose_fonts("".join(text.get_text() for text in texts))
    families = [*SETTINGS["font.family"], *map(_add_font, paths)]
    for text in texts:
        text.set_fontfamily(list(dict.fromkeys(families)))


@cache
def _add_font(path: Path) -> str:
    """Register a font with matplotlib and return its family."""
    known = font_manager.fontManager
    if not any(entry.fname == str(path) for entry in known.ttflist):
        known.addfont(path)
    return next(str(entry.name) for entry in known.ttflist if entry.fname == str(path))


def shorten(text: str, length: int) -> str:
    """Shorten a text to `length` characters by cutting out its middle; East Asian characters count twice.

    >>> shorten("norwegian forest cat", 12), shorten("挪威森林猫和它的孩子们", 12)
    ('norweg…t cat', '挪威森…子们')
    """
    text = readable(text)
    # Without the mark, text beside an Arabic or Hebrew name would also be laid out from right to left.
    mark = "\u200e" if any(unicodedata.bidirectional(sign) in {"R", "AL"} for sign in text) else ""
    widths = [2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text]
    if sum(widths) <= length:
        return f"{mark}{text}{mark}"
    tail = (length - 1) // 2
    head = bisect_right(list(accumulate(widths)), length - 1 - tail)
    end = bisect_right(list(accumulate(reversed(widths))), tail)
    return f"{mark}{text[:head]}…{text[len(text) - end :]}{mark}"


def percent(share: float) -> str:
    """Return a share as a percentage; only exactly all or nothing reads as 100 % or 0 %.

    >>> percent(0.9996), percent(1.0), percent(0.914)
    ('> 99.9 %', '100 %', '91.4 %')
    """
    if math.isclose(share, 1.0, abs_tol=1e-9) or share == 0:
        return f"{share:.0%}".replace("%", " %")
    if share > 0.9995:
        return "> 99.9 %"
    if share < 0.0005:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"
