"""What an archive from strangers may cost: every limit on reading photos out of archives, in this one place.

The limit on a photo's pixels is `pawprint.dataset.decode.MAX_PIXELS`, which travels inside each model.
"""

LARGEST_PHOTO = 128 * 2**20
"""Bytes of a photo's file; it is read whole, and a larger "photo" is a mistake or a bomb."""

LARGEST_TABLE = 256 * 2**20
"""Bytes of a table beside the photos; a larger one is left out."""

LARGEST_NOTE = 32 * 2**20
"""The same for an index file or an annotation."""

MAX_MEMBERS = 250_000
"""Members of an archive, folders included: the list of a zip's members takes about a kilobyte for each."""

MAX_DIRECTORY_BYTES = 128 * 2**20
"""Size of a zip's directory, which is read whole: room for MAX_MEMBERS names of 400 characters."""

MAX_HEADER_BYTES = 2**20
"""Size of one header of a tar (a long name, extended attributes), which is read whole."""

LONGEST_NAME = 1024
"""Characters of a member's name: a zip's may have 65,535, and become a class, a column and a label in pictures."""

DEEPEST_FOLDER = 64
"""Folders that a member may lie in: 40,000 fit into one name, and each is looked at."""

MAX_RATIO = 100
"""How many times its compressed size a member, or a tar, may take. Photos hardly shrink; a bomb does 1,000-fold."""

MEMBER_RATIO_FROM = 2**20
"""Bytes up to which a member of a zip may shrink as far as it likes: icons and drawings do."""

TAR_RATIO_FROM = 64 * 2**20
"""The same for a whole tar, each of whose members is padded with zeros to 512 bytes."""

XZ_MEMORY = 128 * 2**20
"""Bytes that unpacking xz may ask for: `xz -9` needs 65 MiB, a forged header up to 4 GiB."""

READ_SIZE = 2**16
"""Bytes asked for at a time: what is unpacked beyond a header's claim is noticed this early."""

NAMES_KEPT = 20
"""Members that are named for each reason of leaving some out; the others are counted."""


def mebibytes(size: int) -> str:
    """Write a limit as people read it.

    >>> mebibytes(2**27)
    '128 MiB'
    """
    return f"{size // 2**20} MiB"
