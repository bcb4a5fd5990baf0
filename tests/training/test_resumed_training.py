"""A training that was killed goes on from its last whole epoch, to the same last digit."""

import dataclasses
import json
import shutil
from functools import partial

import keras
import numpy as np
import pytest

from pawprint.models.architectures import recipe_for
from pawprint.models.features import FeatureStore
from pawprint.models.recipe import Stage
from pawprint.training.finetuning import plan_finetuning
from pawprint.training.head import train_pretrained
from pawprint.training.loop import train_network
from pawprint.training.task import TrainingTask
from tests.training.checkpoint_examples import KEY, opened


def without_times(history):
    return json.dumps([{name: value for name, value in entry.items() if name != "seconds"} for entry in history])


@pytest.fixture
def trainings(small_cnn, make_split, monkeypatch, tmp_path):
    """By name, a training as a function of what it is told each epoch and its checkpoints."""
    quick = dataclasses.replace(small_cnn, stages=(Stage(0.0, 1.0, 1),))
    common = TrainingTask(
        architecture="cnn",
        recipe=quick,
        train=make_split(28, side=32),
        validation=make_split(10, side=32, seed=1),
        class_names=["a", "b"],
        image_size=32,
        epochs=4,
        batch_size=8,
        learning_rate=0.005,
        patience=3,
        seed=0,
    )

    def tiny(*, num_classes, image_size):
        pixels = keras.Input((None, None, 3))
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3)(keras.layers.Rescaling(1 / 128)(pixels)))
        return keras.Model(pixels, keras.layers.Dense(num_classes)(x))

    def train(architecture, recipe, on_epoch, checkpoints, *, learn=train_network, **changes):
        task = dataclasses.replace(common, architecture=architecture, recipe=recipe, **changes)
        return learn(task, on_epoch=on_epoch, checkpoints=checkpoints)

    def head(finetuning=None, **changes):
        monkeypatch.setattr("pawprint.models.efficientnet_lite0.build", tiny)
        features = FeatureStore(tmp_path / "features", "d1")
        learn = partial(train_pretrained, features=features, finetuning=finetuning)
        return train("efficientnet_lite0", recipe_for("efficientnet_lite0"), learn=learn, **changes)

    def fine_tuned(**changes):
        task = dataclasses.replace(
            common, architecture="efficientnet_lite0", recipe=recipe_for("efficientnet_lite0"), epochs=2
        )
        return head(**changes, epochs=2, finetuning=plan_finetuning(task, 2))

    def in_bfloat16(**changes):
        monkeypatch.setattr("pawprint.training.loop.multiplies_bfloat16", lambda: True)
        return train("cnn", dataclasses.replace(quick, bfloat16=True), **changes)

    return {
        "cnn in bfloat16": in_bfloat16,
        "cnn": partial(train, "cnn", quick),
        "baseline": partial(train, "baseline", recipe_for("baseline")),
        "head": head,
        "fine-tuned": fine_tuned,
    }


def train_and_resume(train, folder, *, after):
    """Train whole and, from what a kill after an epoch (None: the last) would have left, once more; return both."""
    told, told_again = [], []

    def on_epoch(epoch, _, *, timestamp_ms):
        told.append((epoch, timestamp_ms))
        if after in {epoch, None}:
            shutil.rmtree(folder / "killed", ignore_errors=True)
            shutil.copytree(folder / "whole" / KEY, folder / "killed" / KEY)

    with opened(folder / "whole") as checkpoints:
        whole = train(on_epoch=on_epoch, checkpoints=checkpoints)
    with opened(folder / "killed") as checkpoints:
        resumed = train(
            on_epoch=lambda epoch, _, *, timestamp_ms: told_again.append((epoch, timestamp_ms)),
            checkpoints=checkpoints,
        )
    assert told_again[:after] == told[:after]
    assert [epoch for epoch, _ in told_again] == [epoch for epoch, _ in told]
    return whole, resumed


@pytest.mark.parametrize(
    ("name", "after"),
    [
        ("cnn", 2),
        ("head", 2),
        ("fine-tuned", 2),  # the last epoch in which the last layer learns alone
        ("fine-tuned", 3),
        *(pytest.param(name, 2, marks=pytest.mark.slow) for name in ("cnn in bfloat16", "baseline")),
    ],
)
def test_a_resumed_training_is_the_uninterrupted_one(trainings, tmp_path, name, after):
    """With Muon and averaged weights (cnn), with dropout (cnn, baseline), in both phases of a pretrained one."""
    whole, resumed = train_and_resume(trainings[name], tmp_path, after=after)
    assert len(whole.history) == 4
    assert without_times(resumed.history) == without_times(whole.history)
    assert resumed.best_epoch == whole.best_epoch
    for one, two in zip(resumed.network.get_weights(), whole.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.slow
def test_a_training_that_had_ended_early_learns_nothing_more(trainings, tmp_path):
    train = partial(trainings["cnn"], patience=1, learning_rate=0.5)
    whole, resumed = train_and_resume(train, tmp_path, after=None)
    assert len(whole.history) < 4
    assert without_times(resumed.history) == without_times(whole.history)
    assert resumed.images_per_second is None
