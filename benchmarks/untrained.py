"""Build and log untrained networks for benchmarks; they are as slow or fast as trained ones."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow

from pawprint.models.prediction_sets import PredictionSets
from pawprint.tracking.model_files import write_model_files
from pawprint.tracking.models import LoggedPhotoModel, log_model_files

if TYPE_CHECKING:
    import keras


def build_untrained(architecture: str) -> "keras.Model":
    """Return a network for two classes, from pixels to probabilities, with the picture size of the last stage."""
    from pawprint.models.architectures import build_model, recipe_for
    from pawprint.models.inference import build_inference_network
    from pawprint.training.schedule import training_side

    recipe = recipe_for(architecture)
    return build_inference_network(
        build_model(architecture, num_classes=2, image_size=recipe.image_size, seed=0),
        image_size=recipe.image_size,
        side=training_side(recipe.image_size, recipe.stages[-1].scale),
        num_classes=2,
        flip_average=recipe.flip_average,
    )


def log_untrained(architecture: str, folder: Path) -> LoggedPhotoModel:
    """Log a network for two classes to a store in `folder`, which stays MLflow's store for this process."""
    network = build_untrained(architecture)
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("benchmark", artifact_location=(folder / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment):
        return log_network(network, class_names=("cats", "dogs"), architecture=architecture)


def log_network(
    network: "keras.Model",
    *,
    class_names: Sequence[str],
    architecture: str = "cnn",
    sets: PredictionSets | None = None,
) -> LoggedPhotoModel:
    """Log a network to the active run as train does; its dataset does not exist."""
    with tempfile.TemporaryDirectory(prefix="pawprint-") as folder:
        write_model_files(
            network,
            Path(folder),
            class_names=class_names,
            image_size=network.input_shape[1],
            architecture=architecture,
            dataset_digest="0" * 64,
            sets=sets,
        )
        return log_model_files(Path(folder))
