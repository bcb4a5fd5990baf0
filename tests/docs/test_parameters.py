"""docs/parameters.md is what MLproject and the options say today."""

from tools.parameters import PAGE, build_page


def test_the_page_is_current() -> None:
    assert PAGE.read_text("utf-8") == build_page(), "run python -m tools.parameters"
