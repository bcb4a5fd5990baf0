"""Count the multiply-adds of a network for one picture."""

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras


def count_multiply_adds(network: "keras.Model", *, side: int) -> int:
    """Count the multiplications, each with its addition, of convolutions and matrix products for one picture.

    They are read from TensorFlow's graph of the network, so that attention and unrolled recurrence are included. (Keras
    traces every layer into one graph; TensorFlow's own flattening of nested functions would take twice as long.)
    Operations on single values (activations, normalisation, pooling) are not counted: they cost memory traffic, not
    arithmetic.

    Args:
        network: the network, from pixels [n, side, side, 3].
        side: side of the picture in pixels.

    Raises:
        ValueError: the network has a loop, whose number of rounds is not in the graph, or a function of its own.
    """
    import tensorflow as tf

    pixels = tf.TensorSpec((1, side, side, 3), tf.float32)
    concrete = tf.function(lambda inputs: network(inputs, training=False)).get_concrete_function(pixels)
    return sum(_multiply_adds(operation) for operation in concrete.graph.get_operations())


def _multiply_adds(operation: Any) -> int:
    kind = operation.type
    if kind in ("Conv2D", "DepthwiseConv2dNative"):
        height, width, inputs, outputs = operation.inputs[1].shape.as_list()
        positions = math.prod(operation.outputs[0].shape.as_list()[:3])
        return int(positions * height * width * inputs * outputs)
    if kind in ("MatMul", "BatchMatMulV2"):
        transposed = operation.get_attr("transpose_a" if kind == "MatMul" else "adj_x")
        inner = operation.inputs[0].shape.as_list()[-2 if transposed else -1]
        return int(math.prod(operation.outputs[0].shape.as_list()) * inner)
    if kind == "Einsum":
        terms = operation.get_attr("equation").decode().split("->")[0].split(",")
        sizes: dict[str, int] = {}
        for term, tensor in zip(terms, operation.inputs, strict=True):
            sizes |= dict(zip(term, tensor.shape.as_list(), strict=True))
        return math.prod(sizes.values())
    if kind in ("While", "StatelessWhile"):
        raise ValueError(f"the graph of {operation.name} has a loop, whose rounds cannot be counted; unroll it")
    if kind in ("PartitionedCall", "StatefulPartitionedCall"):
        raise ValueError(f"{operation.name} is a function of its own, which is not looked into")
    return 0
