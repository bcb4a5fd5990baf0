"""The first and last steps of main and tune: make the dataset from photos, and evaluate a model on it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pawprint.base.cache import cache_folder
from pawprint.dataset.additions import check_more
from pawprint.photos.identity import identify_source
from pawprint.photos.sources import NO_LABELS
from pawprint.pipeline.chain import Chain, Outcome
from pawprint.tracking.artifacts import open_artifact, open_photos
from pawprint.tracking.corrections import digest_corrections
from pawprint.tracking.tags import set_tags


@dataclass(frozen=True)
class PreparedDataset:
    """The dataset of preprocess and the origin of its photos; None for what a plan does not know.

    Attributes:
        uri: URI of the artifact.
        digest: digest of its content.
        source: the source of the photos.
        source_fallback: why earlier sources in the list were not used; None if it was the first.
    """

    uri: str | None
    digest: str | None
    source: str | None
    source_fallback: str | None


def prepare_dataset(
    chain: Chain, *, source: str, labels: str, keep_photos: str, parameters: Mapping[str, object]
) -> PreparedDataset:
    """Run download and preprocess under the active run, tag it with their results, and return the dataset.

    Args:
        chain: runs, reuses or plans the two steps.
        source: source of the photos; parts of it may be artifacts of runs.
        labels: how classes are read.
        keep_photos: `copy` or `reference`.
        parameters: parameters of preprocess without the photos, with `auto` resolved.

    Raises:
        UserError: a step failed, the source is an artifact that does not exist, or the cache folder cannot be created.
    """
    corrections, more, group, time = (
        str(parameters.get(name, "")) for name in ("corrections", "more", "group", "split_by_time")
    )
    check_more(more, corrections, group=group, split_by_time=time)
    digest = digest_corrections(corrections)  # reports a wrong file before the download
    if not chain.plan:
        cache_folder()  # fail before the download if train cannot store checkpoints there
    downloaded = chain.run_step(
        "download",
        {"source": source, "labels": labels, "keep_photos": keep_photos},
        given={},
        inputs={"source": None if chain.cache == "off" else _identify(source)},
        run_name="download",
    )
    set_tags(**{name: downloaded.tag(name) for name in ("source", "source_fallback", "photos_sha256")})
    others = _download_more(chain, more, keep_photos)
    set_tags(more_sha256=others.tag("photos_sha256"))
    preprocessed = chain.run_step(
        "preprocess",
        {name: value for name, value in parameters.items() if name not in {"corrections", "more"}},
        given={
            "photos": downloaded.artifact("photos"),
            "corrections": corrections,
            "more": others.artifact("photos") if more else "",
        },
        # The same photos with other labels are another dataset; what their files are called changes nothing.
        inputs={
            "photos": downloaded.tag("photos_sha256"),
            "labels": downloaded.tag("labels_sha256"),
            **({"corrections": digest} if corrections else {}),
            **({"more": others.tag("photos_sha256")} if more else {}),
        },
        run_name="preprocess",
    )
    dataset = PreparedDataset(
        uri=preprocessed.artifact("dataset"),
        digest=preprocessed.tag("dataset_digest"),
        source=downloaded.tag("source"),
        source_fallback=downloaded.tag("source_fallback"),
    )
    set_tags(dataset_digest=dataset.digest, corrections=preprocessed.tag("corrections"))
    return dataset


def _download_more(chain: Chain, more: str, keep_photos: str) -> Outcome:
    """Run download for photos that corrections label."""
    if not more:
        return Outcome(None)
    return chain.run_step(
        "download",
        {"source": more, "labels": NO_LABELS, "keep_photos": keep_photos},
        given={},
        inputs={"source": None if chain.cache == "off" else _identify(more)},
        run_name="download more",
    )


def read_description(dataset: PreparedDataset) -> dict[str, Any] | None:
    """Return the content of dataset.json, or None if a plan does not know the dataset."""
    if dataset.uri is None:
        return None
    with open_artifact(f"{dataset.uri}/dataset.json", expected="runs:/<run id of preprocess>/dataset") as path:
        return dict(json.loads(path.read_text("utf-8")))


def judge_model(chain: Chain, model: str | None, dataset: PreparedDataset, *, run_name: str, cost: str = "") -> Outcome:
    """Evaluate a model under the active run.

    Args:
        chain: runs, reuses or plans the step.
        model: `models:/<model id>`, or None in a plan.
        dataset: dataset with the test photos.
        run_name: name in MLflow's list of runs.
        cost: what mistakes cost; "" if all cost the same.

    Raises:
        UserError: the step failed.
    """
    return chain.run_step(
        "evaluate",
        {"cost": cost},
        given={"dataset": dataset.uri, "model": model},
        # The model's id, not its digest: a model that was trained again with the same weights also needs metrics on
        # its page.
        inputs={"dataset": dataset.digest, "model": model},
        run_name=run_name,
    )


def _identify(source: str) -> str | None:
    with open_photos() as resolve_uri:
        return identify_source(source, resolve_uri=resolve_uri)
