"""One header read twice: which fields differ, and when options can be compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from handshake.compare.headers import FIELDS, differing, same_kinds
from handshake.model.address import Endpoint
from handshake.model.options import EOL, MSS, NOP, SACK_PERMITTED, Option, Options
from tests.unit.compare.claiming import segment

MSS_1460, SACK_OK, PAD, END = Option(MSS, b"\x05\xb4"), Option(SACK_PERMITTED, b""), Option(NOP, b""), Option(EOL, b"")
SYN = segment(1, ">S", 0, options=Options((MSS_1460, PAD, SACK_OK)))
CHANGES: dict[str, dict[str, Any]] = {
    "source": {"src": Endpoint(bytes(4), 1)},
    "destination": {"dst": Endpoint(bytes(16), 1)},
    "seq": {"seq": 2**32 - 1},
    "ack": {"ack_raw": 1},
    "flags": {"flags": 0x1FF},
    "window": {"wnd": 0},
    "urgent": {"urgent": 1},
    "reserved": {"reserved": 7},
    "payload": {"payload_len": 1},
    "ttl": {"ttl": 1},
    "ecn": {"ecn": 3},
    "ip-id": {"ip_id": 7},
    "options": {"options": Options((MSS_1460, SACK_OK, PAD))},
}


def test_nothing_differs_from_itself() -> None:
    assert list(differing(SYN, SYN)) == []


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_looked_at(field: str) -> None:
    assert [name for name, *_ in differing(SYN, replace(SYN, **CHANGES[field]))] == [field]


def test_values_are_said_in_words() -> None:
    theirs = replace(SYN, flags=0x12, options=Options((MSS_1460,)))
    assert list(differing(SYN, theirs)) == [
        ("flags", "SYN", "SYN,ACK"),
        ("options", "mss 05b4, nop, sack-permitted", "mss 05b4"),
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (Options((MSS_1460, END)), Options((MSS_1460,)), True),
        (Options((MSS_1460, Option(8, b"")), "option timestamps of length 10 overruns …"), Options((MSS_1460,)), True),
        (Options((MSS_1460, Option(8, b"\1")), cut=True), Options((MSS_1460,), cut=True), True),
        (Options((MSS_1460, PAD, PAD), cut=True), Options((SACK_OK, PAD, PAD), cut=True), False),
        (Options((MSS_1460, PAD)), Options((MSS_1460,)), False),
        (Options(), Options((MSS_1460,)), False),
    ],
)
def test_options_are_compared_as_far_as_both_go(ours: Options, theirs: Options, same: bool) -> None:
    left, right = replace(SYN, options=ours), replace(SYN, options=theirs)
    assert (not list(differing(left, right))) is same
    assert same_kinds(left, right) is same


def test_no_segment_is_not_a_segment_without_options() -> None:
    assert same_kinds(None, None)
    assert not same_kinds(replace(SYN, options=Options()), None)
