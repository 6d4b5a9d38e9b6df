"""A table as Parquet or Arrow IPC. The only module that knows pyarrow.

Texts that are dictionary-encoded share one dictionary for the whole file, which only grows: IPC files allow nothing
else. It begins with an empty text, because an empty dictionary cannot grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, BinaryIO

from handshake.errors import ToolError
from handshake.export.columns import SCHEMA_VERSION, Column, Kind, Row, Table
from handshake.version import __version__

try:
    import pyarrow as pa
    import pyarrow.ipc
    import pyarrow.parquet
except ImportError as missing:
    raise ToolError(
        "writing Parquet and Arrow files needs pyarrow:  pip install pyarrow  (or name the file .csv)"
    ) from missing

ROW_GROUP = 50_000
"""Rows of a Parquet row group, unless fewer are left."""

_DETAILS = pa.list_(
    pa.struct([
        *(pa.field(name, pa.string(), nullable=False) for name in ("code", "name", "severity", "detail")),
        pa.field("frames", pa.list_(pa.field("item", pa.uint64(), nullable=False)), nullable=False),
    ])
)  # fmt: skip
TYPES: dict[Kind, pa.DataType] = {
    Kind.BOOL: pa.bool_(),
    Kind.UINT8: pa.uint8(),
    Kind.UINT16: pa.uint16(),
    Kind.UINT32: pa.uint32(),
    Kind.UINT64: pa.uint64(),
    Kind.INT64: pa.int64(),
    Kind.TIME: pa.timestamp("ns", tz="UTC"),
    Kind.TEXT: pa.string(),
    Kind.WORD: pa.dictionary(pa.int32(), pa.string()),
    Kind.TEXTS: pa.list_(pa.field("item", pa.string(), nullable=False)),
    Kind.DETAILS: _DETAILS,
}


def schema_of(table: Table[Row]) -> pa.Schema:
    """The Arrow schema: each field described, table and version in the metadata."""
    about = {
        "handshake.table": table.name,
        "handshake.schema_version": str(SCHEMA_VERSION),
        "handshake.version": __version__,
    }
    return pa.schema([_field(column) for column in table.columns], metadata=about)


def _field(column: Column[Row]) -> pa.Field:
    about = {"description": column.meaning}
    return pa.field(column.name, TYPES[column.kind], nullable=column.nullable, metadata=about)


class _Batches:
    """Makes record batches of columns of Python values."""

    def __init__(self, table: Table[Row]) -> None:
        self.schema = schema_of(table)
        self._words: list[dict[str, int] | None] = [{"": 0} if c.kind is Kind.WORD else None for c in table.columns]

    def of(self, columns: Sequence[Sequence[object]]) -> pa.RecordBatch:
        arrays = [
            pa.array(values, type=field.type) if words is None else _encoded(values, words)
            for field, values, words in zip(self.schema, columns, self._words, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _encoded(values: Sequence[Any], words: dict[str, int]) -> pa.DictionaryArray:
    """The values as places in `words`, which takes up what is new."""
    places = [None if value is None else words.setdefault(value, len(words)) for value in values]
    return pa.DictionaryArray.from_arrays(pa.array(places, pa.int32()), pa.array(words, pa.string()))


class ParquetWriter:
    """Writes row groups of `ROW_GROUP` rows, compressed with zstd; a group is held as Arrow arrays until it is full."""

    def __init__(self, file: BinaryIO, table: Table[Row]) -> None:
        self._batches = _Batches(table)
        self._group: list[pa.RecordBatch] = []
        self._writer = pa.parquet.ParquetWriter(file, self._batches.schema, compression="zstd")

    def write(self, columns: Sequence[Sequence[object]]) -> None:
        """Append the rows."""
        self._group.append(self._batches.of(columns))
        if sum(batch.num_rows for batch in self._group) >= ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        group, self._group = self._group, []
        if group:
            rows = pa.Table.from_batches(group)
            self._writer.write_table(rows, row_group_size=rows.num_rows)

    def close(self) -> None:
        """Write what is left, and the footer."""
        self._flush()
        self._writer.close()

    def abandon(self) -> None:
        """Let go of the file."""
        with suppress(OSError, ValueError):
            self._writer.close()
        self._writer.is_open = False  # or its destructor tries again, and complains


class FeatherWriter:
    """Writes Arrow IPC files, which is what Feather is in its second version; dictionaries grow by deltas."""

    def __init__(self, file: BinaryIO, table: Table[Row]) -> None:
        self._batches = _Batches(table)
        options = pa.ipc.IpcWriteOptions(compression="zstd", emit_dictionary_deltas=True)
        self._writer = pa.ipc.new_file(file, self._batches.schema, options=options)

    def write(self, columns: Sequence[Sequence[object]]) -> None:
        """Append the rows."""
        self._writer.write_batch(self._batches.of(columns))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()

    def abandon(self) -> None:
        """Let go of the file."""
        with suppress(OSError, ValueError):
            self._writer.close()
