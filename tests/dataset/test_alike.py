"""The search on all cores, and by other processes, finds what comparing pair by pair finds."""

import numpy as np
import pytest

from pawprint.dataset import alike, comparisons
from pawprint.dataset.alike import MIN_COSINE, find_alike
from pawprint.dataset.likeness import MIRROR, NUM_COEFFICIENTS, Pixels, describe
from pawprint.dataset.near_duplicates import NearDuplicate, NearDuplicates


def make_descriptors(number: int) -> np.ndarray:
    """Return descriptors of random numbers, a third of them changed copies of earlier ones, or mirrored, or blank."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(number, NUM_COEFFICIENTS))
    copies = np.arange(number // 3, 2 * number // 3)
    table[copies] = table[copies - number // 3] + rng.uniform(0.5, 1.2, (len(copies), 1)) * table[copies]
    table[copies[::2]] *= MIRROR
    table *= 127 / np.linalg.norm(table, axis=1, keepdims=True)
    table[-5:] = 0
    return rng.permutation(table.round().astype(np.int8))


@pytest.mark.parametrize("known", [0, 100, 599])
def test_the_pairs_are_those_of_comparing_each_with_each(monkeypatch: pytest.MonkeyPatch, known: int) -> None:
    monkeypatch.setattr(alike, "_ROWS", 64)
    monkeypatch.setattr(alike, "_COLUMNS", 50)
    table = make_descriptors(600)
    found = {photo: others.tolist() for photo, others in find_alike(table, known)}
    whole = table.astype(np.int64)
    products = np.maximum(whole @ whole.T, (whole * MIRROR) @ whole.T)
    lengths = np.linalg.norm(whole, axis=1)
    expected = {}
    for photo in range(known, 600):
        others = [n for n in range(photo) if products[photo, n] >= MIN_COSINE * lengths[photo] * lengths[n] > 0]
        if others:
            expected[photo] = sorted(others, key=lambda n: (-products[photo, n], n))
    assert found == expected
    assert known > 500 or len(expected) > 50


def search(squares: dict[str, Pixels]) -> list[NearDuplicate]:
    near = NearDuplicates(squares.__getitem__)
    for name, square in squares.items():
        near.add(name, describe(square))
    near.search()
    return near.pairs


def test_other_processes_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    rough = [np.kron(rng.integers(0, 255, (8, 8, 3)), np.ones((8, 8, 1))) for _ in range(6)]
    squares = {
        f"{n:02}": np.clip(rough[n % 6] + rng.normal(0, n % 5, (64, 64, 3)), 0, 255).astype(np.uint8) for n in range(30)
    }
    alone = search(squares)
    monkeypatch.setattr(comparisons, "FEW", 3)
    monkeypatch.setattr(comparisons, "count_cores", lambda: 2)
    assert search(squares) == alone
    assert len(alone) == 24
