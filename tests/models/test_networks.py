import numpy as np
import pytest

from pawprint.models.architectures import ARCHITECTURES, build_model


@pytest.fixture
def pictures():
    return np.random.default_rng(0).uniform(0, 255, (3, 64, 64, 3)).astype(np.float32)


def test_the_baseline_has_the_notebooks_parameters():
    # By hand: convs 3*3*in*out + out, norms 4*out, dense 8*8*128*64 + 64 and 64 + 1.
    convs = (27 * 32 + 32) + (288 * 64 + 64) + (576 * 128 + 128) + (1152 * 128 + 128)
    norms = 4 * (32 + 64 + 128 + 128)
    dense = (8 * 8 * 128 * 64 + 64) + (64 + 1)
    model = build_model("baseline", num_classes=2, image_size=64, seed=0)
    assert model.count_params() == convs + norms + dense == 766_657


def test_the_baseline_sees_pixels_unscaled_and_one_unit_decides(pictures):
    model = build_model("baseline", num_classes=2, image_size=64, seed=0)
    kinds = [type(layer).__name__ for layer in model.layers]
    assert "Rescaling" not in kinds
    assert [layer.units for layer in model.layers if type(layer).__name__ == "Dense"] == [64, 1]
    logits = model(pictures).numpy()
    assert (logits[:, 0] == 0).all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_pixels_in_logits_out_and_the_seed_decides_the_weights(name, pictures):
    model, again, other = (build_model(name, num_classes=5, image_size=64, seed=seed) for seed in (3, 3, 4))
    logits = model(pictures).numpy()
    assert logits.shape == (3, 5)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    one, two, three = (
        np.concatenate([weight.ravel() for weight in each.get_weights()]) for each in (model, again, other)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, three)


def test_the_cnn_takes_any_side():
    model = build_model("cnn", num_classes=2, image_size=160, seed=0)
    for side in (32, 75, 160):
        assert model(np.zeros((1, side, side, 3), np.float32)).shape == (1, 2)
