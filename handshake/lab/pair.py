"""Two hosts and a wire, for what needs a script of its own between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from handshake.lab.links import Port
from handshake.lab.netns import Host
from handshake.lab.scenarios.stage import INTERFACE, Stage
from handshake.lab.wire import Script, Wire

CLIENT_IP, SERVER_IP = "10.0.0.1", "10.0.0.2"


@contextmanager
def pair(delay_ms: float, script: Script | None = None) -> Iterator[Stage]:
    """A client and a server, the wire between them `delay_ms` long each way; call it inside a private network."""
    with ExitStack() as stack:
        client, server = (stack.enter_context(Host(name)) for name in ("client", "server"))
        ends = Port(client, INTERFACE, (f"{CLIENT_IP}/24",)), Port(server, INTERFACE, (f"{SERVER_IP}/24",))
        stack.enter_context(Wire(*ends, delay_ns=round(delay_ms * 1_000_000), script=script))
        yield Stage(client, server, CLIENT_IP, SERVER_IP, delay_ms / 1000)
