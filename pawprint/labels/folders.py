"""The tree of folders with photos: walked from the top, each folder's role judged by comparison with its siblings."""

import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pawprint.archives.name_words import ONLY_BESIDE_TRAIN, PREVIEWS, STRAYS
from pawprint.labels.folder_names import are_parts, is_container, name_split, split_tokens

PREVIEW = "a preview"
COPY = "a copy of photos in the folders beside"
BESIDE = "in a folder beside those of the classes"


@dataclass
class Folder:
    """A folder: its own photos (member, file name), and its subfolders that hold photos."""

    name: str = ""
    depth: int = 0
    files: list[tuple[str, str]] = field(default_factory=list)
    folders: dict[str, "Folder"] = field(default_factory=dict)

    def members(self) -> Iterator[str]:
        """Yield every photo in and below the folder."""
        yield from (member for member, _ in self.files)
        for folder in self.folders.values():
            yield from folder.members()

    def paths(self, prefix: str = "") -> Iterator[str]:
        """Yield the path of every photo, relative to this folder."""
        yield from (prefix + name for _, name in self.files)
        for name, folder in self.folders.items():
            yield from folder.paths(f"{prefix}{name}/")

    def inner(self) -> "Folder":
        """Return the first folder, from this one down, that holds more than a single folder."""
        return next(iter(self.folders.values())).inner() if len(self.folders) == 1 and not self.files else self


@dataclass(frozen=True)
class Placed:
    """A photo, the folders above it that may name its class (depth, name), and the split named by other folders."""

    member: str
    names: tuple[tuple[int, str], ...]
    split: str | None


def split_path(member: str) -> tuple[str, ...]:
    r"""Return the folders and the file name of a member, normalised for comparison.

    >>> split_path("a\\caf\u0065\u0301 /1.jpg") == ("a", "caf\u00e9", "1.jpg")
    True
    """
    # macOS stores decomposed accents, other systems composed ones: the same folder must not become two classes.
    path = unicodedata.normalize("NFC", member.replace("\\", "/"))
    # Interned to save memory: the folder names of all members are held at once, and most are equal.
    return tuple(sys.intern(part.strip()) for part in path.split("/") if part.strip() not in {"", ".", ".."})


def build_tree(members: Iterable[str]) -> Folder:
    """Return the tree of the members' folders."""
    root = Folder()
    for member in members:
        *folders, name = split_path(member) or ("",)
        at = root
        for depth, folder in enumerate(folders, start=1):
            if folder not in at.folders:
                at.folders[folder] = Folder(folder, depth)
            at = at.folders[folder]
        at.files.append((member, name))
    return root


def place_photos(root: Folder, reasons: dict[str, str]) -> list[Placed]:
    """Return each photo with the folders that may name its class, and the split they name.

    Args:
        root: The tree; folders that are set aside are removed from it.
        reasons: Receives the photos set aside, with the reason.
    """
    placed: list[Placed] = []
    _walk(root, (), None, placed, reasons)
    return placed


def _walk(
    folder: Folder, names: tuple[tuple[int, str], ...], split: str | None, placed: list[Placed], reasons: dict[str, str]
) -> None:
    placed += [Placed(member, names, split) for member, _ in folder.files]
    _set_aside(folder, reasons)
    roles = _judge(folder, split)
    for name, child in folder.folders.items():
        role = roles[name]
        if role.reason:
            reasons.update(dict.fromkeys(child.members(), role.reason))
            continue
        further = (*names, (child.depth, role.name)) if role.name else names
        _walk(child, further, role.split or split, placed, reasons)


@dataclass(frozen=True)
class _Role:
    """The role of a folder: its name may be a class, or it names a split, or it is left out, or none of these."""

    name: str = ""
    split: str | None = None
    reason: str = ""


def _set_aside(folder: Folder, reasons: dict[str, str]) -> None:
    """Remove previews and copies of the folders beside them."""
    for name in [*folder.folders]:
        if len(folder.folders) == 1 and not folder.files:
            break
        if name.lower() in PREVIEWS:
            reasons.update(dict.fromkeys(folder.folders.pop(name).members(), PREVIEW))
    by_name: dict[str, list[str]] = defaultdict(list)
    for name in sorted(folder.folders):
        by_name[name.lower()].append(name)
    photos = sum(len(child.files) for child in folder.folders.values())
    for name in [*folder.folders]:
        child = folder.folders[name]
        first = by_name[name.lower()][0]
        if len(folder.folders) > 1 and (
            _repeats_what_is_beside(folder, child)
            or (first != name and _repeats(child, folder.folders.get(first)))
            or _holds_all_again(folder, child, photos - len(child.files))
        ):
            reasons.update(dict.fromkeys(folder.folders.pop(name).members(), COPY))


def _repeats_what_is_beside(parent: Folder, child: Folder) -> bool:
    """Return whether `pets/cats/`, `pets/dogs/` repeat `cats/`, `dogs/` beside `pets/`."""
    inner = child.inner()
    again = [name for name in inner.folders if name in parent.folders and name != child.name]
    if len(again) < max(2, 0.9 * len(inner.folders)):
        return False
    mine = set(inner.paths())
    beside = {path for name in again for path in parent.folders[name].paths(f"{name}/")}
    return len(mine & beside) >= 0.95 * len(mine)


def _repeats(child: Folder, twin: Folder | None) -> bool:
    """Return whether `train/` has the same photos as `Train/`: one archive may hold both."""
    if twin is None or not (child.inner().folders or name_split(child.name)):
        return False
    mine = set(child.paths())
    return len(mine & set(twin.paths())) >= 0.95 * len(mine)


def _holds_all_again(parent: Folder, child: Folder, total: int) -> bool:
    """Return whether a folder such as `all/` repeats the photos of all class folders beside it, `total` in number."""
    inner = child.inner()
    # At most one folder passes this comparison of numbers.
    if inner.folders or parent.files or not 0.8 * total <= len(inner.files) <= 1.2 * total:
        return False
    leaves = [other for other in parent.folders.values() if other is not child and other.files]
    if len(leaves) < 2:
        return False
    named = child.name.lower().strip("_ ").removesuffix("_images").removesuffix("_photos") in {"all", "total", "alle"}
    if named and len(inner.files) == total:
        return True
    mine = {name for _, name in inner.files}
    found = Counter(name for leaf in leaves for _, name in leaf.files)
    covered = sum(len(mine & {name for _, name in leaf.files}) >= 0.9 * len(leaf.files) for leaf in leaves)
    # Counters (1.jpg) recur in every class, so equal names prove nothing.
    alike = len(found) == total and len(mine & set(found)) >= 0.95 * len(mine)
    return alike and covered >= max(2, 0.9 * len(leaves))


def _judge(folder: Folder, split: str | None) -> dict[str, _Role]:
    """Return the role of each subfolder, judged by comparison with the others."""
    names = list(folder.folders)
    if len(names) == 1 and _says_nothing_new(folder, names[0], split):
        return {names[0]: _Role()}
    splits = _find_splits(folder)
    loose = [name for name in names if name not in splits]
    containers = loose if are_parts(loose) else [name for name in loose if is_container(name)]
    plain = [name for name in loose if name not in containers]
    roles = {name: _Role(split=named, name=rest) for name, (named, rest) in splits.items()}
    roles |= {name: _Role() for name in containers}
    below = {name for key in (*splits, *containers) for name in folder.folders[key].inner().folders}
    if len(below) >= 2:
        return roles | _judge_beside(folder, plain, below)
    if plain and not any(child.folders for child in folder.folders.values()):
        # Next to `drawings/`, `images/` is a class.
        roles |= {name: _Role(name=name) for name in containers}
        plain += containers
    strays = [name for name in plain if STRAYS & set(split_tokens(name))]
    aside = strays if len(plain) - len(strays) >= 2 or splits else []
    return roles | {name: _Role(reason=BESIDE) if name in aside else _Role(name=name) for name in plain}


def _says_nothing_new(folder: Folder, name: str, split: str | None) -> bool:
    """Return whether the only subfolder repeats its parent: `seg_train/seg_train/`, `train/cars_train/`."""
    named = name_split(name)
    return name.lower() == folder.name.lower() or (named is not None and named[0] == split)


def _judge_beside(folder: Folder, plain: list[str], below: set[str]) -> dict[str, _Role]:
    """Return the roles of folders that lie beside folders with class folders in them."""
    roles = {}
    for name in plain:
        inside = set(folder.folders[name].inner().folders)
        if name in below:
            roles[name] = _Role(name=name)
        elif inside and len(inside & below) >= 0.5 * len(inside):
            named = name_split(name)
            roles[name] = _Role(split=named[0] if named else None)
        else:
            roles[name] = _Role(reason=BESIDE)
    strays = {name for name, role in roles.items() if role.reason}
    photos = {name: sum(1 for _ in child.members()) for name, child in folder.folders.items()}
    unlike = {name for name in strays if not STRAYS & set(split_tokens(name)) and name_split(name) is None}
    # If these hold most of the photos, nothing is sure, and the levels are compared.
    if sum(photos[name] for name in unlike) > sum(photos[name] for name in photos if name not in strays):
        return {name: _Role(name=name) if name in unlike else role for name, role in roles.items()}
    return roles


def _find_splits(folder: Folder) -> dict[str, tuple[str, str]]:
    """Return, by name, the split of each folder that names one, and what else its name says: a class, or ""."""
    named = {name: found for name in folder.folders if (found := name_split(name))}
    by_rest: dict[str, set[str]] = defaultdict(set)
    for split, _, rest in named.values():
        by_rest[rest].add(split)
    has_train = any("train" in splits for splits in by_rest.values())
    named = {name: found for name, found in named.items() if has_train or found[1] not in ONLY_BESIDE_TRAIN}
    paired = [rest for rest, splits in by_rest.items() if rest and len(splits) > 1]
    splits: dict[str, tuple[str, str]] = {}
    for name, (split, word, rest) in named.items():
        label = re.sub(rf"[ _.-]*{word}[ _.-]*", " ", name, flags=re.IGNORECASE).strip()
        if rest == "":
            if not _is_class_after_all(folder, name, word, set(folder.folders) - set(named)):
                splits[name] = (split, "")
        elif rest in paired:
            # cats_train, cats_test, dogs_train, dogs_test: split and class in one name.
            splits[name] = (split, label if len(paired) > 1 else "")
    if not splits:
        splits |= {name: (split, "") for name, (split, _, _) in named.items() if _stands_apart(folder, name)}
    if {"PublicTest", "PrivateTest"} <= set(splits):  # FER-2013: validation and test
        splits["PublicTest"] = ("validation", "")
    return splits


def _stands_apart(folder: Folder, name: str) -> bool:
    """Return whether the only folder that names a split really is one: `rps-test-set/` with the classes of `rps/`."""
    mine = set(folder.folders[name].inner().folders)
    others = [set(other.inner().folders) for key, other in folder.folders.items() if key != name]
    if not mine:
        return bool(others) and all(len(inside) > 1 for inside in others)
    return any(len(mine & inside) >= 0.5 * len(mine) for inside in others)


def _is_class_after_all(folder: Folder, name: str, word: str, others: set[str]) -> bool:
    """Return whether a folder named like a split is a class: `train/` beside `plane/`, `valid/` beside `invalid/`."""
    siblings = [folder.folders[other] for other in others]
    if not siblings or folder.folders[name].folders or any(other.folders for other in siblings):
        return False
    if word == "valid":
        return any("valid" in other.lower() for other in others)
    # All other split words always mean a split; photos directly in such a folder have no class.
    return name.lower() == "train" and not any(name_split(other) for other in set(folder.folders) - {name})
