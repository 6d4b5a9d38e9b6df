"""What one can choose about the crafted client, with the server's kernel as the witness of what arrived."""

from __future__ import annotations

import errno
import hashlib
import socket
import struct
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest
from pyroute2 import IPRoute

from handshake.api import Inspection
from handshake.errors import TargetError
from handshake.findings.answers import answer_to
from handshake.lab.links import Port, connect
from handshake.lab.netns import run_in_private_network
from handshake.model.handshake import Outcome
from handshake.model.options import MSS, TFO, Option, Options
from handshake.model.packet import ACK, CWR, ECE, FIN, SYN, Frame, Segment
from handshake.model.report import Answer
from handshake.probe.approach import prepare
from handshake.probe.attempt import Attempt
from handshake.probe.behaviour import PROFILES, Behaviour, Close
from handshake.probe.choices import parse_flags, parse_options
from handshake.probe.craft import Crafter, Outgoing, RawSender
from handshake.probe.hold import PortHold
from handshake.probe.run import Probe
from handshake.source.live import Sniffer
from handshake.wire.bpf import tcp_port_filter
from handshake.wire.decode import decode
from tests.live.probing import Dialogue, Network, network, next_to, privately, running, wait_until
from tests.support import require

TCP_SAVE_SYN, TCP_SAVED_SYN, IPPROTO_MPTCP = 27, 28, 262
OPT_TIMESTAMPS, OPT_SACK, OPT_WSCALE, OPT_ECN, OPT_SYN_DATA = 1, 2, 4, 8, 32
BOTH = ("veth IPv4", "veth IPv6")


def probe(net: Network, port: int, behaviour: Behaviour, **options: float) -> tuple[Dialogue, Attempt]:
    """Probe the port of the server with a behaviour."""
    approach = net.approach(port)
    with net.client.inside() if net.client else nullcontext():
        running = Probe(approach, behaviour=behaviour, **options)  # type: ignore[arg-type]
        with running, Sniffer(approach.route.interface, program=running.program) as sniffer:
            frames = list(running.run(sniffer))
            return Dialogue(running.endpoint, approach.server, frames, sniffer.drops), running.attempt


def outcome(talk: Dialogue) -> Outcome:
    inspection = Inspection("test")
    found = [handshake for frame in talk.frames for handshake in inspection.feed(frame)]
    return [*found, *inspection.finish()][-1].outcome


def saved_syn(accepted: socket.socket) -> Segment:
    """The SYN as it reached the server's kernel, headers from IP on."""
    data = accepted.getsockopt(socket.IPPROTO_TCP, TCP_SAVED_SYN, 256)
    segment = decode(Frame(1, 0, 101, data, len(data))).transport
    assert isinstance(segment, Segment)
    return segment


def tcp_info(accepted: socket.socket) -> dict[str, int]:
    info = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    _, _, _, _, _, options, scales = struct.unpack_from("=7B", info)
    return {"options": options, "their_scale": scales & 15, "mss": struct.unpack_from("=I", info, 16)[0]}


def kernel_can(what: Callable[[], None]) -> bool:
    """Whether a private network's kernel lets us do this."""
    try:
        run_in_private_network(what)
    except OSError:
        return False
    return True


def open_multipath_socket() -> None:
    socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()


def syn_as_asked(kind: str, name: str) -> None:
    behaviour, expected = SYNS[name]
    with network(kind) as net, net.listen() as listener:
        listener.setsockopt(socket.IPPROTO_TCP, TCP_SAVE_SYN, 1)
        talk, _ = probe(net, listener.getsockname()[1], behaviour)
        accepted, _ = listener.accept()
        with accepted:
            syn, info = saved_syn(accepted), tcp_info(accepted)
    words = " ".join(f"{option.name}{option.data.hex() and '=' + option.data.hex()}" for option in syn.options.items)
    timeless = " ".join(word.split("=")[0] if word.startswith("timestamps") else word for word in words.split())
    mss = "05b4" if kind.endswith("4") else "05a0"
    assert timeless == expected.replace("MSS", mss)
    assert (syn.wnd, syn.ttl) == (behaviour.window, behaviour.ttl)
    assert bool(info["options"] & OPT_TIMESTAMPS) == ("timestamps" in expected)
    assert bool(info["options"] & OPT_SACK) == ("sack-permitted" in expected)
    assert bool(info["options"] & OPT_WSCALE) == ("wscale" in expected)
    if behaviour.shift is not None:
        assert info["their_scale"] == behaviour.shift
    assert outcome(talk) is Outcome.ESTABLISHED


def chosen(text: str, **others: int) -> Behaviour:
    options, ecn = parse_options(text)
    return replace(Behaviour(options=options, ecn=ecn), **others)  # type: ignore[arg-type]


SYNS = {
    "linux": (PROFILES["linux"], "mss=MSS sack-permitted timestamps nop wscale=07"),
    "windows": (PROFILES["windows"], "mss=MSS nop wscale=08 nop nop sack-permitted"),
    "macos": (PROFILES["macos"], "mss=MSS nop wscale=06 nop nop timestamps sack-permitted eol"),
    "bare": (PROFILES["bare"], ""),
    "chosen": (
        chosen("raw=222:c0de,ws=3,nop,mss=1200,ut=5m,sack,nop,eol", ttl=17, window=5000),
        "kind-222=c0de wscale=03 nop mss=04b0 user-timeout=8005 sack-permitted nop eol",
    ),
    "too large a shift": (chosen("mss,ws=200"), "mss=MSS wscale=c8 eol"),
}


@pytest.mark.parametrize("name", SYNS)
@pytest.mark.parametrize("kind", BOTH)
def test_the_servers_kernel_gets_the_syn_that_was_asked_for(kind: str, name: str) -> None:
    privately(syn_as_asked, kind, name)


def numbers_from(kind: str) -> None:
    with network(kind) as net, net.listen() as listener:
        talk, _ = probe(net, listener.getsockname()[1], Behaviour(isn=0xFFFF_FFFF, data=b"wrap"), timeout_s=0.5)
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.recv(10) == b"wrap"
    assert talk.segments[0].seq == 0xFFFF_FFFF
    assert talk.segments[2].seq == 0


@pytest.mark.parametrize("kind", BOTH)
def test_the_initial_sequence_number_is_the_chosen_one(kind: str) -> None:
    privately(numbers_from, kind)


def mss_respected(kind: str) -> None:
    with network(kind) as net, net.listen() as listener:

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(bytes(5000))

        with running(serve):
            talk, attempt = probe(net, listener.getsockname()[1], chosen("mss=300"))
        assert max(segment.payload_len for segment in talk.segments if segment.src == talk.server) == 300
        assert attempt.inbound is not None
        assert attempt.inbound.length == 5000


@pytest.mark.parametrize("kind", BOTH)
def test_the_server_keeps_to_our_mss(kind: str) -> None:
    privately(mss_respected, kind)


def congestion_notification(kind: str, text: str, setting: int, in_effect: bool) -> None:
    with network(kind) as net, net.listen() as listener:
        assert net.server is not None
        net.server.sysctl("net.ipv4.tcp_ecn", setting)
        talk, _ = probe(net, listener.getsockname()[1], chosen(text))
        accepted, _ = listener.accept()
        with accepted:
            assert bool(tcp_info(accepted)["options"] & OPT_ECN) is in_effect
        assert bool(talk.segments[1].flags & ECE) is in_effect
        assert outcome(talk) is Outcome.ESTABLISHED


@pytest.mark.parametrize(
    ("text", "setting", "in_effect"), [("mss,ecn", 2, True), ("mss,ecn", 0, False), ("mss,accecn", 2, True)]
)
@pytest.mark.parametrize("kind", BOTH)
def test_ecn(kind: str, text: str, setting: int, in_effect: bool) -> None:
    privately(congestion_notification, kind, text, setting, in_effect)


def bad_peer(kind: str) -> None:
    """A crafted server that has AccECN, hears nothing at first, marks its packets and replies out of order."""
    seen: list[int] = []
    with network(kind) as net:
        address = net.approach(1).server.address
        with net.on_server(), PortHold(address) as hold, RawSender() as sender:
            sniffer = Sniffer("eth0", program=tcp_port_filter(hold.port))

            def serve() -> None:
                with sniffer:
                    syn = next_to(sniffer, hold.endpoint)
                    server = Crafter(sender, hold.endpoint, syn.src)
                    small = Options((Option(MSS, b"\0\x64"),))
                    server.send(Outgoing(SYN | ACK | CWR, 7000, syn.seq + 1, 150, small))
                    third = next_to(sniffer, hold.endpoint)
                    first = next_to(sniffer, hold.endpoint)
                    again = next_to(sniffer, hold.endpoint)
                    seen.extend(((third.flags // ECE) & 7, (first.flags // ECE) & 7, first.payload_len))
                    assert (again.seq, again.payload_len) == (first.seq, 100)
                    server.send(Outgoing(ACK, 7001, syn.seq + 101, 1000))
                    second = next_to(sniffer, hold.endpoint)
                    assert (second.seq, second.payload_len) == (syn.seq + 101, 60)
                    for seq, text, fin in (
                        (7007, b"world", FIN),
                        (7004, b"lo ", 0),
                        (7001, b"hel", 0),
                        (7001, b"hello", 0),
                    ):
                        server.send(Outgoing(ACK | fin, seq, syn.seq + 161, 1000, payload=text))
                    while not (last := next_to(sniffer, hold.endpoint)).flags & FIN:
                        pass
                    assert last.ack == 7013
                    server.send(Outgoing(ACK, 7013, last.seq + 1, 1000))

            with running(serve):
                behaviour = replace(chosen("mss,accecn"), data=bytes(160), isn=1000)
                talk, attempt = probe(net, hold.port, behaviour)
        assert seen == [0b010, 5, 100]
        assert attempt.inbound is not None
        assert attempt.inbound.kept == b"hello world"
        assert attempt.inbound.finished
        assert outcome(talk) is Outcome.ESTABLISHED
        assert net.server_states() == []


@pytest.mark.parametrize("kind", BOTH)
def test_a_peer_that_has_accurate_ecn_and_loses_and_reorders(kind: str) -> None:
    privately(bad_peer, kind)


def multipath(kind: str) -> None:
    with network(kind) as net:
        family = socket.AF_INET6 if ":" in net.server_ip else socket.AF_INET
        with net.on_server():
            listener = socket.socket(family, socket.SOCK_STREAM, IPPROTO_MPTCP)
        with listener:
            listener.bind((net.server_ip, 0))
            listener.listen()
            listener.settimeout(5)
            talk, _ = probe(net, listener.getsockname()[1], chosen("mss,mptcp"))
            listener.accept()[0].close()
        assert talk.segments[1].options.mptcp_subtypes == (0,)
        assert outcome(talk) is Outcome.ESTABLISHED


@pytest.mark.parametrize("kind", BOTH)
def test_multipath_tcp_is_offered_and_accepted(kind: str) -> None:
    require(kernel_can(open_multipath_socket), "this kernel has no Multipath TCP")
    privately(multipath, kind)


def fast_open(kind: str) -> None:
    data = b"early " * 300  # more than one segment: the SYN takes what fits
    with network(kind) as net, net.listen() as listener:
        assert net.server is not None
        net.server.sysctl("net.ipv4.tcp_fastopen", 2)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 5)
        port = listener.getsockname()[1]
        asking, attempt = probe(net, port, Behaviour().with_fast_open())
        listener.accept()[0].close()
        cookie = attempt.cookie
        assert cookie
        assert asking.segments[0].options.tfo_cookie == b""
        assert asking.segments[0].payload_len == 0
        using = replace(Behaviour().with_fast_open(cookie), data=data)
        talk, _ = probe(net, port, using, timeout_s=0.5)
        accepted, _ = listener.accept()
        with accepted:
            assert tcp_info(accepted)["options"] & OPT_SYN_DATA
            assert accepted.recv(10_000, socket.MSG_WAITALL) == data
        syn, syn_ack = talk.segments[:2]
        assert syn.payload_len > 1000
        assert syn_ack.ack == (syn.seq + 1 + syn.payload_len) % 2**32

        bad = Behaviour(options=(*Behaviour().options, Option(TFO, bytes(8))), data=data)
        talk, _ = probe(net, port, bad, timeout_s=0.5)  # a cookie that the server never gave: sent again
        accepted, _ = listener.accept()
        with accepted:
            assert not tcp_info(accepted)["options"] & OPT_SYN_DATA
            assert accepted.recv(10_000, socket.MSG_WAITALL) == data
        assert talk.segments[1].ack == (talk.segments[0].seq + 1) % 2**32


@pytest.mark.parametrize("kind", BOTH)
def test_fast_open(kind: str) -> None:
    privately(fast_open, kind)


def half_open(kind: str) -> None:
    with network(kind) as net, net.listen() as listener:
        talk, _ = probe(net, listener.getsockname()[1], Behaviour(half_open=True))
        assert talk.lines == ["client SYN", "server SYN,ACK", "client RST"]
        assert net.server_states() == []
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()
        assert outcome(talk) is Outcome.ABORTED_BY_CLIENT


@pytest.mark.parametrize("kind", BOTH)
def test_half_open_leaves_nothing_at_the_server(kind: str) -> None:
    privately(half_open, kind)


def closing(kind: str) -> None:
    with network(kind) as net, net.listen() as listener:
        port = listener.getsockname()[1]
        talk, _ = probe(net, port, Behaviour(close=Close.RST))
        accepted, _ = listener.accept()
        with accepted, pytest.raises(ConnectionResetError):
            accepted.recv(1)
        assert talk.lines == ["client SYN", "server SYN,ACK", "client ACK", "client RST,ACK"]
        talk, _ = probe(net, port, Behaviour(close=Close.NONE))
        assert talk.lines == ["client SYN", "server SYN,ACK", "client ACK"]
        accepted, _ = listener.accept()
        with accepted:
            assert net.server_states() == ["ESTABLISHED"]
            accepted.send(b"anyone there?")  # our kernel, which knows of no connection, answers RST
            wait_until(lambda: accepted.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET, "RST")


@pytest.mark.parametrize("kind", BOTH)
def test_close_by_rst_and_not_at_all(kind: str) -> None:
    privately(closing, kind)


def much_both_ways(kind: str, slow: bool) -> None:
    data = bytes(range(256)) * 400
    with network(kind) as net, net.listen() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        got: list[bytes] = []

        def serve() -> None:
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(10)
                if slow:
                    time.sleep(0.7)  # the window closes, and is probed
                received = b""
                while len(received) < len(data):
                    received += accepted.recv(3000)
                got.append(received)
                accepted.sendall(hashlib.sha256(received).hexdigest().encode() + bytes(50_000))

        with running(serve):
            talk, attempt = probe(net, listener.getsockname()[1], Behaviour(data=data), timeout_s=10)
        assert got == [data]
        inbound = attempt.inbound
        assert inbound is not None
        assert (inbound.length, inbound.finished) == (50_064, True)
        assert inbound.kept == hashlib.sha256(data).hexdigest().encode() + bytes(50_000)
        ours = [segment for segment in talk.segments if segment.src == talk.client]
        if not kind.startswith("lo"):
            assert max(segment.payload_len for segment in ours) <= (1448 if kind.endswith("4") else 1428)
        assert not any("RST" in line for line in talk.lines)
        assert set(net.server_states()) <= {"TIME-WAIT"}  # it closed first, as servers may
        window_closed = any(segment.wnd == 0 for segment in talk.segments if segment.src == talk.server)
        assert window_closed or not slow


@pytest.mark.parametrize(("kind", "slow"), [("lo IPv4", False), ("veth IPv4", True), ("veth IPv6", False)])
def test_much_is_said_and_heard(kind: str, slow: bool) -> None:
    privately(much_both_ways, kind, slow)


def odd_flags(kind: str) -> None:
    with network(kind) as net:
        with net.listen() as listener:
            port = listener.getsockname()[1]
            opened = {text: _answer(net, port, text) for text in ODD}
        closed = {text: _answer(net, port, text) for text in ODD}
        assert net.server_states() == []
    assert {text: answer.came for text, answer in opened.items()} == {text: came for text, (came, _) in ODD.items()}
    assert {text: answer.came for text, answer in closed.items()} == {text: came for text, (_, came) in ODD.items()}
    assert all(answer.expected for answer in (*opened.values(), *closed.values()))
    assert all(answer.came == answer.closed for answer in closed.values())
    assert {text for text, answer in opened.items() if answer.came != answer.listening} == {
        "syn+fin"
    }  # Linux's own way


def _answer(net: Network, port: int, text: str) -> Answer:
    flags = parse_flags(text)
    talk, _ = probe(net, port, Behaviour(flags=flags), timeout_s=0.2)
    assert talk.segments[0].flags == flags
    inspection = Inspection("test")
    found = [handshake for frame in talk.frames for handshake in inspection.feed(frame)]
    return answer_to(flags, [*found, *inspection.finish()][0])


ODD = {
    "null": ("no answer", "RST,ACK"),
    "xmas": ("no answer", "RST,ACK"),
    "fin": ("no answer", "RST,ACK"),
    "syn+fin": ("no answer", "RST,ACK"),
    "syn+rst": ("no answer", "no answer"),
    "ack": ("RST", "RST"),
    "syn+ack": ("RST", "RST"),
    "rst": ("no answer", "no answer"),
    "syn+urg": ("SYN,ACK", "RST,ACK"),
}
"""Flags, and what Linux answers from a listening and from a closed port."""


@pytest.mark.parametrize("kind", BOTH)
def test_odd_flags_are_answered_as_the_rfc_says_or_as_linux_is_known_to(kind: str) -> None:
    privately(odd_flags, kind)


def both_open(kind: str) -> None:
    """A kernel that connects to us from the port that we probe, a little after our first SYN was refused."""
    with network(kind) as net:
        assert net.client is not None
        family = socket.AF_INET6 if ":" in net.server_ip else socket.AF_INET
        client_ip = "fd00::1" if ":" in net.server_ip else "10.0.0.1"

        with net.on_server():
            sniffer = Sniffer("eth0", program=tcp_port_filter(4001))

        def connect_in_the_end() -> None:
            with sniffer:
                next_to(sniffer, net.approach(4001).server)
            with net.on_server(), socket.socket(family, socket.SOCK_STREAM) as peer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                peer.bind((net.server_ip, 4001))
                peer.settimeout(5)
                peer.connect((client_ip, 4000))
                assert peer.recv(10) == b"hello"

        with running(connect_in_the_end):
            behaviour = Behaviour(simultaneous=True, data=b"hello")
            talk, _ = probe(net, 4001, behaviour, source_port=4000, timeout_s=5, close_wait_s=0.5)
        assert outcome(talk) is Outcome.SIMULTANEOUS_OPEN, talk.lines


@pytest.mark.parametrize("kind", BOTH)
def test_simultaneous_open_with_a_kernel_that_connects(kind: str) -> None:
    privately(both_open, kind)


def two_probes(kind: str) -> None:
    with network(kind) as net:
        talks: list[Dialogue] = []
        back = Network("fd00::1" if ":" in net.server_ip else "10.0.0.1", net.server, net.client)
        if net.client is None:
            back = Network(net.server_ip)
        behaviour = Behaviour(simultaneous=True)

        def other() -> None:
            time.sleep(0.5)
            talks.append(probe(back, 4000, behaviour, source_port=4001, timeout_s=5)[0])

        with running(other):
            talks.append(probe(net, 4001, behaviour, source_port=4000, timeout_s=5)[0])
        for talk in talks:
            assert outcome(talk) is Outcome.SIMULTANEOUS_OPEN, talk.lines
            assert not any("RST" in line for line in talk.lines[-4:]), talk.lines
        assert net.server_states() == []


@pytest.mark.parametrize("kind", ["lo IPv4", "veth IPv4", "veth IPv6"])
def test_simultaneous_open_between_two_probes(kind: str) -> None:
    privately(two_probes, kind)


def other_address(kind: str) -> None:
    """From an address that the kernel would not choose; then by an interface that it would not choose."""
    inet6 = kind.endswith("6")
    second, third = ("fd00::11/64", "fd00::21/64") if inet6 else ("10.0.0.11/24", "10.0.0.21/24")
    with network(kind) as net, net.listen() as listener:
        assert net.client is not None
        assert net.server is not None
        connect(
            Port(net.client, "eth1", (third,)), Port(net.server, "eth1", ("fd00:2::2/64" if inet6 else "10.0.2.2/24",))
        )
        with net.client.inside(), IPRoute() as kernel:
            address, prefix = second.split("/")
            no_dad = {"flags": 2} if inet6 else {}
            kernel.addr("add", index=socket.if_nametoindex("eth0"), address=address, prefixlen=int(prefix), **no_dad)
        target = f"[{net.server_ip}]" if inet6 else net.server_ip
        port = listener.getsockname()[1]
        with net.client.inside():
            approach = prepare(f"{target}:{port}", source=address)
            with (
                Probe(approach) as running,
                Sniffer("eth0", program=running.program) as sniffer,
            ):
                list(running.run(sniffer))
        assert listener.accept()[1][0] == address

        with net.client.inside():
            approach = prepare(f"{target}:{port}", interface="eth1")
            assert approach.route.interface == "eth1"
            assert approach.route.source == socket.inet_pton(listener.family, third.split("/")[0])
            with (
                Probe(approach, retries=0, timeout_s=0.3) as running,
                Sniffer("eth1", program=running.program) as sniffer,
            ):
                frames = list(running.run(sniffer))  # the cable does not lead to that address: silence
            assert Dialogue(running.endpoint, approach.server, frames).lines == ["client SYN"]
            with pytest.raises(TargetError, match="is not an address of this machine"):
                prepare(f"{target}:{port}", source="fd09::1" if inet6 else "10.9.9.9")
            with pytest.raises(TargetError, match="there is no interface 'eth7'"):
                prepare(f"{target}:{port}", interface="eth7")


@pytest.mark.parametrize("kind", BOTH)
def test_source_address_and_interface_are_chosen(kind: str) -> None:
    privately(other_address, kind)
