"""All limits on reading archives from strangers: sizes, numbers of members, compression ratios, memory.

The limit on a photo's pixels is `pawprint.dataset.decode.MAX_PIXELS`, which travels inside each model.
"""

LARGEST_PHOTO = 128 * 2**20
"""Bytes of a photo's file. A photo is read whole into memory; a larger one is a mistake or a bomb."""

LARGEST_TABLE = 256 * 2**20
"""Bytes of a table beside the photos; a larger table is left out."""

LARGEST_NOTE = 32 * 2**20
"""Bytes of an index file or an annotation; a larger one is left out."""

MAX_MEMBERS = 250_000
"""Members of an archive, folders included: listing a zip takes about one kilobyte of memory for each."""

MAX_DIRECTORY_BYTES = 128 * 2**20
"""Bytes of a zip's directory, which is read whole: enough for MAX_MEMBERS names of 400 characters."""

MAX_HEADER_BYTES = 2**20
"""Bytes of one tar header (a long name, extended attributes), which is read whole."""

LONGEST_NAME = 1024
"""Characters of a member's name. A zip allows 65,535, and names become classes, columns and labels in pictures."""

DEEPEST_FOLDER = 64
"""Folders in the path of one member: 40,000 would fit into one name, and each of them is examined."""

MAX_RATIO = 100
"""How many times larger than its compressed size a member, or a tar, may be. Photos reach about 1, a bomb 1,000."""

MEMBER_RATIO_FROM = 2**20
"""Unpacked bytes up to which MAX_RATIO does not apply to a member of a zip: icons and drawings compress well."""

TAR_RATIO_FROM = 64 * 2**20
"""Unpacked bytes up to which MAX_RATIO does not apply to a tar: its members are padded with zeros to 512 bytes."""

XZ_MEMORY = 128 * 2**20
"""Bytes of memory for unpacking xz: `xz -9` needs 65 MiB, a forged header asks for up to 4 GiB."""

READ_SIZE = 2**16
"""Bytes unpacked at a time: when a member is larger than its header claims, reading stops this early."""

NAMES_KEPT = 20
"""Names kept for each reason to leave members out; further members are only counted."""


def mebibytes(size: int) -> str:
    """Return a limit in MiB, as the messages show it.

    >>> mebibytes(2**27)
    '128 MiB'
    """
    return f"{size // 2**20} MiB"
