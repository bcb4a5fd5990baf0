"""The formats a network can be exported in, by the names people type: known without importing what writes them."""

from pawprint.base.errors import UserError

FILES = {"onnx": "model.onnx", "litert": "model.tflite"}
"""The file of each."""


def list_formats(text: str) -> tuple[str, ...]:
    """Take apart what the parameter `export` says.

    >>> list_formats("onnx, litert"), list_formats("")
    (('onnx', 'litert'), ())

    Raises:
        UserError: a format is not known.
    """
    formats = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in formats:
        if name not in FILES:
            raise UserError(f"export={name!r} is not known; choose from {', '.join(FILES)}, several with commas")
    return formats


def check_formats(text: str) -> None:
    """Refuse what `list_formats` refuses."""
    list_formats(text)
