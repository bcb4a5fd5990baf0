import numpy as np
import pytest

from pawprint.evaluation.corruptions import STRENGTHS, corrupt_photo
from pawprint.evaluation.robustness import (
    choose_photos,
    describe_robustness,
    measure_robustness,
    read_robustness,
    write_robustness,
)


@pytest.mark.parametrize("kind", STRENGTHS)
def test_a_stronger_corruption_leaves_less_of_the_photo(kind):
    ramp = np.linspace(30, 220, 160)
    photo = np.stack([np.add.outer(ramp, ramp) / 2 + 20 * (np.indices((160, 160)).sum(0) % 8 > 3)] * 3, -1).astype(
        np.uint8
    )
    distances = []
    for strength in STRENGTHS[kind]:
        worse = corrupt_photo(photo, kind, strength, np.random.default_rng(0))
        assert worse.shape == photo.shape
        assert worse.dtype == np.uint8
        distances.append(np.abs(worse.astype(float) - photo).mean())
    assert 0 < distances[0] < distances[1] < distances[2]


def test_blur_means_the_same_at_any_size():
    small = np.zeros((50, 50, 3), np.uint8)
    small[:, 25:] = 255
    large = small.repeat(4, axis=0).repeat(4, axis=1)
    blurred = [corrupt_photo(one, "blur", 0.02, np.random.default_rng(0)).std() for one in (small, large)]
    assert blurred[0] == pytest.approx(blurred[1], rel=0.01)


def test_photos_are_drawn_evenly_over_the_classes_and_the_same_each_time():
    labels = np.array([0] * 500 + [1] * 30 + [2] * 5)
    chosen = choose_photos(labels, 40)
    assert np.bincount(labels[chosen]).tolist() == [18, 17, 5] or np.bincount(labels[chosen]).tolist() == [17, 18, 5]
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(chosen, choose_photos(labels, 40))
    assert choose_photos(labels, 600).tolist() == list(range(535))


def test_a_judge_of_light_fails_in_the_dark_only(tmp_path):
    """A "network" that tells bright from dark photos: darkening turns its answers, the rest does not."""
    images = np.stack([np.full((16, 16, 3), value, np.uint8) for value in (40, 200) * 30])
    labels = np.arange(60) % 2

    def answer(photos):
        bright = photos.mean(axis=(1, 2, 3)) > 120
        return np.stack([~bright, bright], axis=1).astype(np.float32)

    measured = measure_robustness(answer, images, labels, labels, np.arange(60))
    assert [(one.kind, one.level) for one in measured] == [
        ("none", 0),
        *((kind, level) for kind in STRENGTHS for level in (1, 2, 3)),
    ]
    accuracy = {(one.kind, one.level): one.accuracy for one in measured}
    # 200 x 0.7 is still bright, 200 x 0.45 is not.
    assert [accuracy["darkness", level] for level in (1, 2, 3)] == [1.0, 0.5, 0.5]
    assert all(value == 1 for (kind, _), value in accuracy.items() if kind != "darkness")
    assert describe_robustness(measured).endswith("50.0 % with medium darkness, which costs most")
    assert "no corruption" in describe_robustness([one for one in measured if one.kind != "darkness"])
    write_robustness(measured, tmp_path / "robustness.csv")
    assert read_robustness(tmp_path / "robustness.csv") == measured
