"""Read tars from strangers, compressed or not, once from start to end and within limits.

tarfile reads a header's long name and attributes whole, whatever size they claim, and follows a negative size
backwards in an endless loop (CVE-2025-8194). So it gets a file that only moves forward, counts the bytes it unpacks,
and returns no more at once than a header needs.
"""

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from pawprint.archives.limits import (
    LARGEST_PHOTO,
    MAX_HEADER_BYTES,
    MAX_MEMBERS,
    MAX_RATIO,
    READ_SIZE,
    TAR_RATIO_FROM,
    XZ_MEMORY,
    mebibytes,
)
from pawprint.archives.members import reason_unsafe
from pawprint.archives.name_encodings import decode_names

TAR_ERRORS = (
    *(tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError),
    *(ValueError, OverflowError, IndexError, RecursionError, MemoryError),  # raised by tarfile over forged numbers
)


class TarPhotos:
    """The members of a tar in their order, and the bytes of the most recent one."""

    def __init__(self, archive: tarfile.TarFile, source: "_ForwardFile") -> None:
        self._archive = archive
        self._source = source

    def __iter__(self) -> Iterator[tarfile.TarInfo]:
        """Yield each member except folders.

        Raises:
            one of TAR_ERRORS: The tar is damaged, incomplete or a bomb.
        """
        number = 0
        while (member := self._archive.next()) is not None:
            self._archive.members = []  # type: ignore[attr-defined]  # kept only to seek back
            number += 1
            if number > MAX_MEMBERS:
                raise tarfile.ReadError(f"it has more than {MAX_MEMBERS:,} members; make several of it")
            if not member.isdir():
                yield member

    def read(self, member: tarfile.TarInfo) -> bytes:
        """Return the bytes of the most recent member; call only if `reason_unpackable` returned None for it."""
        self._source.seek(member.offset_data)
        content = io.BytesIO()
        while content.tell() < member.size:
            data = self._source.read(min(READ_SIZE, member.size - content.tell()))
            if not data:
                raise EOFError("the last photo is not whole")
            content.write(data)
        return content.getvalue()

    def copy(self, member: tarfile.TarInfo, path: Path) -> None:
        """Write the most recent member to a file, piece by piece: a shard is larger than any photo."""
        self._source.seek(member.offset_data)
        left = member.size
        with path.open("wb") as file:
            while left:
                data = self._source.read(min(READ_SIZE, left))
                if not data:
                    raise EOFError("the last member is not whole")
                file.write(data)
                left -= len(data)


@contextmanager
def open_tar(path: Path) -> Iterator[TarPhotos]:
    """Open a tar: plain, or compressed with gzip, xz or bzip2.

    Raises:
        one of TAR_ERRORS: The file is not a tar.
    """
    with _unpack(path) as file:
        source = _ForwardFile(file, limit=MAX_RATIO * path.stat().st_size + TAR_RATIO_FROM)
        # tarfile uses only these three methods of the file.
        with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r:", encoding="utf-8") as archive:
            yield TarPhotos(archive, source)


def is_tar(path: Path) -> bool:
    """Return whether a file starts like a tar."""
    try:
        with open_tar(path):
            return True
    except TAR_ERRORS:
        return False


def reason_unpackable(member: tarfile.TarInfo, *, largest: int = LARGEST_PHOTO) -> str | None:
    """Return why a member is left out regardless of its suffix, or None."""
    # Sparse: a few bytes that claim to be many, which photos never are.
    if member.issparse() or not member.isreg():
        return "a link or a device"
    # A name that is not UTF-8 is checked once it is decoded, which needs the names of all members.
    if not is_undecoded(member.name) and (reason := reason_unsafe(member.name)):
        return reason
    return f"larger than {mebibytes(largest)}" if member.size > largest else None


def member_name(member: tarfile.TarInfo) -> str:
    """Return a member's name without the `./` at the start that tar often writes.

    >>> member_name(tarfile.TarInfo("./cats/1.jpg"))
    'cats/1.jpg'
    """
    return str(PurePosixPath(member.name))


def is_undecoded(name: str) -> bool:
    r"""Return whether tarfile could not decode a name as UTF-8.

    >>> is_undecoded("Löwen/1.jpg"), is_undecoded("L\udcf6wen/1.jpg")
    (False, True)
    """
    return not name.isascii() and any("\udc80" <= sign <= "\udcff" for sign in name)


def decode_tar_names(names: Iterable[str]) -> tuple[dict[str, str], str]:
    r"""Return the most probable text of each name that is not UTF-8, and the guessed code page ("" if sure).

    >>> decode_tar_names(["L\udcf6wen/1.jpg", "V\udcf6gel/1.jpg", "dogs/1.jpg"])[0]["L\udcf6wen/1.jpg"]
    'Löwen/1.jpg'
    """
    raw = {name: name.encode("utf-8", "surrogateescape") for name in names if is_undecoded(name)}
    decoded = decode_names(raw.values())
    return {name: decoded.texts[data] for name, data in raw.items()}, decoded.doubt


class _ForwardFile:
    """The file given to tarfile: forward only, and within the limits."""

    def __init__(self, file: Any, *, limit: int) -> None:
        self._file = file
        self._plain = isinstance(file, io.BufferedReader) and file.seekable()
        self._limit = limit
        self._position = 0

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        if size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes, at most {mebibytes(MAX_HEADER_BYTES)} are read")
        data: bytes = self._file.read(size)
        self._position += len(data)
        if self._position > self._limit and not self._plain:
            raise tarfile.ReadError(f"it unpacks to more than {MAX_RATIO} times its size")
        return data

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.ReadError("a header that leads back to what was read")
        if self._plain:
            self._position = self._file.seek(position)  # may pass the end of the file; the next read notices
            return
        while self._position < position:
            if not self.read(min(READ_SIZE, position - self._position)):
                raise EOFError("it ends within a member")


class _Xz(io.RawIOBase):
    """An xz file unpacked within a memory limit, which lzma's own file object does not offer."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._decompressor = self._start()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while True:
            data = b""
            if self._decompressor.eof:  # one file may hold several streams in a row, with zeros between them
                data = self._decompressor.unused_data.lstrip(b"\0") or self._file.read(READ_SIZE).lstrip(b"\0")
                if not data:
                    return 0
                self._decompressor = self._start()
            elif self._decompressor.needs_input and not (data := self._file.read(READ_SIZE)):
                raise EOFError("the xz data is cut short")
            if unpacked := self._decompressor.decompress(data, len(buffer)):
                buffer[: len(unpacked)] = unpacked
                return len(unpacked)

    def close(self) -> None:
        self._file.close()
        super().close()

    @staticmethod
    def _start() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(memlimit=XZ_MEMORY)


def _unpack(path: Path) -> Any:
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    if head.startswith(b"BZh"):
        return bz2.open(path)
    if head.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
        return io.BufferedReader(_Xz(path))
    return path.open("rb")
