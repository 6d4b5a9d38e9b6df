"""Two vantage points on the screen and as JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from handshake.model.handshake import Side
from handshake.model.packet import ACK, RST, SYN
from handshake.model.vantage import Vantage
from handshake.render import CompareFormat, vantage_renderer
from handshake.render.terminal import Terminal
from tests.unit.compare.places import ISS, MS, lost, seen, seg, story, usual

SCHEMA: dict[str, Any] = json.loads(files("handshake.render").joinpath("schema/vantage-v1.json").read_text("utf-8"))


def drawn(vantage: Vantage, form: CompareFormat = CompareFormat.TABLE, **terminal: Any) -> str:
    out = io.StringIO()
    vantage_renderer(form)(vantage, out, Terminal(**terminal))
    return out.getvalue()


def eventful() -> Vantage:
    """A lost SYN, a doubled and an overtaken segment, TTLs, a RST of a box, and a connection that nobody answered."""
    sent = [lost(seg(SYN, ISS, at_ms=-1000, options=usual(tsval=99), ip_id=9)), *story()]
    sent[4] = replace(sent[4], arrived_ns=(31 * MS, 32 * MS), changed=replace(sent[4].segment, ttl=61))
    sent[6] = replace(sent[6], arrived_ns=(80 * MS,))
    alone = seg(SYN, 5, at_ms=30, options=usual(tsval=5))
    alone = replace(alone, src=alone.src._replace(port=50000))
    forged = seg(RST | ACK, 0, ISS + 1, at_ms=5, back=True, ttl=60)
    return seen([*sent, lost(alone)], 3 * MS, foreign=[(Side.CLIENT, forged)])


@pytest.mark.parametrize("width", [40, 60, 64, 80, 100, 120, 200])
def test_fits(width: int) -> None:
    for line in drawn(eventful(), width=width).splitlines():
        assert len(line) <= width, line


def test_ascii_stays_ascii() -> None:
    assert drawn(eventful(), width=80, unicode=False).isascii()


def test_arrows_end_where_the_segment_did() -> None:
    text = drawn(eventful(), width=100)
    rows = {line[:12].strip(): line for line in text.splitlines() if "──" in line}
    assert rows["0.000 ms"].endswith("✗")
    whole = next(line for line in text.splitlines() if "SYN seq=0" in line and "▶" in line)
    assert whole.split() == ["1000.000", "ms", "──", "SYN", "seq=0", whole.split()[5], "1010.000", "ms"]
    assert "•" in next(line for line in text.splitlines() if "RST,ACK" in line)
    assert "the server never sent it" in text
    assert "overtaken: one that left later reached the server earlier" in text
    assert "in one capture only" in text


@pytest.mark.parametrize(
    "make",
    [
        eventful,
        lambda: seen(story()),
        lambda: seen([lost(each.segment) for each in story()]),
        lambda: seen([lost(story()[0].segment)]),
    ],
)
def test_json_follows_the_schema(make: Any) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    text = drawn(make(), CompareFormat.JSON)
    assert text.isascii()
    Draft202012Validator(SCHEMA).validate(json.loads(text))


def test_json_has_the_known_answers() -> None:
    document = json.loads(drawn(eventful(), CompareFormat.JSON))
    (pair,) = document["pairs"]
    fates = [each["fate"] for each in pair["segments"]]
    assert (fates.count("lost"), fates.count("doubled"), fates.count("foreign")) == (1, 1, 1)
    assert [each["took_ns"] for each in pair["segments"] if each["name"] == "SYN"] == [None, 10 * MS]
    assert document["clock"] == {"server_ahead_ns": 3 * MS, "error_ns": 10 * MS, "since_ns": 0, "drift_ppb": 0}
    assert [each["place"] for each in document["unpaired"]] == ["client"]


def test_quiet_shows_numbers_alone() -> None:
    text = drawn(eventful(), verbosity=-1)
    assert "▶  " not in text
    assert "1 of 6 segments lost" in text
