"""Convert photos packed for training (Parquet files, WebDataset tars) into a zip like any other.

The zip holds the photos, by split, and `metadata.csv` with each photo's label and other columns from the shards.
"""

import csv
import io
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pawprint.archives.left_out import LeftOut
from pawprint.archives.limits import MAX_MEMBERS, MAX_RATIO, READ_SIZE
from pawprint.archives.members import PHOTO_SUFFIXES, reason_unsafe, suffix_of
from pawprint.archives.packing import fixed_member
from pawprint.archives.shard_names import NAMES_FILE, find_shards, is_shard_file
from pawprint.archives.sniffing import archive_kind
from pawprint.archives.tars import TAR_ERRORS, member_name, open_tar
from pawprint.archives.zips import open_zip
from pawprint.base.errors import UserError
from pawprint.labels.tabular.limits import COLUMNS_KEPT, LONGEST_CELL
from pawprint.labels.tabular.split_words import find_split

LOOKED_AT = 200
"""Members of a tar that are examined; the others are assumed to be alike."""
SIDECARS = frozenset({".cls", ".json", ".txt"})
TABLE = "metadata.csv"


@dataclass(frozen=True)
class Sample:
    """A photo from a shard.

    Attributes:
        name: Its name, without folder and suffix.
        suffix: The suffix for its bytes.
        data: Its bytes.
        cells: The shard's values for it, by column.
    """

    name: str
    suffix: str
    data: bytes
    cells: Mapping[str, str]


def source_kind(path: Path) -> str | None:
    """Return "folder", "zip" or "tar" as `archive_kind` does, "shards" if it holds photos in shards, or None."""
    kind = archive_kind(path)
    if kind is None:
        return "shards" if _is_parquet(path) else None
    return "shards" if shard_kind(path) is not None else kind


def shard_kind(path: Path) -> str | None:
    """Return "parquet" or "webdataset" if a folder, an archive or a file holds photos in shards, else None."""
    kind = archive_kind(path)
    if kind == "folder":
        return find_shards(_list_folder(path))
    if kind == "zip":
        with open_zip(path) as archive:
            return find_shards(archive.namelist())
    if kind == "tar":
        names = _first_names(path)
        return "webdataset" if _are_samples(names) else find_shards(names)
    return "parquet" if _is_parquet(path) else None


def pack_shards(source: Path, path: Path) -> LeftOut:
    """Pack the photos of shards into an uncompressed zip: the same shards give the same bytes on every machine.

    Args:
        source: A folder, a zip or a tar with shards, or a single shard.
        path: The zip to write.

    Returns:
        The number of files left out, by reason.

    Raises:
        UserError: A shard is damaged, holds no photos, or exceeds the limits.
    """
    from pawprint.photos.parquet_shards import read_parquet_photos
    from pawprint.photos.webdataset import read_samples

    read = read_parquet_photos if shard_kind(source) == "parquet" else read_samples
    left_out = LeftOut()
    rows: list[tuple[str, Mapping[str, str]]] = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for shard, file in _open_shards(source, left_out):
            if NAMES_FILE.fullmatch(PurePosixPath(shard).name):
                archive.writestr(fixed_member(shard), file.read_bytes())
                continue
            folder = _folder_of(shard)
            for sample in read(file, shard, left_out):
                name = f"{folder}/{sample.name}{sample.suffix}" if folder else f"{sample.name}{sample.suffix}"
                if reason := reason_unsafe(name):
                    left_out.add(reason, name)
                elif name in archive.NameToInfo:
                    left_out.add("a name given twice", name)
                else:
                    archive.writestr(fixed_member(name), sample.data)
                    rows.append((name, sample.cells))
                if len(rows) > MAX_MEMBERS:
                    raise UserError(f"{source} holds more than {MAX_MEMBERS:,} photos; give fewer shards")
        archive.writestr(fixed_member(TABLE), _format_table(rows))
    if not rows:
        raise UserError(
            f"{source} holds no photos in its shards; expected a column or members of JPEG, PNG or the like"
        )
    return left_out


def _folder_of(shard: str) -> str:
    """Return the folder for the photos of a shard: its split, below the folders with any other meaning.

    >>> _folder_of("data/train-00000-of-00002.parquet"), _folder_of("cats/validation/0000.parquet")
    ('train', 'cats/validation')
    """
    path = PurePosixPath(shard)
    split = find_split(path.name) or next((found for part in path.parts[:-1] if (found := find_split(part))), None)
    around = [part for part in path.parts[:-1] if find_split(part) is None and part not in {"data", "default"}]
    return "/".join([*around, *([split] if split else [])])


def _format_table(rows: list[tuple[str, Mapping[str, str]]]) -> bytes:
    columns = list(dict.fromkeys(column for _, cells in rows for column in cells))[:COLUMNS_KEPT]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file_name", *columns])
    writer.writerows([name, *(cells.get(column, "")[:LONGEST_CELL] for column in columns)] for name, cells in rows)
    return text.getvalue().encode("utf-8", "replace")


def _open_shards(source: Path, left_out: LeftOut) -> Iterator[tuple[str, Path]]:
    """Yield each shard, and each small file that may name classes, as a file on disk, sorted by name."""
    kind = archive_kind(source)
    if kind == "folder":
        for name in _list_folder(source):
            if is_shard_file(name, (source / name).stat().st_size):
                yield name, source / name
    elif kind == "zip":
        yield from _open_zipped(source, left_out)
    elif kind == "tar" and not _are_samples(_first_names(source)):
        yield from _open_tarred(source)
    else:
        yield source.name, source


def _open_zipped(source: Path, left_out: LeftOut) -> Iterator[tuple[str, Path]]:
    with open_zip(source) as archive:
        for member in sorted(archive.infolist(), key=lambda member: member.filename):
            if member.is_dir() or not is_shard_file(member.filename, member.file_size):
                continue
            if member.file_size > MAX_RATIO * max(member.compress_size, 2**20):
                left_out.add(f"compressed more than {MAX_RATIO} to 1", member.filename)
                continue
            with _temporary(source) as path:
                try:
                    with archive.open(member) as file, path.open("wb") as copy:
                        shutil.copyfileobj(file, copy, READ_SIZE)
                except (zipfile.BadZipFile, EOFError, RuntimeError, NotImplementedError, ValueError) as error:
                    raise UserError(f"{member.filename} of {source} is damaged ({error}); get it again") from error
                yield member.filename, path


def _open_tarred(source: Path) -> Iterator[tuple[str, Path]]:
    try:
        with open_tar(source) as archive:
            for member in archive:
                name = member_name(member)
                if member.isreg() and not member.issparse() and is_shard_file(name, member.size):
                    with _temporary(source) as path:
                        archive.copy(member, path)
                        yield name, path
    except TAR_ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UserError(f"{source} is damaged or cut short ({error}); get it again") from error


@contextmanager
def _temporary(source: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pawprint-shard-") as folder:
        yield Path(folder, f"shard{source.suffix}")


def _list_folder(folder: Path) -> list[str]:
    names = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]  # downloaders keep their own files there
        names += [Path(parent, name).relative_to(folder).as_posix() for name in files if not name.startswith(".")]
    return sorted(names)


def _first_names(path: Path) -> list[str]:
    names: list[str] = []
    try:
        with open_tar(path) as archive:
            for member in archive:
                names.append(member_name(member))
                if len(names) >= LOOKED_AT:
                    break
    except TAR_ERRORS:
        pass  # the code that packs it reports what is wrong
    return names


def _are_samples(names: list[str]) -> bool:
    """Return whether the members of a tar are samples: most photos have another file with the same key.

    >>> _are_samples(["0.jpg", "0.cls", "1.jpg", "1.cls"]), _are_samples(["cats/0.jpg", "notes.txt"])
    (True, False)
    """
    stems = {re.sub(r"\.[^./]*$", "", name) for name in names if suffix_of(name) in PHOTO_SUFFIXES}
    beside = {re.sub(r"\.[^./]*$", "", name) for name in names if suffix_of(name) in SIDECARS}
    return len(stems & beside) > 0.5 * len(stems)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"
