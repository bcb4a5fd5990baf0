"""Run exported networks in their target runtimes: ONNX Runtime, and TensorFlow's interpreter for LiteRT."""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pawprint.models.portable import PROBABILITIES

Pixels = npt.NDArray[np.float32]
Answers = Mapping[str, npt.NDArray[np.float32]]


class Runtime:
    """An exported network that takes pixels and returns probabilities.

    Attributes:
        answer: from pixels, float32 [n, image_size, image_size, 3], to all outputs of the network, by name.
    """

    def __init__(self, answer: Callable[[Pixels], Answers]) -> None:
        self.answer = answer

    def __call__(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the probabilities, float32 [n, k], for pixels 0 to 255 of any type."""
        return self.answer(pixels.astype(np.float32))[PROBABILITIES]


def load_export(path: Path, *, threads: int | None = None) -> Runtime:
    """Load `model.onnx` or `model.tflite` for this machine's processor.

    Args:
        path: the file.
        threads: the number of threads; by default, ONNX Runtime uses one for each core, and LiteRT one.
    """
    return Runtime(_load_onnx(path, threads or 0) if path.suffix == ".onnx" else _load_litert(path, threads))


def _load_onnx(path: Path, threads: int) -> Callable[[Pixels], Answers]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def answer(pixels: Pixels) -> Answers:
        return dict(zip(names, session.run(names, {"pixels": pixels}), strict=True))

    return answer


def _load_litert(path: Path, threads: int | None) -> Callable[[Pixels], Answers]:
    import tensorflow as tf

    with warnings.catch_warnings():
        # It will move to a package of its own; the format stays, and the lock pins this TensorFlow.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated", category=UserWarning)
        runner: Any = tf.lite.Interpreter(str(path), num_threads=threads).get_signature_runner()

    def answer(pixels: Pixels) -> Answers:
        # The file takes one photo at a time.
        answers = [runner(pixels=pixels[place : place + 1]) for place in range(len(pixels))]
        return {name: np.concatenate([one[name] for one in answers]) for name in answers[0]}

    return answer
