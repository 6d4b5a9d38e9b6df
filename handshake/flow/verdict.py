"""How the opening ended and how the connection was closed: read off a conversation at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.flow.negotiation import negotiate
from handshake.flow.timing import measure
from handshake.model.handshake import CloseKind, Copies, Handshake, Outcome, Side, Teardown
from handshake.model.record import replace

if TYPE_CHECKING:
    from handshake.flow.conversation import Conversation
    from handshake.model.application import Application
    from handshake.model.packet import Tags


def outcome_of(conversation: Conversation) -> Outcome:
    """How the opening ended, as far as the capture shows."""
    client, server = conversation.client, conversation.server
    if not client.syns:
        return Outcome.ONE_SIDED if server.syn_acks and not client.segments else Outcome.MIDSTREAM
    if conversation.completed_by is not None:
        if not server.syns:
            return Outcome.ESTABLISHED
        split = client.syn_acks and not server.syn_acks
        return Outcome.SPLIT_HANDSHAKE if split else Outcome.SIMULTANEOUS_OPEN
    if server.opening is not None:
        if conversation.reset_by is None:
            return Outcome.HALF_OPEN
        return Outcome.ABORTED_BY_CLIENT if conversation.reset_by is Side.CLIENT else Outcome.ABORTED_BY_SERVER
    return _without_answer(conversation)


def _without_answer(conversation: Conversation) -> Outcome:
    client, server = conversation.client, conversation.server
    if server.resets:
        return Outcome.REFUSED
    if server.spoke or (client.spoke and server.segments):
        return Outcome.MIDSTREAM
    if client.spoke:
        return Outcome.ONE_SIDED
    if client.resets:
        return Outcome.ABORTED_BY_CLIENT
    if conversation.undeliverable:
        return Outcome.UNREACHABLE
    return Outcome.UNANSWERED


def teardown_of(conversation: Conversation) -> Teardown:
    """How the connection was closed, and by whom first."""
    client, server = conversation.client, conversation.server
    fins = [side for side, end in ((Side.CLIENT, client), (Side.SERVER, server)) if end.fin_end is not None]
    first = conversation.first_close
    reset_by = conversation.reset_by
    if reset_by is not None:
        return Teardown(CloseKind.FIN_THEN_RST if fins else CloseKind.RST, first, reset_by)
    if len(fins) == 2:
        acked = client.fin_acked and server.fin_acked
        return Teardown(
            CloseKind.FIN if acked else CloseKind.FIN_UNFINISHED, first, simultaneous=conversation.fins_crossed
        )
    return Teardown(CloseKind.HALF_CLOSED if fins else CloseKind.OPEN, first)


def _other_ways(conversation: Conversation) -> tuple[tuple[Side, Tags], ...]:
    client = conversation.client.endpoint
    return tuple((Side.CLIENT if src == client else Side.SERVER, tags) for src, _, tags in conversation.other_ways)


def _application(conversation: Conversation) -> Application | None:
    said = conversation.talk.application()
    if said is None or not said.lookups:
        return said
    server = conversation.server.endpoint
    return replace(said, lookups=tuple(replace(lookup, server=server) for lookup in said.lookups))


def conclude(conversation: Conversation, source: str = "") -> Handshake:
    """The finished handshake, findings not yet attached."""
    client, server = conversation.client, conversation.server
    opening = client.opening if client.syns else None
    return Handshake(
        number=conversation.number,
        client=client.view(),
        server=server.view(),
        outcome=outcome_of(conversation),
        timeline=conversation.timeline.rows(),
        timing=measure(conversation),
        negotiation=negotiate(opening, server.opening, conversation.completed_by),
        teardown=teardown_of(conversation),
        syn_retransmits=conversation.syn_retransmits,
        synack_retransmits=conversation.syn_ack_retransmits,
        role_inferred=conversation.role_inferred,
        tags=conversation.tags,
        other_ways=_other_ways(conversation),
        copies=Copies(*conversation.copies),
        evicted=conversation.evicted,
        application=_application(conversation),
        source=source,
    )
