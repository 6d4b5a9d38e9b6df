"""A capture that lacks the data (a watch) is judged by what it shows: no misfit is made of a gap."""

from __future__ import annotations

from handshake.flow.table import FlowTable
from handshake.model.handshake import CloseKind, Handshake, Mark, Outcome
from handshake.model.packet import ACK, FIN, RST, Segment
from tests.unit.flow.segment_making import SERVER, client, opening, packet, segment

HERE = client(1)
GIB = 1 << 30


def judged(*segments: Segment, opened: int = 3) -> Handshake:
    """The one handshake of client 1 with these segments behind the first `opened` of its opening."""
    table = FlowTable()
    for each in (*opening(1)[:opened], *map(packet, segments)):
        assert not table.feed(each)
    (handshake,) = table.finish()
    return handshake


def marks(handshake: Handshake) -> set[Mark]:
    return {mark for step in handshake.steps for mark in step.marks}


def test_the_third_segment_had_data() -> None:
    seen = judged(
        segment(SERVER, HERE, ACK, 9001, 1101),  # of the request
        segment(HERE, SERVER, ACK, 1101, 9501),  # of the reply
        opened=2,
    )
    assert seen.outcome is Outcome.ESTABLISHED
    assert Mark.BAD_ACK not in marks(seen)


def test_a_wrong_acknowledgment_without_a_gap_is_still_wrong() -> None:
    seen = judged(segment(HERE, SERVER, ACK, 1001, 9501), opened=2)
    assert seen.outcome is Outcome.HALF_OPEN
    assert Mark.BAD_ACK in marks(seen)


def test_acknowledgments_of_gigabytes_unseen() -> None:
    acks = [segment(HERE, SERVER, ACK, 1001, (9001 + at * GIB // 2) % 2**32) for at in range(1, 12)]
    end = (9001 + 11 * GIB // 2) % 2**32
    seen = judged(
        *acks,
        segment(SERVER, HERE, FIN | ACK, end, 1001),
        segment(HERE, SERVER, FIN | ACK, 1001, (end + 1) % 2**32),
        segment(SERVER, HERE, ACK, (end + 1) % 2**32, 1002),
    )
    assert seen.teardown.kind is CloseKind.FIN
    assert marks(seen) == {Mark.HANDSHAKE_COMPLETE}


def test_a_reset_behind_unseen_data() -> None:
    acknowledges_unseen = segment(SERVER, HERE, RST | ACK, 9501, 1101)
    assert judged(acknowledges_unseen).teardown.kind is CloseKind.RST
    after_a_gap = judged(segment(HERE, SERVER, ACK, 1101, 9501), segment(SERVER, HERE, RST, 9901))
    assert after_a_gap.teardown.kind is CloseKind.RST


def test_a_blind_reset_without_a_gap_is_still_unacceptable() -> None:
    seen = judged(segment(SERVER, HERE, RST, 9501))
    assert Mark.RST_UNACCEPTABLE in marks(seen)
    assert seen.teardown.kind is CloseKind.OPEN
