"""timm and scikit-learn: logistic regression on the features of a pretrained EfficientNet-Lite0."""

import json
import sys
from pathlib import Path

import timm
import torch
from sklearn.linear_model import LogisticRegression
from timm.data import create_transform, resolve_data_config
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from benchmarks.peers.lite0 import pretrained


@torch.inference_mode()
def main() -> None:
    """Learn from `train`, choose by `validation`, and write the answer to each photo of `test`."""
    photos, answers, _, _, weights = sys.argv[1:]
    model = timm.create_model("tf_efficientnet_lite0", pretrained=True, num_classes=0, **pretrained(weights)).eval()
    transform = create_transform(**resolve_data_config(model=model))
    folders = [ImageFolder(f"{photos}/{split}", transform) for split in ("train", "validation", "test")]
    train, validation, test = (
        torch.cat([model(images) for images, _ in DataLoader(folder, 64, num_workers=2)]).numpy() for folder in folders
    )
    probes = [LogisticRegression(C=C, max_iter=1000).fit(train, folders[0].targets) for C in (0.001, 0.01, 0.1, 1, 10)]
    best = max(probes, key=lambda probe: probe.score(validation, folders[1].targets))
    labels = best.predict(test).tolist()
    found = {path: label for (path, _), label in zip(folders[2].samples, labels, strict=True)}
    Path(answers).write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main()
