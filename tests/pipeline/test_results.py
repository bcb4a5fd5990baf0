import statistics
from pathlib import Path

import mlflow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.pipeline.results import Repeat, choose_best, log_summary, summarize


def repeat(seed: int, loss: float | None, accuracy: float = 0.9) -> Repeat:
    metrics = {"test_accuracy": accuracy, "test_accuracy_low": accuracy - 0.1, "test_accuracy_high": accuracy + 0.1}
    return Repeat(seed=seed, model=f"models:/m-{seed}", validation_loss=loss, metrics=metrics)


def test_best_is_chosen_by_validation_and_not_by_the_test() -> None:
    assert choose_best([repeat(0, 0.3, accuracy=0.99), repeat(1, 0.2, accuracy=0.6)]).seed == 1


def test_without_validation_the_first_seed_stands() -> None:
    assert choose_best([repeat(5, None, accuracy=0.1), repeat(6, None, accuracy=0.9)]).seed == 5


@given(st.lists(st.floats(0, 1), min_size=2, max_size=5))
def test_table_holds_mean_and_std(accuracies: list[float]) -> None:
    table = summarize([repeat(i, 0.1, accuracy) for i, accuracy in enumerate(accuracies)])
    rows = {line.split()[0]: line.split()[1:] for line in table.splitlines()[2:-1]}
    assert rows["mean"] == [f"{statistics.fmean(accuracies):.4f}"]
    assert rows["std"] == [f"{statistics.stdev(accuracies):.4f}"]


def test_one_repeat_keeps_its_names_and_intervals(store: Path) -> None:
    with mlflow.start_run() as run:
        log_summary([repeat(0, 0.1, 0.8)])
    assert mlflow.get_run(run.info.run_id).data.metrics == pytest.approx(
        {"test_accuracy": 0.8, "test_accuracy_low": 0.7, "test_accuracy_high": 0.9}
    )


def test_several_repeats_give_mean_and_std_and_name_the_best(store: Path) -> None:
    with mlflow.start_run() as run:
        log_summary([repeat(0, 0.3, 0.8), repeat(1, 0.2, 0.9)])
    logged = mlflow.get_run(run.info.run_id)
    assert logged.data.metrics == pytest.approx(
        {"test_accuracy_mean": 0.85, "test_accuracy_std": statistics.stdev([0.8, 0.9])}
    )
    assert logged.data.tags["pawprint.best_model"] == "models:/m-1"
    assert [one.model_id for one in mlflow.MlflowClient().get_run(run.info.run_id).outputs.model_outputs] == ["m-1"]
