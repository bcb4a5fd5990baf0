"""What a working copy holds beyond its commit: changed files, and new ones that a step would read."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

MAX_DIFF = 1_000_000
"""Bytes up to which a diff is kept."""
SECRETS = tuple(f"**/{name}" for name in ("*.env*", "*.pem", "*.key", "*secret*", "*credential*"))
"""Names that are not read into a diff, whatever their case."""
NEW_FILES = (
    *(f"{package}/**/*.{kind}" for package in ("steps", "pawprint") for kind in ("py", "j2", "yaml", "yml", "txt")),
    *("MLproject", "*.py", "*.yaml", "*.yml", "*.txt"),
)
"""What counts where git does not know it: what steps run, and what makes their environment."""
_SHOWN = 10


@dataclass(frozen=True)
class Uncommitted:
    """What a tree holds beyond its commit.

    Attributes:
        diff: as `git apply` takes it; "" where there is nothing.
        left_out: what is not in the diff, and why; "" where it is whole.
    """

    diff: str
    left_out: str


def is_dirty() -> str | None:
    """Say whether files differ from the commit that MLflow records, or are new; None where there is no git."""
    try:
        changed = _git("status", "--porcelain", "--untracked-files=no").strip()
        return "true" if changed or _list_new_files() else "false"
    except (OSError, subprocess.SubprocessError):
        return None


def read_uncommitted() -> Uncommitted:
    """Return what files differ by from the commit, and those that git does not know yet.

    Files that are named as secrets are left out, and so is what is too large or no text; that is said.
    """
    try:
        return _read()
    except (OSError, subprocess.SubprocessError):
        return Uncommitted("", "")


def _read() -> Uncommitted:
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        # New files are noted in a copy of git's index: the person's own stays as it is.
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
        if len(content) <= MAX_DIFF:  # else it may be the cut that goes through a letter
            left_out.append("characters of files that are not UTF-8")
    if len(content) > MAX_DIFF:
        text += f"\n[cut after {MAX_DIFF} bytes of {len(content)}]\n"
        left_out.append(f"what comes after {MAX_DIFF} bytes of {len(content)}")
    return Uncommitted(text, "; ".join(left_out))


def _list_new_files() -> list[str]:
    """Return the files of `NEW_FILES` that git neither knows nor ignores, relative to this folder."""
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
