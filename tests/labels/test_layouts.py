"""Layouts as they are published and kept: read as their makers meant them, or refused with the ways to read them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from pawprint.archives.members import reason_to_ignore
from pawprint.base.errors import UserError
from pawprint.labels.choice import choose_reading
from pawprint.labels.readings import Listing, Reading
from tests.labels.labelling import label_members

Counts = dict[str | None, dict[str, int]]


def read(members: Iterable[str], labels: str = "auto") -> Reading:
    photos = sorted(member for member in members if reason_to_ignore(member) is None)
    reading = choose_reading(Listing(tuple(photos), (), lambda _: b""), labels)
    assert len(reading.photos) + reading.left_out.total() == len(photos)
    return reading


def counts_of(reading: Reading) -> Counts:
    found: Counts = {}
    for (split, label), number in Counter((one.split, one.label) for one in reading.photos).items():
        found.setdefault(split, {})[label] = number
    return found


def many(pattern: str, number: int = 4, **values: Sequence[str]) -> list[str]:
    """Members of a pattern with `{n}` and other fields, each of which takes all its values."""
    members = [pattern]
    for name, each in values.items():
        members = [member.replace(f"{{{name}}}", value) for member in members for value in each]
    return [member.replace("{n}", f"{n:04d}") for member in members for n in range(number)]


@dataclass
class Case:
    """A layout, what it is read as, and what is set aside (reason or part of one: how many)."""

    members: list[str]
    counts: Counts
    left_out: dict[str, int] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


ANIMALS = ("cats", "dogs")
BOTH = dict.fromkeys(ANIMALS, 4)
LETTERS = [chr(ord("A") + n) for n in range(26)] + ["del", "nothing", "space"]
BESIDE, MASK, PREVIEW = "beside those of the classes", "a mask", "a preview"
NO_CLASS, IN_TEST = "no class in its folder or name", "a test photo without a class"

CASES = {
    "folders": Case(many("pets/{c}/{n}.jpg", c=ANIMALS), {None: BOTH}),
    "kaggle's doubled splits": Case(
        many("{s}/{s}/{c}/x.{n}.jpg", s=("training_set", "test_set"), c=ANIMALS), {"train": BOTH, "test": BOTH}
    ),
    "intel": Case(
        many("seg_{s}/seg_{s}/{c}/{n}.jpg", s=("train", "test"), c=("buildings", "forest", "glacier", "sea"))
        + many("seg_pred/seg_pred/{n}.jpg", 9),
        {s: dict.fromkeys(("buildings", "forest", "glacier", "sea"), 4) for s in ("train", "test")},
        {BESIDE: 9},
    ),
    "sign digits": Case(
        many("S-Dataset/Dataset/{c}/IMG_{n}.JPG", 30, c=[str(n) for n in range(10)])
        + many("S-Dataset/Examples/example_{n}.JPG", 10),
        {None: dict.fromkeys([str(n) for n in range(10)], 30)},
        {BESIDE: 10},
    ),
    "magnetic tiles": Case(
        many("M/{c}/Imgs/exp{e}_num_{n}.{x}", c=("MT_Free", "MT_Fray"), e="0123456", x=("jpg", "png")),
        {None: {"MT_Free": 28, "MT_Fray": 28}},
        {MASK: 56},
        (r"exp\d+_num",),
    ),
    "covid radiography": Case(
        many("D/{c}/{x}/{c}-{n}.png", c=("COVID", "Normal"), x=("images", "masks")),
        {None: {"COVID": 4, "Normal": 4}},
        {MASK: 8},
    ),
    "busi": Case(
        many("Dataset_BUSI_with_GT/{c}/{c} ({n}){x}.png", c=("benign", "malignant", "normal"), x=("", "_mask")),
        {None: {"benign": 4, "malignant": 4, "normal": 4}},
        {MASK: 12},
    ),
    "asl": Case(
        many("asl_alphabet_train/asl_alphabet_train/{c}/{c}{n}.jpg", c=LETTERS)
        + [f"asl_alphabet_test/asl_alphabet_test/{c}_test.jpg" for c in LETTERS],
        {"train": dict.fromkeys(LETTERS, 4), "test": dict.fromkeys(LETTERS, 1)},
    ),
    "gtsrb without its table": Case(
        many("Train/{c}/000_{n}.png", c=[str(n) for n in range(43)])
        + many("Test/{n}.png", 50)
        + many("Meta/{c}.png", 1, c=[str(n) for n in range(43)]),
        {"train": dict.fromkeys([str(n) for n in range(43)], 4)},
        {BESIDE: 43, IN_TEST: 50},
    ),
    "fruits 360": Case(
        many("fruits-360/{s}/{c}/{n}_100.jpg", s=("Training", "Test"), c=("Apple Golden 1", "Apple Golden 2", "Kiwi"))
        + many("fruits-360/test-multiple_fruits/apple_{n}.jpg", 5)
        + many("fruits-360/papers/{n}.jpg", 1),
        {s: dict.fromkeys(("Apple Golden 1", "Apple Golden 2", "Kiwi"), 4) for s in ("train", "test")},
        {BESIDE: 6},
    ),
    "mura": Case(
        many("patient{p}/study{s}_{c}/image{n}.png", p=("01", "02", "03"), s="12", c=("positive", "negative")),
        {None: {"positive": 24, "negative": 24}},
        groups=(r"patient\d+",),
    ),
    "cameras in names": Case(
        many("{c}/cam{k}_{n}.jpg", c=ANIMALS, k="01"), {None: {"cats": 8, "dogs": 8}}, groups=(r"cam\d+",)
    ),
    "food 11": Case(
        many("{s}/{k}_{n}.jpg", 9, s=("training", "validation", "evaluation"), k=[str(n) for n in range(11)]),
        {s: dict.fromkeys([str(n) for n in range(11)], 9) for s in ("train", "validation", "test")},
    ),
    "capitals": Case(
        many("train/Cat/{n}.jpg")
        + many("train/Dog/{n}.jpg")
        + many("test/cat/{n}.jpg", 2)
        + many("test/dog/{n}.jpg", 2),
        {"train": {"Cat": 4, "Dog": 4}, "test": {"Cat": 2, "Dog": 2}},
    ),
    "litter": Case(
        many("{c}/{n}.jpg", c=ANIMALS)
        + many("{d}/{n}.jpg", d=(".ipynb_checkpoints", "cats/@eaDir", ".AppleDouble", ".thumbnails", "cats/.thumbs"))
        + many("thumbs/{n}.jpg"),
        {None: BOTH},
        {PREVIEW: 4},
    ),
    "screenshots": Case(
        many("{c}/Screenshot_2024-0{m}-11-{n}.jpg", c=ANIMALS, m="123")
        + many("{c}/IMG-20240{m}01-WA{n}.jpg", c=ANIMALS, m="123")
        + many("{c}/Screenshot 2024-0{m}-11 at 10.11.{n}.png", c=ANIMALS, m="123"),
        {None: dict.fromkeys(ANIMALS, 36)},
    ),
    "a copy of all": Case(
        many("{c}/{c}_{n}.jpg", c=("a", "b", "c")) + many("all/{c}_{n}.jpg", c=("a", "b", "c")),
        {None: dict.fromkeys("abc", 4)},
        {"a copy": 12},
    ),
    "malaria's copy": Case(
        many("{d}/{c}/{n}.png", d=("cell_images", "cell_images/cell_images"), c=("Parasitized", "Uninfected")),
        {None: {"Parasitized": 4, "Uninfected": 4}},
        {"a copy": 8},
    ),
    "chest x-rays": Case(
        many("chest_xray/{d}{s}/{c}/{n}.jpeg", d=("", "chest_xray/"), s=("train", "val", "test"), c=("NORMAL", "SICK")),
        {s: {"NORMAL": 4, "SICK": 4} for s in ("train", "validation", "test")},
        {"a copy": 24},
    ),
    "a test picture": Case(
        [*many("Images/{c}/{n}.jpg", c=ANIMALS), "Images/Test/test_image.jpg"], {None: BOTH}, {IN_TEST: 1}
    ),
    "split inside the class": Case(
        many("{c}/{s}/{n}.jpg", c=ANIMALS, s=("train", "test")), {"train": BOTH, "test": BOTH}
    ),
    "split and class in one": Case(
        many("{c}_{s}/{n}.jpg", c=ANIMALS, s=("train", "test")), {"train": BOTH, "test": BOTH}
    ),
    "fer 2013": Case(
        many("{s}/{c}/{n}.png", s=("Training", "PublicTest", "PrivateTest"), c=("angry", "happy")),
        {s: {"angry": 4, "happy": 4} for s in ("train", "validation", "test")},
    ),
    "cats vs dogs": Case(
        many("data/train/{c}.{n}.jpg", c=("cat", "dog")) + many("data/test1/{n}.jpg", 6),
        {"train": {"cat": 4, "dog": 4}},
        {NO_CLASS: 6},
    ),
    "stanford dogs": Case(
        many("Images/{c}/n02085620_{n}.jpg", c=("n02085620-Chihuahua", "n02085782-Japanese_spaniel")),
        {None: {"n02085620-Chihuahua": 4, "n02085782-Japanese_spaniel": 4}},
    ),
    "imagenet samples": Case(
        ["n01440764_tench.JPEG", "n01443537_goldfish.JPEG"], {None: {"n01440764_tench": 1, "n01443537_goldfish": 1}}
    ),
    "new plant diseases": Case(
        many("New Plant/New Plant/{s}/{c}/{n}.JPG", s=("train", "valid"), c=("Apple___scab", "Apple___healthy"))
        + many("test/test/AppleScab{n}.JPG"),
        {s: {"Apple___scab": 4, "Apple___healthy": 4} for s in ("train", "validation")},
        {IN_TEST: 4},
    ),
    "leap gestures": Case(
        many("leapGestRecog/{p}/{c}/frame_{p}_{n}.png", p=("00", "01", "02"), c=("01_palm", "02_l", "03_fist")),
        {None: dict.fromkeys(("01_palm", "02_l", "03_fist"), 12)},
    ),
    "states": Case(
        many("{c}/{p}/{n}.png", c=("COVID", "non-COVID"), p=("Patient (1)", "Patient (2)")),
        {None: {"COVID": 8, "non-COVID": 8}},
        groups=(r"Patient\ \(\d+\)",),
    ),
    "parts of one set": Case(
        many("images_00{p}/images/{c}_{n}.png", p="12", c=("ok", "broken")), {None: {"ok": 8, "broken": 8}}
    ),
    "images beside drawings": Case(many("{c}/{n}.png", c=("images", "drawings")), {None: {"images": 4, "drawings": 4}}),
    "full and empty": Case(many("{c}/{n}.png", c=("full", "empty")), {None: {"full": 4, "empty": 4}}),
    "the vehicle": Case(
        many("{s}/{c}/{n}.jpg", s=("train", "test"), c=("train", "plane")),
        {s: {"train": 4, "plane": 4} for s in ("train", "test")},
    ),
    "valid and invalid": Case(many("{c}/{n}.jpg", c=("valid", "invalid")), {None: {"valid": 4, "invalid": 4}}),
    "with and without a mask": Case(
        many("data/{c}/{n}.jpg", c=("with_mask", "without_mask")), {None: {"with_mask": 4, "without_mask": 4}}
    ),
    "mask or none": Case(many("{c}/{n}.jpg", c=("mask", "no_mask")), {None: {"mask": 4, "no_mask": 4}}),
    "letters of both cases": Case(many("{c}/{n}.jpg", c="Aab"), {None: dict.fromkeys("Aab", 4)}),
    "one class with a folder more": Case(
        many("cats/images/{n}.jpg") + many("dogs/{n}.jpg") + many("dogs/more/{n}.jpg", 1),
        {None: {"cats": 4, "dogs": 5}},
    ),
    "faces of people": Case(many("lfw/{c}/{c}_{n}.jpg", c=("Ann_Lee", "Bo_Ek")), {None: {"Ann_Lee": 4, "Bo_Ek": 4}}),
    "state farm": Case(
        many("imgs/train/{c}/img_{n}.jpg", c=("c0", "c1")) + many("imgs/test/img_{n}.jpg", 9),
        {"train": {"c0": 4, "c1": 4}},
        {IN_TEST: 9},
    ),
    "cassava": Case(
        many("train/{c}/{c}-{n}.jpg", c=("cbb", "cmd")) + many("test/0/{n}.jpg") + many("extraimages/{n}.jpg"),
        {"train": {"cbb": 4, "cmd": 4}},
        {IN_TEST: 4, BESIDE: 4},
    ),
    "simpsons": Case(
        many("simpsons/{c}/pic_{n}.jpg", c=("apu", "bart_simpson"))
        + many("simpsons_testset/simpsons_testset/{c}_{n}.jpg", c=("apu", "bart_simpson")),
        {None: {"apu": 4, "bart_simpson": 4}, "test": {"apu": 4, "bart_simpson": 4}},
    ),
    "stl-10": Case(
        many("{s}_images/{c}/{n}.png", s=("train", "test"), c="12") + many("unlabeled_images/{n}.png", 40),
        {s: {"1": 4, "2": 4} for s in ("train", "test")},
        {BESIDE: 40},
    ),
    "tiny imagenet": Case(
        many("t/train/{c}/images/{c}_{n}.JPEG", c=("n01443537", "n01629819"))
        + many("t/{s}/images/x_{n}.JPEG", s=("val", "test")),
        {"train": {"n01443537": 4, "n01629819": 4}},
        {IN_TEST: 4, NO_CLASS: 4},
    ),
    "plant village": Case(
        many("{v}/{c}/x-{n}.JPG", v=("color", "grayscale", "segmented"), c=("Apple___scab", "Corn___ok")),
        {None: {"Apple___scab": 12, "Corn___ok": 12}},
    ),
    "oxford pets": Case(
        many("images/{c}_{n}.jpg", c=("Abyssinian", "beagle"))
        + many("annotations/trimaps/{c}_{n}.png", c=("Abyssinian", "beagle")),
        {None: {"Abyssinian": 4, "beagle": 4}},
        {MASK: 8},
    ),
    "weather": Case(many("{c}{n}.jpg", c=("cloudy", "rain")), {None: {"cloudy": 4, "rain": 4}}),
    "years of classes": Case(
        many("{y}/{c}/IMG_{n}.jpg", c=ANIMALS, y=("2019", "2020")),
        {None: {"cats": 8, "dogs": 8}},
        groups=(r"^(?:[^/]+/){0}[^/]+",),
    ),
    "folds": Case(many("fold_{f}/{c}/{n}.jpg", f="12345", c=ANIMALS), {None: {"cats": 20, "dogs": 20}}),
    "horses and zebras": Case(
        many("{s}/{n}.jpg", s=("trainA", "trainB", "testA", "testB")),
        {"train": {"A": 4, "B": 4}, "test": {"A": 4, "B": 4}},
    ),
    "carvana's masks": Case(
        many("train/{c}_{n}.jpg", c=("audi", "bmw")) + many("train_masks/{c}_{n}_mask.gif", c=("audi", "bmw")),
        {"train": {"audi": 4, "bmw": 4}},
        {MASK: 8},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_layouts_are_read_as_they_are_meant(name: str) -> None:
    case = CASES[name]
    reading = read(case.members)
    assert counts_of(reading) == case.counts
    left_out = {part: sum(n for reason, n in reading.left_out.items() if part in reason) for part in case.left_out}
    assert left_out == case.left_out
    assert reading.left_out.total() == sum(case.left_out.values())
    assert reading.groups == case.groups


REFUSED = {
    "breakhis": (
        many(
            "BreaKHis_v1/breast/{c}/SOB/{p}/{m}/SOB-{n}.png",
            c=("benign",),
            p=("adenosis/SOB_B_A-14-22549AB",),
            m=("40X", "400X"),
        )
        + many(
            "BreaKHis_v1/breast/{c}/SOB/{p}/{m}/SOB-{n}.png",
            c=("malignant",),
            p=("lobular/SOB_M_L-14-12204",),
            m=("40X", "400X"),
        ),
        ("labels=folder:3  benign (8), malignant (8)", "labels=folder:5  adenosis (8), lobular (8)"),
    ),
    "clips": (
        many("v_{c}_g0{g}_c01/frame_{n}.jpg", c=("Archery", "Bowling"), g="123"),
        ("labels=folder  v_Archery_g01_c01 (4)", "Archery (12), v_Bowling (12)"),
    ),
    "people in classes": (
        many("{c}/{p}/{n}.jpg", c=("happy", "sad"), p=("anna", "bob", "carl")),
        ("labels=folder:1  happy (12), sad (12)", "labels=folder:2  anna (8), bob (8), carl (8)"),
    ),
    "a set and its digits": (
        many("{d}/{c}/{n}.png", d=("mnist", "usps"), c="0123"),
        ("labels=folder:1  mnist (16), usps (16)", "labels=folder:2  0 (8)"),
    ),
    "day and night, cats and dogs": (
        many("{d}/{c}_{n}.png", d=("day", "night"), c=("cat", "dog")),
        ("labels=folder  day (8), night (8)", "labels=prefix  cat (8), dog (8)"),
    ),
    "parts without a table": (many("HAM10000_images_part_{p}/ISIC_{n}.jpg", p="12"), ("labels=<table>",)),
    "train and test without labels": (many("{s}_images/{n}.png", s=("train", "test")), ("labels=<table>",)),
    "one flat folder": (many("images/{n}.png"), ("labels=<table>",)),
    "rock, paper": (
        many("rps/{c}/{c}01-{n}.png", c=("rock", "paper"))
        + many("rps-test-set/{c}/test{c}01-{n}.png", c=("rock", "paper"))
        + many("validation/{c}-{n}.png", c=("rock", "paper")),
        ("labels=folder:2  paper (12), rock (12)",),
    ),
    "office-31": (
        many("{d}/images/{c}/frame_{n}.jpg", d=("amazon", "dslr"), c=("bike", "mug")),
        ("labels=folder:1  amazon (8), dslr (8)", "labels=folder:3  bike (8), mug (8)"),
    ),
    "patients": (many("patient{p}/{n}.png", p="1234"), ("labels=folder", "a person each")),
    "cameras": (many("cam{p}_{n}.png", p="1234"), ("labels=prefix", "cameras")),
    "sessions": (many("2024-01-0{p}/{n}.png", p="1234"), ("labels=folder", "a date each")),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_read_in_several_ways_is_refused_with_the_parameter_for_each(name: str) -> None:
    members, said = REFUSED[name]
    with pytest.raises(UserError) as error:
        read(members)
    for words in said:
        assert words in str(error.value)
    lines = str(error.value).splitlines()
    assert len(lines) <= 6
    for line in lines[1:]:
        choice = line.strip().removeprefix("labels=").split("  ")[0].strip("'")
        assert len({one.label for one in read(members, choice).photos}) >= 2


def test_of_two_formats_in_some_folders_masks_are_small_and_photos_are_not() -> None:
    photos = [*many("a/{n}.{x}", x=("jpg", "png")), *many("b/{n}.jpg", 9)]
    for size, expected in ((10, {"a": 4, "b": 9}), (1000, {"a": 8, "b": 9})):
        listing = Listing(
            tuple(sorted(photos)), (), lambda name, size=size: bytes(size if name.endswith("png") else 900)
        )
        assert counts_of(choose_reading(listing, "auto")) == {None: expected}


def test_numbers_before_numbers_in_class_folders_are_no_classes() -> None:
    members = [f"{label}/{first}_{n}.jpg" for label in ("ants", "bees") for first in range(6) for n in range(6)]
    assert {one.label for one in label_members(members)[0]} == {"ants", "bees"}
