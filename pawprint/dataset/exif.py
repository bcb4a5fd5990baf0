"""Read from a photo's EXIF when and with what camera it was taken, and find bursts."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from PIL import ExifTags

from pawprint.dataset.decode import open_header

BURST_SECONDS = 5
"""Photos by one camera that follow each other within this many seconds show the same scene."""
_HEAD = 2**16
"""Bytes at the beginning of a photo that are searched for EXIF."""


@dataclass(frozen=True, order=True)
class Taken:
    """When a photo was taken, and by which camera.

    Attributes:
        camera: Maker, model and serial number, as far as given.
        time: DateTimeOriginal, by the camera's own clock.
    """

    camera: str
    time: datetime


def read_taken(data: bytes) -> Taken | None:
    """Return when a photo was taken, or None if its EXIF has no valid time.

    Only the header is read; a photo without EXIF takes almost no time.

    Args:
        data: The whole file.
    """
    if not (b"Exif" in data[:_HEAD] or b"eXIf" in data[:_HEAD] or data.startswith((b"RIFF", b"II*\0", b"MM\0*"))):
        return None
    try:
        with open_header(data) as image:
            exif = image.getexif()
            details = exif.get_ifd(ExifTags.IFD.Exif)
        time = datetime.strptime(_clean(details[ExifTags.Base.DateTimeOriginal]), "%Y:%m:%d %H:%M:%S")
        tags = (
            exif.get(ExifTags.Base.Make),
            exif.get(ExifTags.Base.Model),
            details.get(ExifTags.Base.BodySerialNumber),
        )
        return Taken(" ".join(_clean(tag) for tag in tags if tag), time)
    except Exception:
        return None  # broken metadata of any kind: no time


def find_bursts(taken: Mapping[str, Taken]) -> dict[str, str]:
    """Return the burst of each photo that is part of one.

    Args:
        taken: When each photo was taken, by its name.

    Returns:
        The burst's name for each photo: its camera and the time of its first photo.

    >>> at = lambda second: Taken("phone", datetime(2024, 5, 1, 12, 0, second))
    >>> find_bursts({"a": at(0), "b": at(2), "c": at(4), "d": at(30)})
    {'a': 'phone 2024-05-01 12:00:00', 'b': 'phone 2024-05-01 12:00:00', 'c': 'phone 2024-05-01 12:00:00'}
    """
    bursts: dict[str, str] = {}
    cameras: dict[str, list[str]] = defaultdict(list)
    for member in taken:
        cameras[taken[member].camera].append(member)
    for members in cameras.values():
        members.sort(key=lambda member: (taken[member].time, member))
        for burst in _chain(members, taken):
            if len(burst) > 1:
                first = taken[burst[0]]
                bursts |= dict.fromkeys(burst, f"{first.camera} {first.time}".strip())
    return bursts


def _chain(members: Iterable[str], taken: Mapping[str, Taken]) -> list[list[str]]:
    chains: list[list[str]] = []
    for member in members:
        gap = taken[member].time - taken[chains[-1][-1]].time if chains else None
        if gap is not None and gap <= timedelta(seconds=BURST_SECONDS):
            chains[-1].append(member)
        else:
            chains.append([member])
    return chains


def _clean(value: object) -> str:
    return str(value).strip("\0 ")
