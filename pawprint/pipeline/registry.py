"""Register the best model of a main run in MLflow's model registry, as challenger, and as champion if it is better.

Promotion does not choose a model: main chose its best repeat by validation. A tag on the registered model counts the
comparisons on the same test photos, and the required significance rises with the count (Bonferroni correction): with
enough comparisons on the same photos, some model looks better by chance.
"""

import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from pawprint.base.errors import UserError
from pawprint.base.tables import read_dicts
from pawprint.evaluation.comparison import Comparison, compare_answers
from pawprint.pipeline.results import Repeat
from pawprint.pipeline.reuse import FROM_TAG
from pawprint.tracking.artifacts import find_model_id, open_artifact
from pawprint.tracking.tags import ENTRY_POINT_TAG, PREFIX, get_tag

CHAMPION, CHALLENGER = "champion", "challenger"
LEVEL = 0.05
"""Probability, over all comparisons on the same test photos, of promoting a model that is not better."""
RULE = "\n\n---\n\n"
"""Separator between a version's reason and its model card."""
LONGEST_DESCRIPTION = 5000
"""Longest description of a version in characters; PostgreSQL refuses longer ones."""
COMPARISONS_TAG = f"{PREFIX}asked."
"""Tag, followed by the beginning of a dataset's digest: number of comparisons on its test photos."""


@dataclass(frozen=True)
class Candidate:
    """A model and its answers on the test photos.

    Attributes:
        model_id: id of the logged model.
        dataset_digest: digest of the dataset with the test photos.
        right: whether each photo's answer is correct, by the photo's name in its archive.
        accuracy: share of correct answers.
    """

    model_id: str
    dataset_digest: str
    right: dict[str, bool]

    @property
    def accuracy(self) -> float:
        """Share of correct answers."""
        return sum(self.right.values()) / len(self.right)


@dataclass(frozen=True)
class Decision:
    """The decision about a registered version.

    Attributes:
        version: version of the registered model.
        champion: whether it is the champion now.
        reason: the reason, for users.
        comparison: comparison with the previous champion, if there was one.
        asked: number of comparisons of models of this name on these test photos, including this one.
    """

    version: str
    champion: bool
    reason: str
    comparison: Comparison | None = None
    asked: int = 0


def check_gate(repeats: Sequence[Repeat], *, minimum_accuracy: float, minimum_f1: float) -> str | None:
    """Return which metrics of a run are below their minimum, or None if none is.

    Args:
        repeats: the repeats of the run; their mean counts.
        minimum_accuracy: minimum of the test accuracy, 0 to 1; 0 for none.
        minimum_f1: minimum of the test F1, 0 to 1; 0 for none.
    """
    below = []
    for name, minimum in (("test_accuracy", minimum_accuracy), ("test_f1", minimum_f1)):
        values = [one.metrics[name] for one in repeats if name in one.metrics]
        if minimum > 0 and (not values or statistics.fmean(values) < minimum):
            below.append(
                f"{name} is {f'{statistics.fmean(values):.4f}' if values else 'not defined'}, below {minimum:g}"
            )
    return "; ".join(below) or None


def read_candidate(evaluated: Run) -> Candidate:
    """Return a model with its answers in an evaluation.

    Raises:
        UserError: the predictions are missing.
    """
    return Candidate(
        model_id=find_model_id(MlflowClient(), evaluated.data.params["model"]),
        dataset_digest=str(get_tag(evaluated, "dataset_digest")),
        right=read_answers(evaluated),
    )


def read_answers(evaluated: Run) -> dict[str, bool]:
    """Return whether each test photo's answer is correct, by its name in the archive.

    Raises:
        UserError: the predictions are missing.
    """
    uri = f"runs:/{evaluated.info.run_id}/evaluation/predictions.csv"
    with open_artifact(uri, expected="runs:/<run id of evaluate>/evaluation/predictions.csv") as path:
        text = path.read_text(encoding="utf-8")
    return {row["member"]: row["correct"] == "1" for row in read_dicts(io.StringIO(text, newline=""))}


def find_evaluation(model: str, dataset_digest: str) -> Run | None:
    """Return the newest finished evaluation of a model, `models:/<model id>`, on a dataset, or None.

    The search covers the experiment of the model and that of the active run.
    """
    client = MlflowClient()
    active = mlflow.active_run()
    experiments = {client.get_logged_model(model.removeprefix("models:/")).experiment_id}
    if active is not None:
        experiments.add(active.info.experiment_id)
    runs = client.search_runs(
        sorted(experiments),
        f"params.model = '{model}' AND tags.`{ENTRY_POINT_TAG}` = 'evaluate' "
        f"AND tags.`{PREFIX}dataset_digest` = '{dataset_digest}' AND attributes.status = 'FINISHED'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    # A run that stands for a reused evaluation has no artifacts.
    return client.get_run(runs[0].data.tags.get(FROM_TAG, runs[0].info.run_id)) if runs else None


def find_champion(name: str) -> str | None:
    """Return `models:/<model id>` of a registered model's champion, or None if there is none."""
    client = MlflowClient()
    try:
        client.get_model_version_by_alias(name, CHAMPION)
    except MlflowException:
        return None
    return f"models:/{find_model_id(client, f'models:/{name}@{CHAMPION}')}"


def register(name: str, challenger: Candidate, champion: Candidate | None) -> Decision:
    """Register the challenger as a version, make it the champion if it is significantly better, return the decision.

    Args:
        name: name of the registered model, created if missing.
        challenger: the best repeat, by validation, of a run that passed `check_gate`.
        champion: the current champion on the same test photos, or None if there is none.

    Raises:
        UserError: the champion was evaluated on other test photos.
    """
    client = MlflowClient()
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    version = _find_version(client, name, challenger.model_id)
    if version is not None:
        standing = "the champion" if champion and champion.model_id == challenger.model_id else "not the champion"
        reason = f"the model is version {version} of {name} already, and {standing}"
        return Decision(version, standing == "the champion", reason)
    logged = client.get_logged_model(challenger.model_id)
    made = client.create_model_version(
        name,
        f"models:/{challenger.model_id}",
        run_id=logged.source_run_id,
        tags={key: value for key, value in logged.tags.items() if key.startswith(PREFIX)},
        model_id=challenger.model_id,
    )
    version = str(made.version)
    client.set_registered_model_alias(name, CHALLENGER, version)
    if champion is None:
        decision = Decision(version, True, f"version {version} of {name} is the champion: there was none before")
    else:
        asked = _count_asked(client, name, challenger.dataset_digest)
        decision = _decide(name, version, challenger, champion, asked)
    if decision.champion:
        client.set_registered_model_alias(name, CHAMPION, version)
    client.update_model_version(name, version, description=decision.reason)
    return decision


def describe_version(uri: str, text: str, *, more: str) -> None:
    """Add a model card to the description of a version, below the reason, cut to `LONGEST_DESCRIPTION`.

    Args:
        uri: `models:/<name>/<version>`.
        text: the card in Markdown.
        more: note that says where the full card is, added if it is cut.
    """
    name, _, version = uri.removeprefix("models:/").rpartition("/")
    client = MlflowClient()
    # An earlier card, of this run or another one, is replaced.
    reason = str(client.get_model_version(name, version).description or "").split(RULE)[0]
    client.update_model_version(name, version, description=cut_paragraphs(f"{reason}{RULE}{text}", more))


def cut_paragraphs(text: str, more: str, most: int = LONGEST_DESCRIPTION) -> str:
    r"""Return the first paragraphs of a text, as many as fit, followed by `more` if some are cut.

    >>> cut_paragraphs("one\n\ntwo\n\nthree", "…", 10), cut_paragraphs("one\n\ntwo", "…", 10)
    ('one\n\n…', 'one\n\ntwo')
    """
    if len(text) <= most:
        return text
    kept = text[: most - len(more) - 2]
    return f"{kept[: kept.rfind(chr(10) * 2)] if chr(10) * 2 in kept else kept}\n\n{more}"


def _find_version(client: MlflowClient, name: str, model_id: str) -> str | None:
    """Return the version that is registered for a model, or None; a model is registered only once."""
    for version in client.search_model_versions(f"name = '{name}'"):
        if model_id in {version.model_id, str(version.source).removeprefix("models:/")}:
            return str(version.version)
    return None


def _decide(name: str, version: str, challenger: Candidate, champion: Candidate, asked: int) -> Decision:
    members = sorted(challenger.right)
    if members != sorted(champion.right):
        raise UserError(f"the champion of {name} was judged on other test photos; evaluate it on this dataset first")
    comparison = compare_answers(
        [challenger.right[member] for member in members], [champion.right[member] for member in members]
    )
    corrected = min(1.0, comparison.p_value * asked)
    better = challenger.accuracy > champion.accuracy and corrected < LEVEL
    comparison_text = (
        f"accuracy {challenger.accuracy:.4f} against {champion.accuracy:.4f}; {comparison.only_first} photos only the "
        f"challenger got right, {comparison.only_second} only the champion: McNemar's p is {comparison.p_value:.2g}, "
        f"{corrected:.2g} for the {_times(asked)} that these test photos judge models of this name"
    )
    verdict = "is the new champion" if better else "stays a challenger: not better by more than chance"
    return Decision(version, better, f"version {version} of {name} {verdict} ({comparison_text})", comparison, asked)


def _times(number: int) -> str:
    ending = "th" if number % 100 in {11, 12, 13} else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending} time"


def _count_asked(client: MlflowClient, name: str, dataset_digest: str) -> int:
    tag = f"{COMPARISONS_TAG}{dataset_digest[:12]}"
    asked = int(client.get_registered_model(name).tags.get(tag, 0)) + 1
    client.set_registered_model_tag(name, tag, str(asked))
    return asked
