"""Write docs/parameters.md: every parameter, from MLproject (defaults) and the steps' options (meaning).

Run it  python -m tools.parameters
"""

import importlib
from pathlib import Path
from typing import Any

import click
import yaml

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "parameters.md"
HEADER = """# Parameters

`mlflow run . --env-manager uv -P name=value`. A misspelt name or an impossible value is refused before any work. `auto`
stands for what the architecture was measured with (its file in `pawprint/models/` declares it) or for what the photos
show; main tags itself with the values used. This page is written by `python -m tools.parameters`.

| parameter | entry points | default | meaning |
| --- | --- | --- | --- |
"""


def build_page() -> str:
    """Return the page: a row per parameter, in the order of MLproject's entry points.

    A parameter with different meanings in two steps has a row for each.
    """
    entry_points: dict[str, Any] = yaml.safe_load((ROOT / "MLproject").read_text("utf-8"))["entry_points"]
    rows: dict[tuple[str, str, str], list[str]] = {}
    for step, content in entry_points.items():
        command = getattr(importlib.import_module(f"steps.{step}"), step)
        meanings = {option.name: option.help for option in command.params if isinstance(option, click.Option)}
        for name, kind in content["parameters"].items():
            default = f"`{kind['default']}`" if kind.get("default", "") != "" else "none"
            default = default if "default" in kind else "required"
            rows.setdefault((name, default, str(meanings[name])), []).append(step)
    lines = [
        f"| `{name}` | {', '.join(steps)} | {default} | {_escape(meaning)} |"
        for (name, default, meaning), steps in rows.items()
    ]
    return HEADER + "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    # A bar would end the cell, and angle brackets would be read as HTML.
    return text.replace("|", r"\|").replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    PAGE.write_text(build_page(), "utf-8")
