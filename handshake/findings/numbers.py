"""HS605 and HS606: how well a host chooses the numbers that keep strangers out of its connections."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from handshake.findings.registry import Group, Members, rule_of_many
from handshake.model import seq
from handshake.model.address import Endpoint, format_address
from handshake.model.finding import Severity

if TYPE_CHECKING:
    from handshake.findings.sketch import Sketch

ENOUGH = 8
"""Connections of one host from which on a pattern is no chance."""
SMALL_STEP = 1 << 24
"""A random number lies at most this far ahead of another once in 256 times; seven times in a row never."""
SMALL_PORT_STEP = 8


def _opened_by(handshakes: Sequence[Sketch]) -> Iterator[tuple[bytes, list[tuple[Sketch, Endpoint, int]]]]:
    """Hosts with enough connections whose initial sequence number was seen: those, the host's end, and its number."""
    seen: defaultdict[bytes, list[tuple[Sketch, Endpoint, int]]] = defaultdict(list)
    for handshake in sorted(handshakes, key=lambda handshake: handshake.start_ns):
        for end, isn in zip((handshake.client, handshake.server), handshake.isns, strict=True):
            if isn is not None:
                seen[end.address].append((handshake, end, isn))
    return ((host, found) for host, found in seen.items() if len(found) >= ENOUGH)


@rule_of_many(
    "HS605", "predictable-isn", Severity.WARNING,
    what="The initial sequence numbers of a host are the same every time, or count up in small steps.",
    why="An old or tiny stack, or a scanner that does not care. Who can guess the next number can forge a connection "
    "or break into one without seeing its packets.",
    check="The host's operating system; whether a proxy or load balancer in front of it chooses the numbers.",
    rfc=("RFC 6528 §3", "RFC 9293 §3.4.1"),
)  # fmt: skip
def predictable_isn(handshakes: Sequence[Sketch]) -> Iterator[Group]:
    """Constant or counting ISNs, over connections with different 4-tuples."""
    for host, found in _opened_by(handshakes):
        distinct = {(h.client, h.server): (h, isn) for h, _, isn in found}
        numbers = [isn for _, isn in distinct.values()]
        if len(numbers) < ENOUGH:
            continue
        steps = [(after - before) % seq.MODULUS for before, after in pairwise(numbers)]
        if max(steps) <= SMALL_STEP:
            low, high = min(steps), max(steps)
            by = f"{low:,} each" if low == high else f"{low:,} to {high:,}"
            how = f"count up, by {by}" if high else f"are all {numbers[0]}"
            detail = f"the initial sequence numbers of {len(numbers):,} connections {how}"
            yield Group(Members.of([h for h, _ in distinct.values()]), format_address(host), detail)


@rule_of_many(
    "HS606", "predictable-ports", Severity.NOTE,
    what="A client takes its source ports one after the other, or always the same one, for different servers.",
    why="An old stack, a NAT device that counts, or a tool that sets the port by hand. The port is half of what a "
    "stranger has to guess to forge a segment.",
    check="The client's operating system; whether NAT stands between.",
    rfc=("RFC 6056 §3.3",),
)  # fmt: skip
def predictable_ports(handshakes: Sequence[Sketch]) -> Iterator[Group]:
    """Source ports in sequence across servers; towards one server that is what good stacks do (RFC 6056 §3.3.4)."""
    for host, found in _opened_by(handshakes):
        first: dict[object, Sketch] = {}
        for handshake, end, _ in found:
            if end is handshake.client:
                first.setdefault(handshake.server, handshake)
        if len(first) < ENOUGH:
            continue
        ports = [handshake.client.port for handshake in first.values()]
        steps = {after - before for before, after in pairwise(ports)}
        if steps == {0}:
            yield Group(
                Members.of([*first.values()]), format_address(host), f"port {ports[0]} to {len(ports):,} servers"
            )
        elif min(steps) >= 1 and max(steps) <= SMALL_PORT_STEP:
            detail = f"ports {ports[0]} to {ports[-1]}, one after the other, to {len(ports):,} servers"
            yield Group(Members.of([*first.values()]), format_address(host), detail)
