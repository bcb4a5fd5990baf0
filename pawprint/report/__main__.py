"""The command `python -m pawprint.lineage`: show, verify, compare and repeat the chain behind a model."""

import json
import logging
import os
import sys

import click

from pawprint.base.errors import UserError, one_line
from pawprint.base.secrets import hide_secrets

TARGET = click.argument("target")
_HELP = "TARGET: a run id, models:/<id>, models:/<name>@<alias>, runs:/<run id>/dataset or runs:/<run id>/photos."


@click.group()
@click.option("--tracking-uri", help="The tracking server or store; MLflow's own settings unless given.")
def lineage(tracking_uri: str | None) -> None:
    """Walk and prove the chain behind a model: which photos, which code, which environment."""
    if not sys.stderr.isatty():
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    if tracking_uri:
        mlflow.set_tracking_uri(tracking_uri)


@lineage.command(epilog=_HELP)
@TARGET
@click.option("--json", "form", flag_value="json", help="As data instead of a tree.")
@click.option("--svg", "form", flag_value="svg", help="As a picture.")
@click.option("--dot", "form", flag_value="dot", help="As a graph for Graphviz.")
def show(target: str, form: str | None) -> None:
    """Show the chain as a tree, the newest on top."""
    from pawprint.report.graph import find_lineage
    from pawprint.report.picture import draw_lineage, write_dot
    from pawprint.report.tree import describe_lineage, format_lineage

    found = find_lineage(target)
    if form == "json":
        click.echo(json.dumps(describe_lineage(found), indent=2))
    else:
        click.echo({None: format_lineage, "svg": draw_lineage, "dot": write_dot}[form](found))


@lineage.command(epilog=_HELP)
@TARGET
def verify(target: str) -> None:
    """Read every artifact of the chain again and check digest against digest; exit code 1 if a link is broken."""
    from pawprint.report.graph import find_lineage
    from pawprint.report.verify import verify_lineage

    broken = 0
    for check in verify_lineage(find_lineage(target)):
        click.echo(f"{'BROKEN' if check.damage else 'ok    '} {check.link}")
        for line in check.damage:
            click.echo(f"       {line}")
        broken += bool(check.damage)
    if broken:
        raise UserError(f"{broken} links of the chain are broken")
    click.echo("every link of the chain holds")


@lineage.command()
@click.argument("first")
@click.argument("second")
def diff(first: str, second: str) -> None:
    """Show what differs between two runs of main, and whether their results differ by more than chance."""
    from pawprint.report.compare import format_difference
    from pawprint.report.graph import find_lineage

    click.echo(format_difference(find_lineage(first), find_lineage(second)))


@lineage.command(epilog=_HELP)
@TARGET
@click.option("--run", "run_it", is_flag=True, help="Run it, in a fresh clone, and compare what comes out.")
@click.option("--env-manager", default="uv", show_default=True, help="Of MLflow, for --run.")
def replay(target: str, run_it: bool, env_manager: str) -> None:
    """Print the command that makes a model again; with --run, make it and compare."""
    from pawprint.report.replay import compare_runs, find_main, format_command, replay_main

    main = find_main(target)
    if not run_it:
        click.echo(format_command(main))
        return
    again = replay_main(main, env_manager=env_manager)
    same, differences = compare_runs(main, again)
    click.echo("\n".join(differences))
    if not same:
        raise UserError(f"run {again.info.run_id} did not come out as run {main.info.run_id} did")
    click.echo(f"identical: run {again.info.run_id} is run {main.info.run_id} again")


@lineage.command()
@click.option("--all-hosts", is_flag=True, help="Also runs of other machines, and those that never reached our code.")
@click.option(
    "--older-than",
    type=click.FloatRange(min=1),
    default=1,
    show_default=True,
    metavar="HOURS",
    help="Without a sign of life, for --all-hosts.",
)
@click.option("--dry-run", is_flag=True, help="Only list them.")
def reap(all_hosts: bool, older_than: float, dry_run: bool) -> None:
    """Mark as KILLED the runs that are RUNNING for ever because their process was killed.

    Of this machine those of yours whose process is gone, in every experiment.
    """
    from mlflow import MlflowClient

    from pawprint.tracking.orphans import describe_orphan, find_all_orphans, find_own_orphans, mark_orphan

    found = 0
    for experiment in MlflowClient().search_experiments():
        number = experiment.experiment_id
        for orphan in find_all_orphans(number, hours=older_than) if all_hosts else find_own_orphans(number):
            click.echo(describe_orphan(orphan))
            if not dry_run:
                mark_orphan(orphan)
            found += 1
    click.echo(f"{found} {'found' if dry_run else 'marked KILLED'}")


@lineage.command()
@click.argument("run_id", required=False)
def deliver(run_id: str | None) -> None:
    """Deliver what was kept of trainings whose tracking server was away; all of them unless RUN_ID names one.

    To the server that each was started with, unless --tracking-uri or MLFLOW_TRACKING_URI names another.
    """
    import mlflow

    from pawprint.tracking.deliveries import deliver, kept_address, list_undelivered
    from pawprint.tracking.server import retry_for_minutes

    retry_for_minutes()
    chosen = mlflow.is_tracking_uri_set()
    waiting = [run_id] if run_id else list_undelivered()
    for one in waiting:
        if not chosen and one in list_undelivered():
            mlflow.set_tracking_uri(kept_address(one))
        click.echo(deliver(one))
    if not waiting:
        click.echo("nothing waits to be delivered")


def run() -> None:
    """Run the command; a user error gives one line on stderr and exit code 1."""
    from pawprint.tracking.scratch import use_scratch

    try:
        with use_scratch():
            lineage.main(prog_name="python -m pawprint.lineage", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(130)
    except Exception as error:
        from pawprint.tracking.errors import explain_store

        message = error if isinstance(error, UserError) else explain_store(error)
        if message is None:
            raise
        sys.stdout.flush()
        click.echo(f"error: {hide_secrets(one_line(message))}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    run()
