"""An object store on 127.0.0.1 that answers as Google's (and Amazon's) XML interface does, and as Azure's."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.servers import answering

DATE = "Mon, 07 Oct 2024 10:00:00 GMT"
PAGE = 3
"""Objects in one answer of a list, so that every list has several."""


@dataclass
class Store:
    """Buckets of objects.

    Attributes:
        objects: Bytes by `bucket/key`.
        asked: Method and path of each request.
        headers: Of each request.
        refusals: Status codes of the next answers to requests for an object's bytes; 0 for none.
        cuts: After how many bytes the next answers with an object's bytes end.
        url: Where it answers; Azure's account is a folder of it.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(f"{handler.command} {handler.path}")
        self.headers.append(dict(handler.headers.items()))
        path = unquote(urlsplit(handler.path).path).lstrip("/").removeprefix("account/")
        query = {name: values[0] for name, values in parse_qs(urlsplit(handler.path).query).items()}
        if "list-type" in query or query.get("comp") == "list":
            self._list(handler, path, query)
        elif path not in self.objects:
            _send(handler, 404)
        elif handler.command == "GET" and self.refusals and (status := self.refusals.pop(0)):
            _send(handler, status)
        else:
            self._give(handler, path)

    def etag(self, path: str) -> str:
        return f'"{hashlib.md5(self.objects[path], usedforsecurity=False).hexdigest()}"'

    def _give(self, handler: BaseHTTPRequestHandler, path: str) -> None:
        data, etag = self.objects[path], self.etag(path)
        if handler.headers.get("If-Match") not in {None, etag}:
            _send(handler, 412)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        headers = {"ETag": etag, "Last-Modified": DATE, "x-ms-blob-type": "BlockBlob"}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = self.cuts.pop(0) if self.cuts and handler.command == "GET" else len(data)
        _send(handler, 206 if wanted else 200, data[start:], cut=cut, **headers)

    def _list(self, handler: BaseHTTPRequestHandler, bucket: str, query: dict[str, str]) -> None:
        prefix = f"{bucket}/{query.get('prefix', '')}"
        names = sorted(path for path in self.objects if path.startswith(prefix))
        after = query.get("continuation-token") or query.get("marker") or ""
        names = [name for name in names if name > after]
        page, more = names[:PAGE], names[PAGE:]
        following = page[-1] if more else ""
        items = [(escape(name.partition("/")[2]), len(self.objects[name]), escape(self.etag(name))) for name in page]
        if "comp" in query:
            blobs = "".join(
                f"<Blob><Name>{name}</Name><Properties><Last-Modified>{DATE}</Last-Modified><Etag>{etag}</Etag>"
                f"<Content-Length>{size}</Content-Length><Content-Type>x</Content-Type></Properties></Blob>"
                for name, size, etag in items
            )
            text = f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{escape(following)}</NextMarker>"
            text += "</EnumerationResults>"
        else:
            contents = "".join(
                f"<Contents><Key>{name}</Key><LastModified>2024-10-07T10:00:00.000Z</LastModified><ETag>{etag}</ETag>"
                f"<Size>{size}</Size></Contents>"
                for name, size, etag in items
            )
            text = f"<ListBucketResult>{contents}"
            if following:
                text += f"<NextContinuationToken>{escape(following)}</NextContinuationToken>"
            text += "</ListBucketResult>"
        _send(handler, 200, text.encode())


def _send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", *, cut: int | None = None, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(body[:cut])
    handler.close_connection = True


@contextmanager
def storing() -> Iterator[Store]:
    store = Store()
    with answering(store.answer) as url:
        store.url = url
        yield store
