"""What a step's artifacts were when they were logged: each file's sha256 and size, kept beside them and in a tag.

`digests/<name>.json` lists the files of one group; the run's tag `pawprint.digest` has the sha256 of each list.
So one byte changed in a file, in the list or in both shows.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file, local_path
from pawprint.tracking.active import active_run
from pawprint.tracking.artifacts import locate, open_location
from pawprint.tracking.downloads import NothingThereError, list_sizes
from pawprint.tracking.tags import PREFIX, get_group, set_tags
from pawprint.tracking.uploads import store_folder, store_text

TAG = "digest"
WRITTEN_LATER = frozenset({"registered_model_meta"})
"""What MLflow itself adds to a stored model when it is downloaded or registered."""


def log_folder(folder: Path, path: str = "") -> None:
    """Log a folder's files as artifacts of the active run, with their digests; what arrived is read back.

    Args:
        folder: of plain files, in folders or not.
        path: where in the run's artifacts; at the top unless given.

    Raises:
        UserError: a file could not be stored whole.
    """
    run = active_run()
    files = _store(folder, f"{run.info.artifact_uri}/{path}".rstrip("/"))
    _log_digests(path or "files", f"runs:/{run.info.run_id}/{path}".rstrip("/"), files)


def log_files(texts: Mapping[str, str], group: str) -> None:
    """Log texts as files at the top of the active run's artifacts, with their digests; what arrived is read back.

    Args:
        texts: by file name.
        group: what they are called together, in `digests/<group>.json`.

    Raises:
        UserError: a file could not be stored whole.
    """
    run = active_run()
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        for name, text in texts.items():
            Path(scratch, name).write_bytes(text.encode())
        _log_digests(group, f"runs:/{run.info.run_id}", _store(Path(scratch), run.info.artifact_uri))


def log_model_folder(folder: Path, model_id: str, location: str) -> None:
    """Store a model that was saved on this machine, with the digests of its network and of all around it.

    Args:
        folder: where it was saved.
        model_id: of the LoggedModel that it becomes.
        location: of that model's artifacts.

    Raises:
        UserError: a file could not be stored whole.
    """
    _log_digests("model", f"models:/{model_id}", _store(folder, location))


def _store(folder: Path, location: str) -> dict[str, dict[str, object]]:
    files = digest_folder(folder)
    store_folder(folder, location, {name: str(facts["sha256"]) for name, facts in files.items()})
    return files


def _log_digests(name: str, uri: str, files: dict[str, dict[str, object]]) -> None:
    """Log a group's list, and its sha256 as a tag."""
    text = json.dumps({"uri": uri, "files": files}, indent=1, sort_keys=True)
    run = active_run()
    digest = store_text(text, f"digests/{name}.json", run.info.artifact_uri)
    set_tags(**{TAG: {**groups_of(MlflowClient().get_run(run.info.run_id)), name: digest}})


def digest_folder(folder: Path) -> dict[str, dict[str, object]]:
    """Return sha256 and size of each file by its path in the folder, but for `WRITTEN_LATER` and compiled code."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): _describe(path)
        for path in paths
        if path.name not in WRITTEN_LATER and path.suffix != ".pyc"
    }


def groups_of(run: Run) -> dict[str, str]:
    """Return the sha256 of each group's list, by its name, as the run's tags have them."""
    return get_group(run, TAG)


def find_damage(run: Run, *, thorough: bool) -> list[str]:
    """Compare a run's artifacts with what they were when they were logged.

    Args:
        run: of a step.
        thorough: read what lies in a remote store too; otherwise its files' sizes must do.

    Returns:
        What differs, a line each, naming the file; nothing where all is as it was.
    """
    damage = []
    for name, digest in sorted(groups_of(run).items()):
        try:
            group = _read_group(name, digest, run)
        except UserError as error:
            damage.append(str(error))
            continue
        damage += _compare(group["uri"], group["files"], run, thorough=thorough)
    return damage


def fetch_files(run: Run, folder: Path, path: str = "") -> None:
    """Copy what `log_folder` has logged, and hold each file against its digest.

    Args:
        run: that logged it.
        folder: the files go there; one of the same name is written over.
        path: where in the run's artifacts, as it was logged.

    Raises:
        UserError: a file is gone, or not what was logged.
    """
    name = path or "files"
    digest = groups_of(run).get(name)
    if digest is None:
        raise UserError(f"run {run.info.run_id} has logged no {name}")
    for file, facts in _read_group(name, digest, run)["files"].items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        try:
            with open_location("/".join(filter(None, (run.info.artifact_uri, path, file)))) as stored:
                shutil.copyfile(stored, folder / file)
        except NothingThereError as error:
            raise UserError(f"{file} of run {run.info.run_id} {error}") from error
        if hash_file(folder / file) != facts["sha256"]:
            raise UserError(f"{file} of run {run.info.run_id} is not what was logged (its sha256 differs)")


def _read_group(name: str, digest: str, run: Run) -> dict[str, Any]:
    """Read a group's list, once it is seen to be the one that the run's tag means."""
    listed = f"digests/{name}.json"
    try:
        with open_location(f"{run.info.artifact_uri}/{listed}") as path:
            content = path.read_bytes()
    except NothingThereError as error:
        raise UserError(f"{listed} {error}") from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise UserError(f"{listed} is not what was logged (its sha256 is not that of the run's tag {PREFIX}{TAG})")
    group: dict[str, Any] = json.loads(content)
    return group


def _compare(uri: str, files: dict[str, dict[str, object]], run: Run, *, thorough: bool) -> Iterator[str]:
    own = f"runs:/{run.info.run_id}"
    try:
        place = run.info.artifact_uri + uri.removeprefix(own) if uri.startswith(own) else locate(uri, "models:/<id>")
        if local_path(place) is None and not thorough:
            yield from _compare_sizes(uri, files, list_sizes(place))
            return
        with open_location(place) as folder:
            for name, expected in files.items():
                path = folder / name
                if not path.is_file():
                    yield f"{uri}/{name} is gone"
                elif hash_file(path) != expected["sha256"]:
                    yield f"{uri}/{name} is not what was logged (its sha256 differs)"
    except UserError as error:
        yield f"{uri} {error}"


def _compare_sizes(uri: str, files: dict[str, dict[str, object]], sizes: dict[str, int | None]) -> Iterator[str]:
    for name, expected in files.items():
        if name not in sizes:
            yield f"{uri}/{name} is gone"
        elif sizes[name] not in {None, expected["bytes"]}:
            yield f"{uri}/{name} has {sizes[name]} bytes instead of {expected['bytes']}"


def _describe(path: Path) -> dict[str, object]:
    return {"sha256": hash_file(path), "bytes": path.stat().st_size}
