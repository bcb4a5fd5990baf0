"""The served model: photos in, labels out, decoded in the same way as by preprocess.

Loads `network.keras` and `model.json` of a logged model, if they match its `digests.json`. This file is stored inside
each model (with spark.py, the decoding modules of `dataset/`, and `models/network_file.py`), so it imports nothing else
of the project. It never opens a path or a URL from a request: the text in a request is base64, or it is an error.
"""

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel
from numpy.typing import NDArray

from pawprint.dataset.decode import UnreadablePhoto, decode_photo
from pawprint.dataset.decoding import USUAL, read_decoding
from pawprint.models.decision import Decision, read_decision
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS, list_outputs, load_network_file, name_outputs
from pawprint.models.prediction_sets import SHOWN, PredictionSets, read_sets
from pawprint.serving.spark import is_spark_task, keep_nulls

BATCH_SIZE = 64
"""Photos in one call of the network; affects the memory, not the answers."""

DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w.=+-]+)*;base64,", re.IGNORECASE)
"""The prefix that a browser's `readAsDataURL` puts before a file's base64."""
WRAPPED = re.compile(rb"data:?[\w.+-]+/[\w.+-]+?;?base64,?|\{'b64': '", re.IGNORECASE)
"""The same prefix as MLflow passes it on: as bytes; and TensorFlow Serving's `{"b64": "…"}` as a dictionary's text."""
DECODED_URL = base64.b64decode("dataimag")
"""The first bytes of a data URL whose prefix MLflow has also decoded as base64, as in its dataframe formats."""


class PhotoClassifier(PythonModel):
    """Label photos.

    The column `image` holds each photo's file as bytes, or as base64 text for JSON (MLflow decodes it in two of its
    request formats and passes it on unchanged in the third); the text may also be a data URL or `{"b64": …}`. The
    answer has a row for each photo, in order: `label`, `probability` (of that label), `probability_<class>` for each
    class, `labels_95` (a list of labels that holds the true one with a probability of 95 %; null if the model had too
    few validation photos to promise that), `decision` (the label, or `ask a person` where the model is not sure enough
    or the photo is unlike anything it learned), `unlikeness` (how unlike anything it learned the photo is),
    `unlike_training` (whether that is above 1), and `error`, empty if all is well. A photo that cannot be read has its
    reason in `error` and nulls in the other columns, and does not affect the others. A class may have any name, since
    no class name is empty and so none equals another column.
    """

    decoding = USUAL
    sets: PredictionSets | None = None
    """None for a model of an earlier version, whose answer has no column for them."""
    decision: Decision | None = None
    """None for a model without validation photos, or of an earlier version: no column either."""
    knows_unlikeness = False
    """Whether the network has this output; one that an earlier version logged has not."""

    def load_context(self, context: Any) -> None:
        """Load the network and its description, once in each process.

        Args:
            context: MLflow's context, with the artifacts `network`, `description` and `digests`, and `max_photos` in
                its model_config.

        Raises:
            MlflowException: the network or its description has changed since it was logged.
            UnsafeNetworkError: the network has layers other than those allowed.
        """
        network, description_file = Path(context.artifacts["network"]), Path(context.artifacts["description"])
        check_digests(Path(context.artifacts["digests"]), {"network.keras": network, "model.json": description_file})
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only; TensorFlow reads it on import
        os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        import tensorflow as tf

        description = json.loads(description_file.read_text(encoding="utf-8"))
        self.class_names: list[str] = description["class_names"]
        self.columns: list[str] = description["probability_columns"]
        self.image_size: int = description["image_size"]
        self.decoding = read_decoding(description)
        self.sets = read_sets(description) if "prediction_sets" in description else None
        self.decision = read_decision(description)
        self.max_photos = int(context.model_config["max_photos"])
        self.network = load_network_file(network)
        self.knows_unlikeness = UNLIKENESS in list_outputs(self.network)
        # A single graph for batches of any length, traced now: layer by layer, one photo would take nine times as long.
        pixels = tf.TensorSpec([None, self.image_size, self.image_size, 3], tf.float32)
        self.answer = tf.function(partial(self.network, training=False), input_signature=[pixels])
        self.answer.get_concrete_function()

    # MLflow reads the signature, and passes a context only to a method with a parameter for it.
    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:  # type: ignore[override]
        """Label a batch of photos.

        Args:
            model_input: a frame (or dictionary) with a column `image`, or a plain list or Series of photos.

        Returns:
            One row for each photo, with the index of `model_input` if it has one.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE, for which a server answers 400: there is no column `image`, or
                there are more photos than `max_photos`. In a Spark task there may be any number.
        """
        photos = list_photos(model_input)
        in_spark = is_spark_task()
        if len(photos) > self.max_photos and not in_spark:
            raise MlflowException(
                f"{len(photos)} photos in one request, at most {self.max_photos} are answered: send them in "
                "several, or load the model with model_config={'max_photos': …}",
                error_code=INVALID_PARAMETER_VALUE,
            )
        probabilities = np.full((len(photos), len(self.class_names)), np.nan)
        unlikeness = np.full(len(photos), np.nan)
        errors = [""] * len(photos)
        for first in range(0, len(photos), BATCH_SIZE):
            readable: list[int] = []
            pixels: list[NDArray[np.uint8]] = []
            for place, photo in enumerate(photos[first : first + BATCH_SIZE], start=first):
                try:
                    pixels.append(decode_photo(photo_bytes(photo), self.image_size, self.decoding))
                    readable.append(place)
                except UnreadablePhoto as reason:
                    errors[place] = str(reason)
            if readable:
                batch = np.stack(pixels).astype(np.float32)
                outputs = name_outputs(self.answer(batch))
                probabilities[readable] = np.asarray(outputs[PROBABILITIES])
                if self.knows_unlikeness:
                    unlikeness[readable] = np.asarray(outputs[UNLIKENESS])
        index = model_input.index if isinstance(model_input, pd.DataFrame | pd.Series) else None
        answer = self.describe(probabilities, unlikeness, errors, index=index)
        return keep_nulls(answer) if in_spark else answer

    def describe(
        self,
        probabilities: NDArray[np.float64],
        unlikeness: NDArray[np.float64],
        errors: list[str],
        *,
        index: pd.Index | None,
    ) -> pd.DataFrame:
        """Return the answer as a frame.

        Args:
            probabilities: [n, k], with a row of NaN for each photo without an answer.
            unlikeness: [n], NaN for each photo without an answer; not used if the network has no such output.
            errors: [n], not empty for photos without an answer.
            index: the index of the frame, or None for 0, 1, …
        """
        answered = np.array([not error for error in errors], dtype=bool)
        best = np.where(answered[:, None], probabilities, 0).argmax(axis=1)
        columns = {
            "label": np.array(self.class_names, dtype=object)[best],
            "probability": probabilities[np.arange(len(best)), best],
            **{column: probabilities[:, number] for number, column in enumerate(self.columns)},
        }
        if self.sets is not None:
            names = self.sets.name(probabilities, self.class_names)
            columns[f"labels_{SHOWN}"] = np.fromiter(names, dtype=object, count=len(names))
        if self.decision is not None:
            decided = self.decision.name(probabilities, self.class_names, unlikeness)
            columns["decision"] = np.array(decided, dtype=object)
        if self.knows_unlikeness:
            columns |= {"unlikeness": unlikeness, "unlike_training": unlikeness > 1}
        frame = pd.DataFrame({name: pd.Series(values) for name, values in columns.items()})
        if not answered.all():
            # None for missing answers: MLflow's server would write NaN, which is not JSON.
            frame = frame.astype(object).where(pd.Series(answered), None)
        frame["error"] = pd.Series(errors, dtype=object)
        return frame if index is None else frame.set_index(index)


def check_digests(digests: Path, files: Mapping[str, Path]) -> None:
    """Check that files match the digests that were written beside them.

    Raises:
        MlflowException: a file has changed since the model was logged.
    """
    written = json.loads(digests.read_text(encoding="utf-8"))["files"]
    for name, path in files.items():
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != written.get(name):
                raise MlflowException(f"{name} is not what was logged (sha256 differs); the model is not loaded")


def list_photos(model_input: Any) -> list[Any]:
    """Return the photos in whatever MLflow or a Python caller passes."""
    if isinstance(model_input, pd.DataFrame | dict):
        if "image" not in model_input:
            raise MlflowException(
                f"no column 'image'; got {', '.join(map(repr, model_input)) or 'none'}",
                error_code=INVALID_PARAMETER_VALUE,
            )
        model_input = model_input["image"]
    if isinstance(model_input, bytes | str):
        return [model_input]
    return list(np.asarray(model_input, dtype=object).reshape(-1)) if len(model_input) else []


def photo_bytes(photo: Any) -> bytes:
    """Return the bytes of a photo's file; decodes base64 text, data URLs, and TensorFlow Serving's `{"b64": …}`.

    >>> photo_bytes("R0lGODlh"), photo_bytes("data:image/gif;base64,R0lGODlh"), photo_bytes({"b64": "R0lGODlh"})
    (b'GIF89a', b'GIF89a', b'GIF89a')

    Raises:
        UnreadablePhoto: the value is neither bytes nor base64 text. A path or a URL is not, and is never opened.
    """
    if isinstance(photo, Mapping) and list(photo) == ["b64"]:
        photo = photo["b64"]
    if isinstance(photo, bytes | bytearray | memoryview):
        data = bytes(photo)
        if data.startswith(DECODED_URL):
            data = base64.b64encode(data)
        if wrapped := WRAPPED.match(data):
            data = data[wrapped.end() :].removesuffix(b"'}")
        try:
            # MLflow's server passes the `inputs` format on as the bytes of base64 text. No photo can be mistaken for
            # such text: the files of each format contain bytes outside its 64 letters.
            return base64.b64decode(data, validate=True)
        except binascii.Error:
            return data
    if not isinstance(photo, str):
        raise UnreadablePhoto(f"neither bytes nor base64 text, but {type(photo).__name__}")
    try:
        # Many tools break base64 into lines.
        return base64.b64decode("".join(DATA_URL.sub("", photo).split()), validate=True)
    except (binascii.Error, ValueError):
        raise UnreadablePhoto("the text is not base64; a photo's own bytes are expected, not a path or URL") from None
