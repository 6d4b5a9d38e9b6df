"""A box between two hosts that rewrites what passes, and keeps a list of what it did."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import heappop, heappush
from pathlib import Path

from handshake.lab.links import Port, cable, introduce
from handshake.lab.netns import Host
from handshake.lab.recorder import record
from handshake.lab.wire import _tap
from tests.packets import checksum

Box = Callable[["Passing"], list[tuple[float, bytes]]]
"""What becomes of a frame: what goes on, and how many seconds later than the wire takes anyway."""
IP_AT, TCP_AT = 14, 34


class Passing:
    """An Ethernet frame with IPv4 and TCP on its way; change the fields and take `data`."""

    def __init__(self, data: bytes, to_server: bool) -> None:
        self._data = bytearray(data)
        self.to_server = to_server
        self.tcp = data[23] == 6

    def get(self, at: int, size: int) -> int:
        return int.from_bytes(self._data[at : at + size])

    def put(self, at: int, size: int, value: int) -> None:
        self._data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size)

    @property
    def flags(self) -> int:
        return self.get(TCP_AT + 13, 1)

    def address(self, source: bool) -> slice:
        return slice(IP_AT + 12, IP_AT + 16) if source else slice(IP_AT + 16, IP_AT + 20)

    def readdress(self, source: bool, ip: str, port: int) -> None:
        self._data[self.address(source)] = socket.inet_aton(ip)
        self.put(TCP_AT if source else TCP_AT + 2, 2, port)

    def options(self) -> Iterator[tuple[int, int, int]]:
        """Kind, position and length of each option."""
        at, end = TCP_AT + 20, TCP_AT + (self.get(TCP_AT + 12, 1) >> 4) * 4
        while at < end:
            kind = self._data[at]
            length = 1 if kind < 2 else self._data[at + 1]
            yield kind, at, length
            at += length

    def blank(self, kind: int) -> None:
        """Overwrite an option with NOPs."""
        for found, at, length in list(self.options()):
            if found == kind:
                self._data[at : at + length] = b"\1" * length

    @property
    def data(self) -> bytes:
        """The frame, its checksums right."""
        data = self._data
        data[IP_AT + 10 : IP_AT + 12] = bytes(2)
        data[IP_AT + 10 : IP_AT + 12] = checksum(bytes(data[IP_AT:TCP_AT])).to_bytes(2)
        end = IP_AT + self.get(IP_AT + 2, 2)
        data[TCP_AT + 16 : TCP_AT + 18] = bytes(2)
        pseudo = bytes(data[IP_AT + 12 : IP_AT + 20]) + struct.pack("!HH", 6, end - TCP_AT)
        data[TCP_AT + 16 : TCP_AT + 18] = checksum(pseudo + bytes(data[TCP_AT:end])).to_bytes(2)
        return bytes(data)


@contextmanager
def boxed(
    box: Box, delay_s: float = 0.01, client_ip: str = "10.0.0.1", seen_as: str = ""
) -> Iterator[tuple[Host, Host]]:
    """A client at `client_ip` and a server at 10.0.0.2; what passes goes through the box. Inside a private network.

    `seen_as` is an address of the client that the server has to know the way to (NAT).
    """
    with Host("client") as client, Host("server") as server, Host("box") as middle:
        ends = Port(middle, "left"), Port(middle, "right")
        near = Port(client, "eth0", (f"{client_ip}/24",))
        far = Port(server, "eth0", ("10.0.0.2/24",))
        cable(near, ends[0])
        cable(far, ends[1])
        introduce(near, far)
        introduce(Port(client, "eth0", tuple(f"{ip}/24" for ip in (client_ip, seen_as) if ip)), far)
        taps = [_tap(end) for end in ends]
        stop = os.eventfd(0)
        thread = threading.Thread(target=_carry, args=(taps, stop, box, delay_s))
        thread.start()
        try:
            yield client, server
        finally:
            os.eventfd_write(stop, 1)
            thread.join()
            os.close(stop)
            for tap in taps:
                tap.close()


def _carry(taps: list[socket.socket], stop: int, box: Box, delay_s: float) -> None:
    waiting: list[tuple[float, int, bytes]] = []
    by_number = {tap.fileno(): tap for tap in taps}
    while True:
        wait_s = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        ready, _, _ = select.select([stop, *by_number], [], [], wait_s)
        if stop in ready:
            return
        for tap in map(by_number.__getitem__, ready):
            data = tap.recv(1 << 16)
            to_server = tap is taps[0]
            for later_s, piece in box(Passing(data, to_server)):
                heappush(waiting, (time.monotonic() + delay_s + later_s, int(to_server), piece))
        while waiting and waiting[0][0] <= time.monotonic():
            _, side, piece = heappop(waiting)
            taps[side].send(piece)


@contextmanager
def recorded(client: Host, server: Host, directory: Path) -> Iterator[tuple[Path, Path]]:
    """Captures at both ends of what happens in the block."""
    files = directory / "client.pcapng", directory / "server.pcapng"
    with record(client, "eth0", files[0], quiet_s=0.15), record(server, "eth0", files[1], quiet_s=0.15):
        yield files
