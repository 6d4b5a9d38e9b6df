"""What the handshakes of page loads cost: N objects over N connections against N objects over one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.render.units import count, duration

if TYPE_CHECKING:
    from handshake.compare.pages import PageLoad


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
