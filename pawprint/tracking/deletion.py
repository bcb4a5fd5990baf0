"""Delete the run that MLflow's launcher created when a parameter holds a secret."""

import os

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException


def delete_launched_run() -> str:
    """Delete the run that `mlflow run` created for this process, because its parameters hold a secret.

    MLflow only marks the run as deleted; `mlflow gc`, run where the store is, removes it.

    Returns:
        A message for the user: what was done, and what the user must do.
    """
    rotate = "the secret has been shown, so change it (rotate the key)"
    run_id = os.environ.pop("MLFLOW_RUN_ID", None)
    if run_id is None:  # a step started by hand, without the launcher
        return f"no run was made; {rotate}"
    client = MlflowClient()
    try:
        client.set_terminated(run_id, "FAILED")
        client.delete_run(run_id)
    except MlflowException:  # the store is unreachable; MLflow's message may contain its address with a password
        return f"run {run_id} holds it and could not be deleted: delete it; {rotate}"
    # The launcher then tries to end the deleted run and prints a traceback. This cannot be avoided, since parameters
    # cannot be removed from a run.
    return (
        f"run {run_id}, which holds it, is deleted: {rotate}, and remove the run for good with `{_gc(run_id)}`. "
        "This is all that is wrong: the traceback of MLflow's launcher below says only that it finds the run deleted"
    )


def _gc(run_id: str) -> str:
    store = mlflow.get_tracking_uri()
    if store.startswith("sqlite:"):  # another address may hold a password, or is a server's, and gc runs on its machine
        return f"MLFLOW_TRACKING_URI={store} mlflow gc --backend-store-uri {store} --run-ids {run_id}"
    return f"mlflow gc --backend-store-uri <the store> --run-ids {run_id}"
