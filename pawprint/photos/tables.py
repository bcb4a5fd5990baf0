"""Labels from tables beside the photos."""

from dataclasses import dataclass

from pawprint.errors import UserError
from pawprint.photos.readings import Listing, Reading


@dataclass(frozen=True)
class Survey:
    """What the tables of a source say.

    Attributes:
        readings: Every reading they give, that of the most photos first.
        remarks: Whole sentences: why a table that names the photos gives no classes.
    """

    readings: tuple[Reading, ...]
    remarks: tuple[str, ...]


def survey_tables(listing: Listing) -> Survey:
    """Return every reading that a table or index file gives, and why other tables give none."""
    del listing
    return Survey((), ())


def read_tables(listing: Listing) -> list[Reading]:
    """Return every reading that a table or index file gives."""
    del listing
    return []


def read_named_table(listing: Listing, text: str) -> Reading:
    """Return the reading of the table that `labels` names."""
    del listing
    raise UserError(f"labels={text}: no such table")
