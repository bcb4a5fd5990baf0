"""The tags of runs: names of this project's and of MLflow's tags, and functions to write and read them."""

import json
from collections.abc import Mapping

import mlflow
from mlflow.entities import Run
from mlflow.utils.validation import MAX_TAG_VAL_LENGTH

PREFIX = "pawprint."
ERROR_TAG = PREFIX + "error"
"""Tag with the last lines of a run's error, for the parent run and for the run's page."""

INTERRUPTED = "interrupted"
"""Value of `ERROR_TAG` if the user or the machine ended the run."""

PARENT_TAG = "mlflow.parentRunId"
SOURCE_TAGS = ("mlflow.source.name", "mlflow.source.git.repoURL")
"""MLflow's tags with the address of the code."""
NAME_TAG = "mlflow.runName"
ENTRY_POINT_TAG = "mlflow.project.entryPoint"
NOTE_TAG = "mlflow.note.content"
"""MLflow's tag with the description of a run."""

MAX_TAG_CHARACTERS = MAX_TAG_VAL_LENGTH
"""Longest value of a tag in MLflow's stores."""

ENVIRONMENT = "environment"
"""Tag with the environment of a run, as JSON."""


def set_tags(**tags: object) -> None:
    """Set tags `pawprint.<name>` on the active run; None is left out, and a mapping becomes JSON."""
    mlflow.set_tags({PREFIX + name: pack(value) for name, value in tags.items() if value is not None})


def get_tag(run: Run, name: str) -> str | None:
    """Return the value of `pawprint.<name>`, or None.

    Args:
        run: the run.
        name: such as `dataset_digest`. `used.width` is the value of `width` in the tag `used`. A name without a dot is
            also searched in the tag `environment`. Earlier versions have a separate tag for each, which is also found.
    """
    value: str | None = run.data.tags.get(PREFIX + name)
    if value is not None:
        return value
    group, _, fact = name.rpartition(".")
    return get_group(run, group or ENVIRONMENT).get(fact)


def get_group(run: Run, name: str) -> dict[str, str]:
    """Return the facts in a tag that holds several; empty if the run has no such tag.

    This includes facts that earlier versions have in separate tags, `pawprint.<name>.<fact>`.
    """
    begin = f"{PREFIX}{name}."
    single = {tag.removeprefix(begin): value for tag, value in run.data.tags.items() if tag.startswith(begin)}
    return single | unpack(run.data.tags.get(PREFIX + name, ""))


def pack(value: object) -> str:
    """Return the text of a tag: a mapping as JSON, without None, its longest values cut if there is no room.

    >>> pack({"threads": 2, "cpu": None})
    '{"threads": "2"}'
    """
    if not isinstance(value, Mapping):
        return str(value)[:MAX_TAG_CHARACTERS]
    facts = {name: str(fact) for name, fact in value.items() if fact is not None}
    for longest in (MAX_TAG_CHARACTERS, 1000, 200):
        text = json.dumps({name: fact[:longest] for name, fact in facts.items()}, ensure_ascii=False)
        if len(text) <= MAX_TAG_CHARACTERS:
            return text
    raise ValueError(f"there is no room in a tag for {len(facts)} facts")


def unpack(text: str) -> dict[str, str]:
    """Return the facts in the text of a tag; empty if it is not a JSON object.

    >>> unpack('{"threads": "2"}'), unpack("2")
    ({'threads': '2'}, {})
    """
    try:
        facts = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(fact) for name, fact in facts.items()} if isinstance(facts, dict) else {}
