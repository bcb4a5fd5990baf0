"""The walk of docs/reviewing.md in Chromium: planted wrong labels are found, mended by keyboard, and the run again."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run

from pawprint.drawn.drawings import Drawing, draw_photo
from tests.browsers import axe, check_page, opened_browser

__all__ = ["axe"]
pytestmark = pytest.mark.slow
PLANTED = 15
"""Wrong labels of each class, in training."""
WORDS = ("-P", "architecture=efficientnet_lite0", "-P", "image_size=96", "-P", "epochs=10", "-P", "finetune=0")
ALL = ("-P", "train_images=0", "-P", "test_images=0")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as browser:
        yield browser


def draw_planted(folder: Path) -> Path:
    """150 drawn cats and dogs to learn from, 15 of each under the other's name, and 50 to judge by."""
    for first, (kind, other) in ((0, ("cat", "dog")), (500, ("dog", "cat"))):
        for number in range(1, 201):
            label = other if number <= PLANTED else kind
            path = folder / ("train" if number <= 150 else "test") / f"{label}s" / f"{first + number:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(draw_photo(Drawing(0, kind, number)))
    return folder


def truth_of(name: str) -> str:
    return "cats" if int(Path(name).stem) < 500 else "dogs"


def artifact(run: Run, path: str) -> Path:
    return Path(run.info.artifact_uri.removeprefix("file://"), path)


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def content_of(page: Path) -> dict[str, Any]:
    found = re.search(r'id="content">(.*?)</script>', page.read_text("utf-8"), re.DOTALL)
    assert found
    content: dict[str, Any] = json.loads(found[1])
    return content


def test_the_walk(browser: Any, launch: Callable[..., Any], tmp_path: Path) -> None:
    at, source = launch(), draw_planted(tmp_path / "pets")
    at.run("-P", f"source={source}", *WORDS, *ALL)
    first = at.newest("main")
    review = artifact(first, "review.html")
    saved = mend(browser, review, tmp_path)
    rows = read_csv(saved)
    mended = [row for row in rows if row["action"] == "label"]
    assert len(mended) >= 0.9 * 2 * PLANTED  # of all that was planted
    assert all(row["new_label"] == truth_of(row["name"]) for row in mended)
    assert {(row["reviewer"], row["run"]) for row in rows} == {("'=Anna", first.info.run_id)}  # and not a formula
    assert not [cell for row in rows for cell in row.values() if cell.startswith(("=", "+", "-", "@"))]

    done = at.run("-P", f"source={source}", *WORDS, *ALL, "-P", f"corrections={saved}")
    second = at.newest("main")
    assert "download: reused from run" in done.stdout + done.stderr
    report = artifact(second, "report.html").read_text("utf-8")
    assert "What the corrections did" in report
    assert f"{len(mended)} labels corrected" in report
    assert "McNemar" in report
    assert f"run {first.info.run_id}" in report
    made = at.newest("preprocess")
    index = {row["member"]: row for row in read_csv(artifact(made, "dataset/index.csv"))}
    before = {row["member"]: row for row in read_csv(artifact(oldest(at, "preprocess"), "dataset/index.csv"))}
    assert {name: row["split"] for name, row in index.items()} == {name: row["split"] for name, row in before.items()}
    for row in mended:
        assert (index[row["name"]]["label"], index[row["name"]]["original_label"]) == (
            row["new_label"],
            row["old_label"],
        )
    assert f"{len(mended)} labels corrected" in artifact(second, "model_card.md").read_text("utf-8")
    assert "labels corrected" in artifact(second, "lineage.svg").read_text("utf-8")
    assert f"{made.info.run_id}/dataset/corrections.csv" in artifact(second, "lineage.json").read_text("utf-8")
    # The newest page holds what was put right before, so its corrections.csv is complete.
    assert len(content_of(artifact(second, "review.html"))["earlier"]) == len(rows)


def mend(browser: Any, review: Path, folder: Path) -> Path:
    """Put right, by keyboard alone, what is wrong, and return the file that the page saves."""
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"error: {error}"))
    page.goto(review.as_uri())
    photos, classes = content_of(review)["photos"], content_of(review)["classes"]
    page.locator("#reviewer").fill("=Anna")
    page.locator("#reviewer").blur()
    for number, photo in enumerate(photos):
        assert page.locator("#name").inner_text().startswith(photo["name"])
        truth = truth_of(photo["name"])
        if number == 0:  # a mistake is taken back
            page.keyboard.press("x")
            page.keyboard.press("z")
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowLeft")
        right = truth == photo["label"] or photo["split"] == "test"
        page.keyboard.press("Space" if right else str(classes.index(truth) + 1))
        if number == 5:  # what is decided is kept by the browser
            page.reload()
            assert f"{number + 1} decided" in page.locator("#place").inner_text()
    assert f"{len(photos)} decided" in page.locator("#place").inner_text()
    with page.expect_download() as downloading:
        page.keyboard.press("s")
    path = folder / "corrections.csv"
    downloading.value.save_as(path)
    assert page.locator("#text").input_value() == path.read_text("utf-8")
    assert said == []
    context.close()
    return path


def oldest(at: Any, step: str) -> Run:
    run: Run = next(run for run in at.runs() if run.data.tags["mlflow.project.entryPoint"] == step)
    return run


def test_the_page_is_for_everybody_and_runs_nothing_of_others(
    browser: Any, axe: str, launch: Callable[..., Any], tiny_photos: Callable[..., Path]
) -> None:
    evil = "<img src=x onerror=alert(1)>"
    at = launch()
    words = ("-P", "architecture=baseline", "-P", "epochs=1", "-P", "image_size=32")
    at.run("-P", f"source={tiny_photos(classes=(evil, '=cmd()'), photos=20)}", *words)
    review = artifact(at.newest("main"), "review.html")

    def use(page: Any) -> None:
        page.locator("#other").fill(f"{evil}!")
        page.locator("#other").press("Enter")
        page.locator("#save").click()
        assert page.locator("#choices button").all_inner_texts()[-1].endswith(f"{evil}!")

    check_page(browser, axe, review, use)
    # As in the viewer of a tracking server: a frame that may run scripts, and neither store nor download.
    page = browser.new_page()
    page.set_content('<iframe sandbox="allow-scripts" style="width: 1000px; height: 900px"></iframe>')
    page.evaluate("text => { document.querySelector('iframe').srcdoc = text }", review.read_text("utf-8"))
    frame = page.frame_locator("iframe")
    frame.locator("#volatile").wait_for()
    frame.locator("#leave").click()
    frame.locator("#save").click()
    assert "leave_out" in frame.locator("#text").input_value()
    page.close()


def test_labels_of_new_photos_are_given_in_the_page_of_predict_and_learned(
    browser: Any, axe: str, launch: Callable[..., Any], tmp_path: Path
) -> None:
    """From a model of few photos: label by keyboard what it asks for, and run again with `more` and `corrections`."""
    at, source, new = launch(), tmp_path / "pets", tmp_path / "inbox"
    for start, kind in ((0, "cat"), (500, "dog")):
        for number in [*range(1, 41), *range(101, 201)]:
            folder = source / ("train" if number <= 40 else "test") / f"{kind}s" if not 100 < number <= 150 else new
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{start + number:04d}.jpg").write_bytes(draw_photo(Drawing(0, kind, number)))
    at.run("-P", f"source={source}", *WORDS, *ALL)
    first = at.newest("main")
    at.run("-e", "predict", "-P", f"model={first.data.tags['pawprint.best_model']}", "-P", f"source={new}")
    asked = at.newest("predict")
    review = artifact(asked, "predictions/review.html")
    content = content_of(review)
    assert {photo["label"] for photo in content["photos"]} == {""}

    page = browser.new_context(accept_downloads=True).new_page()
    page.goto(review.as_uri())
    taken, left = content["photos"][:20], content["photos"][20]
    for photo in taken:
        truth = truth_of(photo["name"])
        said = photo["answers"][0][0]
        assert page.locator("#label").inner_text() == f"The model says: {said}"
        page.keyboard.press("Space" if truth == said else str(content["classes"].index(truth) + 1))
    page.keyboard.press("x")
    with page.expect_download() as downloading:
        page.keyboard.press("s")
    saved = tmp_path / "corrections.csv"
    downloading.value.save_as(saved)
    assert f"more={asked.data.tags['pawprint.photos']}" in page.locator("#saved").inner_text()
    assert {(row["old_label"], row["run"]) for row in read_csv(saved)} == {("", asked.info.run_id)}
    check_page(browser, axe, review, lambda page: page.locator("#save").click())

    more = asked.data.tags["pawprint.photos"]
    at.run("-P", f"source={source}", *WORDS, *ALL, "-P", f"more={more}", "-P", f"corrections={saved}")
    second = at.newest("main")
    index = {row["sha256"]: row for row in read_csv(artifact(at.newest("preprocess"), "dataset/index.csv"))}
    for photo in taken:  # but those that show what a test or validation photo shows
        if row := index.get(photo["digest"]):
            assert (row["split"], row["label"]) == ("train", truth_of(photo["name"]))
    assert sum(photo["digest"] in index for photo in taken) >= 15
    assert left["digest"] not in index
    assert "labelled and added" in artifact(second, "model_card.md").read_text("utf-8")
    assert "labelled and added" in artifact(second, "lineage.svg").read_text("utf-8")
    assert f"{asked.info.run_id}/predictions/review.html" in artifact(second, "lineage.json").read_text("utf-8")
    assert f"run {first.info.run_id}" in artifact(second, "report.html").read_text("utf-8")  # whether it helped
