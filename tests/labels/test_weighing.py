"""Tables against folders: what a table adds, and when neither is clearly the better."""

import pytest

from pawprint.base.errors import ChoiceError, UserError
from pawprint.labels import choice
from pawprint.labels.choice import choose_reading
from pawprint.labels.readings import Labelled, Listing, Reading
from pawprint.labels.tables import Survey
from tests.labels.test_layouts import counts_of, many

FOLDERS = many("{c}/{n}.jpg", 6, c=("cats", "dogs"))


def table(label_of: dict[str, str], labels: str = "t.csv:file:label", columns: tuple[str, ...] = ()) -> Reading:
    photos = (Labelled(m, label, None, tuple("v" for _ in columns)) for m, label in sorted(label_of.items()))
    return Reading(labels, "a table", tuple(photos), columns=columns)


def choose(monkeypatch: pytest.MonkeyPatch, photos: list[str], *tables: Reading) -> Reading:
    monkeypatch.setattr(choice, "survey_tables", lambda _: Survey(tables, ("a remark of a table",)))
    return choose_reading(Listing(tuple(sorted(photos)), (), lambda _: b""), "auto")


def test_a_table_wins_over_parts_splits_and_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    for layout in ("images_part_{p}/{n}.jpg", "{s}_images/{n}.png", "faces/{k}_{n}.jpg", "patient{p}/{n}.png"):
        photos = many(
            layout,
            6,
            **{f: v for f, v in (("p", "12"), ("s", ("train", "test")), ("k", ("ann", "bob"))) if f"{{{f}}}" in layout},
        )
        said = table({member: "ab"[at % 2] for at, member in enumerate(photos)})
        assert choose(monkeypatch, photos, said) == said


def test_a_table_that_says_the_same_adds_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    same = table({member: member[:1] for member in FOLDERS}, columns=("site",))
    assert choose(monkeypatch, FOLDERS, same) == same


def test_a_table_of_something_else_leaves_the_folders_and_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    sexes = table({member: "mf"[at % 2] for at, member in enumerate(FOLDERS)}, "t.csv:file:sex", ("age",))
    reading = choose(monkeypatch, FOLDERS, sexes)
    assert counts_of(reading) == {None: {"cats": 6, "dogs": 6}}
    assert reading.columns == ("sex", "age")
    assert {one.columns for one in reading.photos} == {("m", "v"), ("f", "v")}


def test_a_label_that_folders_contradict_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    other = table({member: "xy"[at % 2] for at, member in enumerate(FOLDERS)})
    with pytest.raises(
        ChoiceError, match=r"labels=folder  cats \(6\), dogs \(6\)\n  labels=t.csv:file:label  x \(6\), y"
    ):
        choose(monkeypatch, FOLDERS, other)


def test_two_tables_that_differ_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = many("images/{n}.jpg", 12)
    tables = [
        table({m: "ab"[at % 2] for at, m in enumerate(photos)}, "t.csv:file:sex"),
        table({m: "xyz"[at % 3] for at, m in enumerate(photos)}, "t.csv:file:stage"),
    ]
    with pytest.raises(ChoiceError, match=r"labels=t.csv:file:sex .*\n  labels=t.csv:file:stage"):
        choose(monkeypatch, photos, *tables)


def test_test_photos_in_no_folder_of_a_class_are_labelled_by_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    train = many("Train/{c}/{n}.png", 6, c=("0", "1", "2"))
    test = many("Test/{n}.png", 9)
    said = table({member: f"0000{at % 3}" for at, member in enumerate(test)}, "Test.csv:Path:ClassId")
    reading = choose(monkeypatch, [*train, *test, "Meta/0.png"], said)
    assert counts_of(reading) == {"train": dict.fromkeys("012", 6), "test": dict.fromkeys("012", 3)}
    assert reading.left_out == {"in a folder beside those of the classes": 1}


def test_where_nothing_tells_the_tables_remarks_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"no labelled photos.*a remark of a table.*labels=<table>"):
        choose(monkeypatch, many("images/{n}.jpg"))


def test_a_table_without_a_label_adds_its_columns_to_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    photos = tuple(Labelled(member, "", None, (f"P{at // 3}",)) for at, member in enumerate(FOLDERS))
    detail = Reading("", "visits.csv", photos, columns=("patient",), groups=("patient",))
    monkeypatch.setattr(choice, "survey_tables", lambda _: Survey((), (), (detail,)))
    for labels in ("auto", "folder"):
        reading = choose_reading(Listing(tuple(FOLDERS), (), lambda _: b""), labels)
        assert (reading.columns, reading.groups) == (("patient",), ("patient",))
        assert {photo.label for photo in reading.photos} == {"cats", "dogs"}
        assert reading.photos[-1].columns == ("P3",)
