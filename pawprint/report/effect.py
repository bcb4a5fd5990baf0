"""Say whether corrections helped: a main run against the one that they came from, on the same photos.

That is the one whose review page they were made in; if it was predict's, the one that trained the model it asked.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mlflow.entities import Run
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.base.tables import read_dicts
from pawprint.dataset.reader import load_dataset
from pawprint.evaluation.comparison import Comparison, compare_answers
from pawprint.evaluation.style import percent
from pawprint.report.graph import Lineage, Training, find_lineage
from pawprint.report.pictures import embed_jpeg
from pawprint.report.replay import find_main, read_parameters
from pawprint.tracking.artifacts import open_artifact
from pawprint.tracking.tags import get_group, get_tag

LEVEL = 0.05
"""p-value below which a difference counts as more than chance."""
MOST_SHOWN, SIDE = 24, 160
"""Most photos with another answer that are shown, and their side in pixels."""
_NOT_COMPARED = {"corrections", "correct_test", "more", "export"}


@dataclass(frozen=True)
class Changed:
    """A test photo that the two models answer differently."""

    member: str
    label: str
    """Its label of now."""
    before: str
    after: str
    picture: str = ""


@dataclass(frozen=True)
class Effect:
    """What a run with corrections came to, beside the run that they came from.

    Attributes:
        run_id: the run that they came from.
        comparison: its answers, then those of now, both judged by the labels of now; None if that run is not known.
        changed: the photos with another answer, those that were mended first.
        test_photos: how many test photos were corrected.
        differing: what else differs between the two runs.
        before: share that the earlier model got right.
        after: share that the model of now got right.
    """

    run_id: str
    comparison: Comparison | None = None
    changed: Sequence[Changed] = field(default_factory=tuple)
    test_photos: int = 0
    differing: Sequence[str] = field(default_factory=tuple)
    before: float = 0.0
    after: float = 0.0

    def describe(self) -> str:
        """Return the answer in sentences; no claim is made of what chance explains."""
        found = self.comparison
        if found is None:
            return (
                f"Whether the corrections helped is not known: run {self.run_id}, which they came from, is gone, or "
                "had other photos"
            )
        judged = " (both judged by the corrected labels)" if self.test_photos else ""
        text = (
            f"On the same {found.photos} test photos{judged} run {self.run_id}, which the corrections came from, was "
            f"right on {percent(self.before)}, this run is on {percent(self.after)}. Only the earlier model is right "
            f"on {found.only_first} of them, only this one on {found.only_second}; McNemar's exact p is "
            f"{found.p_value:.2g}: "
        )
        if found.p_value >= LEVEL:
            text += "no more than chance would make, so nothing is claimed"
        else:
            text += "more than chance: " + ("it helped" if found.difference < 0 else "it did harm")
        if self.differing:
            text += f". Not only the labels differ: {', '.join(self.differing)}"
        return text


def find_effect(lineage: Lineage, *, pictures: bool = True) -> Effect | None:
    """Return the effect of the corrections of a main run; None if it had none, or they came from no run.

    Args:
        lineage: chain of a main run.
        pictures: whether to embed the photos whose answer changed.
    """
    main = lineage.main
    tag = get_group(main, "corrections") if main else {}
    run_id = tag.get("run")
    if main is None or not run_id:
        return None
    test_photos = int(tag.get("test_photos", 0))
    try:
        earlier = find_lineage(run_id)
        if earlier.predict:
            earlier = find_lineage(find_main(run_id).info.run_id)
            run_id = earlier.main.info.run_id if earlier.main else run_id
        before, after = (_read_answers(one) for one in (earlier, lineage))
    except UserError:
        return Effect(run_id, test_photos=test_photos)
    shared = [digest for digest in after if digest in before]
    if not shared or earlier.main is None:
        return Effect(run_id, test_photos=test_photos)
    rows = [(after[digest]["label"], before[digest]["prediction"], after[digest]["prediction"]) for digest in shared]
    was, now = ([row[0] == row[place] for row in rows] for place in (1, 2))
    changed = [
        Changed(after[digest]["member"], *row)
        for digest, row in sorted(zip(shared, rows, strict=True), key=lambda item: (item[1][2] != item[1][0], item[0]))
        if row[1] != row[2]
    ]
    return Effect(
        run_id,
        compare_answers(was, now),
        _add_pictures(lineage, changed) if pictures else changed,
        test_photos,
        list(_find_differing(earlier.main, main)),
        float(np.mean(was)),
        float(np.mean(now)),
    )


def chosen_training(lineage: Lineage) -> Training | None:
    """Return the training of the model that main chose, or None."""
    best = get_tag(lineage.main, "best_model") if lineage.main else None
    return next((one for one in lineage.trainings if one.model and f"models:/{one.model.model_id}" == best), None)


def _read_answers(lineage: Lineage) -> dict[str, dict[str, str]]:
    """Return the chosen model's answer for each test photo, by the digest of the photo's file."""
    training = chosen_training(lineage)
    if training is None or not training.evaluations or lineage.preprocess is None:
        raise UserError("a model or its evaluation is missing")
    rows = _read_table(training.evaluations[-1], "evaluation/predictions.csv")
    digests = {row["member"]: row["sha256"] for row in _read_table(lineage.preprocess, "dataset/index.csv")}
    return {digests[row["member"]]: row for row in rows}


def _read_table(run: Run, path: str) -> list[dict[str, str]]:
    with open_artifact(f"runs:/{run.info.run_id}/{path}", expected=f"runs:/<run id>/{path}") as file:
        return list(read_dicts(io.StringIO(file.read_text("utf-8"), newline="")))


def _find_differing(one: Run, other: Run) -> list[str]:
    before, after = read_parameters(one), read_parameters(other)
    names = [name for name in sorted({*before, *after} - _NOT_COMPARED) if before.get(name) != after.get(name)]
    differing = [f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}" for name in names]
    if one.data.tags.get("mlflow.source.git.commit") != other.data.tags.get("mlflow.source.git.commit"):
        differing.append("the code")
    return differing


def _add_pictures(lineage: Lineage, changed: Sequence[Changed]) -> list[Changed]:
    assert lineage.preprocess is not None  # noqa: S101 - its index was read
    uri = f"runs:/{lineage.preprocess.info.run_id}/dataset"
    with open_artifact(uri, expected="runs:/<run id of preprocess>/dataset") as folder:
        test = load_dataset(folder).splits["test"]
        place = {member: number for number, member in enumerate(test.members)}

        def draw(member: str) -> str:
            pixels: Any = test.images[np.array([place[member]])][0]
            picture = Image.fromarray(pixels)
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            return embed_jpeg(picture)

        return [
            Changed(one.member, one.label, one.before, one.after, draw(one.member) if number < MOST_SHOWN else "")
            for number, one in enumerate(changed)
        ]
