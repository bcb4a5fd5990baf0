"""fastai: a pretrained EfficientNet-Lite0 on crops of 224 px, by `fine_tune`."""

import json
import sys
from pathlib import Path

import torch
from fastai.vision.all import (
    ImageDataLoaders,
    RandomResizedCrop,
    accuracy,
    aug_transforms,
    get_image_files,
    set_seed,
    vision_learner,
)

from benchmarks.peers.lite0 import pretrained


def main() -> None:
    """Learn from `train`, and write the answer to each photo of `test`."""
    photos, answers, epochs, seed, weights = sys.argv[1:]
    set_seed(int(seed))
    data = ImageDataLoaders.from_folder(
        photos,
        valid="validation",
        bs=32,
        item_tfms=RandomResizedCrop(224, min_scale=0.35),
        batch_tfms=aug_transforms(),
    )
    learner = vision_learner(data, "tf_efficientnet_lite0", metrics=accuracy, **pretrained(weights))
    learner.model.to(memory_format=torch.channels_last)  # as PyTorch advises for convolutions on a CPU
    learner.fine_tune(int(epochs))
    files = get_image_files(Path(photos, "test"))
    labels = learner.get_preds(dl=data.test_dl(files))[0].argmax(dim=1).tolist()
    Path(answers).write_text(json.dumps(dict(zip(map(str, files), labels, strict=True))), "utf-8")


if __name__ == "__main__":
    main()
