"""Listings of drawn layouts: names of photos, and small tables beside them."""

from collections.abc import Iterable, Mapping

from pawprint.labels.readings import Listing, Reading


def make_listing(photos: Iterable[str], files: Mapping[str, str | bytes]) -> Listing:
    """Return a listing whose companions are the files given."""
    data = {name: content.encode() if isinstance(content, str) else content for name, content in files.items()}
    return Listing(tuple(sorted(photos)), tuple(sorted(data)), data.__getitem__)


def labels_of(reading: Reading) -> dict[str, str]:
    return {photo.member: photo.label for photo in reading.photos}


def splits_of(reading: Reading) -> dict[str, str | None]:
    return {photo.member: photo.split for photo in reading.photos}


def csv_text(rows: Iterable[Iterable[object]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(map(str, row)) + "\n" for row in rows)
