"""Which files a step can reach."""

from pathlib import Path

import pytest

from pawprint.lineage.cache_keys import build_key
from pawprint.lineage.source_code import digest_sources


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "steps/__init__.py": "",
        "steps/cook.py": "def cook():\n    from pawprint.kitchen import stove\n    import pawprint.menu\n",
        "pawprint/__init__.py": "",
        "pawprint/menu.py": "from pawprint.lineage.runs import start\n",
        "pawprint/kitchen/__init__.py": "",
        "pawprint/kitchen/stove.py": "from pawprint.kitchen.gas import Flame\n",
        "pawprint/kitchen/gas.py": "import pawprint.kitchen.stove\n",
        "pawprint/kitchen/sink.py": "",
        "pawprint/lineage/__init__.py": "",
        "pawprint/lineage/runs.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_imports_are_followed_wherever_they_stand(project: Path) -> None:
    assert list(digest_sources("steps.cook", project=project)) == [
        "pawprint/__init__.py",
        "pawprint/kitchen/__init__.py",
        "pawprint/kitchen/gas.py",
        "pawprint/kitchen/stove.py",
        "pawprint/menu.py",
        "steps/__init__.py",
        "steps/cook.py",
    ]


def test_what_is_left_out_and_what_is_added(project: Path) -> None:
    files = digest_sources(
        "steps.cook", project=project, without={"pawprint.kitchen"}, also=("pawprint/kitchen/sink.py",)
    )
    assert "pawprint/kitchen/stove.py" not in files
    assert "pawprint/kitchen/sink.py" in files


def test_a_changed_byte_changes_that_file_alone(project: Path) -> None:
    before = digest_sources("steps.cook", project=project)
    (project / "pawprint/kitchen/gas.py").write_text("import pawprint.kitchen.stove  # hot\n")
    after = digest_sources("steps.cook", project=project)
    assert {name for name in after if after[name] != before[name]} == {"pawprint/kitchen/gas.py"}


def test_each_step_reaches_its_own_rooms() -> None:
    def files(step: str, **parameters: str) -> set[str]:
        parts = build_key(step, parameters, {}).parts
        return {part.removeprefix("code pawprint/") for part in parts if part.startswith("code pawprint/")}

    def rooms(step: str, **parameters: str) -> set[str]:
        return {file.partition("/")[0] for file in files(step, **parameters)} - {"__init__.py", "errors.py"}

    assert rooms("download") == {"photos"}
    assert rooms("preprocess") == {"photos", "dataset"}
    # serving: it asks exports again; photos: for a file's digest, however they are fetched.
    assert rooms("evaluate") == {"photos", "dataset", "models", "evaluation", "serving"}
    assert {file for file in files("evaluate") if file.startswith("photos/")} == {
        "photos/__init__.py",
        "photos/hashes.py",
    }
    assert "evaluation" not in rooms("train", architecture="cnn")
    assert "serving" in rooms("train", architecture="cnn")


def test_another_architecture_s_file_is_no_part_of_the_key() -> None:
    parts = build_key("train", {"architecture": "cnn"}, {}).parts
    assert "code pawprint/models/cnn.py" in parts
    assert "code pawprint/models/crnn.py" not in parts


def test_the_key_says_what_differs() -> None:
    before = build_key("train", {"architecture": "cnn", "epochs": 30}, {"dataset": "a" * 64})
    after = build_key("train", {"architecture": "cnn", "epochs": 31}, {"dataset": "b" * 64})
    assert before.digest != after.digest
    assert after.differences(before.parts) == ["input dataset changed", "epochs 30 -> 31"]
    # Not the dozen files that make an export, which nobody has touched.
    exported = build_key("train", {"architecture": "cnn", "epochs": 30, "export": "onnx"}, {"dataset": "a" * 64})
    plain = build_key("train", {"architecture": "cnn", "epochs": 30, "export": ""}, {"dataset": "a" * 64})
    assert exported.differences(plain.parts) == ["export none -> onnx"]
    assert before.digest == build_key("train", {"epochs": 30, "architecture": "cnn"}, {"dataset": "a" * 64}).digest
