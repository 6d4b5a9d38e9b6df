"""The private network of `handshake demo`: one port of each kind on 127.0.0.1."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import inet_aton

from handshake.lab.netns import enter_private_network, run_in_private_network
from handshake.lab.servers import tcp_echo
from handshake.model.handshake import Outcome
from handshake.model.record import dataclass
from handshake.probe.approach import prepare
from handshake.probe.hold import PortHold
from handshake.probe.run import Probe
from handshake.source.live import Sniffer
from handshake.source.writer import PcapngWriter

RECORDING = Path(__file__).with_name("demo.pcapng")
"""The three probes as `make captures` recorded them, for machines that allow no private network."""

ADDRESS = "127.0.0.1"
OPEN, CLOSED, SILENT = 8080, 8081, 8082
PATIENCE_S = 4.0
"""How long to wait for the silent port: long enough for the SYN to be repeated twice, after 1 s and 3 s."""


@dataclass(frozen=True, slots=True)
class DemoTarget:
    """Something to probe, and what to make of it."""

    target: str
    """As the user would type it."""
    title: str
    outcome: Outcome
    """What the probe will find."""
    explanation: str
    """What happens there and what it means, in a sentence or two."""


TARGETS = (
    DemoTarget(
        f"{ADDRESS}:{OPEN}",
        "An open port",
        Outcome.ESTABLISHED,
        "A server listens. Its kernel answers the SYN with SYN,ACK, and our ACK completes the three-way handshake "
        "before the server program has done anything.",
    ),
    DemoTarget(
        f"{ADDRESS}:{CLOSED}",
        "A closed port",
        Outcome.REFUSED,
        "Nobody listens. The kernel says so at once with RST,ACK: the host is up and reachable, the service is not "
        "running there.",
    ),
    DemoTarget(
        f"{ADDRESS}:{SILENT}",
        "A silent port",
        Outcome.UNANSWERED,
        "Every packet is dropped, as a firewall would do. Nothing comes back, so the SYN is repeated after 1 s, then "
        "2 s; from here a lost packet, a dead host and a firewall all look the same.",
    ),
)
"""In the order in which to show them."""


@contextmanager
def demo_network() -> Iterator[tuple[DemoTarget, ...]]:
    """Move this process, which must have one thread, into a private network and run the three targets there.

    The servers end with the block; the process stays in the private network until it exits.
    Raises PrivilegeError where the machine allows no private network.
    """
    enter_private_network()
    with tcp_echo((ADDRESS, OPEN)), PortHold(inet_aton(ADDRESS), SILENT):
        yield TARGETS


def record_demo(path: str | os.PathLike[str] = RECORDING) -> None:
    """Probe the three targets in a private network and record all of it into one file.

    Raises PrivilegeError as `enter_private_network` does.
    """
    run_in_private_network(_record, path)


def _record(path: str | os.PathLike[str]) -> None:
    with demo_network() as targets, PcapngWriter(path) as writer:
        for target in targets:
            approach = prepare(target.target)
            with (
                Probe(approach, timeout_s=PATIENCE_S) as probe,
                Sniffer(approach.route.interface, program=probe.program) as sniffer,
            ):
                for frame in probe.run(sniffer):
                    writer.write(frame)
