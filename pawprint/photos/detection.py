"""Sets for detection or segmentation: nothing that a classifier can learn from."""

from pawprint.photos.readings import Listing


def explain_detection(listing: Listing) -> str | None:
    """Return why a source is a set for detection or segmentation, in one sentence, or None where it is none."""
    del listing
    return None
