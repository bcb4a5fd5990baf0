"""Give timm's `tf_efficientnet_lite0` the weights that our `efficientnet_lite0` starts from.

    python -m benchmarks.peers.lite0 <photos> <weights>

Ours has each batch normalisation folded into the convolution before it. A peer that trains the whole network needs
them: here each is measured anew on a batch of training photos, so that it changes nothing until it learns.
"""

import sys
from typing import Any

import timm
import torch
from timm.data import create_transform
from timm.layers import BatchNormAct2d
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder

from pawprint.models.efficientnet_lite0 import load_pretrained

MEAN, STD = (127 / 255,) * 3, (128 / 255,) * 3
"""What our network subtracts from pixels from 0 to 1, and divides them by."""


def main() -> None:
    """Write the weights as a file that timm loads."""
    photos, weights = sys.argv[1:]
    torch.manual_seed(0)
    folder = ImageFolder(f"{photos}/train", create_transform(224, mean=MEAN, std=STD))
    images, _ = next(iter(DataLoader(folder, 128, shuffle=True)))
    torch.save(build(images).state_dict(), weights)


def pretrained(weights: str) -> dict[str, Any]:
    """Return the arguments by which timm takes the weights of a file for those that it would download."""
    return {"pretrained_cfg_overlay": {"file": weights, "mean": MEAN, "std": STD}}


@torch.no_grad()
def build(images: torch.Tensor) -> torch.nn.Module:
    """Build the network with our weights.

    Args:
        images: float32 [n, 3, side, side], normalised photos by which the batch normalisations are measured.
    """
    model = timm.create_model("tf_efficientnet_lite0").eval()
    convolutions = [layer for layer in model.modules() if isinstance(layer, torch.nn.Conv2d)]
    norms = [layer for layer in model.modules() if isinstance(layer, BatchNormAct2d)]
    for convolution, norm, (kernel, bias) in zip(convolutions, norms, load_pretrained(), strict=True):
        order = (2, 3, 0, 1) if convolution.groups > 1 else (3, 2, 0, 1)
        convolution.weight.copy_(torch.from_numpy(kernel).permute(order))
        norm.bias.copy_(torch.from_numpy(bias))
    hooks = [norm.register_forward_pre_hook(_measure) for norm in norms]
    model(images)
    for hook in hooks:
        hook.remove()
    return model


def _measure(norm: BatchNormAct2d, inputs: tuple[torch.Tensor]) -> None:
    """Set a normalisation's statistics to those of its inputs, and its scale and offset to what undoes them."""
    mean, variance = inputs[0].mean((0, 2, 3)), inputs[0].var((0, 2, 3))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.add_(mean)


if __name__ == "__main__":
    main()
