import hashlib
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.base.errors import UserError
from pawprint.dataset.splits import Candidate, assign_splits, join_groups
from pawprint.dataset.times import divide_by_time, parse_times, read_times

WANTED = {"train_images": 0, "test_images": 0, "validation_fraction": 0.2}
DAYS = [datetime(2023, 11, 28) + timedelta(days=number, hours=number) for number in range(40)]


@pytest.mark.parametrize(
    "form",
    [
        "%Y-%m-%d",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M:%S+01:00",
        "%Y:%m:%d %H:%M:%S",
        "%Y/%m/%d",
        "%d.%m.%Y",
        "%d/%m/%Y %H:%M",
        "%m/%d/%Y",
        "%m/%d/%Y %I:%M %p",
        "%d %b %Y",
        "%B %d, %Y",
        "%Y%m%d",
        "%Y%m%d%H%M%S",
    ],
)
def test_dates_order_as_they_follow_each_other_in_every_common_way_of_writing(form: str) -> None:
    texts = [day.strftime(form) for day in DAYS]
    times = parse_times(texts, "date")
    assert times == sorted(times)
    assert len(set(times)) == len(set(texts))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["03/04/2024", "05/06/2024"], "'03/04/2024' can be 03 April 2024 or 04 March 2024"),
        (["03.04.2024"], "write dates like 2024-05-31"),
        (["13/04/2024", "04/13/2024"], "not written alike"),
        (["2024-01-01", "last summer", "?"], r"2 of 3 values are no times \('\?', 'last summer'\)"),
        (["2024-01-01", "2024-01-01T00:00:00+00:00"], "not written alike"),
        (["2019", "20200131"], "2019 and 20200131 are not numbers of one kind"),
        (["1700000000", "1700000000000"], "seconds and thousandths"),
        (["03/04/24"], "no times"),
    ],
)
def test_times_that_can_be_misread_are_refused_with_examples(texts: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse_times(texts, "date")


def test_a_missing_column_and_missing_times_are_named() -> None:
    with pytest.raises(UserError, match=r"split_by_time=dates .*did you mean date\?.*columns date, site"):
        read_times("dates", ["a"], ["date", "site"], {"a": ("2024", "x")}, {})
    with pytest.raises(UserError, match=r"1 of 2 photos have no time \(such as b\)"):
        read_times("date", ["a", "b"], ["date"], {"a": ("2024",), "b": (" ",)}, {})
    with pytest.raises(UserError, match="no table beside the photos, and only exif"):
        read_times("date", ["a"], [], {"a": ()}, {})


def make_photos(times: list[int], group_every: int = 0) -> list[Candidate]:
    return [
        Candidate(
            f"{number}",
            "ab"[number % 2],
            None,
            hashlib.sha256(str(number).encode()).hexdigest(),
            group=f"G{number // group_every}" if group_every else None,
            time=float(time),
        )
        for number, time in enumerate(times)
    ]


@given(times=st.lists(st.integers(0, 30), min_size=2, max_size=80), group_every=st.sampled_from([0, 1, 3]))
def test_no_training_photo_is_later_than_the_first_of_the_test_and_equal_times_stay_together(
    times: list[int], group_every: int
) -> None:
    photos = make_photos(times, group_every)
    unit_of = join_groups(photos)
    latest = {unit: max(c.time or 0.0 for c in photos if unit_of[c.member] == unit) for unit in set(unit_of.values())}
    if len(set(latest.values())) == 1:
        with pytest.raises(UserError, match="the same time"):
            divide_by_time(photos, [], **WANTED)
        return
    divided = divide_by_time(photos, [], **WANTED)
    sides: dict[str, set[float]] = {"train": set(), "validation": set(), "test": set()}
    for c in divided:
        sides[c.named_split or ""].add(latest[unit_of[c.member]])
    assert sides["train"] and sides["test"]
    assert max(sides["train"]) < min(sides["test"])
    if sides["validation"]:
        assert max(sides["train"]) < min(sides["validation"]) <= max(sides["validation"]) < min(sides["test"])
    assert divide_by_time(photos[::-1], [], **WANTED) == divided[::-1]


def test_the_share_asked_for_is_met_as_nearly_as_equal_times_allow() -> None:
    divided = divide_by_time(make_photos(list(range(100))), [], **WANTED)
    assert [sum(c.named_split == split for c in divided) for split in ("train", "validation", "test")] == [64, 16, 20]
    asked = {**WANTED, "train_images": 30, "test_images": 10}
    divided = divide_by_time(make_photos(list(range(100))), [], **asked)
    assert sum(c.named_split == "test" for c in divided) == 25
    chosen = assign_splits(divided, **asked, seed=0, fill=False)
    assert {split: len(photos) for split, photos in chosen.items()} == {"train": 24, "validation": 6, "test": 10}
    assert max(c.time or 0 for c in chosen["train"]) < min(c.time or 0 for c in chosen["test"])
