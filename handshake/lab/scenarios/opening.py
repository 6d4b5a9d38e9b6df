"""Connections that open: plainly, late, from both sides at once, with more options or fewer."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from handshake.lab.scenarios.registry import scenario
from handshake.lab.scenarios.stage import (
    CLIENT_PORT,
    INTERFACE,
    Setting,
    Stage,
    abort,
    accept,
    await_end,
    close,
    converse,
    open_converse_close,
    wait_connected,
)
from handshake.lab.servers import tcp_echo
from handshake.model.handshake import Outcome
from handshake.model.packet import ACK, SYN
from handshake.probe.approach import prepare
from handshake.probe.run import Probe
from handshake.source.live import Sniffer

ESTABLISHED = Outcome.ESTABLISHED
MSG_FASTOPEN = 0x20000000


@scenario("three-way.pcap", "Three-way handshake, request and reply, FIN close", ESTABLISHED)
def three_way(stage: Stage) -> None:
    """SYN, SYN-ACK, ACK over a way of 12 ms; an echo server answers one request; the client closes first."""
    with tcp_echo((stage.server_ip, 7), stage.server), stage.dial(7) as client:
        client.sendall(b"hello, server")
        client.recv(100)
        client.shutdown(socket.SHUT_WR)
        client.recv(100)


@scenario("three-way-ipv6.pcapng", "The same over IPv6", ESTABLISHED, setting=Setting(ipv6=True))
def three_way_ipv6(stage: Stage) -> None:
    """SYN, SYN-ACK, ACK over IPv6; the maximum segment size is 20 bytes smaller than over IPv4."""
    open_converse_close(stage)


@scenario("syn-lost.pcap", "The first SYN is lost", ESTABLISHED, findings="HS101", setting=Setting(lost={SYN: {1}}))
def syn_lost(stage: Stage) -> None:
    """The client repeats its SYN after a second; the second copy is answered."""
    open_converse_close(stage)


@scenario(
    "syn-ack-lost.pcapng",
    "The SYN-ACK is lost",
    ESTABLISHED,
    findings="HS102",
    at_server=True,
    setting=Setting(lost={SYN | ACK: {1}, SYN: {2}}),
)
def syn_ack_lost(stage: Stage) -> None:
    """Seen at the server, which repeats its SYN-ACK after a second; the client's repeated SYN is lost as well."""
    open_converse_close(stage)


@scenario("ack-lost.pcapng", "The final ACK is lost", ESTABLISHED, findings="HS103", setting=Setting(lost={ACK: {1}}))
def ack_lost(stage: Stage) -> None:
    """The client holds the connection for open; the server repeats its SYN-ACK, the client its ACK."""
    open_converse_close(stage)


@scenario(
    "accept-queue-full.pcapng", "The accept queue is full", ESTABLISHED, ESTABLISHED, ESTABLISHED, findings="HS103"
)
def accept_queue_full(stage: Stage) -> None:
    """Three clients, room for two: the server ignores the third's ACK and repeats its SYN-ACK after a second."""
    with stage.listen(80, backlog=1) as listener, ExitStack() as stack:
        clients = [stack.enter_context(stage.new_socket(stage.client, port)) for port in (40001, 40002, 40003)]
        for client in clients:
            stage.start_dialling(client, stage.server, 80)
            if client is clients[0]:
                wait_connected(client)
        wait_connected(*clients)
        stage.pause()
        for client in clients:
            with accept(listener) as peer:
                converse(client, peer)
                close(client, peer)


@scenario(
    "simultaneous-open.pcapng",
    "Simultaneous open",
    Outcome.SIMULTANEOUS_OPEN,
    findings="HS109",
    setting=Setting(delay_ms=20),
)
def simultaneous_open(stage: Stage) -> None:
    """Both ends connect to each other, nobody listens, and the SYNs cross on the way."""
    with stage.new_socket(stage.client, 5000) as client, stage.new_socket(stage.server, 5000) as server:
        stage.start_dialling(client, stage.server, 5000)
        stage.start_dialling(server, stage.client, 5000)
        wait_connected(client, server)
        stage.pause()
        converse(client, server)
        close(client, server)


@scenario("ecn.pcapng", "ECN is negotiated", ESTABLISHED, setting=Setting(sysctls={"net.ipv4.tcp_ecn": 1}))
def ecn(stage: Stage) -> None:
    """The SYN has ECE and CWR, the SYN-ACK has ECE; data segments are then marked ECT(0)."""
    open_converse_close(stage)


@scenario(
    "few-options.pcap",
    "The server takes no offers",
    ESTABLISHED,
    findings="HS203 HS204 HS205",
    setting=Setting(server_sysctls={f"net.ipv4.tcp_{name}": 0 for name in ("timestamps", "sack", "window_scaling")}),
)
def few_options(stage: Stage) -> None:
    """The client offers window scale, SACK and timestamps; the SYN-ACK holds nothing but the MSS."""
    open_converse_close(stage)


@scenario(
    "fast-open.pcapng",
    "TCP Fast Open: asking for a cookie, then data in the SYN",
    ESTABLISHED,
    ESTABLISHED,
    findings="HS301",
    setting=Setting(sysctls={"net.ipv4.tcp_fastopen": 3}),
)
def fast_open(stage: Stage) -> None:
    """The first connection gets a cookie; the second shows it, and its request is answered a round trip sooner."""
    with stage.listen(80) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
        for source_port in (40001, 40002):
            with stage.new_socket(stage.client, source_port) as client:
                client.settimeout(None)
                client.sendto(b"hello, server", MSG_FASTOPEN, (stage.server_ip, 80))
                with accept(listener) as peer:
                    peer.recv(100)
                    peer.sendall(b"hello, client")
                    client.recv(100)
                    close(client, peer)


@scenario(
    "multipath.pcapng",
    "Multipath TCP is negotiated",
    ESTABLISHED,
    findings="HS501 HS506",
)
def multipath(stage: Stage) -> None:
    """Both ends send their keys in MP_CAPABLE options; the client closes fast, with RST."""
    with (
        stage.new_socket(stage.server, 80, protocol=socket.IPPROTO_MPTCP) as listener,
        stage.new_socket(stage.client, CLIENT_PORT, protocol=socket.IPPROTO_MPTCP) as client,
    ):
        listener.listen()
        client.connect((stage.server_ip, 80))
        with accept(listener) as peer:
            converse(client, peer)
            abort(client)


@scenario("probe.pcapng", "A crafted handshake: handshake probe", ESTABLISHED)
def probe(stage: Stage) -> None:
    """Every client segment is made by `handshake probe`; the server's kernel notices no difference."""
    with stage.listen(80) as listener, stage.client.inside():
        approach = prepare(f"{stage.server_ip}:80")
        with (
            Probe(approach, source_port=CLIENT_PORT) as crafted,
            Sniffer(INTERFACE, program=crafted.program) as sniffer,
        ):
            for frame in crafted.run(sniffer):
                if frame.number == 4:  # SYN, SYN-ACK, ACK, and our FIN
                    stage.pause(2)
                    with accept(listener) as peer:
                        await_end(peer)
