"""The grammar of `weights`: a file, an address, or a model of this project."""

import os
import re

from pawprint.base.errors import SecretError, UserError
from pawprint.base.secrets import find_secret
from pawprint.models.weights_file import SUFFIXES
from pawprint.photos.grammar import BUCKET_SCHEMES, expand_path

HUB = re.compile(r"hf:([\w.-]+/[\w.-]+)(?:@([^/\s]+))?/([^\s?#]+)")
SCHEMES = ("http", "https", *BUCKET_SCHEMES)
FORMS = (
    f"a file ({', '.join(SUFFIXES)}) by its path or as http(s)://, s3://, gs://, az:// or hf:<owner>/<name>/<file>, or "
    "a model of this project: models:/<model id>, models:/<name>@<alias>, runs:/<run id of train>"
)


def check_weights(text: str) -> None:
    """Check the text of `weights`, which may be empty, without asking anyone.

    Raises:
        SecretError: it contains credentials or a signature.
        UserError: it is of no known form, or a path where there is no file.
    """
    if (secret := find_secret(text)) is not None:
        raise SecretError(
            f"weights carries {secret}, which is written down wherever it is: give credentials through netrc, the "
            "environment or the cloud's own chain, and take an address without a signature"
        )
    if not text or is_in_mlflow(text) or find_address(text):
        return
    try:
        found = expand_path(text).is_file()
    except (OSError, ValueError, RuntimeError):  # too long for a path, or a NUL, or an unknown user's home
        found = False
    if not found:
        raise UserError(f"weights={text!r} names no file; expected {FORMS}. Paths are absolute, or begin with ~")


def is_in_mlflow(text: str) -> bool:
    """Return whether a text is a URI of MLflow."""
    return text.startswith(("models:/", "runs:/"))


def find_address(text: str) -> str | None:
    """Return the address that a text means, for `fetch_url`; None if it is no address.

    >>> find_address("hf:keras/resnet@v1/model.weights.h5")
    'https://huggingface.co/keras/resnet/resolve/v1/model.weights.h5'
    >>> find_address("/data/pets.keras") is None
    True
    """
    if found := HUB.fullmatch(text):
        server = os.environ.get("HF_ENDPOINT") or "https://huggingface.co"
        return f"{server.rstrip('/')}/{found[1]}/resolve/{found[2] or 'main'}/{found[3]}"
    return text if text.partition("://")[0] in SCHEMES and "://" in text else None
