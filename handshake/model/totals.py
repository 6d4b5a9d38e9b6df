"""What many handshakes amount to, counted as they come, in bounded memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from handshake.model.finding import Finding
    from handshake.model.handshake import Handshake, Outcome

LATEST = 100_000
"""Times that are kept; of more handshakes than this, percentiles are of the latest."""


class Totals:
    """Outcomes, findings and times of handshakes that need not be kept."""

    def __init__(self) -> None:
        self.handshakes = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.findings: Counter[str] = Counter()
        """Code to the number of handshakes that have it."""
        self.examples: dict[str, Finding] = {}
        """One finding of each code."""
        self.setup_ns: deque[int] = deque(maxlen=LATEST)
        """Set-up times of what opened."""
        self.irtt_ns: deque[int] = deque(maxlen=LATEST)
        """Round trips of what opened, where they could be measured."""

    @classmethod
    def of(cls, handshakes: Iterable[Handshake]) -> Self:
        """The totals of these."""
        totals = cls()
        for handshake in handshakes:
            totals.add(handshake)
        return totals

    def merge(self, later: Totals) -> None:
        """Add the totals of what came later."""
        self.handshakes += later.handshakes
        self.outcomes.update(later.outcomes)
        self.findings.update(later.findings)
        self.examples.update(later.examples)
        self.setup_ns.extend(later.setup_ns)
        self.irtt_ns.extend(later.irtt_ns)

    def add(self, handshake: Handshake) -> None:
        """Count one handshake."""
        self.handshakes += 1
        self.outcomes[handshake.outcome] += 1
        examples = {finding.code: finding for finding in handshake.findings}
        self.findings.update(examples.keys())
        self.examples.update(examples)
        if handshake.outcome.opened:
            timing = handshake.timing
            if timing.setup_ns is not None:
                self.setup_ns.append(timing.setup_ns)
            if timing.irtt_ns is not None:
                self.irtt_ns.append(timing.irtt_ns)
