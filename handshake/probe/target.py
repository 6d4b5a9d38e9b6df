"""`HOST:PORT` as people type it. Each way of getting it wrong has its own sentence."""

from __future__ import annotations

import difflib
import ipaddress
import re
import socket
from typing import NoReturn

from handshake.errors import TargetError
from handshake.model.address import Endpoint
from handshake.model.report import Target
from handshake.model.services import SERVICES, service_name

DNS_PORT = 53

_PORT_BY_SERVICE = {name: port for port, name in sorted(SERVICES.items(), reverse=True)}
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")
_RANGE = re.compile(r":[0-9]+-[0-9]+$")
_NOT_IN_NAMES = re.compile(r"[^\w-]", re.ASCII)


def parse_target(text: str) -> Target:
    """Read `host:80`, `10.0.0.1:http` or `[::1]:80`. Raises TargetError that says what is wrong with it."""
    text = text.strip()
    if not text.isprintable():
        raise TargetError(f"{text!r}: a target has only printable characters")
    try:
        host, port_text = _split(text)
        _check_host(host)
        port, service = _read_port(port_text)
    except TargetError as error:
        raise TargetError(f"{text}: {error}" if text else str(error)) from None
    return Target(text, host, port, service)


def is_single(text: str) -> bool:
    """Whether a target names one port, rightly or wrongly, and no list or range of ports."""
    return "," not in text and not _RANGE.search(text.strip())


def parse_targets(text: str) -> tuple[Target, ...]:
    """Read one host with a list of ports: `host:22,http,8000-8010`; each port once, in the order given.

    Raises TargetError that says what is wrong with it.
    """
    if is_single(text):
        return (parse_target(text),)
    text = text.strip()
    head, colon, ports = text.rpartition(":")
    targets: dict[int, Target] = {}
    for piece in ports.split(","):
        first, dash, last = piece.partition("-") if _RANGE.fullmatch(f":{piece}") else (piece, "", "")
        start = parse_target(f"{head}{colon}{first}")
        end = parse_target(f"{head}{colon}{last}") if dash else start
        if end.port < start.port:
            raise TargetError(f"{text}: the range {piece} runs backwards; write {last}-{first}")
        targets |= {
            port: Target(f"{head}{colon}{port}", start.host, port, service_name(port))
            for port in range(start.port, end.port + 1)
            if port not in targets
        }
    return tuple(targets.values())


def parse_name_server(text: str) -> Endpoint:
    """Read `10.0.0.53`, `10.0.0.53:5353`, `::1` or `[::1]:53`; the port is 53 unless told. Raises TargetError."""
    host = text.strip().removeprefix("[").removesuffix("]")
    if _is_ipv4(host) or _ipv6(host):
        return Endpoint(ipaddress.ip_address(host).packed, DNS_PORT)
    target = parse_target(text)
    if not (_is_ipv4(target.host) or _ipv6(target.host)):
        raise TargetError(f"{text}: a name server is given by its address, such as 10.0.0.53 or [::1]:5353")
    return Endpoint(ipaddress.ip_address(target.host).packed, target.port)


def _wrong(reason: str) -> NoReturn:
    raise TargetError(reason)


def _split(text: str) -> tuple[str, str]:
    """Host, without brackets, and the text of the port."""
    if not text:
        _wrong("nothing to probe; give HOST:PORT, such as localhost:80")
    if "://" in text:
        scheme, _, rest = text.partition("://")
        authority = re.split(r"[/?#]", rest)[0].rpartition("@")[2]
        port = "" if re.search(r":\d+$", authority) else f":{_PORT_BY_SERVICE.get(scheme.lower(), 'PORT')}"
        _wrong(f"this is a URL; give HOST:PORT, such as {authority or 'HOST'}{port}")
    if text.startswith("["):
        return _split_brackets(text)
    if text.count(":") > 1:
        _refuse_bare_ipv6(text)
    host, colon, port = text.partition(":")
    if not colon:
        _wrong(f"the port is missing; write {text}:PORT, such as {text}:80 or {text}:http")
    if not host:
        _wrong(f"the host before the colon is missing; write HOST{text}, such as localhost{text}")
    return host, port


def _split_brackets(text: str) -> tuple[str, str]:
    host, closing, rest = text[1:].partition("]")
    if not closing:
        _wrong("the closing bracket is missing; an IPv6 target is written [ADDRESS]:PORT, such as [::1]:80")
    if not rest:
        _wrong(f"the port is missing; write {text}:PORT, such as {text}:80")
    if not rest.startswith(":"):
        _wrong(f"a colon is missing between the bracket and the port; write [{host}]:{rest}")
    if _ipv6(host) is None:
        if _is_ipv4(host):
            _wrong(f"only IPv6 addresses go in brackets; write {host}{rest}")
        _wrong(f"[{host}] does not hold an IPv6 address; it has eight groups of hex digits, or :: for a run of zeros")
    return host, rest[1:]


def _refuse_bare_ipv6(text: str) -> NoReturn:
    address, _, port = text.rpartition(":")
    as_whole, as_pair = _ipv6(text), _ipv6(address)
    if as_whole and as_pair:
        _wrong(
            f"this can be read as address {address} with port {port}, or as an address without a port; "
            f"write [{address}]:{port} or [{text}]:PORT"
        )
    if as_pair:
        _wrong(f"an IPv6 address goes in brackets; write [{address}]:{port}")
    if as_whole:
        _wrong(f"an IPv6 address goes in brackets and a port follows; write [{text}]:PORT, such as [{text}]:80")
    _wrong("more than one colon, and it is no IPv6 address; write HOST:PORT, or [ADDRESS]:PORT for IPv6")


def _ipv6(text: str) -> ipaddress.IPv6Address | None:
    try:
        return ipaddress.IPv6Address(text)
    except ValueError:
        return None


def _is_ipv4(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def _check_host(host: str) -> None:
    """Refuse what is neither an address nor a possible name."""
    ipv6 = _ipv6(host)
    if ipv6 is not None:
        if ipv6.ipv4_mapped:
            _wrong(f"{host} is an IPv4 address in IPv6 notation; write {ipv6.ipv4_mapped}")
    elif _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        _check_ipv4(host)
    else:
        _check_name(host)


def _check_ipv4(host: str) -> None:
    """Dotted decimal only: octal, hex and shortened forms mean different things to different programs."""
    parts = host.split(".")
    if len(parts) == 1 or any(part[:2].lower() == "0x" for part in parts):
        try:
            meant = f"; if {socket.inet_ntoa(socket.inet_aton(host))} is meant, write that"
        except OSError:
            meant = ""
        _wrong(f"{host} is not how an IPv4 address is written: four decimal numbers with dots between{meant}")
    for part in parts:
        if not part:
            _wrong("an IPv4 address has a number before, between and after its three dots")
        if not (part.isascii() and part.isdigit() and int(part[:9]) <= 255):
            _wrong(f"{part} is not a number from 0 to 255: an IPv4 address has four of them")
        if len(part) > 1 and part.startswith("0"):
            _wrong(f"{part} has a leading zero, which some programs read as octal; write {int(part)}")
    if len(parts) != 4:
        _wrong(f"{host} has {len(parts)} numbers: an IPv4 address has four")


def _check_name(host: str) -> None:
    """The rules for host names: RFC 1123 §2.1, RFC 1035 §2.3.4; underscores pass, as resolvers let them."""
    try:
        ascii_name = host.encode("ascii" if host.isascii() else "idna").decode()
    except UnicodeError:
        _wrong(f"{host} is not a valid internationalised name (RFC 3490)")
    labels = ascii_name.removesuffix(".").split(".")
    if len(ascii_name) > 253:
        _wrong(f"the name has {len(ascii_name)} characters; 253 are allowed")
    for label in labels:
        if not label:
            _wrong("two dots in a row, or one at the start: a name has something between its dots")
        bad = _NOT_IN_NAMES.search(label)
        if bad:
            _wrong(f"{bad.group()!r} cannot be in a host name; letters, digits and hyphens can")
        if len(label) > 63:
            _wrong(f"{label[:12]}… has {len(label)} characters; 63 are allowed between two dots")
        if label.startswith("-") or label.endswith("-"):
            _wrong(f"{label} begins or ends with a hyphen, which a host name cannot")


def _read_port(text: str) -> tuple[int, str | None]:
    """Port number and service name. A name is looked up in our own table, then in the system's."""
    if not text:
        _wrong("the port after the colon is missing; give a number or a service name such as http")
    if re.fullmatch(r"[+-]?[0-9]+", text):
        if text == "0":
            _wrong("port 0 is reserved, nothing can listen there; ports go from 1 to 65535")
        if not text[0].isdigit() or not 1 <= int(text[:9]) <= 65535:
            _wrong(f"{text} is not a port; ports go from 1 to 65535")
        return int(text), service_name(int(text))
    name = text.lower()
    if name in _PORT_BY_SERVICE:
        return _PORT_BY_SERVICE[name], name
    try:
        return socket.getservbyname(name, "tcp"), name
    except (OSError, UnicodeError):
        close = difflib.get_close_matches(name, _PORT_BY_SERVICE, n=1)
        hint = f"; did you mean {close[0]}?" if close else "; give a number from 1 to 65535"
        _wrong(f"{text!r} is neither a port number nor a known service name{hint}")
