"""`architecture=auto`: what is tried, what is chosen, and what is said of it."""

from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient

from pawprint.base.errors import UserError
from pawprint.models.architectures import CANDIDATES
from pawprint.pipeline.chain import Chain, Outcome
from pawprint.pipeline.choice import Choice, choose_architecture

FIRST, SECOND = CANDIDATES
PHOTOS = 100


@pytest.fixture
def choose(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")

    def choose(
        reached: dict[str, tuple[float, float]],
        *,
        minutes: float = 0,
        took: float = 1,
        unusable: dict[str, str] | None = None,
        plan: bool = False,
    ) -> tuple[Choice, list[tuple[str, float]], Chain]:
        """Choose by validation loss and accuracy; return the choice, and which were trained in how many minutes."""
        trained: list[tuple[str, float]] = []

        def train(name: str, left: float) -> tuple[Outcome, int]:
            trained.append((name, left))
            if plan:
                return Outcome(None), 0
            client = MlflowClient()
            run = client.create_run("0", start_time=1000)
            client.log_metric(run.info.run_id, "best_epoch", 2)
            if name in reached:
                for epoch, better in ((1, 2.0), (2, 1.0)):
                    loss, accuracy = reached[name]
                    client.log_metric(run.info.run_id, "validation_loss", loss * better, step=epoch)
                    client.log_metric(run.info.run_id, "validation_accuracy", accuracy, step=epoch)
            client.set_terminated(run.info.run_id, end_time=1000 + int(took * 60_000))
            return Outcome(client.get_run(run.info.run_id)), PHOTOS

        chain = Chain(cache="on", plan=plan)
        return choose_architecture(chain, unusable or {}, train, minutes=minutes), trained, chain

    return choose


@pytest.mark.parametrize(("losses", "best"), [((0.3, 0.2), SECOND), ((0.2, 0.3), FIRST)])
def test_the_lowest_validation_loss_of_the_best_epoch_is_chosen(choose: Any, losses: Any, best: str) -> None:
    choice, trained, _ = choose({FIRST: (losses[0], 0.9), SECOND: (losses[1], 0.9)})
    assert choice.architecture == best
    assert [name for name, _ in trained] == [FIRST, SECOND]
    assert choice.notes == [
        *(
            f"{name} reached a validation loss of {loss:.4f}, with 10 of 100 validation photos wrong, in 1.0 minutes."
            for name, loss in zip(CANDIDATES, losses, strict=True)
        ),
        f"{best} was chosen (architecture=auto): it has the lowest validation loss.",
    ]


def test_nothing_more_is_tried_where_hardly_anything_is_wrong(choose: Any) -> None:
    choice, trained, _ = choose({FIRST: (0.1, 0.96)})
    assert [name for name, _ in trained] == [FIRST]
    assert f"{SECOND} was not tried" in choice.notes[1]
    # As main passes it on without `auto`, so that either finds the other's training.
    assert str(trained[0][1]) == str(0.0)
    assert len(choose({FIRST: (0.1, 0.95), SECOND: (0.2, 0.9)})[1]) == 2


def test_the_next_gets_the_minutes_that_are_left(choose: Any) -> None:
    reached = {FIRST: (0.3, 0.8), SECOND: (0.2, 0.8)}
    choice, trained, _ = choose(reached, minutes=5, took=3)
    assert trained == [(FIRST, 5), (SECOND, 2)]
    assert (choice.architecture, choice.minutes) == (SECOND, 2)
    choice, trained, _ = choose(reached, minutes=5, took=4.5)
    assert trained == [(FIRST, 5)]
    assert f"{SECOND} was not tried: 0.5 of 5 minutes were left." in choice.notes


def test_what_other_parameters_rule_out_is_named_and_not_tried(choose: Any) -> None:
    choice, trained, _ = choose({SECOND: (0.3, 0.8)}, unusable={FIRST: "width=2 is not for it"})
    assert [name for name, _ in trained] == [SECOND]
    assert choice.notes[0] == f"{FIRST} was not tried: width=2 is not for it."
    with pytest.raises(UserError, match="nothing to try: no; no"):
        choose({}, unusable=dict.fromkeys(CANDIDATES, "no"))


def test_without_validation_photos_nothing_can_choose(choose: Any) -> None:
    with pytest.raises(UserError, match="validation_fraction above 0"):
        choose({})


def test_a_plan_says_that_the_next_may_be_tried(choose: Any) -> None:
    choice, _, chain = choose({}, plan=True)
    assert choice.architecture == FIRST
    assert chain.plan_lines == [f"train {SECOND}: run, if that leaves enough mistakes to mend"]
