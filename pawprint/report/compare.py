"""Compare two main runs: parameters, code, environment, photos, metrics, and whether these differ significantly."""

import io
import subprocess
from collections.abc import Iterator, Mapping, Sequence

from mlflow.entities import Run

from pawprint.base.errors import UserError
from pawprint.base.tables import read_dicts
from pawprint.evaluation.comparison import compare_answers
from pawprint.pipeline.registry import read_answers
from pawprint.report.effect import LEVEL, chosen_training, find_effect
from pawprint.report.graph import Lineage
from pawprint.tracking.artifacts import open_artifact
from pawprint.tracking.tags import get_group, get_tag

_SHOWN = ("test_accuracy", "test_balanced_accuracy", "test_f1", "test_roc_auc", "test_log_loss")
_SURROUNDINGS = ("lock_sha256", "python", "libraries", "cpu", "threads", "host", "git_dirty")
_MOST_NAMES = 8
"""Most names of photos that are listed."""


def format_difference(first: Lineage, second: Lineage) -> str:
    """Return the differences in sections, for a terminal.

    Raises:
        UserError: one of them is not a main run.
    """
    one, other = _main(first), _main(second)
    sections = {
        "parameters": list(_differ(one.data.params, other.data.params)),
        "code": list(_format_code(one, other)),
        "environment and machine": list(
            _differ(*({name: str(get_tag(run, name)) for name in _SURROUNDINGS} for run in (one, other)))
        ),
        "photos": list(_format_photos(first, second)),
        "corrections": [text for run in (one, other) if (text := get_group(run, "corrections").get("summary"))],
        "metrics": list(_format_metrics(one, other)),
    }
    sections["more than chance?"] = list(_format_chance(first, second))
    lines = [f"{one.info.run_id} -> {other.info.run_id}"]
    for title, differences in sections.items():
        lines += ["", title, *(f"  {line}" for line in differences or ["no difference"])]
    return "\n".join(lines)


def _main(lineage: Lineage) -> Run:
    if lineage.main is None:
        raise UserError(
            "diff compares two runs of main; give their run ids, not a model, a dataset or another step's run"
        )
    return lineage.main


def _differ(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield f"{name}: {one.get(name)} -> {other.get(name)}"


def _format_code(one: Run, other: Run) -> Iterator[str]:
    before, after = (run.data.tags.get("mlflow.source.git.commit", "") for run in (one, other))
    if before == after:
        return
    yield f"commit {before[:12] or 'none'} -> {after[:12] or 'none'}"
    if not (before and after):
        return
    try:
        changes = subprocess.run(  # noqa: S603 (commit ids that MLflow noted)
            ["git", "diff", "--stat=100", before, after, "--"],  # noqa: S607 (git is found on the PATH)
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        yield "which files changed is not known: this folder is no clone that has both commits"
        return
    yield from (line.strip() for line in changes.splitlines())


def _format_photos(first: Lineage, second: Lineage) -> Iterator[str]:
    digests = [get_tag(each.preprocess, "dataset_digest") if each.preprocess else None for each in (first, second)]
    photos = [get_tag(each.download, "photos_sha256") if each.download else None for each in (first, second)]
    if photos[0] != photos[1]:
        yield f"sha256 {str(photos[0])[:12]}… -> {str(photos[1])[:12]}…"
    if digests[0] == digests[1] and digests[0]:
        return
    yield f"dataset {str(digests[0])[:12]}… -> {str(digests[1])[:12]}…"
    before, after = (_read_index(each.preprocess) if each.preprocess else {} for each in (first, second))
    added, removed = sorted(set(after) - set(before)), sorted(set(before) - set(after))
    moved = sorted(sha for sha in set(before) & set(after) if before[sha][:2] != after[sha][:2])
    for word, hashes, index in (("added", added, after), ("removed", removed, before)):
        if hashes:
            yield f"{len(hashes)} {word}: {_name([index[sha][2] for sha in hashes])}"
    if moved:
        yield f"{len(moved)} in another split or class: {_name([after[sha][2] for sha in moved])}"
    if before and not (added or removed or moved):
        yield "the same photos in the same splits, in another size or order"


def _name(members: Sequence[str]) -> str:
    shown = ", ".join(sorted(members)[:_MOST_NAMES])
    return f"{shown}, …" if len(members) > _MOST_NAMES else shown


def _read_index(run: Run) -> dict[str, tuple[str, str, str]]:
    """Return split, label and name in the archive of each photo by its digest."""
    uri = f"runs:/{run.info.run_id}/dataset"
    with open_artifact(uri, expected="runs:/<run id of preprocess>/dataset") as folder:
        text = (folder / "index.csv").read_text(encoding="utf-8")
    return {
        row["sha256"]: (row["split"], row["label"], row["member"]) for row in read_dicts(io.StringIO(text, newline=""))
    }


def _format_metrics(one: Run, other: Run) -> Iterator[str]:
    for name in (f"{base}{ending}" for base in _SHOWN for ending in ("", "_mean")):
        before, after = one.data.metrics.get(name), other.data.metrics.get(name)
        if before is None and after is None:
            continue
        values = [_format_metric(run, name) for run in (one, other)]
        change = f" ({after - before:+.4f})" if before is not None and after is not None else ""
        yield f"{name}: {values[0]} -> {values[1]}{change}"


def _format_metric(run: Run, name: str) -> str:
    metrics = run.data.metrics
    if name not in metrics:
        return "none"
    if f"{name}_low" in metrics:
        return f"{metrics[name]:.4f} [{metrics[f'{name}_low']:.3f}, {metrics[f'{name}_high']:.3f}]"
    spread = metrics.get(f"{name.removesuffix('_mean')}_std")
    return f"{metrics[name]:.4f}" + (f" ± {spread:.4f}" if spread is not None else "")


def _format_chance(first: Lineage, second: Lineage) -> Iterator[str]:
    effect = find_effect(second, pictures=False)
    if effect and effect.comparison and first.main and effect.run_id == first.main.info.run_id:
        yield effect.describe()
        yield (
            f"another answer: {_name([one.member for one in effect.changed])}" if effect.changed else "the same answers"
        )
        return
    chosen = [chosen_training(each) for each in (first, second)]
    if not all(one and one.evaluations for one in chosen):
        yield "not known: a model or its evaluation is missing"
        return
    answers = [read_answers(one.evaluations[-1]) for one in chosen if one]
    if set(answers[0]) == set(answers[1]):
        members = sorted(answers[0])
        found = compare_answers(*([each[member] for member in members] for each in answers))
        verdict = "more than chance" if found.p_value < LEVEL else "no more than chance would make"
        yield (
            f"the chosen models on the same {found.photos} test photos: only the first is right on "
            f"{found.only_first}, only the second on {found.only_second}; McNemar's p is {found.p_value:.3g}: {verdict}"
        )
        return
    scores = [one.evaluations[-1].data.metrics for one in chosen if one]
    intervals = [[each.get(f"test_accuracy_{end}") for end in ("low", "high")] for each in scores]
    yield "the test photos are not the same, so only the intervals of the accuracy speak:"
    (low, high), (other_low, other_high) = intervals
    if None in (low, high, other_low, other_high):
        yield "and they are not known"
    else:
        apart = low > other_high or other_low > high  # type: ignore[operator]  # checked above
        yield f"[{low:.3f}, {high:.3f}] and [{other_low:.3f}, {other_high:.3f}] " + (
            "lie apart: more than chance" if apart else "overlap: perhaps no more than chance"
        )
