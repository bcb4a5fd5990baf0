"""What a run says of itself, and what it ran on."""

from pathlib import Path

import mlflow

from pawprint.tracking.descriptions import describe_run, format_count_table, format_metrics, link


def test_links_lead_to_pages_and_unknown_uris_are_said_as_they_are(store: Path) -> None:
    with mlflow.start_run() as run:
        describe_run("first", "", "second")
    assert mlflow.get_run(run.info.run_id).data.tags["mlflow.note.content"] == "first\n\nsecond"
    assert (
        link(f"runs:/{run.info.run_id}/dataset")
        == f"[dataset](#/experiments/0/runs/{run.info.run_id}/artifacts/dataset)"
    )
    assert link("models:/m-unknown") == "`models:/m-unknown`"
    assert link("models:/pets@champion") == "`models:/pets@champion`"


def test_tables_survive_names_with_marks() -> None:
    assert format_count_table({"train": {"a|b": 2}}).splitlines()[0] == "| split | `a\\|b` |"
    metrics = {"test_accuracy": 0.5, "test_accuracy_low": 0.4, "test_accuracy_high": 0.6}
    assert format_metrics(metrics).splitlines()[-1] == "| test_accuracy | 0.5000 | 0.400 to 0.600 |"
