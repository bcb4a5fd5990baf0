"""Measure predict with thousands of photos: its speed compared with the bare network, and its memory.

    python -m benchmarks.prediction                                # drawn photos
    python -m benchmarks.prediction /path/to/cat-and-dog.zip       # these photos, the ratio

Labels photos as the entry point predict does: read, checked, decoded, answered, both tables written. The network is
that of an architecture before training, which takes as long as after it. Before and after, the bare network answers
the same number of times on pixels that are in memory already; the one rate is printed as a share of the other. Then
1,000 and 10,000 photos, contact sheet included, each in a process of its own whose peak memory is printed. On a
machine that does other things besides, the processor's time says more than the clock's: both are printed.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.preprocess import draw, write_copies
from benchmarks.processes import apart

SIZES = (1000, 10_000)


def main() -> None:
    """Compare the speeds, then measure memory with more and more photos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="?", type=Path, help="a zip of JPEGs; drawn ones otherwise")
    parser.add_argument("--architecture", default="cnn")
    parser.add_argument("--compare", type=int, default=1000, help="photos to compare on")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="numbers of photos to measure memory at")
    arguments = parser.parse_args()
    from benchmarks.untrained import log_untrained

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = log_untrained(arguments.architecture, folder).uri
        store = f"sqlite:///{folder}/mlflow.db"
        source = arguments.photos or draw(folder / "drawn")
        compared = write_copies(source, folder / "compared.zip", arguments.compare)
        print(apart(compare, store, uri, compared, folder), flush=True)
        for size in arguments.sizes:
            copies = write_copies(source, folder / f"{size}.zip", size)
            seconds, peak, before = apart(label, store, uri, copies, folder / f"{size}")
            print(f"{size:>6} photos: {seconds:.0f} s, {size / seconds:.0f} photos/s, ", end="")
            print(
                f"peak memory {peak:.0f} MiB ({before:.0f} MiB with the network loaded, before the first)", flush=True
            )


def compare(store: str, uri: str, photos: Path, folder: Path) -> str:
    """Return a line with both rates and their ratio; the bare network is timed before and after."""
    import mlflow
    import numpy as np

    from pawprint.models.prediction import BATCH, compile_network
    from pawprint.photos.collection import load_photos
    from pawprint.photos.sources import fetch_photos
    from pawprint.serving.predictions import predict_photos
    from pawprint.tracking.models import open_photo_model

    mlflow.set_tracking_uri(store)
    fetch_photos(str(photos), folder / "photos", keep_photos="reference", resolve_uri=Path, labelled=False)
    collection = load_photos(folder / "photos", labelled=False)
    number = len(collection.photos)
    with open_photo_model(uri) as model:
        side = model.image_size
        answer = compile_network(model.network, side)
        pixels = np.random.default_rng(0).integers(0, 256, (BATCH, side, side, 3), np.uint8)
        answer(pixels)

        def bare() -> tuple[float, float]:
            wall, busy = time.perf_counter(), time.process_time()
            for start in range(0, number, BATCH):
                answer(pixels[: number - start])
            return time.perf_counter() - wall, time.process_time() - busy

        before = bare()
        wall, busy = time.perf_counter(), time.process_time()
        predict_photos(collection, answer, class_names=model.class_names, image_size=side, folder=folder)
        wall, busy = time.perf_counter() - wall, time.process_time() - busy
        after = bare()
    bare_wall, bare_busy = ((a + b) / 2 for a, b in zip(before, after, strict=True))
    rates = f"{number} photos: predict {number / wall:.0f} photos/s, bare network {number / before[0]:.0f} before and "
    return rates + (
        f"{number / after[0]:.0f} after: ratio {bare_wall / wall:.3f} by the clock; processor time of a photo "
        f"{1000 * busy / number:.2f} ms to {1000 * bare_busy / number:.2f} ms: {bare_busy / busy:.3f}"
    )


def label(store: str, uri: str, photos: Path, folder: Path) -> tuple[float, float, float]:
    """Return seconds, and peak memory in MiB after and before labelling."""
    import mlflow
    import numpy as np

    from pawprint.models.prediction import compile_network
    from pawprint.photos.collection import load_photos
    from pawprint.photos.sources import fetch_photos
    from pawprint.serving.contact_sheet import write_contact_sheet
    from pawprint.serving.predictions import predict_photos
    from pawprint.tracking.models import open_photo_model

    mlflow.set_tracking_uri(store)
    folder.mkdir()
    with open_photo_model(uri) as model:
        answer = compile_network(model.network, model.image_size)
        answer(np.zeros((64, model.image_size, model.image_size, 3), np.uint8))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started = time.perf_counter()
        fetch_photos(str(photos), folder / "photos", keep_photos="reference", resolve_uri=Path, labelled=False)
        collection = load_photos(folder / "photos", labelled=False)
        outcome = predict_photos(
            collection, answer, class_names=model.class_names, image_size=model.image_size, folder=folder
        )
        write_contact_sheet(
            outcome,
            collection,
            folder / "contact-sheet.html",
            class_names=model.class_names,
            model=uri,
            source=str(photos),
        )
        seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, before


if __name__ == "__main__":
    main()
