"""The winner in MLflow's registry, and the gate before it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = pytest.mark.slow


def test_a_winner_is_registered_and_one_below_the_bar_is_not(
    launch: Callable[..., Any], tiny_photos: Callable[..., Path]
) -> None:
    at = launch()
    photos = tiny_photos(photos=20)
    words = ("-P", f"source={photos}", "-P", "epochs=1")
    small = ("-P", "image_size=32", "-P", "register=pets")
    refused = at.run(*words, *small, "-P", "minimum_accuracy=1", "-P", "minimum_f1=1", check=False)
    assert refused.returncode != 0
    assert "below 1" in refused.stderr
    main = at.newest("main")
    assert main.info.status == "FAILED"
    folder = Path(main.info.artifact_uri.removeprefix("file://"))
    page = (folder / "report.html").read_text("utf-8")
    assert len(page) < 3_000_000
    assert "below 1" in page
    assert "Where it is weak" in page
    assert "What it looked at" in page
    assert all(name in page for name in ("cats", "dogs", str(photos), main.info.run_id))
    # Nothing is fetched: whatever is not embedded is a link that a person may follow.
    assert not re.search(r"""(src|href)=["'](?!data:|http://127\.0\.0\.1|#)""", page)
    assert main.info.run_id not in (folder / "lineage.svg").read_text("utf-8")
    assert at.newest("train").info.run_id in (folder / "lineage.svg").read_text("utf-8")
    assert not at.client.search_registered_models()

    events = json.loads((folder / "lineage.json").read_text("utf-8"))
    assert [event["job"]["name"] for event in events] == [
        "pawprint.download",
        "pawprint.preprocess",
        "pawprint.train",
        "pawprint.evaluate",
        "pawprint.main",
    ]

    # All is reused, evaluations included.
    done = at.run(*words, *small)
    assert done.stdout.count("reused from run") == 4
    version = at.client.get_model_version_by_alias("pets", "champion")
    assert version.source == at.newest("main").data.tags["pawprint.best_model"]
    assert version.tags["pawprint.model_digest"]
    card = Path(at.newest("main").info.artifact_uri.removeprefix("file://"), "model_card.md").read_text("utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["library_name"] == "keras"
    assert "## Intended uses & limitations" in card
    assert "## Intended uses & limitations" in version.description
    assert "there was none before" in version.description
    assert "there was none before" in done.stdout

    # Judged on another dataset, the champion is evaluated there too.
    done = at.run(*words, "-P", "register=pets", "-P", "image_size=48")
    assert "version 2 of pets" in done.stdout
    assert "1st time that these test photos judge" in done.stdout
    assert [run.info.run_name for run in at.runs()][-1] == "evaluate the champion"
    assert at.client.get_registered_model("pets").tags

    broken = at.run(*words, "-P", "register=a/b", check=False)
    assert "can't be a model's name" in broken.stderr
