"""Rebuild the finished network for other runtimes, with one more output: where in the photo the evidence is.

The served network stays as it is. This is another graph over the same weights, for exports.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pawprint.models.network_file import PROBABILITIES, name_outputs

if TYPE_CHECKING:
    import keras

EVIDENCE = "evidence"


def build_portable_network(network: "keras.Model") -> "keras.Model":
    """Rebuild a finished network from operations that every runtime supports; the weights are shared.

    Resizing without aliasing (TensorFlow's ScaleAndTranslate, which no exporter supports) is linear and works along one
    axis after the other, so two products with constant matrices give the same result.

    The evidence is the class activation map of Zhou et al. (2016, Learning Deep Features for Discriminative
    Localization). If a network ends with the mean of its features over all places and one linear layer, this layer can
    be applied at each place: the mean of its results is the logit (without the bias). So the map is not an
    approximation but a decomposition of the logit. Other networks have no map.

    Args:
        network: the result of `build_inference_network` or `add_unlikeness`, before or after it is saved and loaded.

    Returns:
        A network from the same pixels to a dictionary: the network's own outputs and, if possible, `evidence`,
        float32 [n, rows, columns, k], upright for the given photo; with several views, their mean.
    """
    import keras

    (pixels_of,) = network.inputs
    pixels = keras.Input(pixels_of.shape[1:], dtype="float32", name="pixels")
    tracing = _Tracing(num_classes=name_outputs(network.output)[PROBABILITIES].shape[-1])
    own = name_outputs(tracing.follow(network, pixels))
    outputs = {name: keras.layers.Identity(name=name)(output) for name, output in own.items()}
    if tracing.maps:
        mean = tracing.maps[0] if len(tracing.maps) == 1 else keras.layers.Average()(tracing.maps)
        outputs[EVIDENCE] = keras.layers.Identity(name=EVIDENCE)(mean)
    return keras.Model(pixels, outputs, name="portable")


def has_evidence(network: "keras.Model") -> bool:
    """Return whether a network of `build_portable_network` also gives the evidence."""
    return EVIDENCE in network.output


class _Tracing:
    """One pass through a network's graph, with what is known about its tensors.

    Attributes:
        maps: the class activation map of each view of the photo, upright.
    """

    def __init__(self, *, num_classes: int) -> None:
        self.num_classes = num_classes
        self.maps: list[Any] = []
        # By a tensor's id: the features it is the mean of, and whether it shows the photo's mirror image.
        self._features: dict[int, Any] = {}
        self._mirrored: set[int] = set()
        self._applied = 0
        self._kept: list[Any] = []  # an id is unique only while the tensor lives

    def follow(self, network: "keras.Model", inputs: Any) -> Any:
        """Apply a network to symbolic inputs, operation by operation, including the operations of nested networks."""
        # The way Keras itself runs a graph. `keras.models.clone_model` also accepts a function for each call, but it
        # makes a separate model of each nested network, with inputs of its own.
        return network._run_through_graph(inputs, operation_fn=lambda operation: operation, call_fn=self._call)

    def _call(self, operation: Any, *args: Any, **kwargs: Any) -> Any:
        import keras

        if isinstance(operation, keras.Model):
            return self.follow(operation, args[0])
        substitute = _substitute(operation, args[0].shape) if args and isinstance(args[0], keras.KerasTensor) else None
        result = operation(*args, **kwargs) if substitute is None else self._apply(substitute, args[0])
        sources = [source for source in keras.tree.flatten(args) if isinstance(source, keras.KerasTensor)]
        mirrored = any(id(source) in self._mirrored for source in sources) != (type(operation).__name__ == "Flip")
        for tensor in keras.tree.flatten(result):
            self._kept.append(tensor)
            if mirrored:
                self._mirrored.add(id(tensor))
        if isinstance(operation, keras.layers.GlobalAveragePooling2D) and not operation.keepdims:
            self._features[id(result)] = args[0]
        elif sources and id(sources[0]) in self._features:
            features = self._features[id(sources[0])]
            if isinstance(operation, keras.layers.Dropout):
                self._features[id(result)] = features
            elif isinstance(operation, keras.layers.Dense) and _is_last(operation, self.num_classes):
                self.maps.append(self._apply(_activation_map(operation.kernel, mirrored=mirrored), features))
        return result

    def _apply(self, function: Callable[[Any], Any], x: Any) -> Any:
        """Apply a function under a unique name: a graph cannot have two operations of the same name."""
        import keras

        self._applied += 1
        return keras.layers.Lambda(function, name=f"portable_{self._applied}")(x)


def _is_last(layer: Any, num_classes: int) -> bool:
    import keras

    return layer.units == num_classes and layer.activation is keras.activations.linear


def _activation_map(kernel: Any, *, mirrored: bool) -> Callable[[Any], Any]:
    """Return a function that applies the last layer at each place of its features, and turns a mirrored map back."""
    import keras

    def apply(features: Any) -> Any:
        activation_map = keras.ops.matmul(features, kernel)
        return keras.ops.flip(activation_map, axis=2) if mirrored else activation_map

    return apply


def _substitute(operation: Any, shape: tuple[int | None, ...]) -> Callable[[Any], Any] | None:
    """Return a function equivalent to an operation that no exporter supports, or None if exporters support it."""
    import keras

    if type(operation).__name__ == "Resize" and operation.antialias:
        return _resizing(operation, shape)
    if getattr(operation, "activation", None) is keras.activations.gelu:
        if isinstance(operation, keras.layers.Dense):
            return lambda x: _gelu(keras.ops.matmul(x, operation.kernel) + operation.bias)
        if isinstance(operation, keras.layers.Activation):
            return _gelu
    return None


def _gelu(x: Any) -> Any:
    """Return the exact GELU, by erf; TensorFlow's own uses erfc, which tf2onnx does not support."""
    import keras

    return x * 0.5 * (1.0 + keras.ops.erf(x / math.sqrt(2)))


def _resizing(operation: Any, shape: tuple[int | None, ...]) -> Callable[[Any], Any]:
    """Return a function that resizes by one matrix for the rows and one for the columns."""
    import keras

    height, width = operation.size
    by_rows = _resizing_weights(shape[1], height, operation.interpolation)
    by_columns = _resizing_weights(shape[2], width, operation.interpolation)

    def resize(pixels: Any) -> Any:
        return keras.ops.einsum("ij,nhjc->nhic", by_columns, keras.ops.einsum("ij,njwc->niwc", by_rows, pixels))

    return resize


def _resizing_weights(side: int | None, target: int, interpolation: str) -> Any:
    """Return how much each of `side` pixels in a line contributes to each of `target`: float32 [target, side]."""
    import keras

    if side is None:
        raise ValueError("a portable network resizes photos of a known size only")
    # Each pixel is resized alone; along the other axis nothing changes.
    lines = np.eye(side, dtype=np.float32)[:, :, None]
    resized = keras.ops.image.resize(lines, (target, side), interpolation=interpolation, antialias=True)
    return np.asarray(resized)[:, :, 0]
