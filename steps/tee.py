"""Whatever this process and its children write to the console is also kept, and reaches the console as it did before.

They write to the file descriptors 1 and 2, so these are led through a thread of this process. Where they are a
terminal, what they are led through is one too: progress bars ask for that, and a pipe would take them away.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from steps.transcript import Transcript

_BLOCK = 65536
_LEFT_BEHIND_SECONDS = 2.0
"""How long output is waited for that a child which outlives this process might still write."""


@contextmanager
def tee_console() -> Iterator[Transcript]:
    """Keep what is written to stdout and stderr while the block runs, by any process that inherits them.

    Where that can't be (no pseudo-terminals here, none left), the transcript stays empty and nothing else is changed.
    """
    transcript, lock = Transcript(), threading.Lock()

    def keep(data: bytes) -> None:
        with lock:
            transcript.feed(data)

    with ExitStack() as led:
        # stdout and stderr that are the same file share a channel, or their order would be lost.
        channels = [(1, 2)] if _same_file(1, 2) else [(1,), (2,)]
        for descriptors in channels:
            # A terminal of a system without pseudo-terminals, or too many of them open: the console matters more.
            with contextlib.suppress(OSError, ImportError):
                led.enter_context(_lead(descriptors, keep))
        yield transcript


@contextmanager
def _lead(descriptors: tuple[int, ...], keep: Callable[[bytes], None]) -> Iterator[None]:
    """Lead descriptors that are one file through a thread that copies."""
    with ExitStack() as closing:
        console = os.dup(descriptors[0])
        closing.callback(os.close, console)
        source, sink = _open_terminal(console, closing) if os.isatty(console) else os.pipe()

        def copy() -> None:
            heard = True
            # A pseudo-terminal that nobody holds any more ends in an error, a pipe in nothing.
            with contextlib.suppress(OSError):
                while data := os.read(source, _BLOCK):
                    keep(data)
                    heard = heard and _write(console, data)
            os.close(source)

        thread = threading.Thread(target=copy, daemon=True, name="tee")
        _flush()
        for descriptor in descriptors:
            os.dup2(sink, descriptor)
        os.close(sink)
        thread.start()
        try:
            yield
        finally:
            _flush()
            for descriptor in descriptors:
                os.dup2(console, descriptor)
            thread.join(_LEFT_BEHIND_SECONDS)
            if thread.is_alive():
                closing.pop_all()  # it still copies for a child that lives on: the console stays open for it


def _open_terminal(console: int, closing: ExitStack) -> tuple[int, int]:
    """Open a pseudo-terminal as wide and high as the console, which follows it from then on."""
    import fcntl
    import termios
    import tty

    source, sink = os.openpty()
    tty.setraw(sink)  # what is written comes out as it is: the console itself turns \n into what it needs

    def follow_size(*_: object) -> None:
        with contextlib.suppress(OSError):  # a console that is gone has no size
            fcntl.ioctl(source, termios.TIOCSWINSZ, fcntl.ioctl(console, termios.TIOCGWINSZ, b"\0" * 8))

    follow_size()
    closing.callback(signal.signal, signal.SIGWINCH, signal.signal(signal.SIGWINCH, follow_size))
    return source, sink


def _write(console: int, data: bytes) -> bool:
    """Write to the console; returns whether anybody is there: a reader that went away must not end the run."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(console, view) :]
    except OSError:
        return False
    return True


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(one, other)
    except OSError:  # closed, as a service may start it
        return False


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it, or it is closed
            stream.flush()
