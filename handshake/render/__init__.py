"""One report, many formats: each format is one file with `render(report, out, terminal)`."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, TextIO, cast

from handshake.model.report import Report
from handshake.render.terminal import Terminal

FORMATS = ("table", "summary", "ladder", "json", "jsonl", "csv")
"""Names of the formats; each is the module of that name in this package, imported when asked for."""


class Renderer(Protocol):
    """Draws a report on a text stream."""

    def __call__(self, report: Report, out: TextIO, terminal: Terminal) -> None:
        """Write the whole report to `out`, as far as `terminal` can show it."""


def renderer(name: str) -> Renderer:
    """The renderer of a format in `FORMATS`; KeyError for any other name."""
    if name not in FORMATS:
        raise KeyError(name)
    return cast(Renderer, import_module(f"handshake.render.{name}").render)
