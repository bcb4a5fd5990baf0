"""Export a finished network for other programs: as ONNX, and as LiteRT for phones, there in fewer bits too.

Writes `model.onnx`, `model.tflite`, `model-float16.tflite`, `model-int8.tflite`, `export.json` and, with ONNX,
`demo.html`. A file whose answers differ from the network's is deleted, and so is one in fewer bits that costs more than
a point of accuracy.
"""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pawprint.base.files import write_json
from pawprint.dataset.shards import Images
from pawprint.models.portable import build_portable_network, has_evidence
from pawprint.models.prediction import resize_photos
from pawprint.serving.agreement import MAX_COST, Reference, choose_places, describe_agreement, time_network
from pawprint.serving.checks import DESCRIPTION
from pawprint.serving.demo_page import NoPage, write_demo
from pawprint.serving.formats import FILES, QUANTIZED
from pawprint.serving.runtimes import load_export

VERSIONS = ("keras", "tensorflow-cpu", "tensorflow", "onnx", "onnxruntime", "tf2onnx")
NUM_CALIBRATION = 100
"""Training photos from which int8 learns the range of each layer's values; TensorFlow advises 100 to 500."""


@dataclass(frozen=True)
class Export:
    """The result for one format.

    Attributes:
        format: a key of `FILES`.
        path: the file, or None if it was not kept.
        summary: the result in one line.
    """

    format: str
    path: Path | None
    summary: str


def export_network(
    reference: Reference, folder: Path, *, formats: Mapping[str, bool], calibration: Images, facts: Mapping[str, Any]
) -> list[str]:
    """Export a network (see `write_exports`) and, with its ONNX file, write the page to try it.

    Returns:
        The result for each, one line each.
    """
    exports = write_exports(reference, folder, formats=formats, calibration=calibration, facts=facts)
    lines = [export.summary for export in exports]
    onnx = next((export.path for export in exports if export.format == "onnx"), None)
    if onnx is not None:
        try:
            page = write_demo(folder, onnx=onnx, facts=facts)
            lines.append(f"{page.name}: the model to try in a browser, {page.stat().st_size / 2**20:.0f} MB")
        except NoPage as reason:
            lines.append(str(reason))
    return lines


def write_exports(
    reference: Reference, folder: Path, *, formats: Mapping[str, bool], calibration: Images, facts: Mapping[str, Any]
) -> list[Export]:
    """Export a network, compare each file with it, and keep those that give the same answers.

    Args:
        reference: the network, and its answers to photos that are not test photos.
        folder: an empty folder; receives a file for each format, and export.json.
        formats: keys of `FILES`, and for each in fewer bits whether it is kept whatever accuracy it costs.
        calibration: training photos, uint8 [n, side, side, 3].
        facts: the model's entries in export.json and in the ONNX file: class names, digests, …

    Returns:
        One result for each format, in the order asked for.
    """
    portable = build_portable_network(reference.network)
    exports = []
    results: dict[str, Any] = {}
    for name, keep in formats.items():
        path = folder / FILES[name]
        try:
            _write(portable, path, name, image_size=reference.image_size, calibration=calibration, facts=facts)
            runtime = load_export(path)
            agreement = reference.compare(runtime, quantized=name in QUANTIZED)
        except Exception as error:
            # Exporters and runtimes raise errors of any kind for an operation they do not support. The model itself is
            # not affected: the run reports the error and goes on without this file.
            path.unlink(missing_ok=True)
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            exports.append(Export(name, None, f"{name}: this network can't be exported ({reason})"))
            results[name] = {"failed": reason}
            continue
        size, milliseconds = path.stat().st_size, time_network(runtime, reference.photos)
        results[name] = {**agreement.facts(), "bytes": size, "milliseconds": milliseconds}
        found = describe_agreement(agreement)
        if name in QUANTIZED:
            found += f" ({size / 2**20:.1f} MB, {milliseconds['alone']:.1f} ms a photo on one thread)"
        if not agreement.holds and not keep:
            path.unlink()
            asked = f"; export={name}:keep keeps it" if name in QUANTIZED else ""
            exports.append(Export(name, None, f"{name}: not kept, since {found}{asked}"))
            continue
        asked = "" if agreement.holds else f", more than {100 * MAX_COST:g}, and is kept, as asked"
        exports.append(Export(name, path, f"{name}: {found}{asked}"))
    description = {
        **facts,
        "formats": results,
        "evidence": has_evidence(portable),
        "keras_milliseconds": time_network(reference.network, reference.photos),
        "versions": _read_versions(),
    }
    write_json(description, folder / DESCRIPTION, sort_keys=True)
    return exports


def _write(
    portable: Any, path: Path, name: str, *, image_size: int, calibration: Images, facts: Mapping[str, Any]
) -> None:
    import keras

    blank: npt.NDArray[np.float32] = np.zeros((1, image_size, image_size, 3), np.float32)
    portable(blank)  # the exporter needs a network that has been called once
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # Keras checks whether NumPy still has `object`, and NumPy warns about that.
        warnings.filterwarnings("ignore", message=".*np.object", category=FutureWarning)
        if name == "onnx":
            portable.export(path, format="onnx", verbose=False)
            _describe_onnx(path, facts)
        else:
            # One photo at a time: for any number of photos, TensorFlow's converter writes a file that it cannot read.
            one = keras.InputSpec(shape=blank.shape, dtype="float32", name="pixels")
            settings = _quantization(name, calibration, image_size) if name in QUANTIZED else {}
            portable.export(path, format="litert", verbose=False, input_signature=[one], **settings)


def _quantization(name: str, calibration: Images, image_size: int) -> dict[str, Any]:
    """Return the settings of TensorFlow's converter; input and output stay float32, so that files are exchangeable."""
    import tensorflow as tf

    def representative_dataset() -> Iterator[list[npt.NDArray[np.float32]]]:
        for place in choose_places(len(calibration), NUM_CALIBRATION):
            yield [resize_photos(calibration[place : place + 1], image_size).astype(np.float32)]

    settings: dict[str, Any] = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    if name == "litert-float16":
        return {**settings, "target_spec": {"supported_types": [tf.float16]}}
    return {**settings, "representative_dataset": representative_dataset}


def _describe_onnx(path: Path, facts: Mapping[str, Any]) -> None:
    """Write the facts into the file's metadata, as JSON if they are not text, and name the first axis."""
    import onnx

    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "photos"
    onnx.helper.set_model_props(
        model,
        {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in facts.items()
        },
    )
    onnx.save(model, path)


def _read_versions() -> dict[str, str]:
    installed = {name: _version(name) for name in VERSIONS}
    return {name: version for name, version in installed.items() if version}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None  # only one of the two TensorFlow packages is installed
