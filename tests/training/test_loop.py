import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest

from pawprint.base.errors import UserError
from pawprint.models.architectures import build_model, recipe_for
from pawprint.models.multiply_adds import count_multiply_adds
from pawprint.models.recipe import Stage
from pawprint.training.epochs import Learned, is_better, run_epochs
from pawprint.training.loop import train_network
from pawprint.training.task import TrainingTask


def task_of(split, validation=None, *, recipe, **changes):
    asked = {
        "architecture": "cnn",
        "class_names": [str(label) for label in np.unique(split.labels)],
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 0.005,
        "patience": 0,
        "seed": 0,
        "image_size": split.images.shape[1],
    } | changes
    return TrainingTask(train=split, validation=validation, recipe=recipe, **asked)


def train(*photos, on_epoch=lambda *_, **__: None, **asked):
    return train_network(task_of(*photos, **asked), on_epoch=on_epoch)


def without_times(history):
    return [{name: value for name, value in entry.items() if name != "seconds"} for entry in history]


@pytest.fixture(scope="module")
def one_stage(small_cnn):
    return dataclasses.replace(small_cnn, stages=(Stage(0.0, 1.0, 1),))


@pytest.fixture(scope="module")
def unjudged(one_stage, make_split):
    """A training without validation photos."""
    return train(make_split(40), recipe=one_stage, epochs=3)


def test_it_learns_and_reports_each_epoch(small_cnn, make_split):
    seen = []
    photos = make_split(64, side=24, seed=1)
    training = train(
        make_split(128, side=24),
        photos,
        recipe=small_cnn,
        epochs=5,
        learning_rate=0.01,
        on_epoch=lambda epoch, metrics, **_: seen.append((epoch, metrics)),
    )
    assert [epoch for epoch, _ in seen] == [1, 2, 3, 4, 5]
    assert [metrics for _, metrics in seen] == training.history
    assert set(training.history[0]) == {
        "epoch",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "learning_rate",
        "seconds",
    }
    assert training.images_per_second > 0
    right = (training.network.predict(photos.images, verbose=0).argmax(1) == photos.labels).mean()
    assert right > 0.9
    best = training.history[training.best_epoch - 1]
    assert best["validation_loss"] == min(entry["validation_loss"] for entry in training.history)
    assert right == pytest.approx(best["validation_accuracy"])


def test_the_same_seed_gives_the_same_to_the_last_digit(one_stage, unjudged, make_split):
    second, other = (train(make_split(40), recipe=one_stage, epochs=3, seed=seed) for seed in (0, 1))
    assert without_times(unjudged.history) == without_times(second.history)
    assert without_times(unjudged.history) != without_times(other.history)
    for one, two in zip(unjudged.network.get_weights(), second.network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_arithmetic_is_counted_forward_and_twice_back(unjudged):
    learner = build_model("cnn", num_classes=2, image_size=40, seed=0)
    multiply_adds = count_multiply_adds(learner, side=40)
    assert unjudged.flops_per_second == pytest.approx(unjudged.images_per_second * multiply_adds * 6)


def test_the_last_average_is_taken_without_validation(unjudged):
    assert unjudged.best_epoch == 3
    assert "validation_loss" not in unjudged.history[0]


@pytest.mark.slow
def test_a_rare_class_counts_as_much_as_a_common_one(one_stage, make_split, monkeypatch):
    # The photos say nothing of their class, so all that can be learned is how much each class counts.
    photos = make_split(60, side=16)
    photos.images[:] = photos.images[0]
    photos.labels[:] = [1] * 12 + [0] * 48

    def learned_share_of_the_rare():
        return train(photos, recipe=one_stage, epochs=4, batch_size=10, learning_rate=0.05).network.predict(
            photos.images[:1], verbose=0
        )[0, 1]

    weighted = learned_share_of_the_rare()
    monkeypatch.setattr("pawprint.training.class_weights.BALANCED_RATIO", 10)
    assert weighted > learned_share_of_the_rare() + 0.05


def test_patience_without_validation_is_refused(small_cnn, make_split):
    with pytest.raises(UserError, match="patience=2 needs validation photos"):
        train(make_split(20), recipe=small_cnn, patience=2)


@pytest.mark.parametrize(("patience", "epochs_run"), [(0, 6), (2, 4)])
def test_patience_stops_a_training_that_does_not_improve(make_split, patience, epochs_run):
    """Of epochs that are told: each is judged worse but for the second."""
    losses = {1: 9.0, 2: 5.0}
    progress = run_epochs(
        task_of(make_split(2), recipe=recipe_for("cnn"), epochs=6, patience=patience),
        learn=lambda _: Learned(np.array([9.0, 5.0, 10.0]), 0.1),
        judge=lambda epoch: np.array([losses.get(epoch, 7.0), 5.0, 10.0]),
        weights=lambda: ["of the best"],
        state={},
        checkpoints=None,
        on_epoch=lambda *_, **__: None,
    )
    assert len(progress.history) == epochs_run
    assert (progress.best_epoch, progress.best_weights) == (2, ["of the best"])


def test_a_loss_that_explodes_is_said(small_cnn, make_split):
    with pytest.raises(UserError, match="not a number; try a learning_rate below"):
        train(make_split(32), recipe=small_cnn, learning_rate=1e30)


@pytest.mark.parametrize(
    ("num_photos", "num_classes", "batch_size"), [(5, 5, 64), pytest.param(21, 3, 4, marks=pytest.mark.slow)]
)
def test_tiny_sets_and_many_classes(small_cnn, make_split, num_photos, num_classes, batch_size):
    """One photo a class in a single step, whose speed can't be told; and a last batch of one photo."""
    photos = make_split(num_photos, num_classes=num_classes)
    training = train(photos, recipe=small_cnn, batch_size=batch_size, epochs=1)
    probabilities = training.network.predict(photos.images, verbose=0)
    assert probabilities.shape == (num_photos, num_classes)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    for speed in (training.images_per_second, training.flops_per_second):
        assert (speed is None) == (batch_size > num_photos)


@pytest.mark.slow
def test_the_baseline_runs_through_the_same_loop(make_split):
    training = train(
        make_split(20, side=16),
        make_split(6, side=16),
        recipe=recipe_for("baseline"),
        architecture="baseline",
        learning_rate=0.001,
    )
    assert [entry["learning_rate"] for entry in training.history] == [0.001, 0.001]
    assert training.network.output_shape == (None, 2)


# NumPy 2's complaint about TensorFlow's own arrays, while Keras saves them.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.slow
def test_the_network_loads_in_a_fresh_process_without_our_code(small_cnn, make_split, tmp_path):
    photos = make_split(24)
    # One epoch is all first stage: the network resizes inside.
    training = train(photos, recipe=small_cnn, epochs=1)
    training.network.save(tmp_path / "network.keras")
    np.save(tmp_path / "photos.npy", photos.images)
    program = (
        "import sys, keras, numpy as np; network = keras.models.load_model('network.keras');"
        "np.save('out.npy', network.predict(np.load('photos.npy'), verbose=0));"
        "assert not [name for name in sys.modules if name.startswith('pawprint')]"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
    expected = training.network.predict(photos.images, verbose=0)
    assert expected.dtype == np.float32
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected)
    kinds = {type(layer).__name__ for layer in keras.models.load_model(tmp_path / "network.keras").layers}
    assert "Lambda" not in kinds


@pytest.mark.parametrize(
    ("choose_by", "loss", "accuracy", "better"),
    [
        ("validation_loss", 0.4, 0.1, True),
        ("validation_loss", 0.4995, 0.9, False),
        ("validation_accuracy", 0.9, 0.6, True),
        ("validation_accuracy", 0.4, 0.5, True),
        ("validation_accuracy", 0.6, 0.5, False),
    ],
)
def test_what_better_means(choose_by, loss, accuracy, better):
    recipe = dataclasses.replace(recipe_for("cnn"), choose_by=choose_by, min_delta=0.001)
    now = {"validation_loss": loss, "validation_accuracy": accuracy}
    assert is_better(now, {"validation_loss": 0.5, "validation_accuracy": 0.5}, recipe) is better
