"""The kernel's way to an address, and which addresses may be probed at all."""

from __future__ import annotations

import errno
import os
import socket
from dataclasses import replace
from typing import Any

from handshake.errors import ProbeError, TargetError
from handshake.model.address import Endpoint, Scope, format_address
from handshake.model.report import Route

_RTN_BROADCAST, _RTN_BLACKHOLE, _RTN_UNREACHABLE, _RTN_PROHIBIT = 3, 6, 7, 8  # linux/rtnetlink.h
_NO_WAY = {
    _RTN_BLACKHOLE: errno.EINVAL,
    _RTN_UNREACHABLE: errno.EHOSTUNREACH,
    _RTN_PROHIBIT: errno.EACCES,
}
_WORDS = {
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "the routing table says unreachable",
    errno.EACCES: "the routing table prohibits it",
    errno.EINVAL: "the routing table drops it (blackhole)",
    errno.ENODEV: "the interface is down or gone",
}
_LAB_SCOPES = (Scope.LOOPBACK, Scope.PRIVATE, Scope.LINK_LOCAL)
_NEVER = {
    Scope.UNSPECIFIED: "is the unspecified address, which is no host; 127.0.0.1 or [::1] is this machine",
    Scope.BROADCAST: "is the broadcast address; a probe speaks to one host",
    Scope.MULTICAST: "is a multicast address; a probe speaks to one host",
}


def check_allowed(server: Endpoint, *, allow_public: bool = False) -> None:
    """Refuse what no probe may go to (RFC 1122 §4.2.3.10), and what needs the word that one is permitted to.

    Raises TargetError.
    """
    if server.scope in _NEVER:
        raise TargetError(f"{server.host} {_NEVER[server.scope]}")
    if not allow_public and server.scope not in _LAB_SCOPES:
        raise TargetError(
            f"{server.host} is a {server.scope.value} address: probe hosts of others only with their permission, "
            "and then say --allow-public"
        )


def route_to(address: bytes, interface: str | None = None, source: bytes | None = None) -> Route:
    """Ask the kernel (RTM_GETROUTE) how it reaches `address`, out of `interface` and from `source` if given.

    Addresses are 4 or 16 bytes. Raises ProbeError when there is no route, TargetError for a broadcast address.
    """
    from pyroute2 import IPRoute, NetlinkError

    host = format_address(address)
    family = socket.AF_INET if len(address) == 4 else socket.AF_INET6
    try:
        given: dict[str, Any] = {"oif": socket.if_nametoindex(interface)} if interface else {}
    except OSError:
        raise TargetError(f"there is no interface {interface!r} on this machine") from None
    if source:
        _check_own(source, family)
        given["src"] = format_address(source)
    with IPRoute() as kernel:
        try:
            answer = kernel.route("get", dst=host, family=family, **given)[0]
            link = kernel.link("get", index=answer.get_attr("RTA_OIF"))[0]
        except NetlinkError as error:
            raise _no_route(host, error.code) from None
    if answer["type"] in _NO_WAY:
        raise _no_route(host, _NO_WAY[answer["type"]])
    name = str(link.get_attr("IFLA_IFNAME"))
    if answer["type"] == _RTN_BROADCAST:
        raise TargetError(f"{host} is the broadcast address of the network on {name}; a probe speaks to one host")
    route = _route(answer, name, link.get_attr("IFLA_MTU"), family, source)
    return replace(route, pinned=interface is not None)


def _check_own(source: bytes, family: socket.AddressFamily) -> None:
    """Only an address of this machine gets the answers, and only for one of these does the kernel tell a route."""
    with socket.socket(family, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((format_address(source), 0))
        except OSError as error:
            raise TargetError(
                f"{format_address(source)} is not an address of this machine ({error.strerror})"
            ) from None


def _route(answer: Any, interface: str, link_mtu: int, family: int, source: bytes | None) -> Route:
    """Our Route out of a netlink answer; a metric of the route may lower the link's MTU."""
    metrics = answer.get_attr("RTA_METRICS")
    preferred = answer.get_attr("RTA_PREFSRC")
    if source is None and preferred is None:
        raise ProbeError(f"interface {interface} has no address to probe from")
    gateway = answer.get_attr("RTA_GATEWAY")
    return Route(
        interface,
        (metrics.get_attr("RTAX_MTU") if metrics else None) or link_mtu,
        source or socket.inet_pton(family, preferred),
        socket.inet_pton(family, gateway) if gateway else None,
    )


def _no_route(host: str, code: int) -> ProbeError:
    return ProbeError(f"no route to {host}: {_WORDS.get(code) or os.strerror(code)}")
