"""Write `demo.html`: the model on a single page that is opened from disk. Photos stay in the browser.

Reads `demo/` (package.json and its lock, the page and its scripts) and `model.onnx`. ONNX Runtime's build for browsers
comes from npm, once for each lock, and is cached. Everything is embedded: the open page downloads nothing, and its
content security policy forbids it to.
"""

import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pawprint.base.cache import cache_folder
from pawprint.base.errors import UserError
from pawprint.dataset.decode import MAX_PIXELS
from pawprint.dataset.decoding import read_decoding

SOURCES = Path(__file__).parent / "demo"
FILES = ("package.json", "package-lock.json", "demo.html.j2", "demo.css", "demo.js", "decision.js", "pixels.js")
"""The files in `demo/` that the page consists of."""
RUNTIME, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
"""The files used from the package onnxruntime-web."""
PAGE = "demo.html"
MAX_MODEL_BYTES = 100 * 2**20
"""Largest network, in bytes; phones cannot open larger pages."""
INSTALL_SECONDS = 300  # longest time for `npm ci`


class NoPage(UserError):  # noqa: N818 - a finding, which costs the page and nothing else
    """The page cannot be built here; the message says why and what helps."""


def write_demo(folder: Path, *, onnx: Path, facts: Mapping[str, Any]) -> Path:
    """Write the page.

    Args:
        folder: the folder to write to.
        onnx: a network of `build_portable_network`.
        facts: the model's `class_names`, `image_size`, `architecture`, `model_digest`, and, unless they are missing,
            `decoding` and `decision`.

    Raises:
        NoPage: npm is missing or fails, or the network is too large for a page.
    """
    size = onnx.stat().st_size
    if size > MAX_MODEL_BYTES:
        raise NoPage(f"no {PAGE}: a network of {size / 2**20:.0f} MB is too large for a page")
    runtime = install_runtime()
    environment = Environment(
        loader=FileSystemLoader(SOURCES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("demo.html.j2").render(
        facts=dict(facts),
        settings={
            "classNames": list(facts["class_names"]),
            "imageSize": facts["image_size"],
            "maxPixels": MAX_PIXELS,
            "decision": facts.get("decision"),
            **read_decoding(facts).describe(),
        },
        style=_source("demo.css"),
        scripts=_source("pixels.js") + _source("decision.js") + _source("demo.js"),
        runtime=_pack((runtime / RUNTIME).read_bytes()),
        wasm=_pack((runtime / WASM).read_bytes()),
        network=_pack(onnx.read_bytes()),
        version=json.loads((SOURCES / "package.json").read_text("utf-8"))["dependencies"]["onnxruntime-web"],
    )
    path = folder / PAGE
    path.write_bytes(page.encode())
    return path


def install_runtime() -> Path:
    """Return a folder with `RUNTIME` and `WASM`: from the cache, or else installed by `npm ci` from the lock.

    Raises:
        NoPage: npm is missing, or cannot install.
    """
    lock = (SOURCES / "package-lock.json").read_bytes()
    kept = cache_folder() / "demo" / hashlib.sha256(lock).hexdigest()[:16]
    if kept.is_dir():
        return kept
    npm = shutil.which("npm")
    if npm is None:
        raise NoPage(f"no {PAGE}: npm, which fetches ONNX Runtime for browsers, is not installed; install Node.js")
    kept.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCES / name, scratch)
        _run_npm(npm, Path(scratch))
        made = Path(scratch, "made")
        made.mkdir()
        for name in (RUNTIME, WASM):
            shutil.copy(Path(scratch, "node_modules", "onnxruntime-web", "dist", name), made)
        try:
            made.rename(kept)
        except OSError:
            if not kept.is_dir():  # another run was faster, with the same files
                raise
    return kept


def _run_npm(npm: str, folder: Path) -> None:
    # The packages' scripts are not run: only two files are needed.
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NoPage(f"no {PAGE}: npm ci did not end within {INSTALL_SECONDS} s") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()
        raise NoPage(f"no {PAGE}: npm ci failed ({' '.join(lines[:2])}); is its registry within reach?")


def _pack(data: bytes) -> str:
    """Compress data for the page, which decompresses it itself; the same data gives the same bytes."""
    return base64.b64encode(gzip.compress(data, compresslevel=9, mtime=0)).decode()


def _source(name: str) -> Markup:
    return Markup((SOURCES / name).read_text("utf-8"))  # noqa: S704 - ours
