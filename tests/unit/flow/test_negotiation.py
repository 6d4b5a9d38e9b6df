"""Option rows: what is left to say when an answer, an option or both are missing. Scenarios show the usual ones."""

from __future__ import annotations

import pytest

from handshake.flow.negotiation import negotiate
from handshake.model import options as kinds
from handshake.model.address import Endpoint
from handshake.model.handshake import Negotiated
from handshake.model.options import Option, Options
from handshake.model.packet import ACK, CWR, ECE, SYN
from tests.unit.flow.segment_making import SERVER, client, segment


def _mss(size: int) -> Option:
    return Option(kinds.MSS, size.to_bytes(2))


def _rows(offer: tuple[Option, ...], answer: tuple[Option, ...] | None) -> dict[str, Negotiated]:
    syn = segment(client(0), SERVER, SYN, 0, options=Options(offer))
    reply = None if answer is None else segment(SERVER, client(0), SYN | ACK, 0, 1, options=Options(answer))
    return {row.name: row for row in negotiate(syn, reply)}


def test_without_a_syn_there_is_nothing_to_negotiate() -> None:
    assert negotiate(None, segment(SERVER, client(0), SYN | ACK, 0, 1)) == ()


def test_without_an_answer_nothing_is_in_effect() -> None:
    rows = _rows(
        (_mss(1460), Option(kinds.TFO, b""), Option(kinds.MPTCP, b"\x01\x01"), Option(kinds.MD5, bytes(16))), None
    )
    assert len(rows) == 8
    assert {(row.accepted, row.in_effect) for row in rows.values()} == {("–", "–")}


@pytest.mark.parametrize(
    ("offered", "accepted", "in_effect"),
    [
        ((), (), "536"),
        ((_mss(1460),), (), "536 to server, 1460 to client"),
        ((), (_mss(1460),), "1460 to server, 536 to client"),
        ((_mss(1460),), (_mss(1460),), "1460"),
    ],
)
def test_mss_without_the_option_is_536(
    offered: tuple[Option, ...], accepted: tuple[Option, ...], in_effect: str
) -> None:
    assert _rows(offered, accepted)["MSS"].in_effect == in_effect


def test_mss_without_the_option_is_1220_over_ipv6() -> None:
    here, there = Endpoint(bytes(15) + b"\x01", 40000), Endpoint(bytes(15) + b"\x02", 80)
    rows = negotiate(segment(here, there, SYN, 0), segment(there, here, SYN | ACK, 0, 1))
    assert rows[0].in_effect == "1220"


@pytest.mark.parametrize(
    ("offered", "accepted", "in_effect"),
    [(0, 0, "×1 / ×1"), (7, 14, "×128 / ×16384"), (15, 255, "×16384 / ×16384"), (7, None, "off"), (None, 7, "off")],
)
def test_window_scale_takes_both_and_stops_at_14(offered: int | None, accepted: int | None, in_effect: str) -> None:
    def option(shift: int | None) -> tuple[Option, ...]:
        return () if shift is None else (Option(kinds.WSCALE, bytes((shift,))),)

    assert _rows(option(offered), option(accepted))["window scale"].in_effect == in_effect


def test_an_answer_to_what_was_not_offered_is_not_in_effect() -> None:
    unasked = (Option(kinds.SACK_PERMITTED, b""), Option(kinds.TIMESTAMPS, bytes(8)), Option(kinds.MPTCP, b"\x01\x01"))
    rows = _rows((), unasked)
    assert {rows[name].in_effect for name in ("SACK", "timestamps", "MPTCP")} == {"off"}


def test_ecn_flags_in_the_answer_alone_are_no_agreement() -> None:
    (row,) = (
        row
        for row in negotiate(segment(client(0), SERVER, SYN, 0), segment(SERVER, client(0), SYN | ACK | ECE, 0, 1))
        if row.name == "ECN"
    )
    assert (row.offered, row.accepted, row.in_effect) == ("no", "no", "off")


def test_a_crossing_syn_with_ecn_asks_too() -> None:
    ecn = SYN | ECE | CWR
    rows = negotiate(segment(client(0), SERVER, ecn, 0), segment(SERVER, client(0), ecn, 0))
    assert rows[4] == Negotiated("ECN", "yes", "asks too", "off")


def test_fast_open_in_its_experimental_form() -> None:
    cookie = bytes(range(8))
    rows = _rows((Option(kinds.EXP2, b"\xf9\x89"),), (Option(kinds.EXP2, b"\xf9\x89" + cookie),))
    assert rows["Fast Open"].accepted == "new cookie"


def test_multipath_join_does_not_match_capable() -> None:
    rows = _rows((Option(kinds.MPTCP, b"\x10\x00" + bytes(8)),), (Option(kinds.MPTCP, b"\x01\x01"),))
    assert rows["MPTCP"] == Negotiated("MPTCP", "MP_JOIN", "MP_CAPABLE", "off")
