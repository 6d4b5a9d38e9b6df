"""Lines and wrapped paragraphs of styled text on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from handshake.render.terminal import Terminal

Span = str | tuple[str, str]
"""A piece of text, with its style if it has one: `("refused", "red")`."""

LABEL = 10
"""Columns of the label in front of a field."""


class Page:
    """Writes to one stream; text arrives unescaped and leaves as the terminal can show it."""

    def __init__(self, out: TextIO, terminal: Terminal) -> None:
        self.out = out
        self.terminal = terminal
        self._label = ""

    def line(self, *spans: Span) -> None:
        """One line as it is, spans one after the other."""
        self._label = ""
        self.out.write("".join(self.styled(span) for span in spans).rstrip() + "\n")

    def styled(self, span: Span) -> str:
        """A span made safe and painted."""
        text, style = (span, "") if isinstance(span, str) else span
        return self.terminal.paint(self.terminal.say(text), style)

    def cell(self, text: str, width: int, style: str = "") -> str:
        """A span made safe, cut to at most `width` columns, padded to it and painted."""
        return self.terminal.paint(self.cut(text, width).ljust(width), style)

    def cut(self, text: str, width: int, *, middle: bool = False) -> str:
        """Text made safe; where it is wider than `width` columns, its end or middle becomes an ellipsis."""
        text = self.terminal.say(text)
        if len(text) <= width:
            return text
        dots = self.terminal.say("…")[:width]
        kept = width - len(dots)
        tail = kept // 2 if middle else 0
        return text[: kept - tail] + dots + text[len(text) - tail :]

    def paragraph(self, *spans: Span, indent: int = 0, first: str = "") -> None:
        """Spans wrapped to the terminal's width, `indent` columns from the left; `first` fills the first indent."""
        self._label = ""
        self._paragraph(spans, indent, first)

    def field(self, label: str, *spans: Span) -> None:
        """A paragraph behind a label; the same label is not repeated on the next field."""
        shown = "" if label == self._label else label
        self._label = label
        self._paragraph(spans, LABEL, self.cell(shown, LABEL, "dim"))

    def _paragraph(self, spans: tuple[Span, ...], indent: int, first: str) -> None:
        margin = first.ljust(indent)
        for line in self._wrapped(spans, max(self.terminal.width - indent, 16)):
            self.out.write(f"{margin}{line}".rstrip() + "\n")
            margin = " " * indent

    def _wrapped(self, spans: tuple[Span, ...], width: int) -> Iterator[str]:
        line, used = "", 0
        for word, style in self._words(spans, width):
            if used and used + 1 + len(word) > width:
                yield line
                line, used = "", 0
            if used:
                line, used = line + " ", used + 1
            line += self.terminal.paint(word, style)
            used += len(word)
        yield line

    def _words(self, spans: tuple[Span, ...], width: int) -> Iterator[tuple[str, str]]:
        """Words with their style, those longer than a line cut into pieces that fit; "" for an extra space."""
        for span in spans:
            text, style = (span, "") if isinstance(span, str) else span
            for word in self.terminal.say(text).split(" "):
                for start in range(0, max(len(word), 1), width):
                    yield word[start : start + width], style
