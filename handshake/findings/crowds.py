"""HS601 to HS604: scans and floods, which are many handshakes with one cause."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from handshake.findings.registry import Group, Members, rule_of_many
from handshake.findings.sketch import FAILED, Sketch
from handshake.model.address import format_address
from handshake.model.finding import Severity

if TYPE_CHECKING:
    from handshake.model.handshake import Outcome

MANY_TARGETS = 20
"""Ports of one host, or hosts with one port, from which on a client is said to scan."""
MANY_ATTEMPTS = 100
"""Attempts at one server from which on they may be a flood."""
FAST_PER_S = 10.0
"""Attempts a second from which on they may be a flood; people and retries are slower."""
AGAIN = 5
"""Attempts at each port, on average, that tell a flood from a scan by one client."""


def _by_client(handshakes: Sequence[Sketch]) -> Iterator[tuple[bytes, list[Sketch]]]:
    """Clients with enough probing handshakes, and those."""
    probes: defaultdict[bytes, list[Sketch]] = defaultdict(list)
    for handshake in handshakes:
        if handshake.probing:
            probes[handshake.client.address].append(handshake)
    return ((client, tried) for client, tried in probes.items() if len(tried) >= MANY_TARGETS)


def _mostly_failed(found: Sequence[Sketch]) -> bool:
    """Whether at most half of them opened: a browser opens connections in advance and may not use them."""
    return sum(handshake.outcome.opened for handshake in found) * 2 <= len(found)


def _scanned(tried: Sequence[Sketch]) -> set[bytes]:
    """Hosts of which many ports were tried."""
    ports: defaultdict[bytes, set[int]] = defaultdict(set)
    for handshake in tried:
        ports[handshake.server.address].add(handshake.server.port)
    return {host for host, seen in ports.items() if len(seen) >= MANY_TARGETS}


@rule_of_many(
    "HS601", "port-scan", Severity.WARNING,
    what="One client tried many ports of a host without saying anything on any of them.",
    why="A port scanner looks for what listens: SYN scans reset what answers, connect scans close it at once, and "
    "scans with odd flags look at the answers only.",
    check="Whose address it is and whether the scan was ordered; which ports answered, and whether they should.",
    rfc=("RFC 9293 §3.10.7", "RFC 4949 §4"),
    twin="Zeek Scan::Port_Scan",
)  # fmt: skip
def port_scan(handshakes: Sequence[Sketch]) -> Iterator[Group]:
    """Many ports of one host."""
    for client, tried in _by_client(handshakes):
        hosts = _scanned(tried)
        found = [handshake for handshake in tried if handshake.server.address in hosts]
        if found and _mostly_failed(found):
            ports = len({handshake.server for handshake in found})
            whom = _one_or_many(hosts, "hosts")
            yield Group(
                Members.of(found),
                format_address(client),
                f"tried {ports:,} ports of {whom}: {_ends(found)}",
                alike=True,
            )


@rule_of_many(
    "HS602", "host-sweep", Severity.WARNING,
    what="One client tried the same port of many hosts without saying anything to any of them.",
    why="A scanner or a worm looks for hosts with that service; monitoring that only checks whether a port is open "
    "looks the same.",
    check="Whose address it is; whether the hosts exist at all (unanswered attempts at unused addresses are telling).",
    rfc=("RFC 9293 §3.10.7", "RFC 4949 §4"),
    twin="Zeek Scan::Address_Scan",
)  # fmt: skip
def host_sweep(handshakes: Sequence[Sketch]) -> Iterator[Group]:
    """One port of many hosts."""
    for client, tried in _by_client(handshakes):
        hosts = _scanned(tried)
        by_port: defaultdict[int, list[Sketch]] = defaultdict(list)
        for handshake in tried:
            if handshake.server.address not in hosts:
                by_port[handshake.server.port].append(handshake)
        for port, found in by_port.items():
            swept = len({handshake.server.address for handshake in found})
            if swept >= MANY_TARGETS and _mostly_failed(found):
                detail = f"tried port {port} of {swept:,} hosts: {_ends(found)}"
                yield Group(Members.of(found), format_address(client), detail, alike=True)


@rule_of_many(
    "HS603", "syn-flood", Severity.ERROR,
    what="A server got many SYNs in a short time that led to no connection.",
    why="Consistent with a SYN flood: each SYN costs the server a place in its SYN queue until it times out, and "
    "forged source addresses never answer. A popular service that has just failed can look like it.",
    check="On the server `nstat TcpExtTCPReqQFullDoCookies TcpExtListenDrops`, `ss -tan state syn-recv`; whether "
    "`net.ipv4.tcp_syncookies` is on; the TTLs of the SYNs: forged ones often share one.",
    rfc=("RFC 4987 §2", "RFC 4987 §3"),
    twin="Suricata and Zeek have scripts of their own for it",
)  # fmt: skip
def syn_flood(handshakes: Sequence[Sketch]) -> Iterator[Group]:
    """Many attempts at one server, fast, from many clients or again and again."""
    attempts: defaultdict[bytes, list[Sketch]] = defaultdict(list)
    opened: Counter[bytes] = Counter()
    for handshake in handshakes:
        server = handshake.server.address
        if handshake.outcome in FAILED:
            attempts[server].append(handshake)
        elif handshake.outcome.opened:
            opened[server] += 1
    for server, found in attempts.items():
        ports = {handshake.server.port for handshake in found}
        clients = {handshake.client.address for handshake in found}
        if len(found) >= MANY_ATTEMPTS:
            outcomes = Counter(handshake.outcome for handshake in found)
            span_ns = max(handshake.start_ns for handshake in found) - min(handshake.start_ns for handshake in found)
            one = next(iter(clients))
            yield from flood_of(
                server, ports, (len(clients), one), outcomes, opened[server], span_ns, Members.of(found)
            )


def flood_of(  # noqa: PLR0917 - facts to be counted in two ways
    server: bytes, ports: set[int], clients: tuple[int, bytes], outcomes: Counter[Outcome], opened: int, span_ns: int,
    members: Members,
) -> Iterator[Group]:  # fmt: skip
    """The flood that failed attempts at a server are, if they are one: `clients` are so many, and one of them."""
    count = outcomes.total()
    if (clients[0] < MANY_ATTEMPTS and count < AGAIN * len(ports)) or count * 1e9 < FAST_PER_S * span_ns:
        return
    where = f"port {min(ports)}" if len(ports) == 1 else f"{len(ports):,} ports"
    besides = f"; {opened:,} opened besides" if opened else ""
    detail = f"{where} of {format_address(server)}: {_counted(outcomes)}{besides}"
    who = format_address(clients[1]) if clients[0] == 1 else f"{clients[0]:,} addresses"
    yield Group(members, who, detail, alike=True)


@rule_of_many(
    "HS604", "backscatter", Severity.NOTE,
    what="A server answers many addresses that, as far as the capture shows, never asked it.",
    why="Consistent with a flood against that server with forged source addresses, some of which lie here; or the "
    "capture misses the clients' direction.",
    check="Whether the addresses exist; whether any connection of that server is seen in both directions.",
    rfc=("RFC 4987 §2",),
)  # fmt: skip
def backscatter(handshakes: Sequence[Sketch]) -> Iterator[Group]:
    """SYN-ACKs or RSTs of one host to many, and nothing else of them."""
    answers: defaultdict[bytes, list[Sketch]] = defaultdict(list)
    for handshake in handshakes:
        if handshake.answered:
            answers[handshake.answered[0]].append(handshake)
    for server, found in answers.items():
        asked = {handshake.answered[1] for handshake in found if handshake.answered}
        if len(asked) >= MANY_TARGETS:
            detail = f"sent {len(found):,} unasked answers to {len(asked):,} addresses"
            yield Group(Members.of(found), format_address(server), detail, alike=True)


def _one_or_many(addresses: set[bytes], name: str) -> str:
    return format_address(next(iter(addresses))) if len(addresses) == 1 else f"{len(addresses):,} {name}"


def _ends(found: Sequence[Sketch]) -> str:
    """`997 refused, 3 established`."""
    return _counted(Counter(handshake.outcome for handshake in found))


def _counted(counted: Counter[Outcome]) -> str:
    return ", ".join(f"{number:,} {outcome.value}" for outcome, number in counted.most_common())
