"""What a column of an exported table is: its name, its type, what it means, and where its values come from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Generic, TypeVar

from handshake.model.packet import Tags
from handshake.model.record import dataclass

SCHEMA_VERSION = 1
"""Goes up when a column changes its meaning or type or goes away; new columns alone do not raise it."""

Row = TypeVar("Row")


class Kind(StrEnum):
    """The types, by Arrow's names."""

    BOOL = "bool"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    INT64 = "int64"
    TIME = "timestamp[ns, UTC]"
    TEXT = "string"
    WORD = "dictionary<string>"
    """One of few texts."""
    TEXTS = "list<string>"
    DETAILS = "list<struct<code, name, severity, detail: string, frames: list<uint64>>>"


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """One column; `None` is a null."""

    name: str
    kind: Kind
    value: Callable[[Row], object]
    meaning: str
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table(Generic[Row]):
    """The schema of one exported table."""

    name: str
    columns: Sequence[Column[Row]]


_INT64_END = 1 << 63


def plain(kind: Kind, value: object) -> object:
    r"""A value as its column can hold it: times beyond 64 bits become null, what is no Unicode becomes `\udc80`."""
    if isinstance(value, int) and kind in (Kind.INT64, Kind.TIME):
        return value if -_INT64_END <= value < _INT64_END else None
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def ways(tags: Tags) -> list[str]:
    """VLANs and tunnels, outermost first: `vlan 100`, `gre 7 (10.0.0.1 ↔ 10.0.0.2)`."""
    return [str(tag) for tag in tags]
