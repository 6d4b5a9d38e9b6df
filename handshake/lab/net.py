"""Three hosts in a row: a client, a router, a server that serves everything; a scripted wire before the router."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from handshake.lab.links import Port, connect, route
from handshake.lab.netns import Host
from handshake.lab.serve import SERVICES, serve
from handshake.lab.wire import Wire
from handshake.model.record import dataclass

INTERFACE = "eth0"
CLIENT, SERVER = "10.0.0.1", "10.0.1.2"
ROUTER = ("10.0.0.254", "10.0.1.254")


@dataclass(frozen=True, slots=True)
class Net:
    """The hosts, and what is served at `SERVER`."""

    client: Host
    router: Host
    server: Host
    ports: dict[str, int]
    lacking: tuple[str, ...]
    """Servers that are not there, and why."""


@contextmanager
def laid_out(rules: Iterable[str] = ()) -> Iterator[Net]:
    """Build it; call this inside a private network. The wire's left end is the client. Raises RuleError."""
    with ExitStack() as stack:
        client, router, server = (stack.enter_context(Host(name)) for name in ("client", "router", "server"))
        router.sysctl("net.ipv4.ip_forward", 1)
        near, far = Port(router, "near", (f"{ROUTER[0]}/24",)), Port(router, "far", (f"{ROUTER[1]}/24",))
        connect(far, Port(server, INTERFACE, (f"{SERVER}/24",)))
        stack.enter_context(Wire(Port(client, INTERFACE, (f"{CLIENT}/24",)), near, rules=rules))
        route(client, "default", via=ROUTER[0])
        route(server, "default", via=ROUTER[1])
        ports = {name: service.port for name, service in SERVICES.items()}
        now = stack.enter_context(serve(list(SERVICES), SERVER, ports, lambda _: None, server, backlog=128))
        yield Net(client, router, server, now.ports, tuple(now.lacking))
