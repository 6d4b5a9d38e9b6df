"""The crafted probe against real kernel sockets; the server's kernel is the witness of what truly happened."""

from __future__ import annotations

import errno
import socket
from itertools import pairwise
from math import isclose
from threading import Semaphore

import pytest
from pyroute2 import IPRoute

from handshake.errors import ProbeError
from handshake.lab.links import Port, connect
from handshake.lab.netns import Host
from handshake.model.address import Endpoint
from handshake.model.packet import ACK, FIN, RST, SYN
from handshake.probe.craft import Crafter, Outgoing, RawSender
from handshake.probe.hold import PortHold
from handshake.probe.run import Probe
from handshake.source.live import Sniffer
from handshake.wire.bpf import tcp_port_filter
from tests.live.probing import NETWORKS, Network, kernel_states, network, next_to, privately, running

OPENING = ["client SYN", "server SYN,ACK", "client ACK"]


def established_and_closed(kind: str) -> None:
    with network(kind) as net, net.listen() as listener:
        peers: list[Endpoint] = []

        def serve() -> None:
            accepted, address = listener.accept()
            with accepted:
                assert accepted.recv(10) == b""  # the end of our side, no ECONNRESET
                peers.append(Endpoint(socket.inet_pton(listener.family, address[0]), address[1]))

        with running(serve):
            talk = net.probe(listener.getsockname()[1])
        assert peers == [talk.client]
        assert talk.lines[:4] == [*OPENING, "client FIN,ACK"]
        assert talk.lines[-2:] == ["server FIN,ACK", "client ACK"]
        assert not any("RST" in line for line in talk.lines)
        assert net.server_states() == []
        assert talk.drops == 0
        syn_ack = talk.segments[1]
        assert syn_ack.options.tsecr == talk.segments[0].options.tsval
        assert all(segment.checksum_ok is not False for segment in talk.segments)
        assert all(earlier.time_ns <= later.time_ns for earlier, later in pairwise(talk.frames))


@pytest.mark.parametrize("kind", NETWORKS)
def test_established_and_closed(kind: str) -> None:
    privately(established_and_closed, kind)


def refused(kind: str) -> None:
    with network(kind) as net:
        with net.listen() as listener:
            port = listener.getsockname()[1]
        assert net.probe(port).lines == ["client SYN", "server RST,ACK"]


@pytest.mark.parametrize("kind", NETWORKS)
def test_refused(kind: str) -> None:
    privately(refused, kind)


def silent(kind: str) -> None:
    with network(kind) as net:
        with net.on_server():
            hold = PortHold(
                socket.inet_pton(socket.AF_INET6 if ":" in net.server_ip else socket.AF_INET, net.server_ip)
            )
        with hold:
            talk = net.probe(hold.port, retries=1, timeout_s=1.3)
        assert talk.lines == ["client SYN", "client SYN"]
        first, second = talk.segments
        assert first.seq == second.seq
        assert isclose(second.time_ns - first.time_ns, 1e9, rel_tol=0.2)


@pytest.mark.parametrize("kind", ["lo IPv4", "veth IPv6"])
def test_silent(kind: str) -> None:
    privately(silent, kind)


def server_sends_first(kind: str) -> None:
    with network(kind) as net, net.listen() as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(5)
                accepted.sendall(b"220 hello\r\n" * 30_000)  # more than the window: it must be acknowledged to end

        with running(serve):
            talk = net.probe(listener.getsockname()[1], close_wait_s=5)
        from_server = [segment for segment in talk.segments if segment.src == talk.server]
        assert sum({segment.seq: segment.payload_len for segment in from_server}.values()) == 330_000
        assert talk.lines[-1] == "client ACK"
        assert not any("RST" in line for line in talk.lines)
        assert set(net.server_states()) <= {"TIME-WAIT"}  # it may close before our FIN is there


@pytest.mark.parametrize("kind", ["lo IPv4", "veth IPv6"])
def test_what_the_server_sends_first_is_acknowledged(kind: str) -> None:
    privately(server_sends_first, kind)


def server_closes_first() -> None:
    with network("lo IPv4") as net, net.listen() as listener:

        def serve() -> None:
            listener.accept()[0].close()

        with running(serve):
            talk = net.probe(listener.getsockname()[1])
        assert talk.lines[:3] == OPENING
        assert sorted(line for line in talk.lines if "FIN" in line) == ["client FIN,ACK", "server FIN,ACK"]
        assert not any("RST" in line for line in talk.lines)
        assert set(net.server_states()) <= {"TIME-WAIT"}


def test_server_closes_first() -> None:
    privately(server_closes_first)


def server_never_closes(kind: str) -> None:
    with network(kind) as net, net.listen() as listener:
        talk = net.probe(listener.getsockname()[1], close_wait_s=0.3)
        accepted, _ = listener.accept()
        with accepted:  # FIN, then RST: Linux tells it as a broken pipe
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EPIPE
        assert talk.lines == [*OPENING, "client FIN,ACK", "server ACK", "client RST,ACK"]
        assert net.server_states() == []


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_server_that_never_closes_is_left_with_a_rst(kind: str) -> None:
    privately(server_never_closes, kind)


def wrong_ack() -> None:
    """A crafted server first acknowledges 1000 too much, and does it right after our RST."""
    with network("lo IPv4") as net, PortHold(bytes((127, 0, 0, 1))) as hold:

        def serve() -> None:
            with Sniffer("lo", program=tcp_port_filter(hold.port)) as sniffer:
                started.release()
                syn = next_to(sniffer, hold.endpoint)
                with RawSender() as sender:
                    server = Crafter(sender, hold.endpoint, syn.src)
                    server.send(Outgoing(SYN | ACK, 7000, syn.seq + 1001))
                    rst = next_to(sniffer, hold.endpoint)
                    assert (rst.flags, rst.seq) == (RST, (syn.seq + 1001) % 2**32)
                    server.send(Outgoing(SYN | ACK, 7000, syn.seq + 1))
                    assert next_to(sniffer, hold.endpoint).ack == 7001
                    assert next_to(sniffer, hold.endpoint).flags == FIN | ACK
                    server.send(Outgoing(RST, 7001))

        started = Semaphore(0)
        with running(serve):
            started.acquire(timeout=5)
            talk = net.probe(hold.port)
        assert talk.lines[:3] == ["client SYN", "server SYN,ACK", "client RST"]
        assert talk.lines[3:] == ["server SYN,ACK", "client ACK", "client FIN,ACK", "server RST"]


def test_a_wrong_ack_in_the_syn_ack_gets_a_rst() -> None:
    privately(wrong_ack)


def unreachable(kind: str, target: str, meaning: str) -> None:
    """A router, which here is the server's side, has no way to the target."""
    with network(kind) as net:
        net.prohibit(target)
        talk = Network(target, net.client, net.server).probe(80, timeout_s=4)
        assert talk.lines == ["client SYN", f"icmp {meaning}"]


def test_unreachable_is_told_by_icmp_at_once() -> None:
    privately(unreachable, "veth IPv4", "10.9.9.9", "communication administratively prohibited")
    privately(unreachable, "veth IPv6", "fd09::9", "communication administratively prohibited")


def nobody_there() -> None:
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("10.0.0.1/24",)), Port(server, "eth0", ("10.0.0.2/24",)))
        with client.inside(), IPRoute() as kernel:
            kernel.link("set", index=socket.if_nametoindex("eth0"), arp=True)
        with pytest.raises(ProbeError, match=r"SYN to 10.0.0.77:80 did not leave eth0: no host there answers"):
            Network("10.0.0.77", client).probe(80, retries=0, timeout_s=0.3)


def test_an_address_without_a_host_is_no_silence() -> None:
    privately(nobody_there)


def no_route() -> None:
    with Host("alone") as alone, pytest.raises(ProbeError, match=r"no route to 10.9.9.9: network unreachable"):
        Network("10.9.9.9", alone).approach(80)
    with Host("alone") as alone, pytest.raises(ProbeError, match=r"no route to fd09::9: network unreachable"):
        Network("fd09::9", alone).approach(80)


def test_no_route() -> None:
    privately(no_route)


def link_local() -> None:
    with Host("client") as client, Host("server") as server:
        connect(Port(client, "eth0", ("fe80::1/64",)), Port(server, "eth1", ("fe80::2/64",)))
        with server.inside():
            listener = socket.socket(socket.AF_INET6)
            listener.bind(("fe80::2", 0, 0, socket.if_nametoindex("eth1")))
            listener.listen()
        with listener:
            talk = Network("fe80::2%eth0", client, server).probe(listener.getsockname()[1], close_wait_s=0.2)
            listener.accept()[0].close()
        assert talk.lines[:3] == OPENING


def test_link_local_addresses_with_a_zone() -> None:
    privately(link_local)


def leaving_early(frames: int) -> None:
    """Who stops reading the frames leaves no open connection either."""
    with network("lo IPv4") as net, net.listen() as listener:
        approach = net.approach(listener.getsockname()[1])
        with Probe(approach) as probe, Sniffer("lo", program=probe.program) as sniffer:
            for _ in zip(range(frames), probe.run(sniffer), strict=False):
                assert kernel_states() != []
        assert kernel_states() == []


@pytest.mark.parametrize("frames", [1, 2, 4])
def test_leaving_the_probe_early_resets_the_connection(frames: int) -> None:
    privately(leaving_early, frames)
