"""Where a report goes: the terminal, a pipe or a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TextIO

from handshake.errors import HandshakeError
from handshake.model.report import Report
from handshake.render import Format, renderer
from handshake.render.terminal import Terminal, terminal_of


def write_report(report: Report, form: Format, path: Path | None = None, verbosity: int = 0) -> None:
    """Draw the report on standard output, or into the file at `path`; raises as `write` does."""
    write(partial(renderer(form), report), path, verbosity)


def write(draw: Callable[[TextIO, Terminal], None], path: Path | None = None, verbosity: int = 0) -> None:
    """Draw on standard output, or into the file at `path`.

    Raises HandshakeError when the file cannot be written, and BrokenPipeError when the reader of a pipe has left.
    """
    if path is None:
        draw(sys.stdout, terminal_of(sys.stdout, verbosity=verbosity))
        sys.stdout.flush()
        return
    try:
        with path.open("w", encoding="utf-8") as out:
            draw(out, terminal_of(out, verbosity=verbosity))
    except OSError as error:
        raise HandshakeError(f"{path}: cannot write: {error.strerror}") from error


def say(message: str) -> None:
    """One line for the person at the terminal, on standard error."""
    sys.stderr.write(terminal_of(sys.stderr).say(f"handshake: {message}") + "\n")


@contextmanager
def waiting(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Within the block a terminal's standard error says what is being waited for; afterwards it is gone."""
    shown = "" if quiet or not sys.stderr.isatty() else terminal_of(sys.stderr).say(f"{text} … (Ctrl-C ends it)")
    sys.stderr.write(shown)
    sys.stderr.flush()
    try:
        yield
    finally:
        sys.stderr.write(f"\r{' ' * len(shown)}\r" if shown else "")
        sys.stderr.flush()
