"""The active run: what this process logs goes there, and the steps that it starts are nested in it."""

import mlflow


def active_run() -> mlflow.ActiveRun:
    """Return MLflow's active run.

    MLflow's own function returns None if there is none, and most of its other functions then start one silently.

    Raises:
        RuntimeError: there is no active run; a step does its work inside `start_step`.
    """
    run = mlflow.active_run()
    if run is None:
        raise RuntimeError("this is done inside a run only: there is no active one")
    return run
