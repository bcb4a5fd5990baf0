"""Log splits and photos to MLflow as datasets, with name, digest, counts and the URI of the photos.

Importing this module registers the source with MLflow, so that `mlflow.data.get_source(dataset).load()` returns the
photos. Without the import the source is a plain URI for `mlflow.artifacts.download_artifacts`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
from mlflow import MlflowClient
from mlflow.data.dataset import Dataset
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.dataset_source_registry import register_dataset_source
from mlflow.data.schema import TensorDatasetSchema
from mlflow.entities import Dataset as DatasetEntity
from mlflow.entities import DatasetInput, InputTag, LoggedModelInput
from mlflow.exceptions import MlflowException
from mlflow.types import Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from tenacity import stop_after_attempt

from pawprint.base.retries import retry
from pawprint.tracking.active import active_run
from pawprint.tracking.tags import PREFIX

CONTEXTS = {"train": "training", "validation": "validation", "test": "testing"}
"""MLflow's name for each split."""
DIGEST_SIZE, NAME_SIZE = 32, 500
"""Longest digest and name in characters in MLflow's stores; the tag `pawprint.dataset_digest` has the full digest."""
DUPLICATE_ROW_ERRORS = ("IntegrityError", "UniqueViolation")
"""Database errors that say that a row already exists."""
TRIES = 5
"""Attempts to log the inputs of a run."""
SCHEMES = ("runs:/", "models:/", "mlflow-artifacts:/")
"""Beginnings of the URIs that can be the source of photos."""


class ArtifactSource(DatasetSource):
    """Photos at a URI of MLflow, as the source of a dataset."""

    def __init__(self, uri: str) -> None:
        """Store the URI; nothing is downloaded."""
        self.uri = uri

    @staticmethod
    def _get_source_type() -> str:
        return "pawprint"

    def load(self, dst_path: str | None = None) -> Path:
        """Download the photos and return their folder.

        Args:
            dst_path: an existing folder for them; default: a temporary one.
        """
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=self.uri, dst_path=dst_path))

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        return isinstance(raw_source, str) and raw_source.startswith(SCHEMES)

    @classmethod
    def _resolve(cls, raw_source: str) -> "ArtifactSource":
        return cls(raw_source)

    def to_dict(self) -> dict[str, str]:
        """Return the fields that MLflow stores."""
        return {"uri": self.uri}

    @classmethod
    def from_dict(cls, source_dict: dict[str, str]) -> "ArtifactSource":
        """Return the source for the fields that MLflow stored."""
        return cls(source_dict["uri"])


register_dataset_source(ArtifactSource)  # type: ignore[arg-type]  # it takes the class, as with MLflow's own sources


class PhotoDataset(Dataset):
    """One split of a dataset of preprocess."""

    def __init__(self, source: ArtifactSource, *, name: str, digest: str, image_size: int, counts: Mapping[str, int]):
        """Describe a split.

        Args:
            source: the photos of the dataset.
            name: name of the photos and of the split.
            digest: sha256 of the dataset's content, equal on every machine; cut to `DIGEST_SIZE`.
            image_size: side in pixels.
            counts: number of photos of each class.
        """
        self._image_size, self._counts = image_size, dict(counts)
        super().__init__(source, name=name[:NAME_SIZE], digest=digest[:DIGEST_SIZE])

    def _compute_digest(self) -> str:
        raise NotImplementedError("the digest is that of the dataset's content, and is given")

    @property
    def profile(self) -> dict[str, Any]:
        """The number of photos, in all and of each class."""
        return {"photos": sum(self._counts.values()), "photos_by_class": self._counts}

    @property
    def schema(self) -> TensorDatasetSchema:
        """The schema: pixels as features, class numbers as targets."""
        side = self._image_size
        return TensorDatasetSchema(
            features=Schema([TensorSpec(np.dtype(np.uint8), (-1, side, side, 3))]),
            targets=Schema([TensorSpec(np.dtype(np.int64), (-1,))]),
        )

    def to_dict(self) -> dict[str, str]:
        """Return the fields that MLflow stores."""
        return {
            **super().to_dict(),
            "schema": json.dumps(self.schema.to_dict()),
            "profile": json.dumps(self.profile),
        }


class PhotosToLabel(Dataset):
    """Photos for which a model predicts labels."""

    def __init__(self, source: ArtifactSource, *, name: str, digest: str, count: int):
        """Describe the photos.

        Args:
            source: location of the photos.
            name: a name that people recognise.
            digest: sha256 of their manifest; cut to `DIGEST_SIZE`.
            count: number of photos.
        """
        self._count = count
        super().__init__(source, name=name[:NAME_SIZE], digest=digest[:DIGEST_SIZE])

    def _compute_digest(self) -> str:
        raise NotImplementedError("the digest is that of the photos, and is given")

    @property
    def profile(self) -> dict[str, Any]:
        """The number of photos."""
        return {"photos": self._count}

    @property
    def schema(self) -> None:
        """None, since the photos have any size."""

    def to_dict(self) -> dict[str, str]:
        """Return the fields that MLflow stores."""
        return {**super().to_dict(), "profile": json.dumps(self.profile)}


def log_prediction_inputs(*, photos: str, source: str, digest: str, count: int, model_id: str) -> None:
    """Log the photos and the model of a prediction to the active run, as its inputs.

    Args:
        photos: URI of the photos.
        source: origin of the photos, which gives the dataset its name.
        digest: sha256 of their manifest.
        count: number of photos.
        model_id: id of the model.
    """
    dataset = PhotosToLabel(ArtifactSource(photos), name=name_photos(source), digest=digest, count=count)
    log_inputs(active_run().info.run_id, [as_input(dataset, "prediction")], [LoggedModelInput(model_id)])


def name_photos(source: str) -> str:
    """Return a short name for photos: the last part of their path, URL or name.

    >>> name_photos("https://example.org/pets.zip"), name_photos("synthetic:20")
    ('pets.zip', 'synthetic:20')
    """
    return re.split(r"[/\\]", source.rstrip("/\\"))[-1] or source


def log_splits(
    *,
    photos: str,
    source: str,
    digest: str,
    image_size: int,
    counts: Mapping[str, Mapping[str, int]],
    splits: tuple[str, ...] = tuple(CONTEXTS),
) -> dict[str, PhotoDataset]:
    """Log the splits of a dataset to the active run, each as an MLflow dataset with its context.

    Args:
        photos: URI of the photos.
        source: origin of the photos, which gives the datasets their name.
        digest: digest of the whole dataset.
        image_size: side in pixels.
        counts: number of photos by split and class.
        splits: the splits to log.

    Returns:
        The MLflow datasets by split; a split without photos has none.
    """
    name = name_photos(source)
    logged = {}
    for split in splits:
        if sum(counts.get(split, {}).values()):
            logged[split] = PhotoDataset(
                ArtifactSource(photos),
                name=f"{name} {split}",
                digest=digest,
                image_size=image_size,
                counts=counts[split],
            )
    log_inputs(active_run().info.run_id, [as_input(one, CONTEXTS[split]) for split, one in logged.items()])
    return logged


def log_dataset_of(dataset: str) -> None:
    """Log the splits of a dataset, `runs:/<run id of preprocess>/dataset`, to the active run as its inputs."""
    made = MlflowClient().get_run(dataset.removeprefix("runs:/").partition("/")[0]).inputs
    if made and made.dataset_inputs:
        log_inputs(active_run().info.run_id, made.dataset_inputs)


def as_input(dataset: Dataset, context: str) -> DatasetInput:
    """Return a dataset as the input of a run, with its context."""
    return DatasetInput(DatasetEntity(**dataset.to_dict()), [InputTag(MLFLOW_DATASET_CONTEXT, context)])


def log_inputs(run_id: str, datasets: Sequence[DatasetInput], models: Sequence[LoggedModelInput] = ()) -> None:
    """Log the inputs of a run.

    MLflow stores a dataset once per experiment: it searches for it and adds it if it is missing. If two runs do this at
    the same time, the second fails because the first has just added the dataset, and succeeds when it tries again.
    """
    retry(
        # mlflow.log_inputs accepts models only on Databricks; the client accepts them everywhere.
        lambda: MlflowClient().log_inputs(run_id, datasets=list(datasets), models=list(models)),
        is_passing=_was_added_meanwhile,
        stop=stop_after_attempt(TRIES),
    )


def _was_added_meanwhile(error: BaseException) -> bool:
    return isinstance(error, MlflowException) and any(word in str(error) for word in DUPLICATE_ROW_ERRORS)


def find_photos(dataset: str) -> str:
    """Return the URI of the photos of a dataset, or the dataset's own URI if its run does not name them."""
    scheme, _, rest = dataset.partition(":/")
    if scheme != "runs":
        return dataset
    try:
        run = MlflowClient().get_run(rest.strip("/").partition("/")[0])
    except MlflowException:
        return dataset
    photos: str = run.data.tags.get(f"{PREFIX}photos", dataset)
    return photos
