"""The photos of a split as MLflow's datasets: what a run made or read, named, counted and leading back to the photos.

Importing this module makes the source known to MLflow, so that `mlflow.data.get_source(dataset).load()` gives the
photos. To a process that has not, the source is a plain URI for `mlflow.artifacts.download_artifacts`.
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
from tenacity import Retrying, retry_if_exception, stop_after_attempt

from pawprint.tracking.active import active_run
from pawprint.tracking.tags import PREFIX

CONTEXTS = {"train": "training", "validation": "validation", "test": "testing"}
"""What MLflow calls each split."""
DIGEST_SIZE, NAME_SIZE = 32, 500
"""What MLflow's stores have room for; the whole digest is in the run's tag `pawprint.dataset_digest`."""
DOUBLE_ROW = ("IntegrityError", "UniqueViolation")
"""How the databases under MLflow's store call a row that is there already."""
TRIES = 5
SCHEMES = ("runs:/", "models:/", "mlflow-artifacts:/")


class ArtifactSource(DatasetSource):
    """Photos behind a URI that passes between steps."""

    def __init__(self, uri: str) -> None:
        """Keep the URI; nothing is fetched."""
        self.uri = uri

    @staticmethod
    def _get_source_type() -> str:
        return "pawprint"

    def load(self, dst_path: str | None = None) -> Path:
        """Fetch the photos and return their folder.

        Args:
            dst_path: an existing folder for them; a temporary one unless given.
        """
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=self.uri, dst_path=dst_path))

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        return isinstance(raw_source, str) and raw_source.startswith(SCHEMES)

    @classmethod
    def _resolve(cls, raw_source: str) -> "ArtifactSource":
        return cls(raw_source)

    def to_dict(self) -> dict[str, str]:
        """Return what MLflow keeps."""
        return {"uri": self.uri}

    @classmethod
    def from_dict(cls, source_dict: dict[str, str]) -> "ArtifactSource":
        """Make a source of what MLflow kept."""
        return cls(source_dict["uri"])


register_dataset_source(ArtifactSource)  # type: ignore[arg-type]  # it takes the class, as MLflow's own do


class PhotoDataset(Dataset):
    """One split of a dataset that preprocess made."""

    def __init__(self, source: ArtifactSource, *, name: str, digest: str, image_size: int, counts: Mapping[str, int]):
        """Describe a split.

        Args:
            source: the photos it was made of.
            name: of the photos, and the split.
            digest: sha256 of the dataset's content, equal on every machine; shortened to what MLflow keeps.
            image_size: side in pixels.
            counts: photos of each class.
        """
        self._image_size, self._counts = image_size, dict(counts)
        super().__init__(source, name=name[:NAME_SIZE], digest=digest[:DIGEST_SIZE])

    def _compute_digest(self) -> str:
        raise NotImplementedError("the digest is that of the dataset's content, and is given")

    @property
    def profile(self) -> dict[str, Any]:
        """How many photos there are, in all and of each class."""
        return {"photos": sum(self._counts.values()), "photos_by_class": self._counts}

    @property
    def schema(self) -> TensorDatasetSchema:
        """Pixels in, class numbers out."""
        side = self._image_size
        return TensorDatasetSchema(
            features=Schema([TensorSpec(np.dtype(np.uint8), (-1, side, side, 3))]),
            targets=Schema([TensorSpec(np.dtype(np.int64), (-1,))]),
        )

    def to_dict(self) -> dict[str, str]:
        """Return what MLflow keeps."""
        return {
            **super().to_dict(),
            "schema": json.dumps(self.schema.to_dict()),
            "profile": json.dumps(self.profile),
        }


class PhotosToLabel(Dataset):
    """Photos that a model was asked about: counted, without labels."""

    def __init__(self, source: ArtifactSource, *, name: str, digest: str, count: int):
        """Describe the photos.

        Args:
            source: where they are.
            name: what a person knows them by.
            digest: their manifest's sha256; shortened to what MLflow keeps.
            count: how many there are.
        """
        self._count = count
        super().__init__(source, name=name[:NAME_SIZE], digest=digest[:DIGEST_SIZE])

    def _compute_digest(self) -> str:
        raise NotImplementedError("the digest is that of the photos, and is given")

    @property
    def profile(self) -> dict[str, Any]:
        """How many photos there are."""
        return {"photos": self._count}

    @property
    def schema(self) -> None:
        """None: photos of any size."""

    def to_dict(self) -> dict[str, str]:
        """Return what MLflow keeps."""
        return {**super().to_dict(), "profile": json.dumps(self.profile)}


def log_prediction_inputs(*, photos: str, source: str, digest: str, count: int, model_id: str) -> None:
    """Log to the active run which photos it asked which model about.

    Args:
        photos: their URI.
        source: where they came from, which gives the dataset its name.
        digest: their manifest's sha256.
        count: how many there are.
        model_id: of the model.
    """
    dataset = PhotosToLabel(ArtifactSource(photos), name=name_photos(source), digest=digest, count=count)
    log_inputs(active_run().info.run_id, [as_input(dataset, "prediction")], [LoggedModelInput(model_id)])


def name_photos(source: str) -> str:
    """Return what a person knows photos by: the last part of their path, URL or name.

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
    """Log to the active run which photos it made or read, each split as a dataset with its context.

    Args:
        photos: their URI.
        source: where they came from, which gives the datasets their name.
        digest: of the whole dataset.
        image_size: side in pixels.
        counts: photos by split and class.
        splits: which of them.

    Returns:
        The datasets that have photos, by split.
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
    """Log to the active run the splits of a dataset, `runs:/<run id of preprocess>/dataset`, as its inputs."""
    made = MlflowClient().get_run(dataset.removeprefix("runs:/").partition("/")[0]).inputs
    if made and made.dataset_inputs:
        log_inputs(active_run().info.run_id, made.dataset_inputs)


def as_input(dataset: Dataset, context: str) -> DatasetInput:
    """Return a dataset as the input of a run, with what the run uses it for."""
    return DatasetInput(DatasetEntity(**dataset.to_dict()), [InputTag(MLFLOW_DATASET_CONTEXT, context)])


def log_inputs(run_id: str, datasets: Sequence[DatasetInput], models: Sequence[LoggedModelInput] = ()) -> None:
    """Log to a run what it reads.

    MLflow keeps a dataset once an experiment: it looks whether it is there, and adds it if not. Of two runs that do so
    at once, the second fails on what the first has added in between, and finds it when it asks again.
    """
    Retrying(retry=retry_if_exception(_was_added_meanwhile), stop=stop_after_attempt(TRIES), reraise=True)(
        # Of mlflow.log_inputs, MLflow lets only Databricks give models; its client lets all.
        lambda: MlflowClient().log_inputs(run_id, datasets=list(datasets), models=list(models))
    )


def _was_added_meanwhile(error: BaseException) -> bool:
    return isinstance(error, MlflowException) and any(word in str(error) for word in DOUBLE_ROW)


def find_photos(dataset: str) -> str:
    """Return the URI of the photos that a dataset was made of, or the dataset's own where its run does not say."""
    scheme, _, rest = dataset.partition(":/")
    if scheme != "runs":
        return dataset
    try:
        run = MlflowClient().get_run(rest.strip("/").partition("/")[0])
    except MlflowException:
        return dataset
    photos: str = run.data.tags.get(f"{PREFIX}photos", dataset)
    return photos
