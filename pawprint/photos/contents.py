"""Combine the archives and folders of one source into a single listing, from which labels are read."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pawprint.archives.companions import largest_companion
from pawprint.archives.left_out import LeftOut
from pawprint.archives.limits import LARGEST_PHOTO
from pawprint.archives.packing import sort_folder
from pawprint.archives.zips import UnreadableMemberError, open_zip, read_member, sort_members, warn_of_names
from pawprint.base.errors import UserError
from pawprint.labels.readings import Listing, Reading
from pawprint.photos.photo_table import Photo

SMALL_BYTES = 2**20
"""Bytes of a companion that is read together with others."""
MOST_SMALL_BYTES = 64 * 2**20
"""Bytes of all companions that are read together."""
MOST_COMPANIONS = 5000
"""Number of companions that are read together."""


@dataclass(frozen=True)
class Contents:
    """The content of an archive or a folder.

    Attributes:
        path: The zip or the folder.
        split: The split of all its photos, if the source names it.
        photos: Names of the readable photos, sorted.
        companions: Names of the files that may describe the photos, sorted.
        left_out: The number of other files, by reason.
    """

    path: Path
    split: str | None
    photos: list[str]
    companions: list[str]
    left_out: LeftOut


def list_contents(path: Path, split: str | None) -> Contents:
    """List a zip or a folder.

    Raises:
        UserError: It cannot be read.
    """
    if path.is_dir():
        return Contents(path, split, *sort_folder(path))
    with open_zip(path) as archive:
        if archive.doubt:
            warn_of_names(path, archive.doubt)
        return Contents(path, split, *sort_members(archive))


def build_listing(contents: Sequence[Contents]) -> Listing:
    """Return one listing of all contents; an archive's split, if the source names it, becomes the top folder."""
    photos = [_name(one, member) for one in contents for member in one.photos]
    companions = [_name(one, member) for one in contents for member in one.companions]
    return Listing(tuple(sorted(photos)), tuple(sorted(companions)), _reader(contents))


def locate_photos(reading: Reading, contents: Sequence[Contents]) -> list[Photo]:
    """Return every photo of the contents with its class and split in a reading, if any."""
    known = {one.member: one for one in reading.photos}
    photos = []
    for position, one in enumerate(contents):
        for member in one.photos:
            labelled = known.get(_name(one, member))
            split = one.split or (labelled.split if labelled else None)
            label, columns = (labelled.label, labelled.columns) if labelled else ("", ())
            photos.append(Photo(position, member, label, split, columns))
    return photos


def join_readings(readings: Sequence[Reading], contents: Sequence[Contents]) -> Reading:
    """Return one reading for several archives that were read separately in an earlier run."""
    first = readings[0]
    left_out = LeftOut()
    photos = []
    for reading, one in zip(readings, contents, strict=True):
        left_out.merge(reading.left_out)
        photos += [replace(photo, member=_name(one, photo.member)) for photo in reading.photos]
    if any(reading.columns != first.columns for reading in readings):
        photos = [replace(photo, columns=()) for photo in photos]
        first = replace(first, columns=())
    notes = dict.fromkeys(note for reading in readings for note in reading.notes)
    return replace(first, photos=tuple(photos), left_out=left_out, notes=tuple(notes))


def _name(contents: Contents, member: str) -> str:
    return f"{contents.split}/{member}" if contents.split else member


def _reader(contents: Sequence[Contents]) -> Callable[[str], bytes]:
    together: dict[Path, dict[str, bytes]] = {}

    def read(name: str) -> bytes:
        for one in contents:
            member = name.removeprefix(f"{one.split}/") if one.split else name
            if _name(one, member) == name:
                if one.path not in together:
                    together[one.path] = {} if one.path.is_dir() else _read_small(one)
                known = together[one.path].get(member)
                return _read(one.path, member) if known is None else known
        raise KeyError(name)

    return read


def _read_small(contents: Contents) -> dict[str, bytes]:
    """Read the small companions of a zip at once: opening the zip for each of a thousand tables takes minutes."""
    found: dict[str, bytes] = {}
    left = MOST_SMALL_BYTES
    with open_zip(contents.path) as archive:
        for member in contents.companions[:MOST_COMPANIONS]:
            size = archive.getinfo(member).file_size
            if size > SMALL_BYTES or size > left:
                continue
            with suppress(UnreadableMemberError):  # reported when it is needed
                found[member] = read_member(archive, member, largest=SMALL_BYTES)
                left -= size
    return found


def _read(path: Path, member: str) -> bytes:
    largest = max(LARGEST_PHOTO, largest_companion(member))
    try:
        if path.is_dir():
            return (path / member).read_bytes()
        with open_zip(path) as archive:
            return read_member(archive, member, largest=largest)
    except OSError as error:
        raise UserError(f"{path / member} cannot be read ({error.strerror}); change its permissions") from error
    except UnreadableMemberError as error:
        raise UserError(f"{member} of {path} is {error}; repair or remove it") from error
