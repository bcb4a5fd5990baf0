"""Decode the text of a table from any program."""

import codecs
import re

from pawprint.archives.name_encodings import weigh_pages
from pawprint.labels.tabular.limits import LARGEST_TABLE, TableError

CELLS = re.compile(rb"[^,;\t\r\n\"\d/]+")
MOST_WEIGHED = 2**20
"""Bytes that are examined to find the code page."""
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode_text(data: bytes) -> str:
    r"""Decode a table: by its byte-order mark, as UTF-8, as UTF-16 without a mark, else in the most probable code page.

    >>> decode_text("bär".encode("cp1252")), decode_text("\ufeffbär".encode("utf-16-le"))
    ('bär', 'bär')

    Raises:
        TableError: The file is not text.
    """
    if len(data) > LARGEST_TABLE:
        raise TableError(f"it takes {len(data):,} bytes, at most {LARGEST_TABLE:,} are read")
    for mark, encoding in MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError as error:
                raise TableError(f"it is no {encoding} text ({error.reason})") from error
    sample = data[:4096]
    if sample.count(0) > len(sample) // 3:  # in UTF-16, every other byte of an ASCII text is zero
        try:
            return data.decode("utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be")
        except UnicodeDecodeError as error:
            raise TableError("it is no text") from error
    if b"\0" in data:
        raise TableError("it is no text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        words = dict.fromkeys(word for word in CELLS.findall(data[:MOST_WEIGHED]) if not word.isascii())
        page, _ = weigh_pages(list(words))
        return data.decode(page, errors="replace")
