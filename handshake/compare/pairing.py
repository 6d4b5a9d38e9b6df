"""Which of our handshakes is which of tshark's streams.

By the first frame; then, of what is left, by endpoints and nearest start: a stream that tshark dates by its last
fragment is still the same. A stream that is left and lies within a handshake of ours is a piece of it, and the other
way round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import field

from handshake.compare.judgement import Ends
from handshake.compare.stream import Stream
from handshake.model.handshake import Handshake
from handshake.model.record import dataclass


@dataclass(slots=True)
class Pair:
    """One connection attempt as either side has it."""

    flow: Handshake | None
    """None: we do not have it."""
    parts: list[Stream] = field(default_factory=list)
    """tshark's streams, several if it cuts the attempt into pieces; none if it does not have it."""
    within: Stream | None = None
    """The stream, paired with another handshake, in which tshark has our flow."""
    siblings: list[Handshake] = field(default_factory=list)
    """Handshakes of ours that tshark has in the same stream."""

    @property
    def frame(self) -> int:
        """Its first frame, by our reading if we have it."""
        return first_frame(self.flow) if self.flow else self.parts[0].first.number

    @property
    def ends(self) -> Ends:
        """Both endpoints."""
        return ends_of(self.flow) if self.flow else self.parts[0].ends


def first_frame(flow: Handshake) -> int:
    """The number of the frame that a handshake begins with."""
    return flow.steps[0].packet.number


def ends_of(flow: Handshake) -> Ends:
    """Both endpoints of a handshake."""
    return frozenset((flow.client.endpoint, flow.server.endpoint))


def paired(flows: Iterable[Handshake], streams: Iterable[Stream], stream_of: Callable[[int], int | None]) -> list[Pair]:
    """Pairs in the order of their first frames; `stream_of` gives the number of a frame's stream."""
    by_number = {stream.number: stream for stream in streams}
    by_frame = {stream.first.number: stream for stream in by_number.values()}
    pairs = [Pair(flow, [by_frame.pop(frame)] if (frame := first_frame(flow)) in by_frame else []) for flow in flows]
    homeless = _by_stream([pair for pair in pairs if not pair.parts], by_frame, stream_of)
    _by_ends(homeless, by_frame)
    _pieces(pairs, by_frame)
    owners = {part.number: pair for pair in pairs for part in pair.parts}
    for pair in pairs:
        number = stream_of(pair.frame)
        if not pair.parts and number in owners and pair.flow is not None:
            owner = owners[number]
            pair.within = by_number[number]
            if owner.flow is not None:
                pair.siblings.append(owner.flow)
            owner.siblings.append(pair.flow)
    pairs += [Pair(None, [stream]) for stream in by_frame.values()]
    return sorted(pairs, key=lambda pair: pair.frame)


def _by_stream(pairs: list[Pair], left: dict[int, Stream], stream_of: Callable[[int], int | None]) -> list[Pair]:
    """Give each flow the stream that its first frame is in, if that is left; the flows whose frame is in none."""
    by_number = {stream.number: stream for stream in left.values()}
    homeless = []
    for pair in pairs:
        number = stream_of(pair.frame)
        if number is None:
            homeless.append(pair)
        elif number in by_number:
            pair.parts.append(left.pop(by_number.pop(number).first.number))
    return homeless


def _by_ends(pairs: list[Pair], left: dict[int, Stream]) -> None:
    """Give each flow without a stream the one of its endpoints that starts nearest; what is given leaves `left`."""
    by_ends: dict[Ends, list[Stream]] = {}
    for stream in left.values():
        by_ends.setdefault(stream.ends, []).append(stream)
    for pair in pairs:
        candidates = by_ends.get(pair.ends, [])
        if pair.flow is None or not candidates:
            continue
        start_ns = pair.flow.start_ns
        nearest = min(candidates, key=lambda stream: abs(stream.first.time_ns - start_ns))
        candidates.remove(nearest)
        pair.parts.append(left.pop(nearest.first.number))


def _pieces(pairs: list[Pair], left: dict[int, Stream]) -> None:
    """Give what is left to the latest flow of the same endpoints that has a stream and was going on at that time."""
    by_ends: dict[Ends, list[Pair]] = {}
    for pair in pairs:
        if pair.flow is not None and pair.parts:
            by_ends.setdefault(pair.ends, []).append(pair)
    for stream in sorted(left.values(), key=lambda stream: stream.first.number):
        for pair in reversed(by_ends.get(stream.ends, [])):
            flow = pair.flow
            if flow is not None and first_frame(flow) < stream.first.number and stream.first.time_ns <= flow.end_ns:
                pair.parts.append(left.pop(stream.first.number))
                break
