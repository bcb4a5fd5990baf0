"""Build `model_card.md`: the purpose, origin and quality of the chosen model, with Hugging Face's field names.

The front matter is for model repositories (https://huggingface.co/docs/hub/model-cards). The sections are those of
Mitchell et al. (2019, Model Cards for Model Reporting), as far as the runs contain the facts.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from mlflow.entities import Run

from pawprint.base.errors import UserError
from pawprint.base.words import name_some
from pawprint.evaluation.costs import describe_costs
from pawprint.evaluation.robustness import Corrupted, describe_robustness, read_robustness
from pawprint.evaluation.selective import describe_selection
from pawprint.evaluation.slices import Slice, describe_worst, read_slices
from pawprint.evaluation.style import percent, shorten
from pawprint.models.architectures import recipe_for
from pawprint.pipeline.results import Repeat, choose_best
from pawprint.report.graph import Lineage, find_learning
from pawprint.report.replay import format_command
from pawprint.report.tree import format_facts
from pawprint.tracking.artifacts import open_artifact
from pawprint.tracking.descriptions import code, format_count_table, format_metrics, format_table
from pawprint.tracking.tags import get_tag

MOST_CLASSES, MOST_SLICES = 12, 40
"""Most classes and slices that are listed."""
_PROCEDURE = (
    "epochs",
    "finetune",
    "batch_size",
    "learning_rate",
    "weight_decay",
    "augmentation",
    "width",
    "patience",
    "seed",
)
_LONGEST = 200
"""Longest value in characters."""


@dataclass(frozen=True)
class Facts:
    """The facts in the runs about the chosen model.

    Attributes:
        document: metrics.json of its evaluation.
        counts: number of photos by split and class.
        parameters: parameters of its training; "auto" where the architecture has no such parameter.
        seconds: duration of the training run.
        facts: lines about code and environment.
        runs: name and id of the runs in the chain.
        command: command that repeats the main run.
        slices: slices of its evaluation; empty if an older version evaluated it.
        measured: robustness of its evaluation; empty if an older version evaluated it.
        temperature: the network's temperature; None if an older version trained it.
        weights: what its training began with; None if no weights were given.
    """

    architecture: str
    frozen: bool
    model: str
    model_digest: str
    image_size: int
    document: Mapping[str, Any]
    source: str
    fallback: str | None
    licence: str | None
    photos_sha256: str
    dataset_digest: str
    counts: Mapping[str, Mapping[str, int]]
    notes: Sequence[str]
    parameters: Mapping[str, str]
    best_epoch: int
    seconds: float
    facts: Sequence[str]
    runs: Sequence[tuple[str, str]]
    command: str
    repeats: int = 1
    num_doubts: int = 0
    slices: Sequence[Slice] = field(default_factory=tuple)
    measured: Sequence[Corrupted] = field(default_factory=tuple)
    temperature: float | None = None
    weights: str | None = None

    @property
    def origin(self) -> str:
        """How the network came to its weights."""
        if self.weights:
            return f"trained on from the weights of {_code(self.weights)}"
        if not self.frozen:
            return "trained from scratch"
        if self.best_epoch > int(self.parameters["epochs"]):
            return "pretrained; its last layer learned from the photos, then its later layers too"
        return "pretrained; only its last layer learned from the photos"


def build_model_card(lineage: Lineage, repeats: Sequence[Repeat], num_doubts: int = 0) -> str:
    """Return the card of the best repeat.

    Args:
        lineage: chain of a main run, with the trainings in the order of the repeats.
        repeats: results of the repeats.
        num_doubts: number of labels that look wrong.

    Returns:
        Markdown with YAML front matter.
    """
    return render_card(_read_facts(lineage, repeats, num_doubts))


def render_card(facts: Facts) -> str:
    """Return the card; class names, sources and notes are untrusted text and are escaped."""
    classes, metrics = facts.document["class_names"], facts.document["metrics"]
    decisions = [describe_selection(facts.document), describe_costs(facts.document)]
    limits = [describe_worst(facts.slices)] if facts.slices else []
    limits += [describe_robustness(facts.measured)] if facts.measured else []
    if facts.num_doubts:
        who = "to models that have not learned them"
        limits.append(f"Labels that look wrong {who}, and count as they are: {facts.num_doubts}")
    taken = [("architecture", facts.architecture), ("epoch taken", str(facts.best_epoch))]
    if facts.temperature is not None:
        taken.append(("temperature, fitted on validation photos", f"{facts.temperature:.4g}"))
    taken += [(name, value) for name in _PROCEDURE if (value := facts.parameters.get(name, "auto")) != "auto"]
    text = (
        _environment()
        .get_template("model_card.md.j2")
        .render(
            f=facts,
            front_matter=yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True),
            title=_text(_name(facts)),
            metrics=metrics,
            class_list=name_some([_code(name) for name in classes], MOST_CLASSES),
            limits=limits,
            decisions=list(filter(None, decisions)) if "selection" in facts.document else [],
            counts=_format_counts(facts.counts),
            procedure=format_table(["setting", "value"], [(name, _code(value)) for name, value in taken]),
            results=format_metrics({name: value for name, value in metrics.items() if value is not None}),
            slices=_format_slices(facts.slices),
        )
    )
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def strip_front_matter(card: str) -> str:
    r"""Return the card without its front matter.

    >>> strip_front_matter("---\nlicense: other\n---\n\n# A model\n")
    '# A model\n'
    """
    return card.split("\n---\n", 1)[1].lstrip() if card.startswith("---\n") else card


def _front_matter(facts: Facts) -> dict[str, Any]:
    metrics = facts.document["metrics"]
    kinds = {"accuracy": "test_accuracy", "f1": "test_f1", "roc_auc": "test_roc_auc"}
    values = {kind: round(metrics[name], 4) for kind, name in kinds.items() if metrics.get(name) is not None}
    data = _short_source(facts.source)
    return {
        "license": "unknown",  # it depends on the photos' licence, which the section on photos names
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": ["image-classification", "keras", "mlflow", "pawprint", facts.architecture],
        "datasets": [data],
        "metrics": list(values),
        "model-index": [
            {
                "name": _name(facts),
                "results": [
                    {
                        "task": {"type": "image-classification", "name": "Image Classification"},
                        "dataset": {"name": data, "type": "imagefolder", "split": "test"},
                        "metrics": [{"type": kind, "value": value} for kind, value in values.items()],
                    }
                ],
            }
        ],
    }


def _name(facts: Facts) -> str:
    classes = facts.document["class_names"]
    subject = " or ".join(shorten(name, 30) for name in classes) if len(classes) < 4 else f"{len(classes)} classes"
    return f"{subject}, by {facts.architecture}"


def _short_source(source: str) -> str:
    """Return a source without its folder, since a path means nothing on another machine."""
    return PurePath(source).name if source.startswith(("/", ".", "~")) else source


def _format_counts(counts: Mapping[str, Mapping[str, int]]) -> str:
    """Return a table of photos by split and class, or only by split if there are many classes."""
    if len({name for split in counts.values() for name in split}) <= MOST_CLASSES:
        return format_count_table({split: {shorten(n, 60): k for n, k in of.items()} for split, of in counts.items()})
    return format_table(["split", "photos"], [(split, str(sum(of.values()))) for split, of in counts.items()])


def _format_slices(slices: Sequence[Slice]) -> str:
    rows = [
        (
            one.trait,
            _code(one.name) if one.trait == "class" else one.name,
            str(one.photos),
            percent(one.accuracy),
            " to ".join(f"{100 * bound:.1f} %" for bound in one.interval),
        )
        for one in sorted(slices, key=lambda one: one.interval[0])[:MOST_SLICES]
    ]
    return format_table(["trait", "slice", "photos", "right", "95 % interval"], rows)


def _read_facts(lineage: Lineage, repeats: Sequence[Repeat], num_doubts: int) -> Facts:
    best = choose_best(repeats)
    training = lineage.trainings[list(repeats).index(best)]
    main, evaluated, trained = lineage.main, training.evaluations[-1], training.run
    if main is None or lineage.preprocess is None or lineage.download is None:
        raise RuntimeError("a card is of a main run, which has made its photos and dataset")
    with _open(evaluated, "evaluation") as folder:
        document = json.loads((folder / "metrics.json").read_text("utf-8"))
        slices = read_slices(path) if (path := folder / "slices.csv").is_file() else []
        measured = read_robustness(path) if (path := folder / "robustness.csv").is_file() else []
    with _open(lineage.preprocess, "dataset/dataset.json") as path:
        dataset = json.loads(path.read_text("utf-8"))
    architecture, learning = trained.data.params["architecture"], find_learning(trained)
    return Facts(
        architecture=architecture,
        frozen=recipe_for(architecture).frozen,
        model=best.model,
        model_digest=str(get_tag(trained, "model_digest")),
        image_size=dataset["image_size"],
        document=document,
        source=str(dataset["source"]),
        fallback=get_tag(lineage.download, "source_fallback"),
        licence=_read_licence(lineage.download),
        photos_sha256=dataset["photos_sha256"],
        dataset_digest=dataset["digest"],
        counts=dataset["counts"],
        notes=dataset["notes"],
        parameters=trained.data.params,
        best_epoch=int(trained.data.metrics["best_epoch"]),
        seconds=((learning.info.end_time or learning.info.start_time) - learning.info.start_time) / 1000,
        facts=format_facts(learning),
        runs=[("main" if run is main else run.info.run_name or "", run.info.run_id) for run in lineage.runs()],
        command=format_command(main),
        repeats=len(repeats),
        num_doubts=num_doubts,
        slices=slices,
        measured=measured,
        temperature=trained.data.metrics.get("temperature"),
        weights=get_tag(trained, "weights"),
    )


def _read_licence(downloaded: Run) -> str | None:
    """Return the licence of the photos from their manifest, or None if unknown."""
    try:
        with _open(downloaded, "photos/manifest.json") as path:
            licence = json.loads(path.read_text("utf-8")).get("licence")
    except UserError:
        return None  # the photos may be deleted after preprocess
    return None if licence is None else str(licence)


def _open(run: Run, path: str) -> Any:
    return open_artifact(f"runs:/{run.info.run_id}/{path}", expected=f"runs:/<run id>/{path}")


def _environment() -> Environment:
    environment = Environment(  # noqa: S701 - Markdown, escaped by the filters below
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"code": _code, "text": _text, "percent": percent}
    return environment


def _code(text: object) -> str:
    return code(shorten(str(text), _LONGEST))


def _text(text: object, longest: int = 2 * _LONGEST) -> str:
    r"""Return text with the special characters of Markdown and HTML escaped.

    >>> _text("a*b\n<c>")
    'a\\*b?\\<c\\>'
    """
    return re.sub(r"([\\`*_{}\[\]<>#|&~])", r"\\\1", shorten(str(text), longest))
