"""The chain as OpenLineage run events (https://openlineage.io, spec 2-0-2), for Marquez, DataHub and others."""

import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any

import mlflow
from mlflow.entities import Run

from pawprint.lineage.graph import Lineage, entry_point
from pawprint.lineage.store.server import tell_server
from pawprint.lineage.tags import PARENT_TAG, get_tag

PRODUCER = "urn:pawprint"
EVENT_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
FACETS = {
    "parent": "1-2-0/ParentRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "executionParameters": "1-0-0/ExecutionParametersRunFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
    "sourceCodeLocation": "1-1-0/SourceCodeLocationJobFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
}
"""The facets in use and the version of each one's schema."""
_TYPES = {"FINISHED": "COMPLETE", "FAILED": "FAIL", "KILLED": "ABORT"}


def build_events(lineage: Lineage) -> list[dict[str, Any]]:
    """Return an event for each run of the chain, in the order in which they ran.

    A step is a job `<entry point>` in the namespace of the tracking server; photos, dataset, model and evaluation are
    datasets named by their URIs, with their digest as version. main, which is still running while it writes this,
    has no end yet. A reused step's event is that of the run that made it.
    """
    return [_build_event(run, lineage) for run in lineage.runs()]


def write_events(lineage: Lineage) -> str:
    """Return the events as a JSON array."""
    return json.dumps(build_events(lineage), indent=1, ensure_ascii=False) + "\n"


def run_uuid(run_id: str) -> str:
    """Return MLflow's run id, 32 hexadecimal digits, as the UUID that OpenLineage asks for."""
    return str(uuid.UUID(run_id))


def _build_event(run: Run, lineage: Lineage) -> dict[str, Any]:
    end = run.info.end_time or run.info.start_time
    inputs, outputs = _datasets(run, lineage)
    parent = run.data.tags.get(PARENT_TAG)
    parameters = [{"key": name, "value": value} for name, value in sorted(run.data.params.items())]
    run_facets = {
        "processing_engine": _facet("processing_engine", name="mlflow", version=mlflow.__version__),
        "executionParameters": _facet("executionParameters", parameters=parameters),
    }
    if parent:
        job = {"namespace": _namespace(), "name": "pawprint.main"}
        run_facets["parent"] = _facet("parent", run={"runId": run_uuid(parent)}, job=job)
    return {
        "eventType": _TYPES.get(run.info.status, "RUNNING"),
        "eventTime": datetime.fromtimestamp(end / 1000, UTC).isoformat(timespec="milliseconds"),
        "producer": PRODUCER,
        "schemaURL": EVENT_SCHEMA,
        "run": {"runId": run_uuid(run.info.run_id), "facets": run_facets},
        "job": {"namespace": _namespace(), "name": f"pawprint.{entry_point(run)}", "facets": _job_facets(run)},
        "inputs": inputs,
        "outputs": outputs,
    }


def _job_facets(run: Run) -> dict[str, Any]:
    facets = {"jobType": _facet("jobType", processingType="BATCH", integration="MLFLOW", jobType="PROJECT")}
    commit = run.data.tags.get("mlflow.source.git.commit")
    url = run.data.tags.get("mlflow.source.git.repoURL") or run.data.tags.get("mlflow.source.name", "")
    if commit and url:
        facets["sourceCodeLocation"] = _facet("sourceCodeLocation", type="git", url=url, repoUrl=url, version=commit)
    return facets


def _datasets(run: Run, lineage: Lineage) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what a run read and what it made."""
    photos = _dataset(f"runs:/{_id(lineage.download)}/photos", _tag(lineage.download, "photos_sha256"))
    dataset = _dataset(f"runs:/{_id(lineage.preprocess)}/dataset", _tag(lineage.preprocess, "dataset_digest"))
    model = _dataset(_model_of(run, lineage), get_tag(run, "model_digest"))
    step = entry_point(run)
    if step == "download":
        return [_source(str(get_tag(run, "source")))], [photos]
    if step == "preprocess":
        return [photos], [dataset]
    if step == "train":
        return [dataset], [model]
    if step == "evaluate":
        return [dataset, model], [_dataset(f"runs:/{run.info.run_id}/evaluation", None)]
    return [], []


def _source(source: str) -> dict[str, Any]:
    """Name the source as OpenLineage names things elsewhere: the scheme and host apart from the path."""
    match = re.match(r"(\w+://[^/]+)/(.*)", source)
    if match:
        return {"namespace": match[1], "name": match[2], "facets": {}}
    return {"namespace": "file" if source.startswith("/") else "pawprint", "name": source, "facets": {}}


def _dataset(uri: str, digest: str | None) -> dict[str, Any]:
    facets = {"version": _facet("version", datasetVersion=digest)} if digest else {}
    return {"namespace": _namespace(), "name": uri, "facets": facets}


def _model_of(run: Run, lineage: Lineage) -> str:
    for training in lineage.trainings:
        if training.model and (run is training.run or run in training.evaluations):
            return f"models:/{training.model.model_id}"
    return "models:/unknown"


def _namespace() -> str:
    """Return the tracking server, without a password that its address may hold."""
    return f"mlflow:{tell_server()}"


def _facet(facet: str, /, **values: object) -> dict[str, Any]:
    path = FACETS[facet]
    url = f"https://openlineage.io/spec/facets/{path}.json#/$defs/{path.partition('/')[2]}"
    return {"_producer": PRODUCER, "_schemaURL": url, **values}


def _id(run: Run | None) -> str:
    return run.info.run_id if run else "unknown"


def _tag(run: Run | None, name: str) -> str | None:
    return get_tag(run, name) if run else None
