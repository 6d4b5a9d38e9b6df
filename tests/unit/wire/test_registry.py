"""Every layer that the tables name is there."""

from __future__ import annotations

from contextlib import suppress

import pytest

from handshake.model.packet import Frame
from handshake.wire import registry
from handshake.wire.layout import TooShortError
from handshake.wire.registry import Table
from handshake.wire.walk import HaltError, Walk

TABLES = {name: table for name, table in vars(registry).items() if isinstance(table, dict) and not name.startswith("_")}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_the_first_packet_brings_the_layer(table: Table) -> None:
    assert table
    for number in table:
        with suppress(HaltError, TooShortError):
            table[number](Walk(Frame(1, 0, 0, b"", 0)), 0)
        assert table[number].__module__ != registry.__name__
