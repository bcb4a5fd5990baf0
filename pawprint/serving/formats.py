"""The export formats, by the names that users type; does not import the exporters."""

from pawprint.base.errors import UserError

FILES = {"onnx": "model.onnx", "litert": "model.tflite"}
"""The file of each format."""


def list_formats(text: str) -> tuple[str, ...]:
    """Return the formats in the parameter `export`.

    >>> list_formats("onnx, litert"), list_formats("")
    (('onnx', 'litert'), ())

    Raises:
        UserError: a format is unknown.
    """
    formats = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in formats:
        if name not in FILES:
            raise UserError(f"export={name!r} is not known; choose from {', '.join(FILES)}, several with commas")
    return formats


def check_formats(text: str) -> None:
    """Check the parameter `export`; raises as `list_formats` does."""
    list_formats(text)
