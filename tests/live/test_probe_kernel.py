"""The server kernel's own view, against what /proc and the sockets themselves tell."""

from __future__ import annotations

import socket
import statistics
from contextlib import nullcontext

import pytest

from handshake.api import Inspection, probe_frames
from handshake.model.address import Endpoint
from handshake.model.kernel import KernelView
from handshake.probe import kernel
from handshake.probe.hold import PortHold
from handshake.probe.kernel import KernelWatch
from tests.live.probing import NETWORKS, Network, network, privately

BACKLOG = 5


def watched(net: Network, port: int, **options: float) -> tuple[KernelView, ...]:
    """Probe while the server's kernel is asked from the server's side."""
    approach = net.approach(port)
    with net.on_server():
        watch = KernelWatch(approach.server)
    with watch, net.client.inside() if net.client else nullcontext():
        for _ in probe_frames(approach, watch=watch, **options):  # type: ignore[arg-type]
            pass
        return watch.views()


def waiting(kind: str) -> None:
    """Nobody calls accept(): the connection goes into the accept queue and, once it is reset, out of it."""
    with network(kind) as net, net.listen() as listener:
        listener.listen(BACKLOG)
        port = listener.getsockname()[1]
        states = [(view.state, view.accept_queue, view.backlog) for view in watched(net, port)]
        assert states[:3] == [("SYN-RECV", 0, BACKLOG), ("ESTAB", 1, BACKLOG), ("CLOSE-WAIT", 1, BACKLOG)]
        assert states[-1] == (None, 1, BACKLOG)  # reset, and still waiting to be accepted
        assert [view.accept_queue for view in watched(net, port)][:2] == [1, 2]
        listener.accept()[0].close()
        listener.accept()[0].close()
        assert watched(net, port)[0].accept_queue == 0


@pytest.mark.parametrize("kind", NETWORKS)
def test_request_socket_then_accept_queue(kind: str) -> None:
    privately(waiting, kind)


def nobody(kind: str) -> None:
    with network(kind) as net:
        with net.listen() as listener:
            port = listener.getsockname()[1]
        assert watched(net, port) == (KernelView(1, None, None, None),)


@pytest.mark.parametrize("kind", ["lo IPv4", "veth IPv6"])
def test_a_port_without_a_listener(kind: str) -> None:
    privately(nobody, kind)


def dual_stack() -> None:
    """An IPv6 socket that takes IPv4 too is found under the IPv4 address."""
    with (
        network("lo IPv4") as net,
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both,
    ):
        both.listen(BACKLOG)
        states = [(view.state, view.accept_queue) for view in watched(net, both.getsockname()[1])]
        assert states[:2] == [("SYN-RECV", 0), ("ESTAB", 1)]


def test_a_listener_for_both_families() -> None:
    privately(dual_stack)


def speechless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without inet_diag answers ENOENT to everything, which must not be told as `nothing listens`."""
    monkeypatch.setattr(kernel, "_SOCK_DIAG_BY_FAMILY", 19)  # unknown to every kernel
    with network("lo IPv4") as net, net.listen() as listener:
        assert watched(net, listener.getsockname()[1]) == ()


def test_a_kernel_without_inet_diag(monkeypatch: pytest.MonkeyPatch) -> None:
    privately(speechless, monkeypatch)


def silent() -> None:
    with network("lo IPv4") as net, PortHold(socket.inet_aton("127.0.0.1")) as hold:
        views = watched(net, hold.port, retries=1, timeout_s=1.3)
        assert [(view.state, view.accept_queue) for view in views] == [(None, 0), (None, 0)]


def test_a_listener_that_gets_nothing() -> None:
    privately(silent)


def undisturbed() -> None:
    """Asking takes two system calls; the time from SYN to SYN-ACK, which is the kernel's, does not grow."""
    with network("lo IPv4") as net, net.listen() as listener:
        listener.listen(64)
        approach = net.approach(listener.getsockname()[1])
        times: dict[bool, list[int]] = {False: [], True: []}
        for position in range(20):
            asking = bool(position % 2)
            inspection = Inspection()
            with KernelWatch(approach.server) as watch:
                for frame in probe_frames(approach, watch=watch if asking else None):
                    list(inspection.feed(frame))
                (handshake,) = inspection.finish()
            listener.accept()[0].close()
            assert handshake.timing.syn_to_synack_ns is not None
            times[asking].append(handshake.timing.syn_to_synack_ns)
        assert statistics.median(times[True]) < statistics.median(times[False]) + 20_000


def test_asking_does_not_change_the_round_trip() -> None:
    privately(undisturbed)


def far_too_often() -> None:
    """The questions are bounded, so that the answers fit into the socket's queue."""
    server = Endpoint(socket.inet_aton("127.0.0.1"), 9)
    with KernelWatch(server) as watch:
        watch.follow(Endpoint(server.address, 40000))
        for _ in range(10_000):
            watch.ask()
        assert watch.views() == ()


def test_questions_are_bounded() -> None:
    privately(far_too_often)
