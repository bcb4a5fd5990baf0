"""How a step meets the person at the console: results on stdout, a user's mistake in one line, no traceback."""

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
    """SIGTERM came, or the terminal was closed: what a Ctrl-C does, with another exit code."""


def run_command(command: click.Command, *, keep_console: bool = False) -> None:
    """Runs a step's command and exits.

    Args:
        command: of the step.
        keep_console: under `mlflow run`, what a person saw becomes an artifact of the run, however it ended; the steps
            that this one starts add their lines.
    """
    run_id, path = os.environ.get("MLFLOW_RUN_ID"), read_handed_on("console")
    if path:
        sys.exit(_run_kept(command, Path(path)))
    if not keep_console or not run_id:
        _run(command)
        return
    from pawprint.tracking.scratch import use_scratch

    # What a killed one leaves, the next one clears.
    with use_scratch(), tempfile.TemporaryDirectory(prefix="pawprint-") as folder:
        kept = Path(folder, "console.txt")
        kept.touch()
        hand_on(console=str(kept))
        code = _run_kept(command, kept)
        _log_console(run_id, kept)
    sys.exit(code)


def _run_kept(command: click.Command, path: Path) -> int:
    """Runs a step's command, keeps what it says and returns its exit code."""
    with tee_console(path):
        try:
            _run(command)
        except SystemExit as error:
            return int(error.code or 0)
        except Exception:
            # Shown while it is still kept; Python itself would show it after that, and exit with 1 as well.
            traceback.print_exc()
            return 1
    return 0


def _log_console(run_id: str, path: Path) -> None:
    try:
        from pawprint.tracking.runs import log_console

        log_console(run_id, read_console(path))
    except Exception as error:  # whatever a store may raise: what was done is done, and no log may undo it
        click.echo(f"warning: what this run said could not be kept: {one_line(error)}", err=True)


def _run(command: click.Command) -> None:
    """Runs a step's command.

    It exits with 1 for a mistake that the message explains, with 2 for a bad parameter, with 130 or 143 where it was
    interrupted (SIGINT) or terminated (SIGTERM, or SIGHUP of a closed terminal): MLflow then ends the steps that it
    started, and the runs are KILLED.
    """
    signal.signal(signal.SIGTERM, _terminate)
    hang_up = getattr(signal, "SIGHUP", None)  # not on Windows
    if hang_up and signal.getsignal(hang_up) is signal.SIG_DFL:  # `nohup` has it ignored, and means it
        signal.signal(hang_up, _terminate)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for noisy in ("tensorflow", "matplotlib", "urllib3", "botocore", "alembic", "absl", "openlineage"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    # Progress bars are for terminals; in a log file MLflow's would fill pages.
    if not sys.stderr.isatty():
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    # Odd metadata in photos from strangers, of which Pillow warns, changes no pixel.
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
        # click makes an Abort of every KeyboardInterrupt.
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
    """Imports TensorFlow for whoever imports it next.

    It announces its oneDNN kernels on the process's own stderr, whatever TF_CPP_MIN_LOG_LEVEL says
    (tensorflow/tensorflow#100442), so that stream is set aside meanwhile, and shown if the import fails.
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
        with suppress(Exception):  # whatever a store may raise: the mistake itself is to be heard
            from pawprint.tracking.runs import tag_refusal

            tag_refusal(hide_secrets(message))
    _fail(str(mistake) if isinstance(mistake, ChoiceError) else message, code)


def _fail(message: str, code: int) -> None:
    # Whatever was printed before stands before it, though the two streams are buffered apart.
    sys.stdout.flush()
    click.echo(f"error: {hide_secrets(message)}", err=True)
    sys.exit(code)
