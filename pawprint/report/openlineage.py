"""Export the chain as OpenLineage run events (https://openlineage.io, spec 2-0-2), for Marquez, DataHub and others."""

import json
import logging
import os
import re
import uuid
from datetime import UTC, datetime

import mlflow
from mlflow.entities import Run
from openlineage.client.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, RunEvent, RunState
from openlineage.client.event_v2 import Run as EventRun
from openlineage.client.generated.base import Dataset, DatasetFacet, JobFacet, RunFacet
from openlineage.client.generated.dataset_version_dataset import DatasetVersionDatasetFacet
from openlineage.client.generated.documentation_dataset import DocumentationDatasetFacet
from openlineage.client.generated.execution_parameters_run import ExecutionParameter, ExecutionParametersRunFacet
from openlineage.client.generated.job_type_job import JobTypeJobFacet
from openlineage.client.generated.parent_run import Job as ParentJob
from openlineage.client.generated.parent_run import ParentRunFacet
from openlineage.client.generated.parent_run import Run as ParentRun
from openlineage.client.generated.processing_engine_run import ProcessingEngineRunFacet
from openlineage.client.generated.source_code_location_job import SourceCodeLocationJobFacet
from openlineage.client.serde import Serde

from pawprint.base.errors import one_line
from pawprint.base.secrets import hide_secrets
from pawprint.report.graph import Lineage, entry_point, find_lineage, find_review_page
from pawprint.tracking.server import describe_server
from pawprint.tracking.tags import PARENT_TAG, get_group, get_tag

logger = logging.getLogger(__name__)
PRODUCER = "urn:pawprint"
SERVER_VARIABLE = "OPENLINEAGE_URL"
"""OpenLineage's environment variable with the address of the server; OPENLINEAGE_API_KEY is its key."""
_TYPES = {"FINISHED": RunState.COMPLETE, "FAILED": RunState.FAIL, "KILLED": RunState.ABORT}


def build_events(lineage: Lineage) -> list[RunEvent]:
    """Return an event for each run of the chain, in the order of the steps.

    A step is a job `pawprint.<entry point>` in the namespace of the tracking server. Photos, dataset, model and
    evaluation are datasets, named by their URIs, with their digest as version. The event of main, which is still
    running, has no end. The event of a reused step is that of the original run.
    """
    return [_build_event(run, lineage) for run in lineage.runs()]


def write_events(lineage: Lineage) -> str:
    """Return the events as a JSON array."""
    events = [Serde.to_dict(event) for event in build_events(lineage)]
    return json.dumps(events, indent=1, ensure_ascii=False) + "\n"


def send_events(run_id: str) -> None:
    """Send the events of a finished main run to the server in `OPENLINEAGE_URL`, if it is set.

    An error gives only a warning, since everything is already logged.
    """
    if not os.environ.get(SERVER_VARIABLE):
        return
    try:
        client = OpenLineageClient()
        for event in build_events(find_lineage(run_id)):
            client.emit(event)
    except Exception as error:  # any error of the server, its client or the store
        reason = hide_secrets(one_line(error))
        logger.warning("warning: the lineage could not be sent to %s: %s", SERVER_VARIABLE, reason)


def run_uuid(run_id: str) -> str:
    """Return MLflow's run id, 32 hexadecimal digits, as a UUID, which OpenLineage requires."""
    return str(uuid.UUID(run_id))


def _build_event(run: Run, lineage: Lineage) -> RunEvent:
    end = run.info.end_time or run.info.start_time
    inputs, outputs = _datasets(run, lineage)
    parent = run.data.tags.get(PARENT_TAG)
    parameters = [ExecutionParameter(key=name, value=value) for name, value in sorted(run.data.params.items())]
    facets: dict[str, RunFacet] = {
        "processing_engine": ProcessingEngineRunFacet(name="mlflow", version=mlflow.__version__, producer=PRODUCER),
        "executionParameters": ExecutionParametersRunFacet(parameters=parameters, producer=PRODUCER),
    }
    if parent:
        job = ParentJob(namespace=_namespace(), name="pawprint.main")
        facets["parent"] = ParentRunFacet(run=ParentRun(runId=run_uuid(parent)), job=job, producer=PRODUCER)
    return RunEvent(
        eventType=_TYPES.get(run.info.status, RunState.RUNNING),
        eventTime=datetime.fromtimestamp(end / 1000, UTC).isoformat(timespec="milliseconds"),
        producer=PRODUCER,
        run=EventRun(runId=run_uuid(run.info.run_id), facets=facets),
        job=Job(namespace=_namespace(), name=f"pawprint.{entry_point(run)}", facets=_job_facets(run)),
        inputs=[InputDataset(one.namespace, one.name, None, facets=one.facets) for one in inputs],
        outputs=[OutputDataset(one.namespace, one.name, None, facets=one.facets) for one in outputs],
    )


def _job_facets(run: Run) -> dict[str, JobFacet]:
    facets: dict[str, JobFacet] = {
        "jobType": JobTypeJobFacet(processingType="BATCH", integration="MLFLOW", jobType="PROJECT", producer=PRODUCER)
    }
    commit = run.data.tags.get("mlflow.source.git.commit")
    url = run.data.tags.get("mlflow.source.git.repoURL") or run.data.tags.get("mlflow.source.name", "")
    if commit and url:
        facets["sourceCodeLocation"] = SourceCodeLocationJobFacet(
            type="git", url=url, repoUrl=url, version=commit, producer=PRODUCER
        )
    return facets


def _datasets(run: Run, lineage: Lineage) -> tuple[list[Dataset], list[Dataset]]:
    """Return the inputs and the outputs of a run."""
    photos, more = (
        _dataset(f"runs:/{_id(made)}/photos", _tag(made, "photos_sha256")) for made in (lineage.download, lineage.more)
    )
    dataset = _dataset(f"runs:/{_id(lineage.preprocess)}/dataset", _tag(lineage.preprocess, "dataset_digest"))
    model = _dataset(_model_of(run, lineage), get_tag(run, "model_digest"))
    step = entry_point(run)
    if step == "download":
        return [_source(str(get_tag(run, "source")))], [more if run is lineage.more else photos]
    if step == "preprocess":
        return [photos, *([more] if lineage.more else []), *_corrections(run)], [dataset]
    if step == "train":
        begun = get_tag(run, "weights")
        return [dataset, *([_dataset(begun, get_tag(run, "weights_digest"))] if begun else [])], [model]
    if step == "evaluate":
        return [dataset, model], [_dataset(f"runs:/{run.info.run_id}/evaluation", None)]
    return [], []


def _corrections(run: Run) -> list[Dataset]:
    """Return the corrections that preprocess applied, with the page that they were made in, if there are any."""
    facts = get_group(run, "corrections")
    if not facts:
        return []
    text = DocumentationDatasetFacet(description=facts["summary"], producer=PRODUCER)
    page = [_dataset(find_review_page(facts["run"]), None)] if facts.get("run") else []
    return [Dataset(_namespace(), facts["uri"], facets={"documentation": text}), *page]


def _source(source: str) -> Dataset:
    """Return a source as OpenLineage names datasets: scheme and host as namespace, the path as name."""
    match = re.match(r"(\w+://[^/]+)/(.*)", source)
    if match:
        return Dataset(match[1], match[2])
    return Dataset("file" if source.startswith("/") else "pawprint", source)


def _dataset(uri: str, digest: str | None) -> Dataset:
    facets: dict[str, DatasetFacet] = {}
    if digest:
        facets["version"] = DatasetVersionDatasetFacet(datasetVersion=digest, producer=PRODUCER)
    return Dataset(_namespace(), uri, facets=facets)


def _model_of(run: Run, lineage: Lineage) -> str:
    for training in lineage.trainings:
        if training.model and (run is training.run or run in training.evaluations):
            return f"models:/{training.model.model_id}"
    return "models:/unknown"


def _namespace() -> str:
    """Return the address of the tracking server without a password."""
    return f"mlflow:{describe_server()}"


def _id(run: Run | None) -> str:
    return run.info.run_id if run else "unknown"


def _tag(run: Run | None, name: str) -> str | None:
    return get_tag(run, name) if run else None
