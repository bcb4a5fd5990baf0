"""Find archives and folders kept by reference again, and check archives against their digest."""

from pathlib import Path

from pawprint.archives.packing import pack_tar
from pawprint.base.cache import keep_made, made_path
from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.photos.grammar import drawn_counts
from pawprint.photos.shards import pack_shards, source_kind


def recall_archive(location: str, *, sha256: str) -> Path:
    """Return the zip that an artifact refers to.

    Args:
        location: An absolute path of a zip, a tar or shards, a URL, `hf:<owner>/<name>@<commit>`, or
            `synthetic:<photos>:<seed>`.
        sha256: The digest of the zip; for a tar or shards, of the zip they are packed into.

    Raises:
        UserError: It is missing or has changed.
    """
    made = made_path(sha256)
    if made.is_file() and hash_file(made) == sha256:
        return made
    if location.startswith("synthetic:"):
        return _redraw(location, sha256)
    path = _bring(location, sha256)
    kind = source_kind(path)
    if kind in {"tar", "shards"}:
        pack = pack_tar if kind == "tar" else pack_shards
        path, found = keep_made(lambda made: pack(path, made))
    else:
        found = hash_file(path)
    if found != sha256:
        raise UserError(
            f"{location} has changed since it was downloaded by reference (sha256 {found[:12]}… instead of "
            f"{sha256[:12]}…); run download again"
        )
    return path


def recall_folder(location: str) -> Path:
    """Return the folder that an artifact refers to.

    Args:
        location: An absolute path, or `hf:<owner>/<name>@<commit>`.

    Raises:
        UserError: It is missing.
    """
    if location.startswith("hf:"):
        from pawprint.fetch.hub import fetch_dataset

        return fetch_dataset(location)
    if not Path(location).is_dir():
        raise UserError(
            f"the photos were kept by reference in {location}, which is not there (any more, "
            "or on this machine); put it back, or run download with keep_photos=copy where it is"
        )
    return Path(location)


def _redraw(location: str, sha256: str) -> Path:
    from pawprint.drawn.drawings import write_drawings

    photos, seed = drawn_counts(location)
    path, found = keep_made(lambda made: write_drawings(made, photos=photos, seed=seed))
    if found != sha256:
        raise UserError(
            f"{location} is drawn otherwise by this version of pawprint than by the one that ran download; "
            "run download again"
        )
    return path


def _bring(location: str, sha256: str) -> Path:
    if location.startswith("hf:"):
        from pawprint.fetch.hub import fetch_dataset

        return fetch_dataset(location)
    if "://" in location and location.endswith("/"):
        from pawprint.fetch.loose import fetch_loose

        return fetch_loose(location, sha256=sha256)[0].path
    if "://" in location:
        from pawprint.fetch.download import fetch_url

        return fetch_url(location, sha256=sha256).path
    path = Path(location)
    if not path.exists():
        raise UserError(
            f"the photos were kept by reference in {location}, which is not there (any more, or on this "
            "machine); put it back, or run download with keep_photos=copy where it is"
        )
    return path
