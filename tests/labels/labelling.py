"""Classes read from names alone, as the tests of other things need them."""

from collections.abc import Iterable

from pawprint.archives.left_out import LeftOut
from pawprint.archives.members import reason_to_ignore
from pawprint.labels.choice import choose_reading
from pawprint.labels.readings import Labelled, Listing


def label_members(members: Iterable[str]) -> tuple[list[Labelled], LeftOut]:
    """Return the photos among members with their classes, and all others by reason."""
    ignored = LeftOut()
    photos = []
    for member in members:
        reason = reason_to_ignore(member)
        if reason is None:
            photos.append(member)
        else:
            ignored.add(reason, member)
    reading = choose_reading(Listing(tuple(sorted(photos)), (), lambda _: b""), "auto")
    ignored.merge(reading.left_out)
    return list(reading.photos), ignored
