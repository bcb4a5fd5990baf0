"""Exports as a user asks for them, and the page to try in a browser, from disk, on its own."""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from pawprint.report.graph import find_lineage
from pawprint.report.verify import verify_lineage
from pawprint.serving.demo_page import PAGE
from pawprint.serving.formats import FILES, QUANTIZED
from pawprint.tracking.tags import get_tag
from tests.browsers import opened_browser

pytestmark = pytest.mark.slow

EXPORT = "export=onnx,litert,litert-float16:keep,litert-int8:keep"
"""All formats; with so few photos, a single other label would cost more than a point."""


@pytest.fixture
def page() -> Iterator[Any]:
    """A page of a headless browser that is cut off from the network."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which the page is built with, is not installed")
    with opened_browser() as browser:
        yield browser.new_context(viewport={"width": 390, "height": 800}, offline=True).new_page()


def test_exports_and_the_page_give_the_models_answers(
    launch: Callable[..., Any], tiny_photos: Callable[..., Path], page: Any
) -> None:
    at = launch()
    mlflow.set_tracking_uri(at.tracking_uri)
    source = tiny_photos(photos=30)
    at.run("-P", f"source={source}", "-P", "epochs=1", "-P", "image_size=32", "-P", EXPORT)
    train, evaluate = (at.newest(name) for name in ("train", "evaluate"))
    folder = Path(at.client.download_artifacts(train.info.run_id, "export"))
    assert {path.name for path in folder.iterdir()} == {*FILES.values(), "export.json", PAGE}
    # On the test photos again, by evaluate.
    checked = json.loads(Path(at.client.download_artifacts(evaluate.info.run_id, "evaluation/export.json")).read_text())
    assert set(checked) == set(FILES)
    assert all(one["holds"] for name, one in checked.items() if name not in QUANTIZED)
    assert all(one["max_difference"] < 0.2 for one in checked.values())
    assert get_tag(train, "digest.export")

    # Another export of the same training trains nothing again.
    dataset = f"dataset={train.data.params['dataset']}"
    said = at.run("-e", "train", "-P", dataset, "-P", "epochs=1", "-P", "export=litert").stdout
    again = at.newest("train")
    assert f"run {train.info.run_id} has learned the same" in said
    assert again.data.tags["pawprint.model_digest"] == train.data.tags["pawprint.model_digest"]
    for name in ("train_loss", "validation_loss", "best_epoch", "images_per_second"):
        first, second = (at.client.get_metric_history(one.info.run_id, name) for one in (train, again))
        assert [(one.value, one.step, one.timestamp) for one in first] == [
            (one.value, one.step, one.timestamp) for one in second
        ]
    lineage = find_lineage(again.info.run_id)
    assert [check.damage for check in verify_lineage(lineage)] == [()] * 6
    assert (Path(again.info.artifact_uri.removeprefix("file://")) / "export" / FILES["litert"]).is_file()

    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: told.append(request.url))
    page.goto((folder / PAGE).as_uri())
    page.wait_for_selector("#status:text-is('Ready.')", timeout=120_000)
    assert [text for text in told if not text.startswith(("file:", "blob:"))] == []

    photos = [path.read_bytes() for path in sorted(source.rglob("*.jpg"))]
    model = mlflow.pyfunc.load_model(
        f"models:/{at.client.get_run(train.info.run_id).outputs.model_outputs[0].model_id}"
    )
    expected = model.predict(pd.DataFrame({"image": photos}))
    found = page.evaluate(
        """async (photos) => {
          const answers = [];
          for (const text of photos) {
            const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
            answers.push((await answerFile(new File([bytes], "photo.jpg"))).probabilities);
          }
          return answers;
        }""",
        [base64.b64encode(photo).decode() for photo in photos],
    )
    np.testing.assert_allclose(found, expected[["probability_cats", "probability_dogs"]].to_numpy(float), atol=1e-3)

    # By keyboard: the first stop is the choice of a file; after an answer the map can be put away.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "file"
    page.set_input_files("#file", {"name": "rex.jpg", "mimeType": "image/jpeg", "buffer": photos[0]})
    page.wait_for_selector("#answer:visible")
    assert expected["label"][0] in page.inner_text("#verdict")
    assert ("ask a person" in page.inner_text("#decision")) is (expected["decision"][0] == "ask a person")
    page.focus("#show")
    page.keyboard.press("Space")
    assert page.is_hidden("#map")
    page.set_input_files("#file", {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photo"})
    page.wait_for_selector("#error:visible")
    assert "notes.txt" in page.inner_text("#error")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # a phone's width, nothing to scroll aside
