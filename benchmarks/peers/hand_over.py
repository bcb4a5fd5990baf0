"""Write the photos of a dataset as the folders that other programs read: a folder a split, in it a folder a class."""

import io
from pathlib import Path

from PIL import Image

from pawprint.dataset.reader import Dataset, load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.models.recipe import Recipe
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos

READABLE = {".jpg", ".jpeg", ".png"}
"""Suffixes of files that every peer reads; other photos become PNG."""


def hand_over(source: str, folder: Path, *, recipe: Recipe, seed: int) -> Dataset:
    """Split photos as preprocess does, and write each of them as its file to `<split>/<number of its class>/`.

    Args:
        source: photos, as `-P source=`.
        folder: where the folders of the splits are written; it must not exist.
        recipe: whose share of validation photos is taken.
        seed: as `-P seed=`.
    """
    made = folder.with_name(f"{folder.name}-made")
    fetch_photos(source, made / "photos", keep_photos="reference", resolve_uri=Path)
    collection = load_photos(made / "photos")
    write_dataset(
        collection,
        made / "dataset",
        image_size=recipe.image_size,
        train_images=1500,
        test_images=500,
        validation_fraction=recipe.validation_fraction,
        seed=seed,
    )
    data = load_dataset(made / "dataset")
    write_folders(collection, data, folder)
    return data


def write_folders(collection: PhotoCollection, data: Dataset, folder: Path) -> None:
    """Write the file of each photo of a dataset; its number in its split is its name."""
    photos = {collection.name(photo): photo for photo in collection.photos}
    for name, split in data.splits.items():
        for number in range(len(data.class_names)):
            (folder / name / f"{number:04d}").mkdir(parents=True)
        for row, (member, label) in enumerate(zip(split.members, split.labels, strict=True)):
            path = folder / name / f"{label:04d}" / f"{row:06d}{Path(member).suffix.lower()}"
            content = collection.read(photos[member])
            if path.suffix in READABLE:
                path.write_bytes(content)
            else:
                with Image.open(io.BytesIO(content)) as image:
                    image.convert("RGB").save(path.with_suffix(".png"))
