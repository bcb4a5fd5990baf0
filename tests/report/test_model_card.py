"""The card of a model, whatever its classes are called."""

import re
from dataclasses import replace

import numpy as np
import pytest
import yaml

from pawprint.evaluation.metrics import compute_metrics
from pawprint.evaluation.robustness import Corrupted
from pawprint.evaluation.slices import Slice
from pawprint.pipeline.registry import cut_paragraphs
from pawprint.report.model_card import Facts, render_card, strip_front_matter

NASTY = ["cats: # 'no'", 'd"o`g|s\n---\n# <script>alert(1)</script>', "[x](javascript:1)", "- *猫*"]


def make_facts(class_names):
    labels = np.arange(40) % len(class_names)
    probabilities = np.eye(len(class_names))[np.where(np.arange(40) < 4, 0, labels)] * 0.8 + 0.2 / len(class_names)
    return Facts(
        architecture="cnn",
        frozen=False,
        model="models:/m-123",
        model_digest="ab" * 32,
        image_size=160,
        document=compute_metrics(labels, probabilities, class_names, resamples=50),
        source="/home/me/pets.zip",
        fallback=None,
        licence="CC BY 4.0",
        photos_sha256="cd" * 32,
        dataset_digest="ef" * 32,
        counts={"train": dict.fromkeys(class_names, 90), "test": dict.fromkeys(class_names, 10)},
        notes=["2 photos are near duplicates"],
        parameters={"epochs": "30", "seed": "0", "width": "auto"},
        best_epoch=7,
        seconds=90.0,
        facts=["code of no commit"],
        runs=[("train", "0" * 32)],
        command="mlflow run .",
        slices=[Slice("class", class_names[0], 30, 20), Slice("brightness", "darkest", 25, 24, 1.0, 2.0)],
        measured=[Corrupted("none", 0, 0, 40, 38), Corrupted("blur", 3, 0.02, 40, 20)],
    )


@pytest.mark.parametrize("class_names", [["cats", "dogs"], NASTY, [f"kind {n}" for n in range(30)]])
def test_the_front_matter_is_what_hugging_face_reads(class_names):
    card = render_card(make_facts(class_names))
    front, _, text = card.removeprefix("---\n").partition("\n---\n")
    said = yaml.safe_load(front)
    assert said["library_name"] == "keras"
    assert said["pipeline_tag"] == "image-classification"
    assert said["datasets"] == ["pets.zip"]  # not where it lay on this machine
    (model,) = said["model-index"]
    (result,) = model["results"]
    assert result["task"]["type"] == "image-classification"
    assert {one["type"]: one["value"] for one in result["metrics"]}["accuracy"] == pytest.approx(
        make_facts(class_names).document["metrics"]["test_accuracy"], abs=1e-4
    )
    assert {one["type"] for one in result["metrics"]} == set(said["metrics"])
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings == [
        "Model description",
        "Intended uses & limitations",
        "Training data",
        "Training procedure",
        "Evaluation results",
        "Environmental impact",
        "How to use",
        "Lineage",
    ]


def test_names_stay_text():
    text = strip_front_matter(render_card(make_facts(NASTY)))
    outside = re.sub(r"(`+).*?\1", "", text.partition("## How to use")[0])  # in a code span, everything is text
    assert not re.search(r"(?<!\\)<", outside)
    assert not re.search(r"(?<!\\)\[", outside)
    assert "# <script" not in text.splitlines()
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows if "script" in row} <= {6}
    assert len(re.findall("^# ", text, re.MULTILINE)) == 1


def test_the_card_says_what_the_runs_know():
    facts = replace(make_facts(["cats", "dogs"]), repeats=3, num_doubts=2, fallback="Kaggle was down")
    card = render_card(replace(facts, temperature=1.5))
    assert "| temperature, fitted on validation photos | `1.5` |" in card
    assert "temperature" not in render_card(facts)  # of an earlier version
    told = ("trained from scratch", "1.5 minutes", "CC BY 4.0", "Kaggle was down", "Of 3 trainings", "look wrong")
    for said in (*told, "50.0 % with heavy blur", "class cats, 66.7 % of 30 photos", "models:/m-123", "mlflow run ."):
        assert said in card
    assert "width" not in card  # a setting that it did not have
    bare = render_card(replace(make_facts(["cats", "dogs"]), slices=(), measured=(), source="synthetic"))
    assert "By slice" not in bare
    assert "drawings" in bare


def test_a_description_is_cut_at_a_paragraph():
    card = strip_front_matter(render_card(make_facts([f"kind {n}" for n in range(30)])))
    cut = cut_paragraphs(card, "The rest is elsewhere.", 1500)
    assert len(cut) <= 1500
    kept = cut.removesuffix("\n\nThe rest is elsewhere.")
    assert card.startswith(kept + "\n\n")
    assert cut_paragraphs(card, "x", len(card)) == card


def test_the_card_says_what_can_be_left_to_the_model():
    facts = make_facts(["cats", "dogs"])
    counts = {"photos": 500, "answered": 480, "wrong": 5, "wrong_of_all": 12}
    selection = {"aim": 0.01, "confidence": 0.8, "validation": counts, "test": counts}
    card = render_card(replace(facts, document={**facts.document, "selection": selection, "costs": None}))
    assert "Of 100 photos it will answer 96 by itself, and 1 of these wrongly." in card
    assert "if it answered all, 12 would be wrong." in card  # not cut
    without = render_card(replace(facts, document={**facts.document, "selection": None, "costs": None}))
    assert "there are none" in without
    assert "left to a person" not in render_card(facts)  # nothing of an older version's evaluation
