"""Everything before the first packet: what was asked for, which address that is, which way it lies."""

from __future__ import annotations

from handshake.errors import TargetError
from handshake.model.address import Endpoint, Scope
from handshake.model.report import Approach
from handshake.probe.resolve import resolve
from handshake.probe.route import check_allowed, route_to
from handshake.probe.target import parse_target


def prepare(text: str, *, family: int | None = None, allow_public: bool = False) -> Approach:
    """Parse `HOST:PORT`, resolve it (`family` 4, 6 or None for either), check that it may be probed, find the way.

    Raises TargetError (makes no sense, unknown, not allowed) or ProbeError (no route).
    """
    target = parse_target(text)
    resolution = resolve(target, family)
    server = Endpoint(resolution.addresses[0], target.port)
    check_allowed(server, allow_public=allow_public)
    zone = target.host.partition("%")[2]
    if server.scope is Scope.LINK_LOCAL and len(server.address) == 16 and not zone:
        raise TargetError(f"{server.host} is link-local: name the interface, [{server.host}%eth0]:{server.port}")
    return Approach(target, resolution, route_to(server.address, zone or None), server)
