"""What RFC 9293 has a server answer to a segment out of nowhere, beside what came.

CLOSED (§3.10.7.1): a RST is dropped; anything else gets a RST, with ACK if the segment had none.
LISTEN (§3.10.7.2), in this order: a RST is dropped; an ACK gets a RST; a SYN gets a SYN,ACK; the rest is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment, flag_names
from handshake.model.report import Answer

if TYPE_CHECKING:
    from handshake.model.handshake import Handshake

SILENCE = "no answer"


def answer_to(flags: int, handshake: Handshake | None) -> Answer:
    """Judge what came back to a single segment with these flags, as the `handshake` (None: nothing seen) tells it."""
    listening, closed = _listening(flags), _closed(flags)
    came = _came(handshake) if handshake else SILENCE
    linux = flags & (SYN | FIN | ACK | RST) == SYN | FIN and came == SILENCE
    return Answer(
        sent=",".join(flag_names(flags)) or "no flags",
        listening=listening,
        closed=closed,
        came=came,
        meaning="as Linux has a listening port do, against the RFC" if linux else _meaning(came, listening, closed),
        expected=linux or came in (listening, closed),
        deviation=_deviation(flags),
    )


def _listening(flags: int) -> str:
    if flags & RST:
        return SILENCE
    if flags & ACK:
        return "RST"
    return "SYN,ACK" if flags & SYN else SILENCE


def _closed(flags: int) -> str:
    if flags & RST:
        return SILENCE
    return "RST" if flags & ACK else "RST,ACK"


def _deviation(flags: int) -> str:
    if flags & (RST | ACK):
        return ""
    if flags & SYN:
        return "Linux drops SYN,FIN at a listening port" if flags & FIN else ""
    return "Windows and some others answer RST,ACK at a listening port too"


def _meaning(came: str, listening: str, closed: str) -> str:
    filtered = " (or a filter dropped it)" if came == SILENCE else ""
    if came == listening == closed:
        return f"as any port does, listening or not{filtered}"
    if came == listening:
        return f"as a listening port does{filtered}"
    if came == closed:
        return "as a closed port does"
    return "a filter or loss on the way: any port would have answered" if came == SILENCE else "as no port should"


def _came(handshake: Handshake) -> str:
    """The first thing that did not come from the sender of the first segment, in words."""
    packets = [step.packet for step in handshake.steps]
    sender = packets[0].src
    for packet in packets:
        if isinstance(packet, IcmpError):
            return f"ICMP {packet.meaning}"
        if isinstance(packet, Segment) and packet.src != sender:
            return ",".join(flag_names(packet.flags & (SYN | ACK | RST | FIN)))
    return SILENCE
