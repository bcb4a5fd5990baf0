"""A training fits into the minutes that a person gives it, and what was decided once stays decided."""

import dataclasses
import json

import pytest

from pawprint.models.recipe import Stage
from pawprint.training import budget
from pawprint.training.budget import Fit, fit_to_minutes
from pawprint.training.finetuning import plan_finetuning

MUCH = 1000.0


@pytest.fixture
def task(small_cnn, make_task):
    return make_task("cnn", small_cnn, photos=64, judged=16, epochs=10)


@pytest.fixture
def pretend(monkeypatch):
    """Let each epoch take a minute in the first stage and two in the second, and compiling half of one."""

    def time_stages(task, _):
        return {stage: budget._StageTime(30, 60 * number) for number, stage in enumerate(task.recipe.stages, 1)}

    monkeypatch.setattr(budget, "_time_stages", time_stages)


@pytest.mark.parametrize(
    # Of four epochs two are of the second stage: 2 x 1 + 2 x 2 + 2 x 0.5 minutes.
    ("minutes", "epochs", "takes"),
    [(MUCH, 10, 16), (7 / budget.SHARE + 0.1, 4, 7), (2, 1, 1.5), (0.1, 1, 1.5)],
)
def test_as_many_epochs_as_fit_at_least_one(task, tmp_path, pretend, minutes, epochs, takes):
    fit = fit_to_minutes(task, None, minutes=minutes, kept=tmp_path / "kept.json")
    assert (fit.epochs, fit.finetuning) == (epochs, 0)
    assert fit.seconds == pytest.approx(60 * takes)
    assert f"{epochs} of 10 epochs take about {takes:.1f} minutes" in fit.describe(task, None, minutes=minutes)
    assert ("too few" in fit.describe(task, None, minutes=minutes)) == (minutes < takes)


def test_the_same_question_gets_the_same_answer(task, tmp_path, pretend, monkeypatch):
    kept = tmp_path / "timings" / "kept.json"
    fit = fit_to_minutes(task, None, minutes=8, kept=kept)
    monkeypatch.setattr(budget, "_time_stages", lambda *_: pytest.fail("timed again"))
    assert fit_to_minutes(task, None, minutes=8, kept=kept) == fit
    kept.write_text("{")  # cut off
    monkeypatch.undo()
    assert fit_to_minutes(task, None, minutes=MUCH, kept=kept).epochs == 10
    assert json.loads(kept.read_text("utf-8"))["epochs"] == 10


def test_a_short_training_tells_how_long_each_stage_takes(task, monkeypatch):
    shown = []

    def train(few):
        shown.append(few)
        return dataclasses.make_dataclass("Training", ["history"])([{"seconds": 7.0}, {"seconds": 2.0}])

    timed = budget._time_stages(dataclasses.replace(task, batch_size=4), train)
    small, large = task.recipe.stages
    # 24 of 64 photos; the first stage shows each twice.
    assert timed[small] == budget._StageTime(5.0, pytest.approx(2.0 * 2 * 64 / 24))
    assert timed[large] == budget._StageTime(5.0, pytest.approx(2.0 * 64 / 24))
    assert [one.recipe.stages for one in shown] == [(Stage(0.0, small.scale),), (Stage(0.0, large.scale),)]
    assert [(len(one.train.labels), len(one.validation.labels)) for one in shown] == [(24, 6)] * 2


@pytest.mark.parametrize("validated", [True, False])
def test_a_whole_training_is_timed(task, tmp_path, validated):
    if not validated:
        task = dataclasses.replace(task, validation=None)
    fit = fit_to_minutes(task, None, minutes=MUCH, kept=tmp_path / "kept.json")
    assert fit.epochs == task.epochs
    assert 0 < fit.seconds < 60 * MUCH


def test_of_a_pretrained_network_the_epochs_of_fine_tuning_are_fitted(task, tmp_path, tiny_lite0):
    recipe = tiny_lite0
    task = dataclasses.replace(task, architecture="efficientnet_lite0", recipe=recipe)
    finetuning = plan_finetuning(task, None)

    def fit(minutes):
        return fit_to_minutes(task, finetuning, minutes=minutes, kept=tmp_path / f"{minutes}.json")

    assert fit(MUCH).finetuning == finetuning.task.epochs
    assert fit(1e-6) == Fit(task.epochs, 0, pytest.approx(fit(1e-6).seconds))
    said = fit(MUCH).describe(task, finetuning, minutes=MUCH)
    assert "10 of 10 epochs and 8 of 8 epochs of fine-tuning take about" in said
