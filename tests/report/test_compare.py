"""What differs between two main runs, told."""

from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from pawprint.base.errors import UserError
from pawprint.report.compare import format_difference
from pawprint.report.graph import Lineage, Training
from pawprint.report.replay import compare_runs


def logged(**parts: dict[str, object]) -> mlflow.entities.Run:
    with mlflow.start_run() as run:
        mlflow.log_params(parts.get("params", {}))
        mlflow.log_metrics(parts.get("metrics", {}))
        mlflow.set_tags(parts.get("tags", {}))
        for name, text in parts.get("files", {}).items():
            mlflow.log_text(text, name)
    return MlflowClient().get_run(run.info.run_id)


def lineage(
    *, epochs: int, right: str, members: str = "abcdefgh", photos: str = "abc", accuracy: float = 0.5
) -> Lineage:
    """A main run whose model got `right` (1 or 0 a photo) on `members`, trained on `photos`."""
    model = mlflow.initialize_logged_model(name="model")
    metrics = {"test_accuracy": accuracy, "test_accuracy_low": accuracy - 0.1, "test_accuracy_high": accuracy + 0.1}
    rows = "".join(f"{member},cats,cats,{mark}\n" for member, mark in zip(members, right, strict=True))
    evaluated = logged(
        metrics=metrics, files={"evaluation/predictions.csv": f"member,label,prediction,correct\n{rows}"}
    )
    index = "".join(f"train,0,s,0,cats,{name}.jpg,{name * 4}\n" for name in photos)
    preprocess = logged(
        tags={"pawprint.dataset_digest": photos},
        files={"dataset/index.csv": f"split,row,shard,position,label,member,sha256\n{index}"},
    )
    main = logged(
        params={"epochs": epochs},
        metrics=metrics,
        tags={"pawprint.best_model": f"models:/{model.model_id}", "pawprint.cpu": "one"},
    )
    return Lineage(main=main, trainings=[Training(logged(), model, [evaluated])], preprocess=preprocess)


def test_parameters_photos_and_metrics_are_told(store: Path) -> None:
    told = format_difference(
        lineage(epochs=3, right="11111111", photos="abc"),
        lineage(epochs=4, right="11111110", photos="bcd", accuracy=0.7),
    )
    assert "epochs: 3 -> 4" in told
    assert "1 added: d.jpg" in told
    assert "1 removed: a.jpg" in told
    assert "test_accuracy: 0.5000 [0.400, 0.600] -> 0.7000 [0.600, 0.800] (+0.2000)" in told
    assert "environment and machine\n  no difference" in told
    assert "only the first is right on 1, only the second on 0; McNemar's p is 1: no more than chance" in told


def test_a_difference_beyond_chance_is_told(store: Path) -> None:
    told = format_difference(lineage(epochs=3, right="00000000"), lineage(epochs=3, right="11111111"))
    assert "McNemar's p is 0.00781: more than chance" in told
    assert "parameters\n  no difference" in told


def test_other_test_photos_leave_the_intervals(store: Path) -> None:
    one = lineage(epochs=3, right="1111", members="abcd", accuracy=0.5)
    assert "overlap" in format_difference(one, lineage(epochs=3, right="1111", members="efgh", accuracy=0.6))
    assert "lie apart" in format_difference(one, lineage(epochs=3, right="1111", members="efgh", accuracy=0.9))


def test_only_main_runs_are_compared(store: Path) -> None:
    with pytest.raises(UserError, match="two runs of main"):
        format_difference(Lineage(download=logged()), Lineage(download=logged()))


def test_a_replay_is_the_same_to_the_last_digit_or_says_what_is_not(store: Path) -> None:
    tags = {"pawprint.photos_sha256": "p", "pawprint.dataset_digest": "d", "pawprint.cpu": "one"}
    main = logged(metrics={"test_accuracy": 0.9, "test_f1": 0.8}, tags=tags)
    assert compare_runs(main, logged(metrics={"test_accuracy": 0.9, "test_f1": 0.8}, tags=tags))[0]
    same, told = compare_runs(
        main, logged(metrics={"test_accuracy": 0.9, "test_f1": 0.8000000001}, tags={**tags, "pawprint.cpu": "two"})
    )
    assert not same
    assert "test metrics: 1 of 2 identical to the last digit" in told
    assert "cpu differs: one -> two" in told


def test_what_is_no_run_of_main_is_refused_with_what_to_give(store: Path) -> None:
    model = Lineage(trainings=[Training(logged(), None, [])])
    with pytest.raises(UserError, match=r"^diff compares two runs of main; give their run ids, not a model"):
        format_difference(lineage(epochs=1, right="1" * 8), model)
