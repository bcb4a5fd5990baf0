"""What a step's result depends on, and nothing else: where that is as it was, the step need not run again."""

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
    for name in ("package.json", "package-lock.json", "demo.html.j2", "demo.css", "demo.js", "pixels.js")
)
"""What train puts into the page to try."""
MODEL_CODE = (*CODE_FILES, "pawprint/serving/model_code.py")
"""What train puts into the model without importing it."""
WEIGHTS = {"efficientnet_lite0": ("pawprint/models/pretrained/efficientnet_lite0.npz",)}
"""What an architecture reads beside its code."""
DECIDES_NOTHING = {
    "preprocess": (
        "pawprint.models",  # main has resolved `auto`
        "pawprint.photos.recall",  # photos kept by reference are held against their digests, however they are had
        "pawprint.base.space",
    ),
    "train": (
        "pawprint.models.multiply_adds",  # counted for flops_utilization
        "pawprint.base.cache",
        "pawprint.base.space",
        "pawprint.training.curves",  # a picture of history.csv
        "pawprint.training.few_photos",  # a warning
        "pawprint.training.throughput",
    ),
}
"""Modules that a step imports, and that its result does not depend on: its pictures, warnings, speed, room on disk."""
_SHORT = 12


@dataclass(frozen=True)
class CacheKey:
    """The key of a step.

    Attributes:
        digest: sha256 over the parts.
        parts: what it depends on, by kind (`parameter epochs`, `input dataset`, `code steps/train.py`, …), each as the
            value or the beginning of its sha256; enough to say what changed.
    """

    digest: str
    parts: dict[str, str]

    def differences(self, parts: Mapping[str, str]) -> list[str]:
        """Say what differs from the parts of another key of the same step."""
        told = []
        names = [name for name in sorted({*self.parts, *parts}) if self.parts.get(name) != parts.get(name)]
        # Another architecture, or an export, brings files of its own: it is what the person has changed, not they.
        chosen = any(name.startswith("parameter ") for name in names)
        for name in names:
            now, before = self.parts.get(name), parts.get(name)
            kind, _, what = name.partition(" ")
            if kind == "code":
                if not chosen or (now and before):
                    told.append(f"{what} {'is new' if before is None else 'is gone' if now is None else 'changed'}")
            elif kind == "parameter":
                told.append(f"{what} {before or 'none'} -> {now or 'none'}")
            else:
                told.append(f"{' '.join(filter(None, (kind, what)))} changed")
        return told


def build_key(entry_point: str, parameters: Mapping[str, object], inputs: Mapping[str, str]) -> CacheKey:
    """Build the key of a step that main is about to run.

    Args:
        entry_point: its name.
        parameters: every parameter but the URIs of its inputs, resolved: no `auto`.
        inputs: digests of the content of its inputs, by the name of the parameter that brings them.
    """
    whole = {f"parameter {name}": str(value) for name, value in parameters.items()}
    whole |= {f"input {name}": value for name, value in inputs.items()}
    whole |= {f"code {path}": digest for path, digest in digest_code(entry_point, parameters).items()}
    # Run from an environment of one's own, the installed libraries need not be the lock's.
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
    """Digest the files that a step runs with these parameters; main has resolved `auto`, so recipes decide nothing."""
    chosen = ARCHITECTURES.get(str(parameters.get("architecture")))
    without = {module.__name__ for module in ARCHITECTURES.values() if module is not chosen}
    if not str(parameters.get("architecture", "")).startswith("keras:"):
        without.add("pawprint.models.keras_applications")
    without.update(DECIDES_NOTHING.get(entry_point, ()))
    also: tuple[str, ...] = MODEL_CODE if entry_point == "train" else ()
    also += WEIGHTS.get(str(parameters.get("architecture")), ())
    if parameters.get("export"):
        also += EXPORT_FILES
    elif entry_point == "train":
        without.add("pawprint.serving")  # what exports a network makes none of it
    return digest_sources(f"steps.{entry_point}", also=also, without=without, project=project)
