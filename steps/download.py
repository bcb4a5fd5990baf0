"""Fetches the photos and keeps them as they came.

Reads   a source of photos (README, "Your own photos").
Writes  the artifact photos/: the archive, and manifest.json with its digest, origin and counts.
Run it  mlflow run . --env-manager uv -e download -P source=/path/to/photos.zip
"""

import tempfile
from pathlib import Path

import click

from steps import options
from steps.console import run_command
from steps.help import step_command


@step_command()
@options.source
@options.keep_photos
def download(source: str, keep_photos: str) -> None:
    """Fetch the photos and keep them as they came."""
    from pawprint.lineage.descriptions import code, describe_run, link, tell_counts
    from pawprint.lineage.digests import log_folder
    from pawprint.lineage.runs import start_step
    from pawprint.lineage.store.artifacts import open_photos
    from pawprint.lineage.tags import set_tags
    from pawprint.photos.left_out import tell_left_out
    from pawprint.photos.sources import fetch_photos

    with start_step() as run, open_photos() as resolve_uri, tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        folder = Path(scratch) / "photos"
        manifest = fetch_photos(source, folder, keep_photos=keep_photos, resolve_uri=resolve_uri)
        left_out = tell_left_out(manifest.ignored, manifest.ignored_names)
        log_folder(folder, "photos")
        set_tags(
            source=manifest.source,
            source_fallback=manifest.tell_fallback(),
            photos_sha256=manifest.sha256,
        )
        describe_run(
            f"Photos from {code(manifest.source)}, kept as {link(f'runs:/{run.info.run_id}/photos')}.",
            f"sha256 {code(manifest.sha256)}",
            tell_counts(manifest.counts),
            *(f"Not from {code(f['source'])}: {code(f['reason'])}" for f in manifest.fallback),
            *(f"Left out: {code(line)}" for line in left_out),
        )
    for split, classes in manifest.counts.items():
        click.echo(f"{split}: " + ", ".join(f"{count} {name}" for name, count in classes.items()))
    for line in left_out:
        click.echo(f"left out: {line}")


if __name__ == "__main__":
    run_command(download)
