import dataclasses

import pytest

from pawprint.models.architectures import recipe_for
from pawprint.models.recipe import Stage
from pawprint.training.schedule import learning_rate_at, stage_at, training_side


def test_cosine_rises_then_falls():
    recipe = dataclasses.replace(recipe_for("cnn"), schedule="cosine", warmup=0.1)
    rates = [learning_rate_at(done / 100, peak=0.5, recipe=recipe) for done in range(101)]
    assert max(rates) == rates[10] == 0.5
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert min(rates[:100]) > 0
    assert rates[55] == pytest.approx(0.25)


def test_constant_is_constant():
    recipe = recipe_for("baseline")
    assert {learning_rate_at(done, peak=0.001, recipe=recipe) for done in (0, 0.5, 1)} == {0.001}


def test_stages_take_their_share_of_the_epochs():
    stages = (Stage(0.0, 0.4), Stage(0.4, 0.6), Stage(0.75, 0.8))
    scales = [stage_at(epoch, epochs=20, stages=stages).scale for epoch in range(1, 21)]
    assert scales == [0.4] * 8 + [0.6] * 7 + [0.8] * 5
    assert stage_at(1, epochs=1, stages=stages).scale == 0.4


@pytest.mark.parametrize("image_size", [8, 32, 40, 64, 96, 160, 224])
def test_sides_never_exceed_the_stored_photo(image_size):
    stages = (Stage(0.0, 0.4), Stage(0.5, 0.8))
    for stage in stages:
        assert 1 <= training_side(image_size, stage.scale) <= image_size
