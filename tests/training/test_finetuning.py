"""The later layers of a pretrained network learn after its last layer; the validation photos decide what is taken."""

import copy
import dataclasses

import numpy as np
import pytest

from pawprint.models import keras_applications
from pawprint.models.architectures import build_model, recipe_for
from pawprint.models.features import FeatureStore
from pawprint.training.epochs import Progress
from pawprint.training.finetuning import AUTO_PATIENCE, freeze, plan_finetuning
from pawprint.training.head import train_pretrained
from pawprint.training.schedule import training_side

NAME = "efficientnet_lite0"

pytestmark = pytest.mark.usefixtures("tiny_lite0")


@pytest.fixture
def task(make_task):
    return make_task(NAME, recipe_for(NAME), photos=48, judged=20, epochs=2)


def train(task, folder, *, epochs, **changes):
    """Train with so many epochs of fine-tuning, its task changed."""
    planned = plan_finetuning(task, epochs)
    finetuning = planned and dataclasses.replace(
        planned, task=dataclasses.replace(planned.task, learning_rate=0.003, **changes)
    )
    features = FeatureStore(folder / "features", "d1")
    return train_pretrained(task, features=features, finetuning=finetuning, on_epoch=lambda *_, **__: None)


def with_labels(photos, labels):
    changed = copy.copy(photos)
    changed.labels = labels
    return changed


def validation_loss(network, photos):
    probabilities = network.predict(photos.images, verbose=0)
    return -np.log(probabilities[np.arange(len(photos.labels)), photos.labels]).mean()


def test_the_epochs_count_on_and_the_network_is_that_of_the_best(task, tmp_path):
    training = train(task, tmp_path, epochs=3)
    assert [entry["epoch"] for entry in training.history] == [1, 2, 3, 4, 5]
    assert training.best_epoch > 2
    best = min(entry["validation_loss"] for entry in training.history)
    assert training.history[training.best_epoch - 1]["validation_loss"] == best
    assert validation_loss(training.network, task.validation) == pytest.approx(best, rel=1e-3)
    assert training.flops_per_second is None


def test_where_fine_tuning_does_not_help_the_last_layer_alone_is_kept(task, tmp_path):
    alone = train(task, tmp_path, epochs=0)
    confused = with_labels(task.train, 1 - task.train.labels)
    spoilt = train(task, tmp_path, epochs=2, train=confused)
    assert spoilt.best_epoch == alone.best_epoch
    assert len(spoilt.history) == 4
    pixels = task.validation.images.astype(np.float32)
    np.testing.assert_allclose(spoilt.network(pixels), alone.network(pixels), rtol=1e-5)


def test_auto_ends_once_it_is_clear_that_fine_tuning_does_not_help(task, tmp_path):
    hard = dataclasses.replace(task, validation=with_labels(task.validation, 1 - task.validation.labels))
    training = train(hard, tmp_path, epochs=None)
    assert len(training.history) == task.epochs + AUTO_PATIENCE


def test_early_layers_and_normalisations_stay(task):
    model = build_model(NAME, num_classes=2, image_size=40, seed=0)
    freeze(model, dataclasses.replace(recipe_for(NAME).finetuning, frozen_share=0.2))
    names = {variable.path.split("/")[-2] for variable in model.trainable_variables}
    assert {"middle", "late"} <= names
    assert "early" not in names
    assert not any(name.startswith("batch_normalization") for name in names)


@pytest.mark.parametrize(
    ("epochs", "validated", "planned"), [(None, True, (8, 1)), (None, False, None), (4, False, (4, 0)), (0, True, None)]
)
def test_auto_needs_validation_photos_to_decide(task, epochs, validated, planned):
    plan = plan_finetuning(task if validated else dataclasses.replace(task, validation=None), epochs)
    assert (plan and (plan.task.epochs, plan.least_mistakes)) == planned


@pytest.mark.parametrize(("mistakes", "worth"), [(0, False), (1, True)])
def test_auto_fine_tunes_only_where_the_validation_photos_could_tell(task, mistakes, worth):
    """The best epoch of the last layer counts; what is asked for is done in any case."""
    history = [{"epoch": 1, "validation_accuracy": 0.1}, {"epoch": 2, "validation_accuracy": 1 - mistakes / 20}]
    progress = Progress(history, [1, 2], 2, [])
    assert plan_finetuning(task, None).is_worth(progress) == worth
    assert plan_finetuning(task, 1).is_worth(progress)


@pytest.mark.parametrize(("image_size", "passes", "side"), [(256, 8, 192), (160, 8, 128), (96, 8, 96)])
def test_few_photos_are_shown_often_and_small_ones_in_their_own_size(task, image_size, passes, side):
    """48 training photos would have to be shown 32 times for an epoch of 1500."""
    (stage,) = plan_finetuning(dataclasses.replace(task, image_size=image_size), 1).task.recipe.stages
    assert (stage.passes, training_side(image_size, stage.scale)) == (passes, side)


def test_a_network_from_scratch_has_nothing_to_fine_tune(task):
    assert plan_finetuning(dataclasses.replace(task, recipe=recipe_for("cnn")), 5) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["keras:MobileNetV3Small", "keras:EfficientNetB0"])
def test_a_network_of_keras_applications_is_fine_tuned_in_its_own_side(task, make_split, monkeypatch, tmp_path, name):
    """With batch normalisation inside a network inside the network, and no weights, which no test can fetch.

    One has whole numbers among its weights, too.
    """
    monkeypatch.setattr(keras_applications, "WEIGHTS", None)
    photos = {"train": make_split(12, side=32), "validation": make_split(6, side=32, seed=1)}
    asked = dataclasses.replace(task, architecture=name, recipe=recipe_for(name), image_size=32, epochs=1, **photos)
    training = train(asked, tmp_path, epochs=1)
    assert len(training.history) == 2
    best = training.history[training.best_epoch - 1]["validation_loss"]
    assert validation_loss(training.network, photos["validation"]) == pytest.approx(best, rel=1e-3)
