"""Connections that open: plainly, late, from both sides at once, with more options or fewer."""

from __future__ import annotations

import socket
from contextlib import ExitStack

from handshake.lab.scenarios.plays import play
from handshake.lab.scenarios.stage import (
    CLIENT_PORT,
    INTERFACE,
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
from handshake.model.packet import AE, CWR, ECE
from handshake.probe.approach import prepare
from handshake.probe.behaviour import Behaviour
from handshake.probe.run import Probe
from handshake.source.live import Sniffer

MSG_FASTOPEN = 0x20000000

play(open_converse_close)


@play
def three_way(stage: Stage) -> None:
    """SYN, SYN-ACK, ACK over a way of 12 ms; an echo server answers one request; the client closes first."""
    with tcp_echo((stage.server_ip, 7), stage.server), stage.dial(7) as client:
        client.sendall(b"hello, server")
        client.recv(100)
        client.shutdown(socket.SHUT_WR)
        client.recv(100)


@play
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


@play
def simultaneous_open(stage: Stage) -> None:
    """Both ends connect to each other, nobody listens, and the SYNs cross on the way."""
    with stage.new_socket(stage.client, 5000) as client, stage.new_socket(stage.server, 5000) as server:
        stage.start_dialling(client, stage.server, 5000)
        stage.start_dialling(server, stage.client, 5000)
        wait_connected(client, server)
        stage.pause()
        converse(client, server)
        close(client, server)


@play
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


@play
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


@play
def probe(stage: Stage, *, accecn: bool = False) -> None:
    """Every client segment is made by `handshake probe`; the server's kernel notices no difference."""
    behaviour = Behaviour(ecn=AE | CWR | ECE) if accecn else Behaviour()
    with stage.listen(80) as listener, stage.client.inside():
        approach = prepare(f"{stage.server_ip}:80")
        with (
            Probe(approach, source_port=CLIENT_PORT, behaviour=behaviour) as crafted,
            Sniffer(INTERFACE, program=crafted.program) as sniffer,
        ):
            for frame in crafted.run(sniffer):
                if frame.number == 4:  # SYN, SYN-ACK, ACK, and our FIN
                    stage.pause(2)
                    with accept(listener) as peer:
                        await_end(peer)
