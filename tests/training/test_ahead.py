"""What is prepared beside the training comes in order, once, and not further ahead than one."""

import threading

import pytest

from pawprint.training.batches import prepare_ahead


def test_results_come_in_order_each_made_once() -> None:
    made: list[int] = []

    def double(number: int) -> int:
        made.append(number)
        return number * 2

    assert list(prepare_ahead(range(5), double)) == [0, 2, 4, 6, 8]
    assert made == [0, 1, 2, 3, 4]
    assert list(prepare_ahead([], double)) == []


def test_the_next_is_made_while_the_caller_works() -> None:
    started = {number: threading.Event() for number in range(3)}
    results = prepare_ahead(range(3), lambda number: started[number].set() or number)
    assert next(results) == 0
    assert started[1].wait(5)
    assert not started[2].is_set()  # memory: one batch ahead, not the epoch


def test_an_error_reaches_the_caller() -> None:
    def fail(_: int) -> int:
        raise ValueError("unreadable")

    with pytest.raises(ValueError, match="unreadable"):
        list(prepare_ahead(range(3), fail))
