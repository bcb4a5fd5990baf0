"""Measure the served model: its speed compared with the bare network, and the parts of a cold start.

    python -m benchmarks.serving /path/to/photo.jpg

Starts `mlflow models serve --env-manager local` on the untrained layers of an architecture (they take as long as
trained ones), with requests of one photo each from 1, 8 and 32 clients at once: requests per second, median and 99th
percentile. Beside them the network alone on pixels in memory: as predict, evaluate and the served model call it
(compiled once), and layer by layer as Keras does when it is called. Then what a cold start is made of; with
`--environment` also a start in the environment of the model's requirements, built by uv (downloads, minutes) and
there already. On a machine that does other things besides, the processor's time says more than the clock's.
"""

import argparse
import base64
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import requests

from benchmarks.processes import apart, free_port, wait_for_answer

CLIENTS, REQUESTS = (1, 8, 32), 200


def main() -> None:
    """Time the network, the server and the start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path, help="a photo of the size that clients send")
    parser.add_argument("--architecture", default="cnn")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="with each number of clients")
    parser.add_argument("--environment", action="store_true", help="build an environment with uv, too")
    arguments = parser.parse_args()
    photo = arguments.photo.read_bytes()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = apart(log_apart, arguments.architecture, folder)
        store = f"sqlite:///{folder}/mlflow.db"
        for line in apart(time_network, store, uri, photo):
            print(line, flush=True)
        started = time.perf_counter()
        with serve(store, uri, "local") as address:
            first = ask(address, photo)
            cold = time.perf_counter() - started
            print(f"local: first answer {cold:.1f} s after the command, the request alone {first:.2f} s", flush=True)
            for clients in CLIENTS:
                print(time_server(address, photo, clients, arguments.requests), flush=True)
        for line in time_start(store, uri, arguments.photo):
            print(line, flush=True)
        if arguments.environment:
            for again in ("environment built", "environment there"):
                started = time.perf_counter()
                with serve(store, uri, "uv", MLFLOW_ENV_ROOT=str(folder / "environments")) as address:
                    ask(address, photo)
                    print(f"uv, {again}: first answer after {time.perf_counter() - started:.1f} s", flush=True)


def log_apart(architecture: str, folder: Path) -> str:
    """Log the model that is timed, and return its URI."""
    from benchmarks.untrained import log_untrained

    return log_untrained(architecture, folder).uri


def time_network(store: str, uri: str, photo: bytes) -> list[str]:
    """Return lines with the time of one photo and of a full batch, compiled and not, and of decoding."""
    import mlflow
    import numpy as np

    from pawprint.dataset.decode import decode_photo
    from pawprint.models.network_file import name_outputs
    from pawprint.models.prediction import BATCH, Answer, Compiled, compile_network
    from pawprint.tracking.models import open_photo_model

    mlflow.set_tracking_uri(store)
    lines = []
    with open_photo_model(uri) as model:
        compiled = compile_network(model.network, model.image_size)
        square = decode_photo(photo, model.image_size)
        eager = Compiled(lambda pixels: name_outputs(model.network(pixels.astype(np.float32), training=False)))
        ways: dict[str, Answer] = {"compiled": compiled, "layer by layer": lambda pixels: np.asarray(eager(pixels))}
        pixels = np.repeat(square[None], BATCH, axis=0)
        apart_by = np.abs(ways["compiled"](pixels) - ways["layer by layer"](pixels)).max()
        for name, answer in ways.items():
            for number in (1, BATCH):
                each, busy = _time(partial(answer, pixels[:number]), 320 // number + 5)
                lines.append(
                    f"bare network, {name}, {number} at once: {1000 * each:.1f} ms, {number / each:.0f} photos/s; "
                    f"processor time of a photo {1000 * busy / number:.1f} ms"
                )
        each, busy = _time(lambda: decode_photo(photo, model.image_size), 100)
        lines.append(f"decoding: {1000 * each:.1f} ms a photo, processor time {1000 * busy:.1f} ms")
        lines.append(f"largest difference between the two ways: {apart_by:.1e}")
    return lines


def _time(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Return the median seconds and the mean CPU seconds of a call, without the first."""
    work()
    seconds, busy = [], time.process_time()
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), (time.process_time() - busy) / times


@contextmanager
def serve(store: str, uri: str, manager: str, **variables: str) -> Iterator[str]:
    """Serve a model, and yield the address once it answers a ping."""
    port = free_port()  # a new port each time: a server that was just ended may still answer
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": store, **variables}
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "mlflow", "models", "serve", "-m", uri, "--env-manager", manager),
            *("-h", "127.0.0.1", "-p", str(port)),
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for_answer(server, f"{address}/ping")
        yield address
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=20)


def ask(address: str, photo: bytes) -> float:
    """Return the seconds of one request."""
    body = json.dumps({"dataframe_records": [{"image": base64.b64encode(photo).decode()}]})
    started = time.perf_counter()
    response = requests.post(
        f"{address}/invocations", data=body, headers={"Content-Type": "application/json"}, timeout=120
    )
    response.raise_for_status()
    return time.perf_counter() - started


def time_server(address: str, photo: bytes, clients: int, number: int) -> str:
    """Return a line with requests per second and latency for so many concurrent clients."""
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        seconds = sorted(pool.map(lambda _: ask(address, photo), range(number)))
    total = time.perf_counter() - started
    median, slow = (1000 * seconds[min(number - 1, int(number * share))] for share in (0.5, 0.99))
    return f"server, {clients:>2} clients: {number / total:.1f} requests/s, p50 {median:.0f} ms, p99 {slow:.0f} ms"


def time_start(store: str, uri: str, photo: Path) -> Iterator[str]:
    """Yield lines with the time of each part of a start, in order."""
    code = (
        "import time; t = [time.perf_counter()]; tick = lambda: t.append(time.perf_counter())\n"
        "import sys, mlflow.pyfunc, pandas; tick()\n"
        "import tensorflow, keras; tick()\n"
        "model = mlflow.pyfunc.load_model(sys.argv[1]); tick()\n"
        "photos = pandas.DataFrame({'image': [open(sys.argv[2], 'rb').read()]})\n"
        "model.predict(photos); tick(); model.predict(photos); tick()\n"
        "print(*(b - a for a, b in zip(t, t[1:])))\n"
    )
    names = ("import mlflow", "import TensorFlow and Keras", "load the model", "first photo", "second photo")
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", code, uri, str(photo)],
        env={**os.environ, "MLFLOW_TRACKING_URI": store},
        capture_output=True,
        text=True,
        check=True,
    )
    yield f"a process that loads the model and answers: {time.perf_counter() - started:.1f} s, of it"
    for name, seconds in zip(names, done.stdout.split(), strict=False):
        yield f"  {name}: {float(seconds):.2f} s"


if __name__ == "__main__":
    main()
