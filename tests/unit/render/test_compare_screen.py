"""The comparison as a person sees it, and as JSON."""

from __future__ import annotations

import io
import json

import pytest

from handshake.model.comparison import Comparison
from handshake.render import CompareFormat, compare_renderer
from handshake.render.terminal import Terminal
from tests.support import ROOT
from tests.unit.compare.test_transports import compared, connection, datagram, of
from tests.unit.render.test_json import valid

ECHO = ROOT / "captures" / "udp-and-tcp-echo.pcapng"


def drawn(comparison: Comparison, form: CompareFormat = CompareFormat.TABLE, terminal: Terminal | None = None) -> str:
    out = io.StringIO()
    compare_renderer(form)(comparison, out, terminal or Terminal(width=100))
    return out.getvalue()


def test_numbers_ladders_and_words() -> None:
    text = drawn(compared(ECHO))
    assert "echo over both" in text
    assert "· round trips                           2            1" in text
    row = next(line for line in text.splitlines() if line.startswith("    0.000 ms"))
    assert "── SYN ──" in row
    assert "── datagram 13 B ──" in row, "both begin in the same row"
    assert text.count("✓ first useful byte") == 2
    assert "the handshake costs 1 round trip" in " ".join(text.split())


def test_quiet_leaves_out_bars_and_words() -> None:
    text = drawn(compared(ECHO), terminal=Terminal(width=100, verbosity=-1))
    assert "█" not in text
    assert "the handshake costs" not in text
    assert "echo over both" in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_it_fits_and_keeps_to_ascii(width: int) -> None:
    text = drawn(compared(ECHO), terminal=Terminal(width=width, unicode=False))
    assert text.isascii()
    assert "##" in text
    rows = [line for line in text.splitlines() if "captures/" not in line]
    assert max(map(len, rows)) <= max(width, 60)


def test_what_is_missing_is_said() -> None:
    assert "nothing to compare" in drawn(of())
    lone = drawn(of(datagram(b"x", 9)))
    assert "of 1 exchange 1 got neither reply nor ICMP error" in " ".join(lone.split())
    other = drawn(of(datagram(b"x", 9), *connection(80, b"a", b"b")))
    assert "No service was used over both" in other


@pytest.mark.parametrize("make", [of, lambda: compared(ECHO), lambda: of(datagram(b"x", 9))])
def test_json_follows_the_schema(make: object) -> None:
    assert callable(make)
    text = drawn(make(), CompareFormat.JSON)
    assert text.isascii()
    document = json.loads(text)
    valid(document)
    assert document["type"] == "comparison"


def test_json_has_the_known_answers() -> None:
    document = json.loads(drawn(compared(ECHO), CompareFormat.JSON))
    (service,) = document["services"]
    assert (service["tcp"]["first_byte"]["round_trips"], service["udp"]["first_byte"]["round_trips"]) == (2, 1)
    traffic = document["tcp"]["traffic"]
    assert (traffic["wire_bytes"], traffic["header_bytes"]) == (702, 676)
    assert sum(part["packets"] for part in traffic["parts"].values()) == 10
    assert [packet["flags"] for packet in service["tcp"]["example"]["packets"][:2]] == [["SYN"], ["SYN", "ACK"]]
