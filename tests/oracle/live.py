"""What the tshark of this machine says of many captures, two at a time, each asked once in a test run."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from handshake.compare.stream import Stream
from handshake.crosscheck import crosscheck
from handshake.model.crosscheck import Checked
from handshake.model.options import EOL
from handshake.model.packet import Segment
from handshake.oracle import Dissection


@cache
def crosschecked(paths: tuple[Path, ...]) -> dict[str, Checked]:
    """The result for each capture, by its name."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        return dict(zip((path.name for path in paths), pool.map(crosscheck, paths), strict=True))


class Facts(NamedTuple):
    """One of tshark's streams."""

    number: int
    first_frame: int
    ends: frozenset[str]
    segments: int
    syns: int
    syn_acks: int
    completeness: int | None
    initial_rtt_ns: int | None
    syn_kinds: tuple[int, ...] | None
    """Option kinds of the first SYN, without the end of the list."""
    syn_ack_kinds: tuple[int, ...] | None
    three_way: bool
    """SYN, SYN-ACK and a third segment fit together by their numbers."""


@cache
def streams_told(paths: tuple[Path, ...]) -> dict[str, set[Facts]]:
    """The streams of each capture, by its name."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        return dict(zip((path.name for path in paths), pool.map(_streams, paths), strict=True))


def _streams(path: Path) -> set[Facts]:
    streams: dict[int, Stream] = {}
    with Dissection(path) as dissection:
        for claim in dissection:
            segment, number = claim.packet.transport, claim.stream
            if isinstance(segment, Segment) and number is not None:
                if number not in streams:
                    streams[number] = Stream(number, segment)
                streams[number].add(claim, segment)
    return {_facts(stream) for stream in streams.values()}


def _facts(stream: Stream) -> Facts:
    first, syns, syn_acks = stream.first, stream.syns, stream.syn_acks
    return Facts(
        stream.number,
        first.number,
        frozenset((str(first.src), str(first.dst))),
        stream.segments,
        sum(number for (_, _, ack), number in stream.copies.items() if not ack),
        sum(number for (_, _, ack), number in stream.copies.items() if ack),
        stream.completeness,
        stream.initial_rtt_ns,
        _kinds(syns),
        _kinds(syn_acks),
        bool(syns and stream.third),
    )


def _kinds(copies: list[Segment]) -> tuple[int, ...] | None:
    return tuple(option.kind for option in copies[0].options.items if option.kind != EOL) if copies else None
