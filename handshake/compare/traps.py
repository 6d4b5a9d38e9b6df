"""The known traps of tshark: where its word and ours differ, and it is known why.

A trap explains a difference only if the facts that make the trap are there; none knows a capture by name. Each names
its proof: a section of an RFC, or the place in tshark's own description of its fields.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from handshake.compare.case import FrameCase, StreamCase
from handshake.compare.judgement import completed_by, outcome_of, stray_answer
from handshake.compare.pairing import first_frame
from handshake.compare.stream import Stream
from handshake.flow.table import LINGER_NS
from handshake.model.handshake import Handshake, Outcome
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment


class Trap(NamedTuple):
    """A way in which tshark misleads."""

    name: str
    why: str
    """One sentence."""
    proof: str
    """Where it is written."""
    frame: Callable[[FrameCase], bool] | None = None
    """Whether it explains a difference of one frame."""
    stream: Callable[[StreamCase], bool] | None = None
    """Whether it explains a difference of a stream."""


def explained(case: FrameCase | StreamCase) -> Trap | None:
    """The trap that explains a difference; None if none does."""
    for trap in TRAPS:
        if isinstance(case, FrameCase):
            if trap.frame is not None and trap.frame(case):
                return trap
        elif trap.stream is not None and trap.stream(case):
            return trap
    return None


TRAPS: tuple[Trap, ...] = ()
