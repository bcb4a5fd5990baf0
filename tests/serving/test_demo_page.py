"""The page to try: what goes into it, and that its pixels are Pillow's."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pawprint.dataset.decoding import FITS
from pawprint.dataset.framing import complete_square, resize_to_fit
from pawprint.models.decision import ASK, Answered, Decision
from pawprint.serving import demo_page
from pawprint.serving.demo_page import SOURCES, NoPage, install_runtime, write_demo

FACTS = {
    "class_names": ["ant", "</script><b>"],
    "image_size": 8,
    "architecture": "tiny",
    "model_digest": "ab" * 32,
}


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"a network")
    return path


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWPRINT_CACHE", str(tmp_path / "cache"))


def test_the_lock_names_the_public_registry_and_a_hash_for_each_package() -> None:
    lock = json.loads((SOURCES / "package-lock.json").read_text("utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert "node_modules/onnxruntime-web" in packages
    for package in packages.values():
        assert package["resolved"].startswith("https://registry.npmjs.org/")
        assert package["integrity"].startswith("sha512-")
    wanted = json.loads((SOURCES / "package.json").read_text("utf-8"))["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted


def test_the_page_fetches_nothing_and_no_class_name_is_markup(
    tmp_path: Path, onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (demo_page.RUNTIME, demo_page.WASM):
        (tmp_path / name).write_bytes(b"runtime")
    monkeypatch.setattr(demo_page, "install_runtime", lambda: tmp_path)
    page = write_demo(tmp_path, onnx=onnx, facts=FACTS).read_text("utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:)""", page)
    assert "default-src 'none'" in page
    assert "connect-src" not in page  # so that default-src holds for it
    assert "</script><b>" not in page
    settings = re.search(r'id="settings">(.*?)</script>', page)
    assert settings is not None
    assert json.loads(settings[1])["classNames"] == FACTS["class_names"]


@pytest.mark.usefixtures("no_cache")
def test_without_npm_there_is_no_page_and_it_says_so(
    tmp_path: Path, onnx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(NoPage, match="npm"):
        write_demo(tmp_path, onnx=onnx, facts=FACTS)
    assert not (tmp_path / demo_page.PAGE).exists()


@pytest.mark.usefixtures("no_cache")
def test_what_npm_could_not_install_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no registry >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(npm))
    with pytest.raises(NoPage, match="no registry"):
        install_runtime()
    assert list((tmp_path / "cache" / "demo").iterdir()) == []


@pytest.mark.usefixtures("no_cache")
def test_the_runtime_is_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm, calls = tmp_path / "npm", tmp_path / "calls"
    files = " ".join(f"node_modules/onnxruntime-web/dist/{name}" for name in (demo_page.RUNTIME, demo_page.WASM))
    npm.write_text(
        f'#!/bin/sh\necho "$@" >> {calls}\ntest -f package-lock.json || exit 1\n'
        f"mkdir -p node_modules/onnxruntime-web/dist\ntouch {files}\n"
    )
    npm.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(npm))
    assert install_runtime() == install_runtime()
    assert {path.name for path in install_runtime().iterdir()} == {demo_page.RUNTIME, demo_page.WASM}
    assert calls.read_text().splitlines() == ["ci --ignore-scripts --no-audit --no-fund --loglevel=error"]


def test_a_network_too_large_for_a_page(tmp_path: Path, onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_page, "MAX_MODEL_BYTES", 3)
    with pytest.raises(NoPage, match="too large"):
        write_demo(tmp_path, onnx=onnx, facts=FACTS)


SIZES = [
    (37, 21),
    (21, 37),
    (16, 16),
    (9, 40),
    (131, 90),
    (90, 131),
    (30, 40),
    (400, 300),
    (500, 900),
    (300, 100),
    (1, 90),
]


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", SIZES)
def test_the_pages_resizing_gives_pillows_pixels(size: tuple[int, int], fit: str) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    side = 16
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    expected = complete_square(resize_to_fit(Image.fromarray(pixels), side, fit), side)
    call = (
        "const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "const made = fitSquare({...given, data: Uint8ClampedArray.from(given.data)}, given.side, given.fit);"
        "console.log(JSON.stringify(Array.from(made.data)));"
    )
    given = {"width": size[0], "height": size[1], "data": pixels.ravel().tolist(), "side": side, "fit": fit}
    done = subprocess.run(
        [node, "-e", (SOURCES / "pixels.js").read_text("utf-8") + call],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    difference = np.array(json.loads(done.stdout)).reshape(side, side, 3) - np.asarray(expected).astype(int)
    assert np.abs(difference).max() <= (0 if fit == "crop" else 1)


@pytest.mark.parametrize("costs", [None, [[0, 5, 1], [1, 0, 1], [2, 1, 0]]])
@pytest.mark.parametrize("confidence", [None, 0.0, 0.7])
def test_the_page_leaves_to_a_person_what_the_model_does(
    confidence: float | None, costs: list[list[float]] | None
) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    decision = Decision(0.01, confidence, Answered(1, 1, 0, 0), costs)
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), 50)
    unlikeness = rng.uniform(0, 1.3, 50)
    script = (
        f"{(SOURCES / 'decision.js').read_text('utf-8')}; const rows = {json.dumps(probabilities.tolist())}, "
        f"unlike = {json.dumps(unlikeness.tolist())}, decision = {json.dumps(decision.describe())};"
        "console.log(JSON.stringify(rows.map((row, place) => decide(row, unlike[place], decision))))"
    )
    said = json.loads(subprocess.run([node, "-e", script], capture_output=True, check=True, text=True).stdout)
    names = ["a", "b", "c"]
    expected = decision.name(probabilities, names, unlikeness)
    assert [names[one["answer"]] if one["given"] else ASK for one in said] == expected
    if confidence == 0:
        assert set(expected) == {ASK, "a", "b", "c"}
