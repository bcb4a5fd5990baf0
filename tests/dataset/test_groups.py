import io
from datetime import datetime, timedelta

import pytest
from PIL import ExifTags, Image

from pawprint.base.errors import UserError
from pawprint.dataset.exif import Taken, find_bursts, read_taken
from pawprint.dataset.groups import read_groups

COLUMNS = ("lesion_id", "age")
NAMES = {f"cats/P{patient}_{n:03}.jpg": f"cats/P{patient}_{n:03}.jpg" for patient in range(3) for n in range(2)}
VALUES = {name: (f"L{place // 2}", "40") for place, name in enumerate(NAMES)}


@pytest.mark.parametrize(
    ("group", "first", "last"),
    [
        ("lesion_id", "L0", "L2"),
        (r"^(P\d+)_", "P0", "P2"),
        (r"P\d+", "P0", "P2"),
        (r"(cats|dogs)/(?P<group>P\d+)", "P0", "P2"),
    ],
)
def test_groups_are_a_column_or_what_an_expression_finds_in_the_names(group: str, first: str, last: str) -> None:
    found = read_groups(group, NAMES, COLUMNS, VALUES, {})
    assert list(found) == list(NAMES)
    assert (found["cats/P0_000.jpg"], found["cats/P2_001.jpg"]) == (first, last)


def test_a_photo_without_a_value_has_no_group() -> None:
    names = NAMES | {"dogs/rex.jpg": "dogs/rex.jpg"}
    assert "dogs/rex.jpg" not in read_groups(r"^P\d+", names, (), {}, {})
    values = VALUES | {"dogs/rex.jpg": (" ", "3")}
    assert "dogs/rex.jpg" not in read_groups("lesion_id", names, COLUMNS, values, {})


@pytest.mark.parametrize(
    ("group", "columns", "message"),
    [
        ("lesion", COLUMNS, r"no column of the table \(did you mean lesion_id\?\).*finds nothing.*lesion_id, age"),
        (
            "lesion",
            (),
            "there is no table, and as a regular expression it finds nothing in the names .*cats/P0_000.jpg",
        ),
        ("(P", (), r"as a regular expression it is faulty \(missing \)"),
        ("age", COLUMNS, "group=age makes one group, '40', of all 6 photos"),
        ("cats", (), "makes one group, 'cats'"),
        ("burst", (), "no two photos say"),
    ],
)
def test_what_gives_no_groups_is_refused_with_what_there_is(group: str, columns: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_groups(group, NAMES, columns, VALUES, {})


def photo(time: str | None, suffix: str, camera: str = "phone") -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Model] = camera
    if time is not None:
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = time
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, suffix, exif=exif)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "WEBP"])
def test_the_time_of_a_photo_is_read_whatever_its_format(suffix: str) -> None:
    taken = read_taken(photo("2024:05:01 12:00:03", suffix))
    assert taken == Taken("phone", datetime(2024, 5, 1, 12, 0, 3))


def test_a_photo_without_a_time_or_with_a_broken_one_says_none() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG")
    broken = photo("2024:05:01 12:00:03", "JPEG").replace(b"2024:05", b"0000:99")
    for data in (b"", b"Exif", buffer.getvalue(), photo(None, "JPEG"), broken):
        assert read_taken(data) is None


def test_a_burst_is_of_one_camera_within_seconds() -> None:
    start = datetime(2024, 5, 1)
    taken = {
        f"{camera}{second}": Taken(camera, start + timedelta(seconds=second))
        for camera in ("phone", "compact")
        for second in (0, 4, 8, 60, 200, 203)
    }
    bursts = find_bursts(taken)
    assert "phone60" not in bursts
    assert bursts["phone0"] == bursts["phone8"] != bursts["phone200"] == bursts["phone203"]
    assert bursts["phone0"] != bursts["compact0"]
    assert read_groups("burst", dict.fromkeys(taken, "x.jpg"), (), {}, taken) == bursts
