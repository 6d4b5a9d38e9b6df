"""How an attempt ended, derived from the numbers that tshark dissected; each dialogue is one of RFC 9293."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handshake.compare.judgement import outcome_of
from handshake.model.address import Endpoint
from handshake.model.handshake import Outcome
from handshake.model.packet import IcmpError, Segment
from tests.unit.compare.claiming import CLIENT, MS, OPENING, SERVER, X, segment, stream

DIALOGUES: dict[str, tuple[Outcome, list[Segment]]] = {
    "three segments": (Outcome.ESTABLISHED, [*OPENING]),
    "the third one carries data and FIN": (
        Outcome.ESTABLISHED, [*OPENING[:2], segment(3, ">FA", 1, 1, data=5)],
    ),
    "the third one acknowledges data": (
        Outcome.ESTABLISHED, [*OPENING[:2], segment(3, "<PA", 1, 1, data=9), segment(4, ">A", 1, 10)],
    ),
    "the third one was not captured, what follows was": (
        Outcome.ESTABLISHED, [*OPENING[:2], segment(3, ">PA", 500, 700, data=9)],
    ),
    "data in the SYN, acknowledged": (
        Outcome.ESTABLISHED, [segment(1, ">S", 0, data=10), segment(2, "<SA", 0, 11), segment(3, ">A", 11, 1)],
    ),
    "only the second answer is confirmed": (
        Outcome.ESTABLISHED, [*OPENING[:2], segment(3, "<SA", 50, 1), segment(4, ">A", 1, 51)],
    ),
    "the third one was captured before the SYN-ACK": (
        Outcome.ESTABLISHED, [OPENING[0], segment(2, ">A", 1, 1), segment(3, "<SA", 0, 1)],
    ),
    "what was captured before the SYN-ACK does not fit it": (
        Outcome.HALF_OPEN, [OPENING[0], segment(2, ">A", 1, 5), segment(3, "<SA", 0, 1)],
    ),
    "an acknowledgment of something never sent": (
        Outcome.HALF_OPEN, [*OPENING[:2], segment(3, ">A", 1, 2)],
    ),
    "no third segment": (Outcome.HALF_OPEN, [*OPENING[:2]]),
    "reset by the client before it is open": (
        Outcome.ABORTED_BY_CLIENT, [*OPENING[:2], segment(3, ">R", 1)],
    ),
    "reset with the right number, and then an ACK": (
        Outcome.ABORTED_BY_CLIENT, [*OPENING[:2], segment(3, ">R", 1), segment(4, ">A", 1, 1)],
    ),
    "reset by the server": (Outcome.ABORTED_BY_SERVER, [*OPENING[:2], segment(3, "<RA", 1, 1)]),
    "refused": (Outcome.REFUSED, [segment(1, ">S", 0), segment(2, "<RA", -9000, 1)]),
    "no answer": (Outcome.UNANSWERED, [segment(1, ">S", 0), segment(2, ">S", 0)]),
    "a bare ACK is no answer": (Outcome.UNANSWERED, [segment(1, ">S", 0), segment(2, "<A", 5, 77)]),
    "a SYN-ACK with a wrong number is none either": (
        Outcome.UNANSWERED, [segment(1, ">S", 0), segment(2, "<SA", 0, 500)],
    ),
    "one side only": (Outcome.ONE_SIDED, [segment(1, ">S", 0), segment(2, ">A", 1, 1)]),
    "SYN-ACKs only": (Outcome.ONE_SIDED, [segment(1, "<SA", 0, 1), segment(2, "<SA", 0, 1)]),
    "both sides, but no SYN-ACK": (
        Outcome.MIDSTREAM, [segment(1, ">S", 0), segment(2, ">A", 1, 1), segment(3, "<A", 1, 1)],
    ),
    "no SYN": (Outcome.MIDSTREAM, [segment(1, ">A", 5, 5)]),
    "crossing SYNs": (
        Outcome.SIMULTANEOUS_OPEN,
        [segment(1, ">S", 0), segment(2, "<S", 0), segment(3, ">SA", 0, 1), segment(4, "<SA", 0, 1)],
    ),
    "crossing SYNs, one not confirmed": (
        Outcome.UNANSWERED, [segment(1, ">S", 0), segment(2, "<S", 0)],
    ),
    "the server asks back": (
        Outcome.SPLIT_HANDSHAKE,
        [segment(1, ">S", 0), segment(2, "<S", 0), segment(3, ">SA", 0, 1), segment(4, "<A", 1, 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", DIALOGUES)
def test_outcome(title: str) -> None:
    expected, segments = DIALOGUES[title]
    assert outcome_of(stream(*segments), ()) is expected


def test_talks_to_itself() -> None:
    ends = (CLIENT, CLIENT)
    syn, answer = segment(1, ">S", 0, ends=ends), segment(2, ">SA", 0, ends=ends)
    confirmed = replace(answer, ack_raw=X + 1)
    assert outcome_of(stream(syn, confirmed), ()) is Outcome.ESTABLISHED
    assert outcome_of(stream(syn, answer), ()) is not Outcome.ESTABLISHED


def blame(seq: int, code: int = 1) -> IcmpError:
    router = Endpoint(bytes((192, 0, 2, 1)), 0)
    return IcmpError(2, 20 * MS, router.address, 4, 3, code, None, 6, CLIENT, SERVER, seq, "host unreachable")


def test_an_error_that_quotes_the_syn_makes_it_unreachable() -> None:
    lonely = stream(segment(1, ">S", 0))
    assert outcome_of(lonely, [blame(X)]) is Outcome.UNREACHABLE
    assert outcome_of(lonely, [blame(X + 7)]) is Outcome.UNANSWERED, "quotes what was never sent (RFC 5927)"
    assert outcome_of(lonely, [blame(X, code=4)]) is Outcome.UNANSWERED, "asks for smaller packets only (RFC 1191)"


def test_keeps_a_bounded_number_of_segments() -> None:
    flood = stream(*(segment(number, ">S", number) for number in range(1, 2000)))
    assert max(len(flood.syns), len(flood.early), len(flood.copies)) <= 400
    assert flood.segments == 1999
    midstream = stream(*(segment(number, ">A", number, 1) for number in range(1, 2000)))
    assert len(midstream.early) <= 16


def test_all_copies_are_counted() -> None:
    repeated = stream(*(segment(number, ">S", 0) for number in range(1, 1001)))
    assert repeated.copies == {(CLIENT, X, 0): 1000}
