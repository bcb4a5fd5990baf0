"""Every parameter of MLproject as a click option, once: the steps that share a parameter share its check and help.

Each option is required and has no default: defaults stand in MLproject alone. The names are MLproject's, underscores
included, because MLflow appends a parameter it does not know as `--name value`, and click then refuses it by name.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from pawprint.base.errors import SecretError, UserError
from pawprint.dataset.decoding import FITS
from pawprint.models.architectures import check_architecture
from pawprint.photos.registered import REGISTERED
from pawprint.photos.sources import check_labels, check_source
from pawprint.serving.formats import check_formats


class Between(click.FloatRange):
    """A number in a range; NaN, which click lets into every range since it compares with nothing, is in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Returns the number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not in the range {self._describe_range()}.", param, ctx)
        return number


class AutoOr(click.ParamType[Any]):
    """A number, or `auto` for the value that the architecture was measured with (given to the step as None)."""

    def __init__(self, number: click.ParamType[Any]) -> None:
        self.number = number
        self.name = f"auto or {number.name}"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Returns the number, or None for `auto`."""
        if value is None or value == "auto":
            return None
        try:
            return self.number.convert(value, param, ctx)
        except click.BadParameter as error:
            raise click.BadParameter(f"{error.message.rstrip('.')}; or say auto.", ctx, param) from None


def check_model_name(name: str) -> None:
    """Refuse a name that MLflow's registry would refuse at the end of a long run, or that reads as a URI.

    Raises:
        UserError: naming the signs that are not allowed.
    """
    if any(sign in name for sign in "/:@'\"") or name != name.strip():
        raise UserError(f"{name!r} can't be a model's name; expected one without / : @, quotes and outer spaces")


class Checked(click.ParamType[str]):
    """Text that a room's own check accepts."""

    def __init__(self, name: str, check: Callable[[str], object]) -> None:
        self.name = name
        self.check = check

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the text as it is, if the check raises nothing."""
        try:
            self.check(value)
        except SecretError:  # not to be told as another mistake is: click's message would quote the value
            raise
        except UserError as error:
            raise click.BadParameter(str(error), ctx, param) from None
        return value


def _option(name: str, kind: click.ParamType[Any], text: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(f"--{name}", type=kind, required=True, help=text)


_AT_LEAST_0 = click.IntRange(min=0)
_AT_LEAST_1 = click.IntRange(min=1)

source = _option(
    "source",
    # Whether its classes can be read hangs on `labels` too: each step checks the two together.
    Checked("source", partial(check_source, labelled=False)),
    "Where the photos come from: a folder, zip or tar; a URL; s3://, gs:// or az://, an archive or a folder of photos; "
    f"{', '.join(REGISTERED)}; synthetic[:photos[:seed]]; "
    "kaggle:owner/slug; kaggle:competitions/slug; hf:owner/name; gdrive:id; runs:/<id>/photos; train=A+test=B. "
    "Several, separated by commas, are tried in order.",
)
photos_to_label = partial(
    click.option,
    "--source",
    type=Checked("source", partial(check_source, labelled=False)),
    required=True,
    help="The photos to label: a source as download's, but in any folders, since they need no classes.",
)
labels = _option(
    "labels",
    Checked("labels", check_labels),
    "How classes are read. auto: by the one reading that is clearly the best. folder, folder:<level>, prefix. A table "
    "in the source, as train.csv or train.csv:id:breed. A regular expression with (?P<label>...), sought in each path.",
)
keep_photos = _option(
    "keep_photos",
    click.Choice(["copy", "reference"]),
    "copy: the photos become an artifact. reference: only their digests do, and they are read where they are.",
)
photos = _option("photos", click.STRING, "URI of download's artifact: runs:/<run id>/photos.")
dataset = _option("dataset", click.STRING, "URI of preprocess's artifact: runs:/<run id>/dataset.")
model = _option("model", click.STRING, "URI of a trained model: models:/<model id>, or models:/<name>@<alias>.")
image_size = _option(
    "image_size",
    AutoOr(click.IntRange(16, 1024)),
    "Side in pixels of the squares that are stored. auto: what the architecture was measured with.",
)
train_images = _option(
    "train_images",
    _AT_LEAST_0,
    "Photos used for training in all, balanced over the classes, validation included. 0: all.",
)
test_images = _option("test_images", _AT_LEAST_0, "Photos used for the test in all, balanced over the classes. 0: all.")
validation_fraction = _option(
    "validation_fraction",
    AutoOr(Between(0, 0.9)),
    "Share of the training photos held out for choosing. 0: none, and the last weights are taken.",
)
group = _option(
    "group",
    click.STRING,
    "What never stands on two sides of the split (patient, animal, scene): a column of the table beside the photos; a "
    r"regular expression on the names, like ^(P\d+)_; or burst, by the cameras' clocks. Empty: nothing.",
)
split_by_time = _option(
    "split_by_time",
    click.STRING,
    "Column of the table that says when a photo was taken, or exif: the past trains, the future tests. Empty: no.",
)
where = _option(
    "where",
    click.STRING,
    "Which photos are taken, by the table beside them: column=value, or column!=value. Empty: all.",
)
near_duplicates = _option(
    "near_duplicates",
    click.Choice(["group", "drop", "off"]),
    "group: copies of one picture, and pictures of one scene, stay on one side of the split. "
    "drop: of copies one stays. off: none are looked for.",
)
architecture = _option(
    "architecture",
    Checked("architecture", check_architecture),
    "The network: cnn, cct, crnn, baseline (the notebook's), or, pretrained, efficientnet_lite0, keras:<name>.",
)
epochs = _option("epochs", _AT_LEAST_1, "Passes over the training photos.")
batch_size = _option("batch_size", AutoOr(click.IntRange(1, 4096)), "Photos in one step of training.")
learning_rate = _option("learning_rate", AutoOr(Between(0, 10, min_open=True)), "Peak learning rate.")
patience = _option(
    "patience",
    AutoOr(_AT_LEAST_0),
    "Epochs without progress on validation photos after which training ends. 0: it never ends early.",
)
repeats = _option("repeats", _AT_LEAST_1, "Independent trainings, with seeds seed, seed+1, …; results as mean ± std.")
weight_decay = _option(
    "weight_decay",
    AutoOr(Between(0, 10)),
    "Decoupled decay of the weights: a step takes learning rate x weight_decay of each kernel.",
)
augmentation = _option(
    "augmentation",
    AutoOr(Between(0, 2)),
    "Factor on how much the training photos are varied. 0: not at all. 1: as it was measured.",
)
width = _option(
    "width",
    AutoOr(Between(0.1, 4)),
    "Factor on the layers' channels, in multiples of 16. Pretrained architectures take auto only.",
)
fit = _option(
    "fit",
    click.Choice(["auto", *FITS]),
    "How a photo becomes a square. crop: its middle. pad: between bars. squash: distorted. auto: by the shapes.",
)
seed = _option("seed", click.IntRange(0, 2**31 - 1), "Everything random comes from it.")
cache = _option(
    "cache",
    click.Choice(["on", "refresh", "off"]),
    "on: a step whose photos, parameters, code and environment are as they were is not run again. "
    "refresh: all run again, and are found next time. off: neither looked for nor found.",
)
trials = _option(
    "trials",
    _AT_LEAST_1,
    "Trainings in all, those of an earlier study of the same included: with more, a finished study goes on.",
)
register = _option(
    "register",
    Checked("name", check_model_name),
    "Name of a registered model that the best repeat becomes a version of: challenger, and champion if it is better "
    "than the present one by more than chance on the same test photos. Empty: none.",
)
minimum_accuracy = _option(
    "minimum_accuracy", Between(0, 1), "Test accuracy below which main fails and registers nothing. 0: none."
)
minimum_f1 = _option("minimum_f1", Between(0, 1), "The same for F1.")
export = _option(
    "export",
    Checked("formats", check_formats),
    "Formats that the trained network is also written in, beside the model: onnx (with a page to try it in a browser), "
    "litert, or both with a comma. Empty: none.",
)
plan = _option("plan", click.BOOL, "true: only say which steps would run, which would be reused, and why.")
