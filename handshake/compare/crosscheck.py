"""The crosscheck of one capture: packets and claims go in frame by frame, handshakes at the end, differences come out."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from handshake.compare import judgement
from handshake.compare.case import Facts, FileCase, FrameCase, StreamCase
from handshake.compare.headers import differing
from handshake.compare.pairing import Pair, paired
from handshake.compare.stream import Stream
from handshake.compare.traps import explained
from handshake.model.claim import Claim
from handshake.model.crosscheck import Checked, Count, Difference, Level, Verdict
from handshake.model.handshake import Handshake
from handshake.model.packet import Frame, IcmpError, Packet, Segment

KEPT = 1000
"""Differences of one kind that are kept; further ones are counted."""
_NO_STREAM = -1
_ERRORS_KEPT = 8

Case = FileCase | FrameCase | StreamCase
Kind = tuple[Verdict, str | None, Level, str]


class Crosscheck:
    """Holds our reading of a capture against tshark's. Sans I/O, and bounded but for one number a frame."""

    def __init__(self) -> None:
        self.frames = 0
        self._segments = 0
        self._streams: dict[int, Stream] = {}
        self._stream_of = array("l", [_NO_STREAM])
        self._facts = Facts()
        self._counts: Counter[Kind] = Counter()
        self._differences: list[Difference] = []

    def frame(self, frame: Frame, packet: Packet, claim: Claim, *, folded: bool = False) -> None:
        """One frame in both readings. `folded`: we recognised it as captured before."""
        self.frames += 1
        ours, theirs = packet.transport, claim.packet.transport
        stream = claim.stream if isinstance(theirs, Segment) else None
        self._stream_of.append(_NO_STREAM if stream is None else stream)
        if isinstance(theirs, IcmpError):
            errors = self._facts.errors.setdefault(frozenset((theirs.src, theirs.dst)), [])
            if len(errors) < _ERRORS_KEPT:
                errors.append(theirs)
        if isinstance(theirs, Segment) and stream is not None:
            if stream not in self._streams:
                self._streams[stream] = Stream(stream, theirs)
            self._streams[stream].add(claim, theirs)
            self._facts.folded[stream] += folded
        self._compare(frame, packet, claim, ours, theirs)

    def _compare(self, frame: Frame, packet: Packet, claim: Claim, ours: object, theirs: object) -> None:
        points: list[tuple[str, str, str]] = []
        if claim.time_ns is not None and claim.time_ns != frame.time_ns:
            points.append(("time", str(frame.time_ns), str(claim.time_ns)))
        if (claim.cap_len, claim.orig_len) != (len(frame.data), frame.orig_len):
            points.append(("length", f"{len(frame.data)} of {frame.orig_len}", f"{claim.cap_len} of {claim.orig_len}"))
        self._segments += isinstance(ours, Segment) or isinstance(theirs, Segment)
        if isinstance(ours, Segment) and isinstance(theirs, Segment):
            points.extend(differing(ours, theirs))
        elif isinstance(ours, Segment) or isinstance(theirs, Segment):
            points.append(("tcp", _carries(packet), _carries(claim.packet)))
        for point, left, right in points:
            case = FrameCase(point, left, right, packet, claim)
            trap = self._add(case, Level.FRAME, frame.number, claim.stream, whole=claim.whole)
            if point == "tcp":
                segment = ours if isinstance(ours, Segment) else theirs
                if isinstance(segment, Segment):
                    self._facts.odd.setdefault(frozenset((segment.src, segment.dst)), set()).add(trap)

    def ended(self, ours: int, theirs: int) -> None:
        """One side has more frames than the other: they were held against each other as far as both go."""
        case = FileCase("frames", f"{ours}", f"{theirs}")
        verdict = Verdict.OURS_WRONG if ours < theirs else Verdict.UNDECIDED
        self._keep(case, Level.FILE, min(ours, theirs) + 1, None, verdict, None)

    def finish(self, checked: Checked, handshakes: Iterable[Handshake]) -> Checked:
        """Compare the streams, now that all is read; `checked` with everything filled in."""
        flows = sorted(handshakes, key=lambda handshake: handshake.number)
        pairs = paired(flows, self._streams.values(), self._stream)
        agreeing = explained_ones = 0
        for pair in pairs:
            before = self._counts.total(), self._unexplained
            for point, left, right in self._points(pair):
                case = StreamCase(point, left, right, pair, self._facts)
                number = pair.parts[0].number if pair.parts else None
                self._add(case, Level.STREAM, pair.frame, number, whole=True)
            differences, unexplained = self._counts.total() - before[0], self._unexplained - before[1]
            agreeing += not differences
            explained_ones += differences > 0 and not unexplained
        return replace(
            checked,
            frames=self.frames,
            segments=self._segments,
            streams=len(pairs),
            agreeing=agreeing,
            explained=explained_ones,
            counts=tuple(Count(*kind, number) for kind, number in self._counts.items()),
            differences=tuple(self._differences),
        )

    def _stream(self, frame: int) -> int | None:
        number = self._stream_of[frame] if frame < len(self._stream_of) else _NO_STREAM
        return None if number == _NO_STREAM else number

    @property
    def _unexplained(self) -> int:
        return sum(number for kind, number in self._counts.items() if kind[0] is not Verdict.TRAP)

    def _points(self, pair: Pair) -> Iterator[tuple[str, str, str]]:
        """The points in which the two opinions of a stream differ."""
        if pair.flow is None:
            yield "missing", "-", judgement.theirs(pair.parts, self._facts.errors).outcome
            return
        if not pair.parts:
            if pair.within is None:
                yield "invented", judgement.ours(pair.flow).outcome, "-"
            else:
                yield "apart", judgement.ours(pair.flow).outcome, f"in stream {pair.within.number}"
            return
        if len(pair.parts) > 1:
            yield "joined", "1 stream", f"{len(pair.parts)} streams"
        their = judgement.theirs(pair.parts, self._facts.errors, pair.flow)
        yield from judgement.differences(judgement.ours(pair.flow), their)

    def _add(
        self, case: FrameCase | StreamCase, level: Level, frame: int, stream: int | None, *, whole: bool
    ) -> str | None:
        """Classify a difference, count it and keep it; the trap that explains it."""
        trap = explained(case)
        name = None if trap is None else trap.name
        if trap is not None:
            verdict = Verdict.TRAP
        elif case.point in ("missing", "invented", "tcp") or (level is Level.FRAME and whole):
            verdict = Verdict.OURS_WRONG
        else:
            verdict = Verdict.UNDECIDED
        self._keep(case, level, frame, stream, verdict, name)
        return name

    def _keep(
        self, case: Case, level: Level, frame: int, stream: int | None, verdict: Verdict, trap: str | None
    ) -> None:
        kind = verdict, trap, level, case.point
        self._counts[kind] += 1
        if self._counts[kind] <= KEPT:
            self._differences.append(
                Difference(level, frame, stream, case.point, case.ours, case.theirs, verdict, trap)
            )


def _carries(packet: Packet) -> str:
    """What a frame carries, in words."""
    if packet.transport is not None:
        return type(packet.transport).__name__.lower()
    return packet.stop.reason if packet.stop else "nothing"
