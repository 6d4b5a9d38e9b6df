"""What either side says of one stream, in the same words, so that it can be compared point by point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from handshake.compare.headers import kinds, same_kinds
from handshake.compare.stream import Stream
from handshake.model import seq
from handshake.model.address import Endpoint
from handshake.model.handshake import Handshake, Mark, Outcome
from handshake.model.packet import RST, IcmpError, Segment

Ends = frozenset[Endpoint]
Errors = Mapping[Ends, Sequence[IcmpError]]
"""ICMP errors by the endpoints of the packet that they quote."""

_SYN, _SYN_ACK, _ACK, _DATA = 1, 2, 4, 8
"""Bits of `tcp.completeness`."""


class Opinion(NamedTuple):
    """What one side says of one stream."""

    outcome: str
    syn_retransmits: int
    synack_retransmits: int
    irtt_ns: int | None
    """None where it was not measured, or is not to be trusted (Karn)."""
    syn: Segment | None
    syn_ack: Segment | None
    segments: int
    complete: bool
    """All of the handshake was seen: by our state machine; by the bits of `tcp.completeness`."""


VALUES = ("outcome", "syn_retransmits", "synack_retransmits", "irtt_ns", "segments", "complete")
OPTIONS = ("syn_options", "synack_options")
"""What is compared of two opinions."""


def differences(mine: Opinion, their: Opinion) -> Iterator[tuple[str, str, str]]:
    """The points in which two opinions differ, with what either says; a round trip only where both have one."""
    for point in VALUES:
        left, right = getattr(mine, point), getattr(their, point)
        if left != right and not (point == "irtt_ns" and None in (left, right)):
            yield point, str(left), str(right)
    for point, one, other in zip(OPTIONS, (mine.syn, mine.syn_ack), (their.syn, their.syn_ack), strict=True):
        if not same_kinds(one, other):
            yield point, kinds(one), kinds(other)


def ours(handshake: Handshake) -> Opinion:
    """Our opinion."""
    return Opinion(
        handshake.outcome.value,
        handshake.syn_retransmits,
        handshake.synack_retransmits,
        handshake.timing.irtt_ns,
        handshake.client.opening,
        handshake.server.opening,
        handshake.client.segments + handshake.server.segments,
        handshake.outcome.opened,
    )


def theirs(parts: Sequence[Stream], errors: Errors, flow: Handshake | None = None) -> Opinion:
    """The opinion of tshark on a stream, or on several that are one connection attempt: how the last of them ended.

    Copies of a SYN or SYN-ACK may offer different options; those of the copies that `flow` shows are compared.
    """
    last = parts[-1]
    syn = _shown([syn for part in parts for syn in part.syns], flow.client.opening if flow else None)
    answers = [answer for part in parts for answer in part.syn_acks if not part.syns or part.acknowledged(answer)]
    answer = _shown(answers, flow.server.opening if flow else None, *(part.syns for part in parts))
    copies = Counter[tuple[Endpoint, int, int]]()
    for part in parts:
        copies.update(part.copies)
    repeated = Counter[bool]()
    for (_, _, ack), number in copies.items():
        repeated[bool(ack)] += number - 1
    outcome = outcome_of(last, errors.get(last.ends, ()))
    measured = last.third is not None and not repeated[True]  # theirs includes the wait for the copy
    completeness = last.completeness or 0
    return Opinion(
        outcome.value,
        repeated[False],
        repeated[True],
        last.initial_rtt_ns if measured else None,
        syn,
        answer,
        sum(part.segments for part in parts),
        completeness & (_SYN | _SYN_ACK) == _SYN | _SYN_ACK and bool(completeness & (_ACK | _DATA)),
    )


def outcome_of(stream: Stream, errors: Iterable[IcmpError]) -> Outcome:
    """How the opening ended, read off the numbers that tshark dissected."""
    client = stream.client
    reset_by_client = stream.reset is not None and stream.reset.src == client
    if not stream.syns:
        return Outcome.ONE_SIDED if stream.syn_acks and client not in stream.senders else Outcome.MIDSTREAM
    if stream.crossed and (stream.third is not None or stream.crossing_confirmed):
        split = {answer.src for answer in stream.syn_acks} == {client}
        return Outcome.SPLIT_HANDSHAKE if split else Outcome.SIMULTANEOUS_OPEN
    alone = len(stream.ends) == 1 and stream.answer is not None  # it talks to itself
    if stream.third is not None or alone:
        return Outcome.ESTABLISHED
    if stream.answer is not None:
        if stream.reset is None:
            return Outcome.HALF_OPEN
        return Outcome.ABORTED_BY_CLIENT if reset_by_client else Outcome.ABORTED_BY_SERVER
    if stream.reset is not None:
        return Outcome.ABORTED_BY_CLIENT if reset_by_client else Outcome.REFUSED
    servers = stream.ends - {client}
    if stream.said & servers or (client in stream.spoke and stream.spoke & servers):
        return Outcome.MIDSTREAM
    if client in stream.spoke:
        return Outcome.ONE_SIDED
    return Outcome.UNREACHABLE if any(_blames(error, stream.syns) for error in errors) else Outcome.UNANSWERED


def _blames(error: IcmpError, syns: Iterable[Segment]) -> bool:
    """The error says that one of these SYNs was not delivered (RFC 5927 §4.1: it quotes its number)."""
    quoted = (syn for syn in syns if (syn.src, syn.dst) == (error.src, error.dst))
    return error.undeliverable and any(error.seq in (None, syn.seq) for syn in quoted)


def _shown(copies: Sequence[Segment], chosen: Segment | None, *others: Iterable[Segment]) -> Segment | None:
    """The one of the copies (or of the others) that is in the chosen frame, else the first copy."""
    known = (*copies, *chain.from_iterable(others))
    return next((copy for copy in known if chosen and copy.number == chosen.number), next(iter(copies), None))


def completed_by(handshake: Handshake) -> Segment | None:
    """The segment that completed the handshake by our reading."""
    for step in handshake.steps:
        if Mark.HANDSHAKE_COMPLETE in step.marks and isinstance(step.packet, Segment):
            return step.packet
    return None


def stray_answer(stream: Stream) -> Segment | None:
    """A reply to the SYN that does not acknowledge it, and that the client rejected with a RST of that number.

    Half-open recovery, RFC 9293 §3.5.1: the client stays in SYN-SENT and asks again.
    """
    for position, stray in enumerate(stream.early):
        acked = stray.ack
        if stray.src == stream.client or acked is None or not stream.syns:
            continue
        if any(acked in (seq.add(syn.seq, 1), seq.add(syn.seq, 1 + syn.payload_len)) for syn in stream.syns):
            continue
        for reset in stream.early[position + 1 :]:
            if reset.src == stream.client and reset.flags & RST and reset.seq == acked:
                return stray
    return None
