"""Run a step's command: results on stdout, user errors on one line without a traceback, exit codes for signals."""

import logging
import os
import signal
import sys
import tempfile
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

import click
from PIL import Image

from pawprint.base.errors import ChoiceError, SecretError, UserError, one_line
from pawprint.base.handover import hand_on, read_handed_on
from pawprint.base.secrets import hide_secrets
from pawprint.console.tee import read_console, tee_console


class TerminatedError(KeyboardInterrupt):
    """The process got SIGTERM, or SIGHUP from a closed terminal: handled like Ctrl-C, with another exit code."""


def run_command(command: click.Command, *, keep_console: bool = False) -> None:
    """Run a step's command and exit.

    Args:
        command: command of the step.
        keep_console: under `mlflow run`, log the console output as an artifact of the run, even if the run fails,
            with the output of the steps that this one starts.
    """
    run_id, path = os.environ.get("MLFLOW_RUN_ID"), read_handed_on("console")
    if path:
        sys.exit(_run_kept(command, Path(path)))
    if not keep_console or not run_id:
        _run(command)
        return
    from pawprint.tracking.scratch import use_scratch

    # The next process deletes the folder of a killed one.
    with use_scratch(), tempfile.TemporaryDirectory(prefix="pawprint-") as folder:
        kept = Path(folder, "console.txt")
        kept.touch()
        hand_on(console=str(kept))
        code = _run_kept(command, kept)
        _log_console(run_id, kept)
    sys.exit(code)


def _run_kept(command: click.Command, path: Path) -> int:
    """Run a step's command, append its output to a file, and return its exit code."""
    with tee_console(path):
        try:
            _run(command)
        except SystemExit as error:
            return int(error.code or 0)
        except Exception:
            # Print it before the output is no longer copied. Python would also exit with 1.
            traceback.print_exc()
            return 1
    return 0


def _log_console(run_id: str, path: Path) -> None:
    try:
        from pawprint.tracking.runs import log_console

        log_console(run_id, read_console(path))
    except Exception as error:  # any error of a store: a missing log must not make the run fail
        click.echo(f"warning: what this run said could not be kept: {one_line(error)}", err=True)


def _run(command: click.Command) -> None:
    """Run a step's command.

    It exits with 1 for an error that the message explains, with 2 for an invalid parameter, with 130 if interrupted
    (SIGINT) and with 143 if terminated (SIGTERM, or SIGHUP from a closed terminal). In the last two cases MLflow ends
    the steps that it started, and the runs are KILLED.
    """
    signal.signal(signal.SIGTERM, _terminate)
    hang_up = getattr(signal, "SIGHUP", None)  # not on Windows
    if hang_up and signal.getsignal(hang_up) is signal.SIG_DFL:  # under `nohup` it stays ignored
        signal.signal(hang_up, _terminate)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for noisy in ("tensorflow", "matplotlib", "urllib3", "botocore", "alembic", "absl", "openlineage"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # In a log file MLflow's progress bars would fill pages.
    if not sys.stderr.isatty():
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Pillow warns of odd metadata in photos, which does not change the pixels.
    warnings.filterwarnings("ignore", module="PIL")
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    try:
        command.main(standalone_mode=False)
    except click.ClickException as error:
        _refuse(error.format_message(), 2)
    except SecretError as error:
        from pawprint.tracking.deletion import delete_launched_run

        _fail(one_line(f"{error}; {delete_launched_run()}"), 2)
    except UserError as error:
        _refuse(error, 1)
    except (click.Abort, KeyboardInterrupt) as error:
        # click converts every KeyboardInterrupt to Abort.
        terminated = isinstance(error, TerminatedError) or isinstance(error.__cause__, TerminatedError)
        word, code = ("terminated", 143) if terminated else ("interrupted", 130)
        _fail(f"{word}; the same command again goes on from the steps that had finished", code)
    except Exception as error:
        from pawprint.tracking.errors import explain_store

        explained = explain_store(error)
        if explained is None:
            raise
        _fail(explained, 1)


def _terminate(*_: object) -> None:
    raise TerminatedError


def import_tensorflow_quietly() -> None:
    """Import TensorFlow without its messages; later imports find it loaded.

    TensorFlow announces its oneDNN kernels on the stderr of the process, whatever TF_CPP_MIN_LOG_LEVEL is
    (tensorflow/tensorflow#100442). So stderr is redirected during the import, and shown if the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only, from then on
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            import tensorflow  # noqa: F401
        except BaseException:
            aside.seek(0)
            os.write(kept, aside.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _refuse(mistake: Exception | str, code: int) -> None:
    message = one_line(mistake)
    if "MLFLOW_RUN_ID" in os.environ:
        with suppress(Exception):  # any error of a store: the user's mistake is more important
            from pawprint.tracking.runs import tag_refusal

            tag_refusal(hide_secrets(message))
    _fail(str(mistake) if isinstance(mistake, ChoiceError) else message, code)


def _fail(message: str, code: int) -> None:
    # The two streams have separate buffers; earlier output must come first.
    sys.stdout.flush()
    click.echo(f"error: {hide_secrets(message)}", err=True)
    sys.exit(code)
