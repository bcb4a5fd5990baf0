"""Find and mark orphans: runs that stay RUNNING because their process was killed.

Automatically, only this user's runs on this machine are marked, if their process certainly no longer exists. Any other
run may be a colleague's on a shared server. It is marked only on request, and after an hour without a sign of life.
"""

import getpass
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

import yaml
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from pawprint.base.files import PROJECT
from pawprint.base.secrets import drop_userinfo
from pawprint.tracking.heartbeat import ALIVE_TAG
from pawprint.tracking.processes import describe_end, describe_process
from pawprint.tracking.tags import ENTRY_POINT_TAG, ENVIRONMENT, ERROR_TAG, PARENT_TAG, PREFIX, SOURCE_TAGS, get_tag

logger = logging.getLogger(__name__)
HOUR_MS = 3_600_000
"""An hour in milliseconds."""
_RUNNING = "attributes.status = 'RUNNING'"


@dataclass(frozen=True)
class Orphan:
    """A run that no process will end, the reason, and its last sign of life, in milliseconds since 1970."""

    run: Run
    reason: str
    heard_of_ms: int


def mark_own_orphans(experiment_id: str) -> None:
    """Mark this user's orphans on this machine in an experiment, and print a line for each.

    It costs one query. If the user has no permission to change runs, nothing is changed.
    """
    try:
        for orphan in find_own_orphans(experiment_id):
            mark_orphan(orphan)
            logger.warning("note: %s; it is now marked KILLED", describe_orphan(orphan))
    except MlflowException as error:
        logger.warning("warning: runs that were left RUNNING could not be marked: %s", error.message)


def find_own_orphans(experiment_id: str) -> list[Orphan]:
    """Return this user's runs on this machine, in an experiment, whose process no longer exists."""
    return [
        Orphan(run, reason, _heard_of(run))
        for run in _search(experiment_id, _RUNNING)
        if run.data.tags.get("mlflow.user") in {None, _user()} and (reason := _describe_end(run))
    ]


def find_all_orphans(experiment_id: str, *, hours: float) -> list[Orphan]:
    """Return all runs of this project in an experiment that show no sign of life, on any machine.

    Runs on this machine whose process exists are not orphans. Runs of other projects are excluded: a run that never
    reached our code belongs to this project if it has our entry point, and a parent or source of one of our runs.

    Args:
        experiment_id: id of the experiment.
        hours: hours without a sign of life. Signs of life are the start, a metric and the tag of
            `pawprint.tracking.heartbeat`, of a run and of its steps.
    """
    latest = int(time.time() * 1000 - hours * HOUR_MS)
    running = list(_search(experiment_id, _RUNNING))
    ours = {run.info.run_id for run in running if get_tag(run, "host")}
    sources = _known_sources(experiment_id) if any(run.info.run_id not in ours for run in running) else set()
    found = []
    for run in running:
        if run.info.run_id not in ours and not _is_of_this_project(run, ours, sources):
            continue
        heard_of = _heard_of_family(run)
        if reason := _describe_end(run):
            found.append(Orphan(run, reason, heard_of))
        elif heard_of < latest and not _runs_here(run):
            found.append(Orphan(run, "it has given no sign of life since", heard_of))
    return found


def mark_orphan(orphan: Orphan) -> None:
    """Mark a run as KILLED, with its last sign of life as its end."""
    client, run_id = MlflowClient(), orphan.run.info.run_id
    client.set_tag(run_id, ERROR_TAG, f"orphaned: its process is gone ({orphan.reason})")
    client.set_terminated(run_id, "KILLED", end_time=orphan.heard_of_ms)


def describe_orphan(orphan: Orphan) -> str:
    """Return a line that describes an orphan."""
    run = orphan.run
    heard_of = time.strftime("%Y-%m-%d %H:%M", time.localtime(orphan.heard_of_ms / 1000))
    step = run.data.tags.get(ENTRY_POINT_TAG, run.info.run_name)
    host = get_tag(run, "host")
    return (
        f"run {run.info.run_id} ({step}{f' on {host}' if host else ''}, last heard of {heard_of}) "
        f"was left RUNNING: {orphan.reason}"
    )


def _describe_end(run: Run) -> str | None:
    tags = {name: value for name in describe_process() if (value := get_tag(run, name)) is not None}
    return describe_end(tags, started_ms=run.info.start_time)


def _runs_here(run: Run) -> bool:
    """Return whether a run was started on this machine, in this container and since the last boot."""
    here = describe_process()
    return all(get_tag(run, name) == str(here[name]) for name in ("host", "machine", "boot", "pid_namespace"))


def _is_of_this_project(run: Run, ours: set[str], sources: set[str]) -> bool:
    tags = run.data.tags
    if tags.get(ENTRY_POINT_TAG) not in _entry_points():
        return False
    return tags.get(PARENT_TAG) in ours or any(drop_userinfo(tags.get(name, "")) in sources for name in SOURCE_TAGS)


def _entry_points() -> set[str]:
    return set(yaml.safe_load((PROJECT / "MLproject").read_text("utf-8"))["entry_points"])


def _known_sources(experiment_id: str) -> set[str]:
    """Return the code sources of the experiment's runs that our code has tagged."""
    # Earlier versions set the second tag.
    runs = [run for name in (ENVIRONMENT, "host") for run in _search(experiment_id, f"tags.`{PREFIX}{name}` LIKE '%'")]
    return {run.data.tags[name] for run in runs for name in SOURCE_TAGS if name in run.data.tags}


def _heard_of_family(run: Run) -> int:
    children = _search(run.info.experiment_id, f"tags.`{PARENT_TAG}` = '{run.info.run_id}'")
    return max([_heard_of(run), *(_heard_of_family(child) for child in children)])


def _heard_of(run: Run) -> int:
    """Return the last sign of life of a run, in milliseconds since 1970."""
    signs: list[int] = [run.info.start_time, run.info.end_time or 0, int(run.data.tags.get(ALIVE_TAG, 0))]
    signs += [metric.timestamp for metric in run.data.to_proto().metrics]
    return max(signs)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, in a container
        return ""


def _search(experiment_id: str, filter_string: str) -> Iterator[Run]:
    client, token = MlflowClient(), None
    while True:
        page = client.search_runs([experiment_id], filter_string, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
