"""The browser that pages are looked at in, where there is one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
