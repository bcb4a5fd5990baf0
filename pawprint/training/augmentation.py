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

    The code uses plain arithmetic only, so that XLA can fuse it into a few loops. TensorFlow's own warp
    (ImageProjectiveTransformV3) and a separate operation for each change of colour took four times the CPU time.

    Args:
        images: uint8 or float32 [n, stored, stored, 3], 0 to 255.
        draws: float32 [n, NUM_DRAWS], uniform in [0, 1).
        side: side of the output in pixels.
        augmentation: how strongly the photos are varied.

    Returns:
        float32 [n, side, side, 3], 0 to 255.
    """
    source_side = int(images.shape[1])
    # The warp interpolates between four neighbouring pixels. If it shrank by more than two it would skip pixels and
    # textures would flicker, so the photo is first averaged down by a whole factor.
    shrink = source_side // side
    if shrink > 1:
        images = tf.nn.avg_pool2d(tf.cast(images, tf.float32), shrink, shrink, "VALID")
        source_side //= shrink
    x, y = source_points(draws, source_side=source_side, side=side, augmentation=augmentation)
    return _recolour(_interpolate(images, x, y), draws, augmentation)


def source_points(draws: Any, *, source_side: int, side: int, augmentation: Augmentation) -> tuple[Any, Any]:
    """Return the position in the photo that each output pixel is read from: x and y, float32 [n, side, side].

    A source point is centre + turn(flip(step x (output point - output centre))); points are pixel centres. The
    crop lies entirely inside the photo unless it is rotated or zoomed out.
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
    from_middle = tf.range(side, dtype=tf.float32) - (side - 1) / 2
    across, down = from_middle[None, None, :], from_middle[None, :, None]
    x = _per_photo(centre_x * source_side - 0.5)
    y = _per_photo(centre_y * source_side - 0.5)
    x += _per_photo(cosine * step_x) * across - _per_photo(sine * step_y) * down
    y += _per_photo(sine * step_x) * across + _per_photo(cosine * step_y) * down
    return x, y


def _interpolate(images: Any, x: Any, y: Any) -> Any:
    """Return photos [n, source, source, 3] sampled at x and y [n, side, side]: bilinear, mirrored beyond the edges."""
    source_side = int(images.shape[1])
    pixels = tf.reshape(images, [-1, 3])
    first = (tf.range(tf.shape(images)[0]) * source_side**2)[:, None, None]
    left, top = tf.floor(x), tf.floor(y)
    rightward, downward = (x - left)[..., None], (y - top)[..., None]

    def inside(position: Any) -> Any:
        position = tf.math.floormod(tf.cast(position, tf.int32), 2 * source_side)
        return tf.minimum(position, 2 * source_side - 1 - position)

    def row(line: Any) -> Any:
        starts = first + inside(line) * source_side
        before, after = (tf.cast(tf.gather(pixels, starts + inside(column)), tf.float32) for column in (left, left + 1))
        return before * (1 - rightward) + after * rightward

    return row(top) * (1 - downward) + row(top + 1) * downward


def _recolour(images: Any, draws: Any, augmentation: Augmentation) -> Any:
    """Return photos with brightness, contrast and saturation changed by one linear map each, clipped to 0 to 255."""
    if not (augmentation.brightness or augmentation.contrast or augmentation.saturation):
        return images

    def factor(column: int, spread: float) -> Any:
        return _per_photo(1 + _spread(draws[:, column], spread))[..., None]

    brightness = factor(8, augmentation.brightness)
    contrast = factor(9, augmentation.contrast)
    saturation = factor(10, augmentation.saturation)
    mean = tf.reduce_mean(images, axis=[1, 2], keepdims=True)
    kept = brightness * contrast * saturation
    if not augmentation.saturation:
        return tf.clip_by_value(images * kept + mean * (brightness * (1 - contrast)), 0.0, 255.0)
    grey = tf.reduce_sum(images * tf.constant(GREY), axis=3, keepdims=True)
    recoloured = (
        images * kept + grey * (brightness * contrast * (1 - saturation)) + mean * (brightness * (1 - contrast))
    )
    return tf.clip_by_value(recoloured, 0.0, 255.0)


def _per_photo(numbers: Any) -> Any:
    """Return [n] reshaped to [n, 1, 1], so that it broadcasts over the pixels of each photo."""
    return numbers[:, None, None]


def _between(draw: Any, low: float, high: float) -> Any:
    return low + draw * (high - low)


def _spread(draw: Any, reach: float) -> Any:
    """Return a draw from [0, 1) mapped to [-reach, reach)."""
    return (draw * 2 - 1) * reach
