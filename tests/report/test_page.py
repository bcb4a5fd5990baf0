"""What report.html claims of a training."""

from types import SimpleNamespace
from typing import Any

import pytest

from pawprint.report.page import describe_decisions, describe_variation


def main_with(tags: dict[str, str]) -> Any:
    return SimpleNamespace(data=SimpleNamespace(tags={f"pawprint.{name}": value for name, value in tags.items()}))


def training_with(metrics: dict[str, float]) -> Any:
    return SimpleNamespace(data=SimpleNamespace(metrics=metrics))


@pytest.mark.parametrize(
    ("tags", "varied"),
    [({"used.augmentation": "1.0"}, True), ({"used.augmentation": "0.0"}, False), ({}, False)],
    ids=["as measured", "switched off", "pretrained"],
)
def test_photos_are_said_to_be_varied_only_where_they_were(tags: dict[str, str], varied: bool) -> None:
    main = main_with(tags)
    assert ("varied each time" in describe_variation(main, training_with({}))) == varied
    assert ("as they are" in describe_variation(main, training_with({}))) != varied


def test_fine_tuning_varies_photos_after_the_last_layer_has_learned() -> None:
    said = describe_variation(main_with({}), training_with({"finetuned_from": 31}))
    assert said.startswith("Up to epoch 30 the last layer learns alone, and training photos are shown as they are")
    assert "varied each time" in said


def test_nothing_is_said_of_leaving_photos_to_a_person_without_validation_photos() -> None:
    said = describe_decisions({"selection": None, "costs": None})
    assert "there are none" in str(said["left_to_it"])
    assert not said["rests_on"]
    assert describe_decisions({}) == {"left_to_it": None, "rests_on": "", "costs": ""}  # of an older version
