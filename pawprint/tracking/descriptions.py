"""The description on a run's page in MLflow: Markdown with tables and links to inputs and outputs."""

import re
from collections.abc import Mapping, Sequence

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from pawprint.labels.summary import format_counts
from pawprint.tracking.tags import MAX_TAG_CHARACTERS, NOTE_TAG, get_tag

MOST_CLASSES = 20
"""Most classes that get a column each in a table of counts."""


def describe_run(*paragraphs: str) -> None:
    """Set the description of the active run; empty paragraphs are left out."""
    mlflow.set_tag(NOTE_TAG, "\n\n".join(part for part in paragraphs if part)[:MAX_TAG_CHARACTERS])


def link(uri: str) -> str:
    """Return a link to the page of a run's artifact or of a model; the URI as text if there is no such page.

    Args:
        uri: `runs:/<run id>/<path>` or `models:/<model id>`.
    """
    scheme, _, rest = uri.partition(":/")
    identifier, _, path = rest.strip("/").partition("/")
    client = MlflowClient()
    try:
        if scheme == "runs":
            experiment = client.get_run(identifier).info.experiment_id
            return f"[{path}](#/experiments/{experiment}/runs/{identifier}/artifacts/{path})"
        if scheme == "models" and identifier.startswith("m-"):
            experiment = client.get_logged_model(identifier).experiment_id
            return f"[{identifier}](#/experiments/{experiment}/models/{identifier})"
    except MlflowException:
        pass  # unknown to this server: show the URI as text
    return code(uri)


def code(text: str) -> str:
    """Return text as Markdown code, so that its characters are shown unchanged.

    >>> code("a*b"), code("a`b"), code("a``b")
    ('`a*b`', '`` a`b ``', '``` a``b ```')
    """
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (max(map(len, re.findall("`+", text))) + 1)  # longer than any in the text, which could end it
    return f"{fence} {text} {fence}"


def format_count_table(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Return a table of photos by split and class; with many classes, a line for each split."""
    classes = sorted({name for split in counts.values() for name in split})
    if len(classes) > MOST_CLASSES:
        return list_lines(format_counts(counts))
    rows = [[split, *(str(photos.get(name, 0)) for name in classes)] for split, photos in counts.items()]
    return format_table(["split", *map(code, classes)], rows)


def list_lines(lines: Sequence[str]) -> str:
    """Return lines as a Markdown list, each unchanged."""
    return "\n".join(f"- {code(line)}" for line in lines)


def format_metrics(metrics: Mapping[str, float]) -> str:
    """Return a table of test metrics and their intervals."""
    names = [name for name in metrics if not name.endswith(("_low", "_high"))]
    rows = []
    for name in names:
        low, high = metrics.get(f"{name}_low"), metrics.get(f"{name}_high")
        interval = "" if low is None or high is None else f"{low:.3f} to {high:.3f}"
        rows.append([name, f"{metrics[name]:.4f}", interval])
    return format_table(["metric", "value", "95 % interval"], rows)


def format_steps(steps: Sequence[Run]) -> str:
    """Return a table of the steps that a run started."""
    rows = [
        [
            f"[{run.info.run_name}](#/experiments/{run.info.experiment_id}/runs/{run.info.run_id})",
            "reused" if get_tag(run, "cached_from") else run.info.status.lower(),
            f"{(run.info.end_time - run.info.start_time) / 1000:.0f} s" if run.info.end_time else "",
        ]
        for run in steps
    ]
    return format_table(["step", "status", "time"], rows)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; bars in cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
