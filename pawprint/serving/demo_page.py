"""`demo.html`: the model in one page that a person opens from disk. Photos stay in the browser.

Reads `demo/` (package.json and its lock, the page and its scripts) and `model.onnx`; ONNX Runtime's build for browsers
comes from npm, once for each lock, and is kept in the cache. All of it goes into the page: nothing is fetched when it
is open, and its content security policy lets it fetch nothing.
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
FILES = ("package.json", "package-lock.json", "demo.html.j2", "demo.css", "demo.js", "pixels.js")
"""What the page is made of, in `demo/`."""
RUNTIME, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
"""What is taken of the package onnxruntime-web."""
PAGE = "demo.html"
MAX_MODEL_BYTES = 100 * 2**20
"""A larger network makes a page that phones will not open."""
INSTALL_SECONDS = 300


class NoPage(UserError):  # noqa: N818 - a finding, which costs the page and nothing else
    """The page can't be built here; the message says why and what would help."""


def write_demo(folder: Path, *, onnx: Path, facts: Mapping[str, Any]) -> Path:
    """Write the page.

    Args:
        folder: it goes into.
        onnx: a network of `build_portable_network`.
        facts: `class_names`, `image_size`, `architecture`, `model_digest` and, if not the usual one, `decoding` of the
            model.

    Raises:
        NoPage: npm is absent or fails, or the network is too large for a page.
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
            **read_decoding(facts).describe(),
        },
        style=_source("demo.css"),
        scripts=_source("pixels.js") + _source("demo.js"),
        runtime=_pack((runtime / RUNTIME).read_bytes()),
        wasm=_pack((runtime / WASM).read_bytes()),
        network=_pack(onnx.read_bytes()),
        version=json.loads((SOURCES / "package.json").read_text("utf-8"))["dependencies"]["onnxruntime-web"],
    )
    path = folder / PAGE
    path.write_bytes(page.encode())
    return path


def install_runtime() -> Path:
    """Return a folder with `RUNTIME` and `WASM`, installed by `npm ci` from the lock unless the cache has them.

    Raises:
        NoPage: npm is absent, or can't install.
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
            if not kept.is_dir():  # another run was faster: its files are the same
                raise
    return kept


def _run_npm(npm: str, folder: Path) -> None:
    # Scripts of packages are not run: what is taken are two files.
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
    """Compress for the page, which unpacks it itself; the same bytes for the same data."""
    return base64.b64encode(gzip.compress(data, compresslevel=9, mtime=0)).decode()


def _source(name: str) -> Markup:
    return Markup((SOURCES / name).read_text("utf-8"))  # noqa: S704 - ours
