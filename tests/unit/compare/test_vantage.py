"""What lies between two places, for each thing that a network may do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handshake.compare.vantage import vantage
from handshake.model.address import Endpoint
from handshake.model.handshake import Side
from handshake.model.options import MSS, NOP, Option, Options
from handshake.model.packet import ACK, PSH, RST, SYN, Segment
from handshake.model.report import Damage
from handshake.model.vantage import Fate, Likeness
from handshake.render.passing import sentences
from tests.unit.compare.places import (
    CLIENT,
    IRS,
    ISS,
    MS,
    Sent,
    captured,
    lost,
    numbered,
    on_time,
    place,
    seen,
    seg,
    story,
    usual,
)

NAT = Endpoint(bytes((203, 0, 113, 5)), 61000)


def told(found: object) -> list[str]:
    (pair,) = found.pairs  # type: ignore[attr-defined]
    return [words for words, _ in sentences(pair)]


def changed(sent: list[Sent], side: Side, change: object) -> list[Sent]:
    """The same, what one side sends being changed on the way."""
    assert callable(change)
    return [replace(each, changed=change(each.segment)) if each.side is side else each for each in sent]


def test_all_arrives() -> None:
    found = seen(story())
    (pair,) = found.pairs
    assert [each.fate for each in pair.passages] == [Fate.ARRIVED] * 8
    assert (pair.likeness, pair.shift, pair.alterations, told(found)) == (Likeness.WHOLE, (0, 0), (), [])
    assert found.unpaired == ()


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("ahead_ns", [0, 7 * MS, -3_600_000 * MS])
def test_finds_out_which_place_is_whose(turned: bool, ahead_ns: int) -> None:
    found = seen(story(), ahead_ns, turned=turned)
    assert (found.swapped, found.placed_by, found.doubtful) == (turned, ("round trips",), False)
    assert found.client.source.name == "client.pcap"


def test_ttls_tell_it_too() -> None:
    sent = changed(story(), Side.CLIENT, lambda segment: replace(segment, ttl=62))
    sent = changed(sent, Side.SERVER, lambda segment: replace(segment, ttl=61))
    found = seen(sent, turned=True)
    assert (found.swapped, found.placed_by) == (True, ("round trips", "TTLs"))
    hops = [(each.difference.left, each.difference.arrived) for each in found.pairs[0].alterations]
    assert hops == [("64", "62"), ("64", "61")]


def test_says_when_the_signs_contradict() -> None:
    sent = changed(story(), Side.CLIENT, lambda segment: replace(segment, ttl=66))
    found = seen(sent)
    assert (found.swapped, found.placed_by, found.doubtful) == (False, ("round trips",), True)


def test_says_when_nothing_tells() -> None:
    found = seen([on_time(each.segment, 0) for each in story()], turned=True)
    assert (found.swapped, found.placed_by) == (False, ())


def test_the_first_syn_is_lost() -> None:
    first = lost(seg(SYN, ISS, at_ms=-1000, options=usual(tsval=99), ip_id=9))
    found = seen([first, *story()])
    assert told(found) == ["the SYN left the client twice, 1 arrived: the 1st was lost"]


def test_equal_copies_are_told_by_their_time() -> None:
    """Two SYN-ACKs without timestamps or identification: which one arrived follows from the way's length."""
    plain = usual(tsval=None)
    sent = story(syn=plain, synack=plain)
    again = seg(SYN | ACK, IRS, ISS + 1, at_ms=1010, back=True, options=plain, ip_id=0)
    rest = [replace(each, segment=replace(each.segment, time_ns=each.segment.time_ns + 1000 * MS)) for each in sent[2:]]
    rest = [on_time(each.segment) for each in rest]
    found = seen([sent[0], lost(sent[1].segment), on_time(again), *rest], 5 * MS)
    assert told(found) == ["the SYN-ACK left the server twice, 1 arrived: the 1st was lost"]
    found = seen([sent[0], sent[1], lost(again), *rest], 5 * MS)
    assert told(found) == ["the SYN-ACK left the server twice, 1 arrived: the 2nd was lost"]


def test_says_when_it_is_a_guess() -> None:
    plain = usual(tsval=None)
    sent = [lost(seg(SYN, ISS, at_ms=at, options=plain, ip_id=None)) for at in (0, 1000)]
    found = seen([*sent, on_time(seg(SYN, ISS, at_ms=3000, options=plain, ip_id=None))])
    (words,) = told(found)
    assert (
        words
        == "the SYN left the client 3 times, 1 arrived: the 1st, 2nd were lost (which one is a guess: they are equal)"
    )


def test_nothing_reached_the_server() -> None:
    sent = [lost(seg(SYN, ISS, at_ms=at, options=usual(tsval=at + 1))) for at in (0, 1000)]
    other = [replace(each.segment, src=CLIENT._replace(port=5), time_ns=each.segment.time_ns) for each in story()[:1]]
    found = seen([*sent, *(on_time(each) for each in other)])
    (alone,) = found.unpaired
    assert (alone.place, alone.handshake.syn_retransmits) == (Side.CLIENT, 1)


def test_a_doubled_segment() -> None:
    sent = story()
    sent[3] = replace(sent[3], arrived_ns=(30 * MS, 30 * MS + 900_000))
    found = seen(sent)
    assert told(found) == ["the client's 10 bytes arrived once more than it left: the network doubled it"]
    arrived = {each.fate: each.arrived for each in found.pairs[0].passages if each.segment.ip_id == 3}
    assert [arrived[fate].time_ns for fate in (Fate.ARRIVED, Fate.DOUBLED)] == list(sent[3].arrived_ns)  # type: ignore[union-attr]


def test_a_capture_that_holds_all_twice_is_no_doubling_network() -> None:
    found = seen([replace(each, arrived_ns=(each.arrived_ns[0], each.arrived_ns[0] + 1000)) for each in story()[:1]])
    assert found.twice == (Side.SERVER,)
    assert told(found) == []


def test_an_overtaken_segment() -> None:
    sent = story()
    more = seg(PSH | ACK, ISS + 11, IRS + 1, at_ms=21.5, data=10, ip_id=30)
    sent[3] = on_time(sent[3].segment, 15)
    found = seen([*sent[:4], on_time(more)])
    assert [(each.overtaken, each.segment.ip_id) for each in found.pairs[0].passages if each.overtaken] == [(True, 3)]
    assert told(found) == ["overtaken on the way from the client: 10 bytes"]


def test_options_clamped_and_taken_out() -> None:
    def clamp(segment: Segment) -> Segment:
        if not segment.flags & SYN:
            return replace(segment, options=Options())
        return replace(segment, options=Options((Option(MSS, (1400).to_bytes(2)), *[Option(NOP, b"")] * 16)))

    found = seen(changed(story(), Side.CLIENT, clamp))
    kinds = [
        (each.difference.what, each.difference.left, each.difference.arrived) for each in found.pairs[0].alterations
    ]
    assert kinds == [
        ("MSS", "1460", "1400"),
        ("SACK", "permitted", "none"),
        ("window scale", "7", "none"),
        ("timestamps", "1/0", "none"),
    ]
    assert told(found)[0].startswith("MSS 1460 → 1400 in the client's SYN: ")
    assert told(found)[2].startswith("window scale taken out in the client's SYN: ")


def test_an_address_translated() -> None:
    def out(segment: Segment) -> Segment:
        return replace(segment, src=NAT)

    sent = changed(story(), Side.CLIENT, out)
    near, far = captured(sent)
    far = [replace(each, dst=NAT) if each.dst == CLIENT else each for each in far]
    found = vantage(place("client.pcap", near), place("server.pcap", far))
    (pair,) = found.pairs
    assert pair.likeness is Likeness.TRANSLATED
    assert {each.fate for each in pair.passages} == {Fate.ARRIVED}
    assert told(found)[0] == (
        "the client is 10.0.0.1:40001 at the client and 203.0.113.5:61000 at the server: "
        "address and port translated (NAT)"
    )


def test_sequence_numbers_moved() -> None:
    """A firewall draws numbers of its own for the client; acknowledgments are moved back."""
    near, far = captured(story())
    far = [
        replace(each, seq=(each.seq + 5000) % 2**32)
        if each.src == CLIENT
        else replace(each, ack_raw=(each.ack_raw + 5000) % 2**32)
        for each in far
    ]
    found = vantage(place("client.pcap", near), place("server.pcap", far))
    (pair,) = found.pairs
    assert (pair.shift, {each.fate for each in pair.passages}) == ((5000, 0), {Fate.ARRIVED})
    assert told(found) == [
        "sequence numbers of the client moved by +5,000 on their way: a firewall that makes them less predictable, "
        "or a proxy"
    ]


def test_a_box_answers_in_the_servers_name() -> None:
    sent = [lost(seg(SYN, ISS, options=usual()))]
    forged = seg(RST | ACK, 0, ISS + 1, at_ms=2, back=True)
    other = [on_time(each.segment) for each in story(syn=usual(tsval=7))[:3]]
    other = [replace(each, segment=replace(each.segment, time_ns=each.segment.time_ns + 500 * MS)) for each in other]
    found = seen([*sent, *(on_time(each.segment) for each in other)], foreign=[(Side.CLIENT, forged)])
    assert "the client got a RST that the server never sent: a box in between answered in its name" in told(found)


def test_data_in_other_pieces() -> None:
    sent = story()
    near, far = captured(sent)
    whole = seg(PSH | ACK, ISS + 11, IRS + 21, at_ms=42, data=3000, ip_id=50)
    pieces = [
        replace(whole, seq=whole.seq + at, payload_len=size, time_ns=(52 + at // 1000) * MS, number=90 + at)
        for at, size in ((0, 1448), (1448, 1448), (2896, 104))
    ]
    found = vantage(place("a", numbered([*near, whole])), place("b", numbered([*far, *pieces])))
    fates = [each.fate for each in found.pairs[0].passages]
    assert (fates.count(Fate.REPACKED), fates.count(Fate.LOST), fates.count(Fate.FOREIGN)) == (4, 0, 0)
    found = vantage(place("a", numbered([*near, whole])), place("b", numbered([*far, *pieces[1:]])))
    assert [each.fate for each in found.pairs[0].passages].count(Fate.PARTLY) == 1


def test_ports_used_again_are_kept_apart() -> None:
    """The first attempt is lost altogether, the second opens; both have the same endpoints."""
    first = [lost(seg(SYN, 77, at_ms=-5000 + at, options=usual(tsval=at + 50))) for at in (0, 1000)]
    found = seen([*first, *story()])
    (pair,) = found.pairs
    assert pair.client.handshake.client.iss == ISS
    assert [each.handshake.client.iss for each in found.unpaired] == [77]


def test_clock_and_ways() -> None:
    found = seen(story(), 1234 * MS)
    clock, forth, back = found.clock, found.forth, found.back
    assert clock is not None
    assert forth is not None
    assert back is not None
    assert (clock.ahead_ns, clock.error_ns, clock.drift_ppb) == (1234 * MS, 10 * MS, 0)
    assert (forth.least_ns, back.least_ns, forth.jitter_ns) == (10 * MS, 10 * MS, 0)


def test_an_uneven_way_stays_within_the_bound() -> None:
    """The error is at most half the round trip, whatever the two ways really take."""
    slow = [
        replace(each, arrived_ns=(each.segment.time_ns + 2 * MS,)) if each.side is Side.SERVER else each
        for each in story()
    ]
    found = seen(slow, 500 * MS)
    assert found.clock is not None
    assert found.clock.error_ns is not None
    assert abs(found.clock.ahead_ns - 500 * MS) == 4 * MS
    assert abs(found.clock.ahead_ns - 500 * MS) <= found.clock.error_ns == 6 * MS


@pytest.mark.parametrize("drift_ppb", [0, 40_000, -40_000])
def test_drift(drift_ppb: int) -> None:
    """Thirty connections over 5 minutes; 40 ppm come to 12 ms."""
    sent = []
    for number in range(30):
        for each in story(syn=usual(tsval=1000 + number)):
            segment = replace(each.segment, time_ns=each.segment.time_ns + number * 10_000 * MS)
            port = CLIENT._replace(port=20000 + number)
            moved = replace(segment, src=port) if segment.src == CLIENT else replace(segment, dst=port)
            sent.append((each.side, on_time(moved, 10 + (number * 7 + segment.flags) % 5 / 10)))
    near = [each.segment for side, each in sent if side is Side.CLIENT]
    far = [each.segment for side, each in sent if side is Side.SERVER]
    near += [replace(each.segment, time_ns=each.arrived_ns[0]) for side, each in sent if side is Side.SERVER]
    far += [replace(each.segment, time_ns=each.arrived_ns[0]) for side, each in sent if side is Side.CLIENT]
    far = [replace(each, time_ns=each.time_ns + each.time_ns * drift_ppb // 10**9) for each in far]
    found = vantage(place("a", numbered(near)), place("b", numbered(far)))
    assert len(found.pairs) == 30
    assert found.clock is not None
    assert found.clock.drift_ppb == pytest.approx(drift_ppb, abs=2000)
    assert found.forth is not None
    assert found.forth.jitter_ns < MS


def test_timestamps_alone() -> None:
    """Another address and other numbers: only the SYN's timestamp is left to tell."""
    near = [seg(SYN, ISS, options=usual(tsval=123456))]
    far = [replace(near[0], seq=4242, src=NAT, time_ns=10 * MS)]
    found = vantage(place("a", [replace(near[0], number=1)]), place("b", [replace(far[0], number=1)]))
    (pair,) = found.pairs
    assert pair.likeness is Likeness.TIMESTAMPS


def test_a_simultaneous_open_has_two_clients_and_is_one_connection() -> None:
    """Each place sees its own SYN first."""
    sent = [
        on_time(seg(SYN, ISS, options=usual(tsval=1))),
        on_time(seg(SYN, IRS, at_ms=1, back=True, options=usual(tsval=2))),
        on_time(seg(SYN | ACK, ISS, IRS + 1, at_ms=11, options=usual(tsval=3), ip_id=2)),
        on_time(seg(SYN | ACK, IRS, ISS + 1, at_ms=11, back=True, options=usual(tsval=4), ip_id=2)),
        on_time(seg(PSH | ACK, ISS + 1, IRS + 1, at_ms=22, data=10, ip_id=3)),
    ]
    for turn in (False, True):
        found = seen(sent, 2 * MS, turned=turn)
        (pair,) = found.pairs
        assert (pair.likeness, pair.shift) == (Likeness.WHOLE, (0, 0))
        assert [each.fate for each in pair.passages] == [Fate.ARRIVED] * 5
        assert found.clock is not None
        assert abs(found.clock.ahead_ns) == 2 * MS


def test_behind_the_cut_of_a_file_nothing_is_known() -> None:
    near, far = captured(story())
    places = place("a", near), place("b", far[:5])
    cut = replace(places[1], source=replace(places[1].source, damage=Damage(400, 6, "cut off")))
    fates = [each.fate for each in vantage(places[0], cut).pairs[0].passages]
    assert (fates.count(Fate.UNKNOWN), fates.count(Fate.LOST), fates.count(Fate.FOREIGN)) == (3, 0, 0)
    whole = [each.fate for each in vantage(*places).pairs[0].passages]
    assert (whole.count(Fate.LOST), whole.count(Fate.FOREIGN)) == (2, 1)


def test_classes_and_marks_of_the_ip_header() -> None:
    """A router puts the traffic into another class (DSCP 46 → 0) and marks congestion (ECT(0) → CE)."""
    sent = [replace(each, segment=replace(each.segment, dscp=46, ecn=2)) for each in story()]
    found = seen(changed(sent, Side.CLIENT, lambda segment: replace(segment, dscp=0, ecn=3)))
    kinds = [
        (each.difference.what, each.difference.left, each.difference.arrived) for each in found.pairs[0].alterations
    ]
    assert kinds == [("ECN", "ECT(0)", "CE"), ("DSCP", "46", "0")]
