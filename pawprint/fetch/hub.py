"""Datasets of the Hugging Face Hub: find the commit, and download it into the cache through huggingface_hub."""

import http.client
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from glob import escape
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import httpx2
from huggingface_hub import HfApi, RepoFile, get_cached_repo_tree, metadata_load, snapshot_download
from huggingface_hub.errors import (
    CachedRepoTreeNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    RevisionResolutionError,
)

from pawprint.archives.limits import MAX_MEMBERS
from pawprint.archives.members import reason_to_ignore
from pawprint.archives.shard_names import find_shards
from pawprint.archives.wanted import sort_files
from pawprint.base.cache import cache_folder
from pawprint.base.errors import one_line
from pawprint.base.files import hash_file
from pawprint.base.secrets import hide_queries
from pawprint.base.space import check_space
from pawprint.fetch.errors import BrokeOffError, BusyError, SilentError, UnreachableError
from pawprint.fetch.retries import BUSY_SECONDS, keep_trying
from pawprint.fetch.streams import WAIT_SECONDS, answer_within
from pawprint.fetch.unreached import find_unreached, note_unreached

PAGES = "https://huggingface.co"
HOW_TO_SIGN_IN = f"set HF_TOKEN to a token from {PAGES}/settings/tokens"
CARD = "README.md"
"""The dataset card, with the licence and the class names."""
ARCHIVE = re.compile(r".+\.(zip|tar|tgz|tar\.gz|tar\.xz|txz|tar\.bz2)", re.IGNORECASE)
BUSY = {408, 429, 500, 502, 503, 504}
MOST_NAMED = 3  # files named in a message
ERRORS = (
    *(HfHubHTTPError, httpx2.HTTPError, OfflineModeIsEnabled, LocalEntryNotFoundError, RevisionResolutionError),
    ValueError,  # the Hub allows no such name
)

Result = TypeVar("Result")


def resolve_dataset(text: str, *, wait_seconds: float = WAIT_SECONDS, busy_seconds: float = BUSY_SECONDS) -> str:
    """Return `hf:<owner>/<name>@<commit>`, which always means the same bytes.

    Args:
        text: `hf:<owner>/<name>[@<branch, tag or commit>]`.
        wait_seconds: Longest wait for an answer of the Hub. If it cannot be asked, the commit in the cache is used.
        busy_seconds: Longest wait for a Hub that answers that it is busy.

    Raises:
        UnreachableError: The Hub has no such dataset, denies access to it, or cannot be asked.
    """
    if (reason := find_unreached(text)) is not None:
        raise UnreachableError(reason)
    name, revision = _split(text)

    def resolve() -> str:
        found = _api().resolve_revision(name, repo_type="dataset", revision=revision, cache_dir=_cache())
        return f"hf:{name}@{found.resolved}"

    try:
        return keep_trying(
            lambda: answer_within(wait_seconds, lambda: _ask(text, resolve, SilentError), name=text),
            busy_seconds=busy_seconds,
        )
    except UnreachableError as error:
        note_unreached(text, str(error))
        raise


def fetch_dataset(location: str, *, busy_seconds: float = BUSY_SECONDS) -> Path:
    """Return the cached folder with a dataset's photos and tables, or its only archive.

    Files of that commit that are already in the cache are not downloaded again.

    Args:
        location: The dataset with its commit, as returned by `resolve_dataset`.
        busy_seconds: Longest wait for a Hub that answers that it is busy.

    Raises:
        UnreachableError: The dataset cannot be downloaded, or holds neither photos nor exactly one archive.
    """
    name, commit = _split(location)
    listed = keep_trying(lambda: _ask(location, lambda: _list_files(name, commit), SilentError))
    wanted = choose_files(location, {one.path: one.size for one in listed})
    check_space(location, {cache_folder(): sum(one.size for one in listed if one.path in set(wanted))})

    def fetch() -> Path:
        snapshot = snapshot_download(
            name,
            repo_type="dataset",
            revision=commit,
            allow_patterns=list(_patterns(wanted)),
            cache_dir=_cache(),
            endpoint=_endpoint(),
        )
        _check_files(location, Path(snapshot), listed)
        return Path(snapshot)

    folder = keep_trying(lambda: _ask(location, fetch, BrokeOffError), busy_seconds=busy_seconds)
    return folder / wanted[0] if ARCHIVE.fullmatch(wanted[0]) else folder


def read_licence(folder: Path) -> str | None:
    """Return the licence named in a dataset's card, or None."""
    try:
        licence = (metadata_load(folder / CARD) or {}).get("license")
    except (OSError, ValueError):
        return None
    return ", ".join(map(str, licence)) if isinstance(licence, list) else str(licence) if licence else None


def choose_files(location: str, sizes: Mapping[str, int]) -> list[str]:
    """Return the files to fetch: photos or shards with their companions, or else the only archive, first in the list.

    >>> choose_files("hf:me/pets", {".gitattributes": 1, "README.md": 1, "cats/1.jpg": 1, "model.bin": 1})
    ['README.md', 'cats/1.jpg']
    >>> choose_files("hf:me/pets", {"README.md": 1, "data/pets.zip": 1})
    ['data/pets.zip', 'README.md']

    Raises:
        UnreachableError: There are neither photos nor exactly one archive, or more files than the limit.
    """
    if len(sizes) > MAX_MEMBERS:
        raise UnreachableError(f"{location} holds more than {MAX_MEMBERS:,} files; give a smaller dataset")
    # In a repository, files without a suffix are licences and the like.
    wanted = [name for name in sort_files(sizes)[0] if PurePosixPath(name).suffix]
    card = [name for name in sizes if name == CARD]
    if find_shards(sizes) or any(reason_to_ignore(name) is None for name in wanted):
        return sorted({*wanted, *card})
    archives = [name for name in sizes if ARCHIVE.fullmatch(name)]
    if len(archives) == 1:
        return [*archives, *card]
    if not archives:
        raise UnreachableError(f"{location} holds no photos, no Parquet files and no archive; expected one of these")
    name, commit = _split(location)
    shown = ", ".join(f"{PAGES}/datasets/{name}/resolve/{commit}/{archive}" for archive in archives[:MOST_NAMED])
    raise UnreachableError(
        f"{location} holds {len(archives)} archives and no loose photos; name those meant, as "
        f"train=<address>+test=<address>: {shown}" + (", …" if len(archives) > MOST_NAMED else "")
    )


def _split(text: str) -> tuple[str, str | None]:
    name, _, revision = text.removeprefix("hf:").partition("@")
    return name, revision or None


def _endpoint() -> str | None:
    return os.environ.get("HF_ENDPOINT") or None


def _api() -> HfApi:
    return HfApi(endpoint=_endpoint())


def _cache() -> Path:
    return cache_folder() / "hub"


def _list_files(name: str, commit: str | None) -> list[RepoFile]:
    try:
        return get_cached_repo_tree(name, repo_type="dataset", revision=commit, cache_dir=_cache())
    except CachedRepoTreeNotFoundError:
        tree = _api().list_repo_tree(name, recursive=True, revision=commit, repo_type="dataset")
        return [one for one in tree if isinstance(one, RepoFile)]


def _check_files(location: str, folder: Path, listed: Sequence[RepoFile]) -> None:
    """Check the files once against the digests from the Hub; huggingface_hub itself compares only the sizes.

    Raises:
        BrokeOffError: A file differs from the Hub's; it is deleted.
    """
    checked = _cache() / f"{folder.name}.checked"
    if checked.exists():
        return
    for one in listed:
        path = folder / one.path
        if one.lfs is not None and path.is_file() and hash_file(path) != one.lfs.sha256:
            path.resolve().unlink()
            path.unlink(missing_ok=True)
            raise BrokeOffError(f"{location}: {one.path} does not match the sha256 that the Hub gives")
    checked.touch()


def _patterns(names: Sequence[str]) -> Iterator[str]:
    """Yield patterns for the files: one for each suffix, as there may be many files, or the archive's name."""
    if ARCHIVE.fullmatch(names[0]):
        return map(escape, names)
    return iter(sorted({f"*{escape(PurePosixPath(name).suffix)}" for name in names}))


def _ask(text: str, ask: Callable[[], Result], otherwise: type[UnreachableError]) -> Result:
    try:
        return ask()
    except ERRORS as error:
        raise _refuse(text, error, otherwise) from error


def _refuse(text: str, error: BaseException, otherwise: type[UnreachableError]) -> UnreachableError:
    """Return an error of the library as a message for the user; if only the connection failed, of type `otherwise`."""
    if isinstance(error, HfHubHTTPError):
        return _explain_answer(text, error)
    # When the library falls back to its cache and finds nothing there, the cause holds the real reason.
    if isinstance(error, RevisionResolutionError | LocalEntryNotFoundError) and error.__cause__ is not None:
        return _refuse(text, error.__cause__, otherwise)
    if isinstance(error, OfflineModeIsEnabled):
        return UnreachableError(f"{text} is not in the cache, and HF_HUB_OFFLINE keeps it from being fetched")
    if isinstance(error, ValueError):
        return UnreachableError(f"{text} cannot be read: {hide_queries(one_line(error))[:160]}")
    return otherwise(f"{text} cannot be reached: {_words_for(error)}")


def _explain_answer(text: str, error: HfHubHTTPError) -> UnreachableError:
    """Return an answer of the Hub as a message for the user, without its own words, which may contain anything."""
    name, revision = _split(text)
    status = error.response.status_code
    if status in BUSY:
        return BusyError(f"{text} cannot be read: the Hub answers {status} {http.client.responses.get(status, '')}")
    if isinstance(error, GatedRepoError):
        reason = f"its owner asks for terms to be accepted: open {PAGES}/datasets/{name}, and {HOW_TO_SIGN_IN}"
    elif isinstance(error, RepositoryNotFoundError):
        reason = f"the Hub has no dataset of that name, or keeps it private; check the name, or {HOW_TO_SIGN_IN}"
    elif isinstance(error, RevisionNotFoundError):
        reason = f"the dataset has no branch, tag or commit {revision!r}"
    else:
        reason = f"the Hub answers {status} {http.client.responses.get(status, '')}".rstrip()
        reason += f"; {HOW_TO_SIGN_IN}" if status in {401, 403} else ""
    return UnreachableError(f"{text} cannot be read: {reason}")


def _words_for(error: Any) -> str:
    text = one_line(error)
    if "Connection refused" in text:
        return "connection refused"
    if "Name or service not known" in text or "name resolution" in text or "nodename" in text:
        return "its name cannot be resolved (no network, or a misspelt host)"
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    return hide_queries(text)[:160] or type(error).__name__
