"""A table as comma-separated values, without its nested column: lists as words, times as UTC text."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, BinaryIO

from handshake.export.columns import Kind, Row, Table
from handshake.render.csv import harmless
from handshake.render.units import moment

_WORDS: dict[Kind, Callable[[Any], str]] = {
    Kind.TIME: moment,
    Kind.BOOL: lambda value: "true" if value else "false",
    Kind.TEXTS: "; ".join,
}


class CsvWriter:
    """Writes the header, then rows."""

    def __init__(self, file: BinaryIO, table: Table[Row]) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._csv = csv.writer(self._text, lineterminator="\n")
        self._kinds = [column.kind for column in table.columns]
        self._csv.writerow(column.name for column in table.columns if column.kind is not Kind.DETAILS)

    def write(self, columns: Sequence[Sequence[object]]) -> None:
        """Append the rows."""
        flat = [
            [_cell(kind, value) for value in column]
            for kind, column in zip(self._kinds, columns, strict=True)
            if kind is not Kind.DETAILS
        ]
        self._csv.writerows(zip(*flat, strict=True))

    def close(self) -> None:
        """Hand the rest to the file, which stays open."""
        self._text.detach()

    def abandon(self) -> None:
        """Let go of the file."""
        with suppress(OSError, ValueError):
            self._text.detach()


def _cell(kind: Kind, value: Any) -> str | int | None:
    words = _WORDS.get(kind)
    shown: str | int | None = value if words is None or value is None else words(value)
    return harmless(shown)
