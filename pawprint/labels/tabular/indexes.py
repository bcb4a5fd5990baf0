"""Read index files that give each photo's class and split by a number: CUB, NABirds, Flowers 102."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath

from pawprint.archives.zips import UnreadableMemberError
from pawprint.base.errors import UserError
from pawprint.labels.tabular.limits import TableError
from pawprint.labels.tabular.matching import PhotoNames, cut_suffix, split_path
from pawprint.labels.tabular.matlab import read_vectors
from pawprint.labels.tabular.sheet import Sheet, make_sheet
from pawprint.labels.tabular.text import decode_text

LABEL_FILE = re.compile(r".*(class|label|categor|species|breed|target).*", re.IGNORECASE)
SPLIT_FILE = re.compile(r".*(split|is_?train|train_?test|eval|partition).*", re.IGNORECASE)
MOST_MATS = 20  # MATLAB files that are read


def join_by_id(sheet: Sheet, companions: Sequence[str], read: Callable[[str], bytes]) -> Sheet | None:
    """Return a table of ids and photo names, joined with the classes and splits of other files by id, or None.

    Args:
        sheet: `images.txt`, with two columns, the first an id.
        companions: All files beside the photos.
        read: Returns the bytes of a file.
    """
    if sheet.named or len(sheet.header) != 2 or not sheet.rows:
        return None
    ids = {row[0] for row in sheet.rows}
    if len(ids) < len(sheet.rows):
        return None
    folder = PurePosixPath(sheet.member).parent
    columns: dict[str, dict[str, str]] = {}
    for member in companions:
        path = PurePosixPath(member)
        if path.parent != folder or path.suffix.lower() != ".txt" or member == sheet.member:
            continue
        name = "split" if SPLIT_FILE.fullmatch(path.stem) else "class" if LABEL_FILE.fullmatch(path.stem) else None
        if name is None or name in columns:
            continue
        values = _read_pairs(member, read)
        if len(ids & values.keys()) > 0.9 * len(ids):
            columns[name] = values
    if "class" not in columns:
        return None
    if "split" in columns and set(columns["split"].values()) <= {"0", "1"}:
        # In all known sets of this kind, 1 means that the photo is for training.
        columns["split"] = {key: "train" if value == "1" else "test" for key, value in columns["split"].items()}
    rows = ([*row, *(values.get(row[0], "") for values in columns.values())] for row in sheet.rows)
    return make_sheet(sheet.member, ["id", "image", *columns], rows)


def _read_pairs(member: str, read: Callable[[str], bytes]) -> dict[str, str]:
    try:
        lines = decode_text(read(member)).splitlines()
    except (TableError, UserError, UnreadableMemberError):
        return {}
    return {words[0]: words[1].strip() for line in lines if len(words := line.split(None, 1)) == 2}


def find_mat_tables(companions: Sequence[str], read: Callable[[str], bytes], names: PhotoNames) -> Iterator[Sheet]:
    """Yield the table in MATLAB files with a class for each photo, by the number in its name (Flowers 102)."""
    numbered = _number_photos(names.photos)
    vectors: dict[str, tuple[str, list[int]]] = {}
    for member in [member for member in companions if member.lower().endswith(".mat")][:MOST_MATS]:
        try:
            found = read_vectors(read(member))
        except (TableError, UserError, UnreadableMemberError):
            continue
        vectors.update({name: (member, values) for name, values in found.items()})
    for name, (member, values) in vectors.items():
        if not LABEL_FILE.fullmatch(name) or max(numbered, default=0) != len(values) or len(set(values)) < 2:
            continue
        splits = {
            number: split
            for other, (_, numbers) in vectors.items()
            if (split := MAT_SPLITS.get(other.lower()))
            for number in numbers
        }
        rows = [
            [numbered[number], str(label), splits.get(number, "")]
            for number, label in enumerate(values, start=1)
            if number in numbered
        ]
        yield make_sheet(member, ["image", "label", "split"], rows)


MAT_SPLITS = {"trnid": "train", "trainid": "train", "valid": "validation", "valid_id": "validation", "tstid": "test",
              "testid": "test", "train_idx": "train", "test_idx": "test", "val_idx": "validation"}  # fmt: skip


def _number_photos(photos: Sequence[str]) -> dict[int, str]:
    """Return the photos by the number at the end of their names, if the numbers are unique."""
    numbered: dict[int, str] = {}
    for photo in photos:
        found = re.search(r"(\d{1,9})$", cut_suffix(split_path(photo)[-1])[0])
        if found is None or numbered.setdefault(int(found[1]), photo) != photo:
            return {}
    return numbered
