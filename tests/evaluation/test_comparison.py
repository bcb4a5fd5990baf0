import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.evaluation.comparison import compare_answers


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
