import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from pawprint.dataset.decode import decode_photo
from pawprint.models.architectures import build_model
from pawprint.models.efficientnet_lite0 import load_pretrained


@pytest.fixture(scope="module")
def network():
    return build_model("efficientnet_lite0", num_classes=2, image_size=224, seed=0)


@pytest.fixture(scope="module")
def backbone(network):
    return keras.Model(network.input, network.layers[-1].input)


def test_it_has_the_published_number_of_parameters(network):
    # 4,652,008 learned with ImageNet's head of 1,281,000. Folding leaves one of a normalisation's two a channel.
    channels = sum(layer.bias.shape[0] for layer in network.layers[:-1] if layer.weights)
    assert network.count_params() == 4_652_008 - 1_281_000 - channels + 2 * 1280 + 2


def test_folded_layers_give_what_convolution_and_normalisation_gave(network):
    """The first block by the published tensors: a strided, a depthwise and a pointwise convolution."""
    tensors = load_pretrained()

    def normalise(x, name):
        gamma, beta, mean, variance = (
            tensors[f"{name}.{kind}"] for kind in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    stem = tensors["_conv_stem.weight"].transpose(2, 3, 1, 0)
    x = tf.nn.relu6(normalise(tf.nn.conv2d((pixels - 127) / 128, stem, 2, "SAME"), "_bn0"))
    depthwise = tensors["_blocks.0._depthwise_conv.weight"].transpose(2, 3, 0, 1)
    x = tf.nn.relu6(normalise(tf.nn.depthwise_conv2d(x, depthwise, [1, 1, 1, 1], "SAME"), "_blocks.0._bn1"))
    project = tensors["_blocks.0._project_conv.weight"].transpose(2, 3, 1, 0)
    x = normalise(tf.nn.conv2d(x, project, 1, "SAME"), "_blocks.0._bn2")
    with_weights = [layer for layer in network.layers if layer.weights]
    first_block = keras.Model(network.input, with_weights[2].output)
    np.testing.assert_allclose(first_block(pixels), x, atol=1e-3)


def test_pictures_that_differ_have_features_that_differ(backbone):
    generator = np.random.default_rng(0)
    smooth = np.broadcast_to(np.linspace(0, 255, 96, dtype=np.float32)[:, None, None], (96, 96, 3))
    features = backbone(np.stack([smooth, generator.uniform(0, 255, (96, 96, 3))])).numpy()
    assert features.shape == (2, 1280)
    assert np.corrcoef(features)[0, 1] < 0.8


@pytest.mark.slow
@pytest.mark.real_photos
def test_a_line_through_the_features_tells_cats_from_dogs(backbone, real_photos):
    from sklearn.linear_model import LogisticRegression

    with zipfile.ZipFile(real_photos) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg") and "__MACOSX" not in name)
        names = names[:: len(names) // 120]
        photos = np.stack([decode_photo(archive.read(name), 160) for name in names]).astype(np.float32)
    labels = np.array(["dog." in name for name in names])
    features = backbone.predict(photos, batch_size=40, verbose=0)
    fitted = LogisticRegression(C=0.01, max_iter=1000).fit(features[::2], labels[::2])
    assert fitted.score(features[1::2], labels[1::2]) > 0.85
