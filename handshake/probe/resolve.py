"""From a host to addresses, with the time it took and who answered."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from handshake.errors import ProbeError, TargetError
from handshake.model.address import Endpoint
from handshake.model.dns import AAAA, CNAME, NXDOMAIN, A, Lookup
from handshake.model.report import Resolution, Target
from handshake.probe.ask import ask

_HOSTS, _RESOLV_CONF = Path("/etc/hosts"), Path("/etc/resolv.conf")
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6, None: socket.AF_UNSPEC}
_VERSION = {socket.AF_INET: 4, socket.AF_INET6: 6}


def resolve(
    target: Target,
    family: int | None = None,
    *,
    name_server: Endpoint | None = None,
    retries: int = 2,
    timeout_s: float = 5.0,
) -> Resolution:
    """All addresses of the target's host, the system's favourite first. `family` is 4, 6 or None for either.

    With a `name_server` that is asked, and nobody else: IPv4 addresses come first then. Its answer is waited
    for as `ask` does. Raises TargetError when the host is unknown or has no address of that family, ProbeError
    when the name server does not answer or will not.
    """
    literal = _literal(target.host)
    if literal is not None:
        if family not in (None, _VERSION[literal[0]]):
            raise TargetError(f"{target.host} is an IPv{_VERSION[literal[0]]} address, and IPv{family} was asked for")
        return Resolution(target.host, (literal[1],), "literal", 0)
    if name_server is not None:
        return _ask_server(target.host, family, name_server, retries, timeout_s)
    started = time.perf_counter_ns()
    addresses = _ask_system(target.host, family)
    took_ns = time.perf_counter_ns() - started
    source = "hosts file" if _in_hosts_file(target.host) else _system_resolver()
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


def _ask_server(host: str, family: int | None, server: Endpoint, retries: int, timeout_s: float) -> Resolution:
    """One question for each family that will do, one after the other; a server that is silent is not asked again."""
    lookups: list[Lookup] = []
    for version, kind in ((4, A), (6, AAAA)):
        if family in (None, version) and all(lookup.answer for lookup in lookups):
            lookups.append(ask(server, host, kind, retries=retries, timeout_s=timeout_s))
    addresses = tuple(dict.fromkeys(address for lookup in lookups for address in _addresses(lookup)))
    if not addresses:
        for lookup in lookups:
            _check(lookup)
        kinds = " or ".join(lookup.kind_name for lookup in lookups)
        raise TargetError(f"{host} has no {kinds} record, says name server {server}")
    took_ns = sum(lookup.took_ns or 0 for lookup in lookups)
    return Resolution(host, addresses, f"name server {server}", took_ns, tuple(lookups))


def _check(lookup: Lookup) -> None:
    """Refuse an answer that is none: silence, and every response code but success."""
    answer = lookup.answer
    if answer is None:
        copies = "once" if len(lookup.sent_ns) == 1 else f"{len(lookup.sent_ns)} times"
        strays = f" ({lookup.ignored} datagrams that did not fit were ignored)" if lookup.ignored else ""
        raise ProbeError(
            f"name server {lookup.server} did not answer; it was asked {copies} for {lookup.kind_name} {lookup.name}"
            + strays
        )
    if answer.rcode == NXDOMAIN:
        raise TargetError(f"unknown name {lookup.name}: name server {lookup.server} says there is none (NXDOMAIN)")
    if answer.rcode:
        raise ProbeError(f"name server {lookup.server} will not say where {lookup.name} is: {answer.rcode_name}")


def _addresses(lookup: Lookup) -> list[bytes]:
    """Addresses of the name asked for, found by following its aliases (RFC 1034 §3.6.2); other names do not count."""
    records = lookup.answer.records if lookup.answer else ()
    aliases = {record.name: record.value for record in records if record.kind == CNAME}
    name, names = lookup.name, {lookup.name}
    while (name := aliases.get(name, "")) and name not in names:
        names.add(name)
    length = 4 if lookup.kind == A else 16
    return [r.data for r in records if r.kind == lookup.kind and r.name in names and len(r.data) == length]


def _system_resolver() -> str:
    """The system's resolver, with the first name server that it would ask."""
    try:
        words = [line.split() for line in _RESOLV_CONF.read_text(errors="replace").splitlines()]
    except OSError:  # none: the C library asks this machine
        return "system resolver"
    servers = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    return f"system resolver, resolv.conf names {servers[0]}" if servers else "system resolver"


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
