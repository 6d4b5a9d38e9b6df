"""DNS: questions and answers paired (RFC 1035), bytes built by hand."""

from __future__ import annotations

import struct

from handshake.app.dns import Lookups
from handshake.model.address import Endpoint

SERVER = Endpoint(bytes([10, 0, 0, 53]), 53)
NAME = b"\x03www\x07example\x00"


def question(number: int, kind: int = 1) -> bytes:
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + NAME + struct.pack("!HH", kind, 1)


def truncated(number: int) -> bytes:
    """As dnslib sends it: TC set, and not even the question."""
    return struct.pack("!6H", number, 0x8380, 0, 0, 0, 0)


def test_an_answer_without_its_question_goes_by_the_id() -> None:
    lookups = Lookups(SERVER)
    lookups.question(question(1), 10)
    lookups.question(question(2, 28), 11)
    answered = lookups.answer(truncated(2), 20)
    assert answered is not None
    assert (answered[1].name, answered[1].kind, answered[1].truncated) == ("www.example", 28, True)
    assert [lookup.answered_ns for lookup in lookups.all()] == [None, 20]


def test_an_id_that_fits_two_questions_or_none_answers_nothing() -> None:
    lookups = Lookups(SERVER)
    lookups.question(question(1), 10)
    lookups.question(question(1, 28), 11)
    assert lookups.answer(truncated(1), 20) is None
    assert lookups.answer(truncated(7), 20) is None
