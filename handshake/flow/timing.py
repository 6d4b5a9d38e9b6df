"""How long the opening took, with ambiguous samples left out (Karn's algorithm, RFC 6298 §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model import seq
from handshake.model.handshake import Side, Timing
from handshake.model.record import replace

if TYPE_CHECKING:
    from handshake.flow.conversation import Conversation
    from handshake.model.packet import Segment


def measure(conversation: Conversation) -> Timing:
    """Latencies of a conversation; ns, None where the packets to measure them are missing."""
    timing = _opening(conversation)
    reply_ns = _reply_ns(conversation)
    if reply_ns is None:
        return timing
    way_ns = timing.syn_to_synack_ns
    thought_ns = None if way_ns is None else max(reply_ns - way_ns, 0)
    return replace(timing, reply_ns=reply_ns, thought_ns=thought_ns)


def _reply_ns(conversation: Conversation) -> int | None:
    """How long the first reply took; None where it, or what it answers, was not captured."""
    first = conversation.first_data
    asked, said = first.get(Side.CLIENT), first.get(Side.SERVER)
    opened = conversation.completed_by
    if said is None or opened is None:
        return None
    replies = asked is not None and said.ack is not None and seq.distance(asked.seq, said.ack) > 0
    since = asked if asked is not None and replies else opened
    return said.time_ns - since.time_ns if said.time_ns >= since.time_ns else None


def _opening(conversation: Conversation) -> Timing:
    syn_ack, last = conversation.syn_ack, conversation.completed_by
    client, server = conversation.client, conversation.server
    setup_ns = last.time_ns - client.syns[0].time_ns if last and client.syns else None
    if setup_ns is not None and setup_ns < 0:
        setup_ns = None  # the capture's times contradict its order
    if syn_ack is None:
        return Timing(setup_ns=setup_ns)
    excluded = None
    to_syn_ack = to_ack = None
    syns = [syn for syn in client.syns if syn.time_ns <= syn_ack.time_ns]
    syn = _answered(syns, syn_ack.options.tsecr)
    if syn is not None:
        to_syn_ack = syn_ack.time_ns - syn.time_ns
    elif syns:
        excluded = f"{len(syns)} copies of the SYN: unknown which one was answered"
    elif client.syns:
        excluded = "the SYN-ACK is stamped before the SYN"
    third = None if server.syns else last  # crossed SYNs are not confirmed by a third segment
    if third is not None and third.seq != syn_ack.ack_raw:
        excluded = excluded or "the third segment was not captured"
    elif third is not None:
        copies = [copy for copy in server.syn_acks if copy.seq == syn_ack.seq and copy.time_ns <= third.time_ns]
        acked = _answered(copies, third.options.tsecr)
        if acked is not None:
            to_ack = third.time_ns - acked.time_ns
        elif copies:
            excluded = excluded or f"{len(copies)} copies of the SYN-ACK: unknown which one was acknowledged"
        elif third.time_ns < syn_ack.time_ns:
            excluded = excluded or "the third segment is stamped before the SYN-ACK"
    whole = to_syn_ack + to_ack if to_syn_ack is not None and to_ack is not None else None
    return Timing(whole, to_syn_ack, to_ack, setup_ns, excluded)


def _answered(copies: list[Segment], echoed: int | None) -> Segment | None:
    """The copy that an answer belongs to: the only one, or the only one whose timestamp it echoes (RFC 7323 §4)."""
    if len(copies) == 1:
        return copies[0]
    matching = [copy for copy in copies if echoed and copy.options.tsval == echoed]
    return matching[0] if len(matching) == 1 else None
