"""What the handshakes of page loads cost: N objects over N connections against N objects over one."""

from __future__ import annotations

from collections.abc import Sequence

from handshake.compare.pages import PageLoad
from handshake.model.address import format_address
from handshake.render.page import Page
from handshake.render.units import count, duration

FEW = 5
"""Page loads of a summary."""


def write_pages(page: Page, loads: Sequence[PageLoad]) -> None:
    """One field for each load, the costliest ones first."""
    ordered = sorted(loads, key=lambda load: -load.waited_ns)
    shown = ordered if page.terminal.verbosity > 0 else ordered[:FEW]
    for load in shown:
        page.field("pages", f"{format_address(load.client)} → {load.server}:", load_words(load))
    if len(shown) < len(ordered):
        page.field("pages", (f"{count(len(ordered) - len(shown), 'more')}, -v lists all", "dim"))


def load_words(load: PageLoad) -> str:
    """What it cost, and what the other way would have cost."""
    connections = len(load.members)
    over = "one connection" if connections == 1 else count(connections, "connection")
    known = len(load.setups_ns)
    handshakes = "one handshake" if known == 1 else count(known, "handshake")
    words = f"{load.objects:,} objects over {over}: {handshakes}, {duration(load.waited_ns)} spent waiting for "
    words += "it" if known == 1 else "them"
    if sum(load.setups_ns) > load.waited_ns:
        words += f" (side by side, {duration(sum(load.setups_ns))} in all)"
    if connections == 1:
        return f"{words}; over {load.objects:,} connections, one after the other: {duration(load.each_ns)}"
    return f"{words}; over one connection: one handshake, {duration(load.one_ns)}"
