"""MLproject, the click commands and the environment files say the same."""

import importlib
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from mlflow.projects import _project_spec
from mlflow.utils.virtualenv import _PythonEnv

from pawprint.console.kinds import AutoOr, Between, Checked
from pawprint.models.adjustment import measured_adjustments
from pawprint.models.architectures import ARCHITECTURES, recipe_for

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))
STEPS = sorted(PROJECT["entry_points"])


def command_of(step: str) -> click.Command:
    command = getattr(importlib.import_module(f"steps.{step}"), step)
    assert isinstance(command, click.Command)
    return command


def options_of(step: str) -> list[click.Option]:
    return [param for param in command_of(step).params if isinstance(param, click.Option)]


def type_of(option: click.Parameter) -> str:
    if option.name in {"photos", "dataset", "model"}:
        return "uri"
    if isinstance(option.type, (AutoOr, Checked, click.Choice, click.types.StringParamType, click.types.BoolParamType)):
        return "string"
    return {click.IntRange: "int", Between: "float"}[type(option.type)]


def test_there_is_one_file_for_each_entry_point() -> None:
    assert (
        sorted(
            p.stem
            for p in (ROOT / "steps").glob("*.py")
            if "run_command(" in p.read_text("utf-8") and p.stem != "console"
        )
        == STEPS
    )


@pytest.mark.parametrize("step", STEPS)
def test_options_are_the_parameters_one_to_one(step: str) -> None:
    parameters = PROJECT["entry_points"][step]["parameters"]
    options = options_of(step)
    assert [option.name for option in options] == list(parameters)
    for option in options:
        assert option.opts == [f"--{option.name}"]
        assert parameters[option.name]["type"] == type_of(option), option.name
        assert option.required, f"{option.name}: the default stands in MLproject alone"
        assert option.help


@pytest.mark.parametrize("step", STEPS)
def test_only_predict_takes_anything_beside_its_options_and_never_under_mlflow(step: str) -> None:
    others = [param for param in command_of(step).params if not isinstance(param, click.Option)]
    assert [param.name for param in others] == (["paths"] if step == "predict" else [])
    assert not any(param.required for param in others)


def test_predict_needs_a_source_or_photos_and_not_both(tmp_path: Path) -> None:
    photo = tmp_path / "rex.jpg"
    photo.touch()
    predict, model = command_of("predict"), ["--model", "models:/m-0"]
    with pytest.raises(click.UsageError, match=r"^no photos are named; give --source, or photos one by one$"):
        predict.make_context("predict", list(model))
    assert predict.make_context("predict", [*model, str(photo)]).params["source"] is None
    with pytest.raises(click.UsageError, match="not both"):
        predict.main([*model, "--source", "synthetic", str(photo)], standalone_mode=False)
    with pytest.raises(click.BadParameter, match="not exist"):
        predict.make_context("predict", [*model, str(tmp_path / "tex.jpg")])


@pytest.mark.parametrize("step", STEPS)
def test_command_passes_every_parameter_under_its_name(step: str) -> None:
    entry = PROJECT["entry_points"][step]
    words = shlex.split(entry["command"])
    assert words[:3] == ["python", "-m", f"steps.{step}"]
    assert words[3:] == [word for name in entry["parameters"] for word in (f"--{name}", f"{{{name}}}")]


@pytest.mark.parametrize("step", STEPS)
def test_defaults_are_accepted_by_the_options(step: str) -> None:
    parameters = PROJECT["entry_points"][step]["parameters"]
    words = [w for name, p in parameters.items() for w in (f"--{name}", str(p.get("default", "runs:/0/photos")))]
    command_of(step).make_context(step, words)


def test_main_shares_names_types_and_defaults_with_the_other_steps() -> None:
    main = PROJECT["entry_points"]["main"]["parameters"]
    for step in set(STEPS) - {"main"}:
        for name, parameter in PROJECT["entry_points"][step]["parameters"].items():
            if "default" in parameter and name not in {"trials", "fail_on_drift"}:
                assert main[name] == parameter, f"{step}: {name}"


def test_misspelt_parameter_is_refused_with_the_right_one() -> None:
    words = [w for n, p in PROJECT["entry_points"]["main"]["parameters"].items() for w in (f"--{n}", str(p["default"]))]
    with pytest.raises(click.NoSuchOption) as refused:
        command_of("main").make_context("main", [*words, "--epoch", "9"])
    assert re.search(r"Did you mean (one of: )?'--epochs'", refused.value.format_message())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_values_of_auto_are_ones_a_user_could_give(architecture: str) -> None:
    recipe = recipe_for(architecture)
    adjustments = measured_adjustments(recipe)
    for option in command_of("main").params:
        if isinstance(option.type, AutoOr):
            name = str(option.name)
            if name == "finetune":  # decided in training, by the validation photos
                continue
            value = adjustments[name] if name in adjustments else getattr(recipe, name)
            assert value is None or option.type.convert(str(value), option, None) == value


def test_conda_and_python_env_are_the_same_environment() -> None:
    """Both are read by MLflow's own readers."""
    project = _project_spec.load_project(str(ROOT))
    assert Path(project.env_config_path).name == "python_env.yaml"
    python_env = _PythonEnv.from_yaml(ROOT / "python_env.yaml")
    conda = _PythonEnv.from_conda_yaml(ROOT / "conda.yaml")
    assert python_env.python == conda.python == "3.11.7"
    assert python_env.dependencies == conda.dependencies == ["-r requirements.txt"]


def test_lock_holds_all_that_is_asked_for_each_with_a_hash() -> None:
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    pins = dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", lock, re.MULTILINE))
    for line in (ROOT / "requirements.in").read_text("utf-8").splitlines():
        wanted = line.split("#")[0].split(";")[0].strip()
        if wanted:
            name, _, version = wanted.partition("==")
            assert pins[re.sub(r"\[.*\]", "", name)] == (version or pins[re.sub(r"\[.*\]", "", name)])
    for block in re.split(r"\n(?=[a-z0-9._-]+==)", lock)[1:]:
        assert "--hash=sha256:" in block


@pytest.mark.parametrize("further", ["requirements-dev.txt", "requirements-ray.txt"])
def test_a_further_lock_changes_no_version_of_the_run_lock(further: str) -> None:
    def pins(name: str) -> set[tuple[str, str]]:
        return set(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", (ROOT / name).read_text("utf-8"), re.MULTILINE))

    run, more = pins("requirements.txt"), pins(further)
    shared = {name for name, _ in run} & {name for name, _ in more}
    assert {pin for pin in more if pin[0] in shared} <= run
