"""Measure what labels are worth that predict's review.html asks for, against labels of photos at random.

    python -m benchmarks.active_learning cat-and-dog.zip sign-digits.zip --picture docs/images/active-learning.png

Begins with 40 labelled training photos (two of each class, the others at random), learns the last layer of
efficientnet_lite0 from them, lets the true labels answer for 20 more, and so on for five rounds. It prints, as a table,
the accuracy on the test photos by labels spent, mean over the seeds with the least and the most, for three choices: the
order of the page, the least sure alone, and at random; and what all labels give. Each seed begins with the same 40
photos for all. Run it in the project's own environment (`make test` builds .venv).
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from pawprint.base.cache import cache_folder
from pawprint.dataset.reader import load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.models import efficientnet_lite0
from pawprint.models.features import FeatureStore
from pawprint.models.unlikeness import measure_distances, measure_distances_within
from pawprint.photos.collection import load_photos
from pawprint.photos.sources import fetch_photos
from pawprint.serving.labelling import choose_photos, measure_uncertainty

START, ROUND, ROUNDS = 40, 20, 5
SPENT = [START + ROUND * number for number in range(ROUNDS + 1)]
UNLIKE = 0.05
"""Share of the labelled photos that counts as unlike the others, as in training."""

Photos = tuple[NDArray[np.float64], NDArray[np.int64]]
Choose = Callable[[Any, NDArray[np.float64], NDArray[np.float64], np.random.Generator], NDArray[np.int64]]
"""From model, features of the labelled photos, and those of the others, to the places of these in the order to ask."""


def by_page(model: Any, known: NDArray[np.float64], others: NDArray[np.float64], _: Any) -> NDArray[np.int64]:
    """Order photos as predict's review.html does."""
    bank, asked = known.astype(np.float32), others.astype(np.float32)
    threshold = np.quantile(measure_distances_within(bank), 1 - UNLIKE)
    unlike = measure_distances(asked, bank) > threshold
    directions = asked / np.linalg.norm(asked, axis=1, keepdims=True)
    return np.array(choose_photos(measure_uncertainty(model.predict_proba(others), unlike), directions))


def by_margin(model: Any, _: Any, others: NDArray[np.float64], __: Any) -> NDArray[np.int64]:
    """Order photos by how close their two likeliest classes are."""
    doubts = measure_uncertainty(model.predict_proba(others), np.zeros(len(others), bool))
    return np.argsort(-doubts, kind="stable")


def at_random(_: Any, __: Any, others: NDArray[np.float64], generator: np.random.Generator) -> NDArray[np.int64]:
    """Order photos at random."""
    return generator.permutation(len(others))


CHOICES: Mapping[str, Choose] = {"the page's order": by_page, "least sure": by_margin, "at random": at_random}


def main() -> None:
    """Measure each set, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", help="photos, as `-P source=`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--picture", type=Path, help="a file for the curves")
    given = parser.parse_args()
    print("| photos | chosen |", *(f"{n} labels |" for n in SPENT), "all labels |")
    print("|" + " --- |" * (len(SPENT) + 3), flush=True)
    found = {}
    for source in given.sources:
        train, test = describe_photos(source)
        best = learn(*train).score(*test)
        curves = {name: measure(train, test, choose, given.seeds) for name, choose in CHOICES.items()}
        found[Path(source).stem] = curves, best
        for name, curve in curves.items():
            cells = [f"{each.mean():.3f} ({each.min():.3f} to {each.max():.3f})" for each in curve.T]
            print(f"| {Path(source).stem} | {name} |", " | ".join(cells), f"| {best:.3f} |", flush=True)
        if given.picture:
            draw(found, given.picture)


def describe_photos(source: str) -> tuple[Photos, Photos]:
    """Return features and labels of all training photos, and of the test photos."""
    size = efficientnet_lite0.RECIPE.image_size
    with tempfile.TemporaryDirectory() as scratch:
        fetch_photos(source, Path(scratch, "photos"), keep_photos="reference", resolve_uri=Path)
        counts = {"train_images": 0, "test_images": 0, "validation_fraction": 0.0}
        folder = Path(scratch, "dataset")
        write_dataset(load_photos(Path(scratch, "photos")), folder, image_size=size, seed=0, **counts)  # type: ignore[arg-type]
        data = load_dataset(folder)
        network = efficientnet_lite0.build(num_classes=2, image_size=size)
        backbone = keras.Model(network.input, network.layers[-1].input, name="efficientnet_lite0")
        store = FeatureStore(cache_folder() / "features", data.digest)
        found = []
        for name in ("train", "test"):
            split = data.splits[name]
            features = store.load(backbone, split.images, name=name).mean(axis=1)  # of both views
            found.append((features.astype(np.float64), np.asarray(split.labels)))
    return found[0], found[1]


def learn(features: NDArray[np.float64], labels: NDArray[np.int64]) -> Any:
    """Return the last layer: a multinomial logistic regression."""
    return LogisticRegression(C=1.0, max_iter=500).fit(features, labels)


def measure(train: Photos, test: Photos, choose: Choose, seeds: int) -> NDArray[np.float64]:
    """Return the accuracy on the test photos by seed and labels spent."""
    features, labels = train
    curves = []
    for seed in range(seeds):
        generator = np.random.default_rng(seed)
        order = generator.permutation(len(labels))
        few = np.concatenate([order[labels[order] == label][:2] for label in np.unique(labels)])
        known = np.concatenate([few, order[~np.isin(order, few)]])[:START]
        curve = []
        for number in range(ROUNDS + 1):
            model = learn(features[known], labels[known])
            curve.append(model.score(*test))
            if number < ROUNDS:
                others = order[~np.isin(order, known)]
                asked = choose(model, features[known], features[others], generator)[:ROUND]
                known = np.concatenate([known, others[asked]])
        curves.append(curve)
    return np.array(curves)


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Draw the curves, a panel for each set."""
    figure = Figure(figsize=(3.6 * len(found), 3.2), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(found)))
    for place, (name, (curves, best)) in zip(axes, found.items(), strict=True):
        for (choice, curve), colour in zip(curves.items(), ("#1f5fa8", "#8a919c", "#b35c00"), strict=True):
            place.plot(SPENT, curve.mean(axis=0), color=colour, label=choice, marker="o", markersize=3)
            place.fill_between(SPENT, curve.min(axis=0), curve.max(axis=0), color=colour, alpha=0.12, linewidth=0)
        place.axhline(best, color="#59616c", linewidth=1, linestyle=":", label="all labels")
        place.set(title=name, xlabel="labels", xticks=SPENT)
        place.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("accuracy on the test photos")
    axes[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    main()
