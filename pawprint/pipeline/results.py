"""The results of a main run's repeats: read them from their runs, log them on main, format them as tables."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelOutput, Run

from pawprint.tracking.active import active_run
from pawprint.tracking.descriptions import format_table, link
from pawprint.tracking.digests import log_files
from pawprint.tracking.tags import set_tags

_SHOWN = ("test_accuracy", "test_balanced_accuracy", "test_f1", "test_roc_auc", "test_log_loss")


@dataclass(frozen=True)
class Repeat:
    """One training and its evaluation."""

    seed: int
    model: str
    """`models:/<model id>`."""
    validation_loss: float | None
    """Validation loss of the epoch whose weights are used; None without validation photos."""
    metrics: dict[str, float]
    """The test metrics, with their intervals."""


def read_repeat(*, seed: int, model: str, trained: Run, evaluated: Run) -> Repeat:
    """Return a repeat from its two finished runs."""
    return Repeat(
        seed=seed,
        model=model,
        validation_loss=read_validation(trained)[0],
        metrics={n: v for n, v in evaluated.data.metrics.items() if n.startswith("test_")},
    )


def read_validation(trained: Run) -> tuple[float | None, float | None]:
    """Return validation loss and accuracy of the epoch whose weights are used; None without validation photos."""
    best_epoch = int(trained.data.metrics["best_epoch"])

    def read(name: str) -> float | None:
        history = MlflowClient().get_metric_history(trained.info.run_id, name)
        return next((metric.value for metric in history if metric.step == best_epoch), None)

    return read("validation_loss"), read("validation_accuracy")


def choose_best(repeats: Sequence[Repeat]) -> Repeat:
    """Return the repeat with the lowest validation loss; without validation photos, the first seed.

    The test photos choose nothing. The loss is used because the accuracy on a few hundred photos has coarse steps.
    """
    if any(r.validation_loss is None for r in repeats):
        return repeats[0]
    return min(repeats, key=lambda r: (r.validation_loss, r.seed))


def log_summary(repeats: Sequence[Repeat]) -> None:
    """Log the results on the active run: the metrics of a single repeat, or mean and standard deviation of several.

    It is the sample standard deviation (n - 1), since the repeats are a sample of all seeds. The intervals of single
    repeats are only on their own runs, since they are not intervals of the mean. The best model becomes an output of
    the run, so that MLflow's pages link the two.
    """
    best = choose_best(repeats)
    output = LoggedModelOutput(best.model.removeprefix("models:/"), step=0)
    MlflowClient().log_outputs(active_run().info.run_id, [output])
    set_tags(best_model=best.model)
    if len(repeats) == 1:
        mlflow.log_metrics(best.metrics)
        return
    for name in sorted(set.intersection(*(set(r.metrics) for r in repeats))):
        if name.endswith(("_low", "_high")):
            continue
        values = [r.metrics[name] for r in repeats]
        mlflow.log_metrics({f"{name}_mean": statistics.fmean(values), f"{name}_std": statistics.stdev(values)})
    rows = [["seed", "model", *_SHOWN]]
    rows += [[str(r.seed), r.model, *(str(r.metrics.get(name, "")) for name in _SHOWN)] for r in repeats]
    log_files({"repeats.csv": "".join(",".join(row) + "\n" for row in rows)}, "repeats")


def summarize(repeats: Sequence[Repeat]) -> str:
    """Return the table of results that main prints at the end."""
    names = [name for name in _SHOWN if all(name in r.metrics for r in repeats)]
    header = ["seed", *(name.removeprefix("test_") for name in names)]
    rows = [[str(r.seed), *(f"{r.metrics[name]:.4f}" for name in names)] for r in repeats]
    if len(repeats) > 1:
        columns = [[r.metrics[name] for r in repeats] for name in names]
        rows.append(["mean", *(f"{statistics.fmean(values):.4f}" for values in columns)])
        rows.append(["std", *(f"{statistics.stdev(values):.4f}" for values in columns)])
    widths = [max(len(line[i]) for line in [header, *rows]) for i in range(len(header))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in [header, *rows]]
    best = choose_best(repeats)
    if len(repeats) == 1:
        lines.append(f"model: {best.model}")
    elif best.validation_loss is None:
        lines.append(f"model of the first seed, since no validation photos were held out: {best.model}")
    else:
        lines.append(f"best by validation loss: seed {best.seed}, {best.model}")
    return "test photos\n" + "\n".join(lines)


def format_repeats(repeats: Sequence[Repeat]) -> str:
    """Return a Markdown table of the repeats' test results, with the best one in bold."""
    best = choose_best(repeats)
    rows = [
        [
            f"**{repeat.seed}**" if repeat is best else str(repeat.seed),
            link(repeat.model),
            *(f"{repeat.metrics[name]:.4f}" if name in repeat.metrics else "" for name in ("test_accuracy", "test_f1")),
            "" if repeat.validation_loss is None else f"{repeat.validation_loss:.4f}",
        ]
        for repeat in repeats
    ]
    return format_table(["seed", "model", "test accuracy", "test F1", "validation loss"], rows)
