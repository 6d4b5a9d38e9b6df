"""Handshakes and UDP exchanges as tables for data tools: Parquet, Arrow, CSV (docs/export.md)."""

from handshake.export.columns import SCHEMA_VERSION, Column, Kind, Table
from handshake.export.exchanges import EXCHANGES
from handshake.export.file import BATCH, Suffix, TableFile
from handshake.export.handshakes import HANDSHAKES

__all__ = ["BATCH", "EXCHANGES", "HANDSHAKES", "SCHEMA_VERSION", "Column", "Kind", "Suffix", "Table", "TableFile"]
