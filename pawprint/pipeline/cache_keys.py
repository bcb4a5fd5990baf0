"""The cache key of a step: a digest of everything that its result depends on. Equal keys mean equal results."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pawprint.base.files import PROJECT
from pawprint.base.machine import count_cores
from pawprint.models.architectures import ARCHITECTURES
from pawprint.pipeline.source_code import digest_sources
from pawprint.tracking.environment import digest_lock, name_instruction_set, name_libraries
from pawprint.tracking.model_files import CODE_FILES

EXPORT_FILES = tuple(
    f"pawprint/serving/demo/{name}"
    for name in ("package.json", "package-lock.json", "demo.html.j2", "demo.css", "demo.js", "decision.js", "pixels.js")
)
"""Files that train puts into demo.html."""
MODEL_CODE = (*CODE_FILES, "pawprint/serving/model_code.py")
"""Code that train copies into the model without importing it."""
WEIGHTS = {"efficientnet_lite0": ("pawprint/models/pretrained/efficientnet_lite0.npz",)}
"""Files that an architecture reads besides its code."""
WITHOUT_EFFECT = {
    "preprocess": (
        "pawprint.models",  # main has resolved `auto`
        "pawprint.photos.recall",  # photos kept by reference are compared with their digests
        "pawprint.base.space",
    ),
    "train": (
        "pawprint.models.multiply_adds",  # only for flops_utilization
        "pawprint.base.cache",
        "pawprint.base.space",
        "pawprint.training.curves",  # only draws history.csv
        "pawprint.training.few_photos",  # only warns
        "pawprint.training.throughput",
    ),
}
"""Modules that a step imports without effect on its result: plots, warnings, speed, disk space."""
_SHORT = 12
"""Characters of a digest in a tag."""


@dataclass(frozen=True)
class CacheKey:
    """The key of a step.

    Attributes:
        digest: sha256 over the parts.
        parts: each dependency by kind (`parameter epochs`, `input dataset`, `code steps/train.py`, …), as its value or
            the beginning of its sha256. They are used to say what changed.
    """

    digest: str
    parts: dict[str, str]

    def differences(self, parts: Mapping[str, str]) -> list[str]:
        """Return a line for each part that differs from another key of the same step."""
        lines = []
        names = [name for name in sorted({*self.parts, *parts}) if self.parts.get(name) != parts.get(name)]
        # Another architecture or export adds its own files. Then the parameter is the change to name, not the files.
        chosen = any(name.startswith("parameter ") for name in names)
        for name in names:
            now, before = self.parts.get(name), parts.get(name)
            kind, _, what = name.partition(" ")
            if kind == "code":
                if not chosen or (now and before):
                    lines.append(f"{what} {'is new' if before is None else 'is gone' if now is None else 'changed'}")
            elif kind == "parameter":
                lines.append(f"{what} {before or 'none'} -> {now or 'none'}")
            else:
                lines.append(f"{' '.join(filter(None, (kind, what)))} changed")
        return lines


def build_key(entry_point: str, parameters: Mapping[str, object], inputs: Mapping[str, str]) -> CacheKey:
    """Return the key of a step that main is about to run.

    Args:
        entry_point: name of the step.
        parameters: all parameters but the URIs of the inputs, with `auto` resolved.
        inputs: digests of the inputs' content, by the names of the parameters with their URIs.
    """
    whole = {f"parameter {name}": str(value) for name, value in parameters.items()}
    whole |= {f"input {name}": value for name, value in inputs.items()}
    whole |= {f"code {path}": digest for path, digest in digest_code(entry_point, parameters).items()}
    # In the user's own environment the installed libraries may differ from the lock.
    whole |= {"lock": digest_lock() or "none", "libraries": name_libraries()}
    if entry_point == "train":
        whole |= {"processor": name_instruction_set(), "threads": str(count_cores())}
    text = json.dumps([entry_point, whole], sort_keys=True)
    return CacheKey(
        digest=hashlib.sha256(text.encode()).hexdigest(),
        parts={
            name: value if name.startswith("parameter ") or len(value) <= _SHORT else _shorten(value)
            for name, value in whole.items()
        },
    )


def _shorten(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:_SHORT]


def digest_code(entry_point: str, parameters: Mapping[str, object], *, project: Path = PROJECT) -> dict[str, str]:
    """Return the digests of the files that a step with these parameters runs; `auto` is resolved already."""
    chosen = ARCHITECTURES.get(str(parameters.get("architecture")))
    without = {module.__name__ for module in ARCHITECTURES.values() if module is not chosen}
    if not str(parameters.get("architecture", "")).startswith("keras:"):
        without.add("pawprint.models.keras_applications")
    without.update(WITHOUT_EFFECT.get(entry_point, ()))
    also: tuple[str, ...] = MODEL_CODE if entry_point == "train" else ()
    also += WEIGHTS.get(str(parameters.get("architecture")), ())
    if parameters.get("export"):
        also += EXPORT_FILES
    elif entry_point == "train":
        without.add("pawprint.serving")  # exports do not change the network
    return digest_sources(f"steps.{entry_point}", also=also, without=without, project=project)
