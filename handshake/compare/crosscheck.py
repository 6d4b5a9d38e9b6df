"""The crosscheck of one capture: packets and claims in, frame by frame, and handshakes at the end; differences out."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from handshake.compare import judgement
from handshake.compare.case import Facts, FrameCase, StreamCase
from handshake.compare.headers import differing
from handshake.compare.pairing import Pair, paired
from handshake.compare.stream import Stream
from handshake.compare.traps import explained
from handshake.model.claim import Claim
from handshake.model.crosscheck import Checked, Count, Difference, Level, Verdict
from handshake.model.handshake import Handshake
from handshake.model.packet import Datagram, Frame, IcmpError, Packet, Segment

KEPT = 1000
"""Differences of one kind that are kept; further ones are counted."""
_NO_STREAM = -1
_ERRORS_KEPT = 8
_ALONE_KEPT = _LATEST_KEPT = 4096
_TWICE_NS = 100_000_000
"""Between two captures of one packet; a segment is sent again after 200 ms at the soonest (RFC 6298 says 1 s)."""

Transport = Segment | Datagram | IcmpError | None
Kind = tuple[Verdict, str | None, Level, str]
Point = tuple[str, str, str]
"""What differs, and what we and tshark say."""


class Latest:
    """The latest segments, to find those that were captured twice. Bounded."""

    def __init__(self) -> None:
        self._new: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def seen(self, segment: Segment) -> bool:
        """Whether the same packet, to its identification, was captured just before; if not, remember it."""
        numbers = segment.seq, segment.ack_raw, segment.flags, segment.wnd, segment.payload_len, segment.ip_id
        key = hash((segment.src, segment.dst, numbers, segment.options))
        before_ns = self._new.get(key, self._old.get(key))
        if before_ns is not None and 0 <= segment.time_ns - before_ns <= _TWICE_NS:
            return True
        if len(self._new) >= _LATEST_KEPT:
            self._new, self._old = {}, self._new
        self._new[key] = segment.time_ns
        return False


class Crosscheck:
    """Holds our reading of a capture against tshark's. Sans I/O, and bounded but for one number a frame."""

    def __init__(self) -> None:
        self.frames = 0
        """Frames that were held against each other."""
        self._segments = 0
        self._streams: dict[int, Stream] = {}
        self._stream_of = array("q", [_NO_STREAM])
        """The stream of each frame."""
        self._facts = Facts()
        self._latest = Latest()
        self._counts: Counter[Kind] = Counter()
        self._unexplained = 0
        self._differences: list[Difference] = []

    def frame(self, frame: Frame, packet: Packet, claim: Claim, *, folded: bool = False) -> None:
        """One frame in both readings. `folded`: we recognised it as captured before."""
        self.frames += 1
        self._note(claim, folded)
        for point, left, right in (*_around(frame, claim), *self._headers(packet, claim)):
            trap = explained(FrameCase(point, left, right, packet, claim, self._facts))
            wrong = point == "tcp" or claim.whole
            self._add(Level.FRAME, (point, left, right), (frame.number, claim.stream), trap, wrong=wrong)
            if point == "tcp":
                self._note_odd(packet.transport, claim.packet.transport, trap)

    def _note(self, claim: Claim, folded: bool) -> None:
        """Sort a claim into its stream."""
        transport, number = claim.packet.transport, claim.stream
        self._stream_of.append(_NO_STREAM if number is None else number)
        if isinstance(transport, IcmpError):
            errors = self._facts.errors.setdefault(frozenset((transport.src, transport.dst)), [])
            if len(errors) < _ERRORS_KEPT:
                errors.append(transport)
        elif isinstance(transport, Segment) and number is not None:
            if number not in self._streams:
                self._streams[number] = Stream(number, transport)
            twice = folded & self._latest.seen(transport)
            self._streams[number].add(claim, transport, twice=twice)
            self._facts.folded[number] += twice

    def _note_odd(self, ours: Transport, theirs: Transport, trap: str | None) -> None:
        """Remember a frame that only one side takes for TCP."""
        facts = self._facts
        if isinstance(ours, Segment):
            facts.ours_alone[ours.number] = None
            if len(facts.ours_alone) > _ALONE_KEPT:
                del facts.ours_alone[next(iter(facts.ours_alone))]
        segment = ours if isinstance(ours, Segment) else theirs
        if isinstance(segment, Segment):
            facts.odd.setdefault(frozenset((segment.src, segment.dst)), set()).add(trap)

    def _headers(self, packet: Packet, claim: Claim) -> Iterator[Point]:
        ours, theirs = packet.transport, claim.packet.transport
        both = isinstance(ours, Segment), isinstance(theirs, Segment)
        self._segments += any(both)
        if isinstance(ours, Segment) and isinstance(theirs, Segment):
            yield from differing(ours, theirs)
        elif any(both):
            yield "tcp", _carries(packet), _carries(claim.packet)

    def ended(self, ours: int, theirs: int) -> None:
        """One side has more frames than the other: they were held against each other as far as both go."""
        point = "frames", str(ours), str(theirs)
        self._add(Level.FILE, point, (min(ours, theirs) + 1, None), None, wrong=ours < theirs)

    def finish(self, checked: Checked, handshakes: Iterable[Handshake]) -> Checked:
        """Compare the streams, now that all is read; `checked` with everything filled in."""
        flows = sorted(handshakes, key=lambda handshake: handshake.number)
        pairs = paired(flows, self._streams.values(), self._stream)
        agreeing = trapped = 0
        for pair in pairs:
            before = self._counts.total(), self._unexplained
            for point, left, right in self._points(pair):
                trap = explained(StreamCase(point, left, right, pair, self._facts))
                stream = pair.parts[0].number if pair.parts else None
                wrong = point in ("missing", "invented")
                self._add(Level.STREAM, (point, left, right), (pair.frame, stream), trap, wrong=wrong)
            agreeing += self._counts.total() == before[0]
            trapped += self._counts.total() > before[0] and self._unexplained == before[1]
        return replace(
            checked,
            frames=self.frames,
            segments=self._segments,
            streams=len(pairs),
            agreeing=agreeing,
            explained=trapped,
            counts=tuple(Count(*kind, number) for kind, number in self._counts.items()),
            differences=tuple(self._differences),
        )

    def _stream(self, frame: int) -> int | None:
        number = self._stream_of[frame] if frame < len(self._stream_of) else _NO_STREAM
        return None if number == _NO_STREAM else number

    def _points(self, pair: Pair) -> Iterator[Point]:
        """The points in which the two opinions of a stream differ."""
        if pair.flow is None:
            yield "missing", "-", judgement.theirs(pair.parts, self._facts.errors).outcome
        elif pair.within is not None:
            yield "apart", judgement.ours(pair.flow).outcome, f"in stream {pair.within.number}"
        elif not pair.parts:
            yield "invented", judgement.ours(pair.flow).outcome, "-"
        else:
            if len(pair.parts) > 1:
                yield "joined", "1 stream", f"{len(pair.parts)} streams"
            their = judgement.theirs(pair.parts, self._facts.errors, pair.flow)
            yield from judgement.differences(judgement.ours(pair.flow), their)

    def _add(self, level: Level, what: Point, place: tuple[int, int | None], trap: str | None, *, wrong: bool) -> None:
        """Classify a difference, count and keep it; `place` is a frame and a stream; `wrong`: if no trap, then us."""
        point, ours, theirs = what
        verdict = Verdict.TRAP if trap else Verdict.OURS_WRONG if wrong else Verdict.UNDECIDED
        kind = verdict, trap, level, point
        self._counts[kind] += 1
        self._unexplained += trap is None
        if self._counts[kind] <= KEPT:
            self._differences.append(Difference(level, *place, point, ours, theirs, verdict, trap))


def _around(frame: Frame, claim: Claim) -> Iterator[Point]:
    """The points in which the frames themselves differ."""
    if claim.time_ns is not None and claim.time_ns != frame.time_ns:
        yield "time", str(frame.time_ns), str(claim.time_ns)
    if (claim.cap_len, claim.orig_len) != (len(frame.data), frame.orig_len):
        yield "length", f"{len(frame.data)} of {frame.orig_len}", f"{claim.cap_len} of {claim.orig_len}"


def _carries(packet: Packet) -> str:
    """What a frame carries, in words."""
    if packet.transport is not None:
        return type(packet.transport).__name__.lower()
    return packet.stop.reason if packet.stop else "nothing"
