"""Load `network.keras` from a store that others may write to, so that nothing in it can run code.

A `.keras` file names the classes that its network consists of, and Keras builds whatever it names. Keras's safe mode
refuses Python code (a Lambda layer's). Here only a list of layers that compute is allowed, so that neither a layer that
reads files or loads other formats nor a class someone has registered can be used. This file is stored inside each
model, so it imports nothing else of the project.
"""

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PROBABILITIES, UNLIKENESS = "probabilities", "unlikeness"
"""The outputs of a network; see `pawprint/models/unlikeness.py` for the second."""

LARGEST_CONFIG = 16 * 2**20
"""Bytes of config.json, which is read whole; the largest of keras.applications has 1 MB."""

MEMBERS = frozenset({"config.json", "metadata.json", "model.weights.h5"})
"""The members of a `.keras` file. Keras would treat any others as a layer's assets, and unpack them to disk."""

ANY = frozenset({"*"})
ADMITTED = {
    "keras": {"DTypePolicy", "Functional", "Model", "Sequential"},
    "keras.initializers": ANY,
    "keras.regularizers": ANY,
    "keras.constraints": ANY,
    "keras.layers": {
        *("Activation", "Add", "Average", "AveragePooling2D", "BatchNormalization", "Bidirectional", "Concatenate"),
        *("Conv1D", "Conv2D", "Conv2DTranspose", "Cropping2D", "Dense", "DepthwiseConv2D", "Dot", "Dropout", "ELU"),
        *("Embedding", "Flatten", "GaussianNoise", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "GRU"),
        *("GlobalMaxPooling2D", "GroupNormalization", "Identity", "InputLayer", "LSTM", "LayerNormalization"),
        *("LeakyReLU", "MaxPooling2D", "Maximum", "Minimum", "MultiHeadAttention", "Multiply", "Normalization"),
        *("PReLU", "Permute", "RMSNormalization", "ReLU", "RepeatVector", "Rescaling", "Reshape", "Resizing"),
        *("SeparableConv2D", "Softmax", "SpatialDropout2D", "Subtract", "TimeDistributed", "UnitNormalization"),
        *("UpSampling2D", "ZeroPadding2D"),
    },
    "keras.src.models.functional": {"Functional"},
    "keras.src.models.sequential": {"Sequential"},
    "keras.src.ops.image": ANY,
    "keras.src.ops.math": {"TopK"},
    "keras.src.ops.nn": ANY,
    "keras.src.ops.numpy": ANY,
    "keras.src.applications.convnext": {"LayerScale"},
    "keras.src.applications.inception_resnet_v2": {"CustomScaleLayer"},
    None: {"__keras_tensor__", "__numpy__", "__tensor__", "__slice__", "__ellipsis__"},
}
"""The classes a network may consist of, by the module that Keras writes."""


class UnsafeNetworkError(ValueError):
    """The file is not a network of this project, or has layers other than those allowed."""


def load_network_file(path: Path) -> Any:
    """Return the keras.Model in a `.keras` file, ready for prediction only.

    Raises:
        UnsafeNetworkError: it is not such a file, or names a class that is not in `ADMITTED`; nothing was built.
    """
    check_network_file(path)
    # Imported here, because steps that only import this room's names must not wait for TensorFlow.
    import keras
    import tensorflow as tf

    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (MemoryError, tf.errors.OpError) as error:
        raise UnsafeNetworkError(f"{path.name} asks for more memory than there is ({type(error).__name__})") from error
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, RuntimeError, OSError) as error:
        raise UnsafeNetworkError(f"{path.name} is no network that Keras can build ({error})") from error


def name_outputs(outputs: Any) -> Mapping[str, Any]:
    """Return a network's outputs, symbolic or computed, by name; one that an earlier version wrote has only one.

    >>> name_outputs([[0.25, 0.75]])
    {'probabilities': [[0.25, 0.75]]}
    """
    return outputs if isinstance(outputs, Mapping) else {PROBABILITIES: outputs}


def list_outputs(network: Any) -> list[str]:
    """Return the names of a network's outputs, sorted."""
    # A Sequential has a single output, and no attribute for it before it has been called.
    return sorted(name_outputs(getattr(network, "output", None)))


def check_network_file(path: Path) -> None:
    """Check the config.json of a `.keras` file without building anything.

    Raises:
        UnsafeNetworkError: as in `load_network_file`.
    """
    if path.suffix != ".keras":  # Keras treats others as formats with fewer checks
        raise UnsafeNetworkError(f"{path.name} is no .keras file, and no other format is loaded")
    try:
        with zipfile.ZipFile(path) as archive:
            if foreign := set(archive.namelist()) - MEMBERS:
                raise UnsafeNetworkError(f"{path.name} holds {min(foreign)!r}, which is no part of a network")
            with archive.open("config.json") as file:
                text = file.read(LARGEST_CONFIG + 1)
        if len(text) > LARGEST_CONFIG:
            raise UnsafeNetworkError(f"{path.name} has a config.json of more than {LARGEST_CONFIG // 2**20} MiB")
        for named in _objects(json.loads(text)):
            _check_object(named, path.name)
    except UnsafeNetworkError:
        raise
    except (zipfile.BadZipFile, KeyError, ValueError, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise UnsafeNetworkError(f"{path.name} cannot be read as a .keras file ({error})") from error


def _objects(content: Any) -> Iterator[dict[str, Any]]:
    """Yield every object that names a class, at any depth."""
    pending = [content]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            if "class_name" in one:
                yield one
            pending += one.values()
        elif isinstance(one, list):
            pending += one


def _check_object(named: dict[str, Any], file: str) -> None:
    module, name, registered = named.get("module"), named["class_name"], named.get("registered_name")
    # A registered name takes precedence over the class's own, so it could be anything that someone registered.
    if not isinstance(name, str) or registered not in {None, name} or not isinstance(module, str | None):
        raise UnsafeNetworkError(f"{file} names {registered or name!r}, which is not what a network is built of")
    admitted = ADMITTED.get(module, frozenset())
    if name not in admitted and admitted is not ANY:
        raise UnsafeNetworkError(f"{file} names {module or 'an unknown'}.{name}, which is no layer that may be loaded")
