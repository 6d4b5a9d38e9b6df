"""A difference with the facts around it, from which a trap can be told."""

from __future__ import annotations

from collections import Counter
from dataclasses import field

from handshake.compare.judgement import Ends
from handshake.compare.pairing import Pair
from handshake.model.claim import Claim
from handshake.model.packet import IcmpError, Packet
from handshake.model.record import dataclass


@dataclass(slots=True)
class Facts:
    """What is known of a capture beside its streams."""

    errors: dict[Ends, list[IcmpError]] = field(default_factory=dict)
    """ICMP errors, as tshark dissected them, by the endpoints that they quote; bounded."""
    folded: Counter[int] = field(default_factory=Counter)
    """Packets of a stream that we recognised as captured twice, and tshark has the same twice, by its number."""
    ours_alone: dict[int, None] = field(default_factory=dict)
    """Frames that only we take for TCP, in order; bounded."""
    odd: dict[Ends, set[str | None]] = field(default_factory=dict)
    """Endpoints with frames that only one side takes for TCP, with the trap that explains it, if one does."""


@dataclass(frozen=True, slots=True)
class FrameCase:
    """A difference in one frame."""

    point: str
    ours: str
    theirs: str
    packet: Packet
    claim: Claim
    facts: Facts


@dataclass(frozen=True, slots=True)
class StreamCase:
    """A difference in one stream."""

    point: str
    ours: str
    theirs: str
    pair: Pair
    facts: Facts
