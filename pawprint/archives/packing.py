"""Read zips where they are; pack folders and tars into an uncompressed zip. Nothing is ever unpacked to disk."""

import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from pawprint.archives.companions import is_companion, largest_companion
from pawprint.archives.left_out import LeftOut
from pawprint.archives.limits import LARGEST_PHOTO, MAX_MEMBERS, READ_SIZE, mebibytes
from pawprint.archives.members import may_be_photo, reason_to_ignore, reason_unsafe
from pawprint.archives.sniffing import archive_kind, describe_file, starts_as_photo
from pawprint.archives.tars import TAR_ERRORS, decode_tar_names, member_name, open_tar, reason_unpackable
from pawprint.archives.zips import UnreadableMemberError, judge_members, list_zip, open_zip, read_member, warn_of_names
from pawprint.base.errors import UserError

FIXED_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date a zip can store


def check_whole(path: Path) -> None:
    """Check that a file is a zip with its directory, or a tar that can be read to its end.

    Raises:
        UserError: It is another kind of file, or it is incomplete.
    """
    kind = archive_kind(path)
    if kind == "zip":
        list_zip(path)
    elif kind == "tar":
        try:
            with open_tar(path) as photos:
                for _ in photos:
                    pass
        except TAR_ERRORS as error:
            raise UserError(f"a tar that is damaged or cut short ({error})") from error
    else:
        raise UserError(f"no archive: it looks like {describe_file(path)}; expected a zip or a tar")


def check_members(path: Path) -> None:
    """Check every member of a zip against its checksum; `check_whole` has already read a tar to its end.

    Raises:
        UserError: A member is damaged.
    """
    if archive_kind(path) != "zip":
        return
    with open_zip(path) as archive:
        for name in judge_members(archive)[0]:
            try:
                read_member(archive, name)
            except UnreadableMemberError as error:
                raise UserError(f"a zip whose member {name} is {error}") from error


def list_folder(folder: Path) -> tuple[list[str], LeftOut]:
    """Return the photos under a folder as relative names with `/`, and the number of other files by reason.

    Linked folders are not followed: they may form a loop.

    Raises:
        UserError: A folder cannot be read. Skipping it would lose its photos silently.
    """
    photos, _, left_out = sort_folder(folder)
    return photos, left_out


def sort_folder(folder: Path) -> tuple[list[str], list[str], LeftOut]:
    """Return the photos and the companions under a folder, both sorted, and what is left out; see `list_folder`."""
    photos: list[str] = []
    companions: list[str] = []
    left_out = LeftOut()
    for parent, folders, files in os.walk(folder, onerror=_refuse):
        for name in folders:
            if Path(parent, name).is_symlink():
                left_out.add("a linked folder (copy it, or name it as the source)", _relative(parent, name, folder))
        for name in files:
            member = _relative(parent, name, folder)
            companion = is_companion(member)
            reason = _reason_to_leave_out(folder / member, member, companion=companion)
            if reason is not None:
                left_out.add(reason, member)
            else:
                (companions if companion else photos).append(member)
    return sorted(photos), sorted(companions), left_out


def pack_folder(folder: Path, path: Path) -> LeftOut:
    """Pack the photos of a folder and their companions into an uncompressed zip.

    The same files give the same bytes on every machine.

    Args:
        folder: The folder with the photos.
        path: The zip to write.

    Returns:
        The number of files left out, by reason.
    """
    photos, companions, ignored = sort_folder(folder)
    names = sorted([*photos, *companions])
    if len(names) > MAX_MEMBERS:
        raise UserError(
            f"{folder} holds {len(names):,} photos, and an archive at most {MAX_MEMBERS:,}; "
            "say keep_photos=reference, or give fewer"
        )
    _pack(path, ((name, _read(folder / name)) for name in names))
    return ignored


def pack_tar(tar: Path, path: Path) -> LeftOut:
    """Pack the photos of a tar and their companions into an uncompressed zip with sorted names.

    A compressed tar can only be read from start to end, so its photos first go, unsorted, into a temporary file beside
    the zip. Links, devices and names that lead out of the archive are left out.

    Args:
        tar: A tar, plain or compressed with gzip, xz or bzip2.
        path: The zip to write.

    Returns:
        The number of members left out, by reason.

    Raises:
        UserError: The tar is damaged or incomplete.
    """
    ignored = LeftOut()
    where: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        try:
            with open_tar(tar) as archive:
                for member in archive:
                    name = member_name(member)
                    companion = is_companion(name)
                    unknown = may_be_photo(name)
                    reason = None if companion or unknown else reason_to_ignore(name)
                    largest = largest_companion(name) if companion else LARGEST_PHOTO
                    reason = reason or reason_unpackable(member, largest=largest)
                    data = b"" if reason else archive.read(member)
                    if unknown and not starts_as_photo(data[:64]):
                        reason = reason_to_ignore(name)
                    if reason is not None:
                        ignored.add(reason, name)
                        continue
                    if name in where:
                        ignored.add("a name given twice", name)  # the last one counts, as in tar
                    where[name] = (spool.tell(), len(data))
                    spool.write(data)
        except TAR_ERRORS as error:
            if isinstance(error, OSError) and error.errno is not None:  # an error of the disk, not of a decompressor
                raise
            raise UserError(f"{tar} is damaged or cut short ({error}); get it again") from error

        where = _decode_names(where, tar, ignored)

        def photos() -> Iterable[tuple[str, bytes]]:
            for name in sorted(where):
                start, size = where[name]
                spool.seek(start)
                yield name, spool.read(size)

        _pack(path, photos())
    return ignored


def _decode_names(where: dict[str, tuple[int, int]], tar: Path, ignored: LeftOut) -> dict[str, tuple[int, int]]:
    """Return the packed members by their final names: names that are not UTF-8 are decoded and checked."""
    decoded, doubt = decode_tar_names(where)
    if doubt:
        warn_of_names(tar, doubt)
    kept = {name: place for name, place in where.items() if name not in decoded}
    for name, text in decoded.items():
        reason = reason_unsafe(text) or ("a name given twice" if text in kept else None)
        if reason is None:
            kept[text] = where[name]
        else:
            ignored.add(reason, text)
    return kept


def pack_files(path: Path, files: Iterable[tuple[str, Path]]) -> None:
    """Pack files of any size into an uncompressed zip, each under its given name: same files, same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files:
            member = fixed_member(name)
            member.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(member, "w") as packed:
                shutil.copyfileobj(source, packed, READ_SIZE)


def _pack(path: Path, photos: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, data in photos:
            archive.writestr(fixed_member(name), data)


def fixed_member(name: str) -> zipfile.ZipInfo:
    """Return a zip entry that is the same on every machine and at any time."""
    member = zipfile.ZipInfo(name, FIXED_DATE)
    member.external_attr = 0o644 << 16
    member.create_system = 3  # otherwise Windows would write other bytes
    return member


def _relative(parent: str, name: str, folder: Path) -> str:
    return Path(parent, name).relative_to(folder).as_posix()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        _refuse(error)


def _refuse(error: OSError) -> NoReturn:
    raise UserError(
        f"{error.filename} cannot be read ({error.strerror}); change its permissions or leave it out"
    ) from error


def _reason_to_leave_out(path: Path, member: str, *, companion: bool) -> str | None:
    unknown = may_be_photo(member)
    reason = None if companion or unknown else reason_to_ignore(member)
    reason = reason or _reason_unpackable(path, member, largest_companion(member) if companion else LARGEST_PHOTO)
    if unknown and (reason is not None or not starts_as_photo(_read_head(path))):
        return reason_to_ignore(member)
    return reason


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64)
    except OSError as error:
        _refuse(error)


def _reason_unpackable(path: Path, member: str, largest: int) -> str | None:
    if reason := reason_unsafe(member):
        return reason
    try:
        size = path.stat().st_size
    except OSError:
        return "a broken link"
    if not path.is_file():
        return "a link or a device"
    return f"larger than {mebibytes(largest)}" if size > largest else None
