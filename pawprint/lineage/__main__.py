"""`python -m pawprint.lineage`: show, verify, replay and diff runs."""

from pawprint.report.__main__ import run

if __name__ == "__main__":
    run()
