"""Who becomes a version, who the champion, and how often the same photos were asked."""

from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient

from pawprint.base.errors import UserError
from pawprint.pipeline.registry import (
    Candidate,
    check_gate,
    describe_version,
    find_champion,
    find_evaluation,
    read_candidate,
    register,
)
from pawprint.pipeline.results import Repeat

DIGEST = "d" * 64


def candidate(right: int, of: int = 100, *, digest: str = DIGEST, prefix: str = "") -> Candidate:
    """A logged model, without files, that got the first photos right."""
    with mlflow.start_run():
        model = mlflow.initialize_logged_model(name="model", tags={"pawprint.model_digest": "0"})
        mlflow.finalize_logged_model(model.model_id, "READY")
    return Candidate(model.model_id, digest, {f"{prefix}{n:03}": n < right for n in range(of)})


def champion(name: str) -> str:
    return str(MlflowClient().get_model_version_by_alias(name, "champion").version)


def test_the_first_is_champion(store: Path) -> None:
    assert find_champion("pets") is None
    first = candidate(50)
    decision = register("pets", first, None)
    assert decision.champion
    assert champion("pets") == decision.version
    assert find_champion("pets") == f"models:/{first.model_id}"
    version = MlflowClient().get_model_version("pets", decision.version)
    assert version.tags["pawprint.model_digest"] == "0"
    assert "there was none before" in version.description


def test_better_by_more_than_chance_takes_over_and_better_by_chance_does_not(store: Path) -> None:
    first = candidate(80)
    register("pets", first, None)
    lucky = register("pets", candidate(83), first)
    assert not lucky.champion
    assert "not better by more than chance" in lucky.reason
    assert str(MlflowClient().get_model_version_by_alias("pets", "challenger").version) == lucky.version
    assert champion("pets") == "1"
    better = register("pets", candidate(95), first)
    assert better.champion
    assert champion("pets") == better.version


def test_the_bar_rises_each_time_the_same_photos_are_asked(store: Path) -> None:
    first = candidate(80)
    register("pets", first, None)
    reasons = [register("pets", candidate(87), first) for _ in range(4)]
    # p is 0.016: under 0.05 the first three times, over it when it counts fourfold.
    assert [reason.champion for reason in reasons] == [True, True, True, False]
    assert [reason.asked for reason in reasons] == [1, 2, 3, 4]
    other = "e" * 64
    elsewhere = Candidate(first.model_id, other, first.right)
    assert register("pets", candidate(87, digest=other), elsewhere).asked == 1


def test_worse_never_takes_over(store: Path) -> None:
    first = candidate(95)
    register("pets", first, None)
    assert not register("pets", candidate(60), first).champion


def test_the_same_model_again_makes_no_version_and_asks_nothing(store: Path) -> None:
    first = candidate(80)
    again = [register("pets", first, None), register("pets", first, first)]
    assert [decision.version for decision in again] == ["1", "1"]
    assert again[1].champion
    assert again[1].asked == 0


def test_other_test_photos_can_t_decide(store: Path) -> None:
    first = candidate(80)
    register("pets", first, None)
    with pytest.raises(UserError, match="other test photos"):
        register("pets", candidate(95, prefix="x"), first)


def test_a_version_shows_its_reason_and_then_its_card_once(store: Path) -> None:
    decision = register("pets", candidate(80), None)
    for card in ("# Old\n\nan older card", "# Card\n\n" + "a paragraph of some length\n\n" * 400):
        describe_version("models:/pets/1", card, more="The rest is in the run.")
    told = mlflow.MlflowClient().get_model_version("pets", "1").description
    assert told.startswith(f"{decision.reason}\n\n---\n\n# Card\n\na paragraph of some length\n\n")
    assert told.endswith("a paragraph of some length\n\nThe rest is in the run.")
    assert 4900 < len(told) <= 5000
    assert "older" not in told


def test_answers_are_read_from_the_newest_evaluation(store: Path) -> None:
    model = f"models:/{candidate(1).model_id}"
    for correct in "01":
        with mlflow.start_run() as run:
            mlflow.log_param("model", model)
            mlflow.set_tags({"pawprint.dataset_digest": DIGEST, "mlflow.project.entryPoint": "evaluate"})
            mlflow.log_text(f"member,label,prediction,correct\na,cats,cats,{correct}\n", "evaluation/predictions.csv")
    found = find_evaluation(model, DIGEST)
    assert found is not None
    assert found.info.run_id == run.info.run_id
    assert read_candidate(found).right == {"a": True}
    assert find_evaluation(model, "e" * 64) is None
    # A run that stands for a reused evaluation leads to the one that has the answers.
    with mlflow.start_run():
        mlflow.log_param("model", model)
        mlflow.set_tags({"pawprint.dataset_digest": DIGEST, "mlflow.project.entryPoint": "evaluate"})
        mlflow.set_tag("pawprint.cached_from", run.info.run_id)
    assert find_evaluation(model, DIGEST).info.run_id == run.info.run_id


def repeat(accuracy: float, f1: float | None) -> Repeat:
    metrics = {"test_accuracy": accuracy} | ({} if f1 is None else {"test_f1": f1})
    return Repeat(seed=0, model="models:/m-1", validation_loss=None, metrics=metrics)


def test_the_gate_takes_the_mean_of_the_repeats() -> None:
    repeats = [repeat(0.9, 0.8), repeat(0.7, 0.8)]
    assert check_gate(repeats, minimum_accuracy=0.8, minimum_f1=0) is None
    assert check_gate(repeats, minimum_accuracy=0.81, minimum_f1=0.81) == (
        "test_accuracy is 0.8000, below 0.81; test_f1 is 0.8000, below 0.81"
    )
    assert check_gate([repeat(0.9, None)], minimum_accuracy=0, minimum_f1=0.1) == "test_f1 is not defined, below 0.1"
