"""All limits on reading tables from strangers."""

LARGEST_TABLE = 128 * 2**20
"""Bytes of a table's file, which is read whole."""

MAX_ROWS = 2_000_000
"""Rows of a table: several for each photo of the largest archive."""

MAX_CELLS = 20_000_000
"""Cells of a table: each takes about 60 bytes of memory while the columns are compared."""

MAX_COLUMNS = 4096
"""Columns of a table: a column for each class is a common layout."""

COLUMNS_KEPT = 40
"""Other columns that are kept with the photos; nobody looks at more."""

LONGEST_CELL = 300
"""Characters of a cell kept with the photo, and of a class name."""

EVIDENCE_ROWS = 2000
"""Rows, spread over the table, that are examined to find the column with the photos' names."""


class TableError(Exception):
    """A file cannot be read as a table; the message says why, for the user."""
