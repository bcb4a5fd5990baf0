"""Zips from strangers: listed within bounds, each member judged before it is read, and read within bounds."""

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
"""Those of which zipfile unpacks no more than it is asked for: of bzip2, 300 bytes become 256 MB at once."""
UTF8_NAME = 0x800
"""The flag of a member whose name is UTF-8 (APPNOTE 4.4.4)."""
UNICODE_PATH = 0x7075
"""The field that holds the name in UTF-8 beside that in a code page (APPNOTE 4.6.9)."""
LOCAL_HEADER = 30
"""Bytes of a member's own header before its name (APPNOTE 4.3.7)."""
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, EOFError, KeyError, struct.error),
    *(NotImplementedError, RuntimeError, ValueError, MemoryError, OverflowError),
)
"""What zipfile and its decompressors raise over bytes that are not as they should be."""


class UnreadableMemberError(Exception):
    """One photo cannot be had out of its archive: damaged, or not what the directory says."""


class _TooLargeError(Exception):
    """A zip's directory lists or takes more than is read."""


class _Bounded(io.BufferedReader):
    """A zip's file that does not give zipfile a directory of any size.

    zipfile reads the directory in one piece, of the size that the zip claims, and makes an object for each signature
    in it; the zip's own count of members is not what it goes by, so it is not what is looked at here.
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
    """A zip whose names are read in their encoding, and that closes its file: zipfile does where it has opened it.

    Attributes:
        doubt: Which code page its names were read in, with an example, where that is a guess; else "".
    """

    def __init__(self, file: _Bounded) -> None:
        self._file = file
        super().__init__(file)
        self.doubt = self._decode_names()

    def _decode_names(self) -> str:
        """Give each member whose name does not say its encoding the name that it most probably has."""
        unknown: dict[int, bytes] = {}
        for number, member in enumerate(self.filelist):
            # zipfile has read them as cp437, which has a letter for each byte.
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
        UserError: The file is no zip, or its directory is damaged or larger than the limits.
    """
    try:
        file = _Bounded(io.FileIO(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); mend its permissions") from error
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
    """Return the names of a zip's photos that can be read, and how many other members there are for which reason.

    Only the directory at the end of the zip is read, and the first bytes of members whose names say nothing.

    Raises:
        UserError: The file is no zip, or its directory is damaged or larger than the limits.
    """
    with open_zip(path) as archive:
        if archive.doubt:
            warn_of_names(path, archive.doubt)
        return judge_members(archive)


def judge_members(archive: zipfile.ZipFile) -> tuple[list[str], LeftOut]:
    """Return the names of the photos that can be read, sorted, and what is left out; companions are neither."""
    photos, _, left_out = sort_members(archive)
    return photos, left_out


def sort_members(archive: zipfile.ZipFile) -> tuple[list[str], list[str], LeftOut]:
    """Return the photos and the companions that can be read, each sorted, and what is left out."""
    members = archive.infolist()
    overlapping = _find_overlaps(members)
    photos: list[str] = []
    companions: list[str] = []
    left_out = LeftOut()
    for member in members:
        name = member.filename
        if name.endswith("/"):  # is_dir() trips over an empty name
            continue
        companion = is_companion(name)
        unknown = may_be_photo(name)
        reason = (None if companion or unknown else reason_to_ignore(name)) or reason_unsafe(name)
        if reason is None and member.header_offset in overlapping:
            reason = "bytes shared with another member"
        largest = largest_companion(name) if companion else LARGEST_PHOTO
        reason = reason or _reason_unreadable(member, end=archive.start_dir, largest=largest)
        # Of a name given twice the last one counts, as when it is unpacked.
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
    """Read one member, piece by piece: what its header claims is not what memory is given to.

    Args:
        archive: The zip.
        name: The member's.
        largest: Bytes that are read at most; None: those of a photo.

    Raises:
        UnreadableMemberError: It is damaged, or larger than that.
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
    """Return the name in UTF-8 that a member has beside the one in a code page, if it belongs to that one."""
    raw = member.orig_filename.encode("cp437")
    extra = member.extra
    while len(extra) >= 4:
        kind, size = struct.unpack("<HH", extra[:4])
        field, extra = extra[4 : 4 + size], extra[4 + size :]
        # A version, the checksum of the name that it was made for, and the name.
        if kind == UNICODE_PATH and field[:1] == b"\1" and field[1:5] == struct.pack("<L", zlib.crc32(raw)):
            try:
                return field[5:].decode("utf-8") or None
            except UnicodeDecodeError:
                return None
    return None


@cache
def warn_of_names(path: Path, doubt: str) -> None:
    """Say, once a process, that an archive's names were read by a guess."""
    LOG.warning(
        "photos: names in %s do not say their encoding and are read as %s; if that is wrong, give the folder itself, "
        "or pack it again with names in UTF-8 (7-Zip: -mcu=on)",
        path.name,
        doubt,
    )


def _find_overlaps(members: list[zipfile.ZipInfo]) -> set[int]:
    """Return the offsets of members whose bytes are another's too, as in bombs that use the same bytes many times.

    What a member takes at the least is its header, its name and its compressed bytes.
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
