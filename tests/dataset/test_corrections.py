"""Corrections of labels: what a file may hold, and what becomes of the photos."""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pawprint.base.errors import UserError
from pawprint.base.tables import TableWriter, disarm, read_rows, rearm
from pawprint.dataset import corrections
from pawprint.dataset.corrections import (
    COLUMNS,
    Correction,
    check_corrections,
    merge_corrections,
    read_corrections,
    write_corrections,
)
from pawprint.dataset.reader import load_dataset
from pawprint.dataset.writer import write_dataset
from pawprint.drawn.drawings import Drawing, draw_photo
from pawprint.photos.collection import load_photos
from pawprint.photos.sources import fetch_photos
from tests.conftest import draw_tiny_photo

TinyPhotos = Callable[..., Path]
DIGEST = "0" * 64
ROW = Correction(DIGEST, "cats/1.jpg", "label", "cats", "dogs", "doubted", "Anna", "2026-01-02T03:04:05Z", "0a" * 16)


def make(folder: Path, source: Path, rows: Iterable[Correction] = (), **changes: Any) -> dict[str, Any]:
    if not (photos := source.with_name(f"{source.name}-photos")).exists():
        fetch_photos(str(source), photos, keep_photos="copy", resolve_uri=Path)
    arguments = {"image_size": 16, "train_images": 0, "test_images": 0, "validation_fraction": 0.2, "seed": 0}
    return write_dataset(load_photos(photos), folder, **{**arguments, "corrections": list(rows), **changes})


def index_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        return {row["member"]: row for row in csv.DictReader(file)}


def outcomes_of(folder: Path) -> dict[str, str]:
    with (folder / "corrections.csv").open(newline="", encoding="utf-8") as file:
        return {row["name"]: row["outcome"] for row in csv.DictReader(file)}


def correct(folder: Path, member: str, new: str = "", **changes: Any) -> Correction:
    """A correction of a photo that is in a dataset; without a new label it leaves the photo out."""
    row = index_of(folder)[member]
    action = "label" if new else "leave_out"
    return replace(Correction(row["sha256"], member, action, row["label"], new, "", "Anna"), **changes)


def members_in(folder: Path, split: str) -> list[str]:
    return [member for member, row in index_of(folder).items() if row["split"] == split]


def test_a_correction_changes_the_label_and_no_side(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20)
    before = make(tmp_path / "before", source, train_images=20, test_images=10)
    cats = [m for m in members_in(tmp_path / "before", "train") if m.startswith("cats")]
    rows = [correct(tmp_path / "before", cats[0], "dogs"), correct(tmp_path / "before", cats[1])]
    after = make(tmp_path / "after", source, rows, train_images=20, test_images=10)
    old, new = index_of(tmp_path / "before"), index_of(tmp_path / "after")
    assert {m: row["split"] for m, row in old.items() if m != cats[1]} == {m: row["split"] for m, row in new.items()}
    assert (new[cats[0]]["label"], new[cats[0]]["original_label"]) == ("dogs", "cats")
    assert all(row["original_label"] == old[m]["label"] for m, row in new.items())
    assert after["digest"] != before["digest"]
    assert outcomes_of(tmp_path / "after") == {cats[0]: "relabelled", cats[1]: "left out"}
    assert "left out by a correction" in (tmp_path / "after" / "quarantine.csv").read_text()
    assert after["notes"][0].startswith(
        "1 label corrected and 1 photo left out by Anna (2); no other photo changes sides"
    )
    data = load_dataset(tmp_path / "after")
    train = data.splits["train"]
    assert data.class_names[train.labels[train.members.index(cats[0])]] == "dogs"
    assert train.columns == {}  # the original label is no column of the photos' table


def test_the_digest_stays_where_nothing_is_applied(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=12)
    before = make(tmp_path / "before", source)
    train, test = members_in(tmp_path / "before", "train"), members_in(tmp_path / "before", "test")
    cat = next(m for m in train if m.startswith("cats"))
    other = next(m for m in train if m.startswith("cats") and m != cat)
    rows = [
        correct(tmp_path / "before", cat, "", action="keep"),
        correct(tmp_path / "before", test[0], "foxes"),
        correct(tmp_path / "before", other, "dogs"),
        correct(tmp_path / "before", other, "foxes", reviewer="Ben"),
        correct(tmp_path / "before", train[-1], "foxes", old_label="wolves"),
        replace(ROW, name="gone.jpg"),
    ]
    after = make(tmp_path / "after", source, rows)
    assert after["digest"] == before["digest"]
    said = outcomes_of(tmp_path / "after")
    assert said[cat] == "confirmed"
    assert said[test[0]].startswith("a test photo")
    assert said[other] == "reviewers disagree (Anna: dogs; Ben: foxes)"
    assert said[train[-1]].startswith("the old label is not what is there")
    assert said["gone.jpg"] == "no photo has this digest"
    notes = " ".join(after["notes"])
    for part in ("reviewers disagree", "gone.jpg", "a test photo, which only correct_test=true", "no photo has this"):
        assert part in notes


def test_test_photos_are_corrected_only_on_request_and_loudly(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20)
    make(tmp_path / "before", source)
    test = members_in(tmp_path / "before", "test")
    row = correct(tmp_path / "before", test[0], "dogs" if test[0].startswith("cats") else "cats")
    after = make(tmp_path / "after", source, [row], correct_test=True)
    assert index_of(tmp_path / "after")[test[0]]["label"] == row.new_label
    assert members_in(tmp_path / "after", "test") == test
    assert any(note.startswith("TEST PHOTOS: 1 of them") for note in after["notes"])
    assert after["corrections"]["test_photos"] == 1


def test_a_picture_under_two_labels_comes_back_for_training_and_moves_nothing(
    tiny_photos: TinyPhotos, tmp_path: Path
) -> None:
    source = tiny_photos(photos=20)
    both = draw_tiny_photo(np.random.default_rng(99), 0.0)
    for label in ("cats", "dogs"):
        (source / label / "both.jpg").write_bytes(both)
    make(tmp_path / "before", source)
    before = index_of(tmp_path / "before")
    assert "cats/both.jpg" not in before
    row = Correction(hashlib.sha256(both).hexdigest(), "both.jpg", "label", "dogs", "cats")
    after = make(tmp_path / "after", source, [row])
    now = index_of(tmp_path / "after")
    (back,) = set(now) - set(before)
    assert (now[back]["split"], now[back]["label"]) == ("train", "cats")
    assert {m: row["split"] for m, row in before.items()} == {m: now[m]["split"] for m in before}
    assert any(note.startswith("1 photo") and "used again" in note for note in after["notes"])
    assert back not in (tmp_path / "after" / "quarantine.csv").read_text()


def test_a_new_class_needs_as_many_photos_as_any_other(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20)
    make(tmp_path / "before", source)
    train, test = members_in(tmp_path / "before", "train"), members_in(tmp_path / "before", "test")
    foxes = [correct(tmp_path / "before", member, "foxes") for member in train[:3]]
    alone = make(tmp_path / "alone", source, foxes)
    assert alone["class_names"] == ["cats", "dogs"]
    assert "'foxes' is left out" in (tmp_path / "alone" / "quarantine.csv").read_text()
    assert outcomes_of(tmp_path / "alone")[train[0]].startswith("the photo is not among those used: class 'foxes'")
    rows = [*foxes, correct(tmp_path / "before", test[0], "foxes")]
    whole = make(tmp_path / "whole", source, rows, correct_test=True)
    assert whole["class_names"] == ["cats", "dogs", "foxes"]
    assert whole["counts"]["train"]["foxes"] == 3
    everything = [correct(tmp_path / "before", member, "cats") for member in train if member.startswith("dogs")]
    with pytest.raises(UserError, match="needs two classes, and the corrections leave fewer"):
        make(tmp_path / "none", source, everything)


def test_corrections_of_other_photos_are_refused(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no photo here has the digest of any of the 1 rows"):
        make(tmp_path / "dataset", tiny_photos(), [ROW])


def test_what_was_written_is_a_source_again_with_the_same_result(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=12)
    make(tmp_path / "before", source)
    member = members_in(tmp_path / "before", "train")[0]
    first = make(tmp_path / "first", source, [correct(tmp_path / "before", member, "dogs"), ROW])
    rows = merge_corrections([read_corrections(tmp_path / "first" / "corrections.csv", "corrections.csv")])
    assert make(tmp_path / "second", source, rows)["digest"] == first["digest"]


def test_one_reviewer_wins_where_it_is_said() -> None:
    other = replace(ROW, new_label="foxes", reviewer="Ben")
    third = replace(other, digest="1" * 64)
    assert merge_corrections([[ROW], [other, third]]) == [ROW, third]
    assert len(merge_corrections([[ROW, other, ROW]])) == 2


HOSTILE = {
    "no table": ("\x00\x00", "no table|lacks the columns"),
    "no bytes": ("", "lacks the columns"),
    "other columns": ("member,label\na,b\n", "lacks the columns action, digest, new_label, old_label"),
    "no digest": ("digest,action,old_label,new_label\n=cmd(),label,cats,dogs\n", r"row 2: '=cmd\(\)' is no sha256"),
    "other action": (f"digest,action,old_label,new_label\n{DIGEST},burn,cats,dogs\n", "row 2: the action is 'burn'"),
    "no new label": (f"digest,action,old_label,new_label\n{DIGEST},label,cats,\n", "row 2: a new label goes with"),
    "nothing to keep": (f"digest,action,old_label,new_label\n{DIGEST},keep,,\n", "row 2: the old label is empty"),
    "long label": (f"digest,action,old_label,new_label\n{DIGEST},label,cats,{'x' * 201}\n", "more than 200 characters"),
    "unprintable": (f"digest,action,old_label,new_label\n{DIGEST},label,cats,a\x1bb\n", "can't be printed"),
    "short row": (f"digest,action,old_label,new_label\n{DIGEST}\n", "row 2: the action is ''"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_none_ends_in_a_line(kind: str, tmp_path: Path) -> None:
    text, said = HOSTILE[kind]
    (tmp_path / "c.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said) as caught:
        read_corrections(tmp_path / "c.csv", "c.csv")
    assert "\n" not in str(caught.value)


def test_too_many_rows_and_bytes_end_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corrections([(replace(ROW, digest=f"{n:064x}"), "") for n in range(30)], tmp_path / "c.csv")
    monkeypatch.setattr(corrections, "MOST_ROWS", 20)
    with pytest.raises(UserError, match="more than 20 rows"):
        read_corrections(tmp_path / "c.csv", "c.csv")
    monkeypatch.setattr(corrections, "MOST_BYTES", 100)
    with pytest.raises(UserError, match="at most 100"):
        read_corrections(tmp_path / "c.csv", "c.csv")
    (tmp_path / "latin.csv").write_bytes(b"\xe9")
    with pytest.raises(UserError, match="no table in UTF-8"):
        read_corrections(tmp_path / "latin.csv", "latin.csv")


@pytest.mark.parametrize("end", [",", ";"])
def test_a_spreadsheet_may_have_saved_it(tmp_path: Path, end: str) -> None:
    lines = [COLUMNS, [getattr(ROW, column) for column in COLUMNS]]
    (tmp_path / "c.csv").write_text("\n".join(end.join(line) for line in lines), encoding="utf-8-sig")
    assert read_corrections(tmp_path / "c.csv", "c.csv") == [ROW]


def test_a_class_that_a_spreadsheet_would_run_comes_through(tmp_path: Path) -> None:
    evil = replace(ROW, name="<script>alert(1)</script>.jpg", old_label="=cmd()", new_label="'@sum", reviewer="+Ben")
    write_corrections([(evil, "relabelled")], tmp_path / "c.csv")
    assert read_corrections(tmp_path / "c.csv", "c.csv") == [evil]
    cells = next(csv.reader([(tmp_path / "c.csv").read_text().splitlines()[1]]))
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


@given(st.lists(st.text(st.sampled_from("'=+-@\t\r\nab1.e"), max_size=6), min_size=1, max_size=4))
def test_no_cell_is_run_and_each_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    assert [rearm(str(disarm(cell))) for cell in cells] == cells
    for cell in cells:
        written = str(disarm(cell))
        try:
            float(written)
        except ValueError:
            assert not written.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        TableWriter(file).writerow(["first", *cells])
    with path.open(newline="", encoding="utf-8") as file:
        assert list(read_rows(file)) == [["first", *cells]]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("gone.csv", "'gone.csv' is no file in .*; give an absolute path"),
        ("/gone.csv", "'/gone.csv' is no file; expected one that review.html has saved"),
        ("a.csv,,b.csv", "names nothing at one place"),
        ("runs:/0", "expected runs:/<run id>/<path>/corrections.csv"),
    ],
)
def test_a_parameter_that_names_nothing_ends_in_a_line(value: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_corrections(value)


def test_dataset_json_says_who_corrected_what_and_when(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=12)
    make(tmp_path / "before", source)
    cats = [m for m in members_in(tmp_path / "before", "train") if m.startswith("cats")]
    rows = [
        correct(tmp_path / "before", cats[0], "dogs", time="2026-01-02T10:00:00Z", run="b" * 32),
        correct(tmp_path / "before", cats[1], reviewer="Ben", time="2026-01-01T10:00:00Z", run="a" * 32),
    ]
    make(tmp_path / "after", source, rows)
    facts = json.loads((tmp_path / "after" / "dataset.json").read_text())["corrections"]
    assert facts["outcomes"] == {"relabelled": 1, "left out": 1}
    assert facts["by"] == {"Anna": 1, "Ben": 1}
    assert facts["runs"] == ["a" * 32, "b" * 32]
    assert facts["summary"].startswith(
        "1 label corrected and 1 photo left out by Anna (1), Ben (1), 2026-01-01 to 2026-01"
    )


@pytest.mark.parametrize("way", ["group", "drop"])
def test_copies_under_two_labels_come_back_once_their_labels_agree(
    tiny_photos: TinyPhotos, tmp_path: Path, way: str
) -> None:
    source = tiny_photos(photos=10)
    scene = draw_photo(Drawing(0, "cat", 1))
    (source / "cats" / "scene.jpg").write_bytes(scene)
    with Image.open(io.BytesIO(scene)) as picture:
        picture.save(source / "dogs" / "scene.jpg", quality=60)
    sizes = {"image_size": 64, "near_duplicates": way}
    make(tmp_path / "before", source, **sizes)
    before = index_of(tmp_path / "before")
    assert not {"cats/scene.jpg", "dogs/scene.jpg"} & set(before)
    wrong = hashlib.sha256((source / "dogs" / "scene.jpg").read_bytes()).hexdigest()
    make(tmp_path / "after", source, [Correction(wrong, "scene", "label", "dogs", "cats")], **sizes)
    now = index_of(tmp_path / "after")
    back = set(now) - set(before)
    assert back == {"cats/scene.jpg", "dogs/scene.jpg"}
    assert {(now[name]["split"], now[name]["label"]) for name in back} == {("train", "cats")}
    assert {m: row["split"] for m, row in before.items()} == {m: now[m]["split"] for m in before}
    # Where one copy is left out, the other is no longer at odds with it.
    make(tmp_path / "odds", source, [Correction(wrong, "scene", "leave_out", "dogs", "")], **sizes)
    assert set(index_of(tmp_path / "odds")) - set(before) == {"cats/scene.jpg"}
