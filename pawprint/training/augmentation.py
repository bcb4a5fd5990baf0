"""Vary a batch of photos: one warp (crop, zoom, turn, flip) and one change of colours, for the whole batch at once.

Nothing here is random: the random numbers come in as an argument, so the same draws give the same pictures.
"""

import math
from typing import Any

import tensorflow as tf

from pawprint.models.recipe import Augmentation

GREY = (0.299, 0.587, 0.114)
"""Share of red, green and blue in a grey of the same lightness (ITU-R BT.601)."""


def augment(images: Any, draws: Any, *, side: int, augmentation: Augmentation) -> Any:
    """Return a varied version of each photo.

    Args:
        images: uint8 or float32 [n, stored, stored, 3], 0 to 255.
        draws: float32 [n, NUM_DRAWS], uniform in [0, 1).
        side: side in pixels of what is returned.
        augmentation: how much is varied.

    Returns:
        float32 [n, side, side, 3], 0 to 255.
    """
    stored = int(images.shape[1])
    images = tf.cast(images, tf.float32)
    # The warp reads four neighbours of each point. Shrunk by more than two, pixels between would be skipped and
    # textures would flicker, so whole multiples are averaged away first.
    shrink = stored // side
    if shrink > 1:
        images = tf.nn.avg_pool2d(images, shrink, shrink, "VALID")
    transforms = warp_transforms(draws, source_side=stored // max(1, shrink), side=side, augmentation=augmentation)
    warped = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=[side, side],
        interpolation="BILINEAR",
        fill_mode="REFLECT",
        fill_value=0.0,
    )
    return _recolour(warped, draws, augmentation)


def warp_transforms(draws: Any, *, source_side: int, side: int, augmentation: Augmentation) -> Any:
    """Return where each output pixel is read, as the eight numbers of a projective transform, float32 [n, 8].

    A source point is centre + turn(flip(step x (output point - output centre))); points are pixel centres. The
    crop lies wholly inside the photo unless it is turned or zoomed out.
    """
    area = _between(draws[:, 0], *augmentation.crop_area)
    aspect = tf.exp(_spread(draws[:, 1], math.log(augmentation.crop_aspect)))
    width = tf.minimum(1.0, tf.sqrt(area * aspect))
    height = tf.minimum(1.0, tf.sqrt(area / aspect))
    centre_x = 0.5 + (1 - width) * _spread(draws[:, 2], 0.5)
    centre_y = 0.5 + (1 - height) * _spread(draws[:, 3], 0.5)
    zoom = 1 + _spread(draws[:, 4], augmentation.zoom)
    angle = _spread(draws[:, 5], augmentation.rotation * 2 * math.pi)
    as_it_is = tf.ones_like(angle)
    flip_x = tf.where(draws[:, 6] < 0.5, -1.0, 1.0) if augmentation.flip_horizontal else as_it_is
    flip_y = tf.where(draws[:, 7] < 0.5, -1.0, 1.0) if augmentation.flip_vertical else as_it_is

    step_x = flip_x * zoom * width * (source_side / side)
    step_y = flip_y * zoom * height * (source_side / side)
    cosine, sine = tf.cos(angle), tf.sin(angle)
    x_by_x, x_by_y = cosine * step_x, -sine * step_y
    y_by_x, y_by_y = sine * step_x, cosine * step_y
    middle = (side - 1) / 2
    x_at_zero = centre_x * source_side - 0.5 - middle * (x_by_x + x_by_y)
    y_at_zero = centre_y * source_side - 0.5 - middle * (y_by_x + y_by_y)
    none = tf.zeros_like(step_x)
    return tf.stack([x_by_x, x_by_y, x_at_zero, y_by_x, y_by_y, y_at_zero, none, none], axis=1)


def _recolour(images: Any, draws: Any, augmentation: Augmentation) -> Any:
    """Change brightness, contrast and saturation by one linear map per photo, and cut to 0 to 255."""
    if not (augmentation.brightness or augmentation.contrast or augmentation.saturation):
        return images

    def factor(column: int, spread: float) -> Any:
        return (1 + _spread(draws[:, column], spread))[:, None, None, None]

    brightness = factor(8, augmentation.brightness)
    contrast = factor(9, augmentation.contrast)
    saturation = factor(10, augmentation.saturation)
    mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)
    kept = brightness * contrast * saturation
    if not augmentation.saturation:
        return tf.clip_by_value(images * kept + mean * (brightness * (1 - contrast)), 0.0, 255.0)
    grey = tf.nn.conv2d(images, tf.reshape(tf.constant(GREY), [1, 1, 3, 1]), 1, "VALID")
    recoloured = (
        images * kept + grey * (brightness * contrast * (1 - saturation)) + mean * (brightness * (1 - contrast))
    )
    return tf.clip_by_value(recoloured, 0.0, 255.0)


def _between(draw: Any, low: float, high: float) -> Any:
    return low + draw * (high - low)


def _spread(draw: Any, reach: float) -> Any:
    """Map [0, 1) to [-reach, reach)."""
    return (draw * 2 - 1) * reach
