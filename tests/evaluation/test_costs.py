"""What mistakes cost: as a user writes it, and the answers that cost least."""

import numpy as np
import pytest

from pawprint.base.errors import UserError
from pawprint.evaluation.costs import choose_cheapest, count_costs, describe_costs
from pawprint.models.costs import build_cost_matrix, parse_costs

PETS = ("cats", "dogs")


def test_mistakes_that_are_not_named_cost_1_and_right_answers_nothing() -> None:
    matrix = build_cost_matrix("ant>bee:5, cow>ant:0.5", ["ant", "bee", "cow"])
    assert matrix.tolist() == [[0, 5, 1], [1, 0, 1], [0.5, 1, 0]]
    assert build_cost_matrix("", PETS).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("text", "costs"),
    [
        ("cats>dogs:5", {("cats", "dogs"): 5}),
        ("cats > dogs : 5 ,dogs>cats:1e1", {("cats", "dogs"): 5, ("dogs", "cats"): 10}),
        ("big cats, wild>n: 02:3", {("big cats, wild", "n: 02"): 3}),
        ("猫>犬:0", {("猫", "犬"): 0}),
        ("", {}),
    ],
)
def test_names_are_taken_as_they_are(text: str, costs: dict[tuple[str, str], float]) -> None:
    assert parse_costs(text) == costs


@pytest.mark.parametrize(
    "text", ["cats", "cats>dogs", "cats:5", "cats>dogs:five", "cats>dogs:-1", "cats>dogs:nan", "cats>dogs:inf", ">a:1"]
)
def test_what_cannot_be_read_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match="cats>dogs:5"):
        parse_costs(text)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(UserError, match="no mistake"):
        parse_costs("cats>cats:5")
    with pytest.raises(UserError, match="twice"):
        parse_costs("cats>dogs:5,cats>dogs:6")
    with pytest.raises(UserError, match=r"names wolves, bears; the classes are cats, dogs$"):
        build_cost_matrix("cats>wolves:5,bears>dogs:2", PETS)
    with pytest.raises(UserError, match=r"k11 and 18 more$"):
        build_cost_matrix("k0>x:5", [f"k{number}" for number in range(30)])


def test_the_cheapest_answer_is_that_of_every_sum() -> None:
    rng = np.random.default_rng(0)
    probabilities, matrix = rng.dirichlet(np.ones(4), size=50), rng.integers(1, 9, size=(4, 4)).astype(float)
    for row, chosen in zip(probabilities, choose_cheapest(probabilities, matrix), strict=True):
        sums = [sum(row[true] * matrix[true, said] for true in range(4)) for said in range(4)]
        assert chosen == int(np.argmin(sums))
    # Where all mistakes cost the same, it is the likeliest.
    plain = choose_cheapest(probabilities, build_cost_matrix("", list("abcd")))
    assert (plain == probabilities.argmax(axis=1)).all()


def test_of_two_classes_it_comes_to_a_threshold() -> None:
    """Elkan's: the second class is said above cost(first called second) over the sum of both costs."""
    dogs = np.linspace(0, 1, 1001)
    probabilities = np.stack([1 - dogs, dogs], axis=1)
    counted = count_costs("cats>dogs:3,dogs>cats:1", PETS, np.zeros(1001, dtype=np.int64), probabilities)
    assert counted["threshold"] == 0.75
    said = choose_cheapest(probabilities, build_cost_matrix("cats>dogs:3", PETS))
    assert (said == (dogs > 0.75)).all()
    assert counted["changed"] == ((dogs > 0.5) & (dogs <= 0.75)).sum()


def test_answers_by_cost_are_cheaper_if_the_probabilities_are_true() -> None:
    rng = np.random.default_rng(0)
    dogs = rng.beta(0.3, 0.3, size=4000)
    labels = (rng.random(4000) < dogs).astype(np.int64)
    counted = count_costs("cats>dogs:5", PETS, labels, np.stack([1 - dogs, dogs], axis=1))
    metrics = counted["metrics"]
    assert metrics["test_cost_high"] < metrics["test_cost_plain_low"]
    text = describe_costs({"costs": counted})
    assert "cats>dogs:5" in text
    assert "“dogs” from a probability of 0.833 on" in text
    assert f"100 photos cost {100 * metrics['test_cost']:.1f}" in text


def test_a_threshold_sought_on_few_photos_costs_more() -> None:
    """Why no threshold is sought on validation photos: 150 of them, 100 times, judged by the true probabilities."""
    rng = np.random.default_rng(0)
    sought = []
    true = rng.beta(0.25, 0.25, size=5000)

    def expect(threshold: float) -> float:
        return float(np.where(true > threshold, 5 * (1 - true), true).mean())

    for _ in range(100):
        dogs = np.sort(rng.beta(0.25, 0.25, size=150))
        cats = rng.random(150) >= dogs
        costs = [5 * cats[place:].sum() + (~cats[:place]).sum() for place in range(151)]
        sought.append(expect(float([0, *dogs][int(np.argmin(costs))])))
    assert expect(5 / 6) < 0.97 * np.mean(sought)


def test_nothing_is_said_without_costs() -> None:
    assert describe_costs({"costs": None}) == describe_costs({}) == ""


def test_costs_of_nothing_have_no_threshold() -> None:
    assert count_costs("cats>dogs:0,dogs>cats:0", PETS, np.array([0]), np.array([[0.2, 0.8]]))["threshold"] is None
