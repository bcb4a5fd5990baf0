import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.evaluation.bootstrap import photo_losses
from pawprint.models.inference import build_inference_network
from pawprint.models.network_file import load_network_file
from pawprint.models.portable import build_portable_network
from pawprint.models.temperature import HIGHEST, LOWEST, add_temperature, fit_temperature, temper

# Keras 3.15 asks NumPy 2 for a copy=False that TensorFlow's variables do not offer; nothing of ours.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def softmax(logits):
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


def draw_photos(rng, number, *, sharpness=2):
    """Labels, and the logits of the probabilities that they are drawn by: answers that mean what they say."""
    logits = sharpness * rng.normal(size=(number, 2))
    return (softmax(logits).cumsum(axis=1) > rng.random((number, 1))).argmax(axis=1), logits


def fit_on(labels, logits):
    return fit_temperature(labels, softmax(logits))


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.floats(LOWEST, HIGHEST), st.floats(0.1, 100))
def test_no_label_changes(seed, classes, temperature, sharpness):
    logits = sharpness * np.random.default_rng(seed).normal(size=(20, classes))
    before = softmax(logits).astype(np.float32)
    after = np.asarray(temper(before, temperature))
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-5)
    # Two probabilities that float32 can hardly tell apart may become the same number.
    margins = np.sort(before, axis=1)[:, -1] / np.sort(before, axis=1)[:, -2].clip(1e-38) - 1
    clear = margins > 1e-4
    np.testing.assert_array_equal(after.argmax(axis=1)[clear], before.argmax(axis=1)[clear])
    assert (after[np.arange(20), before.argmax(axis=1)] >= after.max(axis=1) - 1e-6).all()


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoiled_the_answers_is_found(truth):
    labels, logits = draw_photos(np.random.default_rng(0), 4000)
    spoiled = softmax(logits * truth).astype(np.float32)
    found = fit_temperature(labels, spoiled)
    assert found == pytest.approx(truth, rel=0.1)
    np.testing.assert_allclose(np.asarray(temper(spoiled, found)), softmax(logits * truth / found), atol=1e-5)


@pytest.mark.parametrize("number", [1, 5, 20, 60, 150])
@pytest.mark.parametrize("sharpness", [2, 15, 60])
def test_answers_that_mean_what_they_say_are_left_alone(number, sharpness):
    """Any temperature but 1 is chance here, also where few answers or none are wrong (0.83 to 0.99 are right)."""
    rng = np.random.default_rng(number)
    labels, logits = draw_photos(rng, 4000, sharpness=sharpness)
    before = photo_losses(labels, softmax(logits)).mean()
    found = [fit_on(*draw_photos(rng, number, sharpness=sharpness)) for _ in range(40)]
    after = [photo_losses(labels, softmax(logits / one)).mean() for one in found]
    assert np.mean(after) - before < 0.003
    assert np.median(found) == 1


@pytest.mark.parametrize("truth", [0.5, 2.5])
def test_wrong_temperatures_are_mended_by_a_hundred_photos(truth):
    rng = np.random.default_rng(0)
    labels, logits = draw_photos(rng, 4000)
    before = photo_losses(labels, softmax(logits * truth)).mean()
    found = []
    for _ in range(10):
        few, answers = draw_photos(rng, 100)
        found.append(fit_on(few, answers * truth))
        assert photo_losses(labels, softmax(logits * truth / found[-1])).mean() < before
    assert min(truth, 1) < np.median(found) < max(truth, 1)  # on the side of caution


def test_few_answers_without_a_mistake_are_no_reason_to_be_surer():
    assert fit_temperature([0] * 20, [[0.95, 0.05]] * 20) == 1
    assert 0.3 < fit_temperature([0] * 1000, [[0.95, 0.05]] * 1000) < 0.6


def test_no_photos_or_impossible_answers_give_a_temperature_all_the_same():
    assert fit_temperature((), np.empty((0, 2))) == 1
    assert fit_temperature([1] * 100, [[1.0, 0.0]] * 100) == pytest.approx(HIGHEST, rel=0.01)


@pytest.fixture(scope="module")
def network():
    import keras

    keras.utils.set_random_seed(1)
    pixels = keras.Input((None, None, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(pixels))
    model = keras.Model(pixels, keras.layers.Dense(3)(x), name="tiny")
    return build_inference_network(model, image_size=12, side=8, num_classes=3, flip_average=True)


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 40, (5, 12, 12, 3)).astype(np.float32)


def test_the_stored_network_and_its_portable_form_have_the_temperature(network, photos, tmp_path):
    warm = add_temperature(network, 2.0)
    expected = softmax(np.log(network(photos).numpy().astype(np.float64)) / 2)
    np.testing.assert_allclose(warm(photos), expected, atol=1e-5)
    warm.save(tmp_path / "network.keras")
    stored = load_network_file(tmp_path / "network.keras")
    np.testing.assert_allclose(stored(photos), expected, atol=1e-5)
    portable = build_portable_network(stored)(photos)
    np.testing.assert_allclose(portable["probabilities"], expected, atol=1e-5)
    # The evidence is about the logits, which no temperature moves.
    np.testing.assert_allclose(portable["evidence"], build_portable_network(network)(photos)["evidence"], atol=1e-5)


def test_a_temperature_of_1_changes_nothing(network):
    assert add_temperature(network, 1.0) is network


@pytest.mark.parametrize("kind", [list, dict])
def test_other_outputs_pass_through(network, photos, kind):
    import keras

    second = keras.ops.mean(network.input, axis=(1, 2, 3))
    outputs = {"probabilities": network.output, "unlikeness": second} if kind is dict else [network.output, second]
    both = add_temperature(keras.Model(network.input, outputs), 2.0)(photos)
    probabilities, other = both.values() if kind is dict else both
    np.testing.assert_allclose(probabilities, add_temperature(network, 2.0)(photos), atol=1e-6)
    np.testing.assert_allclose(other, photos.mean(axis=(1, 2, 3)), rtol=1e-5)
