"""Name resolution, route and permission, before any packet."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

import pytest

from handshake.errors import ProbeError, TargetError
from handshake.model.address import Endpoint
from handshake.model.report import Target
from handshake.probe import resolve as resolving
from handshake.probe.approach import prepare
from handshake.probe.resolve import resolve
from handshake.probe.route import check_allowed, route_to

LOOPBACK = bytes((127, 0, 0, 1))


def named(host: str) -> Target:
    return Target(f"{host}:80", host, 80)


def system_answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def answer(_host: str, _port: None, family: int = 0, _type: int = 0, **_: int) -> list[object]:
        found = [(socket.AF_INET6 if ":" in text else socket.AF_INET, text) for text in addresses]
        return [(kind, 1, 6, "", (text, 0)) for kind, text in found if family in (0, kind)] or no_name()

    def no_name() -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", answer)


def test_a_literal_takes_no_time() -> None:
    assert resolve(named("127.0.0.1")).addresses == (LOOPBACK,)
    resolution = resolve(named("fe80::1%lo"), 6)
    assert resolution.addresses == (ip_address("fe80::1").packed,)
    assert (resolution.source, resolution.took_ns) == ("literal", 0)


def test_a_literal_of_the_other_family_is_refused() -> None:
    with pytest.raises(TargetError, match=r"127.0.0.1 is an IPv4 address, and IPv6 was asked for"):
        resolve(named("127.0.0.1"), 6)


def test_a_name_has_all_its_addresses_once_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    system_answers(monkeypatch, "::1", "127.0.0.1", "127.0.0.1")
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 other Box # server\n")
    monkeypatch.setattr(resolving, "_HOSTS", hosts)
    conf = tmp_path / "resolv.conf"
    monkeypatch.setattr(resolving, "_RESOLV_CONF", conf)
    resolution = resolve(named("box"))
    assert resolution.addresses == (ip_address("::1").packed, LOOPBACK)
    assert resolution.source == "hosts file"
    assert resolution.took_ns > 0
    assert resolve(named("server")).source == "system resolver"
    conf.write_text("search lab\nnameserver 10.0.0.53\nnameserver 10.0.0.54\n")
    assert resolve(named("server")).source == "system resolver, resolv.conf names 10.0.0.53"
    conf.write_text("# nobody\nnameserver\n")
    assert resolve(named("server")).source == "system resolver"
    assert resolve(named("box"), 4).addresses == (LOOPBACK,)


def test_unknown_names_and_missing_families_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    system_answers(monkeypatch)
    with pytest.raises(TargetError, match="unknown name nohost"):
        resolve(named("nohost"))
    system_answers(monkeypatch, "127.0.0.1")
    with pytest.raises(TargetError, match="four has no IPv6 address"):
        resolve(named("four"), 6)


@pytest.mark.parametrize("code", [socket.EAI_AGAIN, socket.EAI_FAIL])
def test_a_resolver_that_fails_is_named(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(*_: object) -> NoReturn:
        raise socket.gaierror(code, "trouble")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(TargetError, match=r"cannot look up host: (no name server answered|trouble)"):
        resolve(named("host"))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.1.1", "::1", "fd00::1", "fe80::1"]
)
def test_lab_addresses_are_allowed(address: str) -> None:
    check_allowed(Endpoint(ip_address(address).packed, 80))


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "8.8.8.8", "240.0.0.1", "2606:4700::1111"])
def test_other_addresses_need_the_word(address: str) -> None:
    server = Endpoint(ip_address(address).packed, 80)
    with pytest.raises(TargetError, match="permission, and then say --allow-public"):
        check_allowed(server)
    check_allowed(server, allow_public=True)


@pytest.mark.parametrize("address", ["255.255.255.255", "224.0.0.1", "0.0.0.0", "::", "ff02::1"])
def test_what_is_no_host_is_refused_whatever_is_said(address: str) -> None:
    with pytest.raises(TargetError, match=r"broadcast|multicast|unspecified"):
        check_allowed(Endpoint(ip_address(address).packed, 80), allow_public=True)


def test_the_way_to_this_machine_is_lo() -> None:
    route = route_to(LOOPBACK)
    assert (route.interface, route.source, route.gateway) == ("lo", LOOPBACK, None)
    assert route.mtu == int(Path("/sys/class/net/lo/mtu").read_text())


def test_the_broadcast_address_of_a_network_is_refused() -> None:
    with pytest.raises(TargetError, match="broadcast address of the network on lo"):
        route_to(bytes((127, 255, 255, 255)))


def test_an_unknown_zone_is_a_bad_target() -> None:
    with pytest.raises(TargetError, match="no interface 'nope0'"):
        prepare("[fe80::1%nope0]:80")


def test_link_local_needs_a_zone() -> None:
    with pytest.raises(TargetError, match=r"name the interface, \[fe80::1%eth0\]:80"):
        prepare("[fe80::1]:80")


def test_prepare_puts_it_together() -> None:
    approach = prepare("127.0.0.1:http")
    assert str(approach.server) == "127.0.0.1:80"
    assert approach.resolution.source == "literal"
    assert approach.route.interface == "lo"
    with pytest.raises(TargetError, match="multicast"):
        prepare("224.0.0.1:80", allow_public=True)


def test_no_route_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyroute2 import IPRoute, NetlinkError

    def unreachable(*_: object, **__: object) -> NoReturn:
        raise NetlinkError(101, "Network is unreachable")

    monkeypatch.setattr(IPRoute, "route", unreachable, raising=False)
    with pytest.raises(ProbeError, match=r"no route to 10.0.0.1: network unreachable"):
        route_to(bytes((10, 0, 0, 1)))
