"""What the output can show: how wide it is, whether it takes colour, whether it takes more than ASCII.

Everything that reaches a terminal goes through `Terminal.say`: it makes control bytes and bidirectional
overrides visible (a capture is hostile) and gives symbols their ASCII twins where the terminal needs them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from textwrap import wrap
from typing import TextIO
from unicodedata import east_asian_width

from handshake.model.record import dataclass

PIPE_WIDTH = 100
"""Columns assumed when nobody tells: a pipe or a file."""

_TWINS = str.maketrans({
    "→": "->", "▶": ">", "◀": "<", "─": "-", "╌": ".", "·": "|", "×": "x", "…": "...", "–": "-", "—": "-",
    "✓": "*", "✗": "!", "↻": "~", "•": "+", "≥": ">=", "≤": "<=", "≠": "!=", "§": "section ", "“": '"', "”": '"',
    "µ": "u", "±": "+-", "’": "'", "‘": "'", "█": "#", "░": ":",
})  # fmt: skip

_STYLES = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36",
}  # fmt: skip


def escape(text: str) -> str:
    r"""Untrusted text made visible: control bytes, bidi overrides and lone surrogates as `\x1b` or `\u202e`.

    >>> print(escape("a\x1b[31mb"))
    a\x1b[31mb
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def wrapped(text: str, columns: int, most: int) -> list[str]:
    """Untrusted text made visible, in at most so many lines of so many columns; the rest is cut.

    >>> wrapped("one two three", 8, 1)
    ['one …']
    """
    text = escape(text[: columns * most * 2])
    if any(east_asian_width(char) in "WF" for char in text):
        columns //= 2
    return wrap(text, columns, max_lines=most, placeholder=" …")


@dataclass(frozen=True, slots=True)
class Terminal:
    """The reader's side of an output stream."""

    width: int = PIPE_WIDTH
    """Columns."""
    color: bool = False
    unicode: bool = True
    """False: only ASCII may be written."""
    interactive: bool = False
    """A person is looking: hints on what to do next are welcome."""
    verbosity: int = 0
    """-2 arrows and states alone, -1 quiet, 0 normal, 1 everything."""

    def say(self, text: str) -> str:
        """Text as this terminal can show it, safe to print. Do this before measuring and padding."""
        text = escape(text)
        if self.unicode or text.isascii():
            return text
        return text.translate(_TWINS).encode("ascii", "backslashreplace").decode()

    def paint(self, text: str, style: str) -> str:
        """Text in one or more styles (`bold red`), unchanged without colour. Do this after padding."""
        if not self.color or not text or not style:
            return text
        codes = ";".join(_STYLES[word] for word in style.split())
        return f"\x1b[{codes}m{text}\x1b[0m"


def terminal_of(stream: TextIO, environ: Mapping[str, str] = os.environ, verbosity: int = 0) -> Terminal:
    """Find out what a stream can show.

    Width: `COLUMNS`, else the terminal's own, else 100. Colour: a terminal that is not `dumb`; `NO_COLOR`
    (non-empty) forbids it and `FORCE_COLOR` demands it (no-color.org, force-color.org). Symbols: a UTF-8
    stream, unless `LC_ALL` says `C` or `POSIX`, where Python would write UTF-8 all the same (PEP 540).
    """
    interactive = stream.isatty()
    color = interactive and environ.get("TERM") != "dumb"
    if environ.get("FORCE_COLOR"):
        color = True
    if environ.get("NO_COLOR"):
        color = False
    plain_locale = environ.get("LC_ALL") in ("C", "POSIX")
    encoding = (stream.encoding or "ascii").lower().replace("-", "").replace("_", "")
    return Terminal(
        width=_width(interactive, environ),
        color=color,
        unicode=encoding in ("utf8", "utf8sig") and not plain_locale,
        interactive=interactive,
        verbosity=verbosity,
    )


def _width(interactive: bool, environ: Mapping[str, str]) -> int:
    columns = environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return int(columns)
    if not interactive:
        return PIPE_WIDTH
    return shutil.get_terminal_size((PIPE_WIDTH, 24)).columns
