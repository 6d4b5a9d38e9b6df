"""The sniffer on real interfaces: each packet once, with the kernel's time, and only what it was asked for."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import socket
import struct
import sys
import threading
import time

import pytest
from pyroute2 import IPRoute

from handshake.errors import PrivilegeError, ProbeError
from handshake.lab.links import Port, connect
from handshake.lab.netns import Host
from handshake.model.packet import Datagram, Frame, IcmpError, Segment
from handshake.source.live import Sniffer
from handshake.wire.bpf import tcp_port_filter
from handshake.wire.decode import decode
from tests.live.probing import privately, running
from tests.support import require

LOOPBACK = "127.0.0.1"


def all_of(sniffer: Sniffer) -> list[Frame]:
    """What has been captured so far."""
    frames = []
    while frame := sniffer.read(0.05):
        frames.append(frame)
    return frames


def datagrams(port: int, *payloads: bytes, host: str = LOOPBACK) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        for payload in payloads:
            sock.sendto(payload, (host, port))


def each_packet_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, Sniffer("lo") as sniffer:
        receiver.bind((LOOPBACK, 0))
        before = time.time_ns()
        datagrams(receiver.getsockname()[1], b"one", b"two", b"three")
        after = time.time_ns()
        time.sleep(0.1)  # the time of reading must not be the time of arrival
        frames = all_of(sniffer)
        assert [decode(frame).payload for frame in frames] == [b"one", b"two", b"three"]
        assert [frame.number for frame in frames] == [1, 2, 3]
        assert [frame.interface for frame in frames] == ["lo"] * 3
        assert all(frame.linktype == 1 and frame.orig_len == len(frame.data) for frame in frames)
        assert before < frames[0].time_ns < frames[1].time_ns < frames[2].time_ns < after
        assert sniffer.drops == 0
        assert sniffer.read(0) is None


def test_loopback_shows_each_packet_once_with_the_kernels_time() -> None:
    privately(each_packet_once)


def both_directions() -> None:
    with Host("here") as here, Host("there") as there:
        connect(Port(here, "eth0", ("10.0.0.1/24",)), Port(there, "eth0", ("10.0.0.2/24",)))
        with here.inside():
            sniffer = Sniffer("eth0")
            with sniffer:
                datagrams(9, b"out", host="10.0.0.2")
                datagrams(9, b"elsewhere")  # on lo
                packets = [decode(frame).transport for frame in all_of(sniffer)]
        assert isinstance(packets[0], Datagram)
        assert isinstance(packets[1], IcmpError)
        assert len(packets) == 2


def test_both_directions_of_its_own_interface_only() -> None:
    privately(both_directions)


def started_in_a_storm() -> None:
    """Loopback is busy all the while a sniffer on another interface starts."""
    with Host("here") as here, Host("there") as there:
        connect(Port(here, "eth0", ("10.0.0.1/24",)), Port(there, "eth0", ("10.0.0.2/24",)))
        over = threading.Event()

        def storm() -> None:
            with here.inside():
                while not over.is_set():
                    datagrams(9, b"storm")

        with running(storm), here.inside():
            try:
                with Sniffer("eth0") as sniffer:
                    assert sniffer.read(0.2) is None
            finally:
                over.set()


def test_nothing_of_other_interfaces_leaks_in_while_it_starts() -> None:
    privately(started_in_a_storm)


def filtered() -> None:
    with socket.create_server((LOOPBACK, 0)) as one, socket.create_server((LOOPBACK, 0)) as other:
        port = one.getsockname()[1]
        six = socket.create_server(("::1", port), family=socket.AF_INET6)
        with six, Sniffer("lo", program=tcp_port_filter(port)) as sniffer:
            for listener in (one, other, six):
                with socket.create_connection(listener.getsockname()[:2]), listener.accept()[0]:
                    pass
            datagrams(port, b"udp")
            datagrams(port, b"udp", host="::1")
            packets = [decode(frame).transport for frame in all_of(sniffer)]
        segments = [packet for packet in packets if isinstance(packet, Segment)]
        assert {len(segment.src.address) for segment in segments} == {4, 16}
        assert all(port in (segment.src.port, segment.dst.port) for segment in segments)
        errors = [packet for packet in packets if isinstance(packet, IcmpError)]
        assert [error.version for error in errors] == [4, 6]
        assert len(packets) == len(segments) + len(errors)


def test_the_kernel_filter_passes_one_tcp_port_and_icmp_errors() -> None:
    privately(filtered)


def cut_and_lost() -> None:
    with Sniffer("lo", snaplen=60, buffer_bytes=1) as sniffer:
        datagrams(9, b"x" * 1000)
        long = sniffer.read(1)
        assert long is not None
        assert (len(long.data), long.orig_len) == (60, 14 + 20 + 8 + 1000)
        datagrams(9, *[b"x" * 1000] * 50)
        kept = len(all_of(sniffer))
        lost = sniffer.drops
        assert lost > 0
        assert sniffer.drops == lost  # a second look does not forget
        assert kept < 101


def test_long_frames_are_cut_and_lost_ones_counted() -> None:
    privately(cut_and_lost)


def tagged(ethertype: int) -> None:
    """A frame with a tag inside its bytes: the receiving kernel takes the tag out before it shows the frame."""
    with Host("here") as here, Host("there") as there:
        connect(Port(here, "eth0", ("10.0.0.1/24",)), Port(there, "eth0", ("10.0.0.2/24",)))
        with there.inside():
            sniffer = Sniffer("eth0")
        with here.inside():
            sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            sender.bind(("eth0", 0))
        frame = bytes(12) + struct.pack("!HHH", ethertype, 5, 0x0800) + bytes(46)
        with sniffer, sender:
            sender.send(frame)
            seen = sniffer.read(1)
        assert seen is not None
        assert seen.data == frame
        assert seen.orig_len == len(frame)


@pytest.mark.parametrize("ethertype", [0x8100, 0x88A8])
def test_the_vlan_tag_that_the_kernel_strips_is_put_back(ethertype: int) -> None:
    privately(tagged, ethertype)


def tunnel() -> None:
    """A tun device hands over bare IP packets; ours says so with the link type of raw IP."""
    tun = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun0", 0x0001 | 0x1000))  # TUNSETIFF, IFF_TUN | IFF_NO_PI
        with IPRoute() as kernel:
            index = socket.if_nametoindex("tun0")
            kernel.addr("add", index=index, address="10.6.0.1", prefixlen=24)
            kernel.link("set", index=index, state="up")
        with Sniffer("tun0") as sniffer:
            datagrams(9, b"bare", host="10.6.0.2")
            frames = [frame for frame in all_of(sniffer) if frame.data[0] >> 4 == 4]
        assert [(frame.linktype, decode(frame).payload) for frame in frames] == [(101, b"bare")]
    finally:
        os.close(tun)


def test_an_interface_without_link_header_gives_raw_ip() -> None:
    require(os.access("/dev/net/tun", os.R_OK | os.W_OK), "/dev/net/tun is missing or closed to us")
    privately(tunnel)


def wrong_interfaces() -> None:
    for name in ("nope0", "", "x" * 50, "nul\0byte"):
        with pytest.raises(ProbeError, match=r"there is no interface .*; there are: lo"):
            Sniffer(name)
    with Host("alone") as host:
        connect(Port(host, "left"), Port(host, "right"))
        with host.inside(), IPRoute() as kernel:
            with Sniffer("left") as sniffer:
                kernel.link("set", index=socket.if_nametoindex("left"), state="down")
                with pytest.raises(ProbeError, match="capture on left ended: Network is down"):
                    sniffer.read(5)
            with pytest.raises(ProbeError, match="left is down; bring it up: ip link set left up"):
                Sniffer("left")
            with Sniffer("right") as sniffer:
                kernel.link("del", index=socket.if_nametoindex("right"))
                with pytest.raises(ProbeError, match="capture on right ended: Network is down"):
                    sniffer.read(5)


def test_missing_and_vanishing_interfaces_are_said_in_one_line() -> None:
    privately(wrong_interfaces)


def unprivileged() -> None:
    header, nothing = struct.pack("=II", 0x20080522, 0), bytes(24)  # capset(2), version 3: no capabilities
    assert ctypes.CDLL(None).capset(header, nothing) == 0
    sys.argv = ["/usr/bin/handshake", "watch", "-i", "lo"]
    with pytest.raises(PrivilegeError, match=r"needs CAP_NET_RAW.*sudo /usr/bin/handshake watch -i lo"):
        Sniffer("lo")


def test_without_privilege_the_command_to_run_is_told() -> None:
    privately(unprivileged)


def selectable() -> None:
    with Sniffer("lo") as sniffer:
        assert select.select([sniffer], [], [], 0)[0] == []
        datagrams(9, b"x")
        assert select.select([sniffer], [], [], 5)[0] == [sniffer]


def test_a_sniffer_can_be_waited_for_beside_other_things() -> None:
    privately(selectable)
