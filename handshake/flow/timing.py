"""How long the opening took, with ambiguous samples left out (Karn's algorithm, RFC 6298 §3)."""

from __future__ import annotations

from handshake.flow.conversation import Conversation
from handshake.model.handshake import Timing
from handshake.model.packet import Segment


def measure(conversation: Conversation) -> Timing:
    """Latencies of a conversation; ns, None where the packets to measure them are missing."""
    syn_ack, last = conversation.syn_ack, conversation.completed_by
    syns = [syn for syn in conversation.client.syns if syn_ack and syn.time_ns <= syn_ack.time_ns]
    setup_ns = last.time_ns - syns[0].time_ns if last and syns else None
    if syn_ack is None or not syns:
        return Timing(setup_ns=setup_ns)
    excluded = None
    to_syn_ack = to_ack = None
    syn = _answered(syns, syn_ack.options.tsecr)
    if syn is None:
        excluded = f"{len(syns)} copies of the SYN: unknown which one was answered"
    else:
        to_syn_ack = syn_ack.time_ns - syn.time_ns
    if last is not None:
        sender = conversation.server if syn_ack.src == conversation.server.endpoint else conversation.client
        copies = [copy for copy in sender.syn_acks if copy.seq == syn_ack.seq and copy.time_ns <= last.time_ns]
        acked = _answered(copies, last.options.tsecr)
        if acked is None:
            excluded = excluded or f"{len(copies)} copies of the SYN-ACK: unknown which one was acknowledged"
        else:
            to_ack = last.time_ns - acked.time_ns
    whole = to_syn_ack + to_ack if to_syn_ack is not None and to_ack is not None else None
    return Timing(whole, to_syn_ack, to_ack, setup_ns, excluded)


def _answered(copies: list[Segment], echoed: int | None) -> Segment | None:
    """The copy that an answer belongs to: the only one, or the only one whose timestamp it echoes (RFC 7323 §4)."""
    if len(copies) == 1:
        return copies[0]
    matching = [copy for copy in copies if echoed and copy.options.tsval == echoed]
    return matching[0] if len(matching) == 1 else None
