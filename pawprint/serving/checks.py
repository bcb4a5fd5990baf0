"""Compare exports with their model once more, on the test photos."""

from collections.abc import Mapping
from pathlib import Path

from pawprint.base.files import write_json
from pawprint.serving.agreement import Agreement, Reference, describe_agreement
from pawprint.serving.formats import FILES, QUANTIZED
from pawprint.serving.runtimes import load_export

DESCRIPTION = "export.json"
"""File in an export's folder, and in an evaluation, that says how the exports agree with the model."""


def check_exports(reference: Reference, folder: Path, report: Path) -> dict[str, Agreement]:
    """Compare the exports of a model with it again, on photos that were not used to export it.

    Args:
        reference: the model's own answers to these photos.
        folder: the folder of `write_exports`.
        report: the folder to write export.json, with the results, into.

    Returns:
        The comparison for each exported format.
    """
    checks = {
        name: reference.compare(load_export(folder / file), quantized=name in QUANTIZED)
        for name, file in FILES.items()
        if (folder / file).is_file()
    }
    facts = {name: agreement.facts() for name, agreement in checks.items()}
    write_json(facts, report / DESCRIPTION, sort_keys=True)
    return checks


def describe_checks(checks: Mapping[str, Agreement]) -> str:
    """Return on one line how the exports agree with their model."""
    return "; ".join(f"{name}: {describe_agreement(agreement)}" for name, agreement in checks.items())
