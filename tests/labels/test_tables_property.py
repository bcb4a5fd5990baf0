"""Any flat set of photos with a table beside it, in any dialect, and tables that are broken or made to harm."""

import csv
import io
import json
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pawprint.base.errors import UserError
from pawprint.labels.detection import explain_detection
from pawprint.labels.tables import read_named_table, read_tables, survey_tables
from tests.hostile.fuzzing import fuzz
from tests.labels.listings import csv_text, labels_of, make_listing

WORDS = st.text(st.sampled_from("abcdefgxyzäößéкошка猫犬 '&-"), min_size=1, max_size=12).map(str.strip).filter(bool)
STEMS = st.text(st.sampled_from("abcdefgh0123456789_-"), min_size=1, max_size=10)


@st.composite
def tables(draw: st.DrawFn) -> tuple[dict[str, str], str, bytes, str]:
    """Draw photos with labels, and a table that says so: its name, its bytes, the value of `labels`."""
    stems = draw(st.lists(STEMS, min_size=6, max_size=30, unique_by=str.casefold))
    kinds = draw(st.lists(WORDS, min_size=2, max_size=3, unique_by=lambda word: " ".join(word.casefold().split())))
    labels = [kinds[at % len(kinds)] for at in range(len(stems))]
    photos = {f"photos/{stem}.jpg": label for stem, label in zip(stems, labels, strict=True)}
    cell = draw(st.sampled_from(["{}.jpg", "photos/{}.jpg", "/home/me/set/photos/{}.jpg", "gs://bucket/photos/{}.jpg"]))
    rows = [[cell.format(stem), label] for stem, label in zip(stems, labels, strict=True)]
    header = draw(st.sampled_from([["file", "label"], ["image_id", "species"], None]))
    dialect = draw(st.sampled_from([",", ";", "\t", "|", "jsonl", "json", "parquet"]))
    if dialect == "parquet":
        file = io.BytesIO()
        names = header or ["name", "class"]
        pq.write_table(pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)}), file)
        return photos, "table.parquet", file.getvalue(), ":".join(names)
    if dialect in {"json", "jsonl"}:
        names = header or ["name", "class"]
        items = [dict(zip(names, row, strict=True)) for row in rows]
        text = "\n".join(map(json.dumps, items)) if dialect == "jsonl" else json.dumps(items, ensure_ascii=False)
        return photos, f"table.{dialect}", text.encode(), ":".join(names)
    text_file = io.StringIO(newline="")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    writer = csv.writer(text_file, delimiter=dialect, quoting=quoting, lineterminator=ending)
    writer.writerows([header, *rows] if header else rows)
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    return photos, "table.csv", text_file.getvalue().encode(encoding), ":".join(header or ["1", "2"])


@given(tables())
def test_labels_come_back_as_they_were_written(drawn: tuple[dict[str, str], str, bytes, str]) -> None:
    photos, name, data, columns = drawn
    listing = make_listing(photos, {name: data})
    assert labels_of(read_named_table(listing, f"{name}:{columns}")) == photos
    (reading,) = read_tables(listing)
    assert labels_of(reading) == photos
    assert reading.labels == f"{name}:{columns}"


@given(tables(), st.data())
def test_the_order_of_rows_and_columns_says_nothing(
    drawn: tuple[dict[str, str], str, bytes, str], data: st.DataObject
) -> None:
    photos = drawn[0]
    assume(len(photos) > 2)
    rows = data.draw(st.permutations([[label, "x", photo] for photo, label in photos.items()]))
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["label", "same", "photo"], *rows])
    (reading,) = read_tables(make_listing(photos, {"t.csv": text.getvalue()}))
    assert labels_of(reading) == photos


PHOTOS = [f"{n}.jpg" for n in range(6)]
ROWS = [
    ["image", "label", "split"],
    *([photo, "ab"[n % 2], ["train", "test"][n // 4]] for n, photo in enumerate(PHOTOS)),
]


def _parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"image": PHOTOS, "label": list("ababab")}), file)
    return file.getvalue()


@pytest.mark.parametrize("name,seed", [
    ("t.csv", csv_text(ROWS).encode()),
    ("t.txt", csv_text(ROWS[1:], " ").encode()),
    ("t.csv", csv_text(ROWS, ";").encode("utf-16")),
    ("t.jsonl", "\n".join(json.dumps({"image": row[0], "label": row[1]}) for row in ROWS[1:]).encode()),
    ("t.json", json.dumps({"images": [{"id": n, "file_name": photo} for n, photo in enumerate(PHOTOS)],
                           "annotations": [{"image_id": n, "category_id": n % 2} for n in range(6)],
                           "categories": [{"id": n, "name": "ab"[n]} for n in range(2)]}).encode()),
    ("t.json", json.dumps([{"data": {"image": photo}, "annotations": [{"result": [
        {"from_name": "c", "type": "choices", "value": {"choices": ["a"]}}]}]} for photo in PHOTOS]).encode()),
    ("t.parquet", _parquet()),
])  # fmt: skip
def test_broken_tables_end_in_a_sentence(name: str, seed: bytes) -> None:
    def read(data: bytes) -> None:
        listing = make_listing(PHOTOS, {name: data, "classes.json": data})
        survey_tables(listing)
        explain_detection(listing)
        read_named_table(listing, name)

    fuzz(read, [seed], errors=(UserError,))


@pytest.mark.parametrize("data", [
    b"[" * 100_000, b'{"a":' * 50_000,
    b"image,label\n" + b"x" * 2_000_000, b'"' * 100_000, b"\0" * 10_000, b"\xff\xfe\xff",
    b"," * 1_000_000, b"\n" * 1_000_000, b"1.jpg," + b"9" * 5000 + b"\n", b"=cmd|' /C calc'!A0,label\n1.jpg,=1+1\n",
    b"[" + b"1" * 5000 + b"]", b'[{"image": "1.jpg", "label": 1e999}]', b"&a [*a, *a]",
])  # fmt: skip
def test_tables_made_to_harm_are_passed_over_in_bounded_time(data: bytes) -> None:
    started = time.monotonic()
    for name in ("t.csv", "t.json", "t.jsonl", "t.txt", "t.parquet", "t.mat", "data.yaml"):
        assert read_tables(make_listing(PHOTOS, {name: data})) == []
    assert time.monotonic() - started < 20
