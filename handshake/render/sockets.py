"""What packets imply about the server's sockets: `listen()` before them, the accept queue, `accept()` at the latest.

The kernel alone opens a connection (RFC 9293 §3.10.7.2) and acknowledges data; only what the server's program sends, or
its closing, shows that `accept()` had returned.
"""

from __future__ import annotations

from handshake.model.handshake import Fold, Handshake, Mark, Outcome, Side, Step
from handshake.model.packet import FIN, SYN, Segment
from handshake.render.units import duration


def socket_sentence(handshake: Handshake) -> str:
    """One sentence on `listen()` and `accept()`; empty where the packets tell nothing of them."""
    if handshake.outcome is Outcome.REFUSED and not handshake.server.opening:
        return "sockets: no program had called listen() on this port; the server's kernel refused by itself"
    if handshake.server.opening is None or handshake.client.opening is None:
        return ""
    if handshake.client.endpoint == handshake.server.endpoint:
        return ""  # a self-connect needs no listening socket (RFC 9293 §3.5, simultaneous open)
    if handshake.outcome is Outcome.HALF_OPEN:
        return "sockets: a program had called listen(), its kernel answered; nothing reached the accept queue"
    since = _queued(handshake)
    if handshake.outcome is not Outcome.ESTABLISHED or not since:
        return ""
    words = f"sockets: listen() had been called, its kernel answered; in the accept queue {since}"
    by_program = filter(_by_program, handshake.timeline)
    spoke_ns = next((item.time_ns if isinstance(item, Step) else item.last_ns for item in by_program), None)
    if spoke_ns is None:
        return f"{words}; whether accept() took it out does not show: the kernel acknowledges without it"
    return f"{words}; accept() had returned by {duration(spoke_ns - handshake.start_ns)}: the server's program acts"


def _queued(handshake: Handshake) -> str:
    """From when on the server's kernel held it ready for `accept()`; empty where that does not show."""
    steps = handshake.steps
    if any(step.packet is handshake.server.opening and (step.rel_ack or 0) > 1 for step in steps):
        return "from the SYN on (TCP Fast Open, RFC 7413)"
    complete = next((at for at, step in enumerate(steps) if Mark.HANDSHAKE_COMPLETE in step.marks), None)
    if complete is None:
        return ""
    unheeded = [at for at, step in enumerate(steps) if Mark.SYN_ACK_AFTER_ACK in step.marks]
    heeded = next((s for s in steps[max(unheeded, default=complete) :] if s.sender is Side.CLIENT), None)
    if heeded is None:
        return ""
    only = "only " if unheeded else ""
    return f"{only}from {duration(heeded.time_ns - handshake.start_ns)} on"


def _by_program(item: Step | Fold) -> bool:
    """Data or a FIN of the server: its program has the connection."""
    if isinstance(item, Fold):
        return item.server_bytes > 0
    packet = item.packet
    if item.sender is not Side.SERVER or not isinstance(packet, Segment) or packet.flags & SYN:
        return False
    return bool(packet.payload_len or packet.flags & FIN)
