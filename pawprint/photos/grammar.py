r"""Parse a `source`: alternatives, pairs of archives, and the kind of each place.

    source      = alternative { "," alternative }        (tried in order)
    alternative = place | split "=" place { "+" split "=" place }
    split       = "train" | "validation" | "test"
    place       = registered | "synthetic" [":" photos [":" seed]] | "kaggle:" (owner | "competitions") "/" slug
                | "hf:" owner "/" name ["@" revision] | "gdrive:" id | "http(s)://…" | "s3://…" | "gs://…" | "az://…"
                | "file://…" | "runs:/…" | path

A registered name (`registered.py`) stands for the place given there, the address of a dataset's page for the dataset.

A path may contain commas and pluses: of all ways to split it, the one with the longest existing path wins, and a plus
separates two archives only before `train=`, `validation=` or `test=`. In a URL, write a comma as `%2C`.
"""

import difflib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from pawprint.archives.members import ARCHIVE_SUFFIXES, SPLITS
from pawprint.base.errors import SecretError, UserError
from pawprint.base.files import local_path
from pawprint.base.secrets import find_secret
from pawprint.photos.registered import REGISTERED

NAMES = (*REGISTERED, "synthetic")
AZURE_SCHEMES = ("az", "abfss", "abfs", "wasbs", "wasb")
BUCKET_SCHEMES = ("s3", "gs", "gcs", *AZURE_SCHEMES)
SCHEMES = ("http", "https", *BUCKET_SCHEMES, "file")
FORMS = (
    f"a registered name ({', '.join(NAMES)}), kaggle:<owner>/<slug>, kaggle:competitions/<slug>, "
    "hf:<owner>/<name>, gdrive:<file id>, an http(s)://, s3://, gs:// or az:// URL, runs:/<run id>/photos, "
    "or the path of a folder, a zip or a tar"
)
WORDED = {
    "kaggle": (r"[\w-]+/[\w.-]+", "kaggle:<owner>/<slug>, or kaggle:competitions/<slug>"),
    "gdrive": (r"[\w-]{10,}", "gdrive:<file id>, the id within the share link .../file/d/<file id>/view"),
    "hf": (r"[\w.-]+/[\w.-]+(?:@[\w./-]+)?", "hf:<owner>/<name>, or hf:<owner>/<name>@<revision>"),
    "runs": (r"/[\w-]+/.+", "runs:/<run id>/photos"),
}
WEB_PAGES = (
    (r"https?://(?:www\.)?kaggle\.com/datasets/([\w-]+/[\w.-]+)(?:/data)?/?", r"kaggle:\1"),
    (r"https?://(?:www\.)?kaggle\.com/(?:c|competitions)/([\w-]+)(?:/\w+)?/?", r"kaggle:competitions/\1"),
    (r"https?://huggingface\.co/datasets/([\w.-]+/[\w.-]+)/?", r"hf:\1"),
    (r"https?://huggingface\.co/datasets/([\w.-]+/[\w.-]+)/tree/([\w.-]+)/?", r"hf:\1@\2"),
)
"""Addresses of pages that people copy, and the place each of them means."""
MOST_DRAWN_PHOTOS = 1_000_000


@dataclass(frozen=True)
class Place:
    """The place of one archive.

    Attributes:
        kind: "synthetic", "kaggle", "gdrive", "hf", "http", "bucket", "runs" or "path".
        text: The place as written; for a registered name, the place it stands for.
        split: The split of all its photos, if the source names it.
        licence: The licence of the photos, if the registered name gives it.
    """

    kind: str
    text: str
    split: str | None = None
    licence: str | None = None


@dataclass(frozen=True)
class Alternative:
    """One source of the list, as written, with its one place or the two or three places of a pair."""

    text: str
    places: tuple[Place, ...]


def parse_source(source: str) -> list[Alternative]:
    """Parse a `source` into its alternatives, in order.

    Raises:
        SecretError: It contains credentials or a signature.
        UserError: It is empty, misspelt, or of an unknown kind or scheme.
    """
    secret = find_secret(source)
    if secret is not None:  # checked before any message quotes the source
        raise SecretError(
            f"the source carries {secret}, which is written down wherever the source is: give credentials through "
            "netrc, the environment or the cloud's own chain, and take an address without a signature"
        )
    if not source.strip():
        raise UserError(f"source is empty; expected {FORMS}")
    pieces = source.split(",")
    alternatives = []
    start = 0
    while start < len(pieces):
        end = next(
            (end for end in range(len(pieces), start + 1, -1) if _exists(",".join(pieces[start:end]))),
            start + 1,
        )
        alternatives.append(_parse_alternative(",".join(pieces[start:end]).strip(), source))
        start = end
    return alternatives


def expand_path(text: str) -> Path:
    """Return the path that a place of kind "path" names, with `~` and `file://` resolved.

    >>> expand_path("file:///data/my%20photos.zip").as_posix()
    '/data/my photos.zip'
    """
    if text.startswith("file://"):
        # `file://~/pets` and `file:///~/pets` both mean the home.
        text = re.sub("^/~", "~", str(local_path(text.replace("file://~", "file:///~", 1))))
    return Path(text).expanduser()


def drawn_counts(text: str) -> tuple[int, int]:
    """Return the number of photos that `synthetic[:<photos>[:<seed>]]` draws, and the seed.

    >>> drawn_counts("synthetic"), drawn_counts("synthetic:500:7")
    ((2000, 0), (500, 7))

    Raises:
        UserError: The values are not whole numbers, or there are fewer than 2 or more than a million photos.
    """
    found = re.fullmatch(r"synthetic(?::(\d{1,9})(?::(\d{1,9}))?)?", text)
    if found is None:
        raise UserError(f"source {text!r} cannot be read: expected synthetic:<photos>[:<seed>], as synthetic:2000:0")
    photos, seed = int(found[1] or 2000), int(found[2] or 0)
    if not 2 <= photos <= MOST_DRAWN_PHOTOS:
        raise UserError(f"source {text!r}: {photos} photos cannot be drawn; expected 2 to {MOST_DRAWN_PHOTOS}")
    return photos, seed


def _parse_alternative(text: str, source: str) -> Alternative:
    if not text:
        raise UserError(f"source {source!r} has an empty place in its list; expected sources parted by single commas")
    if _path_exists(text) or not re.match(rf"({'|'.join(SPLITS)})=", text):
        return Alternative(text, (parse_place(text),))
    places = []
    for part in re.split(rf"\+(?=(?:{'|'.join(SPLITS)})=)", text):
        split, _, place = part.partition("=")
        places.append(parse_place(place.strip(), split))
    splits = [str(place.split) for place in places]
    if sorted(set(splits)) != sorted(splits) or not {"train", "test"} <= set(splits):
        raise UserError(
            f"source {text!r} names {', '.join(splits)}; expected train=<source>+test=<source>, each "
            "named once (validation=<source> may come with them)"
        )
    # Sorted, so that the digest of the photos does not depend on the order in which the pair was written.
    places.sort(key=lambda place: SPLITS.index(str(place.split)))
    return Alternative(text, tuple(places))


def parse_place(text: str, split: str | None = None) -> Place:
    """Parse the text of one place.

    >>> parse_place("https://www.kaggle.com/datasets/tongpython/cat-and-dog").text
    'kaggle:tongpython/cat-and-dog'

    Raises:
        UserError: The kind or the scheme is unknown, or the text is misspelt.
    """
    if text in REGISTERED:
        return replace(parse_place(REGISTERED[text].place, split), licence=REGISTERED[text].licence)
    for page, place in WEB_PAGES:
        if found := re.fullmatch(page, text):
            return parse_place(found.expand(place), split)
    if re.match(r"synthetic(:|$)", text):
        drawn_counts(text)
        return Place("synthetic", text, split, licence="drawn by pawprint: Apache-2.0, as the program")
    scheme, colon, rest = text.partition(":")
    # A single letter is a Windows drive. A file:// address is a URL even if a path of that name exists.
    if not colon or len(scheme) == 1 or (scheme != "file" and _path_exists(text)):
        return _parse_path(text, split)
    if scheme in WORDED:
        pattern, expected = WORDED[scheme]
        if re.fullmatch(pattern, rest) is None:
            raise UserError(f"source {text!r} cannot be read; expected {expected}")
        return Place(scheme, text, split)
    if rest.startswith("//"):
        return _parse_url(text, scheme, split)
    close = difflib.get_close_matches(scheme, ["synthetic", *WORDED], n=1)
    hint = f"did you mean {close[0]}:{rest}?" if close else f"expected {FORMS}"
    raise UserError(f"source {text!r} is of no kind known here, and no such path exists; {hint}")


def _parse_url(text: str, scheme: str, split: str | None) -> Place:
    if scheme not in SCHEMES:
        offered = ", ".join(f"{name}://" for name in SCHEMES)
        raise UserError(f"source {text!r}: {scheme}:// is not offered; the schemes that are: {offered}")
    if scheme == "file":
        if not text.startswith(("file:///", "file://localhost/", "file://~")):
            raise UserError(f"source {text!r} names no file on this machine; expected file:///<path>")
        return Place("path", text, split)
    try:
        url = urlsplit(text)
    except ValueError as error:
        raise UserError(f"source {text!r} is no URL ({error}); expected {scheme}://<host>/<path>") from error
    kind, owner = ("bucket", "bucket") if scheme in BUCKET_SCHEMES else ("http", "host")
    if not url.hostname:
        raise UserError(f"source {text!r} names no {owner}; expected {scheme}://<{owner}>/<path>")
    if kind == "bucket" and not url.path:
        raise UserError(
            f"source {text!r} names a bucket alone; expected an archive or a folder of photos in it, "
            f"{scheme}://{url.netloc}/<path>, or {scheme}://{url.netloc}/ for all that it holds"
        )
    return Place(kind, text, split)


def _parse_path(text: str, split: str | None) -> Place:
    if not text:
        raise UserError("source names a split without a place after the '='; expected train=<source>+test=<source>")
    looks_like_path = (
        "/" in text or "\\" in text or text.startswith(("~", ".")) or text.lower().endswith(ARCHIVE_SUFFIXES)
    )
    if looks_like_path or _path_exists(text):
        return Place("path", text, split)
    close = difflib.get_close_matches(text.lower().replace("_", "-"), NAMES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"expected {FORMS}; give an absolute path"
    raise UserError(f"source {text!r} is no registered name and no such path exists; {hint}")


def _path_exists(text: str) -> bool:
    try:
        return expand_path(text).exists()
    except (OSError, ValueError, RuntimeError):  # the name is too long, has a NUL, or an unknown user's home
        return False


def _exists(text: str) -> bool:
    """Return whether a text is an existing path, or a pair of existing paths; commas are part of the path."""
    parts = re.split(rf"\+(?=(?:{'|'.join(SPLITS)})=)", text.strip())
    named = [part.partition("=") for part in parts]
    if all(split in SPLITS for split, _, _ in named):
        return all(_path_exists(place.strip()) for _, _, place in named)
    return _path_exists(text.strip())
