"""Preprocess and predict on a Ray cluster of two nodes on this machine, one core each, also where one of them dies."""

import os
import shutil
import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from pawprint.base import cluster
from pawprint.base.cluster import Workers, open_cluster
from pawprint.base.errors import UserError
from pawprint.dataset import selection
from pawprint.dataset.decoding import USUAL
from pawprint.dataset.writer import write_dataset
from pawprint.photos.collection import PhotoCollection, load_photos
from pawprint.photos.sources import fetch_photos
from pawprint.serving import answers
from pawprint.serving.answers import Answerer, Asking, answer_on_cluster
from pawprint.serving.predictions import measure_every, predict_photos, write_predictions

os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # every server listens on 127.0.0.1 alone
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
ray = pytest.importorskip("ray", reason="Ray is an extra: requirements-dev.txt has it")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray leaves its processes' handles to the collector
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
]
SIDE = 32
CLASSES = ("cats", "dogs")


class Nodes:
    """A head without cores and two nodes of one core each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        for left in (2, 1, 0):
            try:
                self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
                break
            except Exception as error:  # a busy machine: Ray gives its agents fifteen seconds
                if not left:
                    pytest.skip(f"Ray does not start here: {error}")
        self.nodes: list[Any] = []
        self.complete()

    def complete(self) -> str:
        """Start what is missing of the two nodes, and return the address."""
        for _ in range(5):
            if len(self.nodes) < 2:
                with suppress(Exception):  # as above
                    self.nodes.append(self.cluster.add_node(num_cpus=1))
        if len(self.nodes) < 2:
            pytest.skip("Ray's nodes do not start here")
        self.cluster.wait_for_nodes()
        return str(self.cluster.address)

    def kill_one(self) -> None:
        self.cluster.remove_node(self.nodes.pop(), allow_graceful=False)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    started = Nodes()
    yield started
    started.cluster.shutdown()


@pytest.fixture(scope="module")
def workers(nodes: Nodes) -> Iterator[Workers]:
    with open_cluster(nodes.complete()) as connected:
        assert connected is not None
        yield connected


class Interrupted:
    """Workers, one node of which is killed after the first result."""

    def __init__(self, workers: Workers, nodes: Nodes) -> None:
        self.workers, self.nodes = workers, nodes

    def map(self, function: Callable[[Any], Any], slices: Iterable[Any], /) -> Iterator[Any]:
        for number, result in enumerate(self.workers.map(function, slices)):
            if number == 0 and len(self.nodes.nodes) == 2:
                self.nodes.kill_one()
            yield result


def ending_one_worker(function: Callable[[Any], Any], marker: Path, *, at: int) -> Callable[[Any], Any]:
    """Return a function that kills its process with SIGKILL, once, before it has worked on a slice for the `at`th time.

    It is defined in here so that it is sent whole: the workers have pawprint, and not the tests.
    """

    class Ending:
        def __init__(self) -> None:
            self.count = 0

        def __call__(self, each: Any) -> Any:
            self.count += 1
            if self.count == at and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return function(each)

    return Ending()


class EndingWorkers:
    """Workers, one of which is killed in the middle."""

    def __init__(self, workers: Workers, marker: Path) -> None:
        self.workers, self.marker = workers, marker

    def map(self, function: Callable[[Any], Any], slices: Iterable[Any], /) -> Iterator[Any]:
        return self.workers.map(ending_one_worker(function, self.marker, at=2), slices)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhotoCollection]:
    folder = tmp_path_factory.mktemp("cluster") / "photos"
    fetch_photos("synthetic:300:1", folder, keep_photos="copy", resolve_uri=Path)
    collection = load_photos(folder)
    yield collection
    for archive in collection._open.values():
        archive.close()


def write(photos: PhotoCollection, folder: Path, workers: Workers | None) -> dict[str, bytes]:
    write_dataset(
        photos,
        folder,
        image_size=SIDE,
        train_images=0,
        test_images=60,
        validation_fraction=0.2,
        seed=0,
        cluster=workers,
    )
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def alone(photos: PhotoCollection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The dataset that one machine makes."""
    return write(photos, tmp_path_factory.mktemp("alone") / "dataset", None)


def test_preprocess_makes_the_dataset_of_one_machine(workers, nodes, photos, alone, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(selection, "_SENT", 32)
    assert write(photos, tmp_path / "dataset", workers) == alone
    nodes.complete()
    assert write(photos, tmp_path / "node dies", Interrupted(workers, nodes)) == alone
    assert len(nodes.nodes) == 1
    nodes.complete()
    assert write(photos, tmp_path / "worker dies", EndingWorkers(workers, tmp_path / "killed")) == alone
    assert (tmp_path / "killed").exists()


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    from pawprint.models.cnn import build

    keras.utils.set_random_seed(0)
    path = tmp_path_factory.mktemp("network") / "network.keras"
    build(num_classes=len(CLASSES), image_size=SIDE, width=0.25).save(path)
    return path


@pytest.fixture(scope="module")
def tables(photos: PhotoCollection, network: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tables that one machine writes."""
    from pawprint.models.prediction import compile_network, load_network

    folder = tmp_path_factory.mktemp("tables")
    answer = compile_network(load_network(network), SIDE).outputs
    predict_photos(photos, answer, class_names=CLASSES, image_size=SIDE, folder=folder)
    return folder


def predict(photos: PhotoCollection, network: Path, workers: Workers, folder: Path) -> Path:
    folder.mkdir()
    answerer = Answerer(photos, lambda: network, Asking(len(CLASSES), SIDE, USUAL, measure_every(photos)))
    batches = answer_on_cluster(answerer, workers, folder.with_name("parts"))
    write_predictions(photos, batches, class_names=CLASSES, folder=folder, sets=None, decision=None)
    return folder


def assert_same_tables(folder: Path, expected: Path) -> None:
    assert (folder / "predictions.csv").read_bytes() == (expected / "predictions.csv").read_bytes()
    name = "predictions.parquet"
    assert parquet.read_table(folder / name).equals(parquet.read_table(expected / name))


def test_predict_writes_the_tables_of_one_machine(
    workers, nodes, photos, network, tables, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(answers, "SLICE", answers.BATCH)
    nodes.complete()
    ending = EndingWorkers(workers, tmp_path / "killed")
    assert_same_tables(predict(photos, network, ending, tmp_path / "worker dies"), tables)
    assert (tmp_path / "killed").exists()
    shutil.rmtree(tmp_path / "parts")
    nodes.complete()
    assert_same_tables(predict(photos, network, Interrupted(workers, nodes), tmp_path / "node dies"), tables)
    assert len(nodes.nodes) == 1


def test_a_slice_that_kills_every_worker_ends_in_one_line_and_users_errors_stay(workers, nodes, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "RETRIES", 1)
    nodes.complete()

    def end(each: int) -> int:
        if each == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return each

    def refuse(each: int) -> int:
        raise UserError(f"photo {each} has changed")

    with pytest.raises(UserError, match="photo 0 has changed"):
        list(workers.map(refuse, range(9)))
    with pytest.raises(UserError, match="ended its worker 2 times"):
        list(workers.map(end, range(9)))
    assert list(workers.map(lambda each: each * each, range(40))) == [each * each for each in range(40)]
