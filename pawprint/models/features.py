"""The features that a frozen network computes of each photo, stored so that they are computed only once."""

import hashlib
import logging
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tqdm import tqdm

from pawprint.base.files import write_beside
from pawprint.dataset.shards import Images

logger = logging.getLogger(__name__)
BATCH = 50
"""Photos per call of the network."""
VERSION = 1
"""Version of the stored features; increase it when the same photos and weights give other features."""


@dataclass
class FeatureStore:
    """A folder of features, each file named after everything that its content depends on.

    Args:
        folder: created if missing; any number of processes may share it.
        dataset_digest: digest of the photos' dataset.

    Attributes:
        images_per_second: photos (with their mirror images) per second when features were last computed; None if all
            features so far were read from the folder.
    """

    folder: Path
    dataset_digest: str
    images_per_second: float | None = field(default=None, init=False)

    def load(self, backbone: keras.Model, photos: Images, *, name: str) -> npt.NDArray[np.float32]:
        """Return the features of each photo and of its mirror image; compute them if they are not stored yet.

        Args:
            backbone: maps pixels 0 to 255 to features [n, d]; identified by its name and its weights.
            photos: the photos.
            name: name of their split in the dataset.

        Returns:
            float32 [n, 2, d]: the photo, the mirror image.
        """
        path = self.folder / f"{self._key(backbone, name)}.npz"
        try:
            with np.load(path) as kept:  # a truncated or changed file fails its checksum
                features: npt.NDArray[np.float32] = kept["features"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            started = time.perf_counter()
            features = compute_features(backbone, photos)
            self.images_per_second = len(features) / (time.perf_counter() - started)
            try:
                _write(path, features)
            except OSError as error:  # a full disk, no permission: the computed features are still good
                logger.warning("features are not kept, because %s cannot be written: %s", path, error.strerror)
        return features

    def _key(self, backbone: keras.Model, name: str) -> str:
        digest = hashlib.sha256(f"{VERSION} {self.dataset_digest} {name} {backbone.name}".encode())
        for weights in backbone.get_weights():
            digest.update(np.ascontiguousarray(weights).tobytes())
        return digest.hexdigest()


def compute_features(backbone: keras.Model, photos: Images) -> npt.NDArray[np.float32]:
    """Return the features of each photo and of its mirror image, float32 [n, 2, d]."""

    @tf.function(reduce_retracing=True)
    def describe(images: tf.Tensor) -> tf.Tensor:
        pixels = tf.cast(images, tf.float32)
        return tf.stack([backbone(pixels), backbone(tf.reverse(pixels, [2]))], axis=1)

    num_photos = len(photos)
    parts = []
    with tqdm(total=num_photos, desc="features", unit="photo", leave=False, disable=None) as bar:
        for start in range(0, num_photos, BATCH):
            positions = np.arange(start, min(start + BATCH, num_photos))
            parts.append(describe(tf.constant(photos[positions])).numpy())
            bar.update(len(positions))
    return np.concatenate(parts)


def _write(path: Path, features: npt.NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as beside, beside.open("wb") as file:
        np.savez(file, features=features)
