"""The run that this process is: what it logs goes there, and what it starts nests under it."""

import mlflow


def active_run() -> mlflow.ActiveRun:
    """Return MLflow's active run.

    MLflow's own function returns None where there is none, and most of its others then quietly start one.

    Raises:
        RuntimeError: there is none; a step's work is done inside `start_step`.
    """
    run = mlflow.active_run()
    if run is None:
        raise RuntimeError("this is done inside a run only: there is no active one")
    return run
