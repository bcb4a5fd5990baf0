"""Compare an exported network with its original: are the answers the same, and how fast is each on this machine?

A format with weights of fewer bits never gives the same probabilities. What counts is then what it costs in accuracy on
the same photos.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pawprint.dataset.shards import Images
from pawprint.evaluation.comparison import compare_answers
from pawprint.models.kind import choose_evenly
from pawprint.models.network_file import PROBABILITIES, UNLIKENESS
from pawprint.models.prediction import Compiled, collect_outputs, compile_network

NUM_PHOTOS = 500  # compared at most
MAX_DIFFERENCE = 1e-4
"""Largest difference of a probability: runtimes round differently, but everything else must be equal."""
MAX_COST = 0.01
"""Largest loss of accuracy that a quantized network may cost."""
MAX_UNLIKENESS_DIFFERENCE = 1e-3
"""Largest difference of an unlikeness (for those above 1, as a share of it): it is the difference of two numbers close
to 1, divided by a small one, so it has fewer right digits than a probability."""
_BATCH, _SINGLES, _BATCHES = 32, 20, 3


@dataclass(frozen=True)
class Agreement:
    """The comparison of two networks on the same photos.

    Attributes:
        photos: the number of photos compared.
        max_difference: the largest difference between two probabilities of the same photo and class.
        same_labels: the number of photos with the same predicted label.
        accuracy_cost: the network's accuracy minus the export's.
        accuracy_cost_low: lower end of its 95 % interval.
        accuracy_cost_high: upper end.
        quantized: whether the export has weights of fewer bits, so that only its accuracy is judged.
        unlikeness_difference: the largest difference between two unlikenesses of the same photo, those above 1 as a
            share; None for networks without unlikeness.
    """

    photos: int
    max_difference: float
    same_labels: int
    accuracy_cost: float
    accuracy_cost_low: float
    accuracy_cost_high: float
    quantized: bool
    unlikeness_difference: float | None = None

    @property
    def holds(self) -> bool:
        """Whether no output differs by its largest difference or more; of a quantized one, whether it costs little."""
        if self.quantized:
            # Rounded, since 0.97 - 0.96 is a little more than 0.01.
            return round(self.accuracy_cost, 9) <= MAX_COST
        alike = self.unlikeness_difference is None or self.unlikeness_difference < MAX_UNLIKENESS_DIFFERENCE
        return self.max_difference < MAX_DIFFERENCE and alike

    def facts(self) -> dict[str, Any]:
        """Return the entries for export.json."""
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True)
class Reference:
    """A network's own answers to some photos, with which its exports are compared.

    Attributes:
        network: keras.Model from pixels 0..255 [n, image_size, image_size, 3] to probabilities [n, k].
        image_size: side in pixels of its input.
        photos: uint8 [n, side, side, 3].
        labels: their class numbers, int64 [n].
        probabilities: its answers, float32 [n, k].
        unlikeness: its second output, float32 [n]; None if it has none.
    """

    network: Any
    image_size: int
    photos: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    unlikeness: npt.NDArray[np.float32] | None = None

    def compare(self, exported: Compiled, *, quantized: bool = False) -> Agreement:
        """Compare an export's answers to the same photos."""
        outputs = collect_outputs(exported.outputs, self.photos, self.image_size)
        found, unlikeness_difference = outputs[PROBABILITIES], None
        if self.unlikeness is not None:
            # An export without this output is no export of this network.
            unlikeness = outputs.get(UNLIKENESS, np.full(len(found), np.inf, np.float32))
            differences = np.abs(self.unlikeness - unlikeness) / np.maximum(1, self.unlikeness)
            unlikeness_difference = float(differences.max())
        chosen, expected = found.argmax(axis=1), self.probabilities.argmax(axis=1)
        right = compare_answers((expected == self.labels).tolist(), (chosen == self.labels).tolist())
        low, high = right.interval()
        return Agreement(
            photos=len(found),
            max_difference=float(np.abs(self.probabilities - found).max()),
            same_labels=int((chosen == expected).sum()),
            accuracy_cost=right.difference,
            accuracy_cost_low=low,
            accuracy_cost_high=high,
            quantized=quantized,
            unlikeness_difference=unlikeness_difference,
        )


def ask_network(network: Any, images: Images, labels: npt.NDArray[np.int64], image_size: int) -> Reference:
    """Return a network's answers to at most `NUM_PHOTOS` photos.

    Args:
        network: keras.Model from pixels 0..255 [n, image_size, image_size, 3] to probabilities [n, k].
        images: photos, all of one size.
        labels: their class numbers, [n].
        image_size: side in pixels of the network's input.
    """
    places = choose_places(len(images))
    photos = images[places]
    outputs = collect_outputs(compile_network(network, image_size).outputs, photos, image_size)
    return Reference(network, image_size, photos, labels[places], outputs[PROBABILITIES], outputs.get(UNLIKENESS))


def choose_places(length: int, number: int = NUM_PHOTOS) -> npt.NDArray[np.int64]:
    """Return at most `number` places from 0 to `length` - 1, evenly spaced: int64 [n]."""
    return choose_evenly(length, number)


def describe_agreement(agreement: Agreement) -> str:
    """Return in words how an export agrees with its model."""
    if agreement.quantized:
        low, cost, high = (
            100 * value
            for value in (agreement.accuracy_cost_low, agreement.accuracy_cost, agreement.accuracy_cost_high)
        )
        return (
            f"on {agreement.photos} photos it costs {cost:.1f} points of accuracy (95 % interval {low:.1f} to "
            f"{high:.1f}); {agreement.same_labels} labels are the same, and probabilities differ by at most "
            f"{agreement.max_difference:.2g}"
        )
    bound = "" if agreement.max_difference < MAX_DIFFERENCE else f", {MAX_DIFFERENCE:g} or more"
    unlike = agreement.unlikeness_difference
    limit = "" if unlike is None or unlike < MAX_UNLIKENESS_DIFFERENCE else f", {MAX_UNLIKENESS_DIFFERENCE:g} or more"
    return (
        f"on {agreement.photos} photos no probability differs from the model's by more than "
        f"{agreement.max_difference:.1e}{bound}"
        + ("" if unlike is None else f", no unlikeness by more than {unlike:.1e}{limit}")
        + f", and {agreement.same_labels} labels are the same"
    )


def time_network(network: Any, photos: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Return the median milliseconds for a single photo, and for each of a batch of 32, after a warm-up call.

    Args:
        network: called with float32 [n, image_size, image_size, 3]; a keras.Model is compiled first, as a server would.
        photos: uint8 [n, image_size, image_size, 3].
    """
    batch = np.resize(photos, (_BATCH, *photos.shape[1:])).astype(np.float32)
    answer = _compile(network)
    return {
        "alone": _milliseconds(lambda: answer(batch[:1]), _SINGLES),
        "in_batches": _milliseconds(lambda: answer(batch), _BATCHES) / _BATCH,
    }


def _compile(network: Any) -> Callable[[npt.NDArray[np.float32]], Any]:
    import keras

    if isinstance(network, keras.Model):
        return compile_network(network, network.input_shape[1])
    exported: Callable[[npt.NDArray[np.float32]], Any] = network
    return exported


def _milliseconds(call: Callable[[], Any], times: int) -> float:
    call()
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds)
