"""lineage.json, read by the classes that OpenLineage's own client generates from its schemas."""

from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from openlineage.client import event_v2
from openlineage.client.generated import (
    dataset_version_dataset,
    execution_parameters_run,
    job_type_job,
    parent_run,
    processing_engine_run,
    source_code_location_job,
)
from openlineage.client.serde import Serde

from pawprint.lineage.graph import Lineage, Training
from pawprint.lineage.provenance.openlineage import build_events, run_uuid

CLASSES = {
    "parent": parent_run.ParentRunFacet,
    "processing_engine": processing_engine_run.ProcessingEngineRunFacet,
    "executionParameters": execution_parameters_run.ExecutionParametersRunFacet,
    "jobType": job_type_job.JobTypeJobFacet,
    "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet,
    "version": dataset_version_dataset.DatasetVersionDatasetFacet,
}


@pytest.fixture
def events(store: Path) -> list[dict[str, Any]]:
    client = MlflowClient()

    def run(step: str, parent: str = "", **tags: str) -> mlflow.entities.Run:
        with mlflow.start_run(run_name=step) as started:
            mlflow.log_param("seed", 0)
            mlflow.set_tags({f"pawprint.{name}": value for name, value in tags.items()})
            mlflow.set_tags({"mlflow.project.entryPoint": step, "mlflow.source.git.commit": "c" * 40})
            if parent:
                mlflow.set_tag("mlflow.parentRunId", parent)
        return client.get_run(started.info.run_id)

    main = run("main")
    inside = main.info.run_id
    model = mlflow.initialize_logged_model(name="model")
    evaluated = run("evaluate", inside, model_digest="m")
    return build_events(
        Lineage(
            main=main,
            trainings=[Training(run("train", inside, model_digest="m"), model, [evaluated])],
            preprocess=run("preprocess", inside, dataset_digest="d"),
            download=run("download", inside, photos_sha256="p", source="s3://bucket/pets.zip"),
        )
    )


def facets(found: dict[str, Any]) -> dict[str, Any]:
    """Build each facet with the client's class, which refuses fields that it does not know."""
    built = {}
    for name, facet in found.items():
        fields = {key: value for key, value in facet.items() if not key.startswith("_")}
        built[name] = CLASSES[name](**fields, producer=facet["_producer"])
        assert facet["_schemaURL"] == CLASSES[name]._get_schema()
    return built


def test_every_event_is_one_of_openlineage_s(events: list[dict[str, Any]]) -> None:
    for event in events:
        built = event_v2.RunEvent(
            eventType=event_v2.RunState(event["eventType"]),
            eventTime=event["eventTime"],
            producer=event["producer"],
            run=event_v2.Run(event["run"]["runId"], facets(event["run"]["facets"])),
            job=event_v2.Job(event["job"]["namespace"], event["job"]["name"], facets(event["job"]["facets"])),
            inputs=[
                event_v2.InputDataset(one["namespace"], one["name"], facets=facets(one["facets"]))
                for one in event["inputs"]
            ],
            outputs=[
                event_v2.OutputDataset(one["namespace"], one["name"], facets=facets(one["facets"]))
                for one in event["outputs"]
            ],
        )
        assert built.schemaURL == event["schemaURL"]
        assert Serde.to_dict(built)["run"]["runId"] == event["run"]["runId"]


def test_what_one_step_makes_the_next_reads(events: list[dict[str, Any]]) -> None:
    download, preprocess, train, evaluate, main = events
    assert download["inputs"] == [{"namespace": "s3://bucket", "name": "pets.zip", "facets": {}}]
    assert download["outputs"] == preprocess["inputs"]
    assert preprocess["outputs"] == train["inputs"]
    assert [*preprocess["outputs"], *train["outputs"]] == evaluate["inputs"]
    assert download["outputs"][0]["facets"]["version"]["datasetVersion"] == "p"
    for event in (download, preprocess, train, evaluate):
        assert event["run"]["facets"]["parent"]["run"]["runId"] == main["run"]["runId"]


def test_a_password_in_the_store_s_address_stays_out(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "postgresql://me:hunter2@db/mlflow")
    with mlflow.start_run() as run:
        pass
    (event,) = build_events(Lineage(download=MlflowClient(f"sqlite:///{store}/mlflow.db").get_run(run.info.run_id)))
    assert event["job"]["namespace"] == "mlflow:postgresql://db/mlflow"
    assert event["run"]["runId"] == run_uuid(run.info.run_id)
