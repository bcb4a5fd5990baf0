"""All parameters of MLproject, each with its type, check and help. Only MLproject has the defaults.

A step gets one frozen value: `TrainParameters` for train, and so on. Parameters that several steps share are in a group
(`Preprocessing`) or, single ones, in a type of their own (`Seed`). Fields have the order of MLproject. None means
`auto`.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import click

from pawprint.console.kinds import AutoOr, Between, Checked, MayBeMissing, UnlessPaths, check_model_name
from pawprint.dataset.corrections import check_corrections
from pawprint.dataset.decoding import FITS
from pawprint.models.architectures import check_choice
from pawprint.models.costs import parse_costs
from pawprint.models.weights_source import check_weights
from pawprint.photos.registered import REGISTERED
from pawprint.photos.sources import check_labels, check_source
from pawprint.serving.formats import check_formats


@dataclass(frozen=True)
class Option:
    """The type, check and help of a parameter.

    The option has the name of MLproject, with underscores, because MLflow appends unknown parameters as
    `--name value`, and click then refuses them by name.

    Attributes:
        kind: click's type, which checks and converts the value.
        help: text for `--help` and docs/parameters.md.
        make: class of click's option.
    """

    kind: click.ParamType[Any]
    help: str
    make: type[click.Option] = click.Option

    def build(self, name: str) -> click.Parameter:
        """Return click's option with this name."""
        return self.make([f"--{name}"], type=self.kind, required=True, help=self.help)


@dataclass(frozen=True)
class Argument:
    """A positional argument, any number of times."""

    kind: click.ParamType[Any]

    def build(self, name: str) -> click.Parameter:
        """Return click's argument with this name; it is parsed before the options."""
        return click.Argument([name], type=self.kind, nargs=-1, is_eager=True)


# Whether the classes of a source can be read also depends on `labels`: each step checks both together.
_SOURCE = Checked("source", partial(check_source, labelled=False))
_AT_LEAST_0 = click.IntRange(min=0)
_AT_LEAST_1 = click.IntRange(min=1)

Dataset = Annotated[str, Option(click.STRING, "URI of preprocess's artifact: runs:/<run id>/dataset.")]
Model = Annotated[str, Option(click.STRING, "URI of a trained model: models:/<model id>, or models:/<name>@<alias>.")]
Patience = Annotated[
    int | None,
    Option(
        AutoOr(_AT_LEAST_0),
        "Epochs without progress on validation photos after which training ends. 0: it never ends early.",
    ),
]
Seed = Annotated[int, Option(click.IntRange(0, 2**31 - 1), "Everything random comes from it.")]
Export = Annotated[
    str,
    Option(
        Checked("formats", check_formats),
        "Formats that the trained network is also written in, beside the model: onnx (with a page to try it in a "
        "browser), litert, litert-float16, litert-int8, several with commas. The last two are kept if they cost at "
        "most a point of accuracy, or as litert-int8:keep. Empty: none.",
    ),
]
Weights = Annotated[
    str,
    Option(
        Checked("weights", check_weights),
        "What the network begins with: a file or address of .keras, .weights.h5 or .safetensors, or a model of yours "
        "(models:/…, runs:/…). Empty: as usual.",
    ),
]
Cost = Annotated[
    str,
    Option(
        Checked("costs", parse_costs),
        "What mistakes cost: cats>dogs:5 is a true cat called a dog; several with commas, any other 1. It decides "
        "what the model answers, and evaluate says what that saves. Empty: all cost 1.",
    ),
]
Cache = Annotated[
    str,
    Option(
        click.Choice(["on", "refresh", "off"]),
        "on: a step whose photos, parameters, code and environment are as they were is not run again. "
        "refresh: all run again, and are found next time. off: neither looked for nor found.",
    ),
]


@dataclass(frozen=True)
class DownloadParameters:
    """The parameters of download, and of the steps that run it."""

    source: Annotated[
        str,
        Option(
            _SOURCE,
            "Where the photos come from: a folder, zip or tar; a URL; s3://, gs:// or az://, an archive or a folder of "
            f"photos; {', '.join(REGISTERED)}; synthetic[:photos[:seed]]; kaggle:owner/slug; "
            "kaggle:competitions/slug; hf:owner/name; gdrive:id; runs:/<id>/photos; train=A+test=B. "
            "Several, separated by commas, are tried in order.",
        ),
    ]
    labels: Annotated[
        str,
        Option(
            Checked("labels", check_labels),
            "How classes are read. auto: by the one reading that is clearly the best. folder, folder:<level>, prefix. "
            "A table in the source, as train.csv or train.csv:id:breed. A regular expression with (?P<label>...), "
            "sought in each path.",
        ),
    ]
    keep_photos: Annotated[
        str,
        Option(
            click.Choice(["copy", "reference"]),
            "copy: the photos become an artifact. reference: only their digests do, and they are read where they are.",
        ),
    ]


@dataclass(frozen=True)
class Preprocessing:
    """The parameters that define how a dataset is made from photos."""

    image_size: Annotated[
        int | None,
        Option(
            AutoOr(click.IntRange(16, 1024)),
            "Side in pixels of the squares that are stored. auto: what the architecture was measured with.",
        ),
    ]
    train_images: Annotated[
        int,
        Option(
            _AT_LEAST_0,
            "Photos used for training in all, balanced over the classes, validation included. 0: all.",
        ),
    ]
    test_images: Annotated[
        int, Option(_AT_LEAST_0, "Photos used for the test in all, balanced over the classes. 0: all.")
    ]
    validation_fraction: Annotated[
        float | None,
        Option(
            AutoOr(Between(0, 0.9)),
            "Share of the training photos held out for choosing. 0: none, and the last weights are taken.",
        ),
    ]
    fit: Annotated[
        str,
        Option(
            click.Choice(["auto", *FITS]),
            "How a photo becomes a square. crop: its middle. pad: between bars. squash: distorted. "
            "auto: by the shapes.",
        ),
    ]
    group: Annotated[
        str,
        Option(
            click.STRING,
            "What never stands on two sides of the split (patient, animal, scene): a column of the table beside the "
            r"photos; a regular expression on the names, like ^(P\d+)_; or burst, by the cameras' clocks. "
            "Empty: nothing.",
        ),
    ]
    split_by_time: Annotated[
        str,
        Option(
            click.STRING,
            "Column of the table that says when a photo was taken, or exif: the past trains, the future tests. "
            "Empty: no.",
        ),
    ]
    where: Annotated[
        str,
        Option(
            click.STRING,
            "Which photos are taken, by the table beside them: column=value, or column!=value. Empty: all.",
        ),
    ]
    near_duplicates: Annotated[
        str,
        Option(
            click.Choice(["group", "drop", "off"]),
            "group: copies of one picture, and pictures of one scene, stay on one side of the split. "
            "drop: of copies one stays. off: none are looked for.",
        ),
    ]
    corrections: Annotated[
        str,
        Option(
            Checked("corrections", check_corrections),
            "Labels put right in review.html: the corrections.csv that it saved, or runs:/<run id>/…/corrections.csv. "
            "a.csv,b.csv: both; where they disagree, neither. a.csv>b.csv: the first wins. Empty: none.",
        ),
    ]
    correct_test: Annotated[
        bool, Option(click.BOOL, "true: test photos are corrected too, which makes it another test.")
    ]
    more: Annotated[
        str,
        Option(
            Checked("more", lambda value: value and check_source(value, labelled=False)),
            "Photos of another source (of preprocess: runs:/<id>/photos), of which those that corrections label are "
            "learned from, and judge nothing. Empty: none.",
        ),
    ]


@dataclass(frozen=True)
class Network:
    """The parameters of a training that tune does not vary."""

    architecture: Annotated[
        str,
        Option(
            Checked("architecture", check_choice),
            "The network: cnn, cct, crnn, baseline (the notebook's), or, pretrained, efficientnet_lite0, keras:<name>. "
            "auto (main): tries a pretrained one and cnn, and the validation photos choose.",
        ),
    ]
    epochs: Annotated[int, Option(_AT_LEAST_1, "Passes over the training photos.")]
    batch_size: Annotated[int | None, Option(AutoOr(click.IntRange(1, 4096)), "Photos in one step of training.")]


@dataclass(frozen=True)
class Adjustments:
    """The parameters that change the architecture's recipe."""

    weight_decay: Annotated[
        float | None,
        Option(
            AutoOr(Between(0, 10)),
            "Decoupled decay of the weights: a step takes learning rate x weight_decay of each kernel.",
        ),
    ]
    augmentation: Annotated[
        float | None,
        Option(
            AutoOr(Between(0, 2)),
            "Factor on how much the training photos are varied. 0: not at all. 1: as it was measured.",
        ),
    ]
    width: Annotated[
        float | None,
        Option(
            AutoOr(Between(0.1, 4)),
            "Factor on the layers' channels, in multiples of 16. Pretrained architectures take auto only.",
        ),
    ]


@dataclass(frozen=True)
class Learning(Network):
    """The parameters of one training."""

    learning_rate: Annotated[float | None, Option(AutoOr(Between(0, 10, min_open=True)), "Peak learning rate.")]
    patience: Patience
    finetune: Annotated[
        int | None,
        Option(
            AutoOr(_AT_LEAST_0),
            "Epochs in which the later layers of a pretrained network learn too, after its last layer. 0: none. "
            "auto: some, and the validation photos decide whether they helped.",
        ),
    ]
    minutes: Annotated[
        float,
        Option(
            Between(0, 100_000),
            "Time that training may take: a short timing first says how many of the epochs fit, and the schedule is "
            "made for these. 0: no bound.",
        ),
    ]
    mirror: Annotated[
        str,
        Option(
            click.Choice(["auto", "on", "off"]),
            "Whether photos are also shown mirrored. auto: unless classes are mirror images of one another, as letters "
            "and arrows are.",
        ),
    ]
    adjustments: Adjustments


@dataclass(frozen=True)
class PreprocessParameters:
    """The parameters of preprocess."""

    photos: Annotated[str, Option(click.STRING, "URI of download's artifact: runs:/<run id>/photos.")]
    preprocessing: Preprocessing
    seed: Seed


@dataclass(frozen=True)
class TrainParameters:
    """The parameters of train."""

    dataset: Dataset
    learning: Learning
    weights: Weights
    seed: Seed
    cost: Cost
    export: Export


@dataclass(frozen=True)
class EvaluateParameters:
    """The parameters of evaluate."""

    dataset: Dataset
    model: Model
    cost: Cost


@dataclass(frozen=True)
class PredictParameters:
    """The parameters of predict: a source, or paths, which only the command line can give."""

    source: Annotated[
        str | None,
        Option(
            _SOURCE,
            "The photos to label: a source as download's, but in any folders, since they need no classes.",
            make=UnlessPaths,
        ),
    ]
    model: Model
    fail_on_drift: Annotated[
        bool | None,
        Option(
            click.BOOL,
            "true: end FAILED, after all is written, where the photos are of another kind than those that the model "
            "learned from.",
            make=MayBeMissing,
        ),
    ]
    paths: Annotated[tuple[Path, ...], Argument(click.Path(exists=True, dir_okay=False, path_type=Path))]


@dataclass(frozen=True)
class TuneParameters:
    """The parameters of tune."""

    download: DownloadParameters
    preprocessing: Preprocessing
    network: Network
    patience: Patience
    trials: Annotated[
        int,
        Option(
            _AT_LEAST_1,
            "Trainings in all, those of an earlier study of the same included: with more, a finished study goes on.",
        ),
    ]
    seed: Seed
    cache: Cache


@dataclass(frozen=True)
class MainParameters:
    """The parameters of main."""

    download: DownloadParameters
    preprocessing: Preprocessing
    learning: Learning
    weights: Weights
    repeats: Annotated[
        int, Option(_AT_LEAST_1, "Independent trainings, with seeds seed, seed+1, …; results as mean ± std.")
    ]
    seed: Seed
    register: Annotated[
        str,
        Option(
            Checked("name", check_model_name),
            "Name of a registered model that the best repeat becomes a version of: challenger, and champion if it is "
            "better than the present one by more than chance on the same test photos. Empty: none.",
        ),
    ]
    minimum_accuracy: Annotated[
        float, Option(Between(0, 1), "Test accuracy below which main fails and registers nothing. 0: none.")
    ]
    minimum_f1: Annotated[float, Option(Between(0, 1), "The same for F1.")]
    cost: Cost
    export: Export
    cache: Cache
    plan: Annotated[bool, Option(click.BOOL, "true: only say which steps would run, which would be reused, and why.")]


def by_name(group: Any) -> dict[str, Any]:
    """Return the values of a group and of the groups in it, by the names of the parameters.

    >>> learning = Learning("cnn", 9, 32, 0.1, 3, None, 0, "auto", Adjustments(0.5, 1, 2))
    >>> by_name(TrainParameters("runs:/…", learning, weights="", seed=0, cost="", export=""))
    {'dataset': 'runs:/…', 'architecture': 'cnn', 'epochs': 9, 'batch_size': 32, 'learning_rate': 0.1, 'patience': 3, \
'finetune': None, 'minutes': 0, 'mirror': 'auto', 'weight_decay': 0.5, 'augmentation': 1, 'width': 2, 'weights': '', \
'seed': 0, 'cost': '', 'export': ''}
    """
    values: dict[str, Any] = {}
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        values |= by_name(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return values


def resolve(group: Any, used: Mapping[str, object]) -> dict[str, object]:
    """Return the values of a group by name, as parameters for another step.

    Args:
        group: values that the user gave.
        used: resolved values of `auto` by name; where they are missing or None, the result is `auto`.

    >>> resolve(Adjustments(weight_decay=None, augmentation=2, width=None), {"weight_decay": 0.5, "width": None})
    {'weight_decay': 0.5, 'augmentation': 2, 'width': 'auto'}
    """
    values = {name: used.get(name) if value is None else value for name, value in by_name(group).items()}
    return {name: "auto" if value is None else value for name, value in values.items()}
