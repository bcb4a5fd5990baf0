import keras
import numpy as np
import pytest
import tensorflow as tf

from pawprint.training.muon import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(40, 8), (8, 40), (16, 16)])
def test_all_directions_get_about_the_same_step(shape):
    generator = np.random.default_rng(0)
    u, _, v = np.linalg.svd(generator.normal(size=shape), full_matrices=False)
    skewed = u @ np.diag(np.logspace(0, 1.5, min(shape))) @ v
    after = orthogonalise(tf.constant(skewed, tf.float32)).numpy()
    along = np.diag(u.T @ after @ v.T)
    assert (along > 0.5).all()
    assert (along < 1.3).all()
    # The directions themselves stay.
    np.testing.assert_allclose(after, u @ np.diag(along) @ v, atol=0.02)


def test_kernels_take_orthogonal_steps_and_the_rest_takes_adamws():
    generator = np.random.default_rng(0)
    kernel = keras.Variable(generator.normal(size=(3, 3, 4, 8)), dtype="float32", name="kernel")
    bias = keras.Variable(np.zeros(8), dtype="float32", name="bias")
    twin = keras.Variable(np.zeros(8), dtype="float32", name="bias")
    before = kernel.numpy()
    gradients = [tf.constant(generator.normal(size=variable.shape), tf.float32) for variable in (kernel, bias)]
    muon, adamw = Muon(learning_rate=0.01, weight_decay=0.0), keras.optimizers.AdamW(0.01, weight_decay=0.0)
    muon.apply(gradients, [kernel, bias])
    adamw.apply(gradients[1:], [twin])
    np.testing.assert_array_equal(bias.numpy(), twin.numpy())
    change = (before - kernel.numpy()).reshape(36, 8)
    # 0.2 x sqrt(longer side) x an orthogonal matrix: its root mean square is that of AdamW's usual step.
    assert np.linalg.svd(change / 0.01, compute_uv=False) == pytest.approx(np.full(8, 0.2 * 36**0.5), rel=0.4)
    assert (change * gradients[0].numpy().reshape(36, 8)).sum() > 0


def test_weight_decay_shrinks_kernels_at_any_gradient():
    kernel = keras.Variable(np.ones((1, 1, 2, 2)), dtype="float32", name="kernel")
    Muon(learning_rate=0.1, weight_decay=0.5).apply([tf.zeros((1, 1, 2, 2))], [kernel])
    np.testing.assert_allclose(kernel.numpy(), 0.95, rtol=1e-5)
