"""fastai: a resnet18 from scratch, on crops of 128 px, by `fit_one_cycle`."""

import json
import sys
from pathlib import Path

import torch
from fastai.vision.all import (
    ImageDataLoaders,
    Learner,
    Normalize,
    RandomResizedCrop,
    accuracy,
    aug_transforms,
    get_image_files,
    imagenet_stats,
    resnet18,
    set_seed,
)


def main() -> None:
    """Learn from `train`, and write the answer to each photo of `test`."""
    photos, answers, epochs, seed = sys.argv[1:]
    set_seed(int(seed))
    data = ImageDataLoaders.from_folder(
        photos,
        valid="validation",
        bs=32,
        item_tfms=RandomResizedCrop(128, min_scale=0.35),
        batch_tfms=[*aug_transforms(), Normalize.from_stats(*imagenet_stats)],
    )
    learner = Learner(data, resnet18(num_classes=data.c), metrics=accuracy)
    learner.model.to(memory_format=torch.channels_last)  # as PyTorch advises for convolutions on a CPU
    learner.fit_one_cycle(int(epochs), 3e-3)
    files = get_image_files(Path(photos, "test"))
    labels = learner.get_preds(dl=data.test_dl(files))[0].argmax(dim=1).tolist()
    Path(answers).write_text(json.dumps(dict(zip(map(str, files), labels, strict=True))), "utf-8")


if __name__ == "__main__":
    main()
