"""After a training: the bank and the threshold of what is unlike anything in its photos."""

from dataclasses import dataclass

import numpy as np
import pytest

from pawprint.models.architectures import build_model, recipe_for
from pawprint.models.inference import build_inference_network
from pawprint.models.network_file import UNLIKENESS
from pawprint.training.task import TrainingTask
from pawprint.training.unlikeness import choose_bank, learn_unlikeness

SIDE = 32


@dataclass
class Split:
    images: np.ndarray
    labels: np.ndarray


def draw(number: int, *, seed: int) -> Split:
    """Photos of smooth colours, a shade for each of two classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(number) % 2
    colours = np.array([[200, 120, 60], [60, 120, 200]])[labels] + rng.normal(0, 25, (number, 3))
    images = np.broadcast_to(colours[:, None, None], (number, SIDE, SIDE, 3)) + rng.normal(
        0, 4, (number, SIDE, SIDE, 3)
    )
    return Split(np.clip(images, 0, 255).astype(np.uint8), labels.astype(np.int64))


def task_of(validation: Split | None) -> TrainingTask:
    return TrainingTask(
        architecture="baseline",
        recipe=recipe_for("baseline"),
        train=draw(40, seed=1),
        validation=validation,
        class_names=("a", "b"),
        image_size=SIDE,
        epochs=1,
        batch_size=8,
        learning_rate=0.001,
        patience=0,
        seed=0,
    )


@pytest.mark.parametrize("validated", [True, False])
def test_few_photos_like_the_trainings_are_unlike_and_strangers_are(*, validated: bool) -> None:
    model = build_model("baseline", num_classes=2, image_size=SIDE, seed=0)
    network = build_inference_network(model, image_size=SIDE, side=SIDE, num_classes=2, flip_average=False)
    validation = draw(40, seed=2) if validated else None
    finished, answers = learn_unlikeness(network, task_of(validation))
    again, _ = learn_unlikeness(network, task_of(validation))
    for one, other in zip(finished.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    noise = np.random.default_rng(3).integers(0, 256, (20, SIDE, SIDE, 3)).astype(np.float32)
    assert (np.asarray(finished(noise)[UNLIKENESS]) > 1).mean() > 0.9
    if validation:
        outputs = finished(validation.images.astype(np.float32))
        assert (np.asarray(outputs[UNLIKENESS]) > 1).mean() == 2 / 40
        for name, values in outputs.items():
            np.testing.assert_allclose(answers[name], values, rtol=1e-4, atol=1e-5)
    else:
        assert answers is None


def test_the_bank_takes_small_classes_wholly_and_the_others_evenly() -> None:
    labels = np.array([0] * 90 + [1] * 3 + [2] * 60)
    chosen = choose_bank(labels, 43)
    assert np.bincount(labels[chosen]).tolist() == [20, 3, 20]
    assert chosen.tolist() == sorted(set(chosen.tolist())) == choose_bank(labels, 43).tolist()
    assert choose_bank(labels, 1000).tolist() == list(range(len(labels)))
