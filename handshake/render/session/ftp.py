"""FTP: one session of a control connection and its data connections (RFC 959 §3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handshake.model.handshake import Handshake, Side
from handshake.render.session.model import Event, Kind, Lane
from handshake.render.units import size
from handshake.render.words import close_brief

if TYPE_CHECKING:
    from handshake.model.application import FtpData


def announcement(handshake: Handshake, control: Handshake | None) -> Iterator[Event]:
    """The line of the control connection that announced this data connection."""
    application = control.application if control else None
    if control is None or application is None:
        return
    ends = {Side.CLIENT: control.client.endpoint.address, Side.SERVER: control.server.endpoint.address}
    own = handshake.server.endpoint

    def fits(data: FtpData) -> bool:
        there = data.address or ends[data.listener]
        return (there, data.port) == own and data.time_ns <= handshake.start_ns

    found = [data for data in application.ftp if fits(data)]
    if not found:
        return
    data = found[-1]
    spoke = next((line for line in application.lines if line.time_ns == data.time_ns and line.note), None)
    who = spoke.sender if spoke else data.listener
    same = handshake.client.endpoint.address == control.client.endpoint.address
    sender = lane_of(who if same else who.other)
    said = f": {spoke.text}" if spoke else ""
    label = f"{data.command} on FTP control connection #{control.number}, {who.value}{said}"
    yield Event(data.time_ns, Kind.NOTE, sender, sender.across, label)


def opened_and_closed(control: Handshake, data: Handshake) -> Iterator[Event]:
    """Where a data connection began and where it ended."""
    sender = Lane.CLIENT if data.client.endpoint.address == control.client.endpoint.address else Lane.SERVER
    place = f"{data.client.endpoint} → {data.server.endpoint}"
    opens = f"data connection #{data.number} begins: {place}, {data.outcome.value}"
    yield Event(data.start_ns, Kind.NOTE, sender, sender.across, opens)
    moved = data.client.payload_bytes + data.server.payload_bytes
    ends = f"data connection #{data.number} ends: {size(moved)}, {close_brief(data.teardown) or 'not closed'}"
    yield Event(data.end_ns, Kind.NOTE, sender, sender.across, ends)


def lane_of(side: Side) -> Lane:
    """Where one end of a connection is drawn."""
    return Lane.CLIENT if side is Side.CLIENT else Lane.SERVER
