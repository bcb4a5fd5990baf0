"""Measure the training loop: its speed compared with bare training steps of the same network.

    python -m benchmarks.training_loop cnn

Trains for 5 epochs on 600 drawn photos with `mlflow run . --env-manager local`, and takes the photos per second that
`python -m steps.train` logged. Before and after it times bare compiled steps of the same network on random pictures
that are in memory already: same sizes, batch, optimizer, averaging of weights and determinism, but no augmentation,
no reading, no logging. Prints the one rate as a share of the other, and `flops_utilization`. Run it in the project's
own environment (`make test` builds .venv) on a machine that does nothing else.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.processes import run_project, store_of

EPOCHS, PHOTOS, STEPS = 5, 600, 20


def main() -> None:
    """Time the bare steps, the training, and the bare steps again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", nargs="?", default="cnn")
    name = parser.parse_args().architecture
    before = bare_rate(name)
    rate, utilization = trained_rate(name)
    after = bare_rate(name)
    bare = (before + after) / 2
    print(f"{name}: {rate:.0f} photos/s in steps.train; bare steps {before:.0f} before, {after:.0f} after")
    print(f"ratio {rate / bare:.3f}; flops_utilization {utilization:.2f}")


def trained_rate(name: str) -> tuple[float, float]:
    """Return photos per second and FLOPs utilization that a real training logged."""
    import mlflow
    from mlflow import MlflowClient

    values = {
        "source": f"synthetic:{PHOTOS * 2}",
        "train_images": PHOTOS,
        "test_images": 100,
        "validation_fraction": 0,
        "architecture": name,
        "epochs": EPOCHS,
    }
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run_project(folder, values)
        mlflow.set_tracking_uri(store_of(folder))
        runs = MlflowClient().search_runs(["0"])
        metrics = next(run for run in runs if run.data.tags["mlflow.project.entryPoint"] == "train").data.metrics
    return metrics["images_per_second"], metrics["flops_utilization"]


def bare_rate(name: str) -> float:
    """Return photos per second of bare steps, with the picture sizes of a training in the same proportions."""
    import keras
    import numpy as np
    import tensorflow as tf

    from pawprint.models.architectures import build_model, recipe_for
    from pawprint.training.devices import multiplies_bfloat16
    from pawprint.training.fused import fused_copy
    from pawprint.training.schedule import stage_at, training_side
    from pawprint.training.steps import build_optimizer

    tf.config.experimental.enable_op_determinism()
    recipe = recipe_for(name)
    averaged: keras.Model = build_model(name, num_classes=2, image_size=recipe.image_size, seed=0)
    network = fused_copy(averaged, bfloat16=recipe.bfloat16 and multiplies_bfloat16())
    optimizer = build_optimizer(network, recipe)
    optimizer.learning_rate.assign(0.0)

    @tf.function(reduce_retracing=True)
    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        optimizer.apply(tape.gradient(loss, network.trainable_variables), network.trainable_variables)
        for average, weight in zip(averaged.weights, network.weights, strict=True):
            average.assign(weight + (average - weight) * recipe.averaging)
        return loss

    photos: Counter[int] = Counter()
    for epoch in range(1, EPOCHS + 1):
        stage = stage_at(epoch, epochs=EPOCHS, stages=recipe.stages)
        photos[training_side(recipe.image_size, stage.scale)] += stage.passes * PHOTOS
    generator = np.random.default_rng(0)
    labels = tf.constant(generator.integers(0, 2, recipe.batch_size))
    seconds = 0.0
    for side, number in photos.items():
        images = tf.constant(generator.uniform(0, 255, (recipe.batch_size, side, side, 3)).astype(np.float32))
        step(images, labels).numpy()
        started = time.perf_counter()
        for _ in range(STEPS):
            step(images, labels).numpy()
        seconds += number * (time.perf_counter() - started) / (STEPS * recipe.batch_size)
    return photos.total() / seconds


if __name__ == "__main__":
    main()
