"""Photos of another source, labelled by corrections: they are learned from, and judge nothing."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pawprint.base.errors import UserError
from pawprint.dataset.additions import check_more
from pawprint.dataset.corrections import Correction, read_corrections
from pawprint.drawn.drawings import Drawing, draw_photo
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos
from tests.dataset.test_corrections import index_of, make, members_in, outcomes_of

TinyPhotos = Callable[..., Path]


def loose(folder: Path, *contents: bytes) -> PhotoCollection:
    """A source of photos that lie in a folder whose name is no label."""
    (folder / "inbox").mkdir(parents=True)
    for number, content in enumerate(contents):
        (folder / "inbox" / f"{number}.jpg").write_bytes(content)
    fetch_photos(str(folder / "inbox"), folder / "photos", keep_photos="reference", resolve_uri=Path, labelled=False)
    return load_photos(folder / "photos", labelled=False)


def say(content: bytes, new: str = "", **changes: Any) -> Correction:
    """What predict's page saves of a photo."""
    digest = hashlib.sha256(content).hexdigest()
    values = {"action": "label" if new else "leave_out", "old_label": "", "reviewer": "Anna", **changes}
    return Correction(digest, digest[:6], new_label=new, **values)


def drawn(*numbers: int) -> list[bytes]:
    return [draw_photo(Drawing(7, "cat", number)) for number in numbers]


def test_labelled_photos_join_the_training_and_no_other_side(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tiny_photos(photos=20)
    before = make(tmp_path / "before", source)
    cat, dog, junk, unlabelled = drawn(1, 2, 3, 4)
    rows = [say(cat, "cats"), say(dog, action="keep", old_label="dogs"), say(junk)]
    more = loose(tmp_path / "more", cat, dog, junk, unlabelled, cat)
    after = make(tmp_path / "after", source, rows, more=more)
    then, now = index_of(tmp_path / "before"), index_of(tmp_path / "after")
    added = {member: row for member, row in now.items() if member not in then}
    assert {(m, row["split"], row["label"], row["original_label"]) for m, row in added.items()} == {
        ("more:0.jpg", "train", "cats", ""),
        ("more:1.jpg", "train", "dogs", ""),
    }
    assert {m: (row["split"], row["label"]) for m, row in then.items()} == {
        m: (row["split"], row["label"]) for m, row in now.items() if m in then
    }
    assert after["counts"]["train"] == {label: n + 1 for label, n in before["counts"]["train"].items()}
    assert after["digest"] != before["digest"]
    assert sorted(outcomes_of(tmp_path / "after").values()) == [
        "added to the training photos",
        "added to the training photos",
        "not added, as its reviewer left it out",
    ]
    assert any(note.startswith("1 photos of more=") and "are not used" in note for note in after["notes"])
    assert after["corrections"]["more"] == more.manifest.source
    assert f"2 photos of {more.manifest.source} labelled and added by Anna (2)" in after["corrections"]["summary"]
    # What was written is a source of the same corrections.
    written = read_corrections(tmp_path / "after" / "corrections.csv", "c.csv")
    assert make(tmp_path / "again", source, written, more=more)["digest"] == after["digest"]


def test_no_copy_of_a_test_or_validation_photo_is_learned(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source = tmp_path / "pets"
    for kind in ("cat", "dog"):
        for number in range(12):
            path = source / ("test" if number < 4 else "train") / f"{kind}s" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(draw_photo(Drawing(0, kind, number)))
    test_photo = (source / "test" / "cats" / "0.jpg").read_bytes()
    smaller = draw_photo(Drawing(0, "cat", 0)) + b"\0"  # another file of the same picture
    (new,) = drawn(1)
    rows = [say(test_photo, "cats"), say(smaller, "cats"), say(new, "cats")]
    more = loose(tmp_path / "more", test_photo, smaller, new)
    description = make(tmp_path / "dataset", source, rows, more=more, image_size=64)
    assert [m for m in members_in(tmp_path / "dataset", "train") if m.startswith("more:")] == ["more:2.jpg"]
    outcomes = outcomes_of(tmp_path / "dataset")
    assert outcomes[rows[0].name] == "the label is so already"
    assert outcomes[rows[1].name].endswith("a copy or scene of it is among the test or validation photos")
    assert any("are not applied" in note for note in description["notes"])


def test_a_class_without_test_photos_is_left_out_and_named(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source, foxes = tiny_photos(photos=20), drawn(1, 2, 3)
    rows = [say(fox, "foxes") for fox in foxes]
    make(tmp_path / "dataset", source, rows, more=loose(tmp_path / "more", *foxes))
    assert not [m for m in index_of(tmp_path / "dataset") if m.startswith("more:")]
    assert all(
        "3 photos for training and 0 for the test" in text for text in outcomes_of(tmp_path / "dataset").values()
    )
    assert "class 'foxes' is left out" in (tmp_path / "dataset" / "quarantine.csv").read_text("utf-8")


def test_reviewers_who_disagree_add_nothing(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    source, (photo,) = tiny_photos(photos=20), drawn(1)
    rows = [say(photo, "cats"), say(photo, "dogs", reviewer="Ben")]
    description = make(tmp_path / "dataset", source, rows, more=loose(tmp_path / "more", photo))
    assert set(outcomes_of(tmp_path / "dataset").values()) == {"reviewers disagree (Anna: cats; Ben: dogs)"}
    assert description["corrections"]["summary"] == "no label was corrected"


def test_corrections_of_neither_source_are_refused(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    photo, other = drawn(1, 2)
    with pytest.raises(UserError, match="they are of other photos"):
        make(tmp_path / "dataset", tiny_photos(photos=20), [say(other, "cats")], more=loose(tmp_path / "more", photo))


def test_what_belongs_together_is_not_torn_apart(tiny_photos: TinyPhotos, tmp_path: Path) -> None:
    (photo,) = drawn(1)
    more = loose(tmp_path / "more", photo)
    with pytest.raises(UserError, match=r"can't be given with group=\^\(P1\)"):
        make(tmp_path / "dataset", tiny_photos(photos=20), [say(photo, "cats")], more=more, group="^(P1)")
    with pytest.raises(UserError, match="give corrections="):
        check_more("/new", " ")
