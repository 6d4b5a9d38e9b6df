"""Connections whose end is the story, and what follows on the same ports."""

from __future__ import annotations

import socket

from handshake.lab.scenarios.plays import play
from handshake.lab.scenarios.stage import ScenarioError, Stage, abort, accept, close, converse


@play
def half_close(stage: Stage) -> None:
    """The client sends FIN and goes on receiving; the server takes its time, sends more, and then closes."""
    with stage.listen(80) as listener, stage.dial(80) as client, accept(listener) as peer:
        converse(client, peer)
        client.shutdown(socket.SHUT_WR)
        stage.pause(8)
        for line in (b"one more", b"and another"):
            peer.sendall(line)
            if client.recv(100) != line:
                raise ScenarioError("the half-closed connection lost data")
        close(peer, client)


@play
def simultaneous_close(stage: Stage) -> None:
    """The FINs cross on the way; both ends go through CLOSING."""
    with stage.listen(80) as listener, stage.dial(80) as client, accept(listener) as peer:
        converse(client, peer)
        stage.pause()
        client.close()
        peer.close()


@play
def aborted_by_client(stage: Stage) -> None:
    """After the reply the client sends RST instead of FIN (SO_LINGER with time 0)."""
    with stage.listen(80) as listener, stage.dial(80) as client, accept(listener) as peer:
        converse(client, peer)
        abort(client)
        stage.pause()


@play
def aborted_by_server(stage: Stage) -> None:
    """The server closes without having read the request, so its kernel sends RST (RFC 2525 section 2.17)."""
    with stage.listen(80) as listener, stage.dial(80) as client, accept(listener) as peer:
        client.sendall(b"a request that nobody reads")
        stage.pause()
        peer.close()
        stage.pause()


@play
def data_after_close(stage: Stage) -> None:
    """The client closes both directions; the server's next data is answered with RST."""
    with stage.listen(80) as listener, stage.dial(80) as client, accept(listener) as peer:
        converse(client, peer)
        client.close()
        stage.pause()
        peer.sendall(b"are you still there?")
        stage.pause()


@play
def port_reuse(stage: Stage) -> None:
    """The server closes first and is in TIME-WAIT when a new SYN with a higher number comes from the same port."""
    with stage.listen(80) as listener:
        for _ in range(2):
            with stage.dial(80) as client, accept(listener) as peer:
                converse(client, peer)
                close(peer, client)
                stage.pause()
