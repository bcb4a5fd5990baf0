"""The command that makes a main run again."""

import re
import shlex

from mlflow.entities import Run

from pawprint.lineage.runs import get_tag

_LEFT_OUT = {"cache", "plan"}
"""Parameters that say how to run, not what."""


def tell_command(main: Run) -> str:
    """Return the commands that make a main run again, one a line.

    From a git URL it is one `mlflow run`; from a working copy, a clone of it at the same commit first. A working copy
    with uncommitted changes says so: its run keeps them as `uncommitted.diff`.
    """
    tags = main.data.tags
    commit = tags.get("mlflow.source.git.commit")
    words = " ".join(
        # MLflow has logged them as a shell takes them.
        f"-P {name}={value}"
        for name, value in main.data.params.items()
        if name not in _LEFT_OUT and value not in {"", "''"}
    )
    manager = "--env-manager uv"
    url, dirty = tags.get("mlflow.source.git.repoURL", ""), get_tag(main, "git_dirty") == "true"
    if re.match(r"(https?|ssh|git)://|[\w.-]+@", url) and commit and not dirty:
        return f"mlflow run {shlex.quote(url)} -v {commit} {manager} {words}"
    place = url or tags.get("mlflow.source.name", "").removeprefix("file://").partition("#")[0]
    if not commit or not place:
        return f"mlflow run . {manager} {words}"
    lines = [f"git clone {shlex.quote(place)} again && git -C again checkout {commit}"]
    if dirty:
        uri = f"runs:/{main.info.run_id}/uncommitted.diff"
        lines.append(f"mlflow artifacts download -u {uri} -d . && git -C again apply ../uncommitted.diff")
    return "\n".join([*lines, f"mlflow run again {manager} {words}"])
