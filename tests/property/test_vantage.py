"""Whatever is lost between two places, exactly that is found, where packets can be told apart."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import assume, given
from hypothesis import strategies as st

from handshake.compare.vantage import vantage
from handshake.model.address import Endpoint
from handshake.model.options import Options
from handshake.model.packet import ACK, FIN, PSH, SYN, Segment
from handshake.model.vantage import Fate
from tests.unit.compare.places import CLIENT, IRS, ISS, MS, Sent, captured, place, seen, seg, stamp, usual

Draft = tuple[int, int, int, bool]
"""Flags, sequence number and acknowledgment from the ISN on, whether the server sends it."""

drafts: st.SearchStrategy[Draft] = st.one_of(
    st.sampled_from([(SYN, 0, 0, False), (SYN | ACK, 0, 1, True), (ACK, 1, 1, False), (FIN | ACK, 30, 30, False)]),
    st.tuples(
        st.sampled_from((ACK, PSH | ACK)), st.sampled_from((1, 11, 21)), st.sampled_from((1, 11, 21)), st.booleans()
    ),
)
ways = st.lists(st.integers(5, 40), max_size=2, unique=True)
"""How long each copy takes, ms; none: lost."""


def sent_of(position: int, draft: Draft, way: list[int], stamped: bool) -> Sent:
    """A segment that differs from every other one by its identification, or its timestamp."""
    flags, seq, ack, back = draft
    own, other = (IRS, ISS) if back else (ISS, IRS)
    options = usual(tsval=position + 1) if flags & SYN else Options((stamp(position + 1),))
    segment = seg(
        flags,
        own + seq,
        other + ack if flags & ACK else 0,
        at_ms=10 * position,
        data=10 if flags & PSH else 0,
        back=back,
        options=options if stamped else None,
        ip_id=0 if stamped else position + 1,
    )
    return Sent(segment, tuple(segment.time_ns + ms * MS for ms in way))


@given(
    dialogue=st.lists(st.tuples(drafts, ways), min_size=2, max_size=25),
    stamped=st.booleans(),
    ahead_ms=st.integers(-5000, 5000),
    offsets=st.tuples(st.sampled_from((0, 2**32 - 1010)), st.sampled_from((0, 2**32 - 9005))),
)
def test_finds_exactly_what_was_lost(
    dialogue: list[tuple[Draft, list[int]]], stamped: bool, ahead_ms: int, offsets: tuple[int, int]
) -> None:
    """Also behind reordering, doubling, a clock that is ahead, and numbers that wrap around."""
    opened: list[tuple[Draft, list[int]]] = [((SYN, 0, 0, False), [10]), ((SYN | ACK, 0, 1, True), [10])]
    sent = [sent_of(number, draft, way, stamped) for number, (draft, way) in enumerate([*opened, *dialogue])]
    sent = [_moved(each, offsets) for each in sent]
    found = seen(sent, ahead_ms * MS)
    assume(len(found.pairs) == 1 and not found.unpaired and not found.swapped)
    passages = found.pairs[0].passages
    expected = sorted(_name(each.segment) for each in sent if not each.arrived_ns)
    assert sorted(_name(each.segment) for each in passages if each.fate is Fate.LOST) == expected
    assert not [each for each in passages if each.fate is Fate.FOREIGN]
    doubled = sorted(_name(each.segment) for each in sent if len(each.arrived_ns) > 1)
    if not found.twice:
        assert sorted(_name(each.segment) for each in passages if each.fate is Fate.DOUBLED) == doubled


@given(
    dialogue=st.lists(st.tuples(drafts, ways), min_size=2, max_size=25),
    shift=st.sampled_from((1, 5000, 2**31 - 1, 2**31, 2**32 - 1)),
    translated=st.booleans(),
)
def test_a_firewall_that_renumbers_and_translates_changes_nothing(
    dialogue: list[tuple[Draft, list[int]]], shift: int, translated: bool
) -> None:
    """The client's numbers, its address and port are others at the server; what was lost is found all the same."""
    opened: list[tuple[Draft, list[int]]] = [((SYN, 0, 0, False), [10]), ((SYN | ACK, 0, 1, True), [10])]
    sent = [sent_of(number, draft, way, False) for number, (draft, way) in enumerate([*opened, *dialogue])]
    near, far = captured(sent)
    outside = Endpoint(bytes((203, 0, 113, 5)), 61000) if translated else CLIENT
    far = [
        replace(each, src=outside, seq=(each.seq + shift) % 2**32)
        if each.src == CLIENT
        else replace(each, dst=outside, ack_raw=(each.ack_raw + shift) % 2**32 if each.flags & ACK else 0)
        for each in far
    ]
    found = vantage(place("client.pcap", near), place("server.pcap", far))
    assume(len(found.pairs) == 1 and not found.unpaired and not found.swapped)
    (pair,) = found.pairs
    assert (pair.shift[0] - shift) % 2**32 == 0
    lost = sorted(_name(each.segment) for each in pair.passages if each.fate is Fate.LOST)
    assert lost == sorted(_name(each.segment) for each in sent if not each.arrived_ns)


def _moved(sent: Sent, offsets: tuple[int, int]) -> Sent:
    """The same with other initial sequence numbers."""
    segment = sent.segment
    back = segment.src.port == 80
    own, other = offsets[::-1] if back else offsets
    ack = (segment.ack_raw + other) % 2**32 if segment.flags & ACK else 0
    return Sent(replace(segment, seq=(segment.seq + own) % 2**32, ack_raw=ack), sent.arrived_ns)


def _name(segment: Segment) -> tuple[bool, int | None, int | None]:
    return segment.src.port == 80, segment.ip_id, segment.options.tsval
