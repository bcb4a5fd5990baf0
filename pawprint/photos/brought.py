"""What comes along with photos from a bucket or the Hub: tables, index files and annotations beside them."""

COMPANION_SUFFIXES = (
    *(".csv", ".tsv", ".tab", ".txt", ".data", ".lst", ".list", ".dat", ".json", ".jsonl", ".ndjson", ".parquet"),
    *(".mat", ".xml", ".yaml", ".yml", ".xlsx", ".cls", ".names"),
)


def comes_along(member: str) -> bool:
    """Return whether a file that is no photo is fetched all the same, as it may say something of the photos.

    >>> comes_along("labels.CSV"), comes_along("model.safetensors")
    (True, False)
    """
    return member.lower().endswith(COMPANION_SUFFIXES)
