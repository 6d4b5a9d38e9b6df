"""Which connection of one place is which of the other.

Signs are counted: the initial sequence numbers of both sides, timestamps of SYNs, numbers of the first data (for
connections whose SYN was not captured), and the endpoints. Who shares most is a couple, of equals the nearest in time.
Endpoints alone are enough where nothing speaks against it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from handshake.model.packet import SYN
from handshake.model.vantage import Likeness, Trace

_NUMBERS, _TIMESTAMP, _DATA, _ENDS = 4, 3, 1, 2
"""What each kind of sign weighs."""
_ENOUGH = 2
_FIRST = 8
"""Segments with data that give a sign."""
_COMMON = 50
"""A sign that more connections of one place have says nothing (a scanner gives all its SYNs the same number)."""

Sign = tuple[str, object]
Couple = tuple[int, int]


class Coupled(NamedTuple):
    """Two traces, by their positions, that are one connection."""

    left: int
    right: int
    likeness: Likeness


def couple(left: Sequence[Trace], right: Sequence[Trace]) -> list[Coupled]:
    """The couples, in the order of the left ones."""
    signs = [dict(_signs(trace)) for trace in left]
    others = [dict(_signs(trace)) for trace in right]
    scores = _scores(signs, others)
    candidates = [pair for pair, score in scores.items() if score >= _ENOUGH and not _contradict(left, right, pair)]
    apart = [_apart_ns(left, right, pair) for pair in candidates if scores[pair] > _NUMBERS]
    usual = int(median(apart)) if apart else 0
    candidates.sort(key=lambda pair: (-scores[pair], abs(_apart_ns(left, right, pair) - usual), pair))
    taken: tuple[set[int], set[int]] = (set(), set())
    found = []
    for here, there in candidates:
        if here not in taken[0] and there not in taken[1]:
            taken[0].add(here)
            taken[1].add(there)
            shared = signs[here].keys() & others[there].keys()
            found.append(Coupled(here, there, _likeness(shared, left[here], right[there])))
    return sorted(found)


def _signs(trace: Trace) -> Iterator[tuple[Sign, int]]:
    handshake = trace.handshake
    yield ("ends", frozenset((handshake.client.endpoint, handshake.server.endpoint))), _ENDS
    for number in _isns(trace):
        yield ("isn", number), _NUMBERS
    data = 0
    for segment in trace.segments:
        if segment.flags & SYN and segment.options.tsval:
            yield ("tsval", (segment.flags, segment.options.tsval)), _TIMESTAMP
        if segment.payload_len and data < _FIRST:
            data += 1
            yield ("data", (segment.seq, segment.ack_raw, segment.payload_len)), _DATA


def _scores(left: Sequence[dict[Sign, int]], right: Sequence[dict[Sign, int]]) -> dict[Couple, int]:
    """What the signs that two traces share weigh together; each kind of sign counts once, but for data."""
    holders: dict[Sign, list[int]] = {}
    common: dict[Sign, int] = {}
    for position, signs in enumerate(right):
        for sign in signs:
            holders.setdefault(sign, []).append(position)
    for signs in left:
        for sign in signs:
            common[sign] = common.get(sign, 0) + 1
    scores: dict[Couple, int] = {}
    for here, signs in enumerate(left):
        for sign, weight in signs.items():
            there = holders.get(sign, [])
            if len(there) > _COMMON or common[sign] > _COMMON:
                continue
            for position in there:
                scores[here, position] = scores.get((here, position), 0) + weight
    return scores


def _contradict(left: Sequence[Trace], right: Sequence[Trace], pair: Couple) -> bool:
    """Both have SYNs, and neither number nor timestamp is shared: two attempts, one after the other."""
    ours, theirs = left[pair[0]], right[pair[1]]
    isns = ours.handshake.client.iss, theirs.handshake.client.iss
    if None in isns or isns[0] == isns[1]:
        return False
    stamps, others = _syn_stamps(ours), _syn_stamps(theirs)
    return bool(stamps and others and not stamps & others)


def _syn_stamps(trace: Trace) -> set[int]:
    """Timestamps of the client's SYNs."""
    return {each.options.tsval for each in trace.segments if each.flags & SYN and each.options.tsval}


def _apart_ns(left: Sequence[Trace], right: Sequence[Trace], pair: Couple) -> int:
    return right[pair[1]].handshake.start_ns - left[pair[0]].handshake.start_ns


def _isns(trace: Trace) -> set[int]:
    """The initial sequence numbers of both sides, as far as they are known."""
    return {iss for peer in (trace.handshake.client, trace.handshake.server) if (iss := peer.iss) is not None}


def _likeness(shared: set[Sign], left: Trace, right: Trace) -> Likeness:
    """How much of two connections is the same; numbers that one of them does not know are not different."""
    kinds = {kind for kind, _ in shared}
    if "ends" not in kinds:
        return Likeness.TRANSLATED if kinds & {"isn", "data"} else Likeness.TIMESTAMPS
    return Likeness.RENUMBERED if "isn" not in kinds and _isns(left) and _isns(right) else Likeness.WHOLE
