"""Fetches the photos and keeps them as they came.

Reads   a source of photos (README, "Your own photos").
Writes  the artifact photos/: the archive, and manifest.json with its
        digest, origin and counts.
Run it  mlflow run . --env-manager uv -e download -P source=/path/to/photos.zip
"""

import tempfile
from pathlib import Path

import click

from pawprint.console.console import run_command
from pawprint.console.parameters import DownloadParameters
from pawprint.console.step import step


@step(DownloadParameters)
def download(given: DownloadParameters) -> None:
    """Fetch the photos and keep them as they came."""
    from pawprint.photos.collection import summarize_photos
    from pawprint.photos.sources import NO_LABELS, check_source, fetch_photos
    from pawprint.tracking.artifacts import open_photos
    from pawprint.tracking.descriptions import code, describe_run, format_count_table, link, list_lines
    from pawprint.tracking.digests import log_folder
    from pawprint.tracking.runs import start_step
    from pawprint.tracking.tags import set_tags

    labelled = given.labels != NO_LABELS
    check_source(given.source, labels=given.labels, labelled=labelled)
    with start_step() as run, open_photos() as resolve_uri, tempfile.TemporaryDirectory(prefix="pawprint-") as scratch:
        folder = Path(scratch) / "photos"
        manifest = fetch_photos(
            given.source,
            folder,
            keep_photos=given.keep_photos,
            resolve_uri=resolve_uri,
            labels=given.labels,
            labelled=labelled,
        )
        summary = summarize_photos(folder)
        log_folder(folder, "photos")
        set_tags(
            source=manifest.source,
            source_fallback=manifest.explain_fallback(),
            photos_sha256=manifest.sha256,
            labels_sha256=manifest.labels_sha256,
            labels=manifest.labels,
        )
        describe_run(
            f"Photos from {code(manifest.source)}, kept as {link(f'runs:/{run.info.run_id}/photos')}.",
            f"sha256 {code(manifest.sha256)}",
            format_count_table(manifest.counts),
            *(f"Not from {code(f['source'])}: {code(f['reason'])}" for f in manifest.fallback),
            list_lines(summary),
        )
    click.echo("\n".join(summary))


if __name__ == "__main__":
    run_command(download)
