"""Scenarios: real kernels play out each kind of handshake, and the recorder keeps what passed.

Each is a short function, the dialogue of two hosts, entered in `SCENARIOS` together with the outcome
that its recording has to show.
"""

from handshake.lab.scenarios import opening, refusal, closing, application, dialogue  # noqa: F401, I001 - in story order
from handshake.lab.scenarios.registry import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Scenario"]
