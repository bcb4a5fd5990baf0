"""docs/extending.md: each example is applied to a copy of the project as it stands there, and its commands are run."""

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pawprint.photos.manifest import load_manifest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/extending.md").read_text("utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
ONE_EPOCH = """
import types
import numpy as np
from pawprint.models.architectures import recipe_for
from pawprint.training.loop import train_network
from pawprint.training.task import TrainingTask
photos = types.SimpleNamespace(
    images=np.random.default_rng(0).integers(0, 255, (8, 32, 32, 3), np.uint8), labels=np.arange(8) % 2
)
task = TrainingTask(
    train=photos, validation=photos, architecture="separable", recipe=recipe_for("separable"), class_names=["a", "b"],
    epochs=1, batch_size=8, learning_rate=0.003, patience=0, seed=0, image_size=32,
)
training = train_network(task, on_epoch=lambda *_, **__: None)
print(training.network.predict(photos.images, verbose=0).sum(axis=1))
"""


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path, tiny_photos: Callable[..., Path]) -> Iterator[str]:
    """The address of a web server that has pets.zip at any path that the page names."""
    folder = tmp_path / "served" / "records" / "1234567" / "files"
    folder.mkdir(parents=True)
    shutil.make_archive(str(folder / "pets"), "zip", tiny_photos())
    shutil.copy(folder / "pets.zip", tmp_path / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path / "served"))) as httpd:
        threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


class Copy:
    """A copy of the project that an example is applied to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        for name in ("pawprint", "steps", "tests"):
            shutil.copytree(ROOT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for path in ROOT.iterdir():
            if path.is_file() and path.suffix in {"", ".toml", ".txt", ".in", ".yaml"} and path.name != ".git":
                shutil.copy(path, self.folder)
        self.environment = os.environ | {
            "PAWPRINT_CACHE": str(folder / "cache"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "NO_PROXY": "127.0.0.1",
            # Its own fixtures' folders, not those of the tests that run now.
            "PYTEST_DEBUG_TEMPROOT": str(folder),
        }
        for name in ("MLFLOW_RUN_ID", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER"):
            self.environment.pop(name, None)

    def apply(self, section: str) -> None:
        """Writes the section's new files and applies its differences, less than 30 lines, in the project's style."""
        added, changed = [], []
        for before, language, block in re.findall(r"([^\n]*)\n\n```(\w+)\n(.*?)```", section, re.DOTALL):
            if language == "python":
                changed.append(re.findall(r"`([\w/]+\.py)`", before)[-1])
                path = self.folder / changed[-1]
                assert not path.exists()
                path.write_text(block, "utf-8")
                added += block.splitlines()
            elif language == "diff":
                self.run("git", "apply", "-", given=block)
                changed += re.findall(r"^\+\+\+ b/(.*)", block, re.MULTILINE)
                added += re.findall(r"^\+(?!\+\+ )(.*)", block, re.MULTILINE)
        assert 0 < len(added) < 30
        self.run(sys.executable, "-m", "ruff", "format", "--check", "--no-cache", *changed)
        self.run(sys.executable, "-m", "ruff", "check", "--no-cache", *changed)

    def run(self, *words: str, given: str | None = None) -> str:
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run_commands(self, section: str) -> list[str]:
        """Runs the section's shell commands and returns what they said."""
        blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
        return [self.run("bash", "-c", line) for block in blocks for line in block.splitlines()]


@pytest.fixture
def project(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


@pytest.mark.slow
def test_the_architecture_passes_what_every_architecture_must_and_trains(project: Copy) -> None:
    section = SECTIONS["An architecture"]
    project.apply(section)
    (tested,) = project.run_commands(section)
    assert "passed" in tested
    assert "skipped" not in tested
    assert project.run(sys.executable, "-c", ONE_EPOCH).strip().startswith("[1")  # probabilities


@pytest.mark.slow
def test_the_sources_are_fetched(project: Copy, server: str, tmp_path: Path) -> None:
    """The two hosts are a web server here."""
    section = re.sub(r"https://(photos\.example|zenodo)\.org", server, SECTIONS["A source"])
    project.apply(section)
    for told in project.run_commands(section):
        assert "unassigned: 6 cats, 6 dogs" in told.splitlines()
    manifests = [load_manifest(path.parent) for path in (project.folder / "mlruns").rglob("manifest.json")]
    assert {(manifest.source, manifest.url, manifest.licence) for manifest in manifests} == {
        ("our-pets", f"{server}/pets.zip", "ours, for use within the house"),
        ("zenodo:1234567/pets.zip", f"{server}/records/1234567/files/pets.zip", None),
    }


@pytest.mark.slow
def test_the_metric_agrees_with_scikit_learn_on_every_resample(project: Copy) -> None:
    section = SECTIONS["A metric"]
    project.apply(section)
    (tested,) = project.run_commands(section)
    assert "passed" in tested
    from_copy = "from pawprint.evaluation.metrics import compute_metrics as c; import pawprint; "
    said = project.run(
        sys.executable, "-c", from_copy + "print(c([0, 1], [[1, 0], [0.5, 0.5]], ['a', 'b'])['metrics']['test_brier'])"
    )
    assert float(said) == 0.25  # (0 + 2 · 0.5²) / 2
