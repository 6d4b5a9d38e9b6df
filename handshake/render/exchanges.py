"""The short section on UDP: there is no handshake to see, only whether a reply came."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from handshake.model.services import service_name
from handshake.render.grid import Column, write_grid
from handshake.render.units import duration, size
from handshake.render.words import icmp_words, tag_words

if TYPE_CHECKING:
    from handshake.model.handshake import Exchange, Handshake
    from handshake.model.report import Report
    from handshake.render.page import Page


def write_exchanges(page: Page, exchanges: Sequence[Exchange], origins: Mapping[str, int]) -> None:
    """Write one row an exchange; starts are counted from the `origins` of their captures, ns since the epoch."""
    page.paragraph(("UDP: no handshake to see, only whether a reply came", "bold"))
    columns = [
        Column("#", [str(e.number) for e in exchanges], right=True),
        Column("capture", captures(exchanges, origins), expendable=2, middle=True),
        Column("start", starts(exchanges, origins), expendable=6, right=True),
        Column("client", [str(e.client) for e in exchanges], expendable=3, middle=True),
        Column("server", [str(e.server) for e in exchanges], middle=True),
        Column("service", [service_name(e.server.port) or "" for e in exchanges], expendable=5),
        Column("within", [tag_words(e.tags) for e in exchanges], expendable=8),
        Column("sent", [_traffic(e.requests, e.request_bytes) for e in exchanges], expendable=7, right=True),
        Column("received", [_traffic(e.replies, e.reply_bytes) for e in exchanges], expendable=7, right=True),
        Column("reply", [_reply(e) for e in exchanges], styles=["" if e.replies else "yellow" for e in exchanges]),
    ]
    write_grid(page, columns)


def origins_ns(report: Report) -> dict[str, int]:
    """The moment of each capture from which its starts are counted, ns since the epoch.

    That is the first frame of a capture that is alone, else the start of the first thing that is shown of it.
    """
    origins: dict[str, int] = {}
    items: list[Handshake | Exchange] = [*report.handshakes, *report.exchanges]
    for item in items:
        origins[item.source] = min(item.start_ns, origins.get(item.source, item.start_ns))
    if len(origins) == 1 and len(report.sources) == 1 and report.tally.first_ns is not None:
        return dict.fromkeys(origins, report.tally.first_ns)
    return origins


def captures(items: Sequence[Handshake] | Sequence[Exchange], origins: Mapping[str, int]) -> list[str]:
    """File names of the captures, without folders; nothing where there is only one."""
    return [os.path.basename(item.source) if len(origins) > 1 else "" for item in items]


def starts(items: Sequence[Handshake] | Sequence[Exchange], origins: Mapping[str, int]) -> list[str]:
    """Seconds since the capture's origin, all with as many decimals as a capture of this length needs."""
    offsets = [item.start_ns - origins[item.source] for item in items]
    decimals = 6 if max(offsets) < 10**10 else 3
    return [f"{offset / 1e9:.{decimals}f} s" for offset in offsets]


def _traffic(datagrams: int, payload: int) -> str:
    return f"{datagrams:,} / {size(payload)}" if datagrams else ""


def _reply(exchange: Exchange) -> str:
    if exchange.first_reply_ns is not None:
        return f"after {duration(exchange.first_reply_ns)}"
    if exchange.replies:
        return "a reply"
    return icmp_words(exchange.icmp) if exchange.icmp else "no reply"
