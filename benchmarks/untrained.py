"""A model to time: the layers of an architecture as they are before training, which take as long as after it."""

from pathlib import Path

import mlflow

from pawprint.lineage.models import LoggedPhotoModel, log_photo_model


def log_untrained(architecture: str, folder: Path) -> LoggedPhotoModel:
    """Log a network for two classes to a store in `folder`, which stays MLflow's store for this process."""
    from pawprint.models.architectures import build_model, recipe_for
    from pawprint.training.inference import build_inference_network

    recipe = recipe_for(architecture)
    side = recipe.image_size
    network = build_inference_network(
        build_model(architecture, num_classes=2, image_size=side, seed=0),
        image_size=side,
        side=side,
        num_classes=2,
        flip_average=recipe.flip_average,
    )
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment("benchmark", artifact_location=(folder / "artifacts").as_uri())
    with mlflow.start_run(experiment_id=experiment):
        return log_photo_model(
            network, class_names=("cats", "dogs"), image_size=side, architecture=architecture, dataset_digest="0" * 64
        )
