"""Exports held against their model once more, where test photos are read."""

from collections.abc import Mapping
from pathlib import Path

from pawprint.base.files import write_json
from pawprint.serving.agreement import Agreement, Reference, tell_agreement
from pawprint.serving.formats import FILES
from pawprint.serving.runtimes import load_export

DESCRIPTION = "export.json"
"""What an export's folder, and an evaluation, say of how the files agree with the model."""


def check_exports(reference: Reference, folder: Path, report: Path) -> dict[str, Agreement]:
    """Hold the exports of a model against it once more, on photos that it was not made with.

    Args:
        reference: the model's own answers to them.
        folder: of `write_exports`.
        report: the folder that export.json, with the results, is written into.

    Returns:
        By format, those that were kept.
    """
    checks = {
        name: reference.compare(load_export(folder / file)) for name, file in FILES.items() if (folder / file).is_file()
    }
    facts = {name: agreement.facts() for name, agreement in checks.items()}
    write_json(facts, report / DESCRIPTION, sort_keys=True)
    return checks


def tell_checks(checks: Mapping[str, Agreement]) -> str:
    """Say in a line how exports agreed with their model."""
    return "; ".join(f"{name}: {tell_agreement(agreement)}" for name, agreement in checks.items())
