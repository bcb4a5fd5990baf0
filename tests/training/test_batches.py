import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.training.batches import NUM_DRAWS, num_batches, training_batches


class Numbered:
    """Photos of one pixel whose value is their position."""

    def __init__(self, num_photos):
        self.labels = np.arange(num_photos) % 2
        self.images = np.broadcast_to(np.arange(num_photos)[:, None, None, None], (num_photos, 1, 1, 3)).astype(
            np.uint8
        )


def draws_by_photo(split, **arguments):
    """What each photo is given, as a list by pass."""
    found = {}
    for batch in training_batches(split, **arguments):
        for image, draws in zip(batch.images, batch.draws, strict=True):
            found.setdefault(int(image[0, 0, 0]), []).append(draws.tolist())
    return found


@given(num_photos=st.integers(1, 60), batch_size=st.integers(1, 80), passes=st.integers(1, 3), epoch=st.integers(1, 9))
def test_every_photo_is_shown_once_a_pass_with_its_own_label(num_photos, batch_size, passes, epoch):
    split = Numbered(num_photos)
    batches = list(training_batches(split, batch_size=batch_size, passes=passes, seed=0, epoch=epoch))
    assert len(batches) == num_batches(num_photos, batch_size=batch_size, passes=passes)
    assert all(len(batch.labels) == batch_size for batch in batches[:-1])
    shown = np.concatenate([batch.images[:, 0, 0, 0] for batch in batches])
    for number in range(passes):
        assert sorted(shown[number * num_photos : (number + 1) * num_photos]) == list(range(num_photos))
    assert np.array_equal(np.concatenate([batch.labels for batch in batches]), shown % 2)
    for batch in batches:
        assert batch.draws.shape == (len(batch.labels), NUM_DRAWS)
        assert batch.draws.dtype == np.float32
        assert (batch.draws >= 0).all()
        assert (batch.draws < 1).all()


def test_a_photos_draws_do_not_depend_on_its_batch():
    split = Numbered(30)
    one = draws_by_photo(split, batch_size=4, passes=2, seed=5, epoch=3)
    two = draws_by_photo(split, batch_size=30, passes=2, seed=5, epoch=3)
    assert one == two


@pytest.mark.parametrize("change", [{"seed": 6}, {"epoch": 4}])
def test_seed_and_epoch_change_order_and_draws(change):
    arguments = {"batch_size": 30, "passes": 1, "seed": 5, "epoch": 3}
    one = next(training_batches(Numbered(30), **arguments))
    two = next(training_batches(Numbered(30), **arguments | change))
    assert not np.array_equal(one.images, two.images)
    assert not np.array_equal(np.sort(one.draws, axis=0), np.sort(two.draws, axis=0))


def test_no_two_showings_share_their_draws():
    found = draws_by_photo(Numbered(50), batch_size=8, passes=3, seed=0, epoch=1)
    rows = {tuple(draws) for photo in found.values() for draws in photo}
    assert len(rows) == 150
