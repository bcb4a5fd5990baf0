"""Whether photos may be mirrored is read from the photos: wedges that point left or right, or anywhere."""

from types import SimpleNamespace

import numpy as np
import pytest

from pawprint.training.mirroring import find_misled


class OnlyInBatches:
    """As a dataset's photos, which are read by arrays of places."""

    def __init__(self, images):
        self._images = images

    def __getitem__(self, places):
        assert isinstance(places, np.ndarray)
        return self._images[places]


def draw(num_photos, *, same, side=32, seed=0):
    """Wedges on noise: class 0 points left and class 1 right, or, where they are the same, class 1 is brighter."""
    generator = np.random.default_rng(seed)
    labels = np.arange(num_photos) % 2
    rows, columns = np.mgrid[:side, :side]
    images = generator.integers(0, 60, (num_photos, side, side, 3))
    for image, label in zip(images, labels, strict=True):
        row, column = generator.integers(-3, 4, 2) + side // 2
        right = generator.integers(0, 2) if same else label
        along = (columns - column) * (1 if right else -1) + 6
        wedge = (along > 0) & (along < 12) & (abs(rows - row) < (12 - along) / 1.5)
        image[wedge] += 100 + (50 * label if same else 0)
    return SimpleNamespace(images=OnlyInBatches(images.astype(np.uint8)), labels=labels)


def test_classes_that_are_mirror_images_are_found():
    assert find_misled(draw(120, same=False)) > 0.2


@pytest.mark.parametrize("num_photos", [1, 2, 120])
def test_others_are_not(num_photos):
    assert find_misled(draw(num_photos, same=True)) == 0


def test_a_hint_in_a_few_photos_is_no_evidence():
    assert find_misled(draw(6, same=False)) == 0
