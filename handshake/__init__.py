"""See the TCP handshake on the wire.

>>> import handshake
>>> first = next(handshake.read("captures/three-way.pcap"))
>>> first.outcome.value
'established'

`read` yields the handshakes of a capture, `inspect` gives one report over several captures, and
`Inspection` takes frames from anywhere. The words they speak are the dataclasses of `handshake.model`.
"""

from handshake.api import Inspection, inspect, read
from handshake.errors import CaptureError, HandshakeError, PrivilegeError, ProbeError, TargetError, ToolError
from handshake.model.finding import Finding, Severity
from handshake.model.handshake import Exchange, Handshake, Outcome, Side, State
from handshake.model.packet import Frame, Segment
from handshake.model.report import Report
from handshake.version import __version__

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
