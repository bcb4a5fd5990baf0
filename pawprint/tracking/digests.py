"""Record the sha256 and size of each artifact when it is logged, and find artifacts that have changed since.

`digests/<name>.json` lists the files of one group; the run's tag `pawprint.digest` has the sha256 of each list. So a
change of one byte in a file or in a list is found.
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
ADDED_BY_MLFLOW = frozenset({"registered_model_meta"})
"""Files that MLflow adds to a stored model when it is downloaded or registered."""


def log_folder(folder: Path, path: str = "") -> None:
    """Log the files of a folder as artifacts of the active run, with their digests, and verify the stored files.

    Args:
        folder: folder with files and subfolders.
        path: folder in the run's artifacts; default: the top.

    Raises:
        UserError: a file could not be stored completely.
    """
    run = active_run()
    files = _store(folder, f"{run.info.artifact_uri}/{path}".rstrip("/"))
    _log_digests(path or "files", f"runs:/{run.info.run_id}/{path}".rstrip("/"), files)


def log_files(texts: Mapping[str, str], group: str) -> None:
    """Log texts as files at the top of the active run's artifacts, with their digests, and verify the stored files.

    Args:
        texts: texts by file name.
        group: name of the group, for `digests/<group>.json`.

    Raises:
        UserError: a file could not be stored completely.
    """
    run = active_run()
    with tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        for name, text in texts.items():
            Path(scratch, name).write_bytes(text.encode())
        _log_digests(group, f"runs:/{run.info.run_id}", _store(Path(scratch), run.info.artifact_uri))


def log_model_folder(folder: Path, model_id: str, location: str) -> None:
    """Store a model that was saved on this machine, with the digests of all its files.

    Args:
        folder: folder of the saved model.
        model_id: id of the LoggedModel.
        location: location of the LoggedModel's artifacts.

    Raises:
        UserError: a file could not be stored completely.
    """
    _log_digests("model", f"models:/{model_id}", _store(folder, location))


def _store(folder: Path, location: str) -> dict[str, dict[str, object]]:
    files = digest_folder(folder)
    store_folder(folder, location, {name: str(facts["sha256"]) for name, facts in files.items()})
    return files


def _log_digests(name: str, uri: str, files: dict[str, dict[str, object]]) -> None:
    """Log the list of a group, and the sha256 of the list as a tag."""
    text = json.dumps({"uri": uri, "files": files}, indent=1, sort_keys=True)
    run = active_run()
    digest = store_text(text, f"digests/{name}.json", run.info.artifact_uri)
    set_tags(**{TAG: {**groups_of(MlflowClient().get_run(run.info.run_id)), name: digest}})


def digest_folder(folder: Path) -> dict[str, dict[str, object]]:
    """Return sha256 and size of each file by its path, without `ADDED_BY_MLFLOW` and compiled code."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): _describe(path)
        for path in paths
        if path.name not in ADDED_BY_MLFLOW and path.suffix != ".pyc"
    }


def groups_of(run: Run) -> dict[str, str]:
    """Return the sha256 of each group's list from the run's tags, by the name of the group."""
    return get_group(run, TAG)


def find_damage(run: Run, *, thorough: bool) -> list[str]:
    """Compare a run's artifacts with their logged digests.

    Args:
        run: run of a step.
        thorough: also read files in a remote store; otherwise only their sizes are compared.

    Returns:
        A line for each difference, with the name of the file; empty if nothing has changed.
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
    """Copy the files that `log_folder` logged, and compare each file with its digest.

    Args:
        run: run that logged the files.
        folder: target folder; files of the same name are overwritten.
        path: folder in the run's artifacts, as given to `log_folder`.

    Raises:
        UserError: a file is missing, or differs from the logged one.
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
    """Return the list of a group, after comparing it with the digest in the run's tag."""
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
