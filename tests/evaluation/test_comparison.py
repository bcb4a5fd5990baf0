import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.evaluation.comparison import Comparison, compare_answers


def test_mcnemar_s_exact_test() -> None:
    first = [True] * 80 + [True] * 15 + [False] * 5
    second = [True] * 80 + [False] * 15 + [True] * 5
    found = compare_answers(first, second)
    assert (found.photos, found.only_first, found.only_second) == (100, 15, 5)
    assert found.p_value == pytest.approx(0.0413895, abs=1e-6)  # 2 * P(X <= 5), X of Binomial(20, 1/2)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_the_order_of_the_two_and_of_the_photos_does_not_matter(pairs: list[tuple[bool, bool]]) -> None:
    first, second = zip(*pairs, strict=True)
    one, other = compare_answers(first, second), compare_answers(second[::-1], first[::-1])
    assert one.p_value == other.p_value
    assert (one.only_first, one.only_second) == (other.only_second, other.only_first)
    assert 0 < one.p_value <= 1


def test_equal_answers_differ_by_chance_alone() -> None:
    assert compare_answers([True, False], [True, False]).p_value == 1


def test_answers_that_do_not_pair_are_refused() -> None:
    with pytest.raises(ValueError, match="paired"):
        compare_answers([True], [True, False])


def test_the_interval_of_the_difference_holds_what_it_promises() -> None:
    """Of 95 % intervals, 95 % hold the true difference, for few photos and rare disagreement too."""
    generator = np.random.default_rng(0)
    for photos, only_first, only_second in ((50, 0.1, 0.05), (150, 0.03, 0.01), (500, 0.01, 0.01)):
        counts = generator.multinomial(photos, (only_first, only_second, 1 - only_first - only_second), size=1000)
        intervals = [Comparison(photos, int(one), int(other), 1.0).interval() for one, other, _ in counts]
        assert np.mean([low <= only_first - only_second <= high for low, high in intervals]) > 0.94


def test_two_models_that_agree_may_still_differ_on_other_photos() -> None:
    low, high = compare_answers([True] * 100, [True] * 100).interval()
    assert -low == pytest.approx(high)
    assert 0.01 < high < 0.05
    assert compare_answers([True], [False]).interval()[1] == 1
