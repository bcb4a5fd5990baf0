"""Measure the input side of a training alone: how many photos a second it hands over, and which network it can feed.

    python -m benchmarks.input cnn --side 96 160 224

Shuffles and augments random pictures that are in memory already, by the recipe of an architecture, with no network
behind. Prints photos per second by the clock, and the shortest step of a network, on a GPU say, that does not wait for
its input; and processor time, with the step that a core which does nothing else feeds by it.
"""

import argparse
import time
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

SECONDS = 10.0
"""Seconds of each measurement, after everything is compiled."""


def main() -> None:
    """Measure each size, and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", nargs="?", default="cnn")
    parser.add_argument("--side", type=int, nargs="+", default=[96, 160, 224], help="pixels, stored and shown")
    parser.add_argument("--batch_size", type=int, default=64)
    given = parser.parse_args()
    for side in given.side:
        rate, cost = measure(given.architecture, side=side, batch_size=given.batch_size)
        batch = given.batch_size
        clock = f"{rate:.0f} photos/s by the clock, steps of {batch / rate * 1000:.0f} ms on batches of {batch}"
        core = f"{cost * 1000:.2f} ms of processor a photo, so {cost * batch * 1000:.0f} ms by a free core"
        print(f"{given.architecture} at {side} px: {clock}; {core}")


def measure(name: str, *, side: int, batch_size: int) -> tuple[float, float]:
    """Return photos per second, and seconds of processor for each."""
    import tensorflow as tf

    from pawprint.models.architectures import recipe_for
    from pawprint.training.batches import prepare_ahead, training_batches
    from pawprint.training.steps import build_augmentation

    tf.config.experimental.enable_op_determinism()
    photos: Any = SimpleNamespace(
        images=np.random.default_rng(0).integers(0, 256, (8 * batch_size, side, side, 3), dtype=np.uint8),
        labels=np.zeros(8 * batch_size, dtype=np.int64),
    )
    vary = build_augmentation(recipe_for(name))
    batches = training_batches(photos, batch_size=batch_size, passes=2000, seed=0, epoch=1)
    ready: Iterable[Any] = prepare_ahead(batches, lambda batch: vary(batch, side))
    number, begun, used = -5, 0.0, 0.0  # the first batches are compiled for
    for _ in ready:
        number += 1
        if number == 0:
            begun, used = time.monotonic(), time.process_time()
        if number > 0 and time.monotonic() - begun > SECONDS:
            break
    seconds, processor = time.monotonic() - begun, time.process_time() - used
    return number * batch_size / seconds, processor / (number * batch_size)


if __name__ == "__main__":
    main()
