"""What this room may import, as DESIGN has it: no TensorFlow, no MLflow, and no room but itself."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_checking_a_source_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pawprint.photos.sources import check_source; check_source('cat-and-dog,synthetic');"
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"tensorflow", "keras", "mlflow", "requests", "obstore", "boto3", "huggingface_hub", "PIL", "numpy"}
    assert not heavy & set(loaded)
    rooms = {name.split(".")[1] for name in loaded if name.startswith("pawprint.")}
    assert rooms == {"errors", "photos"}
