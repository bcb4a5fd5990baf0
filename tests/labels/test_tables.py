import time

import pytest

from pawprint.base.errors import UserError
from pawprint.labels.readings import Reading
from pawprint.labels.tables import read_named_table, read_tables, survey_tables
from tests.labels.listings import csv_text, labels_of, make_listing, splits_of

PETS = ["cat", "dog", "cat", "dog", "bird", "bird"]


def only(readings: list[Reading]) -> Reading:
    assert len(readings) == 1, [reading.labels for reading in readings]
    return readings[0]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("header", [["id", "breed"], None])
@pytest.mark.parametrize(
    "cell", ["{}", "{}.jpg", "images/{}.jpg", "/home/joe/pets/images/{}.JPG", r"C:\joe\images\{}.jpg"]
)
def test_names_with_or_without_folder_suffix_and_header(delimiter: str, header: list[str] | None, cell: str) -> None:
    photos = [f"images/p{number}.jpg" for number in range(6)]
    rows = [[cell.format(f"p{number}"), label] for number, label in enumerate(PETS)]
    listing = make_listing(photos, {"labels.csv": csv_text([header, *rows] if header else rows, delimiter)})
    reading = only(read_tables(listing))
    assert labels_of(reading) == dict(zip(photos, PETS, strict=True))
    assert reading.labels == ("labels.csv:id:breed" if header else "labels.csv:1:2")
    assert labels_of(read_named_table(listing, reading.labels)) == labels_of(reading)
    assert not reading.left_out


def test_faces_in_one_folder_with_a_legend() -> None:
    photos = [f"images/person{number % 3}_{number}.jpg" for number in range(12)]
    rows = [["user.id", "image", "emotion"]]
    rows += [["628", photo.removeprefix("images/"), ["anger", "happiness"][at % 2]] for at, photo in enumerate(photos)]
    reading = only(read_tables(make_listing(photos, {"data/legend.csv": csv_text(rows)})))
    assert set(labels_of(reading).values()) == {"anger", "happiness"}
    assert reading.labels == "data/legend.csv:image:emotion"


def test_ham10000() -> None:
    names = [f"ISIC_{number:07}" for number in range(40)]
    photos = [f"HAM10000_images_part_{1 + (at > 20)}/{name}.jpg" for at, name in enumerate(names)]
    rows: list[list[object]] = [["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization"]]
    kinds = ["nv", "mel", "bkl", "bcc", "akiec", "vasc", "df"]
    for at, name in enumerate(names):
        rows.append([f"HAM_{at // 2}", name, kinds[at % 7], ["histo", "consensus"][at % 2], f"{5.0 * (at % 9)}",
                     ["male", "female"][at // 2 % 2], ["back", "trunk", "face"][at % 3]])  # fmt: skip
    reading = only(read_tables(make_listing(photos, {"HAM10000_metadata.csv": csv_text(rows)})))
    assert set(labels_of(reading).values()) == set(kinds)
    assert reading.labels == "HAM10000_metadata.csv:image_id:dx"
    assert reading.columns == ("lesion_id", "dx_type", "age", "sex", "localization")
    assert reading.photos[0].columns == ("HAM_0", "histo", "0.0", "male", "back")
    assert reading.groups == ("lesion_id",)


def test_kaggles_train_csv_with_unlabelled_test_images_and_a_submission() -> None:
    photos = [f"train_images/{n}.jpg" for n in range(20)] + [f"test_images/{n}.jpg" for n in range(100, 105)]
    files = {
        "train.csv": csv_text([["image_id", "label"], *([f"{n}.jpg", n % 5] for n in range(20))]),
        "sample_submission.csv": csv_text([["image_id", "label"], *([f"{n}.jpg", 4] for n in range(100, 105))]),
        "label_num_to_disease_map.json": '{"0": "CBB", "1": "CBSD", "2": "CGM", "3": "CMD", "4": "Healthy"}',
    }
    reading = only(read_tables(make_listing(photos, files)))
    assert set(labels_of(reading).values()) == {"CBB", "CBSD", "CGM", "CMD", "Healthy"}
    assert len(reading.photos) == 20
    assert set(splits_of(reading).values()) == {None}
    assert reading.left_out == {"without a row in train.csv": 5}


def test_signs_with_a_class_folder_for_training_and_a_table_for_the_test() -> None:
    photos = [f"Train/{sign}/00{sign}_{n}.png" for sign in range(4) for n in range(5)]
    photos += [f"Test/{n:05}.png" for n in range(8)] + [f"Meta/{sign}.png" for sign in range(4)]
    test = [["Width", "Height", "Roi.X1", "ClassId", "Path"]]
    test += [["53", "54", "6", str(n % 4), f"Test/{n:05}.png"] for n in range(8)]
    meta = [["Path", "ClassId", "ShapeId"], *([f"Meta/{sign}.png", str(sign), "1"] for sign in range(4))]
    train = [["Width", "Height", "Roi.X1", "ClassId", "Path"]]
    train += [["5", "5", "6", photo.split("/")[1], photo] for photo in photos if photo.startswith("Train")]
    for files in ({"Test.csv": test}, {"Test.csv": test, "Meta.csv": meta, "Train.csv": train}):
        reading = only(read_tables(make_listing(photos, {name: csv_text(rows) for name, rows in files.items()})))
        assert set(labels_of(reading).values()) == {"0", "1", "2", "3"}
        assert labels_of(reading)["Train/2/002_0.png"] == "2"
        assert [photo.split for photo in reading.photos].count("train") == 20
        assert [photo.split for photo in reading.photos].count("test") == 8
        assert sum(reading.left_out.values()) == 4


def test_gtsrb_has_a_table_in_each_class_folder() -> None:
    photos, files = [], {}
    for sign in range(5):
        names = [f"{n:05}.ppm" for n in range(3)]
        photos += [f"Images/{sign:05}/{name}" for name in names]
        rows = [["Filename", "Width", "Height", "Roi.X1", "ClassId"], *([name, 29, 30, 5, sign] for name in names)]
        files[f"Images/{sign:05}/GT-{sign:05}.csv"] = csv_text(rows, ";")
    reading = only(read_tables(make_listing(photos, files)))
    assert labels_of(reading)["Images/00003/00001.ppm"] in {"3", "00003"}
    assert len(set(labels_of(reading).values())) == 5
    assert len(reading.photos) == 15


def test_roboflow_one_hot_tables_in_each_split() -> None:
    photos, files = [], {}
    for split, size in (("train", 9), ("valid", 3), ("test", 3)):
        rows: list[list[object]] = [["filename", " daisy", " rose", " tulip"]]
        for number in range(size):
            name = f"{split}{number}.jpg"
            photos.append(f"{split}/{name}")
            rows.append([name, *(f" {int(number % 3 == kind)}" for kind in range(3))])
        files[f"{split}/_classes.csv"] = csv_text(rows)
    reading = only(read_tables(make_listing(photos, files)))
    assert labels_of(reading)["train/train4.jpg"] == "rose"
    assert {photo.split for photo in reading.photos} == {"train", "validation", "test"}
    assert splits_of(reading)["valid/valid0.jpg"] == "validation"
    assert reading.columns == ()


def test_several_ones_a_row_are_refused_with_the_way_out() -> None:
    photos = [f"{n:06}.jpg" for n in range(1, 9)]
    rows = [["image_id", "Smiling", "Male", "Young"]]
    rows += [[photo, *(str(1 - 2 * (n >> bit & 1)) for bit in range(3))] for n, photo in enumerate(photos)]
    listing = make_listing(photos, {"list_attr_celeba.csv": csv_text(rows)})
    survey = survey_tables(listing)
    assert survey.readings == ()
    assert "labels=list_attr_celeba.csv:image_id:Smiling" in survey.remarks[0]
    named = read_named_table(listing, "list_attr_celeba.csv:image_id:Smiling")
    assert set(labels_of(named).values()) == {"1", "-1"}


def test_celeba_text_has_a_count_and_a_header_without_the_name() -> None:
    photos = [f"img_align_celeba/{n:06}.jpg" for n in range(1, 9)]
    lines = ["8", "Smiling Male Young "]
    lines += [f"{n:06}.jpg " + " ".join(f"{1 - 2 * (n >> bit & 1):2}" for bit in range(3)) for n in range(1, 9)]
    listing = make_listing(photos, {"list_attr_celeba.txt": "\n".join(lines)})
    assert "several labels" in survey_tables(listing).remarks[0]
    assert len(read_named_table(listing, "list_attr_celeba.txt:image:Male").photos) == 8


def test_automl_rows_without_a_header() -> None:
    photos = [f"photos/{n}.jpg" for n in range(8)]
    sets = ["TRAIN", "TRAIN", "TRAIN", "TRAIN", "VALIDATION", "VALIDATION", "TEST", "UNASSIGNED"]
    rows = [[part, f"gs://bucket/a/{n}.jpg", ["cat", "dog"][n % 2]] for n, part in enumerate(sets)]
    reading = only(read_tables(make_listing(photos, {"all_data.csv": csv_text(rows)})))
    assert labels_of(reading)["photos/3.jpg"] == "dog"
    assert [photo.split for photo in reading.photos] == [*["train"] * 4, "validation", "validation", "test", None]
    plain = only(read_tables(make_listing(photos, {"all_data.csv": csv_text(row[1:] for row in rows)})))
    assert labels_of(plain) == labels_of(reading)


@pytest.mark.parametrize(
    "name,values", [("split", ["train", "test"]), ("data set", ["train", "valid"]), ("is_test", ["0", "1"])]
)
def test_a_split_column(name: str, values: list[str]) -> None:
    photos = [f"{n}.jpg" for n in range(8)]
    rows = [["file", "kind", name], *([photo, "ab"[n % 2], values[n // 6]] for n, photo in enumerate(photos))]
    reading = only(read_tables(make_listing(photos, {"photos.csv": csv_text(rows)})))
    last = "validation" if "valid" in values else "test"
    assert [photo.split for photo in reading.photos] == ["train"] * 6 + [last] * 2
    assert reading.columns == ()


def test_two_plausible_columns_are_two_readings() -> None:
    photos = [f"{n}.jpg" for n in range(12)]
    rows = [["image", "species", "breed", "sex"]]
    rows += [[photo, ["cat", "dog"][n % 2], "abcd"[n % 4], "mf"[n // 6]] for n, photo in enumerate(photos)]
    listing = make_listing(photos, {"pets.csv": csv_text(rows)})
    assert {reading.labels for reading in read_tables(listing)} == {"pets.csv:image:species", "pets.csv:image:breed"}
    with pytest.raises(UserError, match=r"labels=pets\.csv:image:species, labels=pets\.csv:image:breed"):
        read_named_table(listing, "pets.csv")
    assert set(labels_of(read_named_table(listing, "pets.csv:image:sex")).values()) == {"m", "f"}


def test_a_number_and_its_name_are_one_label() -> None:
    photos = [f"{n}.jpg" for n in range(12)]
    rows = [["class id", "filepaths", "labels", "data set", "scientific name"]]
    for n, photo in enumerate(photos):
        rows.append([str(n % 3), photo, f"BIRD {n % 3}", ["train", "test"][n // 9], f"AVIS {n % 3}"])
    reading = only(read_tables(make_listing(photos, {"birds.csv": csv_text(rows)})))
    assert reading.labels == "birds.csv:filepaths:labels"


@pytest.mark.parametrize("names", [
    {"labels.txt": "cat\ndog\nbird\n"}, {"classes.csv": "id,name\n0,cat\n1,dog\n2,bird\n"},
    {"class_names.json": '["cat", "dog", "bird"]'},
    {"class_to_idx.json": '{"cat": 0, "dog": 1, "bird": 2}'}, {"data.yaml": "nc: 3\nnames: [cat, dog, bird]\n"},
    {"README.md": "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
                  "          '0': cat\n          '1': dog\n          '2': bird\n---\n# Pets\n"},
])  # fmt: skip
def test_numbers_get_the_names_that_a_table_gives(names: dict[str, str]) -> None:
    photos = [f"{n}.jpg" for n in range(9)]
    rows = [["file_name", "label"], *([photo, n % 3] for n, photo in enumerate(photos))]
    reading = only(read_tables(make_listing(photos, {"train.csv": csv_text(rows), **names})))
    assert labels_of(reading)["1.jpg"] == "dog"
    assert any(next(iter(names)) in note for note in reading.notes)


def test_rows_without_a_photo_and_photos_without_a_row_are_counted() -> None:
    photos = [f"{n}.jpg" for n in range(10)] + ["stray.jpg"]
    rows = [["image", "label"], *([f"{n}.jpg", "ab"[n % 2]] for n in range(13))]
    reading = only(read_tables(make_listing(photos, {"labels.csv": csv_text(rows)})))
    assert "3 rows of labels.csv name no photo here: '10.jpg', …" in reading.notes
    assert reading.left_out.names == {"without a row in labels.csv": ["stray.jpg"]}


def test_a_photo_with_two_labels_is_left_out_by_name() -> None:
    photos = [f"{n}.jpg" for n in range(40)]
    rows = [
        ["image", "label"],
        *([photo, "ab"[n % 2]] for n, photo in enumerate(photos)),
        ["7.jpg", "a"],
        ["8.jpg", "a"],
    ]
    reading = only(read_tables(make_listing(photos, {"labels.csv": csv_text(rows)})))
    assert reading.left_out.names == {"two labels in labels.csv": ["7.jpg"]}
    assert any("7.jpg" in note for note in reading.notes)
    assert labels_of(reading)["8.jpg"] == "a"


def test_labels_spelt_in_two_ways() -> None:
    photos = [f"{n}.jpg" for n in range(12)]
    kinds = ["B\u00e4r", "Ba\u0308r", "cat", "cat ", "Cat", "dog"]
    rows = [["image", "label"], *([photo, kinds[n % 6]] for n, photo in enumerate(photos))]
    reading = only(read_tables(make_listing(photos, {"labels.csv": csv_text(rows)})))
    assert set(labels_of(reading).values()) == {"B\u00e4r", "cat", "Cat", "dog"}
    assert any("'cat' is spelt in two ways" in note for note in reading.notes)
    assert any("'B\u00e4r' is spelt in two ways" in note for note in reading.notes)
    assert any("'Cat' (2) and 'cat' (4)" in note for note in reading.notes)


def test_measured_numbers_are_no_classes() -> None:
    photos = [f"{n}.jpg" for n in range(12)]
    rows = [["image", "target"], *([photo, n * 1.37] for n, photo in enumerate(photos))]
    survey = survey_tables(make_listing(photos, {"train.csv": csv_text(rows)}))
    assert survey.readings == ()
    assert "measured numbers" in survey.remarks[0]


def test_several_labels_a_photo_are_refused() -> None:
    photos = [f"{n}.jpg" for n in range(12)]
    rows = [["image", "label"], *([photo, label] for photo in photos for label in ("cat", "dog"))]
    survey = survey_tables(make_listing(photos, {"train.csv": csv_text(rows)}))
    assert survey.readings == ()
    assert "more than one 'label'" in survey.remarks[0]


@pytest.mark.parametrize("both", ["Mass|Effusion", "Mass;Effusion", '"Mass, Effusion"', "Mass Effusion"])
def test_a_list_of_labels_in_a_cell_is_refused_and_no_other_column_taken_instead(both: str) -> None:
    photos = [f"{n}.jpg" for n in range(12)]
    labels = ["Mass", "Effusion", both]
    rows = [["image", "finding_label", "visit"], *([photo, labels[n % 3], n % 2] for n, photo in enumerate(photos))]
    survey = survey_tables(make_listing(photos, {"train.csv": csv_text(rows)}))
    assert survey.readings == ()
    assert "several labels at once" in survey.remarks[0]


def test_the_only_column_beside_the_name_is_the_label_whatever_it_is_called() -> None:
    photos = [f"{n}.jpg" for n in range(12)]
    rows = [["Image", "Id"], *([photo, f"w_{n % 3}"] for n, photo in enumerate(photos))]
    assert only(read_tables(make_listing(photos, {"train.csv": csv_text(rows)}))).labels == "train.csv:Image:Id"


def test_the_same_name_in_each_split_is_told_by_the_split() -> None:
    photos = [f"{split}/{n}.jpg" for split in ("train", "test") for n in range(6)]
    rows = [["image", "label", "split"]]
    rows += [[f"{n}.jpg", "ab"[n % 2], split] for split in ("train", "test") for n in range(6)]
    reading = only(read_tables(make_listing(photos, {"labels.csv": csv_text(rows)})))
    assert len(reading.photos) == 12
    tables = {f"{s}.csv": csv_text([r[:2] for r in rows if r[2] in {"split", s}]) for s in ("train", "test")}
    assert labels_of(only(read_tables(make_listing(photos, tables)))) == labels_of(reading)


def test_lists_of_paths_and_labels() -> None:
    photos = [f"data/my photos/{n}.jpg" for n in range(12)]
    files = {
        "train.txt": "".join(f"my photos/{n}.jpg {n % 3}\n" for n in range(9)),
        "val.txt": "".join(f"my photos/{n}.jpg {n % 3}\n" for n in range(9, 12)),
    }
    reading = only(read_tables(make_listing(photos, files)))
    assert [photo.split for photo in reading.photos].count("validation") == 3
    assert set(labels_of(reading).values()) == {"0", "1", "2"}


@pytest.mark.parametrize("name,text", [
    ("metadata.jsonl", "\n".join(f'{{"file_name": "{n}.png", "label": "{"ab"[n % 2]}"}}' for n in range(6))),
    ("data.json", "[" + ",".join(f'{{"image": "{n}.png", "label": {n % 2}}}' for n in range(6)) + "]"),
    ("dataset.json", '{"labels": [' + ",".join(f'["{n}.png", {n % 2}]' for n in range(6)) + "]}"),
    ("labels.json", "{" + ",".join(f'"{n}.png": "{"ab"[n % 2]}"' for n in range(6)) + "}"),
    ("meta.json", "{" + ",".join(f'"{n}.png": {{"label": "REAL{n % 2}", "split": "train"}}' for n in range(6)) + "}"),
])  # fmt: skip
def test_json(name: str, text: str) -> None:
    photos = [f"train/{n}.png" for n in range(6)]
    reading = only(read_tables(make_listing(photos, {f"train/{name}": text})))
    assert len(reading.photos) == 6
    assert len(set(labels_of(reading).values())) == 2


@pytest.mark.parametrize(
    "encoding,kinds",
    [
        *((encoding, ["Bär", "Füchse"]) for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "latin-1", "cp1252")),
        ("cp1251", ["кошка", "собака"]),
        ("gbk", ["这是猫", "大黄狗"]),
    ],
)
def test_encodings(encoding: str, kinds: list[str]) -> None:
    photos = [f"{n}.jpg" for n in range(6)]
    text = "image,label\r\n" + "".join(f"{photo},{kinds[n % 2]}\r\n" for n, photo in enumerate(photos))
    reading = only(read_tables(make_listing(photos, {"labels.csv": text.encode(encoding)})))
    assert set(labels_of(reading).values()) == set(kinds)


def test_what_labels_cannot_name_is_said_with_what_there_is() -> None:
    photos = [f"{n}.jpg" for n in range(6)]
    rows = [["image", "label"], *([photo, "ab"[n % 2]] for n, photo in enumerate(photos))]
    listing = make_listing(photos, {"data/labels.csv": csv_text(rows), "other.csv": "a,b\nx,y\n"})
    for text in ("data/labels.csv", "labels.csv", "labels.csv:image", "labels.csv:IMAGE:Label", "labels.csv:1:2"):
        assert len(read_named_table(listing, text).photos) == 6
    for text, message in [
        ("train.csv", "it holds"), ("labels.csv:file", "its columns are image, label"),
        ("labels.csv:image:breed", "image, label"),
        ("other.csv", "names none of the 6 photos"), ("labels.csv:label:image", "names none"),
    ]:  # fmt: skip
        with pytest.raises(UserError, match=message):
            read_named_table(listing, text)


def test_tables_of_something_else_say_nothing() -> None:
    photos = [f"cats/{n}.jpg" for n in range(6)] + [f"dogs/{n}.jpg" for n in range(6)]
    files = {
        "notes.txt": "1.jpg is my favourite\nbought in 2012\n",
        "prices.csv": "item,price\nfood,3\n",
        "empty.csv": "",
    }
    assert read_tables(make_listing(photos, files)) == []


def test_what_a_table_without_a_label_says_is_kept_for_photos_in_class_folders() -> None:
    photos = [f"{kind}/{n}{kind}.jpg" for kind in ("cats", "dogs") for n in range(6)]
    rows = [
        ["file", "patient", "taken"],
        *([photo, f"P{n // 3}", f"2024-01-{n + 1:02}"] for n, photo in enumerate(photos)),
    ]
    survey = survey_tables(make_listing(photos, {"visits.csv": csv_text(rows)}))
    assert survey.readings == ()
    (detail,) = survey.details
    assert (detail.columns, detail.groups) == (("patient", "taken"), ("patient",))
    assert detail.photos[3].columns == ("P1", "2024-01-04")


def test_a_table_of_more_rows_than_are_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawprint.labels.tabular.sheet.MAX_ROWS", 5)
    photos = [f"{n}.jpg" for n in range(6)]
    rows = [["image", "label"], *([photo, "ab"[n % 2]] for n, photo in enumerate(photos))]
    listing = make_listing(photos, {"train.csv": csv_text(rows)})
    assert survey_tables(listing).remarks == ("train.csv is not read as a table: it has more than 5 rows",)
    with pytest.raises(UserError, match="more than 5 rows"):
        read_named_table(listing, "train.csv")


def test_many_photos_of_one_name_are_told_by_their_folder_in_linear_time() -> None:
    photos = [f"set/p{patient:05}/{n}.jpg" for patient in range(3000) for n in range(2)]
    rows = [["path", "label"], *([f"/data/me/{photo[4:]}", "ab"[at % 2]] for at, photo in enumerate(photos))]
    started = time.monotonic()
    reading = only(read_tables(make_listing(photos, {"labels.csv": csv_text(rows)})))
    assert len(reading.photos) == len(photos)
    assert labels_of(reading)["set/p00007/1.jpg"] == "b"
    assert time.monotonic() - started < 30
