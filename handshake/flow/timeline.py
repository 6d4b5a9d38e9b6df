"""The timeline of one conversation: every step that matters, ordinary segments folded into counts."""

from __future__ import annotations

from handshake.model.handshake import Change, EndState, Fold, Mark, Observed, Side, Step
from handshake.model.packet import FIN, RST, SYN, Segment
from handshake.model.record import replace

MAX_STEPS = 200
"""Steps kept for one conversation; beyond it even remarkable segments are folded."""

_ORDINARY = frozenset({Mark.KEEP_ALIVE, Mark.ZERO_WINDOW_PROBE})
"""Marks of segments that say the same again and again: the first on each side stands for all."""


class Timeline:
    """Grows as segments are judged; bounded."""

    __slots__ = ("_run", "_seen", "_steps")

    def __init__(self) -> None:
        self._steps: list[Step | Fold] = []
        self._run: list[int] | None = None
        """The fold that is still growing behind them: its fields, in their order."""
        self._seen: set[tuple[Side, Mark | None]] = set()
        """Sides that have sent data (None) or something ordinary."""

    def add(self, step: Step) -> None:
        """Keep a step, or count it when the timeline is full."""
        if len(self._steps) + (self._run is not None) < MAX_STEPS:
            if self._run is not None:
                self._steps.append(Fold(*self._run))
                self._run = None
            self._steps.append(step)
        elif isinstance(step.packet, Segment):
            self._fold(step.packet, step.sender)

    def folds(self, segment: Segment, sender: Side) -> bool:
        """Whether a segment that moves no state and has no mark is one to fold; then that is done."""
        if segment.flags & (SYN | FIN | RST) or not self._steps:
            return False
        if segment.payload_len and (sender, None) not in self._seen:
            return False
        self._fold(segment, sender)
        return True

    def segment(self, step: Step, segment: Segment) -> None:
        """Keep what moves a state, is marked, or is the first data of its direction; fold the rest."""
        marks = step.marks
        ordinary = marks[0] if len(marks) == 1 and marks[0] in _ORDINARY else None
        first = (ordinary is not None or segment.payload_len > 0) and (step.sender, ordinary) not in self._seen
        if first:
            self._seen.add((step.sender, ordinary))
        moved = step.client.moved or step.server.moved
        remarkable = segment.flags & (SYN | FIN | RST) or moved or first or not self._steps
        if remarkable or (marks and ordinary is None):
            self.add(step)
        else:
            self._fold(segment, step.sender)

    def passed_over(self, last_ns: int) -> None:
        """Ordinary segments up to that time were passed over, uncounted."""
        if self._run is None:
            self._run = [last_ns, last_ns, 0, 0, 0, 0]
        else:
            self._run[1] = last_ns

    def settle_server(self, initial: EndState, asked: EndState, answered: Segment | None) -> None:
        """Rewrite the server's states of the latest steps that left it UNSEEN, now that its answer has told them."""
        start = len(self._steps)
        while start and not _seen(self._steps[start - 1]):
            start -= 1
        state = initial
        for index, step in enumerate(self._steps[start:], start):
            if isinstance(step, Step):
                after = asked if step.packet is answered else state
                self._steps[index] = replace(step, server=Change(state, after))
                state = after

    def rows(self) -> tuple[Step | Fold, ...]:
        """The timeline so far."""
        return tuple(self._steps) if self._run is None else (*self._steps, Fold(*self._run))

    def _fold(self, segment: Segment, sender: Side) -> None:
        if self._run is None:
            self._run = [segment.time_ns, 0, 0, 0, 0, 0]
        run = self._run
        run[1] = segment.time_ns
        place = 2 if sender is Side.CLIENT else 4
        run[place] += 1
        run[place + 1] += segment.payload_len


def _seen(step: Step | Fold) -> bool:
    return isinstance(step, Step) and step.server.after is not Observed.UNSEEN
