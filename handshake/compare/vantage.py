"""Two captures of the same traffic, one near the client and one near the server: what happened in between.

Connections are coupled (`couples`), their segments matched (`matching`, `passages`) and held against each other
(`differences`); the clocks are compared (`clocks`), and which capture is whose is found out (`placing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from handshake.compare.clocks import clock_of, one_way
from handshake.compare.couples import Coupled, couple
from handshake.compare.differences import alterations
from handshake.compare.passages import direction, shifts, sides, turned, without
from handshake.compare.placing import placed, signs
from handshake.model.handshake import Side
from handshake.model.vantage import Clock, Fate, Likeness, Pair, Passage, Place, Trace, Unpaired, Vantage


def vantage(first: Place, second: Place) -> Vantage:
    """Hold two places against each other; which of them is the client's is found out, or else the first."""
    coupled = couple(first.traces, second.traces)
    doubling = _doubling(first), _doubling(second)
    swapped, placed_by, doubtful = placed(signs(first, second, coupled))
    near, far = (second, first) if swapped else (first, second)
    if swapped:
        coupled = sorted(Coupled(right, left, likeness) for left, right, likeness in coupled)
        doubling = doubling[1], doubling[0]
    copies = not doubling[0], not doubling[1]
    pairs = tuple(_pair(near.traces[here], far.traces[there], copies, likeness) for here, there, likeness in coupled)
    passages = [each for pair in pairs for each in pair.passages]
    clock = clock_of(passages)
    return Vantage(
        near,
        far,
        swapped,
        placed_by,
        doubtful,
        tuple(_ordered(_covered(pair, near, far, clock), clock) for pair in pairs),
        tuple(_unpaired(near, far, coupled, clock)),
        clock,
        one_way(passages, Side.CLIENT, clock),
        one_way(passages, Side.SERVER, clock),
        tuple(side for side, twice in zip(Side, doubling, strict=True) if twice),
    )


def _doubling(place: Place) -> bool:
    """Whether the capture holds at least half of the packets twice: that is the capture's doing, not the network's."""
    copies = sum(len(trace.copies) for trace in place.traces)
    return 2 * copies >= sum(len(trace.segments) for trace in place.traces) > 0


def _pair(client: Trace, server: Trace, copies: tuple[bool, bool], likeness: Likeness) -> Pair:
    server = turned(client, server)
    left_near, left_far = sides(client).client, sides(server).server
    came_near, came_far = sides(client, copies=copies[0]).server, sides(server, copies=copies[1]).client
    forth, back = shifts(client, server), tuple(-each for each in reversed(shifts(client, server)))
    there = direction(Side.CLIENT, left_near, came_far, forth, None)
    again = direction(Side.SERVER, left_far, came_near, (back[0], back[1]), _least(there))
    if any(each.guessed or each.fate is Fate.DOUBLED for each in there):
        there = direction(Side.CLIENT, left_near, came_far, forth, _least(again))
    passages = (*without(there, client.copies), *without(again, server.copies))
    return Pair(client, server, likeness, forth, passages, alterations(passages))


def _least(passages: Iterable[Passage]) -> int | None:
    """The least that the other direction can take, receiver's clock minus sender's: no round trip is negative."""
    sure = [each.transit_ns for each in passages if each.transit_ns is not None and not each.guessed]
    return -min(sure) if sure else None


def _ordered(pair: Pair, clock: Clock | None) -> Pair:
    """The pair with its passages in the order of leaving, by the client's clock."""
    return replace(pair, passages=tuple(sorted(pair.passages, key=lambda each: moments(pair, each, clock)[0])))


def _covered(pair: Pair, near: Place, far: Place, clock: Clock | None) -> Pair:
    """The pair; what lies behind the place where one of the captures is damaged is not lost but unknown."""
    ends = []
    for place in (near, far):
        end_ns = place.last_ns if place.source.damage else None
        ends.append(end_ns if end_ns is None or place is near else end_ns - ahead_ns(pair, end_ns, clock))

    def judged(passage: Passage) -> Passage:
        lacking = passage.sender.other if passage.fate is Fate.LOST else passage.sender
        end_ns = ends[0] if lacking is Side.CLIENT else ends[1]
        if passage.fate not in (Fate.LOST, Fate.FOREIGN) or end_ns is None:
            return passage
        behind = moments(pair, passage, clock)[0] > end_ns - (clock.error_ns or 0 if clock else 0)
        return replace(passage, fate=Fate.UNKNOWN) if behind else passage

    return replace(pair, passages=tuple(map(judged, pair.passages)))


def moments(pair: Pair, passage: Passage, clock: Clock | None) -> tuple[int, int | None]:
    """When a segment was first seen, and when it arrived if it did and left before; ns by the client's clock."""
    times = []
    for near, segment in (
        (passage.sender is Side.CLIENT, passage.left),
        (passage.sender is Side.SERVER, passage.arrived),
    ):
        if segment is not None:
            times.append(segment.time_ns if near else segment.time_ns - ahead_ns(pair, segment.time_ns, clock))
    return times[0], times[1] if len(times) > 1 else None


def ahead_ns(pair: Pair, server_ns: int, clock: Clock | None) -> int:
    """How far the server's clock is ahead at that time of its own; without a clock both saw it begin at once."""
    if clock is None:
        return pair.server.handshake.start_ns - pair.client.handshake.start_ns
    return clock.ahead_at(server_ns - clock.ahead_ns)


def _unpaired(near: Place, far: Place, coupled: Sequence[Coupled], clock: Clock | None) -> Iterator[Unpaired]:
    ahead = clock.ahead_ns if clock is not None else 0
    for side, place, other, seen in (
        (Side.CLIENT, near, far, {each.left for each in coupled}),
        (Side.SERVER, far, near, {each.right for each in coupled}),
    ):
        moved = ahead if side is Side.CLIENT else -ahead
        for position, trace in enumerate(place.traces):
            if position not in seen:
                at_ns = trace.handshake.start_ns + moved
                covered = None
                if clock is not None and other.first_ns is not None and other.last_ns is not None:
                    covered = other.first_ns <= at_ns <= other.last_ns
                yield Unpaired(trace.handshake, side, covered)
