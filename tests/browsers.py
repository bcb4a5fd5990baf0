"""The browser that pages are looked at in, where there is one, and what every page has to keep."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest

from tools.screenshots import BROWSERS, find_browser


@contextmanager
def opened_browser() -> Iterator[Any]:
    """Yield Playwright's browser without a window, or skip the test."""
    path = find_browser()
    if path is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        # As root, as in a container, Chromium starts without its sandbox only; the pages are our own.
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield browser
        browser.close()


AXE = Path(__file__).parent / "browser"
"""Where package.json and its lock ask for axe-core, which checks a page against WCAG (Deque, MPL-2.0)."""
OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script that does the checking, of the version that the lock names."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm, which brings axe-core")
    folder = tmp_path_factory.mktemp("axe")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(AXE / name, folder)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and any(code in done.stderr for code in OFFLINE):
        pytest.skip(f"npm reaches no registry: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return (folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def check_page(browser: Any, axe: str, path: Path, use: Callable[[Any], None]) -> None:
    """Open a page on a desk and on a phone, light and dark: it fits, says nothing to the console, and axe is content.

    Args:
        browser: of `opened_browser`.
        axe: the script of the fixture.
        path: the page.
        use: what is done in it before it is judged.
    """
    found: dict[str, Any] = {}
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for width in (1280, 390):
        for scheme in schemes:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            said: list[str] = []
            page.on("console", lambda message, said=said: said.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error, said=said: said.append(f"error: {error}"))
            page.on("dialog", lambda dialog, said=said: said.append(f"dialog: {dialog.message}"))
            page.goto(path.as_uri())
            use(page)
            wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wider <= 0, f"at {width} px the page is {wider} px wider than the window"
            page.evaluate(axe)
            result = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
            assert result["testEngine"]["name"] == "axe-core"
            assert result["passes"], "nothing was checked"
            found |= {
                f"{violation['id']} at {width} px, {scheme}": [node["html"] for node in violation["nodes"]]
                for violation in result["violations"]
                if violation["impact"] in {"serious", "critical"}
            }
            assert said == []
            page.close()
    assert found == {}
