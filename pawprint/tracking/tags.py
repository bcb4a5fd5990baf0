"""Tags of runs, by which this project knows its own, and those of MLflow that it reads: names, writing, reading."""

import json
from collections.abc import Mapping

import mlflow
from mlflow.entities import Run
from mlflow.utils.validation import MAX_TAG_VAL_LENGTH

PREFIX = "pawprint."
ERROR_TAG = PREFIX + "error"
"""The last lines of what made a run fail, for the parent that reports it and the person who opens the page."""

INTERRUPTED = "interrupted"
"""What that tag says where a person, or the machine, ended the run."""

PARENT_TAG = "mlflow.parentRunId"
SOURCE_TAGS = ("mlflow.source.name", "mlflow.source.git.repoURL")
"""Where MLflow writes down where the code came from."""
NAME_TAG = "mlflow.runName"
ENTRY_POINT_TAG = "mlflow.project.entryPoint"
NOTE_TAG = "mlflow.note.content"
"""Where MLflow's page takes a run's description from."""

MOST_CHARACTERS = MAX_TAG_VAL_LENGTH
"""What MLflow's stores have room for in a tag."""

ENVIRONMENT = "environment"
"""The tag that holds what a run ran on, where nobody filters by it."""


def set_tags(**tags: object) -> None:
    """Tag the active run with `pawprint.<name>`; what is None is left out, and a mapping becomes JSON."""
    mlflow.set_tags({PREFIX + name: pack(value) for name, value in tags.items() if value is not None})


def get_tag(run: Run, name: str) -> str | None:
    """Return the value of `pawprint.<name>`, or None.

    Args:
        run: whose tag it is.
        name: `dataset_digest`, say; `used.width` is what the tag `used` has under `width`; a name alone is sought in
            `environment` too. Runs of earlier versions have a tag for each, and are read the same.
    """
    value: str | None = run.data.tags.get(PREFIX + name)
    if value is not None:
        return value
    group, _, fact = name.rpartition(".")
    return get_group(run, group or ENVIRONMENT).get(fact)


def get_group(run: Run, name: str) -> dict[str, str]:
    """Return what a tag that holds many facts has; nothing where there is no such tag.

    The facts that runs of earlier versions have in tags of their own, `pawprint.<name>.<fact>`, are among them.
    """
    begin = f"{PREFIX}{name}."
    single = {tag.removeprefix(begin): value for tag, value in run.data.tags.items() if tag.startswith(begin)}
    return single | unpack(run.data.tags.get(PREFIX + name, ""))


def pack(value: object) -> str:
    """Return a tag's value: of a mapping JSON, without what is None, its longest texts cut where there is no room.

    >>> pack({"threads": 2, "cpu": None})
    '{"threads": "2"}'
    """
    if not isinstance(value, Mapping):
        return str(value)[:MOST_CHARACTERS]
    facts = {name: str(fact) for name, fact in value.items() if fact is not None}
    for longest in (MOST_CHARACTERS, 1000, 200):
        text = json.dumps({name: fact[:longest] for name, fact in facts.items()}, ensure_ascii=False)
        if len(text) <= MOST_CHARACTERS:
            return text
    raise ValueError(f"there is no room in a tag for {len(facts)} facts")


def unpack(text: str) -> dict[str, str]:
    """Return the facts that a tag holds; nothing where it holds none, or where somebody has changed it.

    >>> unpack('{"threads": "2"}'), unpack("2")
    ({'threads': '2'}, {})
    """
    try:
        facts = json.loads(text)
    except ValueError:
        return {}
    return {str(name): str(fact) for name, fact in facts.items()} if isinstance(facts, dict) else {}
