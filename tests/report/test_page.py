"""What report.html claims of a training."""

from types import SimpleNamespace

import pytest

from pawprint.report.page import describe_decisions, describe_variation


@pytest.mark.parametrize(
    ("tags", "varied"),
    [({"used.augmentation": "1.0"}, True), ({"used.augmentation": "0.0"}, False), ({}, False)],
    ids=["as measured", "switched off", "pretrained"],
)
def test_photos_are_said_to_be_varied_only_where_they_were(tags: dict[str, str], varied: bool) -> None:
    main = SimpleNamespace(data=SimpleNamespace(tags={f"pawprint.{name}": value for name, value in tags.items()}))
    assert ("varied each time" in describe_variation(main)) == varied
    assert ("as they are" in describe_variation(main)) != varied


def test_nothing_is_said_of_leaving_photos_to_a_person_without_validation_photos() -> None:
    said = describe_decisions({"selection": None, "costs": None})
    assert "there are none" in str(said["left_to_it"])
    assert not said["rests_on"]
    assert describe_decisions({}) == {"left_to_it": None, "rests_on": "", "costs": ""}  # of an older version
