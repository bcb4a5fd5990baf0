"""Check whether many runs in one store leave files behind or get slower.

    python -m tools.soak --runs 50

Runs the whole chain on a few drawn photos, each time anew (`cache=off`), in the same store, and prints for each run
its time and the processor's, the most open files and memory of the step `main`, and the size of the store, of the
download cache and of what lies in TMPDIR; then the first runs against the last. A folder of MLflow's launcher, which it
makes for each `mlflow run` and never removes, is counted apart from those of this project.
"""

import argparse
import contextlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.processes import ROOT, project_environment

WORDS = {
    "source": "synthetic:60:0",
    "train_images": 0,
    "test_images": 0,
    "image_size": 32,
    "epochs": 1,
    "cache": "off",
}


@dataclass(frozen=True)
class Seen:
    """The time and memory of a run, and the files on disk after it.

    Attributes:
        seconds: duration of the run.
        busy: CPU seconds of all its processes; other load on the machine affects them less.
        open_files: most open files of `steps.main`.
        megabytes: most memory of `steps.main`, in megabytes.
        store: size of the tracking store and its artifacts in megabytes.
        cache: size of the download cache in megabytes.
        left: number of files and folders in TMPDIR.
    """

    seconds: float
    busy: float
    open_files: int
    megabytes: float
    store: float
    cache: float
    left: int


def main() -> None:
    """Run the project several times and print the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=50)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seen = []
        for number in range(runs):
            seen.append(run_once(folder))
            print(f"{number + 1:3}: {format_seen(seen[-1])}", flush=True)
        report(seen, folder / "tmp")


def run_once(folder: Path) -> Seen:
    """Run the project once from a folder, and return the measurements."""
    for name in ("tmp", "caller"):
        (folder / name).mkdir(exist_ok=True)
    surroundings = project_environment(folder, TMPDIR=str(folder / "tmp"), PAWPRINT_CACHE=str(folder / "cache"))
    words = [word for name, value in WORDS.items() for word in ("-P", f"{name}={value}")]
    started, busy = time.perf_counter(), children_seconds()
    launcher = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *words],
        cwd=folder / "caller",
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    open_files, memory = 0, 0.0
    while launcher.poll() is None:
        files, megabytes = watch(launcher.pid)
        open_files, memory = max(open_files, files), max(memory, megabytes)
        time.sleep(0.5)
    if launcher.returncode != 0:
        sys.exit(f"a run failed with {launcher.returncode}")
    seconds = time.perf_counter() - started
    store = sum(measure(folder / name) for name in ("mlflow.db", "mlruns", "caller"))
    left = sum(1 for _ in (folder / "tmp").rglob("*"))
    return Seen(seconds, children_seconds() - busy, open_files, memory, store, measure(folder / "cache"), left)


def children_seconds() -> float:
    """Return the CPU seconds of all ended children of this process, and of their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watch(pid: int) -> tuple[int, float]:
    """Return the open files and the megabytes of `steps.main` under a launcher; zeros if it is not running."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.cmdline()[1:3] == ["-m", "steps.main"]:
                    return process.num_fds(), process.memory_info().rss / 2**20
    return 0, 0.0


def measure(path: Path) -> float:
    """Return the megabytes of a file, or of all files under a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**20


def format_seen(seen: Seen) -> str:
    """Return the measurements of a run as a line."""
    return (
        f"{seen.seconds:.1f} s, processor {seen.busy:.1f} s; main: {seen.open_files} open files, "
        f"{seen.megabytes:.0f} MiB; "
        f"store {seen.store:.1f} MiB, cache {seen.cache:.1f} MiB, {seen.left} left in TMPDIR"
    )


def report(seen: list[Seen], scratch: Path) -> None:
    """Print the last ten runs compared with the first ten, without the very first, which fills caches."""
    some = max(1, min(10, (len(seen) - 1) // 2))
    first, last = seen[1 : 1 + some] or seen, seen[-some:]
    for name in ("seconds", "busy", "open_files", "megabytes"):
        before, after = (statistics.median(getattr(one, name) for one in group) for group in (first, last))
        print(f"{name}: {before:.1f} at the beginning, {after:.1f} at the end ({after / before - 1:+.1%})")
    for name in ("store", "cache", "left"):
        grown = (getattr(seen[-1], name) - getattr(seen[0], name)) / max(1, len(seen) - 1)
        print(f"{name}: grows by {grown:.2f} a run")
    kinds: Counter[str] = Counter()
    for path in scratch.iterdir():
        ours = path.name.startswith("pawprint-")
        kinds["pawprint's" if ours else "of MLflow's launcher" if path.name.startswith("tmp") else path.name] += 1
    print("left in TMPDIR:", ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "nothing")


if __name__ == "__main__":
    main()
