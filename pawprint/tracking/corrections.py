"""Read the corrections that a parameter names, from this machine or from runs."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

from pawprint.base.errors import UserError
from pawprint.dataset.corrections import (
    Correction,
    check_corrections,
    list_sources,
    merge_corrections,
    read_corrections,
)
from pawprint.tracking.artifacts import open_artifact


def load_corrections(value: str) -> list[Correction]:
    """Return the corrections that count, of all files and URIs of the parameter; none if it is empty.

    Raises:
        UserError: one of them is missing, or no corrections.csv.
    """
    check_corrections(value)
    ranks = []
    for rank in list_sources(value):
        rows: list[Correction] = []
        for source in rank:
            with _open(source) as path:
                rows += read_corrections(path, source)
        ranks.append(rows)
    return merge_corrections(ranks)


def digest_corrections(value: str) -> str:
    """Return the sha256 of the corrections that count, the same for the same rows, whatever their files are called."""
    rows = [astuple(row) for row in load_corrections(value)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def tag_corrections(description: Mapping[str, Any], run_id: str) -> dict[str, object] | None:
    """Return the tag of a run of preprocess that corrected labels, and of main: what was done, and where all is listed.

    Args:
        description: dataset.json.
        run_id: the run of preprocess.
    """
    facts = description.get("corrections")
    if facts is None:
        return None
    return {
        "uri": f"runs:/{run_id}/dataset/corrections.csv",
        "summary": facts["summary"],
        "run": facts["runs"][-1] if facts["runs"] else None,
        "test_photos": facts["test_photos"],
    }


@contextmanager
def _open(source: str) -> Iterator[Path]:
    if not source.startswith("runs:/"):
        yield Path(source).expanduser()
        return
    with open_artifact(source, expected="runs:/<run id>/<path>/corrections.csv") as path:
        if not path.is_file():
            raise UserError(f"{source} is a folder; expected the corrections.csv in it")
        yield path
