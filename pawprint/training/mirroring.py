"""Find out whether photos may be mirrored: a mirrored b is a d, a mirrored cat is a cat."""

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.stats import binomtest

from pawprint.models.kind import choose_evenly
from pawprint.training.batches import Split

MOST_PHOTOS = 4000
BATCH = 50
SIDE = 24
"""Side in pixels at which photos are compared."""
LEAST_SHARE = 0.05
"""Share of the photos that mirrored ones must mislead: below, it gives more than it takes (docs/experiments.md)."""
LARGEST_P_VALUE = 0.001


def find_misled(photos: Split) -> float:
    """Return the share of photos that mirrored photos of other classes mislead; 0 if it could be chance or is small.

    Each photo is given the class of the photo most like it, by correlation of small gray pictures, among all others,
    and then among all others and their mirror images. Where classes are mirror images of one another (letters, arrows),
    the mirrored ones lead to the wrong class; elsewhere they change little. The two are compared photo by photo (exact
    test of McNemar).

    Args:
        photos: the training photos; at most `MOST_PHOTOS`, from all over, are compared.
    """
    chosen = choose_evenly(len(photos.labels), MOST_PHOTOS)
    labels = photos.labels[chosen]
    if len(labels) < 2:
        return 0.0
    batches = (photos.images[chosen[start : start + BATCH]] for start in range(0, len(chosen), BATCH))
    gray = np.stack([_shrink(photo) for batch in batches for photo in batch])
    upright = _normalize(gray)
    alike, mirrored = upright @ upright.T, upright @ _normalize(gray[:, :, ::-1]).T
    for likeness in (alike, mirrored):
        np.fill_diagonal(likeness, -np.inf)
    nearest = labels[alike.argmax(axis=1)]
    with_mirrored = np.where(mirrored.max(axis=1) > alike.max(axis=1), labels[mirrored.argmax(axis=1)], nearest)
    before, after = nearest == labels, with_mirrored == labels
    lost, won = int((before & ~after).sum()), int((~before & after).sum())
    share = (lost - won) / len(labels)
    if share < LEAST_SHARE or binomtest(lost, lost + won, alternative="greater").pvalue > LARGEST_P_VALUE:
        return 0.0
    return share


def _shrink(photo: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    gray = Image.fromarray(photo).convert("L").resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(gray, np.float32)


def _normalize(gray: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return each picture as a vector of mean 0 and length 1, so that products are correlations."""
    flat: npt.NDArray[np.float32] = gray.reshape(len(gray), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return flat
