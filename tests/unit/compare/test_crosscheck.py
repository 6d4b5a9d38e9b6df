"""Differences are found, and each trap is told by its facts: with them it explains, without them it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from handshake.api import Inspection
from handshake.compare.crosscheck import KEPT, Crosscheck
from handshake.compare.traps import TRAPS
from handshake.flow.table import LINGER_NS
from handshake.model.claim import Claim
from handshake.model.crosscheck import Checked, Level, Verdict
from handshake.model.handshake import Handshake
from handshake.model.options import MSS, NOP, SACK, TIMESTAMPS, Option, Options
from handshake.model.packet import Frame, IcmpError, Packet, Segment, Stop, Tag
from tests.unit.compare.claiming import (
    CLIENT,
    MS,
    OPENING,
    SERVER,
    X,
    agreed,
    checked,
    claim,
    found,
    frame,
    moved,
    packet,
    segment,
)

RTT_NS = 20 * MS
"""From the SYN to the ACK of `OPENING`."""


def test_agreement() -> None:
    result = agreed(*OPENING, completeness=7, initial_rtt_ns=RTT_NS)
    assert (result.frames, result.segments, result.streams) == (3, 3, 1)
    assert (result.agreeing, result.explained, result.unexplained) == (1, 0, 0)
    assert result.differences == ()


def test_a_wrong_header_field_is_our_fault() -> None:
    told = [claim(each, completeness=7, initial_rtt_ns=RTT_NS) for each in OPENING]
    lying = replace(OPENING[1], wnd=7)
    told[1] = replace(told[1], packet=packet(lying))
    result = checked(*zip(OPENING, told, strict=True))
    (difference,) = result.differences
    assert (difference.level, difference.frame, difference.stream) == (Level.FRAME, 2, 0)
    assert (difference.point, difference.ours, difference.theirs) == ("window", "1000", "7")
    assert difference.verdict is Verdict.OURS_WRONG
    assert result.unexplained == 1


def test_of_a_cut_frame_it_is_undecided() -> None:
    told = replace(claim(OPENING[0], completeness=1), packet=packet(replace(OPENING[0], wnd=7)), orig_len=200)
    check = Crosscheck()
    check.frame(Frame(1, OPENING[0].time_ns, 1, bytes(100), 200), packet(OPENING[0]), told)
    (difference,) = check.finish(Checked("", "", ""), []).differences[:1]
    assert difference.verdict is Verdict.UNDECIDED


@pytest.mark.parametrize(
    ("changes", "point"),
    [({"time_ns": 5}, "time"), ({"cap_len": 90}, "length"), ({"orig_len": 300}, "length")],
)
def test_frames_are_compared_themselves(changes: dict[str, int], point: str) -> None:
    result = checked((OPENING[0], replace(claim(OPENING[0]), **changes)))  # type: ignore[arg-type]
    assert point in {each.point for each in result.differences}


def test_no_time_is_no_difference() -> None:
    result = checked((OPENING[0], replace(claim(OPENING[0]), time_ns=None)))
    assert result.unexplained == 0


def test_outcome_and_counts_and_round_trip() -> None:
    """Tshark lacks our third segment and has a SYN more."""
    told = [claim(OPENING[0]), claim(OPENING[1]), claim(moved(OPENING[0], 3))]
    result = checked(*zip(OPENING, told, strict=True))
    assert {(each.point, each.ours, each.theirs) for each in result.differences if each.level is Level.STREAM} == {
        ("outcome", "established", "half-open"),
        ("syn_retransmits", "0", "1"),
        ("complete", "True", "False"),
    }
    wrong_rtt = agreed(*OPENING, completeness=7, initial_rtt_ns=1)
    assert found(wrong_rtt) == {("undecided", "irtt_ns", None)}


def test_missing_and_invented_are_our_fault() -> None:
    nothing = replace(claim(OPENING[0]), stream=None, packet=Packet(1, 0, (), None, b"", Stop("arp", 0, "arp", False)))
    invented = checked((OPENING[0], nothing))
    assert found(invented) == {("ours-wrong", "tcp", None), ("ours-wrong", "invented", None)}
    assert invented.differences[0].theirs == "arp"
    check = Crosscheck()
    check.frame(frame(1, 0), nothing.packet, replace(claim(OPENING[0]), time_ns=0))
    assert found(check.finish(Checked("", "", ""), [])) == {
        ("ours-wrong", "tcp", None),
        ("ours-wrong", "missing", None),
    }


def test_one_has_more_frames() -> None:
    check = Crosscheck()
    check.ended(10, 12)
    check.ended(12, 10)
    result = check.finish(Checked("", "", ""), [])
    assert [(each.verdict.value, each.frame) for each in result.differences] == [("ours-wrong", 11), ("undecided", 11)]


def test_many_differences_are_counted_and_not_all_kept() -> None:
    lying = [(each, replace(claim(each), packet=packet(replace(each, wnd=7)))) for each in
             (segment(number, ">A", number, 1) for number in range(1, KEPT + 100))]  # fmt: skip
    result = checked(*lying)
    assert result.unexplained == KEPT + 99
    assert len(result.differences) == KEPT


# -- traps -----------------------------------------------------------------------------------------------------


def traps(result: Checked) -> set[str | None]:
    return {each.trap for each in result.differences}


def test_every_trap_says_why_and_where_it_is_written() -> None:
    assert len({trap.name for trap in TRAPS}) == len(TRAPS)
    for trap in TRAPS:
        assert trap.why.endswith(".")
        assert trap.proof
        assert trap.of_frame or trap.of_stream


def test_fragments() -> None:
    """We have the SYN in its first fragment, tshark in the frame that completes it."""
    syn = OPENING[0]
    unread = Packet(1, syn.time_ns, (), None, b"", Stop("data", 0, "data", False))
    later = Packet(2, 2, (), None, b"", Stop("ipv4", 0, "later IPv4 fragment", False))
    late = moved(syn, 2)

    def result(fragmented: bool, pieces: tuple[int, ...]) -> Checked:
        check = Crosscheck()
        first = replace(claim(syn), stream=None, packet=unread, fragmented=fragmented)
        check.frame(frame(1, syn.time_ns), packet(syn), first)
        check.frame(frame(2, late.time_ns), later, claim(late, fragments=pieces, fragmented=fragmented))
        return check.finish(Checked("", "", ""), handshakes(syn))

    assert traps(result(True, (1, 2))) == {"fragments"}
    assert None in traps(result(False, ()))
    assert None in traps(result(True, (7, 8))), "put together from other frames than ours"


def handshakes(*segments: Segment) -> list[Handshake]:
    inspection = Inspection()
    return [flow for each in segments for flow in inspection.take(packet(each))] + inspection.finish()


@pytest.mark.parametrize(("pieces", "explained"), [((1, 2), True), ((), False)])
def test_the_ip_header_of_fragments(pieces: tuple[int, ...], explained: bool) -> None:
    told = replace(claim(OPENING[0], fragments=pieces), packet=packet(replace(OPENING[0], ttl=7)))
    assert traps(checked((OPENING[0], told))) == ({"fragments"} if explained else {None})


@pytest.mark.parametrize(("header_len", "explained"), [(16, True), (20, False), (None, False)])
def test_data_offset(header_len: int | None, explained: bool) -> None:
    nothing = Packet(1, 0, (), None, b"", Stop("tcp", 0, "tcp", False))
    told = replace(claim(OPENING[0]), stream=None, packet=nothing, header_len=header_len)
    assert (None not in traps(checked((OPENING[0], told)))) is explained


@pytest.mark.parametrize(("by_ip", "explained"), [(500, True), (400, False)])
def test_length_past_the_frame(by_ip: int, explained: bool) -> None:
    long = segment(1, ">A", 1, 1, data=500)
    told = replace(claim(long, payload_by_ip=by_ip), packet=packet(replace(long, payload_len=40)))
    assert traps(checked((long, told))) == ({"length-past-frame"} if explained else {None})


@pytest.mark.parametrize(("fault", "explained"), [("option sack has length 2", True), (None, False)])
def test_option_length(fault: str | None, explained: bool) -> None:
    before = (Option(MSS, b"\x05\xb4"), Option(SACK, b""))
    whole = segment(1, ">S", 0, options=Options((*before, Option(NOP, b""), Option(TIMESTAMPS, bytes(8))), fault))
    told = replace(claim(whole), packet=packet(replace(whole, options=Options(before))))
    assert traps(checked((whole, told))) == ({"option-length"} if explained else {None})


@pytest.mark.parametrize(("protocols", "explained"), [(("ipv6", "ipv6.routing"), True), (("ipv6",), False)])
def test_routing_header(protocols: tuple[str, ...], explained: bool) -> None:
    told = replace(claim(OPENING[0]), packet=packet(replace(OPENING[0], dst=CLIENT)), protocols=protocols)
    differences = [each for each in checked((OPENING[0], told)).differences if each.point == "destination"]
    assert [each.trap for each in differences] == (["routing-header"] if explained else [None])


@pytest.mark.parametrize(("lengths", "explained"), [((96, 96), True), ((96, 100), False), ((104, 104), False)])
def test_pseudo_header(lengths: tuple[int, int], explained: bool) -> None:
    told = replace(claim(OPENING[0]), cap_len=lengths[0], orig_len=lengths[1])
    assert traps(checked((OPENING[0], told))) == ({"pseudo-header"} if explained else {None})


@pytest.mark.parametrize(("off_ns", "explained"), [(2**32 * 270, True), (1_000, False)])
def test_time_overflow(off_ns: int, explained: bool) -> None:
    told = replace(claim(OPENING[0]), time_ns=OPENING[0].time_ns - off_ns)
    assert traps(checked((OPENING[0], told))) == ({"time-overflow"} if explained else {None})


@pytest.mark.parametrize("vlans", [(1, 2), (1, 1)])
def test_tags_are_ignored(vlans: tuple[int, int]) -> None:
    """Two connections of the same endpoints; in one VLAN that is one connection, resumed."""
    first = [moved(each, each.number, tags=(Tag("vlan", vlans[0]),)) for each in OPENING]
    second = [moved(each, 3 + each.number, tags=(Tag("vlan", vlans[1]),)) for each in OPENING]
    result = agreed(*first, *second, completeness=7)
    if vlans[0] == vlans[1]:
        assert result.streams == 1
        assert "tags-ignored" not in traps(result)
    else:
        assert ("trap", "apart", "tags-ignored") in found(result)
        assert traps(result) == {"tags-ignored"}
        assert result.explained == 2


def test_captured_twice() -> None:
    """The same SYN twice within a millisecond: one of them is a copy, and we folded it."""
    syn, again = OPENING[0], replace(OPENING[0], number=2, time_ns=OPENING[0].time_ns + 1)

    def result(folded: bool, told: Segment = again) -> Checked:
        check = Crosscheck()
        check.frame(frame(1, syn.time_ns), packet(syn), claim(syn))
        check.frame(frame(2, told.time_ns), packet(told), claim(told), folded=folded)
        return check.finish(Checked("", "", ""), handshakes(syn))

    assert found(result(True)) == {("trap", "segments", "captured-twice")}
    assert traps(result(False)) == {None}
    assert traps(result(True, replace(again, ip_id=7))) == {None}, "another packet, by what tshark reads"
    assert traps(result(True, replace(again, time_ns=again.time_ns + 10**9))) == {None}, "sent again"


def unreachable(number: int) -> IcmpError:
    return IcmpError(number, 10 * number * MS, bytes(4), 4, 3, 1, None, 6, CLIENT, SERVER, X, "host unreachable")


@pytest.mark.parametrize("blamed", [True, False])
def test_cut_up(blamed: bool) -> None:
    """Tshark opens a stream of its own for the copy of a SYN once an ICMP error has quoted it."""
    syn, again, last = OPENING[0], moved(OPENING[0], 3), moved(OPENING[0], 4)
    middle = unreachable(2) if blamed else moved(OPENING[0], 2)
    told: list[tuple[Segment | IcmpError, Claim]] = [
        (syn, claim(syn)), (middle, claim(middle)), (again, claim(again, 1)), (last, claim(last, 1)),
    ]  # fmt: skip
    result = checked(*told)
    assert ("joined" in {each.point for each in result.differences}) is True
    assert traps(result) == ({"cut-up"} if blamed else {None})


@pytest.mark.parametrize(("again", "explained"), [(70, True), (0, False)])
def test_cut_up_at_another_syn_ack(again: int, explained: bool) -> None:
    """Newer versions of tshark open a stream for a SYN-ACK of another number; for us it belongs to the attempt."""
    dialogue = [*OPENING[:2], segment(3, "<SA", again, 1), segment(4, "<SA", again, 1)]
    told = [claim(each, number > 1) for number, each in enumerate(dialogue)]
    joined = [each for each in checked(*zip(dialogue, told, strict=True)).differences if each.point == "joined"]
    assert [each.trap for each in joined] == (["cut-up"] if explained else [None])


def test_a_piece_that_is_no_copy_is_not_cut_up() -> None:
    data = segment(4, ">PA", 1, 1, data=5)
    end = segment(5, "<RA", 1, 1)
    told = [claim(each, completeness=7) for each in OPENING] + [claim(data, 1), claim(end, 0)]
    assert traps(checked(*zip((*OPENING, data, end), told, strict=True))) == {None}


def test_crossing_syn() -> None:
    """Split handshake in four steps: for tshark the server's SYN opens another stream."""
    dialogue = [
        segment(1, ">S", 0), segment(2, "<A", 0, 1), segment(3, "<S", 0), segment(4, ">SA", 0, 1),
        segment(5, "<A", 1, 1),
    ]  # fmt: skip
    told = [claim(each, number > 1, completeness=7) for number, each in enumerate(dialogue)]
    result = checked(*zip(dialogue, told, strict=True))
    assert ("trap", "joined", "crossing-syn") in found(result)
    assert traps(result) == {"crossing-syn"}


def test_initial_rtt_of_another_segment() -> None:
    """An injected RST with ACK comes first: tshark's round trip ends there, the handshake does not."""
    opening = [OPENING[0], OPENING[1]]
    stray = segment(3, ">RA", 5000, 1)
    third = segment(4, ">A", 1, 1)
    result = agreed(*opening, stray, third, completeness=39, initial_rtt_ns=stray.time_ns - OPENING[0].time_ns)
    assert ("trap", "irtt_ns", "initial-rtt") in found(result)
    at_once = [replace(each, time_ns=0) for each in OPENING]
    data = segment(4, ">PA", 1, 1, data=5)
    zero = agreed(*at_once, data, completeness=15, initial_rtt_ns=data.time_ns)
    assert ("trap", "irtt_ns", "initial-rtt") in found(zero)
    other = agreed(*opening, stray, third, completeness=39, initial_rtt_ns=7)
    assert ("undecided", "irtt_ns", None) in found(other)


def test_half_open_recovery() -> None:
    """RFC 9293 figure 9: the RST rejects the ACK of an old connection, and the client asks again."""
    dialogue = [segment(1, ">S", 0), segment(2, "<A", 300, 400), segment(3, ">R", 400)]
    assert found(agreed(*dialogue, completeness=37)) == {("trap", "outcome", "half-open-recovery")}
    otherwise = [segment(1, ">S", 0), segment(2, ">R", 400)]
    assert "half-open-recovery" not in traps(agreed(*otherwise))


def test_syn_and_rst() -> None:
    assert traps(agreed(segment(1, ">SR", 0), completeness=33)) == {"syn-and-rst"}


def test_completeness_bits() -> None:
    """An ACK of nothing sets the bit; by the numbers the connection is half-open, as we say."""
    dialogue = [*OPENING[:2], segment(3, ">A", 1, 77)]
    assert found(agreed(*dialogue, completeness=7)) == {("trap", "complete", "completeness")}


def test_completeness_where_the_numbers_are_against_us() -> None:
    told = [claim(each, completeness=7) for each in OPENING]
    ours = [OPENING[0], OPENING[1], replace(OPENING[2], ack_raw=OPENING[2].ack_raw + 5)]
    result = checked(*zip(ours, told, strict=True))
    assert ("undecided", "complete", None) in found(result)


@pytest.mark.parametrize("wait_ns", [LINGER_NS + 10**9, 10**9])
def test_time_wait(wait_ns: int) -> None:
    fins = [segment(4, ">FA", 1, 1), segment(5, "<FA", 1, 2), segment(6, ">A", 2, 2)]
    late = replace(segment(7, ">A", 2, 2), time_ns=fins[-1].time_ns + wait_ns)
    result = agreed(*OPENING, *fins, late, completeness=23)
    apart = [each for each in result.differences if each.point == "apart"]
    assert [each.trap for each in apart] == (["time-wait"] if wait_ns > LINGER_NS else [])
