"""The same connections recorded at both ends of a wire that loses some segments, to be held against each other."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from handshake.lab.netns import run_in_private_network
from handshake.lab.pair import pair
from handshake.lab.recorder import record
from handshake.lab.scenarios.stage import CLIENT_PORT, INTERFACE, accept, close, converse
from handshake.lab.wire import Script
from handshake.model.packet import ACK, PSH, SYN, Packet, Segment

FILES = ("client.pcapng", "server.pcapng")
_DELAY_MS = 15
_LOST = {(SYN, 1), (SYN | ACK, 2), (PSH | ACK, 2)}
"""Flags, and which of the segments that have them: the first SYN, the second connection's SYN-ACK, the first reply."""


def record_both_ends(directory: str | os.PathLike[str]) -> None:
    """Record two connections at the client and at the server, into the two `FILES` of a directory.

    Raises PrivilegeError as `enter_private_network` does.
    """
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    run_in_private_network(_record, *(target / file for file in FILES))


def _lossy() -> Script:
    seen: Counter[int] = Counter()

    def script(packet: Packet) -> bool:
        if not isinstance(packet.transport, Segment):
            return False
        flags = packet.transport.flags
        seen[flags] += 1
        return (flags, seen[flags]) in _LOST

    return script


def _record(at_client: Path, at_server: Path) -> None:
    with (
        pair(_DELAY_MS, _lossy()) as stage,
        stage.listen(80) as listener,
        record(stage.client, INTERFACE, at_client, quiet_s=0.3),
        record(stage.server, INTERFACE, at_server, quiet_s=0.3),
    ):
        for number in range(2):
            with stage.dial(80, CLIENT_PORT + number) as client, accept(listener) as peer:
                converse(client, peer)
                close(client, peer)
            stage.pause()
