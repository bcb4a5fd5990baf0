"""Does the memory of preprocess grow with the photos, and how fast is it?

    python -m benchmarks.preprocess /path/to/cat-and-dog.zip

Preprocesses 500 and 2000 photos in processes of their own, and prints seconds and peak memory of each.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def measure(source: str, photos: int) -> None:
    """Preprocess in this process and print what it took."""
    from pawprint.dataset.writer import write_dataset
    from pawprint.photos.collection import load_photos
    from pawprint.photos.sources import fetch_photos

    with tempfile.TemporaryDirectory() as folder:
        fetch_photos(source, Path(folder) / "photos", keep_photos="copy", resolve_uri=Path)
        started = time.monotonic()
        write_dataset(
            load_photos(Path(folder) / "photos"),
            Path(folder) / "dataset",
            image_size=128,
            train_images=photos * 3 // 4,
            test_images=photos // 4,
            validation_fraction=0.1,
            seed=0,
        )
        seconds = time.monotonic() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{photos} photos: {seconds:.1f} s, peak memory {peak:.0f} MiB", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        for number in (500, 2000):
            subprocess.run([sys.executable, "-m", "benchmarks.preprocess", sys.argv[1], str(number)], check=True)
