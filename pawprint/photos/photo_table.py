"""Read and write `photos.csv` of the `photos/` artifact: each photo with its class and its split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pawprint.archives.members import SPLITS, reason_unsafe
from pawprint.base.tables import TableWriter, read_rows

FILE_NAME = "photos.csv"
HEADER = ("archive", "member", "label", "split")


@dataclass(frozen=True)
class Photo:
    """One photo.

    Attributes:
        archive: The index of its archive.
        member: Its name in the archive.
        label: Its class, "" for none.
        split: "train", "validation", "test", or None if none is given.
        columns: Its values in the table's other columns, in the order of the collection's `columns`.
    """

    archive: int
    member: str
    label: str
    split: str | None
    columns: tuple[str, ...] = ()


def write_photo_table(photos: Sequence[Photo], columns: Sequence[str], path: Path) -> None:
    """Write all photos, including those without a class, sorted by name."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = TableWriter(file)
        writer.writerow([*HEADER, *columns])
        for photo in sorted(photos, key=lambda photo: (photo.member, photo.archive)):
            values = photo.columns or ("",) * len(columns)
            writer.writerow([photo.archive, photo.member, photo.label, photo.split or "", *values])


def read_photo_table(path: Path, *, archives: int) -> list[Photo]:
    """Read the photos from the table.

    Args:
        path: The table.
        archives: The number of archives in the artifact.

    Raises:
        ValueError, csv.Error, OSError: The file is missing, or was not written by `write_photo_table`.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = read_rows(file)
        header = next(rows, [])
        if tuple(header[: len(HEADER)]) != HEADER:
            raise ValueError(f"its columns are {', '.join(header) or 'missing'}")
        photos = []
        for row in rows:
            archive, member, label, split, *columns = row
            if len(row) != len(header) or int(archive) not in range(archives) or split not in {"", *SPLITS}:
                raise ValueError(f"row {','.join(row)}")
            if reason_unsafe(member):
                raise ValueError(f"it names {member!r}")
            photos.append(Photo(int(archive), member, label, split or None, tuple(columns)))
    return photos
