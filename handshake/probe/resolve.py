"""From a host to addresses, with the time it took and who answered."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from handshake.errors import TargetError
from handshake.model.report import Resolution, Target

_HOSTS = Path("/etc/hosts")
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6, None: socket.AF_UNSPEC}
_VERSION = {socket.AF_INET: 4, socket.AF_INET6: 6}


def resolve(target: Target, family: int | None = None) -> Resolution:
    """All addresses of the target's host, the system's favourite first. `family` is 4, 6 or None for either.

    Raises TargetError when the host is unknown or has no address of that family.
    """
    literal = _literal(target.host)
    if literal is not None:
        if family not in (None, _VERSION[literal[0]]):
            raise TargetError(f"{target.host} is an IPv{_VERSION[literal[0]]} address, and IPv{family} was asked for")
        return Resolution(target.host, (literal[1],), "literal", 0)
    started = time.perf_counter_ns()
    addresses = _ask_system(target.host, family)
    took_ns = time.perf_counter_ns() - started
    source = "hosts file" if _in_hosts_file(target.host) else "system resolver"
    return Resolution(target.host, addresses, source, took_ns)


def _literal(host: str) -> tuple[socket.AddressFamily, bytes] | None:
    """Family and bytes of an address; a zone such as `%eth0` stays with the host's text (RFC 4007 §11)."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return family, socket.inet_pton(family, host.partition("%")[0])
        except OSError:
            continue
    return None


def _ask_system(host: str, family: int | None) -> tuple[bytes, ...]:
    try:
        answers = socket.getaddrinfo(host, None, _FAMILIES[family], socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise TargetError(_explain(host, family, error)) from None
    return tuple(dict.fromkeys(socket.inet_pton(kind, str(address[0])) for kind, *_, address in answers))


def _explain(host: str, family: int | None, error: socket.gaierror) -> str:
    if error.errno == socket.EAI_AGAIN:
        return f"cannot look up {host}: no name server answered; is the network up, and /etc/resolv.conf right?"
    if error.errno in (socket.EAI_NODATA, socket.EAI_ADDRFAMILY) or (family and _has_address(host)):
        return f"{host} has no IPv{family} address" if family else f"{host} has no address"
    if error.errno == socket.EAI_NONAME:
        return f"unknown name {host}: neither the hosts file nor the name server has an address for it"
    return f"cannot look up {host}: {error.strerror}"


def _has_address(host: str) -> bool:
    """Whether the name has an address of any family."""
    try:
        return bool(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
    except socket.gaierror:
        return False


def _in_hosts_file(host: str) -> bool:
    try:
        lines = _HOSTS.read_text(errors="replace").splitlines()
    except OSError:  # no hosts file: it did not answer
        return False
    return any(host.lower() in line.partition("#")[0].lower().split()[1:] for line in lines)
