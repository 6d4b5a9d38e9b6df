"""UDP probes against real sockets: a reply, a closed port, a router that says no, silence."""

from __future__ import annotations

import socket
from contextlib import nullcontext
from math import isclose
from pathlib import Path

import pytest
from pyroute2 import IPRoute

from handshake.api import inspect
from handshake.cli.udp import run_udp
from handshake.errors import ProbeError, TargetError
from handshake.lab import servers
from handshake.lab.links import Port, connect
from handshake.lab.netns import Host
from handshake.model.dns import A
from handshake.model.handshake import Exchange, Reach
from handshake.model.packet import Datagram, IcmpError
from handshake.probe.approach import prepare
from tests.live.probing import NETWORKS, Network, network, privately, running

PORT = 5353
ZONE = {("box.lab", A): [bytes((10, 0, 0, 2))]}


def probed(net: Network, port: int = PORT, **options: object) -> tuple[Exchange, int]:
    approach = net.approach(port)
    with net.client.inside() if net.client else nullcontext():
        report, status = run_udp(approach, quiet=True, **options)  # type: ignore[arg-type]
    (exchange,) = report.exchanges
    assert report.approach == approach
    return exchange, status


def answered(kind: str, path: Path) -> None:
    with network(kind) as net, servers.udp_echo((net.server_ip, PORT), net.server):
        exchange, status = probed(net, payload=b"hello", record=path)
        assert (exchange.verdict, status) == (Reach.OPEN, 0)
        assert (exchange.requests, exchange.replies, exchange.request_bytes, exchange.reply_bytes) == (1, 1, 5, 5)
        request, reply = exchange.datagrams
        assert isinstance(reply, Datagram)
        assert exchange.first_reply_ns == reply.time_ns - request.time_ns
        assert 0 < exchange.first_reply_ns < 10**9
        (recorded,) = inspect([path]).exchanges
        assert recorded.verdict is Reach.OPEN
        assert recorded.first_reply_ns == exchange.first_reply_ns
        empty, status = probed(net)
        assert (empty.request_bytes, empty.replies, status) == (0, 1, 0)


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_reply_means_open(kind: str, tmp_path: Path) -> None:
    privately(answered, kind, tmp_path / "udp.pcapng")


def asked(kind: str) -> None:
    with network(kind) as net, servers.dns((net.server_ip, PORT), ZONE, net.server):
        exchange, status = probed(net, ask="box.lab")
        assert status == 0
        assert exchange.answer is not None
        assert [(record.value, record.ttl_s) for record in exchange.answer.records] == [("10.0.0.2", 60)]
        unknown, status = probed(net, ask="none.lab")
        assert unknown.answer is not None
        assert (unknown.answer.rcode_name, unknown.verdict, status) == ("NXDOMAIN", Reach.OPEN, 0)


@pytest.mark.parametrize("kind", ["lo IPv6", "veth IPv4"])
def test_a_dns_question(kind: str) -> None:
    privately(asked, kind)


def not_dns() -> None:
    with network("lo IPv4") as net, servers.udp_echo((net.server_ip, PORT)):
        exchange, status = probed(net, ask="box.lab")
        assert (exchange.verdict, exchange.answer, status) == (Reach.OPEN, None, 0)
        with pytest.raises(TargetError, match=r"--ask 'a\.\.b' is not a domain name"):
            probed(net, ask="a..b")


def test_an_echo_is_no_answer() -> None:
    privately(not_dns)


def closed(kind: str) -> None:
    with network(kind) as net:
        exchange, status = probed(net)
        assert (exchange.verdict, status) == (Reach.CLOSED, 1)
        request, error = exchange.datagrams
        assert isinstance(error, IcmpError)
        assert error.meaning == "port unreachable"
        assert error.time_ns - request.time_ns < 10**9


@pytest.mark.parametrize("kind", NETWORKS)
def test_port_unreachable_means_closed(kind: str) -> None:
    privately(closed, kind)


def filtered(kind: str, target: str) -> None:
    with network(kind) as net:
        net.prohibit(target)
        exchange, status = probed(Network(target, net.client, net.server))
        assert (exchange.verdict, status) == (Reach.FILTERED, 1)
        assert exchange.icmp is not None
        assert exchange.icmp.meaning == "communication administratively prohibited"


def test_another_icmp_error_means_filtered() -> None:
    privately(filtered, "veth IPv4", "10.9.9.9")
    privately(filtered, "veth IPv6", "fd09::9")


def silent(kind: str) -> None:
    """A socket that takes the datagrams and says nothing: nobody can tell it from a firewall."""
    family = socket.AF_INET6 if kind.endswith("6") else socket.AF_INET
    with network(kind) as net:
        with net.on_server():
            deaf = socket.socket(family, socket.SOCK_DGRAM)
            deaf.bind((net.server_ip, PORT))
        with deaf:
            exchange, status = probed(net, payload=b"?", retries=1, timeout_s=1.4)
            assert (exchange.verdict, status) == (Reach.SILENT, 1)
            first, second = exchange.datagrams
            assert isclose(second.time_ns - first.time_ns, 1e9, rel_tol=0.2)
            assert [deaf.recv(10), deaf.recv(10)] == [b"?", b"?"]


@pytest.mark.parametrize("kind", ["lo IPv4", "veth IPv6"])
def test_silence_means_open_or_filtered(kind: str) -> None:
    privately(silent, kind)


def answered_late() -> None:
    """The first datagram is lost on the server; the second one is answered, twice."""
    with network("lo IPv4") as net, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((net.server_ip, PORT))
        server.settimeout(5)

        def serve() -> None:
            server.recv(100)
            data, client = server.recvfrom(100)
            server.sendto(data, client)
            server.sendto(b"more", client)

        with running(serve):
            exchange, status = probed(net, payload=b"?")
        assert (exchange.requests, exchange.replies, status) == (2, 2, 0)
        assert exchange.first_reply_ns is not None
        assert exchange.first_reply_ns > 900_000_000


def test_a_reply_to_the_second_copy() -> None:
    privately(answered_late)


def impossible() -> None:
    with network("lo IPv4") as net:
        with pytest.raises(
            ProbeError, match=r"cannot send 65508 bytes over UDP to 127\.0\.0\.1:5353: Message too long"
        ):
            probed(net, payload=bytes(65508))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
            with pytest.raises(
                ProbeError, match=rf"cannot use UDP port {port} of 127\.0\.0\.1: Address already in use"
            ):
                probed(net, source_port=port)


def test_what_cannot_be_sent() -> None:
    privately(impossible)


def nobody_there() -> None:
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",)))
        with client.inside(), IPRoute() as kernel:
            kernel.link("set", index=socket.if_nametoindex("eth0"), arp=True)
        with pytest.raises(ProbeError, match=r"datagram to 10.0.0.77:5353 did not leave eth0: no host there answers"):
            probed(Network("10.0.0.77", client), retries=0, timeout_s=0.3)


def test_an_address_without_a_host_is_no_silence() -> None:
    privately(nobody_there)


def link_local() -> None:
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("fe80::1/64",)), Port(server, "eth1", ("fe80::2/64",)))
        exchange, _ = probed(Network("fe80::2%eth0", client, server))
        assert exchange.verdict is Reach.CLOSED


def test_link_local_addresses_with_a_zone() -> None:
    privately(link_local)


@pytest.mark.parametrize("host", ["192.0.2.1", "224.0.0.1", "255.255.255.255", "[ff02::1]", "8.8.8.8"])
def test_only_lab_targets(host: str) -> None:
    with pytest.raises(TargetError):
        prepare(f"{host}:53")
