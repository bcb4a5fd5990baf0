"""Find the chain behind a model, a dataset, photos or a run: the runs that made it, back to the source."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, Run
from mlflow.exceptions import MlflowException

from pawprint.base.errors import UserError
from pawprint.pipeline.reuse import FROM_TAG
from pawprint.tracking.artifacts import find_model_id
from pawprint.tracking.server import describe_server
from pawprint.tracking.tags import ENTRY_POINT_TAG, PARENT_TAG, get_tag

TARGETS = "a run id, models:/<id>, models:/<name>@<alias>, runs:/<run id>/dataset or runs:/<run id>/photos"
"""What `find_lineage` accepts, for messages."""


@dataclass(frozen=True)
class Training:
    """A run of train, the model that it logged, and the runs of evaluate on this model."""

    run: Run
    model: LoggedModel | None
    evaluations: list[Run] = field(default_factory=list)


@dataclass(frozen=True)
class Lineage:
    """A chain of runs; None for steps that are not part of it, or no longer known.

    Attributes:
        main: the run of main or tune that ran the steps, if the target is one.
        trainings: the trainings of the models; empty if the target is a dataset or photos.
        preprocess: the run that made the dataset.
        download: the run that made the photos.
        more: the run that made the photos of another source, of which corrections label some.
        reused: ids of runs that main reused.
        predict: the run of predict, if the target is one.
    """

    main: Run | None = None
    trainings: list[Training] = field(default_factory=list)
    preprocess: Run | None = None
    download: Run | None = None
    reused: frozenset[str] = frozenset()
    predict: Run | None = None
    more: Run | None = None

    def runs(self) -> Iterator[Run]:
        """Yield all runs of the chain in the order of the steps."""
        yield from filter(None, (self.download, self.more, self.preprocess))
        for training in self.trainings:
            yield training.run
            yield from training.evaluations
        yield from filter(None, (self.predict, self.main))


def find_lineage(target: str) -> Lineage:
    """Return the chain behind a run, a model, a dataset or photos.

    Args:
        target: one of `TARGETS`; for a main run the chain has all its repeats.

    Raises:
        UserError: the target is unknown, or not a run of this project.
    """
    client = MlflowClient()
    try:
        if target.startswith("models:/"):
            return _from_training(client, _find_training(client, find_model_id(client, target)))
        run = _original(client, client.get_run(target.removeprefix("runs:/").strip("/").partition("/")[0]))
        return _from_run(client, run)
    except MlflowException as error:
        raise UserError(f"{target!r} is not known at {describe_server()} ({error.message}); give {TARGETS}") from error


def find_children(client: MlflowClient, main: Run) -> list[Run]:
    """Return the steps of a main run, oldest first; for a reused step, the original run with the artifacts."""
    return [_original(client, run) for run in list_children(client, main)]


def list_children(client: MlflowClient, main: Run) -> list[Run]:
    """Return the child runs of a run, oldest first; for a reused step, the run that stands for it."""
    return list(
        client.search_runs(
            [main.info.experiment_id],
            f"tags.`{PARENT_TAG}` = '{main.info.run_id}'",
            order_by=["attributes.start_time ASC"],
        )
    )


def entry_point(run: Run) -> str:
    """Return the name of a run's step; "" if the run is not of this project."""
    name: str = run.data.tags.get(ENTRY_POINT_TAG, "")
    # A step that was started without `mlflow run` is recognised by its file.
    return name or run.data.tags.get("mlflow.source.name", "").rpartition("/")[2].removesuffix(".py")


def format_time(run: Run) -> str:
    """Return the start of a run, in UTC to the minute."""
    return f"{datetime.fromtimestamp(run.info.start_time / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def find_learning(trained: Run) -> Run:
    """Return the run that trained a model: the given run, or the one that it copied the model from.

    If the latter is no longer known, it is the given run.
    """
    learned_in = get_tag(trained, "learned_in")
    return (_run_behind(MlflowClient(), f"runs:/{learned_in}") if learned_in else None) or trained


def find_review_page(run_id: str) -> str:
    """Return the URI of the page in which labels were put right or given: of a run of main, or of predict."""
    run = _run_behind(MlflowClient(), f"runs:/{run_id}")
    folder = "predictions/" if run and entry_point(run) == "predict" else ""
    return f"runs:/{run_id}/{folder}review.html"


def _original(client: MlflowClient, run: Run) -> Run:
    """Return the original of a reused step, or the run itself, with inputs and outputs."""
    return client.get_run(run.data.tags.get(FROM_TAG, run.info.run_id))


def _from_run(client: MlflowClient, run: Run) -> Lineage:
    trace = _BY_STEP.get(entry_point(run))
    if trace is None:
        raise UserError(f"run {run.info.run_id} is no step of this project; give {TARGETS}")
    return trace(client, run)


def _from_main(client: MlflowClient, run: Run) -> Lineage:
    shown = list_children(client, run)
    steps = [_original(client, child) for child in shown]
    evaluations = [one for one in steps if entry_point(one) == "evaluate"]
    # `architecture=auto` also trains architectures that are not chosen, each on a dataset of its size.
    chosen = get_tag(run, "used.architecture")
    trainings = [
        _training_of(client, one, evaluations)
        for one in steps
        if entry_point(one) == "train" and chosen in {None, one.data.params["architecture"]}
    ]
    found = {entry_point(one): one for one in steps}
    learned = trainings and _run_behind(client, trainings[0].run.data.params.get("dataset"))
    preprocess = learned or found.get("preprocess")
    return Lineage(
        main=run,
        trainings=trainings,
        preprocess=preprocess,
        download=next((one for one in steps if entry_point(one) == "download"), None),
        more=_find_more(client, preprocess),
        reused=frozenset(child.data.tags[FROM_TAG] for child in shown if FROM_TAG in child.data.tags),
    )


def _from_tune(client: MlflowClient, run: Run) -> Lineage:
    """Return the chain behind the winner, which has the only evaluation."""
    evaluations = [one for one in find_children(client, run) if entry_point(one) == "evaluate"]
    if not evaluations:
        raise UserError(f"run {run.info.run_id} of tune came to no winner; give the run of a trial")
    return replace(_from_run(client, evaluations[-1]), main=run)


def _from_evaluate(client: MlflowClient, run: Run) -> Lineage:
    training = _find_training(client, find_model_id(client, run.data.params["model"]))
    return _from_training(client, Training(training.run, training.model, [run]))


def _from_predict(client: MlflowClient, run: Run) -> Lineage:
    asked = _find_training(client, find_model_id(client, get_tag(run, "model") or ""))
    return replace(_from_training(client, asked), predict=run)


def _find_training(client: MlflowClient, model_id: str) -> Training:
    model = client.get_logged_model(model_id)
    if not model.source_run_id:
        raise UserError(f"models:/{model_id} was logged outside of any run; give one of train's")
    return _training_of(client, client.get_run(model.source_run_id), None)


def _training_of(client: MlflowClient, run: Run, evaluations: list[Run] | None) -> Training:
    models = run.outputs.model_outputs if run.outputs else []
    if not models:
        return Training(run, None)
    uri = f"models:/{models[0].model_id}"
    if evaluations is None:
        evaluations = list(
            client.search_runs(
                [run.info.experiment_id],
                f"params.model = '{uri}' AND tags.`{ENTRY_POINT_TAG}` = 'evaluate' AND attributes.status = 'FINISHED'",
                order_by=["attributes.start_time ASC"],
            )
        )
        evaluations = [one for one in evaluations if FROM_TAG not in one.data.tags]
    mine = [one for one in evaluations if one.data.params.get("model") == uri]
    try:
        return Training(run, client.get_logged_model(models[0].model_id), mine)
    except MlflowException:
        return Training(run, None, mine)


def _from_training(client: MlflowClient, training: Training) -> Lineage:
    before = _from_dataset(client, _run_behind(client, training.run.data.params.get("dataset")))
    return replace(before, trainings=[training])


def _from_dataset(client: MlflowClient, preprocess: Run | None) -> Lineage:
    if preprocess is None:
        return Lineage()
    photos = _run_behind(client, get_tag(preprocess, "photos"))
    return Lineage(preprocess=preprocess, download=photos, more=_find_more(client, preprocess))


def _find_more(client: MlflowClient, preprocess: Run | None) -> Run | None:
    return _run_behind(client, get_tag(preprocess, "more")) if preprocess else None


def _run_behind(client: MlflowClient, uri: str | None) -> Run | None:
    """Return the run that made an artifact, or None if it is not known."""
    if not uri or not uri.startswith("runs:/"):
        return None
    try:
        return client.get_run(uri.removeprefix("runs:/").partition("/")[0])
    except MlflowException:
        return None


_BY_STEP: Mapping[str, Callable[[MlflowClient, Run], Lineage]] = {
    "main": _from_main,
    "tune": _from_tune,
    "train": lambda client, run: _from_training(client, _training_of(client, run, None)),
    "evaluate": _from_evaluate,
    "predict": _from_predict,
    "preprocess": _from_dataset,
    "download": lambda _, run: Lineage(download=run),
}
