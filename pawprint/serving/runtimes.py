"""Run exported networks in their target runtimes: ONNX Runtime, and TensorFlow's interpreter for LiteRT."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pawprint.models.prediction import Compiled, Outputs

Pixels = npt.NDArray[np.float32]


def load_export(path: Path, *, threads: int | None = None) -> Compiled:
    """Load `model.onnx` or `model.tflite` for this machine's processor.

    Args:
        path: the file.
        threads: the number of threads; by default, ONNX Runtime uses one for each core, and LiteRT one.
    """
    answer = _load_onnx(path, threads or 0) if path.suffix == ".onnx" else _load_litert(path, threads)
    return Compiled(lambda pixels: answer(pixels.astype(np.float32)))


def _load_onnx(path: Path, threads: int) -> Callable[[Pixels], Outputs]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def answer(pixels: Pixels) -> Outputs:
        return dict(zip(names, session.run(names, {"pixels": pixels}), strict=True))

    return answer


def _load_litert(path: Path, threads: int | None) -> Callable[[Pixels], Outputs]:
    import tensorflow as tf

    with warnings.catch_warnings():
        # It will move to a package of its own; the format stays, and the lock pins this TensorFlow.
        warnings.filterwarnings("ignore", message=".*tf.lite.Interpreter is deprecated", category=UserWarning)
        runner: Any = tf.lite.Interpreter(str(path), num_threads=threads).get_signature_runner()

    def answer(pixels: Pixels) -> Outputs:
        # The file takes one photo at a time.
        answers = [runner(pixels=pixels[place : place + 1]) for place in range(len(pixels))]
        return {name: np.concatenate([one[name] for one in answers]) for name in answers[0]}

    return answer
