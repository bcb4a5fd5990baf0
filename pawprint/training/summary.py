"""What is said of a training: lines for the console, sentences for the run's page, metrics of the whole."""

from collections.abc import Mapping

from pawprint.training.devices import matrix_product_rate
from pawprint.training.epochs import Training
from pawprint.training.finetuning import AUTO_EPOCHS, Finetuning, count_mistakes
from pawprint.training.task import TrainingTask


def format_metrics(metrics: Mapping[str, float]) -> str:
    """Return the losses and accuracies of an epoch in a line."""
    shown = ((name, value) for name, value in metrics.items() if name.startswith(("train_", "validation_")))
    return "  ".join(f"{name} {value:.4f}" for name, value in shown)


def summarize(training: Training) -> dict[str, float]:
    """Return the metrics of the whole training, without speeds that could not be measured."""
    metrics: dict[str, float] = {"best_epoch": training.best_epoch}
    if training.earlier:
        metrics["finetuned_from"] = training.earlier + 1
    if training.images_per_second:
        metrics["images_per_second"] = training.images_per_second
    if training.flops_per_second:
        metrics["flops_utilization"] = training.flops_per_second / matrix_product_rate()
    return metrics


def describe_finetuning(task: TrainingTask, finetuning: Finetuning | None, training: Training) -> str:
    """Return in a sentence whether fine-tuning helped, or why there was none; "" if nothing can be said of it.

    Args:
        task: the training of the last layer.
        finetuning: how the later layers were to learn.
        training: the result of both.
    """
    if finetuning is None or task.validation is None:
        return ""
    if not training.earlier:
        mistakes = count_mistakes(training.history[training.best_epoch - 1], task)
        return (
            f"Only the last layer learned: it gets {mistakes} of {len(task.validation.labels)} validation photos "
            f"wrong, too few to tell whether fine-tuning would help; finetune={AUTO_EPOCHS} fine-tunes all the same."
        )
    phases = training.history[: training.earlier], training.history[training.earlier :]
    losses = [min(entry["validation_loss"] for entry in phase) for phase in phases]
    taken = "the fine-tuned network" if training.best_epoch > training.earlier else "the last layer alone"
    return (
        f"On the validation photos the last layer alone reached a loss of {losses[0]:.4f}, fine-tuning "
        f"{losses[1]:.4f}: {taken} was taken."
    )
