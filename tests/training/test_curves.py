import pytest
from PIL import Image

from pawprint.training.curves import write_curves


@pytest.mark.parametrize("validated", [True, False])
@pytest.mark.parametrize("epochs", [1, 12])
def test_a_picture_is_written(tmp_path, validated, epochs):
    history = [
        {"epoch": epoch, "train_loss": 1 / epoch, "train_accuracy": 1 - 0.5 / epoch}
        | ({"validation_loss": 1.1 / epoch, "validation_accuracy": 1 - 0.6 / epoch} if validated else {})
        for epoch in range(1, epochs + 1)
    ]
    write_curves(history, epochs, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 2 * picture.height
        assert len(picture.convert("L").getcolors()) > 10
