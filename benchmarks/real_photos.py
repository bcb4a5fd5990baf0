"""How good are the models on real photos? The numbers of the README's table.

    python benchmarks/real_photos.py /path/to/cat-and-dog.zip --architecture cnn --repeats 1

Runs `mlflow run . --env-manager local` in a temporary folder and prints every test metric that main logged, the
seconds of each step and the machine. Run it in the project's own environment (`make test` builds .venv).
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlflow import MlflowClient

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run the project and print what it logged."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="photos, as `-P source=`")
    parser.add_argument("--architecture", default="cnn")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        words = [word for name, value in vars(given).items() for word in ("-P", f"{name}={value}")]
        started = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "mlflow", "run", str(ROOT), "--env-manager", "local", *words],
            cwd=folder,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            check=True,
        )
        print(f"\n{time.monotonic() - started:.0f} s in all, {os.cpu_count()} cores, {platform.platform()}")
        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
        runs = client.search_runs(["0"], order_by=["attributes.start_time ASC"])
        print(runs[0].data.tags["pawprint.cpu"])
        for run in runs:
            print(
                f"{run.info.run_name:<12} {(run.info.end_time - run.info.start_time) / 1000:7.1f} s {run.info.status}"
            )
        for name, value in sorted(runs[0].data.metrics.items()):
            print(f"{name:<32} {value:.4f}")


if __name__ == "__main__":
    main()
