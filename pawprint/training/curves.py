"""Draw loss and accuracy over the epochs of a training."""

from collections.abc import Sequence
from pathlib import Path

TRAIN_COLOUR, VALIDATION_COLOUR = "#1f77b4", "#d62728"


def write_curves(history: Sequence[dict[str, float]], best_epoch: int, path: Path) -> None:
    """Draw loss and accuracy by epoch, for training and validation, and mark the chosen epoch.

    Args:
        history: as `Training.history`; without validation entries only training is drawn.
        best_epoch: epoch whose weights are used.
        path: path of the PNG.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [entry["epoch"] for entry in history]
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, [entry[f"train_{name}"] for entry in history], ".-", color=TRAIN_COLOUR, label="train")
        if f"validation_{name}" in history[0]:
            axes.plot(
                epochs,
                [entry[f"validation_{name}"] for entry in history],
                ".-",
                color=VALIDATION_COLOUR,
                label="validation",
            )
        axes.axvline(best_epoch, color="0.4", linestyle="--", linewidth=1, label=f"taken: epoch {best_epoch}")
        axes.set(title=name.capitalize(), xlabel="epoch", ylabel="cross-entropy" if name == "loss" else "share right")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if len(epochs) == 1:
            axes.set_xlim(epochs[0] - 0.5, epochs[0] + 0.5)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110, format="png")
