"""The export formats, by the names that users type; does not import the exporters."""

from pawprint.base.errors import UserError

FILES = {
    "onnx": "model.onnx",
    "litert": "model.tflite",
    "litert-float16": "model-float16.tflite",
    "litert-int8": "model-int8.tflite",
}
"""The file of each format."""
QUANTIZED = ("litert-float16", "litert-int8")
"""The formats with weights of fewer bits, whose answers differ from the network's."""
_KEEP = ":keep"


def list_formats(text: str) -> dict[str, bool]:
    """Return the formats in the parameter `export`, and of each whether it is kept whatever accuracy it costs.

    >>> list_formats("onnx, litert-int8:keep"), list_formats("")
    ({'onnx': False, 'litert-int8': True}, {})

    Raises:
        UserError: a format is unknown, or `:keep` stands after one that gives the network's own answers.
    """
    formats: dict[str, bool] = {}
    for asked in filter(None, (one.strip() for one in text.split(","))):
        name = asked.removesuffix(_KEEP)
        if name not in FILES:
            raise UserError(f"export={name!r} is not known; choose from {', '.join(FILES)}, several with commas")
        if name != asked and name not in QUANTIZED:
            raise UserError(f"export={asked!r} is not known; only {' and '.join(QUANTIZED)} may end with {_KEEP}")
        formats[name] = formats.get(name, False) or name != asked
    return formats


def check_formats(text: str) -> None:
    """Check the parameter `export`; raises as `list_formats` does."""
    list_formats(text)
