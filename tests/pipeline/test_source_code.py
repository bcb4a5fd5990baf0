"""Which files a step can reach."""

import ast
import shutil
from itertools import chain
from pathlib import Path

import pytest

from pawprint.base.files import PROJECT
from pawprint.pipeline.cache_keys import WITHOUT_EFFECT, build_key, digest_code
from pawprint.pipeline.source_code import IGNORED_PACKAGES, digest_sources


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in {
        "steps/__init__.py": "",
        "steps/cook.py": "def cook():\n    from pawprint.kitchen import stove\n    import pawprint.menu\n",
        "pawprint/__init__.py": "",
        "pawprint/menu.py": "from pawprint.tracking.runs import start\n",
        "pawprint/kitchen/__init__.py": "",
        "pawprint/kitchen/stove.py": "from pawprint.kitchen.gas import Flame\n",
        "pawprint/kitchen/gas.py": "import pawprint.kitchen.stove\n",
        "pawprint/kitchen/sink.py": "",
        "pawprint/tracking/__init__.py": "",
        "pawprint/tracking/runs.py": "",
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


def changed(project: Path, text: str) -> set[str]:
    """The files that have another digest once gas.py holds this."""
    before = digest_sources("steps.cook", project=project)
    (project / "pawprint/kitchen/gas.py").write_text(text)
    after = digest_sources("steps.cook", project=project)
    return {name for name in after if after[name] != before.get(name)}


def test_a_changed_constant_changes_that_file_alone(project: Path) -> None:
    assert changed(project, "import pawprint.kitchen.stove\nHEAT = 3\n") == {"pawprint/kitchen/gas.py"}
    assert changed(project, "import pawprint.kitchen.stove\nHEAT = 4\n") == {"pawprint/kitchen/gas.py"}


def test_words_and_layout_change_nothing(project: Path) -> None:
    words = (
        '"""Of gas."""\n\nimport pawprint.kitchen.stove  # hot\n\nHEAT = 3\n"""Of the flame."""\n\n'
        'def light():\n    """Light it."""\n    return (\n        HEAT\n    )\n'
    )
    assert changed(project, "import pawprint.kitchen.stove\nHEAT = 3\ndef light(): return HEAT\n")
    assert changed(project, words) == set()


def test_a_text_that_is_used_counts(project: Path) -> None:
    assert changed(project, "import pawprint.kitchen.stove\ndef name(): return 'gas'\n")
    assert changed(project, "import pawprint.kitchen.stove\ndef name(): return 'oil'\n")


def test_imports_for_the_type_checker_are_not_followed(project: Path) -> None:
    hint = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pawprint.kitchen import sink\n"
    assert changed(project, hint) == {"pawprint/kitchen/gas.py"}


def test_each_step_reaches_its_own_rooms() -> None:
    def files(step: str, **parameters: str) -> set[str]:
        parts = build_key(step, parameters, {}).parts
        return {part.removeprefix("code pawprint/") for part in parts if part.startswith("code pawprint/")}

    def rooms(step: str, **parameters: str) -> set[str]:
        return {file.partition("/")[0] for file in files(step, **parameters)} - {"__init__.py"}

    assert rooms("download") == {"base", "archives", "fetch", "drawn", "labels", "photos"}
    assert rooms("preprocess") == {"base", "archives", "labels", "photos", "dataset"}
    # serving: it asks exports again; base: for a file's digest.
    assert rooms("evaluate") == {"base", "dataset", "models", "evaluation", "serving"}
    assert "evaluation" not in rooms("train", architecture="cnn")
    assert "serving" in rooms("train", architecture="cnn")


def test_pictures_warnings_and_room_on_disk_are_no_part_of_the_key() -> None:
    train = digest_code("train", {"architecture": "cnn"})
    assert not {"pawprint/training/curves.py", "pawprint/base/space.py"} & set(train)
    preprocess = digest_code("preprocess", {})
    assert not [path for path in preprocess if "/drawn/" in path or path.startswith("pawprint/models/")]
    # What decides which photos there are and what becomes of them is.
    assert {"pawprint/archives/members.py", "pawprint/archives/zips.py", "pawprint/dataset/decode.py"} <= set(
        preprocess
    )


@pytest.mark.parametrize("module", [*IGNORED_PACKAGES, *chain.from_iterable(WITHOUT_EFFECT.values())])
def test_what_is_left_out_of_a_key_is_there(module: str) -> None:
    """A module that has moved would be back in the keys unnoticed."""
    path = PROJECT.joinpath(*module.split("."))
    assert path.is_dir() or path.with_suffix(".py").is_file()


def test_in_this_project_words_change_no_key_and_a_constant_changes_one(tmp_path: Path) -> None:
    for package in ("pawprint", "steps"):
        shutil.copytree(PROJECT / package, tmp_path / package)
    steps = ("download", "preprocess", "train", "evaluate")

    def keys() -> dict[str, dict[str, str]]:
        return {step: digest_code(step, {"architecture": "cnn"}, project=tmp_path) for step in steps}

    before = keys()
    assert before == {step: digest_code(step, {"architecture": "cnn"}) for step in steps}
    for path in tmp_path.rglob("*.py"):
        code = path.read_text(encoding="utf-8")
        docstring = ast.get_docstring(ast.parse(code), clean=False)
        path.write_text(code.replace(docstring, "In other words.", 1) if docstring else f'"""Words."""\n{code}')
    assert keys() == before
    cnn = tmp_path / "pawprint/models/cnn.py"
    cnn.write_text(cnn.read_text(encoding="utf-8") + "\nANYTHING = 1\n")
    after = keys()
    assert [step for step in steps if after[step] != before[step]] == ["train"]


def test_another_architecture_s_file_is_no_part_of_the_key() -> None:
    parts = build_key("train", {"architecture": "cnn"}, {}).parts
    assert "code pawprint/models/cnn.py" in parts
    assert "code pawprint/models/crnn.py" not in parts
    assert "code pawprint/models/pretrained/efficientnet_lite0.npz" not in parts
    assert (
        "code pawprint/models/pretrained/efficientnet_lite0.npz"
        in build_key("train", {"architecture": "efficientnet_lite0"}, {}).parts
    )


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
