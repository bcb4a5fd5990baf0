"""Verify a chain: read all artifacts again and compare them with the digests that each step recorded."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mlflow.entities import Run

from pawprint.base.errors import UserError
from pawprint.base.files import hash_file
from pawprint.base.tables import read_dicts
from pawprint.dataset.reader import load_dataset
from pawprint.photos.manifest import combine_digests, load_manifest
from pawprint.photos.recall import recall_archive
from pawprint.report.graph import Lineage, Training, entry_point
from pawprint.tracking.artifacts import open_artifact
from pawprint.tracking.digests import find_damage, groups_of
from pawprint.tracking.model_files import read_model_files
from pawprint.tracking.runs import DIFF
from pawprint.tracking.tags import get_tag

Linked = TypeVar("Linked")


@dataclass(frozen=True)
class Check:
    """The check of one link of the chain: its name, and the damage that was found."""

    link: str
    damage: tuple[str, ...]


def verify_lineage(lineage: Lineage) -> Iterator[Check]:
    """Check every link of a chain, beginning with the photos, and yield the results.

    First each run's artifacts are compared with their logged digests, then each link with the previous one: archives
    -> manifest -> photos -> dataset -> training -> model -> evaluation.
    """
    for run in lineage.runs():
        if groups_of(run):
            yield Check(f"artifacts of {entry_point(run)} {run.info.run_id}", tuple(find_damage(run, thorough=True)))
        elif entry_point(run) != "main":
            yield Check(
                f"artifacts of {entry_point(run)} {run.info.run_id}",
                ("were logged without digests (by an older version, or the run did not finish)",),
            )
    photos = dataset = None
    if lineage.download:
        photos = get_tag(lineage.download, "photos_sha256")
        yield _try(f"photos of download {lineage.download.info.run_id}", _check_photos, lineage.download)
    elif lineage.preprocess:
        yield Check("photos", (f"the run behind {get_tag(lineage.preprocess, 'photos')} is no longer known",))
    if lineage.more:
        yield _try(f"photos of download {lineage.more.info.run_id}", _check_photos, lineage.more)
    elif lineage.preprocess and (uri := get_tag(lineage.preprocess, "more")):
        yield Check("photos of more", (f"the run behind {uri} is no longer known",))
    if lineage.preprocess:
        dataset = get_tag(lineage.preprocess, "dataset_digest")
        yield _try(
            f"dataset of preprocess {lineage.preprocess.info.run_id}",
            lambda run: _check_dataset(run, photos, get_tag(lineage.more, "photos_sha256") if lineage.more else None),
            lineage.preprocess,
        )
    elif lineage.trainings:
        uri = lineage.trainings[0].run.data.params.get("dataset")
        yield Check("dataset", (f"the run behind {uri} is no longer known",))
    for training in lineage.trainings:
        yield _try(f"model of train {training.run.info.run_id}", lambda one: _check_training(one, dataset), training)
    if lineage.predict:
        asked = get_tag(lineage.predict, "model_digest")
        tagged = lineage.trainings[0].model.tags.get("pawprint.model_digest") if lineage.trainings[0].model else None
        yield _try(
            f"model of predict {lineage.predict.info.run_id}",
            lambda _: _differs("the model that was asked", asked, tagged, "the model's own tag"),
            lineage.predict,
        )
    if lineage.main:
        yield _try(f"main {lineage.main.info.run_id}", lambda run: _check_main(run, photos, dataset), lineage.main)


def _try(link: str, check: Callable[[Linked], Iterator[str]], of: Linked) -> Check:
    try:
        return Check(link, tuple(check(of)))
    except UserError as error:
        return Check(link, (str(error),))


def _differs(what: str, found: object, expected: object, by: str) -> Iterator[str]:
    if expected is not None and found != expected:
        yield f"{what} is {found}, but {by} says {expected}"


def _check_photos(run: Run) -> Iterator[str]:
    uri = f"runs:/{run.info.run_id}/photos"
    with open_artifact(uri, expected="runs:/<run id of download>/photos") as folder:
        manifest = load_manifest(folder)
        yield from _differs("the manifest's digest", manifest.sha256, get_tag(run, "photos_sha256"), "download's tag")
        yield from _differs(
            "the digest of the archives", combine_digests(manifest.archives), manifest.sha256, "manifest"
        )
        for archive in manifest.archives:
            if archive.members is not None:
                yield from _check_members(folder / archive.members, Path(str(archive.location)))
            elif archive.file is None:
                recall_archive(str(archive.location), sha256=archive.sha256)
            elif not (folder / archive.file).is_file() or hash_file(folder / archive.file) != archive.sha256:
                yield f"{uri}/{archive.file} is not the archive that the manifest names (sha256 differs)"


def _check_members(listed: Path, folder: Path) -> Iterator[str]:
    with listed.open(newline="", encoding="utf-8") as file:
        for row in read_dicts(file):
            path = folder / row["member"]
            if not path.is_file():
                yield f"{path}, kept by reference, is gone"
            elif hash_file(path) != row["sha256"]:
                yield f"{path}, kept by reference, is not what it was (sha256 differs)"


def _check_dataset(run: Run, photos: str | None, more: str | None) -> Iterator[str]:
    with open_artifact(f"runs:/{run.info.run_id}/dataset", expected="runs:/<run id>/dataset") as folder:
        data = load_dataset(folder)
    yield from _differs("the dataset's digest", data.digest, get_tag(run, "dataset_digest"), "preprocess's tag")
    yield from _differs("the digest of its photos", data.photos_sha256, photos, "download")
    yield from _differs("the digest of the photos of more", get_tag(run, "more_sha256"), more, "download")


def _check_training(training: Training, dataset: str | None) -> Iterator[str]:
    run, model = training.run, training.model
    yield from _differs("the dataset that was read", get_tag(run, "dataset_digest"), dataset, "preprocess")
    if model is None:
        yield "its model is no longer known"
        return
    uri = f"models:/{model.model_id}"
    with open_artifact(uri, expected="models:/<model id>") as folder:
        description = read_model_files(folder / "artifacts", uri=uri)
    found = description["digest"]
    yield from _differs("the model's digest", found, get_tag(run, "model_digest"), "train's tag")
    yield from _differs("the model's digest", found, model.tags.get("pawprint.model_digest"), "the model's own tag")
    yield from _differs("the dataset in model.json", description["dataset_digest"], dataset, "preprocess")
    for evaluation in training.evaluations:
        yield from _differs("the model's digest", found, get_tag(evaluation, "model_digest"), "evaluate's tag")


def _check_main(run: Run, photos: str | None, dataset: str | None) -> Iterator[str]:
    yield from _differs("the photos' digest", photos, get_tag(run, "photos_sha256"), "main's tag")
    yield from _differs("the dataset's digest", dataset, get_tag(run, "dataset_digest"), "main's tag")
    if digest := get_tag(run, "uncommitted_sha256"):
        with open_artifact(f"runs:/{run.info.run_id}/{DIFF}", expected="the diff of a run from a changed tree") as path:
            yield from _differs(f"the digest of {DIFF}", hash_file(path), digest, "main's tag")
