"""A model in a store, as train logs one, without a training."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pawprint.lineage.model_files import write_model_files
from pawprint.lineage.models import LoggedPhotoModel, log_model_files


def log_network(network: Any, *, class_names: Sequence[str], image_size: int) -> LoggedPhotoModel:
    """Log a network to the active run; it says of itself that it is a `cnn`, and names a dataset that is nowhere."""
    with tempfile.TemporaryDirectory(prefix="pawprint-") as folder:
        write_model_files(
            network,
            Path(folder),
            class_names=class_names,
            image_size=image_size,
            architecture="cnn",
            dataset_digest="0" * 64,
        )
        return log_model_files(Path(folder))
