"""What a table from strangers may cost."""

LARGEST_TABLE = 128 * 2**20
"""Bytes of a table's file; it is read whole."""

MAX_ROWS = 2_000_000
"""Rows that are read: several for each photo of the largest archive."""

MAX_CELLS = 20_000_000
"""Cells that are read: they take about 60 bytes each while the columns are weighed."""

MAX_COLUMNS = 4096
"""Columns that are read: a column for each class is a common layout."""

COLUMNS_KEPT = 40
"""Other columns that go on with the photos; a person looks at no more."""

LONGEST_CELL = 300
"""Characters of a cell that go on with the photo, and of a class's name."""

EVIDENCE_ROWS = 2000
"""Rows, spread over the table, in which the column that names the photos is sought."""


class TableError(Exception):
    """A file is no table that can be read; the message says why, for a person."""
