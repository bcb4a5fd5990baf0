"""Find the photo that a cell of a table names."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from urllib.parse import unquote

from pawprint.archives.members import PHOTO_SUFFIXES
from pawprint.labels.tabular.split_words import find_split

SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://[^/]*/", re.IGNORECASE)
UPLOADED = re.compile(r"[0-9a-f]{8}-")
"""The prefix that Label Studio adds to the name of an uploaded file."""
# A published set often holds its photos in another format than its table says.
STRANGE_SUFFIXES = frozenset({*PHOTO_SUFFIXES, ".dcm", ".dicom", ".heic", ".jpeg2000", ".svs", ".nii"})
LONGEST_NAME_CELL = 1024
MOST_ALIKE = 1000
"""Most photos of one name whose folders are compared with a cell; with more, only the whole path is looked up."""


class AmbiguousNameError(Exception):
    """A cell may name more than one photo."""


def split_path(text: str) -> tuple[str, ...]:
    r"""Return the parts of a path or an address, without anything before the first folder.

    >>> split_path("gs://bucket/cats/1.jpg"), split_path("C:\\cats\\1.jpg"), split_path("./1.jpg")
    (('cats', '1.jpg'), ('C:', 'cats', '1.jpg'), ('1.jpg',))
    """
    path = unicodedata.normalize("NFC", text.strip()).replace("\\", "/")
    if "://" in path:
        path = SCHEME.sub("", path, count=1)
    return tuple(part for part in (part.strip() for part in path.split("/")) if part not in {"", ".", ".."})


def has_photo_suffix(text: str) -> bool:
    """Return whether a cell looks like a photo's file name."""
    return cut_suffix(text.strip())[1] in STRANGE_SUFFIXES


def cut_suffix(name: str) -> tuple[str, str]:
    """Return a file name's stem and its suffix in lower case.

    >>> cut_suffix("cat.1.JPG"), cut_suffix("cat")
    (('cat.1', '.jpg'), ('cat', ''))
    """
    stem, dot, suffix = name.rpartition(".")
    return (stem, f".{suffix.lower()}") if dot and stem else (name, "")


class PhotoNames:
    """The photos of a listing, found by the names that tables use for them."""

    def __init__(self, photos: Iterable[str]) -> None:
        self.photos = tuple(photos)
        self._parts = {photo: split_path(photo) for photo in self.photos}
        self._by_path: dict[tuple[str, ...], list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        self._by_tail: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._by_number: dict[int, list[str]] = defaultdict(list)
        for photo, parts in self._parts.items():
            if not parts:
                continue
            name = parts[-1].casefold()
            stem = cut_suffix(name)[0]
            self._by_path[_fold(parts)].append(photo)
            self._by_name[name].append(photo)
            self._by_stem[stem].append(photo)
            if len(parts) > 1:
                for tail in {name, stem}:
                    self._by_tail[parts[-2].casefold(), tail].append(photo)
            if stem.isascii() and stem.isdigit() and len(stem) < 18:
                self._by_number[int(stem)].append(photo)

    def may_mean(self, cell: str) -> bool:
        """Return whether a cell may name a photo, or one of several."""
        parts = split_path(cell) if 0 < len(cell) <= LONGEST_NAME_CELL else ()
        try:
            return bool(parts and self._find_named(parts[-1].casefold())) or self.find(cell) is not None
        except AmbiguousNameError:
            return True

    def find(self, cell: str, *, near: Sequence[str] = (), split: str | None = None, whole: bool = False) -> str | None:
        """Return the photo a cell names: the one that shares the longest end of its path.

        Args:
            cell: A name with or without folders and suffix, an address, or a path on another machine.
            near: Folders of the table: of several photos, the nearest one is meant.
            split: The split in the row: of several photos, those in a folder of that split are preferred.
            whole: Whether a photo in another folder than the cell names does not match.

        Raises:
            AmbiguousNameError: Several photos match equally well.
        """
        if not cell or len(cell) > LONGEST_NAME_CELL:
            return None
        parts = split_path(cell)
        candidates, agreeing = self._candidates(parts, near)
        if not candidates and "%" in cell:
            parts = split_path(unquote(cell))
            candidates, agreeing = self._candidates(parts, near)
        if not candidates and "?" in cell:
            # Label Studio's `/data/local-files/?d=cats/1.jpg`; in other addresses a query is not part of the name.
            before, _, query = unquote(cell).partition("?")
            parts = split_path(query.removeprefix("d=") if query.startswith("d=") else before)
            candidates, agreeing = self._candidates(parts, near)
        if whole and len(parts) > 1 and agreeing == 0:
            return None
        if len(candidates) > 1:
            candidates = self._nearest(candidates, parts, near, split)
        if len(candidates) > 1:
            raise AmbiguousNameError(cell)
        return candidates[0] if candidates else None

    def _candidates(self, parts: tuple[str, ...], near: Sequence[str]) -> tuple[list[str], int]:
        """Return the photos a path may mean, and the number of folders that match."""
        if not parts:
            return [], 0
        for path in (_fold((*near, *parts)), _fold(parts)):
            if len(path) > 1 and (exact := self._by_path.get(path)):
                return list(exact), len(parts) - 1
        name = parts[-1].casefold()
        found = self._by_tail.get((parts[-2].casefold(), name)) if len(parts) > 1 else None
        found = found or self._find_named(name)
        if len(found) > MOST_ALIKE:
            raise AmbiguousNameError(parts[-1])
        if not found:
            return [], 0
        tails = [_shared_tail(self._parts[photo][:-1], parts[:-1]) for photo in found]
        longest = max(tails)
        return [photo for photo, tail in zip(found, tails, strict=True) if tail == longest], longest

    def _find_named(self, name: str) -> list[str]:
        """Return the photos of a name in any folder: with its suffix, without it, or with another one."""
        found = self._by_name.get(name) or self._by_stem.get(name)
        if not found and cut_suffix(name)[1] in STRANGE_SUFFIXES:
            found = self._by_stem.get(cut_suffix(name)[0])
        if not found and name.isascii() and name.isdigit() and len(name) < 18:
            # A spreadsheet drops the zeros at the start of a number.
            found = self._by_number.get(int(name))
        if not found and (uploaded := UPLOADED.match(name)):
            found = self._by_name.get(name[uploaded.end() :])
        return found or []

    def _nearest(
        self, candidates: list[str], parts: tuple[str, ...], near: Sequence[str], split: str | None
    ) -> list[str]:
        same_case = [
            photo
            for photo in candidates
            if parts[-1] in {self._parts[photo][-1], cut_suffix(self._parts[photo][-1])[0]}
        ]
        candidates = same_case or candidates
        if split is not None:
            named = [photo for photo in candidates if split in {find_split(part) for part in self._parts[photo][:-1]}]
            candidates = named or candidates
        reach = [_shared_tail(self._parts[photo][: len(near)][::-1], tuple(near)[::-1]) for photo in candidates]
        furthest = max(reach)
        return [photo for photo, shared in zip(candidates, reach, strict=True) if shared == furthest]


def _fold(parts: Sequence[str]) -> tuple[str, ...]:
    return tuple(part.casefold() for part in parts)


def _shared_tail(first: Sequence[str], second: Sequence[str]) -> int:
    shared = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one.casefold() != other.casefold():
            break
        shared += 1
    return shared
