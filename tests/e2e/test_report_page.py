"""report.html as a browser shows it: on a desk and on a phone, light and dark, to people who can't see well too."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.browsers import opened_browser

pytestmark = pytest.mark.slow

AXE = Path(__file__).parents[1] / "browser"
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


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with opened_browser() as browser:
        yield browser


def test_the_report_is_for_everybody(
    browser: Any, axe: str, launch: Callable[..., Any], tiny_photos: Callable[..., Path]
) -> None:
    at = launch()
    words = ("-P", f"source={tiny_photos(photos=20)}", "-P", "epochs=2", "-P", "image_size=32", "-P", "repeats=2")
    at.run(*words, "-P", "architecture=baseline", "-P", "cost=cats>dogs:5")
    report = Path(at.newest("main").info.artifact_uri.removeprefix("file://"), "report.html")
    found: dict[str, Any] = {}
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for width in (1280, 390):
        for scheme in schemes:
            page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
            said: list[str] = []
            page.on("console", lambda message, said=said: said.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error, said=said: said.append(f"error: {error}"))
            page.goto(report.as_uri())
            # Moving the threshold works: at the right end nobody is called positive.
            page.locator("#threshold").fill("1")
            assert page.locator("#at").inner_text() == "1.00"
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
