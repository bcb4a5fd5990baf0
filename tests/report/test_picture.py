from types import SimpleNamespace
from xml.etree import ElementTree

import mlflow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pawprint.report.graph import Lineage
from pawprint.report.picture import _Box, _quote_dot, _ticks, draw_curves, draw_lineage, run_url, write_dot


def test_a_chain_with_nothing_known_is_still_a_picture() -> None:
    picture = ElementTree.fromstring(draw_lineage(Lineage()))  # noqa: S314 - drawn here
    assert "not known" in "".join(picture.itertext())


@pytest.mark.parametrize(
    ("store", "server"),
    [
        ("https://me:pa55word@host.test/mlflow/", "https://host.test/mlflow"),
        ("postgresql://me:pa55word@host.test/runs", "http://127.0.0.1:5000"),
    ],
)
def test_a_link_to_a_run_holds_no_password(monkeypatch: pytest.MonkeyPatch, store: str, server: str) -> None:
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: store)
    run = SimpleNamespace(info=SimpleNamespace(experiment_id="7", run_id="ab12"))
    assert run_url(run) == f"{server}/#/experiments/7/runs/ab12"


@given(st.floats(0, 1e4), st.floats(1e-3, 1e4))
def test_ticks_enclose_their_values_and_are_few(low: float, span: float) -> None:
    ticks = _ticks(low, low + span)
    assert ticks[0] <= low + 1e-6
    assert ticks[-1] >= low + span - 1e-6
    assert 2 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_curves_show_each_repeat(epochs: int) -> None:
    history = [{"train_loss": 1 / n, "validation_loss": 2 / n} for n in range(1, epochs + 1)]
    chart = ElementTree.fromstring(draw_curves([history, history], "loss", title="a < b"))  # noqa: S314 - drawn here
    shapes = [one for one in chart if one.tag in {"polyline", "circle"}]
    assert len(shapes) == 4


def test_without_validation_there_are_training_curves_alone() -> None:
    chart = draw_curves([[{"train_loss": 1.0}, {"train_loss": 0.5}]], "loss", title="loss")
    assert chart.count("<polyline") == 1
    assert draw_curves([[{}]], "accuracy", title="accuracy") == ""


def test_a_graph_s_labels_hold_any_text() -> None:
    assert _quote_dot(_Box("source", ('C:\\my "photos"', "second"))) == r'"source\nC:\\my \"photos\"\nsecond"'
    assert write_dot(Lineage()).count("->") == 2
