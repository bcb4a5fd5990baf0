import hashlib
import zipfile

import keras
import numpy as np
import pytest

from pawprint.dataset.decode import decode_photo
from pawprint.models.architectures import build_model


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


def test_it_has_the_published_weights(network):
    """Those that folding the published tensors gave, held against convolution and normalisation one by one then."""
    digest = hashlib.sha256()
    for layer in network.layers[:-1]:
        for weights in layer.get_weights():
            digest.update(weights.tobytes())
    assert digest.hexdigest() == "8022bcda5106489a5db379ebb03e9dea19d66fbbf9f7688051b5bce2534a7305"


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
