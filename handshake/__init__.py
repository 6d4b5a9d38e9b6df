"""See the TCP handshake on the wire.

>>> import handshake
>>> first = next(handshake.read("captures/three-way.pcap"))
>>> first.outcome.value
'established'

`read` yields the handshakes of a capture, `inspect` gives one report over several captures, and
`Inspection` takes frames from anywhere. The words they speak are the dataclasses of `handshake.model`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from handshake.version import __version__

if TYPE_CHECKING:
    from handshake.api import Inspection, inspect, read
    from handshake.errors import CaptureError, HandshakeError, PrivilegeError, ProbeError, TargetError, ToolError
    from handshake.model.finding import Finding, Severity
    from handshake.model.handshake import Exchange, Handshake, Outcome, Side, State
    from handshake.model.packet import Frame, Segment
    from handshake.model.report import Report

__all__ = [
    "CaptureError",
    "Exchange",
    "Finding",
    "Frame",
    "Handshake",
    "HandshakeError",
    "Inspection",
    "Outcome",
    "PrivilegeError",
    "ProbeError",
    "Report",
    "Segment",
    "Severity",
    "Side",
    "State",
    "TargetError",
    "ToolError",
    "__version__",
    "inspect",
    "read",
]

_HOMES = {
    "api": ("Inspection", "inspect", "read"),
    "errors": ("CaptureError", "HandshakeError", "PrivilegeError", "ProbeError", "TargetError", "ToolError"),
    "model.finding": ("Finding", "Severity"),
    "model.handshake": ("Exchange", "Handshake", "Outcome", "Side", "State"),
    "model.packet": ("Frame", "Segment"),
    "model.report": ("Report",),
}
"""What is imported from where once somebody asks for it: a command line that needs less starts sooner."""


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"handshake.{module}"), name)
    raise AttributeError(f"module 'handshake' has no attribute {name!r}")
