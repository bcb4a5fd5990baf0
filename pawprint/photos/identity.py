"""Identify the photos of a source without downloading them: equal identities mean equal photos."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from pawprint.archives.packing import sort_folder
from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.fetch.errors import UnreachableError
from pawprint.fetch.retries import patience_for
from pawprint.fetch.streams import WAIT_SECONDS
from pawprint.photos.grammar import Alternative, Place, drawn_counts, parse_source
from pawprint.photos.manifest import load_manifest
from pawprint.photos.places import receive_path


def identify_source(source: str, *, resolve_uri: Callable[[str], Path]) -> str | None:
    """Return the identity of the photos that the first reachable source has now.

    Local files are read and hashed. For a remote archive, the identity is its server's version (ETag or date, and
    length).

    Args:
        source: A source as in `grammar.py`.
        resolve_uri: Turns `runs:/…` into a local folder; raises UserError if it cannot.

    Returns:
        A text that differs if the photos differ, or None if only downloading them would show a difference.
    """
    alternatives = parse_source(source)
    for position, alternative in enumerate(alternatives):
        try:
            return _identify_alternative(alternative, resolve_uri, patience_for(alternatives, position))
        except UnreachableError:
            continue
    return None


def _identify_alternative(
    alternative: Alternative, resolve_uri: Callable[[str], Path], busy_seconds: float
) -> str | None:
    identities = []
    for place in alternative.places:
        identity = _identify_place(place, resolve_uri, WAIT_SECONDS / len(alternative.places), busy_seconds)
        if identity is None:
            return None
        identities.append(f"{place.split}={identity}" if place.split else identity)
    return f"{alternative.text}: {'+'.join(identities)}"


def _identify_place(
    place: Place, resolve_uri: Callable[[str], Path], wait_seconds: float, busy_seconds: float
) -> str | None:
    if place.kind == "path":
        received = receive_path(place)
        assert received.path is not None  # noqa: S101 - only drawn photos have none
        return hash_folder(received.path) if received.kind == "folder" else hash_file(received.path)
    if place.kind == "synthetic":
        photos, seed = drawn_counts(place.text)
        return f"synthetic:{photos}:{seed}"
    if place.kind == "runs":
        try:
            manifest = load_manifest(resolve_uri(place.text))
            return f"{manifest.sha256} {manifest.labels_sha256}"
        except UserError as error:
            raise UnreachableError(str(error)) from error
    from pawprint.fetch.download import read_version
    from pawprint.photos.places import find_url

    if place.kind == "hf":
        from pawprint.fetch.hub import resolve_dataset

        return resolve_dataset(place.text, wait_seconds=wait_seconds, busy_seconds=busy_seconds)
    if place.kind == "bucket":
        from pawprint.fetch.loose import read_bucket_version

        return read_bucket_version(place.text, wait_seconds=wait_seconds, busy_seconds=busy_seconds)
    return read_version(find_url(place), wait_seconds=wait_seconds, busy_seconds=busy_seconds)


def hash_folder(folder: Path) -> str:
    """Return a digest of the names and bytes of a folder's photos and of their companions.

    Raises:
        UserError: A photo cannot be read.
    """
    digest = hashlib.sha256()
    photos, companions, _ = sort_folder(folder)
    for member in sorted([*photos, *companions]):
        try:
            digest.update(f"{hash_file(folder / member)}  {member}\n".encode("utf-8", "surrogateescape"))
        except OSError as error:
            raise UserError(f"{folder / member} cannot be read ({error.strerror}); change its permissions") from error
    return digest.hexdigest()
