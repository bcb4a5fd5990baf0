"""Format a chain as a tree for a terminal, and as plain data for JSON."""

from collections.abc import Iterable, Mapping
from typing import Any

from mlflow.entities import Run

from pawprint.report.graph import Lineage, Training, entry_point, format_time
from pawprint.tracking.tags import get_group, get_tag

_SHORT = 12
"""Characters of a digest that are shown."""


def describe_lineage(lineage: Lineage) -> dict[str, Any]:
    """Return the chain as plain data: each item contains, as `from`, the item that it was made from."""
    photos = _describe_photos(lineage.download, lineage)
    dataset = None
    if lineage.preprocess:
        run = lineage.preprocess
        dataset = {
            "dataset": f"runs:/{run.info.run_id}/dataset",
            "digest": get_tag(run, "dataset_digest"),
            "corrections": get_group(run, "corrections") or None,
            "more": _describe_photos(lineage.more, lineage),
            "made_by": _describe_run(run, lineage),
            "from": photos,
        }
    models = [_describe_training(one, lineage) | {"from": dataset} for one in lineage.trainings]
    if lineage.predict:
        run = lineage.predict
        asked = {"predictions": f"runs:/{run.info.run_id}/predictions", "made_by": _describe_run(run, lineage)}
        return asked | {"photos": _describe_asked(run), "from": models[0]}
    if lineage.main:
        return {"main": _describe_run(lineage.main, lineage), "models": models} | ({} if models else {"from": dataset})
    if models:
        return models[0]
    return dataset or photos or {}


def format_lineage(lineage: Lineage) -> str:
    """Return the chain as a tree, the newest on top."""
    lines: list[str] = []
    if lineage.main:
        lines += _format_run(lineage.main, lineage)
        lines.append("")
    if lineage.predict:
        run = lineage.predict
        about = _describe_asked(run)
        lines += [f"runs:/{run.info.run_id}/predictions", *(f"│  {line}" for line in _format_run(run, lineage))]
        lines += [f"│  of the photos {about['source']}, sha256 {about['sha256']}", "└─ by"]
    for training in lineage.trainings:
        lines += _format_training(training, lineage)
    behind: list[list[str]] = []
    if lineage.preprocess:
        run = lineage.preprocess
        behind.append([f"runs:/{run.info.run_id}/dataset", f"digest {get_tag(run, 'dataset_digest')}"])
        if corrected := get_group(run, "corrections"):
            behind[-1].append(f"{corrected['summary']}: {corrected['uri']}")
        if more := lineage.more:
            about = _describe_asked(more)
            behind[-1].append(
                f"and of runs:/{more.info.run_id}/photos, for training: {about['source']}, sha256 {about['sha256']}"
            )
        behind[-1] += _format_run(run, lineage)
    if lineage.download:
        run = lineage.download
        behind.append([f"runs:/{run.info.run_id}/photos", f"sha256 {get_tag(run, 'photos_sha256')}"])
        behind[-1] += _format_run(run, lineage)
        source = [f"source {get_tag(run, 'source')}"]
        if fallback := get_tag(run, "source_fallback"):
            source.append(f"instead of {fallback}")
        behind.append(source)
    start = 1 if lineage.trainings else 0
    for depth, block in enumerate(behind, start):
        indent = "   " * depth
        lines.append(f"{indent[:-3]}└─ {block[0]}" if depth else block[0])
        lines += [f"{indent}{'│ ' if block is not behind[-1] else '  '} {line}" for line in block[1:]]
    return "\n".join(lines)


def format_facts(run: Run) -> list[str]:
    """Return lines about the code, environment and machine of a run."""
    commit = run.data.tags.get("mlflow.source.git.commit", "")
    dirty = " with uncommitted changes" if get_tag(run, "git_dirty") == "true" else ""
    facts = [
        f"code {commit[:_SHORT]}{dirty}" if commit else "code of no commit",
        f"lock {(get_tag(run, 'lock_sha256') or 'none')[:_SHORT]}",
        f"Python {get_tag(run, 'python')}, {get_tag(run, 'libraries')}" if get_tag(run, "libraries") else "",
        f"{get_tag(run, 'cpu')}, {get_tag(run, 'threads')} threads" if get_tag(run, "cpu") else "",
    ]
    return [fact for fact in facts if fact]


def _describe_photos(run: Run | None, lineage: Lineage) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "photos": f"runs:/{run.info.run_id}/photos",
        "sha256": get_tag(run, "photos_sha256"),
        "made_by": _describe_run(run, lineage),
        "from": {"source": get_tag(run, "source"), "fallback": get_tag(run, "source_fallback")},
    }


def _describe_asked(run: Run) -> dict[str, str | None]:
    return {"source": get_tag(run, "source"), "sha256": get_tag(run, "photos_sha256")}


def _format_training(training: Training, lineage: Lineage) -> list[str]:
    run, model = training.run, training.model
    tags: Mapping[str, str] = model.tags if model else {}
    lines = [f"models:/{model.model_id}" if model else "a model that is no longer known"]
    inner = [f"{tags.get('pawprint.architecture', '')}, digest {tags.get('pawprint.model_digest')}"]
    for evaluation in training.evaluations:
        metrics = evaluation.data.metrics
        scores = ", ".join(f"{name} {metrics[name]:.4f}" for name in ("test_accuracy", "test_f1") if name in metrics)
        inner.append(f"scored by evaluate {evaluation.info.run_id}{_mark(evaluation, lineage)}: {scores}")
    parameters = ", ".join(
        f"{name} {run.data.params[name]}" for name in ("epochs", "seed", "batch_size") if name in run.data.params
    )
    inner += [*_format_run(run, lineage), parameters]
    if begun := get_tag(run, "weights"):
        inner.append(f"began with the weights of {begun}, digest {str(get_tag(run, 'weights_digest'))[:_SHORT]}")
    if learned_in := get_tag(run, "learned_in"):
        inner.append(f"learned in run {learned_in}, whose model it took")
    return [*lines, *(f"│  {line}" for line in inner if line)]


def _format_run(run: Run, lineage: Lineage) -> list[str]:
    lines = [
        f"{entry_point(run)} {run.info.run_id} ({run.info.status.lower()}, {format_time(run)}){_mark(run, lineage)}"
    ]
    return [*lines, *(f"  {fact}" for fact in format_facts(run))] if entry_point(run) in {"train", "main"} else lines


def _mark(run: Run, lineage: Lineage) -> str:
    return ", reused" if run.info.run_id in lineage.reused else ""


def _describe_training(training: Training, lineage: Lineage) -> dict[str, Any]:
    model = training.model
    return {
        "model": f"models:/{model.model_id}" if model else None,
        "digest": model.tags.get("pawprint.model_digest") if model else None,
        "made_by": _describe_run(training.run, lineage),
        "scored_by": [_describe_run(one, lineage) | {"metrics": one.data.metrics} for one in training.evaluations],
    }


def _describe_run(run: Run, lineage: Lineage) -> dict[str, Any]:
    names: Iterable[str] = (
        "lock_sha256",
        "python",
        "libraries",
        "cpu",
        "threads",
        "git_dirty",
        "cache_key",
        "learned_in",
        "weights",
        "weights_digest",
    )
    return {
        "step": entry_point(run),
        "run": run.info.run_id,
        "status": run.info.status,
        "started": format_time(run),
        "reused": run.info.run_id in lineage.reused,
        "commit": run.data.tags.get("mlflow.source.git.commit"),
        "parameters": run.data.params,
        **{name: get_tag(run, name) for name in names},
    }
