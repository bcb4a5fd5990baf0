"""Zips read where they lie; folders and tars packed into a stored zip. Nothing is ever unpacked to disk."""

import gzip
import hashlib
import lzma
import os
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from pawprint.errors import UserError
from pawprint.photos.labels import reason_to_ignore
from pawprint.photos.sniffing import archive_kind, describe_file

FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can hold
LARGEST_PHOTO = 256 * 2**20  # bytes; a photo is read whole, and a larger "photo" is a mistake or a bomb
TAR_ERRORS = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)
READABLE_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}


def hash_file(path: Path) -> str:
    """Return the hexadecimal sha256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def list_zip(path: Path) -> tuple[list[str], Counter[str]]:
    """Return the names of a zip's members that can be read, and how many others there are for which reason.

    Only the directory at the end of the zip is read.

    Raises:
        UserError: The file is no zip.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise UserError(f"{path} cannot be read as a zip ({error}): it looks like {describe_file(path)}") from error
    names: set[str] = set()
    ignored: Counter[str] = Counter()
    for member in members:
        if member.is_dir():
            continue
        reason = reason_to_ignore(member.filename) or _reason_unreadable(member)
        if reason is None and member.filename in names:
            reason = "a name given twice"
        if reason is None:
            names.add(member.filename)
        else:
            ignored[reason] += 1
    return sorted(names), ignored


def check_whole(path: Path) -> None:
    """Check that a file is a zip with its directory, or a tar that can be read to its end.

    Raises:
        UserError: Something else, or cut short.
    """
    kind = archive_kind(path)
    if kind == "zip":
        list_zip(path)
    elif kind == "tar":
        try:
            with tarfile.open(path, "r|*") as archive:
                for _ in archive:
                    pass
        except TAR_ERRORS as error:
            raise UserError(f"a tar that is damaged or cut short ({error})") from error
    else:
        raise UserError(f"no archive: it looks like {describe_file(path)}; expected a zip or a tar")


def check_members(path: Path) -> None:
    """Check every member of a zip against its checksum; a tar has been read to its end by `check_whole`.

    Raises:
        UserError: A member is damaged.
    """
    if archive_kind(path) != "zip":
        return
    with zipfile.ZipFile(path) as archive:
        for name in list_zip(path)[0]:
            try:
                archive.read(name)
            except (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError) as error:
                raise UserError(f"a zip whose member {name} is damaged ({error})") from error


def list_folder(folder: Path) -> tuple[list[str], Counter[str]]:
    """Return the photos under a folder as relative names with `/`, and how many other files for which reason.

    Linked folders are not followed, as they may lead round in circles.
    """
    names = []
    ignored: Counter[str] = Counter()
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent, name)
            member = path.relative_to(folder).as_posix()
            reason = reason_to_ignore(member) or _reason_unpackable(path, member)
            if reason is None:
                names.append(member)
            else:
                ignored[reason] += 1
    return sorted(names), ignored


def pack_folder(folder: Path, path: Path) -> Counter[str]:
    """Pack the photos of a folder into a stored zip: the same photos give the same bytes, on any machine.

    Args:
        folder: Where the photos lie.
        path: The zip to write.

    Returns:
        How many files were ignored, by reason.
    """
    names, ignored = list_folder(folder)
    _pack(path, ((name, _read(folder / name)) for name in names))
    return ignored


def pack_tar(tar: Path, path: Path) -> Counter[str]:
    """Pack the photos of a tar, compressed or not, into a stored zip with sorted names and fixed dates.

    A compressed tar can only be read from end to end, so its photos go, in the order they come, through a
    temporary file beside the zip. Links, devices and names that lead out of the archive are left out.

    Args:
        tar: A tar, plain or compressed with gzip, xz or bzip2.
        path: The zip to write.

    Returns:
        How many members were ignored, by reason.

    Raises:
        UserError: The tar is damaged or cut short.
    """
    ignored: Counter[str] = Counter()
    where: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        try:
            # Opened as a stream: one pass, and no list of members kept for seeking back.
            with tarfile.open(tar, "r|*") as archive:
                for member in archive:
                    if member.isdir():
                        continue
                    name = str(PurePosixPath(member.name))
                    reason = reason_to_ignore(name) or _reason_unsafe(member)
                    content = archive.extractfile(member) if reason is None else None
                    if content is None:
                        ignored[reason or "a link or a device"] += 1
                        continue
                    data = content.read()
                    where[name] = (
                        spool.tell(),
                        len(data),
                    )  # of a name given twice the last counts, as tar does
                    spool.write(data)
        except TAR_ERRORS as error:
            raise UserError(f"{tar} is damaged or cut short ({error}); get it again") from error

        def photos() -> Iterable[tuple[str, bytes]]:
            for name in sorted(where):
                start, size = where[name]
                spool.seek(start)
                yield name, spool.read(size)

        _pack(path, photos())
    return ignored


def _pack(path: Path, photos: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in photos:
            member = zipfile.ZipInfo(name, FIXED_DATE)
            member.external_attr = 0o644 << 16
            member.create_system = 3  # else Windows would write other bytes
            archive.writestr(member, data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); mend its permissions or leave it out") from error


def _reason_unreadable(member: zipfile.ZipInfo) -> str | None:
    if member.flag_bits & 0x1:
        return "encrypted"
    if member.compress_type not in READABLE_METHODS:
        return "compressed by a method that Python cannot read"
    return "larger than 256 MiB" if member.file_size > LARGEST_PHOTO else None


def _reason_unpackable(path: Path, member: str) -> str | None:
    try:
        member.encode()
        size = path.stat().st_size
    except UnicodeEncodeError:
        return "a name that is not UTF-8"
    except OSError:
        return "a broken link"
    if not path.is_file():
        return "a link or a device"
    return "larger than 256 MiB" if size > LARGEST_PHOTO else None


def _reason_unsafe(member: tarfile.TarInfo) -> str | None:
    if not member.isreg():
        return "a link or a device"
    if member.name.startswith("/") or ".." in PurePosixPath(member.name).parts:
        return "a path that leads out of the archive"
    try:
        member.name.encode()
    except UnicodeEncodeError:
        return "a name that is not UTF-8"
    return "larger than 256 MiB" if member.size > LARGEST_PHOTO else None
