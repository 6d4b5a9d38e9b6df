"""The same connections recorded at both ends of a wire that loses some segments, to be held against each other."""

from __future__ import annotations

import os
from pathlib import Path

from handshake.lab.netns import run_in_private_network
from handshake.lab.recorder import record
from handshake.lab.scenarios.stage import CLIENT_PORT, INTERFACE, Setting, accept, close, converse, set_stage
from handshake.model.packet import ACK, PSH, SYN

FILES = ("client.pcapng", "server.pcapng")
_LOST = {SYN: {1}, SYN | ACK: {2}, PSH | ACK: {2}}
"""The first SYN; the SYN-ACK of the second connection; the first reply."""


def record_both_ends(directory: str | os.PathLike[str]) -> None:
    """Record two connections at the client and at the server, into the two `FILES` of a directory.

    Raises PrivilegeError as `enter_private_network` does.
    """
    target = Path(directory)
    target.mkdir(parents=True, exist_ok=True)
    run_in_private_network(_record, *(target / file for file in FILES))


def _record(at_client: Path, at_server: Path) -> None:
    with (
        set_stage(Setting(delay_ms=15, lost=_LOST)) as stage,
        stage.listen(80) as listener,
        record(stage.client, INTERFACE, at_client, quiet_s=0.3),
        record(stage.server, INTERFACE, at_server, quiet_s=0.3),
    ):
        for number in range(2):
            with stage.dial(80, CLIENT_PORT + number) as client, accept(listener) as peer:
                converse(client, peer)
                close(client, peer)
            stage.pause()
