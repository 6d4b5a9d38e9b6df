"""What each step of the tour plays: recordings of it, and how the kernel stood at some moments."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from handshake.lab.netns import Host, run_in_private_network
from handshake.lab.pair import CLIENT_IP, SERVER_IP, pair
from handshake.lab.recorder import record
from handshake.lab.scenarios import SCENARIOS
from handshake.lab.scenarios.stage import CLIENT_PORT, INTERFACE, Stage, accept, close, converse
from handshake.lab.servers import dns, udp_echo
from handshake.lab.wire import Script
from handshake.model.address import Endpoint
from handshake.model.packet import Datagram, Packet
from handshake.model.tour import Moment
from handshake.probe.kernel import look
from handshake.wire.dns import encode_name

DELAY_MS = 20
"""One way: a server in the next country."""
NAME = "www.example"
_PORT = 80
_CLIENT = Endpoint(socket.inet_aton(CLIENT_IP), CLIENT_PORT)
_SERVER = Endpoint(socket.inet_aton(SERVER_IP), _PORT)
_A, _NAME_PORT, _ECHO_PORT = 1, 53, 7
_IMPATIENT_S = 0.5

Played = tuple[Sequence[Path], tuple[Moment, ...]]
Play = Callable[[Path], Played]
"""Takes a directory for the recordings."""
PLAYS: dict[str, Play] = {}


Told = Callable[[Stage, ExitStack], Sequence[Moment] | None]
"""Plays on a stage; what it puts on the stack is closed when the recording is over."""


def _play(name: str, script: Callable[[], Script] | None = None) -> Callable[[Told], Told]:
    """Enter a function that plays one step."""

    def enter(told: Told) -> Told:
        def play(directory: Path) -> Played:
            path = directory / f"{name}.pcapng"
            return [path], tuple(run_in_private_network(_recorded, told, path, script))

        PLAYS[name] = play
        return told

    return enter


def _recorded(told: Told, path: Path, script: Callable[[], Script] | None) -> Sequence[Moment]:
    quiet_s = 0.05 + 2 * DELAY_MS / 1000
    with (
        pair(DELAY_MS, script() if script else None) as stage,
        ExitStack() as after,
        record(stage.client, INTERFACE, path, quiet_s=quiet_s),
    ):
        return told(stage, after) or ()


def _scenario(name: str, *scenarios: str) -> None:
    """Enter scenarios of the lab, one recording each."""

    def play(directory: Path) -> Played:
        paths = [directory / SCENARIOS[each].file for each in scenarios]
        for each, path in zip(scenarios, paths, strict=True):
            SCENARIOS[each].run(path)
        return paths, ()

    PLAYS[name] = play


@_play("name")
def _name(stage: Stage, after: ExitStack) -> None:
    """A stub resolver's question, put by hand: id 1, recursion wanted, one question (RFC 1035 §4.1)."""
    question = bytes.fromhex("0001 0100 0001 0000 0000 0000") + encode_name(NAME) + bytes((0, _A, 0, 1))
    zone = {(NAME, _A): [socket.inet_aton(SERVER_IP)]}
    after.enter_context(dns((SERVER_IP, _NAME_PORT), zone, stage.server, ttl_s=300))
    with stage.new_socket(stage.client, 40053, protocol=socket.IPPROTO_UDP) as sock:
        sock.connect((SERVER_IP, _NAME_PORT))
        sock.send(question)
        sock.recv(512)


@_play("port")
def _a_closed_port(stage: Stage, after: ExitStack) -> None:
    _refused(stage, CLIENT_PORT, 81)


@_play("listen")
def _listening(stage: Stage, after: ExitStack) -> list[Moment]:
    listener = after.enter_context(stage.new_socket(stage.server, _PORT))
    _refused(stage, CLIENT_PORT, _PORT)
    moments = [_moment(stage, "bind()", "SYNs are refused")]
    listener.listen(5)
    moments.append(_moment(stage, "listen(5)", "SYNs are welcome, 5 may wait"))
    after.enter_context(stage.dial(_PORT, CLIENT_PORT + 1))
    return moments


@_play("handshake")
def _three_segments(stage: Stage, after: ExitStack) -> None:
    after.enter_context(stage.listen(_PORT))
    after.enter_context(stage.dial(_PORT))


@_play("accept")
def _accepting(stage: Stage, after: ExitStack) -> list[Moment]:
    listener = after.enter_context(stage.listen(_PORT))
    moments = [_moment(stage, "listen(5)", "nobody has come yet")]
    client = after.enter_context(stage.dial(_PORT))
    stage.pause(1.5)
    moments.append(_moment(stage, "the handshake", "complete, but not yet accepted"))
    client.sendall(b"hello, server")
    stage.pause(2.5)
    moments.append(_moment(stage, "data came", "kept by the kernel"))
    peer = after.enter_context(accept(listener))
    moments.append(_moment(stage, "accept()", "the program has it"))
    peer.sendall(peer.recv(100).replace(b"server", b"client"))
    client.recv(100)
    return moments


@_play("close")
def _closing(stage: Stage, after: ExitStack) -> list[Moment]:
    listener = after.enter_context(stage.listen(_PORT))
    with stage.dial(_PORT) as client, accept(listener) as peer:
        converse(client, peer)
        stage.pause(1.5)
        moments = [_moment(stage, "the reply", "both directions are open", at_client=True)]
        client.shutdown(socket.SHUT_WR)
        stage.pause(6)  # the server's kernel takes its time with an acknowledgment alone
        moments.append(_moment(stage, "client's FIN", "it may still receive", at_client=True))
        close(peer, client)
        stage.pause(1.5)
        moments.append(_moment(stage, "server's FIN", "60 s, for late segments", at_client=True))
    return moments


def _lose_the_second() -> Script:
    """Lose the client's second datagram."""
    seen = [0]

    def script(packet: Packet) -> bool:
        own = isinstance(packet.transport, Datagram) and packet.transport.src.address == _CLIENT.address
        seen[0] += own
        return own and seen[0] == 2

    return script


@_play("udp", _lose_the_second)
def _datagrams(stage: Stage, after: ExitStack) -> None:
    after.enter_context(udp_echo((SERVER_IP, _ECHO_PORT), stage.server))
    with stage.new_socket(stage.client, CLIENT_PORT, protocol=socket.IPPROTO_UDP) as sock:
        sock.connect((SERVER_IP, _ECHO_PORT))
        sock.settimeout(_IMPATIENT_S)
        for text in (b"hello", b"are you there?", b"are you there?"):
            sock.send(text)
            with suppress(TimeoutError):
                sock.recv(100)


_scenario("http-1.0", "http-1.0")
_scenario("http-1.1", "http-1.1")
_scenario("mail", "smtp")
_scenario("file", "ftp-passive", "ftp-active")


def _refused(stage: Stage, source_port: int, port: int) -> None:
    """Knock where nobody listens."""
    with stage.new_socket(stage.client, source_port) as sock, suppress(ConnectionRefusedError):
        sock.connect((SERVER_IP, port))


def _moment(stage: Stage, after: str, remark: str, *, at_client: bool = False) -> Moment:
    """How the kernel of the server, or of the client, stands now."""
    host: Host = stage.client if at_client else stage.server
    ends = (_CLIENT, _SERVER) if at_client else (_SERVER, _CLIENT)
    with host.inside():
        return Moment(after, look(*ends), remark)
