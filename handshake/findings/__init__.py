"""The rules: what is unusual about a handshake, why it happens, what to check, and which RFC says so.

Codes are permanent: HS1xx opening, HS2xx options and window, HS3xx data in the handshake,
HS4xx malformed or illegal segments, HS5xx closing, HS6xx many handshakes together, HS9xx the capture itself.
"""

from handshake.findings import (
    capture,
    closing,
    crowds,
    data,
    ecn,
    extensions,
    illegal,
    middlebox,
    numbers,
    opening,
    options,
    refusal,
    reuse,
    signatures,
    timestamps,
    traces,
)
from handshake.findings.registry import RULES, Rule, crowds_of, examine

__all__ = [
    "RULES",
    "Rule",
    "capture",
    "closing",
    "crowds",
    "crowds_of",
    "data",
    "ecn",
    "examine",
    "extensions",
    "illegal",
    "middlebox",
    "numbers",
    "opening",
    "options",
    "refusal",
    "reuse",
    "signatures",
    "timestamps",
    "traces",
]
