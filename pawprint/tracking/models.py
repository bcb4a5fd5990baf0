"""Log trained models to MLflow, and open logged models.

A model is a pyfunc from code (`pawprint/serving`), without pickle: it takes photos and returns labels.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

from pawprint.base.errors import UserError
from pawprint.base.files import PROJECT
from pawprint.dataset.decoding import Decoding, read_decoding
from pawprint.models.decision import Decision, read_decision
from pawprint.models.kind import Kind, read_kind
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS
from pawprint.models.prediction import load_network
from pawprint.models.prediction_sets import SHOWN, PredictionSets, read_sets
from pawprint.tracking.active import active_run
from pawprint.tracking.artifacts import keep_artifact, open_artifact
from pawprint.tracking.digests import log_model_folder
from pawprint.tracking.model_files import draw_example, read_model_files, write_model_code
from pawprint.tracking.requirements import read_pins
from pawprint.tracking.uploads import quiet_mlflow

MAX_PHOTOS = 256
"""Most photos in a request, unless the model is loaded with another `max_photos`; limits memory and waiting times."""


@dataclass(frozen=True)
class LoggedPhotoModel:
    """A logged model: its `models:/<model id>` URI, its id, and the sha256 of its files."""

    uri: str
    model_id: str
    digest: str


@dataclass(frozen=True)
class OpenPhotoModel:
    """A model that was loaded and whose files were checked."""

    network: Any
    """keras.Model from pixels 0..255 `[n, image_size, image_size, 3]` to a dictionary: `probabilities`, `[n, k]`, and
    `unlikeness`, `[n]`. A model of an earlier version gives only the probabilities, without a dictionary."""
    class_names: tuple[str, ...]
    image_size: int
    architecture: str
    dataset_digest: str
    """Digest of the training dataset."""
    model_id: str
    digest: str
    decoding: Decoding
    """How its training photos were made square."""
    sets: PredictionSets
    """Its prediction sets; without thresholds if an earlier version logged it."""
    photos: Kind | None
    """What the photos are like that it learned from; None if an earlier version logged it."""
    decision: Decision | None
    """What it leaves to a person; None without validation photos, or if an earlier version logged it."""


def log_model_files(
    files: Path,
    *,
    parameters: Mapping[str, object] | None = None,
) -> LoggedPhotoModel:
    """Log the files that `write_model_files` wrote to the active run, as a model that takes photos.

    The model is first saved on this machine, so that the stored files can be compared with it; only then does MLflow
    mark it as ready. The network is not loaded.

    Args:
        files: folder of the files.
        parameters: parameters of the training, for the model's page.

    Raises:
        UserError: the files were changed, or the artifact store did not store them completely.
    """
    description = read_model_files(files, uri=str(files))
    requirements = read_pins(PROJECT / "requirements.txt")
    run = active_run()
    client = MlflowClient()
    model = mlflow.initialize_logged_model(
        name="model",
        source_run_id=run.info.run_id,
        params={
            **client.get_run(run.info.run_id).data.params,
            **{key: str(value) for key, value in (parameters or {}).items()},
        },
        tags={
            "pawprint.model_digest": description["digest"],
            "pawprint.dataset_digest": description["dataset_digest"],
            "pawprint.architecture": description["architecture"],
        },
    )
    status = LoggedModelStatus.FAILED
    try:
        with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
            saved = Path(scratch, "model")
            with quiet_mlflow():
                mlflow.pyfunc.save_model(
                    path=str(saved),
                    mlflow_model=Model(
                        artifact_path=model.artifact_location,
                        model_uuid=model.model_id,
                        run_id=run.info.run_id,
                        model_id=model.model_id,
                    ),
                    python_model=PROJECT / "pawprint" / "serving" / "model_code.py",
                    code_paths=[str(write_model_code(Path(scratch, "code")))],
                    artifacts={
                        "network": str(files / "network.keras"),
                        "description": str(files / "model.json"),
                        "digests": str(files / "digests.json"),
                    },
                    model_config={"max_photos": MAX_PHOTOS},
                    signature=photo_signature(
                        description["class_names"],
                        with_sets="prediction_sets" in description,
                        decides=description.get("decision") is not None,
                        unlikeness=UNLIKENESS in description.get("outputs", (PROBABILITIES,)),
                    ),
                    input_example=pd.DataFrame({"image": [draw_example()]}),
                    pip_requirements=requirements,
                )
                log_model_folder(saved, model.model_id, model.artifact_location)
        client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, step=0)])
        status = LoggedModelStatus.READY
    finally:
        # If the store also refuses the status, the first error is more important.
        with suppress(MlflowException) if status == LoggedModelStatus.FAILED else nullcontext():
            mlflow.finalize_logged_model(model.model_id, status)
    return LoggedPhotoModel(uri=f"models:/{model.model_id}", model_id=model.model_id, digest=str(description["digest"]))


def photo_signature(
    class_names: Sequence[str], *, with_sets: bool = False, decides: bool = False, unlikeness: bool = False
) -> ModelSignature:
    """Return the signature of a model; outputs that are null for an unreadable photo are optional.

    Args:
        class_names: the classes.
        with_sets: whether it has prediction sets.
        decides: whether it has a decision.
        unlikeness: whether its network has this output.
    """
    sets = [ColSpec(Array(DataType.string), f"labels_{SHOWN}", required=False)] if with_sets else []
    columns = {"decision": "string"} if decides else {}
    columns |= {"unlikeness": "double", "unlike_training": "boolean"} if unlikeness else {}
    return ModelSignature(
        inputs=Schema([ColSpec("binary", "image")]),
        outputs=Schema(
            [
                ColSpec("string", "label", required=False),
                ColSpec("double", "probability", required=False),
                *(ColSpec("double", f"probability_{name}", required=False) for name in class_names),
                *sets,
                *(ColSpec(kind, name, required=False) for name, kind in columns.items()),
                ColSpec("string", "error"),
            ]
        ),
    )


@contextmanager
def open_photo_model(uri: str) -> Iterator[OpenPhotoModel]:
    """Yield a logged model's network and description; a downloaded copy is removed afterwards.

    Args:
        uri: `models:/<model id>`, `models:/<name>@<alias>` or `models:/<name>/<version>`.

    Raises:
        UserError: there is no such model, it is not a model of this project, or its files were changed.
    """
    expected = "models:/<model id>, models:/<name>@<alias> or models:/<name>/<version>"
    with open_artifact(uri, expected=expected) as folder:
        description = read_model_files(folder / "artifacts", uri=uri)
        model_id = Model.load(str(folder)).model_id
        if model_id is None:
            raise UserError(f"{uri} was logged without a model id; train again")
        _check_logged(model_id, description["digest"], uri=uri)
        yield OpenPhotoModel(
            network=load_network(folder / "artifacts" / "network.keras"),
            class_names=tuple(description["class_names"]),
            image_size=description["image_size"],
            architecture=description["architecture"],
            dataset_digest=description["dataset_digest"],
            model_id=model_id,
            digest=description["digest"],
            decoding=read_decoding(description),
            sets=read_sets(description),
            photos=read_kind(description),
            decision=read_decision(description),
        )


def keep_network(location: str, tracking_uri: str, digest: str) -> Path:
    """Return the local path of a logged model's network, for a process that this was sent to (see `keep_artifact`).

    Raises:
        UserError: the model cannot be downloaded, or its files do not have the digest.
    """
    files = keep_artifact(location, tracking_uri) / "artifacts"
    found = read_model_files(files, uri=location)["digest"]
    if found != digest:
        raise UserError(f"{location} has the digest {found[:12]}… here, not {digest[:12]}…; train again")
    return files / "network.keras"


def fetch_model_files(model_id: str, folder: Path) -> str:
    """Copy the files of a logged model that `write_model_files` wrote, and return the model's digest.

    Args:
        model_id: id of the LoggedModel.
        folder: target folder; files of the same name are overwritten.

    Raises:
        UserError: the model does not exist, or the copied files differ from the logged ones.
    """
    uri = f"models:/{model_id}"
    with open_artifact(uri, expected="models:/<model id of train>") as stored:
        shutil.copytree(stored / "artifacts", folder, dirs_exist_ok=True)
    digest: str = read_model_files(folder, uri=uri)["digest"]
    _check_logged(model_id, digest, uri=uri)
    return digest


def _check_logged(model_id: str, digest: str, *, uri: str) -> None:
    """Check that the files belong to the model that the tracking server has under this id.

    Whoever can change the artifacts can also change the digests beside them; the tag is stored separately.
    """
    try:
        logged = mlflow.get_logged_model(model_id).tags.get("pawprint.model_digest")
    except MlflowException as error:
        raise UserError(f"{uri} holds the files of {model_id}, which is not known at this server ({error})") from error
    if logged != digest:
        raise UserError(
            f"{uri} is not what train logged as {model_id} (its digest is {digest[:12]}…, the model's tag says "
            f"{str(logged)[:12]}…): the files in the store were swapped; train again"
        )
