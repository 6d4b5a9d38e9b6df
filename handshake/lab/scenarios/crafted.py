"""Servers whose segments are crafted, for what no kernel at hand does. Their own kernel keeps silent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from socket import inet_aton
from threading import Thread

from handshake.lab.scenarios.plays import play
from handshake.lab.scenarios.stage import CLIENT_PORT, INTERFACE, ScenarioError, Stage, wait_connected
from handshake.model.address import Endpoint
from handshake.model.options import MSS, NO_OPTIONS, Option, Options
from handshake.model.packet import ACK, AE, CWR, ECE, FIN, SYN, Segment
from handshake.probe.approach import prepare
from handshake.probe.behaviour import Behaviour
from handshake.probe.craft import Crafter, Outgoing, RawSender
from handshake.probe.hold import PortHold
from handshake.probe.run import Probe
from handshake.source.live import Sniffer
from handshake.wire.bpf import tcp_port_filter
from handshake.wire.decode import decode

_PORT, _ISN, _PATIENCE_S = 80, 5000, 5.0
_WITH_SYN = Options((Option(MSS, (1460).to_bytes(2)),))


class Puppet:
    """The server's end of one connection, played segment by segment."""

    def __init__(self, stage: Stage, sniffer: Sniffer, sender: RawSender) -> None:
        self._server = Endpoint(inet_aton(stage.server_ip), _PORT)
        self._crafter = Crafter(sender, self._server, Endpoint(inet_aton(stage.client_ip), CLIENT_PORT))
        self._crafter.warm(_WITH_SYN)
        self._sniffer = sniffer
        self._seq, self._ack = _ISN, 0

    def hear(self, flag: int) -> Segment:
        """The client's next segment with this flag. Raises ScenarioError when none comes."""
        deadline = time.monotonic() + _PATIENCE_S
        while time.monotonic() < deadline:
            if frame := self._sniffer.read(0.1):
                segment = decode(frame).transport
                if isinstance(segment, Segment) and segment.dst == self._server and segment.flags & flag:
                    self._ack = segment.seq + segment.seg_len
                    return segment
        raise ScenarioError("the client did not say what it should")

    def say(self, flags: int) -> None:
        """Send a segment that acknowledges all that was heard."""
        options = _WITH_SYN if flags & SYN else NO_OPTIONS
        self._crafter.send(Outgoing(flags, self._seq, self._ack if flags & ACK else 0, options=options))
        self._seq += bool(flags & (SYN | FIN))


@contextmanager
def puppet(stage: Stage) -> Iterator[Puppet]:
    """A server at port 80 whose strings we pull."""
    with ExitStack() as stack:
        with stage.server.inside():
            stack.enter_context(PortHold(inet_aton(stage.server_ip), _PORT))
            sniffer = stack.enter_context(Sniffer(INTERFACE, program=tcp_port_filter(_PORT)))
            sender = stack.enter_context(RawSender())
            sender.open(inet6=False)
        yield Puppet(stage, sniffer, sender)


@play
def split_handshake(stage: Stage) -> None:
    """The server answers the SYN with a SYN of its own instead of a SYN-ACK; then the client closes."""
    with puppet(stage) as server, stage.new_socket(stage.client, CLIENT_PORT) as client:
        stage.start_dialling(client, stage.server, _PORT)
        server.hear(SYN)
        server.say(SYN)
        server.hear(ACK)
        server.say(ACK)
        wait_connected(client)
        client.close()
        server.hear(FIN)
        server.say(FIN | ACK)
        stage.pause()


@play
def accurate_ecn(stage: Stage) -> None:
    """Both ends are crafted: the probe asks for AccECN, and the server says how the SYN arrived (not ECN-capable)."""
    with puppet(stage) as server:
        answering = Thread(target=_answer_accurately, args=(server,))
        answering.start()
        with stage.client.inside():
            approach = prepare(f"{stage.server_ip}:{_PORT}")
            behaviour = Behaviour(ecn=AE | CWR | ECE)
            with (
                Probe(approach, source_port=CLIENT_PORT, behaviour=behaviour) as probe,
                Sniffer(INTERFACE, program=probe.program) as sniffer,
            ):
                for _ in probe.run(sniffer):
                    pass
        answering.join()


def _answer_accurately(server: Puppet) -> None:
    server.hear(SYN)
    server.say(SYN | ACK | CWR)  # RFC 9768 §3.1.1, table 2
    server.hear(FIN)
    server.say(FIN | ACK)
