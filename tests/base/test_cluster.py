"""Where work is sent: nowhere by default. With Ray: tests/e2e/test_cluster.py."""

import socket
from pathlib import Path

import click
import pytest

from pawprint.base import cluster
from pawprint.base.cluster import check_cluster, find_address, open_cluster
from pawprint.base.errors import UserError
from steps.main import main


def hide_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.importlib.util, "find_spec", lambda _: None)


def test_none_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_ray(monkeypatch)
    check_cluster("none")
    with open_cluster("none") as workers:
        assert workers is None


def test_without_ray_one_line_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_ray(monkeypatch)
    with (
        pytest.raises(UserError, match=r"cluster=auto needs Ray.* -r requirements-ray.txt") as refused,
        open_cluster("auto"),
    ):
        pass
    assert "\n" not in str(refused.value)
    (option,) = [option for option in main.params if option.name == "cluster"]
    with pytest.raises(click.BadParameter, match="needs Ray"):  # before any run starts
        option.type.convert("auto", option, None)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> int:
    """A port of 127.0.0.1 on which nothing listens; no cluster runs here."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / "ray").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_auto_is_the_variable_then_the_cluster_of_this_machine_then_one_of_its_own(
    port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find_address() is None
    written = tmp_path / "ray" / "ray_current_cluster"
    written.write_text(f"127.0.0.1:{port}\n")
    assert find_address() is None  # left behind by a cluster that was killed
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        written.write_text(address)
        assert find_address() == address
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert find_address() == "head:6379"


def test_an_address_where_no_cluster_is_is_one_line(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "check_cluster", lambda _: None)
    with (
        pytest.raises(UserError, match=rf"no Ray cluster answers at 127.0.0.1:{port}; expected"),
        open_cluster(f"127.0.0.1:{port}"),
    ):
        pass
