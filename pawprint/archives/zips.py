"""Read zips from strangers: list within limits, check each member before reading it, read within limits."""

import io
import logging
import stat
import struct
import zipfile
import zlib
from functools import cache
from pathlib import Path

from pawprint.archives.companions import is_companion, largest_companion
from pawprint.archives.left_out import LeftOut
from pawprint.archives.limits import (
    LARGEST_PHOTO,
    MAX_DIRECTORY_BYTES,
    MAX_MEMBERS,
    MAX_RATIO,
    MEMBER_RATIO_FROM,
    READ_SIZE,
    mebibytes,
)
from pawprint.archives.members import may_be_photo, reason_to_ignore, reason_unsafe
from pawprint.archives.name_encodings import decode_names
from pawprint.archives.sniffing import describe_file, starts_as_photo
from pawprint.base.errors import UserError

LOG = logging.getLogger(__name__)

READABLE_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""Compression methods that zipfile unpacks only as far as asked; with bzip2, 300 bytes become 256 MB at once."""
UTF8_NAME = 0x800
"""The flag of a member whose name is UTF-8 (APPNOTE 4.4.4)."""
UNICODE_PATH = 0x7075
"""The extra field with the name in UTF-8, beside the name in a code page (APPNOTE 4.6.9)."""
LOCAL_HEADER = 30
"""Bytes of a member's own header before its name (APPNOTE 4.3.7)."""
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, KeyError, struct.error),
    *(NotImplementedError, RuntimeError, ValueError, MemoryError, OverflowError),
)
"""What zipfile and its decompressors raise over damaged or forged bytes."""


class UnreadableMemberError(Exception):
    """A photo cannot be read from its archive: it is damaged, or differs from its entry in the directory."""


class _TooLargeError(Exception):
    """A zip's directory lists more members, or takes more bytes, than the limits allow."""


class _Bounded(io.BufferedReader):
    """The file of a zip that refuses to give zipfile a directory larger than the limits.

    zipfile reads the directory in one piece, of the size the zip claims, and makes an object for each signature in it.
    It ignores the zip's own count of members, so that count is not checked here.
    """

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise _TooLargeError(
                f"its directory takes {size:,} bytes, at most {mebibytes(MAX_DIRECTORY_BYTES)} are read"
            )
        data = super().read(size)
        if len(data) > 46 * MAX_MEMBERS and (members := data.count(b"PK\x01\x02")) > MAX_MEMBERS:
            raise _TooLargeError(f"it lists {members:,} members, at most {MAX_MEMBERS:,} are read; make several of it")
        return data


class _Zip(zipfile.ZipFile):
    """A zip with decoded member names that closes its file; zipfile closes only files it opened itself.

    Attributes:
        doubt: The code page of the names, with an example, if it is a guess; else "".
    """

    def __init__(self, file: _Bounded) -> None:
        self._file = file
        super().__init__(file)
        self.doubt = self._decode_names()

    def _decode_names(self) -> str:
        """Give each member without the UTF-8 flag its most probable name."""
        unknown: dict[int, bytes] = {}
        for number, member in enumerate(self.filelist):
            # zipfile has decoded them as cp437, which has a character for each byte.
            raw = member.orig_filename.partition("\0")[0].encode("cp437") if not member.flag_bits & UTF8_NAME else b""
            if raw.isascii():
                continue
            if (name := _unicode_path(member)) is None:
                unknown[number] = raw
            else:
                member.filename = name
        decoded = decode_names(unknown.values())
        for number, raw in unknown.items():
            self.filelist[number].filename = decoded.texts[raw]
        self.NameToInfo = {member.filename: member for member in self.filelist}
        return decoded.doubt

    def close(self) -> None:
        super().close()
        self._file.close()


def open_zip(path: Path) -> _Zip:
    """Open a zip; only the directory at its end is read.

    Raises:
        UserError: The file is not a zip, or its directory is damaged or exceeds the limits.
    """
    try:
        file = _Bounded(io.FileIO(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); change its permissions") from error
    try:
        return _Zip(file)
    except _TooLargeError as error:
        file.close()
        raise UserError(f"{path} is too large a zip: {error}") from error
    except (*DAMAGE, OSError) as error:
        looks = describe_file(path)
        file.close()
        raise UserError(f"{path} cannot be read as a zip ({error}): it looks like {looks}") from error


def list_zip(path: Path) -> tuple[list[str], LeftOut]:
    """Return the names of a zip's readable photos, and the number of other members by reason.

    Reads only the directory at the end of the zip, and the first bytes of members whose names do not show their kind.

    Raises:
        UserError: The file is not a zip, or its directory is damaged or exceeds the limits.
    """
    with open_zip(path) as archive:
        if archive.doubt:
            warn_of_names(path, archive.doubt)
        return judge_members(archive)


def judge_members(archive: zipfile.ZipFile) -> tuple[list[str], LeftOut]:
    """Return the names of the readable photos, sorted, and what is left out; companions are in neither."""
    photos, _, left_out = sort_members(archive)
    return photos, left_out


def sort_members(archive: zipfile.ZipFile) -> tuple[list[str], list[str], LeftOut]:
    """Return the readable photos and companions, each sorted, and what is left out."""
    members = archive.infolist()
    overlapping = _find_overlaps(members)
    photos: list[str] = []
    companions: list[str] = []
    left_out = LeftOut()
    for member in members:
        name = member.filename
        if name.endswith("/"):  # is_dir() fails on an empty name
            continue
        companion = is_companion(name)
        unknown = may_be_photo(name)
        reason = (None if companion or unknown else reason_to_ignore(name)) or reason_unsafe(name)
        if reason is None and member.header_offset in overlapping:
            reason = "bytes shared with another member"
        largest = largest_companion(name) if companion else LARGEST_PHOTO
        reason = reason or _reason_unreadable(member, end=archive.start_dir, largest=largest)
        # If a name occurs twice, the last member counts, as when unpacking.
        if reason is None and archive.NameToInfo[name] is not member:
            reason = "a name given twice"
        if unknown and (reason is not None or not starts_as_photo(_read_head(archive, member))):
            reason = reason_to_ignore(name)
        if reason is not None:
            left_out.add(reason, name)
        else:
            (companions if companion else photos).append(name)
    return sorted(photos), sorted(companions), left_out


def read_member(archive: zipfile.ZipFile, name: str, *, largest: int | None = None) -> bytes:
    """Read one member, piece by piece, so that a forged size in its header cannot take memory.

    Args:
        archive: The zip.
        name: The name of the member.
        largest: The most bytes to read; None: the limit for a photo.

    Raises:
        UnreadableMemberError: The member is damaged, or larger than that.
    """
    largest = LARGEST_PHOTO if largest is None else largest
    try:
        member = archive.getinfo(name)
        content = io.BytesIO()
        with archive.open(member) as file:
            while data := file.read(READ_SIZE):
                content.write(data)
                if content.tell() > largest:
                    raise UnreadableMemberError(f"larger than {mebibytes(largest)}")
        return content.getvalue()
    except DAMAGE as error:
        raise UnreadableMemberError(f"damaged in its archive: {error}") from error


def _unicode_path(member: zipfile.ZipInfo) -> str | None:
    """Return the UTF-8 name that a member has beside the one in a code page, if it belongs to that name."""
    raw = member.orig_filename.encode("cp437")
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        # The field holds a version, the checksum of the code-page name, and the UTF-8 name.
        if kind == UNICODE_PATH and field[:1] == b"\1" and field[1:5] == struct.pack("<L", zlib.crc32(raw)):
            try:
                return field[5:].decode("utf-8") or None
            except UnicodeDecodeError:
                return None
    return None


@cache
def warn_of_names(path: Path, doubt: str) -> None:
    """Warn, once in each process, that an archive's names were decoded by a guess."""
    LOG.warning(
        "photos: names in %s do not say their encoding and are read as %s; if that is wrong, give the folder itself, "
        "or pack it again with names in UTF-8 (7-Zip: -mcu=on)",
        path.name,
        doubt,
    )


def _find_overlaps(members: list[zipfile.ZipInfo]) -> set[int]:
    """Return the offsets of members that share bytes with another one, as in bombs that use the same bytes many times.

    A member takes at least its header, its name and its compressed bytes.
    """
    overlapping = set()
    reach, owner = 0, -1
    for member in sorted(members, key=lambda member: member.header_offset):
        if member.header_offset < reach:
            overlapping |= {member.header_offset, owner}
        end = member.header_offset + LOCAL_HEADER + len(member.orig_filename) + member.compress_size
        if end > reach:
            reach, owner = end, member.header_offset
    return overlapping


def _read_head(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(member) as file:
            return file.read(64)
    except DAMAGE:
        return b""


def _reason_unreadable(member: zipfile.ZipInfo, *, end: int, largest: int) -> str | None:
    if member.flag_bits & 0x1:
        return "encrypted"
    if member.create_system == 3 and stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG}:
        return "a link or a device"
    if member.compress_type not in READABLE_METHODS:
        return "compressed by another method than deflate"
    if not 0 <= member.header_offset <= end - LOCAL_HEADER - member.compress_size:
        return "an entry that points outside the archive"
    return _reason_too_large(member, largest)


def _reason_too_large(member: zipfile.ZipInfo, largest: int) -> str | None:
    if member.file_size > largest:
        return f"larger than {mebibytes(largest)}"
    if member.file_size > max(MEMBER_RATIO_FROM, MAX_RATIO * member.compress_size):
        return f"compressed more than {MAX_RATIO} to 1"
    return None
