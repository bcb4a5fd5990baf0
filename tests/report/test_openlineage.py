"""lineage.json, and the same events sent to a server."""

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from openlineage.client.serde import Serde

from pawprint.report.graph import Lineage, Training
from pawprint.report.openlineage import build_events, run_uuid, send_events


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
    built = build_events(
        Lineage(
            main=main,
            trainings=[Training(run("train", inside, model_digest="m"), model, [evaluated])],
            preprocess=run("preprocess", inside, dataset_digest="d"),
            download=run("download", inside, photos_sha256="p", source="s3://bucket/pets.zip"),
        )
    )
    return [Serde.to_dict(event) for event in built]


def test_every_event_has_the_words_of_the_specification(events: list[dict[str, Any]]) -> None:
    facets = "https://openlineage.io/spec/facets"
    for event in events:
        assert event["schemaURL"] == "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
        assert (event["producer"], event["eventType"]) == ("urn:pawprint", "COMPLETE")
        engine = event["run"]["facets"]["processing_engine"]
        assert (engine["_producer"], engine["name"]) == ("urn:pawprint", "mlflow")
        assert engine["_schemaURL"] == f"{facets}/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet"
        assert event["run"]["facets"]["executionParameters"]["parameters"] == [{"key": "seed", "value": "0"}]
        assert event["job"]["facets"]["sourceCodeLocation"]["version"] == "c" * 40


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server of OpenLineage events, and what it was sent."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            sent.append(json.loads(gzip.decompress(body) if self.headers.get("Content-Encoding") else body))
            self.send_response(201)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", sent
        server.shutdown()


def run_main(step: str = "main") -> str:
    with mlflow.start_run(tags={"mlflow.project.entryPoint": step}) as run:
        pass
    return str(run.info.run_id)


def test_events_go_to_the_server_that_is_named(
    store: Path, address: tuple[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, sent = address
    run_id = run_main()
    send_events(run_id)
    assert sent == []
    monkeypatch.setenv("OPENLINEAGE_URL", url)
    send_events(run_id)
    assert [(event["run"]["runId"], event["eventType"]) for event in sent] == [(run_uuid(run_id), "COMPLETE")]


def test_a_server_that_is_away_costs_a_line(
    store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("OPENLINEAGE_URL", f"http://me:hunter2@127.0.0.1:{taken.getsockname()[1]}")
        send_events(run_main())
    lines = [one.getMessage() for one in caplog.records if one.name == "pawprint.report.openlineage"]
    assert len(lines) == 1
    assert "the lineage could not be sent" in lines[0]
    assert "hunter2" not in lines[0]
    assert "\n" not in lines[0]


def test_what_one_step_makes_the_next_reads(events: list[dict[str, Any]]) -> None:
    download, preprocess, train, evaluate, main = events
    names = {
        (event["job"]["name"], way): [(one["namespace"], one["name"]) for one in event[way]]
        for event in events
        for way in ("inputs", "outputs")
    }
    assert names["pawprint.download", "inputs"] == [("s3://bucket", "pets.zip")]
    assert names["pawprint.download", "outputs"] == names["pawprint.preprocess", "inputs"]
    assert names["pawprint.preprocess", "outputs"] == names["pawprint.train", "inputs"]
    made = [*names["pawprint.preprocess", "outputs"], *names["pawprint.train", "outputs"]]
    assert made == names["pawprint.evaluate", "inputs"]
    assert download["outputs"][0]["facets"]["version"]["datasetVersion"] == "p"
    for event in (download, preprocess, train, evaluate):
        assert event["run"]["facets"]["parent"]["run"]["runId"] == main["run"]["runId"]


def test_a_password_in_the_store_s_address_stays_out(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "postgresql://me:hunter2@db/mlflow")
    with mlflow.start_run() as run:
        pass
    (event,) = build_events(Lineage(download=MlflowClient(f"sqlite:///{store}/mlflow.db").get_run(run.info.run_id)))
    assert event.job.namespace == "mlflow:postgresql://db/mlflow"
    assert event.run.runId == run_uuid(run.info.run_id)
