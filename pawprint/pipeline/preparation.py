"""What main and tune begin and end with: photos fetched and made a dataset, and a model judged on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pawprint.base.cache import cache_folder
from pawprint.photos.identity import identify_source
from pawprint.pipeline.chain import Chain, Outcome
from pawprint.tracking.artifacts import open_photos
from pawprint.tracking.tags import set_tags


@dataclass(frozen=True)
class PreparedDataset:
    """What preprocess made, and where its photos came from; in a plan, None for what is not known yet.

    Attributes:
        uri: of the artifact.
        digest: of its content.
        source: the one of the sources that gave the photos.
        source_fallback: why those before it did not; None if it was the first.
    """

    uri: str | None
    digest: str | None
    source: str | None
    source_fallback: str | None


def prepare_dataset(
    chain: Chain, *, source: str, labels: str, keep_photos: str, parameters: Mapping[str, object]
) -> PreparedDataset:
    """Download and preprocess under the active run, which is tagged with what came of them.

    Args:
        chain: runs the two, uses them again or plans them.
        source: where the photos come from; a part of it may be a run's.
        labels: how classes are read.
        keep_photos: `copy` or `reference`.
        parameters: of preprocess, but for the photos; no `auto`.

    Raises:
        UserError: a step failed, the source is a run's that is not there, or the cache's folder can't be made.
    """
    if not chain.plan:
        cache_folder()  # train keeps its checkpoints there: where that can't be, it is said before photos are fetched
    downloaded = chain.run_step(
        "download",
        {"source": source, "labels": labels, "keep_photos": keep_photos},
        given={},
        inputs={"source": None if chain.cache == "off" else _identify(source)},
        run_name="download",
    )
    set_tags(**{name: downloaded.tag(name) for name in ("source", "source_fallback", "photos_sha256")})
    preprocessed = chain.run_step(
        "preprocess",
        parameters,
        given={"photos": downloaded.artifact("photos")},
        # The same photos read in another way are another dataset.
        inputs={"photos": downloaded.tag("photos_sha256"), "labels": downloaded.tag("labels_sha256")},
        run_name="preprocess",
    )
    dataset = PreparedDataset(
        uri=preprocessed.artifact("dataset"),
        digest=preprocessed.tag("dataset_digest"),
        source=downloaded.tag("source"),
        source_fallback=downloaded.tag("source_fallback"),
    )
    set_tags(dataset_digest=dataset.digest)
    return dataset


def judge_model(chain: Chain, model: str | None, dataset: PreparedDataset, *, run_name: str) -> Outcome:
    """Evaluate a model under the active run.

    Args:
        chain: as above.
        model: `models:/<model id>`, or None where it is only planned.
        dataset: whose test photos are asked.
        run_name: shown in MLflow's list.

    Raises:
        UserError: the step failed.
    """
    return chain.run_step(
        "evaluate",
        {},
        given={"dataset": dataset.uri, "model": model},
        # The model's id and not its digest: one that was trained again to the same weights wants its metrics on its
        # own page.
        inputs={"dataset": dataset.digest, "model": model},
        run_name=run_name,
    )


def _identify(source: str) -> str | None:
    with open_photos() as resolve_uri:
        return identify_source(source, resolve_uri=resolve_uri)
