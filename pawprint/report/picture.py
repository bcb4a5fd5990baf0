"""Draw the chain: source -> photos -> dataset -> model -> metrics, each box linked to its run; and draw curves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from mlflow.entities import Run

from pawprint.evaluation.style import shorten
from pawprint.report.graph import Lineage, Training
from pawprint.tracking.server import describe_server
from pawprint.tracking.tags import get_group, get_tag

LOCAL_SERVER = "http://127.0.0.1:5000"
"""Default address of `mlflow server`, for links if the store is not a server."""
BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN = 188, 84, 38, 8
"""Sizes in pixels."""
MOST_ROWS = 8
"""Most repeats that are drawn; the rest is only counted."""
_CHARACTERS = 25
"""Most characters in a line of a box."""
_STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #2b2f36 }
  .kind { font-weight: 600; font-size: 13px }
  .box { fill: #f6f8fa; stroke: #8a919c }
  .end { fill: #e8f1fb; stroke: #2f6db3 }
  .arrow { stroke: #8a919c; fill: none; stroke-width: 1.5 }
  .head { fill: #8a919c }
  a:hover rect, a:focus rect { stroke-width: 2.5 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6e8ec } .box { fill: #22262c; stroke: #79818d } .end { fill: #17304d; stroke: #6ea8e5 }
    .arrow { stroke: #79818d } .head { fill: #79818d }
  }
"""


@dataclass(frozen=True)
class _Box:
    kind: str
    lines: tuple[str, ...]
    run: Run | None = None
    end: bool = False


def run_url(run: Run) -> str:
    """Return the URL of a run's page."""
    uri = describe_server()  # without a password, since pages are sent to others
    server = uri.rstrip("/") if uri.startswith(("http://", "https://")) else LOCAL_SERVER
    return f"{server}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def draw_lineage(lineage: Lineage) -> str:
    """Return the chain as an SVG document with light and dark colours."""
    front = _front_boxes(lineage)
    rows = [_row_boxes(training) for training in lineage.trainings[:MOST_ROWS]]
    height = max(1, len(rows)) * (BOX_HEIGHT + 16) - 16 + 2 * MARGIN
    hidden = len(lineage.trainings) - len(rows)
    width = 2 * MARGIN + 5 * BOX_WIDTH + 4 * GAP
    middle = height / 2
    parts = []
    for column, box in enumerate(front):
        parts.append(_draw_box(box, column, middle))
        if column < len(front) - 1:
            parts.append(_draw_arrow(column, middle, middle))
    for number, boxes in enumerate(rows):
        y = MARGIN + BOX_HEIGHT / 2 + number * (BOX_HEIGHT + 16)
        parts.append(_draw_arrow(2, middle, y))
        for offset, box in enumerate(boxes):
            parts.append(_draw_box(box, 3 + offset, y))
            if offset:
                parts.append(_draw_arrow(2 + offset, y, y))
    if hidden:
        parts.append(f'<text x="{width - MARGIN}" y="{height + 10}" text-anchor="end">and {hidden} more repeats</text>')
        height += 20
    title = "From the source of the photos to the test metrics"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height:.0f}" width="{width}" '
        f'height="{height:.0f}" role="group" aria-label="{title}"><title>{title}</title><style>{_STYLE}</style>'
        + "".join(parts)
        + "</svg>\n"
    )


def write_dot(lineage: Lineage) -> str:
    """Return the chain as a graph in Graphviz's language, with all repeats."""
    front = _front_boxes(lineage)
    lines = ["digraph lineage {", "  rankdir=LR; node [shape=box, style=rounded];"]
    for number, box in enumerate(front):
        lines.append(f"  front{number} [label={_quote_dot(box)}];")
        if number:
            lines.append(f"  front{number - 1} -> front{number};")
    for row, training in enumerate(lineage.trainings):
        before = f"front{len(front) - 1}"
        for column, box in enumerate(_row_boxes(training)):
            lines += [f"  row{row}_{column} [label={_quote_dot(box)}];", f"  {before} -> row{row}_{column};"]
            before = f"row{row}_{column}"
    return "\n".join([*lines, "}"]) + "\n"


def _quote_dot(box: _Box) -> str:
    text = "\n".join([box.kind, *(line for line in box.lines if line)])
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _front_boxes(lineage: Lineage) -> list[_Box]:
    download, preprocess = lineage.download, lineage.preprocess
    source = str(get_tag(download, "source") or "") if download else "not known"
    photos = (f"sha256 {str(get_tag(download, 'photos_sha256'))[:12]}…",) if download else ("not known",)
    dataset = [f"digest {str(get_tag(preprocess, 'dataset_digest'))[:12]}…"] if preprocess else ["not known"]
    if preprocess and "image_size" in preprocess.data.params:
        dataset.insert(0, f"squares of {preprocess.data.params['image_size']} px")
    if preprocess and (corrected := get_group(preprocess, "corrections")):
        dataset.append(corrected["summary"])
    return [
        _Box("source", (source,)),
        _Box("photos", (*photos, _name_run(download)), download),
        _Box("dataset", (*dataset, _name_run(preprocess)), preprocess),
    ]


def _row_boxes(training: Training) -> list[_Box]:
    run = training.run
    name = (training.model.tags.get("pawprint.architecture") if training.model else None) or "model"
    begun = get_tag(run, "weights")
    lines = (f"{name}, seed {run.data.params.get('seed', '?')}", f"from {begun}" if begun else "", _name_run(run))
    boxes = [_Box("model", lines, run)]
    if training.evaluations:
        scored = training.evaluations[-1]
        metrics = scored.data.metrics
        scores = [f"{n.removeprefix('test_')} {metrics[n]:.3f}" for n in ("test_accuracy", "test_f1") if n in metrics]
        boxes.append(_Box("test metrics", (", ".join(scores), _name_run(scored)), scored, end=True))
    return boxes


def _name_run(run: Run | None) -> str:
    return f"run {run.info.run_id[:12]}…" if run else "run no longer known"


def _draw_box(box: _Box, column: int, y: float) -> str:
    x, top = MARGIN + column * (BOX_WIDTH + GAP), y - BOX_HEIGHT / 2
    lines = [("kind", box.kind), *(("", shorten(line, _CHARACTERS)) for line in box.lines if line)]
    start = y - (len(lines) - 1) * 8.5 + 4
    text = "".join(
        f'<text x="{x + 12}" y="{start + 17 * i:.1f}"{_css(css)}>{escape(line)}</text>'
        for i, (css, line) in enumerate(lines)
    )
    shape = (
        f'<rect class="{"end" if box.end else "box"}" x="{x}" y="{top:.1f}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
        f'rx="8"/>{text}'
    )
    # The text in the box is shortened; the title shows all of it.
    title = f"<title>{escape(', '.join(filter(None, box.lines)))}</title>"
    if box.run is None:
        return f"<g>{title}{shape}</g>"
    return f'<a href={quoteattr(run_url(box.run))} target="_blank">{title}{shape}</a>'


def _css(name: str) -> str:
    return f' class="{name}"' if name else ""


def _draw_arrow(column: int, start: float, end: float) -> str:
    left = MARGIN + column * (BOX_WIDTH + GAP) + BOX_WIDTH
    right = left + GAP - 7
    middle = (left + right) / 2
    return (
        f'<path class="arrow" d="M{left} {start:.1f} C{middle} {start:.1f} {middle} {end:.1f} {right} {end:.1f}"/>'
        f'<path class="head" d="M{right + 7} {end:.1f} l-8 -4.5 v9 z"/>'
    )


def draw_curves(
    histories: Sequence[Sequence[dict[str, float]]], name: str, *, title: str, width: int = 520, height: int = 260
) -> str:
    """Return a line chart of a metric over the epochs as SVG: training pale, validation strong, a line per repeat.

    Args:
        histories: for each repeat, an entry per epoch with `train_<name>` and perhaps `validation_<name>`.
        name: "loss" or "accuracy".
        title: title for screen readers.
        width: width in pixels.
        height: height in pixels.
    """
    left, right, top, bottom = 44, 10, 10, 30
    values = [row[key] for rows in histories for row in rows for key in _keys(name) if key in row]
    if not values:
        return ""
    epochs = max(len(rows) for rows in histories)
    ticks = _ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]

    def x(epoch: int) -> float:
        return left + (width - left - right) * ((epoch - 1) / (epochs - 1) if epochs > 1 else 0.5)

    def y(value: float) -> float:
        return top + (height - top - bottom) * (1 - (value - low) / (high - low))

    parts = [
        f'<line class="grid" x1="{left}" x2="{width - right}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>'
        f'<text x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        for tick in ticks
    ]
    marks = sorted({1, epochs, *range(max(1, epochs // 5), epochs, max(1, epochs // 5))} - {epochs - 1})
    parts += [f'<text x="{x(mark):.1f}" y="{height - 10}" text-anchor="middle">{mark}</text>' for mark in marks]
    for key in _keys(name):
        css = "train" if key.startswith("train") else "validation"
        for rows in histories:
            points = [(x(number), y(row[key])) for number, row in enumerate(rows, 1) if key in row]
            if len(points) == 1:
                parts.append(f'<circle class="{css} dot" cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="3"/>')
            elif points:
                line = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
                parts.append(f'<polyline class="{css}" points="{line}"/>')
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-label={quoteattr(title)}>'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def _keys(name: str) -> tuple[str, str]:
    return f"train_{name}", f"validation_{name}"


def _ticks(low: float, high: float) -> list[float]:
    """Return four to eight round numbers, from at most `low` to at least `high`.

    >>> _ticks(0.18, 0.93)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    span = max(high - low, 1e-6)
    step = 10 ** math.floor(math.log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 6)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 10) for number in range(first, max(last, first + 1) + 1)]
