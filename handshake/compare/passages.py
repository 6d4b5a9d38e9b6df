"""What became of each segment of one connection between the place near its client and the one near its server."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from handshake.compare.differences import differences
from handshake.compare.matching import Matches, Shift, match
from handshake.model import seq
from handshake.model.handshake import Side
from handshake.model.packet import Segment
from handshake.model.vantage import Fate, Passage, Trace


class Sides(NamedTuple):
    """The segments of one place by their sender, in the order of capture."""

    client: list[Segment]
    server: list[Segment]


def sides(trace: Trace, *, copies: bool = False) -> Sides:
    """All segments of a trace; with `copies` also what was captured once more."""
    segments = list(trace.segments)
    if copies and trace.copies:
        segments = sorted([*segments, *trace.copies], key=lambda segment: segment.number)
    client = trace.handshake.client.endpoint
    return Sides([each for each in segments if each.src == client], [each for each in segments if each.src != client])


def turned(near: Trace, far: Trace) -> Trace:
    """The far trace with the client that the near one has.

    They may disagree: without a SYN it is a guess, and in a simultaneous open each end sees its own SYN first.
    """
    ours, theirs = near.handshake, far.handshake
    ends = ours.client.endpoint, ours.server.endpoint
    if ends[0] == ends[1] or ends != (theirs.server.endpoint, theirs.client.endpoint):
        return far
    return replace(far, handshake=replace(theirs, client=theirs.server, server=theirs.client))


def shifts(near: Trace, far: Trace) -> Shift:
    """Sequence numbers at the far place minus those at the near one, of the client's and the server's; likely 0."""
    ours, theirs = sides(near), sides(far)
    return (
        _shift(near.handshake.client.iss, far.handshake.client.iss, ours.client, theirs.client),
        _shift(near.handshake.server.iss, far.handshake.server.iss, ours.server, theirs.server),
    )


def _shift(near_iss: int | None, far_iss: int | None, near: Sequence[Segment], far: Sequence[Segment]) -> int:
    if near_iss is None or far_iss is None or near_iss == far_iss:
        return 0
    there = Counter((each.seq, each.seg_len) for each in far if each.seg_len)

    def common(shift: int) -> int:
        here = Counter((seq.add(each.seq, shift), each.seg_len) for each in near if each.seg_len)
        return (here & there).total()

    return max((0, seq.distance(near_iss, far_iss)), key=common)


def direction(
    sender: Side, left: Sequence[Segment], arrived: Sequence[Segment], shift: Shift, least_ns: int | None
) -> list[Passage]:
    """The passages of one direction: what left, in that order, then what arrived and did not leave so."""
    found = match(left, arrived, shift, least_ns)
    pieces = _Pieces(left, arrived, shift[0], found)
    late = _overtaken(found)
    came_from = {b: a for a, b in found.arrived.items()}
    passages: list[Passage] = []
    for position, segment in enumerate(left):
        there = found.arrived.get(position)
        if there is None:
            passages.append(Passage(sender, pieces.fate(position), segment, None))
            continue
        changed = tuple(differences(segment, arrived[there], renumbered=shift != (0, 0)))
        passages.append(
            Passage(sender, Fate.ARRIVED, segment, arrived[there], position in found.guessed, position in late, changed)
        )
    for position, segment in enumerate(arrived):
        if position in found.doubled:
            passages.append(Passage(sender, Fate.DOUBLED, left[found.doubled[position]], segment))
        elif position not in came_from:
            fate = Fate.REPACKED if pieces.of_something(position) else Fate.FOREIGN
            passages.append(Passage(sender, fate, None, segment))
    return passages


def without(passages: Iterable[Passage], copies: Iterable[Segment]) -> Iterator[Passage]:
    """All but what was doubled before it left: of that the capture near the sender has copies as well."""
    before = Counter(map(_identity, copies))
    for passage in passages:
        if passage.fate is Fate.DOUBLED and passage.left is not None and before[_identity(passage.left)]:
            before[_identity(passage.left)] -= 1
        else:
            yield passage


def _identity(segment: Segment) -> tuple[object, ...]:
    return segment.src, segment.seq, segment.ack_raw, segment.flags, segment.payload_len, segment.ip_id, segment.options


def _overtaken(found: Matches) -> set[int]:
    """Of what left: what arrived behind something that left later."""
    late = set()
    earliest: int | None = None
    for position in sorted(found.arrived, reverse=True):
        there = found.arrived[position]
        if earliest is not None and there > earliest:
            late.add(position)
        earliest = there if earliest is None else min(earliest, there)
    return late


class _Pieces:
    """Data that left in one shape and arrived in another."""

    def __init__(self, left: Sequence[Segment], arrived: Sequence[Segment], shift: int, found: Matches) -> None:
        taken = {*found.arrived.values(), *found.doubled}
        ours = [(p, seq.add(s.seq, shift), s.payload_len) for p, s in enumerate(left) if p not in found.arrived]
        theirs = [(p, s.seq, s.payload_len) for p, s in enumerate(arrived) if p not in taken]
        self._ours = {p: (start, size) for p, start, size in ours if size}
        self._theirs = {p: (start, size) for p, start, size in theirs if size}

    def fate(self, position: int) -> Fate:
        """What became of an unmatched segment that left."""
        if position not in self._ours or not self._theirs:
            return Fate.LOST
        start, size = self._ours[position]
        there = _covered(start, size, list(self._theirs.values()))
        return Fate.REPACKED if there == size else Fate.PARTLY if there else Fate.LOST

    def of_something(self, position: int) -> bool:
        """Whether an unmatched segment that arrived consists of bytes that left."""
        if position not in self._theirs:
            return False
        start, size = self._theirs[position]
        return _covered(start, size, list(self._ours.values())) == size


def _covered(start: int, size: int, others: Sequence[tuple[int, int]]) -> int:
    """How many of the bytes from `start` on the others hold together."""
    parts = sorted(
        (max(seq.distance(start, at), 0), min(seq.distance(start, at) + length, size)) for at, length in others
    )
    reached = covered = 0
    for begin, end in parts:
        if end > max(begin, reached):
            covered += end - max(begin, reached)
            reached = end
    return covered
