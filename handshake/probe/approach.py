"""Everything before the first packet: what was asked for, which address that is, which way it lies."""

from __future__ import annotations

import socket
from dataclasses import replace

from handshake.errors import TargetError
from handshake.model.address import Endpoint, Scope
from handshake.model.report import Approach
from handshake.probe.resolve import resolve
from handshake.probe.route import check_allowed, route_to
from handshake.probe.target import parse_name_server, parse_target, parse_targets


def prepare(
    text: str,
    *,
    family: int | None = None,
    allow_public: bool = False,
    source: str | None = None,
    interface: str | None = None,
    resolver: str | None = None,
    retries: int = 2,
    timeout_s: float = 5.0,
) -> Approach:
    """Parse `HOST:PORT`, resolve it (`family` 4, 6 or None for either), check that it may be probed, find the way.

    The way is the kernel's choice, as far as neither `source`, an address of ours, nor `interface` is given.

    `resolver` is the name server to ask, `SERVER[:PORT]`, in place of the system's; it is waited for as long as
    `retries` and `timeout_s` say. Raises TargetError (makes no sense, unknown, not allowed) or ProbeError (no route,
    no answer).
    """
    target = parse_target(text)
    ours = _source(source, family) if source else None
    if ours:
        family = 4 if len(ours) == 4 else 6
    name_server = parse_name_server(resolver) if resolver else None
    if name_server:
        check_allowed(name_server, allow_public=allow_public)
        route_to(name_server.address)
    resolution = resolve(target, family, name_server=name_server, retries=retries, timeout_s=timeout_s)
    server = Endpoint(resolution.addresses[0], target.port)
    check_allowed(server, allow_public=allow_public)
    zone = interface or target.host.partition("%")[2]
    if server.scope is Scope.LINK_LOCAL and len(server.address) == 16 and not zone:
        raise TargetError(f"{server.host} is link-local: name the interface, [{server.host}%eth0]:{server.port}")
    return Approach(target, resolution, route_to(server.address, zone or None, ours), server)


def _source(text: str, family: int | None) -> bytes:
    """Our own address out of its text; `family` is the IP version asked for besides."""
    version = 6 if ":" in text else 4
    if family not in (None, version):
        raise TargetError(f"the source address {text} does not go with -{family}")
    try:
        return socket.inet_pton(socket.AF_INET6 if version == 6 else socket.AF_INET, text)
    except OSError:
        raise TargetError(f"{text} is not an IP address; --source takes one of this machine's") from None


def prepare_ports(text: str, *, family: int | None = None, allow_public: bool = False) -> tuple[Approach, ...]:
    """Like `prepare`, for a list of ports on one host: `host:22,80,8000-8010`; the host is looked up once."""
    targets = parse_targets(text)
    first = prepare(targets[0].text, family=family, allow_public=allow_public)
    return tuple(
        replace(first, target=target, server=Endpoint(first.server.address, target.port)) for target in targets
    )
