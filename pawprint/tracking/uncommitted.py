"""The uncommitted changes of a working copy: changed files, and new files that a step would read."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MAX_DIFF = 1_000_000
"""Most bytes of a diff that are logged."""
SECRETS = tuple(f"**/{name}" for name in ("*.env*", "*.pem", "*.key", "*secret*", "*credential*"))
"""Patterns of file names that are left out of a diff, in upper or lower case."""
NEW_FILES = (
    *(f"{package}/**/*.{kind}" for package in ("steps", "pawprint") for kind in ("py", "j2", "yaml", "yml", "txt")),
    *("MLproject", "*.py", "*.yaml", "*.yml", "*.txt"),
)
"""Patterns of untracked files that count: the code of the steps, and the files of their environment."""
_SHOWN = 10
"""Most names of left-out files that are listed."""


@dataclass(frozen=True)
class Uncommitted:
    """The uncommitted changes of a working copy.

    Attributes:
        diff: for `git apply`; "" if there are no changes.
        left_out: what the diff does not contain, and why; "" if it is complete.
    """

    diff: str
    left_out: str


def is_dirty() -> str | None:
    """Return "true" or "false": whether files differ from the commit, or are new; None without git."""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no").strip()
        return "true" if changed or _list_new_files() else "false"
    except (OSError, subprocess.SubprocessError):
        return None


def read_uncommitted() -> Uncommitted:
    """Return the changes since the commit, with untracked files.

    Files with names of secrets are left out, and so is what is too large or not text; `left_out` lists them.
    """
    try:
        return _read()
    except (OSError, subprocess.SubprocessError):
        return Uncommitted("", "")


def _read() -> Uncommitted:
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        # New files are added to a copy of git's index, so that the user's index stays unchanged.
        index = Path(scratch, "index")
        kept = Path(_git("rev-parse", "--git-path", "index").decode().strip())
        if kept.is_file():
            shutil.copyfile(kept, index)
        elsewhere = {**os.environ, "GIT_INDEX_FILE": str(index)}
        if new := _list_new_files():
            _git("add", "--intent-to-add", "--", *(f":(literal){name}" for name in new), environment=elsewhere)

        def diff(*words: str) -> bytes:
            return _git("diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv", *words, environment=elsewhere)

        secrets = diff("--name-only", "-z", "--", *(f":(icase,glob){name}" for name in SECRETS))
        named = [name for name in secrets.decode("utf-8", "replace").split("\0") if name]
        content = diff("--binary", "--", ".", *(f":(exclude,icase,glob){name}" for name in SECRETS))
    left_out = [f"{name} (its name is a secret's)" for name in named[:_SHOWN]]
    if len(named) > _SHOWN:
        left_out.append(f"{len(named) - _SHOWN} more that are named so")
    try:
        text = content[:MAX_DIFF].decode("utf-8")
    except UnicodeDecodeError:
        text = content[:MAX_DIFF].decode("utf-8", "replace")
        if len(content) <= MAX_DIFF:  # else the cut may have split a character
            left_out.append("characters of files that are not UTF-8")
    if len(content) > MAX_DIFF:
        text += f"\n[cut after {MAX_DIFF} bytes of {len(content)}]\n"
        left_out.append(f"what comes after {MAX_DIFF} bytes of {len(content)}")
    return Uncommitted(text, "; ".join(left_out))


def _list_new_files() -> list[str]:
    """Return untracked, not ignored files that match `NEW_FILES`, relative to this folder."""
    listed = _git(
        "ls-files", "--others", "--exclude-standard", "-z", "--", *(f":(glob){pattern}" for pattern in NEW_FILES)
    )
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _git(*words: str, environment: dict[str, str] | None = None) -> bytes:
    done = subprocess.run(  # noqa: S603 (nothing of it comes from outside)
        ["git", *words],  # noqa: S607 (git is found on the PATH)
        capture_output=True,
        timeout=30,
        check=True,
        env=environment,
    )
    return done.stdout
