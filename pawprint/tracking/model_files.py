"""Write the files of a model before it is logged, and check them whenever it is read.

The files are `network.keras`, `model.json` and `digests.json` in one folder, and in another the few files of
`pawprint/` that a model needs. This module does not use MLflow's client.
"""

import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.base.files import PROJECT, hash_file, write_json
from pawprint.dataset.decoding import USUAL, Decoding, read_decoding
from pawprint.models.decision import Decision, read_decision
from pawprint.models.kind import Kind, read_kind
from pawprint.models.network_file import list_outputs
from pawprint.models.prediction_sets import PredictionSets, read_sets

SCHEMA_VERSION = 1
# Code that a model needs to predict. A test that loads a model without the repository checks the list.
CODE_FILES = (
    "pawprint/__init__.py",
    "pawprint/dataset/__init__.py",
    "pawprint/dataset/brightness.py",
    "pawprint/dataset/checksums.py",
    "pawprint/dataset/colours.py",
    "pawprint/dataset/decode.py",
    "pawprint/dataset/decoding.py",
    "pawprint/dataset/framing.py",
    "pawprint/dataset/heif.py",
    "pawprint/models/__init__.py",
    "pawprint/models/decision.py",
    "pawprint/models/network_file.py",
    "pawprint/models/prediction_sets.py",
    "pawprint/serving/__init__.py",
    "pawprint/serving/classifier.py",
    "pawprint/serving/spark.py",
)
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
"""Date of all members of the network's archive, so that the same network gives the same bytes."""


def write_model_files(
    network: Any,
    folder: Path,
    *,
    class_names: Sequence[str],
    image_size: int,
    architecture: str,
    dataset_digest: str,
    decoding: Decoding = USUAL,
    temperature: float | None = None,
    sets: PredictionSets | None = None,
    decision: Decision | None = None,
    photos: Kind | None = None,
) -> str:
    """Write a trained network and what is needed to use it.

    Args:
        network: keras.Model from pixels 0..255 [n, image_size, image_size, 3] to probabilities [n, k], or to a
            dictionary with `probabilities` and other outputs.
        folder: an empty folder.
        class_names: the k classes in the order of the network's outputs.
        image_size: side of the network's input in pixels.
        architecture: name of the architecture, for information.
        dataset_digest: digest of the training dataset, for information.
        decoding: how photos of that dataset, and photos to predict, are made square.
        temperature: the network's temperature, which it applies itself, for information.
        sets: the network's prediction sets; None for a network that was not calibrated.
        decision: what it leaves to a person; None without validation photos.
        photos: what the photos are like that it learned from.

    Returns:
        The model's digest: the sha256 over the digests of the other two files. It depends only on weights, classes,
        size, dataset, decoding, prediction sets, decision and photos, not on the time of writing.
    """
    write_network(network, folder / "network.keras")
    description = {
        "schema_version": SCHEMA_VERSION,
        "class_names": list(class_names),
        "probability_columns": [f"probability_{name}" for name in class_names],
        "image_size": image_size,
        "outputs": list_outputs(network),
        "architecture": architecture,
        "dataset_digest": dataset_digest,
        "decoding": decoding.describe(),
    }
    if sets is not None:
        description |= {"temperature": temperature, "prediction_sets": sets.describe()}
        description["decision"] = decision and decision.describe()
    if photos is not None:
        description["photos"] = photos.describe()
    return _write_description(description, folder)


def write_decision(folder: Path, decision: Decision) -> str:
    """Put another decision into the files of a model, and return the model's digest."""
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return _write_description(description | {"decision": decision.describe()}, folder)


def _write_description(description: dict[str, Any], folder: Path) -> str:
    write_json(description, folder / "model.json", sort_keys=True)
    files = {name: hash_file(folder / name) for name in ("model.json", "network.keras")}
    digest = overall_digest(files)
    digests = {"schema_version": SCHEMA_VERSION, "files": files, "digest": digest}
    write_json(digests, folder / "digests.json", sort_keys=True)
    return digest


def read_model_files(folder: Path, *, uri: str) -> dict[str, Any]:
    """Check a model's files against its digests.json, and return model.json with the `digest` added.

    Raises:
        UserError: the folder is not a model of this project, has another schema version, or was changed.
    """
    if not (folder / "digests.json").is_file():
        raise UserError(
            f"{uri} is no model of this project (it holds no digests.json); give train's, models:/<model id>"
        )
    try:
        return _read_checked(folder, uri=uri)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{uri} cannot be read ({type(error).__name__}: {error}), so train did not write it like this; train again"
        ) from error


def _read_checked(folder: Path, *, uri: str) -> dict[str, Any]:
    written = json.loads((folder / "digests.json").read_text(encoding="utf-8"))
    if written.get("schema_version") != SCHEMA_VERSION:
        raise UserError(
            f"{uri} has schema version {written.get('schema_version')}, this code reads {SCHEMA_VERSION}; "
            "use the version of the project that wrote it, or train again"
        )
    if not {"model.json", "network.keras"} <= set(written["files"]):
        raise ValueError("digests.json does not list model.json and network.keras")
    for name, digest in written["files"].items():
        if not (folder / name).is_file() or hash_file(folder / name) != digest:
            raise UserError(f"{uri} is damaged: {name} is not what was written (sha256 differs); train again")
    description: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    if not isinstance(description["image_size"], int) or not all(
        isinstance(n, str) for n in description["class_names"]
    ):
        raise TypeError("model.json does not tell the classes and the image size")
    read_decoding(description)
    read_sets(description)
    read_kind(description)
    read_decision(description)
    return description | {"digest": overall_digest(written["files"])}


def write_network(network: Any, path: Path) -> None:
    """Save a keras.Model so that the same network always gives the same bytes.

    Keras writes the time into the archive (dates of the members, metadata.json) and memory addresses of objects into
    config.json; this function replaces both.
    """
    saved = path.with_name("saved.keras")
    network.save(saved)
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(path, "w") as target:
        for name in sorted(source.namelist()):
            data = source.read(name)
            if name == "metadata.json":
                metadata = json.loads(data)
                metadata["date_saved"] = "1980-01-01@00:00:00"
                data = json.dumps(metadata).encode()
            if name == "config.json":
                data = _number_objects(data)
            target.writestr(zipfile.ZipInfo(name, FIXED_DATE), data)
    saved.unlink()


def _number_objects(config: bytes) -> bytes:
    """Return the config with the ids of shared objects replaced by numbers from 0, in order of appearance."""
    numbers: dict[bytes, int] = {}
    return re.sub(
        rb'(?<="shared_object_id": )\d+', lambda found: b"%d" % numbers.setdefault(found[0], len(numbers)), config
    )


def write_model_code(folder: Path) -> Path:
    """Copy the files of `pawprint/` that a model needs, and return their `pawprint` folder, for code_paths."""
    for name in CODE_FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, folder / name)
    return folder / "pawprint"


def draw_example() -> bytes:
    """Return the photo of a model's input example: a drawn 64×48 JPEG of a sunset, free of rights."""
    rows, columns = np.mgrid[:48, :64]
    sun = (rows - 28) ** 2 + (columns - 40) ** 2 < 100
    red = np.where(sun, 250, 120 + 2 * rows)
    green = np.where(sun, 220, 90 + rows)
    blue = np.where(sun, 120, 190 - 2 * rows)
    buffer = io.BytesIO()
    Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def overall_digest(files: dict[str, str]) -> str:
    """Return the sha256 over names and digests of several files, independent of their order."""
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in sorted(files.items())).encode()).hexdigest()
