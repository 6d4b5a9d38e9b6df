"""HS1xx: a 4-tuple that is used again."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, numbers, rule
from handshake.model.finding import Severity
from handshake.model.handshake import Mark


@rule(
    "HS116", "port-reused", Severity.NOTE, on=(Mark.PORT_REUSED,),
    what="The same client port connects to the same server port again, with a new initial sequence number.",
    why="The client is short of ports or binds a fixed one; the earlier attempt failed or was reset, or is long gone.",
    check="Whether earlier connections on this 4-tuple were closed; many short connections: keep them open instead.",
    rfc=("RFC 1122 §4.2.2.13", "RFC 6191"),
    twin="Wireshark tcp.analysis.reused_ports",
)  # fmt: skip
def port_reused(facts: Facts) -> Iterator[Match]:
    """A 4-tuple seen before."""
    found = facts.marked(Mark.PORT_REUSED)
    if found:
        yield Match("this 4-tuple was used before in this capture", numbers(found))


@rule(
    "HS117", "syn-in-connection", Severity.WARNING, on=(Mark.SYN_IN_CONNECTION,),
    what="A SYN with a new initial sequence number arrived while a connection on the same 4-tuple was still open.",
    why="The client lost its side (crash, NAT that forgot the mapping), a port is reused without closing, or "
    "somebody tries to reset the connection from outside.",
    check="What the server answers: a challenge ACK is right; whether a NAT device times out idle connections.",
    rfc=("RFC 5961 §4", "RFC 9293 §3.10.7.4"),
)  # fmt: skip
def syn_in_connection(facts: Facts) -> Iterator[Match]:
    """A SYN into an open connection."""
    found = facts.marked(Mark.SYN_IN_CONNECTION)
    if found:
        yield Match("the earlier connection on this 4-tuple was still open", numbers(found))


@rule(
    "HS121", "time-wait-reused", Severity.NOTE, on=(Mark.TIME_WAIT_REUSED, Mark.TIME_WAIT_NOT_NEWER),
    what="The same client port connects to the same server port again, soon after both had closed with FIN: whoever "
    "closed first is still in TIME-WAIT.",
    why="The client is short of ports or binds a fixed one. TIME-WAIT may be cut short by a SYN with a higher "
    "timestamp, or without timestamps a higher sequence number; any other SYN is answered with a bare ACK or dropped "
    "until TIME-WAIT is over.",
    check="On Linux `net.ipv4.tcp_tw_reuse` (of the client); many short connections: keep them open instead; let the "
    "client close first.",
    rfc=("RFC 1122 §4.2.2.13", "RFC 6191 §2", "RFC 9293 §3.6.1"),
    twin="Wireshark tcp.analysis.reused_ports",
)  # fmt: skip
def time_wait_reused(facts: Facts) -> Iterator[Match]:
    """A SYN into TIME-WAIT."""
    newer, older = facts.marked(Mark.TIME_WAIT_REUSED), facts.marked(Mark.TIME_WAIT_NOT_NEWER)
    if newer:
        yield Match("its timestamp or number is higher than before: TIME-WAIT may be cut short", numbers(newer))
    if older:
        yield Match("its timestamp, or without one its number, is not higher than before", numbers(older))
