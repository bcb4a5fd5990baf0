"""report.html as a browser shows it: on a desk and on a phone, light and dark, to people who can't see well too."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import axe, check_page, opened_browser

__all__ = ["axe"]
pytestmark = pytest.mark.slow


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

    def use(page: Any) -> None:
        # Moving the threshold works: at the right end nobody is called positive.
        page.locator("#threshold").fill("1")
        assert page.locator("#at").inner_text() == "1.00"

    check_page(browser, axe, report, use)
