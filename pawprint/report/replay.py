"""Repeat a main run: the command for it, the run itself, and the comparison of the results."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.models.architectures import AUTO
from pawprint.report.graph import entry_point, find_lineage
from pawprint.tracking.artifacts import open_artifact
from pawprint.tracking.runs import DIFF
from pawprint.tracking.tags import PARENT_TAG, get_group, get_tag
from pawprint.tracking.uncommitted import MAX_DIFF

_LEFT_OUT = {"cache", "plan", "register", "minimum_accuracy", "minimum_f1"}
"""Parameters without effect on the result."""
_COMPARED = ("photos_sha256", "more_sha256", "dataset_digest", "weights_digest")
_SURROUNDINGS = ("python", "libraries", "lock_sha256", "cpu", "threads")


def format_command(main: Run) -> str:
    """Return the commands that repeat a main run, one per line.

    For a git URL it is one `mlflow run`; for a working copy, first a clone of the same commit. Uncommitted changes are
    applied from the run's `uncommitted.diff`.
    """
    tags = main.data.tags
    commit = tags.get("mlflow.source.git.commit")
    words = " ".join(f"-P {name}={shlex.quote(value)}" for name, value in read_parameters(main).items() if value)
    manager = "--env-manager uv"
    url, dirty = tags.get("mlflow.source.git.repoURL", ""), get_tag(main, "git_dirty") == "true"
    if re.match(r"(https?|ssh|git)://|[\w.-]+@", url) and commit and not dirty:
        return f"mlflow run {shlex.quote(url)} -v {commit} {manager} {words}"
    place = url or tags.get("mlflow.source.name", "").removeprefix("file://").partition("#")[0]
    if not commit or not place:
        return f"mlflow run . {manager} {words}"
    lines = [f"git clone {shlex.quote(place)} again && git -C again checkout {commit}"]
    if dirty:
        uri = f"runs:/{main.info.run_id}/{DIFF}"
        if left_out := get_tag(main, "uncommitted_left_out"):
            lines.append(f"# This diff is not whole, so the same need not come out: it lacks {left_out}")
        lines.append(f"mlflow artifacts download -u {uri} -d . && git -C again apply ../{DIFF}")
    return "\n".join([*lines, f"mlflow run again {manager} {words}"])


def find_main(target: str) -> Run:
    """Return the main run of a model, of a step, or the run itself.

    Raises:
        UserError: the step was not started by main.
    """
    lineage = find_lineage(target)
    if lineage.main and entry_point(lineage.main) == "main":
        return lineage.main
    newest = lineage.trainings[0].run if lineage.trainings else (lineage.preprocess or lineage.download)
    parent = newest.data.tags.get(PARENT_TAG) if newest else None
    if newest is None or parent is None:
        raise UserError(f"{target} was made by a step that was started alone; only runs of main can be replayed")
    run = MlflowClient().get_run(parent)
    if entry_point(run) != "main":
        raise UserError(f"{target} was made by a trial of tune, whose page has the command that trains it; run that")
    return run


def replay_main(main: Run, *, env_manager: str) -> Run:
    """Repeat a main run in a clone of its commit, without reusing any step, and return the new run.

    The new run is in the same experiment, and its name contains the id of the old one.

    Raises:
        UserError: the original code is not available, or the run failed.
    """
    tags = main.data.tags
    commit = tags.get("mlflow.source.git.commit")
    place = tags.get("mlflow.source.git.repoURL") or tags.get("mlflow.source.name", "").removeprefix("file://")
    if not commit:
        raise UserError(f"run {main.info.run_id} notes no commit, so its code can't be had again")
    if left_out := get_tag(main, "uncommitted_left_out"):
        raise UserError(
            f"run {main.info.run_id} was made from a tree with uncommitted changes, which were not kept whole: "
            f"its {DIFF} lacks {left_out}; commit such changes before a run that is to be replayed"
        )
    with tempfile.TemporaryDirectory(prefix="pawprint-replay-") as scratch:
        clone = Path(scratch, "pawprint")
        _git("clone", "--quiet", place.partition("#")[0], str(clone))
        try:
            _git("-C", str(clone), "checkout", "--quiet", commit)
        except UserError as error:
            raise UserError(
                f"run {main.info.run_id} was made from commit {commit[:12]}, which can't be had from {place} "
                f"({error}): push it there first"
            ) from error
        if get_tag(main, "git_dirty") == "true":
            _apply_diff(main, clone)
        words = [word for name, value in read_parameters(main).items() for word in ("-P", f"{name}={value}")]
        name = f"replay of {main.info.run_id}"
        command = [sys.executable, "-m", "mlflow", "run", str(clone), "--env-manager", env_manager]
        command += ["--experiment-id", main.info.experiment_id, "--run-name", name, "-P", "cache=off", *words]
        # A relative path of a store would be another store in the clone.
        environment = os.environ | {"MLFLOW_TRACKING_URI": mlflow.get_tracking_uri()}
        environment.pop("MLFLOW_RUN_ID", None)
        if subprocess.run(command, env=environment, check=False).returncode:  # noqa: S603 (parameters that MLflow logged)
            raise UserError(f"the replay of run {main.info.run_id} failed; its own lines above say why")
    found = MlflowClient().search_runs(
        [main.info.experiment_id],
        f"tags.`mlflow.runName` = '{name}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return found[0]


def compare_runs(main: Run, again: Run) -> tuple[bool, list[str]]:
    """Return whether a repeated main run has the same results, and what differs.

    Returns:
        Whether photos, dataset and all test metrics are identical, and lines for the user: what differs, also in
        machine and libraries, which may be the reason.
    """
    lines = []
    for name in _COMPARED:
        one, other = get_tag(main, name), get_tag(again, name)
        if one is None and other is None:  # neither weights nor more photos were given
            continue
        lines.append(f"{name}: " + (f"identical ({str(one)[:12]}…)" if one == other else f"{one} -> {other}"))
    same = all(get_tag(main, name) == get_tag(again, name) for name in _COMPARED)
    before, after = ({n: v for n, v in run.data.metrics.items() if n.startswith("test_")} for run in (main, again))
    differing = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    lines.append(f"test metrics: {len(before) - len(differing)} of {len(before)} identical to the last digit")
    lines += [f"  {name}: {before.get(name)} -> {after.get(name)}" for name in differing]
    why = [name for name in _SURROUNDINGS if get_tag(main, name) != get_tag(again, name)]
    lines += [f"{name} differs: {get_tag(main, name)} -> {get_tag(again, name)}" for name in why]
    if differing and not why:
        lines.append("machine and libraries are the same, as far as the runs say")
    return same and not differing, lines


def _apply_diff(main: Run, clone: Path) -> None:
    uri = f"runs:/{main.info.run_id}/{DIFF}"
    try:
        with open_artifact(uri, expected="the diff of a run from a changed tree") as path:
            if hash_file(path) != get_tag(main, "uncommitted_sha256"):
                raise UserError(f"{uri} is not what was logged (its sha256 differs)")
            if path.stat().st_size > MAX_DIFF:  # older runs do not tag a diff that was cut
                raise UserError("it was too large to be kept whole")
            _git("-C", str(clone), "apply", str(path.absolute()))
    except UserError as error:
        raise UserError(
            f"run {main.info.run_id} was made from a tree with uncommitted changes, which can't be had again: {error}"
        ) from error


def read_parameters(main: Run) -> dict[str, str]:
    """Return the parameters that affect the result, with what main decided, or what a name stood for, at that time."""
    # MLflow quoted the values for a shell.
    given = {name: "".join(shlex.split(value)) for name, value in main.data.params.items() if name not in _LEFT_OUT}
    decided = ["architecture"] if given.get("architecture") == AUTO else []
    if float(given.get("minutes", 0)):
        decided += ["epochs", "finetune"]
        given["minutes"] = "0"
    given |= {name: used for name in decided if (used := get_tag(main, f"used.{name}"))}
    # The corrections' own files may be gone, and the run has kept what they said.
    kept = {"weights": get_tag(main, "weights"), "corrections": get_group(main, "corrections").get("uri")}
    return given | {name: uri for name, uri in kept.items() if uri}


def _git(*words: str) -> None:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    if done.returncode:
        command = shlex.join(words[2:] if words[0] == "-C" else words)
        raise UserError(f"git {command} failed: {done.stderr.strip()}")
