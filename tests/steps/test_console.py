"""What a person sees on the console."""

import subprocess
import sys
from pathlib import Path

QUIETLY = "from steps.console import import_tensorflow_quietly as q; q(); import os; os.write(2, b'after ')"


def test_what_tensorflow_says_is_shown_only_when_it_cannot_be_imported(tmp_path: Path) -> None:
    fake = tmp_path / "tensorflow"
    fake.mkdir()
    for text, expected in (
        ("import os; os.write(2, b'oneDNN is on. ')", "after "),
        ("import os; os.write(2, b'no AVX here. '); raise ImportError('broken')", "no AVX here. "),
    ):
        (fake / "__init__.py").write_text(text)
        path = {"PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[2]}"}
        done = subprocess.run([sys.executable, "-c", QUIETLY], env=path, capture_output=True, text=True, check=False)
        assert done.stderr.startswith(expected)
    assert "ImportError: broken" in done.stderr
