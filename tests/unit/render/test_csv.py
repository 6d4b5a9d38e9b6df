from __future__ import annotations

import csv
import io

import pytest

from handshake.render import Format, renderer
from handshake.render.csv import COLUMNS, harmless
from handshake.render.terminal import Terminal
from tests.support import ROOT
from tests.unit.render import samples


def rows() -> list[dict[str, str]]:
    out = io.StringIO()
    renderer(Format.CSV)(samples.rich(), out, Terminal())
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def test_one_row_a_handshake() -> None:
    first, second, third, fourth = rows()
    assert list(first) == list(COLUMNS)
    assert (first["client_address"], first["client_port"], first["outcome"]) == ("10.0.0.1", "46329", "established")
    assert (first["irtt_ns"], first["close"], first["closed_first"]) == ("310000", "fin", "client")
    assert (second["syn_retransmits"], second["irtt_ns"], second["findings"]) == ("2", "", "HS101")
    assert third["tags"] == "vlan 100"
    assert fourth["server_address"] == "2001:db8:1234:5678:9abc:def0:1234:5678"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_formulas_are_defused(start: str) -> None:
    assert harmless(f"{start}cmd") == f"'{start}cmd"


def test_numbers_stay_numbers() -> None:
    assert harmless(-5) == -5
    assert harmless(None) is None
    assert harmless("10.0.0.1") == "10.0.0.1"


def test_page_names_every_column() -> None:
    page = (ROOT / "docs" / "json.md").read_text("utf-8").partition("## CSV")[2]
    assert not {name for name in COLUMNS if f"`{name}`" not in page}
