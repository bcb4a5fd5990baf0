"""Labels from tables beside the photos."""

from pawprint.errors import UserError
from pawprint.photos.readings import Listing, Reading


def read_tables(listing: Listing) -> list[Reading]:
    """Return every reading that a table or index file gives."""
    del listing
    return []


def read_named_table(listing: Listing, text: str) -> Reading:
    """Return the reading of the table that `labels` names."""
    del listing
    raise UserError(f"labels={text}: no such table")
