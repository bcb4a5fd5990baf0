"""Keras's published example "Image classification from scratch", written anew from its description.

https://keras.io/examples/vision/image_classification_from_scratch/ (Chollet 2020): a small Xception on 180 px, photos
mirrored and turned by up to a tenth, Adam at 0.0003, and 25 epochs there. Its batches of 128, for 23,000 photos, would
take 15 GB of memory here; batches of 32 give these fewer photos more steps, too.
"""

import json
import sys
from pathlib import Path
from typing import Any

import keras
from keras import layers

SIDE = 180


def main() -> None:
    """Learn from `train`, and write the answer to each photo of `test`."""
    photos, answers, epochs, seed = sys.argv[1:]
    keras.utils.set_random_seed(int(seed))
    train, validation, test = (
        keras.utils.image_dataset_from_directory(
            f"{photos}/{split}", image_size=(SIDE, SIDE), batch_size=32, shuffle=split == "train", seed=int(seed)
        )
        for split in ("train", "validation", "test")
    )
    vary = keras.Sequential([layers.RandomFlip("horizontal"), layers.RandomRotation(0.1)])
    varied = train.map(lambda images, labels: (vary(images, training=True), labels), num_parallel_calls=2).prefetch(2)
    model = build(len(train.class_names))
    model.compile(keras.optimizers.Adam(3e-4), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(varied, epochs=int(epochs), validation_data=validation, verbose=2)
    labels = model.predict(test, verbose=0).argmax(axis=1).tolist()
    Path(answers).write_text(json.dumps(dict(zip(test.file_paths, labels, strict=True))), "utf-8")


def build(num_classes: int) -> Any:
    """Return the small Xception: separable convolutions with a shortcut around each two."""
    pixels = keras.Input((SIDE, SIDE, 3))
    x = layers.Rescaling(1 / 255)(pixels)
    x = layers.Conv2D(128, 3, strides=2, padding="same")(x)
    x = shortcut = layers.Activation("relu")(layers.BatchNormalization()(x))
    for width in (256, 512, 728):
        for _ in range(2):
            x = layers.SeparableConv2D(width, 3, padding="same")(layers.Activation("relu")(x))
            x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = shortcut = layers.add([x, layers.Conv2D(width, 1, strides=2, padding="same")(shortcut)])
    x = layers.BatchNormalization()(layers.SeparableConv2D(1024, 3, padding="same")(x))
    x = layers.GlobalAveragePooling2D()(layers.Activation("relu")(x))
    return keras.Model(pixels, layers.Dense(num_classes, activation="softmax")(layers.Dropout(0.25)(x)))


if __name__ == "__main__":
    main()
