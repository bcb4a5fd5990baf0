"""One step starting another: MLflow's own project API, inside the parent's run."""

import json
import os
from collections.abc import Mapping

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import ExecutionException, MlflowException

from pawprint.errors import UserError
from pawprint.lineage.runs import ERROR_TAG, INTERRUPTED, KEY_VARIABLE
from pawprint.lineage.server import is_reachable, tell_server


def run_child(
    entry_point: str, parameters: Mapping[str, object], *, run_name: str, tags: Mapping[str, str] | None = None
) -> Run:
    """Runs an entry point of this project as a child of the active run, and waits for it.

    Args:
        entry_point: a name in MLproject.
        parameters: every parameter of it, as MLproject names them.
        run_name: shown in MLflow's list of runs.
        tags: `pawprint.<name>` that the child sets on its run, so that they are there even if this process is not.

    Returns:
        The finished child.

    Raises:
        UserError: the child failed; the message names it and its run, and carries its last error lines.
    """
    parent = mlflow.active_run()
    if parent is None:
        raise RuntimeError("run_child needs an active run to nest the child under")
    # MLflow hands it on to the child, where it would outvote the experiment id.
    os.environ.pop("MLFLOW_EXPERIMENT_NAME", None)
    os.environ[KEY_VARIABLE] = json.dumps(dict(tags or {}))
    try:
        submitted = mlflow.projects.run(
            uri=".",
            entry_point=entry_point,
            parameters={name: str(value) for name, value in parameters.items()},
            experiment_id=parent.info.experiment_id,
            env_manager="local",  # the parent's environment, already built
            run_name=run_name,
        )
    except ExecutionException as error:
        if not is_reachable():
            raise _away(run_name) from error
        child = _newest_child(parent)
        if child is None:
            raise UserError(f"{run_name} could not be started: {error}") from error
        if child.data.tags.get(ERROR_TAG) == INTERRUPTED:
            _mark_killed(child)
        reason = child.data.tags.get(ERROR_TAG, "its own lines above say why")
        raise UserError(f"{run_name} failed (run {child.info.run_id}): {reason}") from error
    except MlflowException as error:
        if is_reachable():
            raise
        raise _away(run_name) from error
    except KeyboardInterrupt:
        # MLflow has ended the child by now.
        if is_reachable() and (child := _newest_child(parent)) and child.info.status == "FAILED":
            _mark_killed(child)
        raise
    finally:
        del os.environ[KEY_VARIABLE]
    return MlflowClient().get_run(submitted.run_id)


def _away(run_name: str) -> UserError:
    return UserError(
        f"{tell_server()} was away when {run_name} ended, and what became of it is not known; its own lines above say "
        "more. The same command again goes on from the steps that had finished"
    )


def _mark_killed(child: Run) -> None:
    """Mark a child as KILLED, as it had done itself.

    MLflow 3.17's launcher takes any other exit code than 0 for FAILED, and writes that over what the run says itself:
    it asks whether the run has ended with a name where a number is expected. Of main's own run the launcher is the
    last to write, so that one stays FAILED.
    """
    MlflowClient().set_terminated(child.info.run_id, "KILLED")


def _newest_child(parent: mlflow.ActiveRun) -> Run | None:
    children = MlflowClient().search_runs(
        [parent.info.experiment_id],
        f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return children[0] if children else None
