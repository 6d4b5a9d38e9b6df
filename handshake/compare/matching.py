"""Which segment that left is which that arrived, for one direction of one connection.

First by everything that a segment keeps on an honest way; then, of what is left, by less and less, since a box between
may have rewritten it. Where several segments are equal in all of that, those that arrived are laid on those that left,
in order, so that the way takes the usual time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import field
from math import inf
from statistics import median_low

from handshake.model import seq
from handshake.model.packet import ACK, FIN, RST, SYN, Segment
from handshake.model.record import dataclass

_KIND = SYN | FIN | RST | ACK
_MOST_CELLS = 200_000
"""Beyond so many possibilities equal segments are laid on each other from the last one on."""

Shift = tuple[int, int]
"""What is added on the way to the sender's numbers, and to the receiver's, which come back as acknowledgments."""


@dataclass(slots=True)
class Matches:
    """Positions among what left and what arrived."""

    arrived: dict[int, int] = field(default_factory=dict)
    """Position of what left → of what arrived."""
    guessed: set[int] = field(default_factory=set)
    """Of what left: it, or an equal one."""
    doubled: dict[int, int] = field(default_factory=dict)
    """Position of what arrived once more → of what left."""


Key = Callable[[Segment, int, int], Hashable]


def _whole(segment: Segment, number: int, ack: int) -> Hashable:
    options = segment.options
    return number, ack, segment.flags, segment.payload_len, segment.ip_id, options.tsval, options.tsecr, segment.wnd


def _without_ip(segment: Segment, number: int, ack: int) -> Hashable:
    options = segment.options
    return number, ack, segment.flags & _KIND, segment.payload_len, options.tsval, options.tsecr


def _numbers(segment: Segment, number: int, ack: int) -> Hashable:
    return number, ack, segment.flags & _KIND, segment.payload_len


def _place(segment: Segment, number: int, ack: int) -> Hashable:
    if not segment.seg_len and not segment.flags & RST:
        return _numbers(segment, number, ack)
    return number, segment.flags & (SYN | FIN | RST), segment.payload_len


def match(left: Sequence[Segment], arrived: Sequence[Segment], shift: Shift, least_ns: int | None = None) -> Matches:
    """Match two lists in the order of capture.

    No way is taken to be shorter than `least_ns` (receiver's clock minus sender's), where the other direction tells it.
    """
    matching = _Matching(left, arrived, shift, least_ns)
    for key in (_whole, _without_ip, _numbers, _place):
        matching.stage(key)
    return matching.found


class _Matching:
    def __init__(self, left: Sequence[Segment], arrived: Sequence[Segment], shift: Shift, least_ns: int | None) -> None:
        self._left, self._arrived, self._shift, self._least_ns = left, arrived, shift, least_ns
        self.found = Matches()

    def stage(self, key: Key) -> None:
        """Match by one key what is still unmatched; groups of unequal size last, when the usual time is known best."""
        uneven = []
        for ours, theirs in self._groups(key):
            if len(ours) == len(theirs):
                self.found.arrived.update(zip(ours, theirs, strict=True))
            elif ours and theirs:
                uneven.append((ours, theirs))
        for ours, theirs in uneven:
            self._lay(ours, theirs)

    def _groups(self, key: Key) -> Iterable[tuple[list[int], list[int]]]:
        """Positions of what is equal by the key, of what left and of what arrived."""
        found = self.found
        taken = {*found.arrived.values(), *found.doubled}
        groups: dict[Hashable, tuple[list[int], list[int]]] = {}
        for position, segment in enumerate(self._left):
            if position not in found.arrived:
                ack = seq.add(segment.ack_raw, self._shift[1]) if segment.flags & ACK else 0
                group = groups.setdefault(key(segment, seq.add(segment.seq, self._shift[0]), ack), ([], []))
                group[0].append(position)
        for position, segment in enumerate(self._arrived):
            if position not in taken:
                ack = segment.ack_raw if segment.flags & ACK else 0
                groups.setdefault(key(segment, segment.seq, ack), ([], []))[1].append(position)
        return groups.values()

    def _lay(self, ours: list[int], theirs: list[int]) -> None:
        """Lay unequal numbers of equal segments on each other; what arrived more often than it left is doubled."""
        found = self.found
        known = [self._transit(a, b) for a, b in found.arrived.items() if a not in found.guessed]
        usual = median_low(known) if known else self._least_ns
        floor = None if known else self._least_ns
        more_left = len(ours) > len(theirs)
        few, many = (theirs, ours) if more_left else (ours, theirs)

        def cost(one: int, other: int) -> float:
            transit = self._transit(other, one) if more_left else self._transit(one, other)
            return inf if floor is not None and transit < floor else abs(transit - (usual or 0))

        if usual is None or (not more_left and len(few) == 1):
            first = (
                len(many) - len(few) if more_left else 0
            )  # what arrives first is the original, the others are doubles
            chosen = many[first : first + len(few)]
        else:
            chosen = _laid(few, many, cost)
        if more_left:
            found.arrived.update(zip(chosen, few, strict=True))
            if not known:
                found.guessed.update(chosen)
            return
        found.arrived.update(zip(few, chosen, strict=True))
        for extra in set(many) - set(chosen):
            earlier = [a for a in ours if found.arrived[a] < extra]
            found.doubled[extra] = earlier[-1] if earlier else ours[0]

    def _transit(self, left: int, arrived: int) -> int:
        return self._arrived[arrived].time_ns - self._left[left].time_ns


def _laid(few: list[int], many: list[int], cost: Callable[[int, int], float]) -> list[int]:
    """One of `many` for each of `few`, in order, at the least cost in all."""
    spare = len(many) - len(few)
    if len(few) * (spare + 1) > _MOST_CELLS:
        return many[spare:]
    rows: list[list[tuple[float, int]]] = []
    """For each of `few`, and each number of `many` that were skipped until then: cost so far, skipped before it."""
    before = [(0.0, 0)] * (spare + 1)
    for index, one in enumerate(few):
        row: list[tuple[float, int]] = []
        best = (inf, 0)
        for skipped in range(spare + 1):
            best = min(best, (before[skipped][0], skipped))
            row.append((best[0] + cost(one, many[index + skipped]), best[1]))
        rows.append(row)
        before = row
    skipped = min(range(spare + 1), key=lambda position: rows[-1][position][0])
    chosen = []
    for index in range(len(few) - 1, -1, -1):
        chosen.append(many[index + skipped])
        skipped = rows[index][skipped][1]
    return chosen[::-1]
