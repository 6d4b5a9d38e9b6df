"""Crafting: the bytes scapy is told to make, and that it is not loaded before."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.errors import PrivilegeError, ProbeError, TargetError
from handshake.lab.netns import private_network_refusal
from handshake.model.address import Endpoint
from handshake.model.options import EOL, MPTCP, NOP, Option, Options
from handshake.model.packet import ACK, SYN, Frame, Segment
from handshake.probe.attempt import _hold
from handshake.probe.behaviour import Behaviour
from handshake.probe.craft import Crafter, Outgoing, RawSender, mss_for
from handshake.probe.hold import PortHold, PortSpan
from handshake.wire.decode import decode
from tests.support import ROOT, require

LOOPBACK = bytes((127, 0, 0, 1))
IPV6_LOOPBACK = bytes(15) + b"\x01"


@pytest.mark.parametrize(
    ("mtu", "address", "mss"),
    [
        (1500, LOOPBACK, 1460),
        (1500, IPV6_LOOPBACK, 1440),
        (65536, LOOPBACK, 65495),  # as Linux announces on lo
        (65536, IPV6_LOOPBACK, 65476),
        (1280, IPV6_LOOPBACK, 1220),
    ],
)
def test_mss_is_what_linux_announces(mtu: int, address: bytes, mss: int) -> None:
    assert mss_for(mtu, address) == mss


def crafted(address: bytes, segment: Outgoing) -> Segment:
    packet = bytes(Crafter(RawSender(), Endpoint(address, 40000), Endpoint(address, 80)).build(segment))
    transport = decode(Frame(1, 0, 101, packet, len(packet))).transport
    assert isinstance(transport, Segment)
    return transport


@st.composite
def options(draw: st.DrawFn) -> Options:
    """Options of any kind and length that fit into the 40 bytes there are."""
    items: list[Option] = []
    room = 40
    while room >= 2 and draw(st.booleans()):
        kind = draw(st.integers(0, 255))
        body = b"" if kind in (EOL, NOP) else draw(st.binary(max_size=room - 2))
        items.append(Option(kind, body))
        room -= 1 if kind in (EOL, NOP) else 2 + len(body)
    return Options(tuple(items))


def by_scapy(client: Endpoint, server: Endpoint, segment: Outgoing, ttl: int) -> bytes:
    """The same segment built by scapy alone."""
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6

    network = (
        IPv6(src=client.host, dst=server.host, hlim=ttl)
        if len(server.address) == 16
        else IP(src=client.host, dst=server.host, ttl=ttl, flags="DF", id=0)
    )
    names = {EOL: "EOL", NOP: "NOP"}
    transport = TCP(
        sport=client.port,
        dport=server.port,
        seq=segment.seq,
        ack=segment.ack,
        flags=segment.flags,
        window=segment.wnd,
        options=[(names[kind], None) if kind in names else (kind, body) for kind, body in segment.options.items],
    )
    return bytes(network / transport / segment.payload)


@settings(deadline=None)  # the first one imports scapy
@given(
    data=st.data(),
    size=st.sampled_from((4, 16)),
    ports=st.tuples(st.integers(0, 65535), st.integers(0, 65535)),
    segment=st.builds(
        Outgoing,
        flags=st.integers(0, 511),
        seq=st.integers(0, 2**32 - 1),
        ack=st.integers(0, 2**32 - 1),
        wnd=st.integers(0, 65535),
        options=options(),
        payload=st.binary(max_size=50),
    ),
    ttl=st.integers(0, 255),
)
def test_the_bytes_are_those_that_scapy_would_build(
    data: st.DataObject, size: int, ports: tuple[int, int], segment: Outgoing, ttl: int
) -> None:
    client, server = (Endpoint(data.draw(st.binary(min_size=size, max_size=size)), port) for port in ports)
    built = Crafter(RawSender(), client, server, ttl=ttl).build(segment)
    assert built == by_scapy(client, server, segment, ttl)


@pytest.mark.parametrize("address", [LOOPBACK, IPV6_LOOPBACK])
def test_what_is_asked_for_is_what_stands_on_the_wire(address: bytes) -> None:
    segment = crafted(address, Outgoing(SYN, 0xFFFFFFFF, 0, 64240, Behaviour().syn_options(1460, 77)))
    assert (segment.src.port, segment.dst.port, segment.flags, segment.seq) == (40000, 80, SYN, 0xFFFFFFFF)
    assert (segment.wnd, segment.ttl, segment.checksum_ok, segment.faults) == (64240, 64, True, ())
    assert [option.name for option in segment.options.items] == ["mss", "sack-permitted", "timestamps", "nop", "wscale"]
    assert (segment.options.mss, segment.options.wscale_shift, segment.options.tsval) == (1460, 7, 77)


def test_any_option_keeps_its_bytes_and_place() -> None:
    items = (Option(NOP, b""), Option(MPTCP, b"\x01\x02"), Option(222, b""), Option(EOL, b""))
    segment = crafted(LOOPBACK, Outgoing(ACK, 0, 5, options=Options(items)))
    assert segment.options.items == items
    assert segment.ack == 5


def test_nothing_heavy_is_imported_before_something_is_sent() -> None:
    code = "import sys, handshake.probe.run, handshake.probe.approach; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "handshake.probe.craft" in loaded
    assert not {"scapy", "pyroute2"} & set(loaded.split())


def test_without_privilege_the_command_to_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> NoReturn:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(sys, "argv", ["/usr/bin/handshake", "probe", "a b:80"])
    with pytest.raises(PrivilegeError, match="sudo /usr/bin/handshake probe 'a b:80'") as caught:
        RawSender().open(inet6=False)
    assert caught.value.exit_status == 77


@pytest.mark.parametrize("address", [LOOPBACK, IPV6_LOOPBACK])
def test_a_held_port_belongs_to_nobody_else(address: bytes) -> None:
    family = socket.AF_INET if address is LOOPBACK else socket.AF_INET6
    with PortHold(address) as hold, socket.socket(family) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            other.bind((hold.endpoint.host, hold.port))
        with pytest.raises(ProbeError, match=f"source port {hold.port} of .* is in use"):
            PortHold(address, hold.port)
    with PortHold(address, hold.port) as again:
        assert again.endpoint == hold.endpoint


def test_only_own_addresses_can_be_held() -> None:
    with pytest.raises(ProbeError, match=r"10.255.255.1 is not an address of this machine"):
        PortHold(bytes((10, 255, 255, 1)))


def test_a_probe_never_holds_the_port_that_it_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    with PortHold(LOOPBACK) as free:
        target = free.endpoint
    with pytest.raises(TargetError, match="source and target are both"):
        _hold(target, target, 0)

    chosen = iter((target.port, 0))

    def unlucky(address: bytes, _port: int = 0, *, scope_id: int = 0) -> PortHold:
        return PortHold(address, next(chosen), scope_id=scope_id)

    monkeypatch.setattr("handshake.probe.attempt.PortHold", unlucky)
    with _hold(Endpoint(LOOPBACK, 0), target, 0) as hold:
        assert hold.endpoint != target


def test_a_span_gives_every_free_port_in_turn() -> None:
    span = PortSpan(size=3)
    ports = range(span.first, span.last + 1)
    with PortHold(LOOPBACK, span.first):
        avoided = Endpoint(LOOPBACK, span.last)
        for _ in range(2):
            with span.hold(LOOPBACK, avoided) as hold:
                assert hold.port == ports[1]
        with span.hold(LOOPBACK, avoided), pytest.raises(ProbeError, match="no source port from"):
            span.hold(LOOPBACK, avoided)


def test_scapy_is_loaded_before_the_first_segment_is_timed() -> None:
    code = """
import sys
from contextlib import closing
from handshake.probe import attempt, craft
from handshake.probe.approach import prepare
from handshake.lab.netns import run_in_private_network
def run():
    with craft.RawSender() as sender, closing(attempt.Attempt(prepare("127.0.0.1:80"))) as running:
        running.hold(sender, 0)
        return "scapy.layers.inet6" in sys.modules, craft._shape.cache_info().currsize
print(*run_in_private_network(run))
"""
    refusal = private_network_refusal()
    require(refusal is None, refusal or "")
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert out == "True 3\n"
