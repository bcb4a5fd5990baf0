import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pawprint.dataset.exif import Taken, read_taken
from pawprint.dataset.series import suggest_group
from pawprint.photos.collection import Photo

RNG = np.random.default_rng(0)
DATA = Path(__file__).parents[2] / "shared" / "data"


def collection(names: list[str], level: int = -2, columns: tuple[str, ...] = ()) -> dict[str, Photo]:
    """Photos whose class is the folder at a level."""
    return {name: Photo(0, name, name.split("/")[level], None, columns) for name in names}


def in_classes(make: str, groups: int, each: int, classes: tuple[str, ...] = ("cats", "dogs")) -> list[str]:
    return [
        f"{label}/" + make.format(label=label, group=group, number=number, any=RNG.integers(10**8))
        for label in classes
        for group in range(groups)
        for number in range(each)
    ]


@pytest.mark.parametrize(
    ("names", "level", "parameter"),
    [
        (in_classes("P{group}_{number:03}.jpg", 12, 5), 0, r"group='^([A-Za-z]+\d+)[_-]'"),
        (in_classes("clip{group}_frame{number:04}.png", 9, 8), 0, r"group='^([A-Za-z]+\d+)[_-]'"),
        (in_classes("{group:04}_c1s1_{number:06}.jpg", 9, 4), 0, r"group='^(\d+)[_-]'"),
        (in_classes("IM-{group:04}-{number:04}.jpeg", 20, 3), 0, r"group='^(.+?)[_-]\D*\d+\.\w+$'"),
        (in_classes("v_{label}_g{group:02}_c01/frame_{number:04}.jpg", 8, 10), 0, r"group='([^/]+)/[^/]+$'"),
        (in_classes("{group}/{number}.jpg", 8, 10), 0, r"group='([^/]+)/[^/]+$'"),
    ],
)
def test_names_of_series_lead_to_the_parameter_to_type(names: list[str], level: int, parameter: str) -> None:
    sentence = suggest_group(collection(names, level), (), {})
    assert sentence is not None
    assert f"say -P {parameter}," in sentence


@pytest.mark.parametrize(
    ("names", "level"),
    [
        (in_classes("{label}.{number}.jpg", 1, 200), 0),
        (in_classes("{label}_{number:03}.jpg", 1, 200), 0),
        (in_classes("IMG_{number:04}.jpg", 1, 200), 0),
        (in_classes("{any}_95e0de17aa.jpg", 1, 200), 0),
        (in_classes("Imgs/exp{group}_num_{any}.jpg", 6, 40, tuple("abcdef")), 0),
        (in_classes("n0144{group}_{any}.JPEG", 1, 100), 0),
        (in_classes("photo {any}.jpg", 1, 100), 0),
        (in_classes("cam{group}_{number:03}.jpg", 3, 100), 0),
        (in_classes("Screenshot_2024-05-{group:02}-{any}.jpg", 28, 1), 0),
        (in_classes("{number}.png", 1, 180, tuple("0123456789")), 0),
    ],
)
def test_names_that_are_no_series_lead_to_nothing(names: list[str], level: int) -> None:
    assert suggest_group(collection(names, level), (), {}) is None


def test_a_column_of_subjects_is_named() -> None:
    photos = {
        f"{number}.jpg": Photo(0, f"{number}.jpg", "ab"[number % 2], None, (str(number % 40), f"L{number // 3}"))
        for number in range(120)
    }
    sentence = suggest_group(photos, ("age", "lesion_id"), {})
    assert sentence is not None
    assert "say -P group=lesion_id," in sentence
    assert suggest_group(photos, ("age", "note"), {}) is None


def test_bursts_of_a_camera_are_named_and_single_photos_are_not() -> None:
    names = in_classes("IMG_{number:04}.jpg", 1, 60)
    photos, start = collection(names, 0), datetime(2024, 5, 1)
    bursts = {n: Taken("phone", start + timedelta(minutes=i // 5, seconds=i % 5)) for i, n in enumerate(names)}
    assert "say -P group=burst," in (suggest_group(photos, (), bursts) or "")
    single = {n: Taken("phone", start + timedelta(minutes=i)) for i, n in enumerate(names)}
    assert suggest_group(photos, (), single) is None


@pytest.mark.skipif(not DATA.is_dir(), reason="the real photos are not here (shared/data)")
@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("cat-and-dog", -2, None),
        ("ants-and-bees", -2, None),
        ("magnetic-tiles", -3, None),
        # True: one person after another showed ten digits, within seconds.
        ("sign-digits", -2, "say -P group=burst,"),
    ],
)
def test_on_real_photos_only_what_is_true_is_said(name: str, level: int, expected: str | None) -> None:
    with zipfile.ZipFile(DATA / f"{name}.zip") as archive:
        names = [n for n in archive.namelist() if n.lower().endswith(".jpg") and "/Examples/" not in n]
        first = sorted(names, key=lambda n: (n.rsplit("/", 1)[-1], n))[:300]
        taken = {n: when for n in first if (when := read_taken(archive.read(n)))}
    sentence = suggest_group(collection(names, level), (), taken)
    assert (sentence is None) if expected is None else (sentence is not None and expected in sentence)
