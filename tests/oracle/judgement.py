"""Our judgement of a capture beside tshark's, stream by stream.

A stream is known by its first frame. tshark's side is the document that `../shared/captures/oracle.py` makes of a
capture; what an outcome corresponds to in its fields is read off here, with the traps of
`../shared/captures/README.md` in mind (completeness bits prove nothing; quoted TCP headers are no segments).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from handshake.api import Inspection
from handshake.model.handshake import Handshake, Outcome
from handshake.model.options import EOL
from handshake.model.packet import Segment
from handshake.source.capture import open_capture

Document = dict[str, Any]


class Opinion(NamedTuple):
    """What one side says of one stream. Option kinds as text, `-` where there is no such segment."""

    outcome: str
    syn_retransmits: int
    synack_retransmits: int
    irtt_ns: int | None
    """None where it was not measured, or not trusted (Karn)."""
    syn_options: str
    synack_options: str


class Difference(NamedTuple):
    """One point in which the two differ. `point` is a field of `Opinion`, `missing` or `invented`."""

    capture: str
    frame: int
    point: str
    ours: str
    theirs: str


def ours(path: Path) -> dict[int, Opinion]:
    """Our opinion of every stream, by the number of its first frame."""
    inspection = Inspection()
    with open_capture(path) as capture:
        handshakes = [handshake for frame in capture for handshake in inspection.feed(frame)]
    return {handshake.steps[0].packet.number: _opinion(handshake) for handshake in (*handshakes, *inspection.finish())}


def _opinion(handshake: Handshake) -> Opinion:
    synack = handshake.server.opening
    return Opinion(
        handshake.outcome.value,
        handshake.syn_retransmits + handshake.copies.syn,  # tshark does not tell copies from retransmissions
        handshake.synack_retransmits + handshake.copies.syn_ack,
        handshake.timing.irtt_ns,
        _kinds(handshake.client.opening),
        _kinds(synack),
    )


def _kinds(segment: Segment | None) -> str:
    """Kinds of a segment's options; not of one that overruns the header, which only we show as far as it goes."""
    if segment is None:
        return "-"
    options = segment.options
    good = options.items[:-1] if options.fault and "overruns" in options.fault else options.items
    return _unpadded(option.kind for option in good)


def _unpadded(kinds: Iterable[int]) -> str:
    """Kinds in wire order without the end-of-list bytes, which tshark lists one by one and we once."""
    return " ".join(str(kind) for kind in kinds if kind != EOL)


def theirs(document: Document) -> dict[int, Opinion]:
    """tshark's opinion of every stream, by its first frame."""
    attempts: dict[tuple[str, ...], list[Document]] = {}
    for stream in document["tcp"]:
        attempts.setdefault(_attempt(stream), []).append(stream)
    return {streams[0]["first_frame"]: _their_opinion(_joined(streams), document) for streams in attempts.values()}


def _attempt(stream: Document) -> tuple[str, ...]:
    """tshark opens a new stream for a mere copy of a SYN once an ICMP error has quoted it: they are one attempt."""
    if "syn" not in stream:
        return (str(stream["stream"]),)
    return stream["initiator"], stream["responder"], str(stream["syn"]["seq"])


def _joined(streams: list[Document]) -> Document:
    last = streams[-1]
    if len(streams) == 1:
        return last
    derived = dict(last["derived"], syn_retrans=sum(stream["syn_count"] for stream in streams) - 1)
    return dict(last, derived=derived)


def _their_opinion(stream: Document, document: Document) -> Opinion:
    derived = stream["derived"]
    measured = derived["three_way"] and not derived["synack_retrans"]  # theirs includes the wait for the copy
    rtt = stream["initial_rtt"] if measured else None
    return Opinion(
        _their_outcome(stream, document["icmp_errors"]).value,
        derived["syn_retrans"],
        derived["synack_retrans"],
        None if rtt is None else int(rtt.replace(".", "")),
        *(_unpadded(stream[key]["opts"]["kinds"]) if key in stream else "-" for key in ("syn", "synack")),
    )


def _their_outcome(stream: Document, errors: list[Document]) -> Outcome:
    derived = stream["derived"]
    reset_by_client = stream.get("first_rst", {}).get("from") == "initiator"
    if not stream["syn_count"]:
        return Outcome.ONE_SIDED if stream["synack_count"] == stream["frames"] else Outcome.MIDSTREAM
    if derived["three_way"]:
        return Outcome.SIMULTANEOUS_OPEN if derived["syn_both_sides"] else Outcome.ESTABLISHED
    if derived["synack_acks_syn"]:
        if not stream["rst_count"]:
            return Outcome.HALF_OPEN
        return Outcome.ABORTED_BY_CLIENT if reset_by_client else Outcome.ABORTED_BY_SERVER
    if stream["rst_count"]:
        return Outcome.ABORTED_BY_CLIENT if reset_by_client else Outcome.REFUSED
    if stream["frames"] > stream["syn_count"]:
        return Outcome.ONE_SIDED
    ends = {stream["initiator"], stream["responder"]}
    return Outcome.UNREACHABLE if any(_quoted(error) == ends for error in errors) else Outcome.UNANSWERED


def _quoted(error: Document) -> set[str]:
    quoted = error["embedded"]
    shape = "[{}]:{}" if ":" in (quoted["src"] or "") else "{}:{}"
    return {shape.format(quoted["src"], quoted["sport"]), shape.format(quoted["dst"], quoted["dport"])}


def differences(capture: str, mine: Mapping[int, Opinion], their: Mapping[int, Opinion]) -> Iterator[Difference]:
    """Every point in which the two differ; a round trip only where both have one."""
    for frame in sorted(mine.keys() | their.keys()):
        if frame not in mine:
            yield Difference(capture, frame, "missing", "-", their[frame].outcome)
        elif frame not in their:
            yield Difference(capture, frame, "invented", mine[frame].outcome, "-")
        else:
            for point, left, right in zip(Opinion._fields, mine[frame], their[frame], strict=True):
                if left != right and not (point == "irtt_ns" and None in (left, right)):
                    yield Difference(capture, frame, point, str(left), str(right))
