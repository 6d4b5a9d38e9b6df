"""A table on its way into a file: rows in batches, under another name until all is written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Generic, Protocol, Self, cast

from handshake.errors import HandshakeError
from handshake.export.columns import Row, Table, plain

BATCH = 5_000
"""Rows that are held as Python objects before they are handed to the writer."""


class Suffix(StrEnum):
    """What files are called, which decides their format."""

    PARQUET = ".parquet"
    ARROW = ".arrow"
    FEATHER = ".feather"
    CSV = ".csv"


class Writer(Protocol):
    """Writes batches of one table, column by column, in one format."""

    def write(self, columns: Sequence[Sequence[object]]) -> None:
        """Append the rows."""

    def close(self) -> None:
        """Write what stands at the end; the file itself stays open."""

    def abandon(self) -> None:
        """Let go of the file without a word, whatever state it is in."""


class TableFile(Generic[Row]):
    """Takes rows for a table; the file has its name when `commit` has been called, or does not appear at all.

    Raises HandshakeError when the file cannot be made, ToolError without the library that its format needs.
    """

    def __init__(self, path: Path, table: Table[Row], batch: int = BATCH) -> None:
        self.path = path
        self.rows = 0
        """Rows taken so far."""
        self._table = table
        self._batch = batch
        self._target = path.resolve()
        self._beside = self._target.with_name(f".{self._target.name}.{os.getpid()}.part")
        self._columns = self._empty()
        self._committed = False
        make = _writer(Suffix(path.suffix.lower()))
        self._file = self._open()
        try:
            self._writer = make(self._file, table)
        except BaseException:
            self._drop()
            raise

    def _open(self) -> BinaryIO:
        try:
            if self._target.exists() and not self._target.is_file():
                raise HandshakeError(f"{self.path}: not a regular file, which an exported table has to be")
            return self._beside.open("xb")
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> HandshakeError:
        return HandshakeError(f"{self.path}: cannot write: {error.strerror or error}")

    def _empty(self) -> list[list[object]]:
        return [[] for _ in self._table.columns]

    def add(self, row: Row) -> None:
        """Take one row; write a batch when it is full. Raises HandshakeError when it cannot be written."""
        for column, values in zip(self._table.columns, self._columns, strict=True):
            values.append(plain(column.kind, column.value(row)))
        self.rows += 1
        if self.rows % self._batch == 0:
            self._flush()

    def extend(self, rows: Iterable[Row]) -> None:
        """Take rows, as `add` does."""
        for row in rows:
            self.add(row)

    def _flush(self) -> None:
        full, self._columns = self._columns, self._empty()
        try:
            self._writer.write(full)
        except OSError as error:
            raise self._failed(error) from error

    def commit(self) -> None:
        """Write what is left and give the file its name. Raises HandshakeError when that fails."""
        if self._columns[0]:
            self._flush()
        try:
            self._writer.close()
            self._file.close()
            os.replace(self._beside, self._target)
            self._committed = True
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        if not self._committed:
            self._writer.abandon()
            self._drop()

    def _drop(self) -> None:
        """Remove what was written."""
        with suppress(OSError):
            self._file.close()
        self._beside.unlink(missing_ok=True)


class _MakesWriter(Protocol):
    def __call__(self, file: BinaryIO, table: Table[Row]) -> Writer: ...


def _writer(suffix: Suffix) -> _MakesWriter:
    """What writes files of this kind."""
    if suffix is Suffix.CSV:
        return cast(_MakesWriter, import_module("handshake.export.csv").CsvWriter)
    arrow = import_module("handshake.export.arrow")
    return cast(_MakesWriter, arrow.ParquetWriter if suffix is Suffix.PARQUET else arrow.FeatherWriter)
