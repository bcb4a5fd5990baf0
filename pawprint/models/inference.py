"""Build the finished network: pixels in, probabilities out, everything inside the graph."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def build_inference_network(
    model: "keras.Model", *, image_size: int, side: int, num_classes: int, flip_average: bool
) -> "keras.Model":
    """Wrap a trained network for use; the weights are shared, not copied.

    Only layers and operations of Keras are used, so `keras.models.load_model` needs no code of ours.

    Args:
        model: network from pixels 0 to 255 to logits [n, num_classes].
        image_size: side in pixels of the input photos.
        side: side they are resized to inside, without aliasing: the size that the network was trained for.
        num_classes: width of the output.
        flip_average: whether to average the probabilities over the photo and its mirror image.

    Returns:
        A network from pixels 0 to 255, [n, image_size, image_size, 3] (uint8 is converted), to probabilities,
        float32 [n, num_classes], in the order of the classes.
    """
    import keras

    pixels = keras.Input((image_size, image_size, 3), dtype="float32", name="pixels")
    softmax = keras.layers.Softmax(name="softmax")
    resized = pixels
    if side != image_size:
        resized = keras.ops.image.resize(pixels, (side, side), interpolation="bilinear", antialias=True)
    probabilities = softmax(model(resized))
    if flip_average:
        mirrored = keras.ops.flip(resized, axis=2)
        probabilities = keras.layers.Average(name="flip_average")([probabilities, softmax(model(mirrored))])
    network = keras.Model(pixels, probabilities, name="network")
    if network.output_shape != (None, num_classes):
        raise ValueError(f"{model.name} gives {network.output_shape[1]} logits for {num_classes} classes")
    return network
