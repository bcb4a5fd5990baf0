"""A run that MLflow's launcher has made, and that should never have been written down."""

import os

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException


def delete_launched_run() -> str:
    """Delete the run that `mlflow run` made for this process, whose parameters hold a secret.

    MLflow only marks it as deleted; removing it is for `mlflow gc`, which must be run where the store is.

    Returns:
        What was done, and what remains to be done: for the person.
    """
    rotate = "the secret has been shown, so change it (rotate the key)"
    run_id = os.environ.pop("MLFLOW_RUN_ID", None)
    if run_id is None:  # a step started by hand, without the launcher
        return f"no run was made; {rotate}"
    client = MlflowClient()
    try:
        client.set_terminated(run_id, "FAILED")
        client.delete_run(run_id)
    except MlflowException:  # the store is away: its own words may hold its address, with a password
        return f"run {run_id} holds it and could not be deleted: delete it; {rotate}"
    # The launcher, which writes a run's end last, now finds it deleted, and says so with a traceback; its parameters
    # can't be taken from a run that stays.
    return (
        f"run {run_id}, which holds it, is deleted: {rotate}, and remove the run for good with `{_gc(run_id)}`. "
        "This is all that is wrong: the traceback of MLflow's launcher below says only that it finds the run deleted"
    )


def _gc(run_id: str) -> str:
    store = mlflow.get_tracking_uri()
    if store.startswith("sqlite:"):  # another address may hold a password, or is a server's, on whose machine gc runs
        return f"MLFLOW_TRACKING_URI={store} mlflow gc --backend-store-uri {store} --run-ids {run_id}"
    return f"mlflow gc --backend-store-uri <the store> --run-ids {run_id}"
