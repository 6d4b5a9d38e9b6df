"""Connections that do not open: refused, unanswered, unreachable, half-open, given up."""

from __future__ import annotations

import errno
import time
from socket import inet_aton

from handshake.lab.links import route
from handshake.lab.scenarios.plays import play
from handshake.lab.scenarios.stage import CLIENT_PORT, Stage, abort
from handshake.model.address import Endpoint
from handshake.model.packet import SYN
from handshake.probe.behaviour import Behaviour
from handshake.probe.craft import Crafter, Outgoing, RawSender
from handshake.probe.hold import PortHold


@play
def dial_in_vain(stage: Stage, *, error: str, port: int = 80) -> None:
    """Connect to a port where it cannot be; `error` is what connect() has to say, by its name."""
    stage.dial_in_vain(port, getattr(errno, error))


@play
def unanswered(stage: Stage) -> None:
    """The server drops every packet; the client repeats its SYN after 1 s and again after 2 s, then loses patience."""
    with stage.server.inside():
        silent = PortHold(inet_aton(stage.server_ip), 82)
    with silent, stage.new_socket(stage.client, CLIENT_PORT) as client:
        stage.start_dialling(client, stage.server, 82)
        time.sleep(3.5)


@play
def half_open_scan(stage: Stage) -> None:
    """Crafted SYNs; the open port's SYN-ACK is answered with RST by a kernel that knows of no connection."""
    with stage.listen(80):
        for port in (80, 81):
            _send_crafted_syn(stage, port)
        stage.pause()


@play
def half_open(stage: Stage) -> None:
    """A crafted SYN from a port whose kernel keeps quiet: the server repeats its SYN-ACK and never sees an ACK."""
    with stage.client.inside():
        quiet = PortHold(inet_aton(stage.client_ip), CLIENT_PORT)
    with quiet, stage.listen(80):
        _send_crafted_syn(stage, 80)
        time.sleep(1.5)


@play
def given_up(stage: Stage) -> None:
    """The program closes its socket while the SYN is on its way; its kernel answers the SYN-ACK with RST."""
    with stage.listen(80), stage.new_socket(stage.client, CLIENT_PORT) as client:
        stage.start_dialling(client, stage.server, 80)
        client.close()
        stage.pause()


@play
def port_scan(stage: Stage) -> None:
    """A client connects to port after port; what opens is closed at once with RST, without a word."""
    with stage.listen(22), stage.listen(25):
        for port in range(1, 31):
            with stage.new_socket(stage.client, CLIENT_PORT + port * 101 % 997) as client:
                if client.connect_ex((stage.server_ip, port)) == 0:
                    abort(client)


FORGED = 120
"""Senders of the flood; the network is private, none of them exists."""


@play
def syn_flood(stage: Stage) -> None:
    """SYNs from many addresses that nobody has; the server answers them all, soon with SYN cookies, and waits."""
    route(stage.server, "10.0.2.0/24", via=stage.client_ip)
    with stage.listen(80):
        for number in range(1, FORGED + 1):
            _send_crafted_syn(stage, 80, client=Endpoint(inet_aton(f"10.0.2.{number}"), CLIENT_PORT + number))
        stage.pause()


def _send_crafted_syn(stage: Stage, port: int, client: Endpoint | None = None) -> None:
    client = client or Endpoint(inet_aton(stage.client_ip), CLIENT_PORT)
    server = Endpoint(inet_aton(stage.server_ip), port)
    with stage.client.inside(), RawSender() as sender:
        syn = Outgoing(SYN, seq=1000, options=Behaviour().syn_options(mss=1460, tsval=1))
        Crafter(sender, client, server).send(syn)
