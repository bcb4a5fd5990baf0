"""Photos of another source in the chain: who labelled them, in which page, and where they come from."""

from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from openlineage.client.serde import Serde

from pawprint.report.graph import Lineage, find_lineage
from pawprint.report.openlineage import build_events
from pawprint.report.tree import describe_lineage, format_lineage
from pawprint.report.verify import verify_lineage
from pawprint.tracking.tags import set_tags


def run(step: str, **tags: object) -> str:
    with mlflow.start_run(run_name=step) as started:
        mlflow.set_tag("mlflow.project.entryPoint", step)
        set_tags(**tags)
    return str(started.info.run_id)


@pytest.fixture
def ids(store: Path) -> dict[str, str]:
    """The runs of a dataset whose photos are of two sources."""
    found = {
        "predict": run("predict", source="/inbox"),
        "download": run("download", photos_sha256="p", source="pets.zip"),
        "more": run("download", photos_sha256="q", source="/inbox"),
    }
    corrections = {
        "uri": "runs:/1f/dataset/corrections.csv",
        "summary": "20 photos of /inbox labelled and added by Anna (20)",
        "run": found["predict"],
        "test_photos": 0,
    }
    photos = {name: f"runs:/{found[run]}/photos" for name, run in (("photos", "download"), ("more", "more"))}
    found["preprocess"] = run("preprocess", dataset_digest="d", more_sha256="q", corrections=corrections, **photos)
    return found


def find(ids: dict[str, str]) -> Lineage:
    return find_lineage(f"runs:/{ids['preprocess']}/dataset")


def test_the_tree_names_both_sources_and_who_labelled(ids: dict[str, str]) -> None:
    lineage = find(ids)
    assert [one.info.run_id for one in lineage.runs()] == [ids["download"], ids["more"], ids["preprocess"]]
    text = format_lineage(lineage)
    assert "20 photos of /inbox labelled and added by Anna (20)" in text
    assert f"and of runs:/{ids['more']}/photos, for training: /inbox, sha256 q" in text
    described = describe_lineage(lineage)
    assert (described["more"]["from"]["source"], described["from"]["from"]["source"]) == ("/inbox", "pets.zip")


def test_openlineage_has_both_and_the_page_of_predict(ids: dict[str, str]) -> None:
    events = [Serde.to_dict(event) for event in build_events(find(ids))]
    made = [[one["name"] for one in event["outputs"]] for event in events]
    assert made[:2] == [[f"runs:/{ids['download']}/photos"], [f"runs:/{ids['more']}/photos"]]
    assert [one["name"] for one in events[-1]["inputs"]] == [
        f"runs:/{ids['download']}/photos",
        f"runs:/{ids['more']}/photos",
        "runs:/1f/dataset/corrections.csv",
        f"runs:/{ids['predict']}/predictions/review.html",
    ]


def test_verify_asks_for_the_photos_of_both(ids: dict[str, str]) -> None:
    assert {f"photos of download {ids[name]}" for name in ("download", "more")} <= {
        check.link for check in verify_lineage(find(ids))
    }
    MlflowClient().set_tag(ids["preprocess"], "pawprint.more", "runs:/gone/photos")
    (check,) = (check for check in verify_lineage(find(ids)) if check.link == "photos of more")
    assert check.damage == ("the run behind runs:/gone/photos is no longer known",)
