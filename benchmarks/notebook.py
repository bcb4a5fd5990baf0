"""Compare the original notebook's training with ours: same network, photos and augmentation.

    python -m benchmarks.notebook /path/to/cat-and-dog.zip

The notebook's way is `image_dataset_from_directory` at 64 px, augmentation layers inside the model, and `model.fit`;
ours is the `baseline` architecture. Prints photos per second of both and of bare steps of the same network, how
accurate the notebook's way ends after 30 epochs at most, and how long `cnn` takes to get as far. The test photos only
say how far each has come here; nothing is chosen by them except the notebook's own early stopping. Run it in the
project's own environment (`make test` builds .venv) on a machine that does nothing else.
"""

import argparse
import contextlib
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.processes import apart

NOTEBOOK_ACCURACY = 0.6225
"""Test accuracy that the notebook's author reported."""
EPOCHS = 30
"""Most epochs of a training."""


class Arrived(Exception):  # noqa: N818 - no error
    """The training has reached the required accuracy."""


def main() -> None:
    """Time each training in its own process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, help="a zip in Kaggle's layout")
    photos = parser.parse_args().photos
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(photos) as archive:
            archive.extractall(folder, [name for name in archive.namelist() if name.endswith(".jpg")])
        theirs = apart(train_notebook, Path(folder))
    ours, bare = apart(train_baseline, photos), apart(step_baseline)
    print(f"notebook's way  {theirs['rate']:.0f} photos/s, {theirs['seconds']:.0f} s for {theirs['epochs']} epochs, ")
    print(f"                test accuracy at the end {theirs['accuracy']:.3f}")
    print(f"baseline        {ours:.0f} photos/s: {ours / theirs['rate']:.2f} of the notebook's way")
    print(f"bare steps      {bare:.0f} photos/s: baseline reaches {ours / bare:.2f} of them")
    target = max(NOTEBOOK_ACCURACY, theirs["accuracy"])
    seconds, accuracy = apart(time_cnn, photos, target)
    print(f"cnn             {accuracy:.3f} after {seconds:.0f} s: {seconds / theirs['seconds']:.2f} of the time")


def train_notebook(folder: Path) -> dict[str, float]:
    """Train as the notebook did, and return the results; the rate ignores the first epoch, which compiles."""
    import keras
    from keras import layers

    from pawprint.models.architectures import build_model, recipe_for

    recipe = recipe_for("baseline")
    side, varied = recipe.image_size, recipe.augmentation

    def read(part: str) -> Any:
        top = next(path for path in folder.rglob(part) if any(child.name == "cats" for child in path.iterdir()))
        return keras.utils.image_dataset_from_directory(
            top, image_size=(side, side), batch_size=recipe.batch_size, seed=0, verbose=False
        ).prefetch(2)

    class Watch(keras.callbacks.Callback):
        learning, since, warm = 0.0, 0.0, False

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002 - Keras's names
            self.since = time.perf_counter()

        def on_test_begin(self, logs: Any = None) -> None:  # noqa: ARG002 - Keras's names
            # Validation follows each epoch; the first epoch, which compiles, does not count.
            self.learning = self.learning + time.perf_counter() - self.since if self.warm else 0.0
            self.warm = True

    train, test = read("training_set"), read("test_set")
    model = keras.Sequential(
        [
            layers.RandomFlip("horizontal_and_vertical"),
            layers.RandomRotation(varied.rotation),
            layers.RandomZoom(varied.zoom),
            layers.RandomContrast(varied.contrast),
            build_model("baseline", num_classes=2, image_size=side, seed=0),
        ]
    )
    model.compile(
        keras.optimizers.Adam(recipe.learning_rate, epsilon=recipe.epsilon),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    watch = Watch()
    stopping = keras.callbacks.EarlyStopping(patience=recipe.patience, min_delta=recipe.min_delta)
    started = time.perf_counter()
    history = model.fit(train, validation_data=test, epochs=EPOCHS, callbacks=[watch, stopping], verbose=0).history
    seconds = time.perf_counter() - started
    epochs, num_photos = len(history["loss"]), _count(train)
    return {
        "rate": num_photos * (epochs - 1) / watch.learning,
        "seconds": seconds,
        "epochs": epochs,
        "accuracy": history["val_accuracy"][-1],
    }


def train_baseline(photos: Path) -> float:
    """Return photos per second of our loop, with the same network and augmentation."""
    return _train(photos, "baseline", epochs=6, judged=False, on_epoch=lambda *_, **__: None).images_per_second or 0.0


def step_baseline() -> float:
    """Return photos per second of bare training steps."""
    from benchmarks.training_loop import bare_rate

    return bare_rate("baseline")


def time_cnn(photos: Path, target: float) -> tuple[float, float]:
    """Return the seconds until the default training reaches an accuracy, with compilation, and the accuracy."""
    started = time.perf_counter()
    reached = [0.0, 0.0]

    def look(_: int, metrics: dict[str, float], **__: int) -> None:
        reached[:] = [time.perf_counter() - started, metrics["validation_accuracy"]]
        if metrics["validation_accuracy"] >= target:
            raise Arrived

    def start() -> None:
        nonlocal started
        started = time.perf_counter()

    with contextlib.suppress(Arrived):
        _train(photos, "cnn", epochs=EPOCHS, judged=True, on_epoch=look, when_ready=start)
    return reached[0], reached[1]


def _train(
    photos: Path,
    name: str,
    *,
    epochs: int,
    judged: bool,
    on_epoch: Callable[..., None],
    when_ready: Callable[[], None] = lambda: None,
) -> Any:
    from pawprint.dataset.reader import load_dataset
    from pawprint.dataset.writer import write_dataset
    from pawprint.models.architectures import recipe_for
    from pawprint.photos.collection import load_photos
    from pawprint.photos.sources import fetch_photos
    from pawprint.training.loop import train_network
    from pawprint.training.task import TrainingTask

    recipe = recipe_for(name)
    with tempfile.TemporaryDirectory() as folder:
        fetch_photos(str(photos), Path(folder) / "photos", keep_photos="reference", resolve_uri=Path)
        write_dataset(
            load_photos(Path(folder) / "photos"),
            Path(folder) / "dataset",
            image_size=recipe.image_size,
            train_images=0,
            test_images=0,
            validation_fraction=0,
            seed=0,
        )
        data = load_dataset(Path(folder) / "dataset")
        train = data.split("train")
        if train is None:
            raise SystemExit(f"{photos} has no training photos")
        when_ready()
        task = TrainingTask(
            architecture=name,
            recipe=recipe,
            train=train,
            validation=data.split("test") if judged else None,
            class_names=data.class_names,
            epochs=epochs,
            batch_size=recipe.batch_size,
            learning_rate=recipe.learning_rate,
            patience=0,
            seed=0,
            image_size=data.image_size,
        )
        return train_network(task, on_epoch=on_epoch)


def _count(batches: Any) -> int:
    return sum(len(labels) for _, labels in batches)


if __name__ == "__main__":
    main()
