"""Index files of published sets, and exports of labelling tools, in drawn replicas."""

import io
import json

import numpy as np
import pytest
from scipy.io import savemat

from pawprint.labels.detection import explain_detection
from pawprint.labels.readings import Reading
from pawprint.labels.tables import read_named_table, read_tables, survey_tables
from tests.labels.listings import csv_text, labels_of, make_listing, splits_of


def only(readings: list[Reading]) -> Reading:
    assert len(readings) == 1, [reading.labels for reading in readings]
    return readings[0]


def test_cub() -> None:
    birds = ["001.Black_footed_Albatross", "002.Laysan_Albatross"]
    names = [f"{bird}/{bird[4:]}_{n:04}.jpg" for bird in birds for n in range(6)]
    files = {
        "images.txt": "".join(f"{n} {name}\n" for n, name in enumerate(names, 1)),
        "image_class_labels.txt": "".join(f"{n} {1 + (n > 6)}\n" for n in range(1, 13)),
        "classes.txt": "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n",
        "train_test_split.txt": "".join(f"{n} {n % 2}\n" for n in range(1, 13)),
        "bounding_boxes.txt": "".join(f"{n} 60.0 27.0 325.0 304.0\n" for n in range(1, 13)),
        "attributes/attributes.txt": "1 has_bill_shape::curved\n",
    }
    listing = make_listing([f"images/{name}" for name in names], files)
    reading = only(read_tables(listing))
    assert labels_of(reading) == {f"images/{name}": name.split("/")[0] for name in names}
    assert [photo.split for photo in reading.photos] == ["train", "test"] * 6
    assert labels_of(read_named_table(listing, reading.labels)) == labels_of(reading)


def test_oxford_pets() -> None:
    breeds = {"Abyssinian": (1, 1, 1), "american_bulldog": (2, 2, 1), "basset_hound": (3, 2, 2), "Bengal": (4, 1, 2)}
    lines = [f"{breed}_{n} {' '.join(map(str, ids))}" for breed, ids in breeds.items() for n in range(1, 7)]
    head = "#Image CLASS-ID SPECIES BREED ID\n#ID: 1:37 Class ids\n#SPECIES: 1:Cat 2:Dog\n#This dataset has 4 breeds\n"
    files = {
        "annotations/list.txt": head + "\n".join(lines) + "\n",
        "annotations/trainval.txt": "\n".join(line for at, line in enumerate(lines) if at % 2) + "\n",
        "annotations/test.txt": "\n".join(line for at, line in enumerate(lines) if not at % 2) + "\n",
        "annotations/README": "Use trainval.txt\n",
    }
    photos = [f"images/{line.split()[0]}.jpg" for line in lines]
    reading = only(read_tables(make_listing(photos, files)))
    assert set(labels_of(reading).values()) == set(breeds)
    assert splits_of(reading)["images/Abyssinian_1.jpg"] == "test"
    assert [photo.split for photo in reading.photos].count("train") == 12


@pytest.mark.parametrize("compressed", [False, True])
def test_flowers(compressed: bool) -> None:
    labels = np.array([[1 + n // 4 for n in range(20)]], np.uint8)
    splits = {"trnid": np.array([[n for n in range(1, 21) if n % 4 in {0, 1}]], np.uint16),
              "valid": np.array([[n for n in range(1, 21) if n % 4 == 2]], np.uint16),
              "tstid": np.array([[n for n in range(1, 21) if n % 4 == 3]], np.uint16)}  # fmt: skip
    files = {}
    for name, arrays in (("imagelabels.mat", {"labels": labels}), ("setid.mat", splits)):
        data = io.BytesIO()
        savemat(data, arrays, do_compression=compressed)
        files[name] = data.getvalue()
    listing = make_listing([f"jpg/image_{n:05}.jpg" for n in range(1, 21)], files)
    reading = only(read_tables(listing))
    assert labels_of(reading)["jpg/image_00005.jpg"] == "2"
    assert splits_of(reading)["jpg/image_00002.jpg"] == "validation"
    assert [photo.split for photo in reading.photos].count("test") == 5
    assert labels_of(read_named_table(listing, reading.labels)) == labels_of(reading)
    for cut in range(0, len(files["imagelabels.mat"]), 7):
        broken = {**files, "imagelabels.mat": files["imagelabels.mat"][:cut]}
        assert read_tables(make_listing(listing.photos, broken)) == []


def test_celebas_partition_is_the_split_of_another_table() -> None:
    photos = [f"{n:06}.jpg" for n in range(1, 11)]
    files = {
        "labels.csv": csv_text([["image_id", "person"], *([photo, f"p{at % 2}"] for at, photo in enumerate(photos))]),
        "list_eval_partition.csv": csv_text(
            [["image_id", "partition"], *([photo, min(2, at // 4)] for at, photo in enumerate(photos))]
        ),
    }
    files["labels.csv"] = files["labels.csv"].replace("person", "label")
    reading = only(read_tables(make_listing(photos, files)))
    assert [photo.split for photo in reading.photos] == ["train"] * 4 + ["validation"] * 4 + ["test"] * 2


def test_lists_of_names_are_the_splits_of_a_table() -> None:
    photos = [f"images/{n}.jpg" for n in range(12)]
    files = {
        "labels.csv": csv_text([["image", "label"], *([f"{n}.jpg", "ab"[n % 2]] for n in range(12))]),
        "train.txt": "".join(f"{n}\n" for n in range(8)),
        "test.txt": "".join(f"{n}\n" for n in range(8, 12)),
    }
    reading = only(read_tables(make_listing(photos, files)))
    assert [photo.split for photo in reading.photos].count("test") == 4


def test_label_studio() -> None:
    photos = [f"{n}.jpg" for n in range(6)]
    kinds = ["Cat", "Dog"] * 3

    def task(n: int, mark: dict[str, object]) -> dict[str, object]:
        result = [{"from_name": "animal", "to_name": "image", **mark}]
        image = f"/data/upload/3/ab12cd{n:02}-{n}.jpg"
        return {"id": n, "data": {"image": image}, "annotations": [{"result": result, "was_cancelled": False}]}

    tasks = [task(n, {"type": "choices", "value": {"choices": [kind]}}) for n, kind in enumerate(kinds)]
    small = [{"image": f"/data/local-files/?d=pets/{n}.jpg", "id": n, "animal": kind, "annotator": 1 + n % 2,
              "annotation_id": n, "created_at": "2024-01-01T00:00:00Z", "lead_time": 1.5}
             for n, kind in enumerate(kinds)]  # fmt: skip
    rows = [list(small[0]), *(list(map(str, one.values())) for one in small)]
    for name, text in (("p.json", json.dumps(tasks)), ("m.json", json.dumps(small)), ("p.csv", csv_text(rows))):
        reading = only(read_tables(make_listing(photos, {name: text})))
        assert labels_of(reading) == dict(zip(photos, kinds, strict=True))
    boxes = [task(n, {"type": "rectanglelabels", "value": {"x": 1, "rectanglelabels": ["Cat"]}}) for n in range(6)]
    listing = make_listing(photos, {"project.json": json.dumps(boxes)})
    assert read_tables(listing) == []
    assert "detection" in str(explain_detection(listing))


@pytest.mark.parametrize("boxes", [False, True])
def test_coco(boxes: bool) -> None:
    photos = [f"images/{n}.jpg" for n in range(8)]
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 9, "height": 9, "location": n // 4} for n in range(8)]
    marks: list[dict[str, object]] = [{"id": n, "image_id": n, "category_id": 1 + n % 2} for n in range(8)]
    if boxes:
        marks += [{"id": 9 + n, "image_id": n, "category_id": 2 - n % 2} for n in range(8)]
        marks = [{**mark, "bbox": [0, 0, 2, 2]} for mark in marks]
    kinds = [{"id": 1, "name": "fox"}, {"id": 2, "name": "owl"}]
    content = {"images": images, "annotations": marks, "categories": kinds}
    listing = make_listing(photos, {"annotations.json": json.dumps(content)})
    if boxes:
        survey = survey_tables(listing)
        assert survey.readings == ()
        assert "more than one 'category'" in survey.remarks[0]
        assert "annotations.json holds boxes" in str(explain_detection(listing))
    else:
        reading = only(read_tables(listing))
        assert labels_of(reading)["images/3.jpg"] == "owl"
        assert reading.groups == ("location",)
        assert explain_detection(listing) is None


@pytest.mark.parametrize("suffix,text", [
    (".txt", "0 0.5 0.5 0.25 0.3\n3 0.1 0.2 0.3 0.4\n"),
    (".xml", "<annotation><object><name>cat</name><bndbox><xmin>1</xmin></bndbox></object></annotation>"),
    (".json", '{"shapes": [{"label": "cat", "points": [[1, 2]]}], "imagePath": "1.jpg"}'),
])  # fmt: skip
def test_boxes_in_a_file_for_each_photo(suffix: str, text: str) -> None:
    photos = [f"images/{n}.jpg" for n in range(8)]
    listing = make_listing(photos, {f"labels/{n}{suffix}": text for n in range(8)})
    assert read_tables(listing) == []
    assert "set for detection: 8 of 8 photos" in str(explain_detection(listing))
    captions = make_listing(photos, {f"labels/{n}{suffix}": "a cat on a mat\n" for n in range(8)})
    assert explain_detection(captions) is None


def test_masks_alone_are_a_set_for_segmentation() -> None:
    photos = [f"images/{n}.jpg" for n in range(8)] + [f"masks/{n}_mask.png" for n in range(8)]
    assert "set for segmentation" in str(explain_detection(make_listing(photos, {})))
    assert explain_detection(make_listing(photos[:8], {})) is None


def test_boxes_in_a_table_with_several_classes_a_photo() -> None:
    photos = [f"{n}.jpg" for n in range(6)]
    rows = [["filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax"]]
    rows += [[photo, "9", "9", kind, "1", "1", "5", "5"] for photo in photos for kind in ("cat", "dog")]
    survey = survey_tables(make_listing(photos, {"_annotations.csv": csv_text(rows)}))
    assert survey.readings == ()
    assert "more than one 'class'" in survey.remarks[0]
