"""Valid files, broken in every way that a disk, a network or a stranger breaks them, and fed to what reads them.

A moment each unless PAWPRINT_FUZZ_SECONDS says otherwise (`make fuzz`).
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

HANG_SECONDS = 30
EXTREMES = (
    *(b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\x01\0\0\0"),
    *(b"99999999999", b"-1", b"null", b"[]", b'"'),
)


@st.composite
def broken(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of the files after up to six edits: bytes changed, cut out, doubled, put in, or taken from another file."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = int(draw(st.floats(0, 1)) * len(data))
        kind = draw(st.sampled_from(["flip", "flip", "extreme", "cut", "end", "double", "insert", "splice"]))
        length = draw(st.integers(1, 64))
        if kind == "flip" and data:
            data[min(at, len(data) - 1)] ^= 1 << draw(st.integers(0, 7))
        elif kind == "extreme":
            value = draw(st.sampled_from(EXTREMES))
            data[at : at + len(value)] = value
        elif kind == "cut":
            del data[at : at + length]
        elif kind == "end":
            del data[at:]
        elif kind == "double":
            data[at:at] = data[at : at + length] * draw(st.integers(1, 3))
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == "splice":
            other = draw(st.sampled_from(seeds))
            start = int(draw(st.floats(0, 1)) * len(other))
            data[at:] = other[start:]
    return bytes(data)


def fuzz(read: Callable[[bytes], object], seeds: Sequence[bytes], *, errors: tuple[type[Exception], ...]) -> None:
    """Feed broken files to a reader until the time is over; anything that it raises but `errors` is a failure.

    Args:
        read: takes a file's bytes.
        seeds: valid files.
        errors: the reader's own, which say what is wrong.
    """
    ends = time.monotonic() + float(os.environ.get("PAWPRINT_FUZZ_SECONDS", "0.3"))
    tried = 0

    def hang(*_: object) -> None:
        raise AssertionError(f"one file takes more than {HANG_SECONDS} seconds")

    previous = signal.signal(signal.SIGALRM, hang)
    try:
        number = 0
        while time.monotonic() < ends:
            number += 1

            @seed(number)
            @settings(
                max_examples=200,
                database=None,
                deadline=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            )
            @given(broken(seeds))
            def attempt(data: bytes) -> None:
                nonlocal tried
                if tried and time.monotonic() > ends:
                    return
                tried += 1
                signal.alarm(HANG_SECONDS)
                try:
                    read(data)
                except errors as error:
                    assert str(error)
                finally:
                    signal.alarm(0)

            attempt()
    finally:
        signal.signal(signal.SIGALRM, previous)
    sys.stdout.write(f"{tried:,} files tried\n")
    assert tried
