"""A wire between two hosts with a mind of its own: it takes its time, and a script decides what it loses.

Both hosts are cabled to a namespace in the middle, where a thread carries each frame from one packet
socket to the other, in order, when its time has come. Linux needs no qdisc or firewall for it.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from handshake.lab.links import Port, cable, introduce
from handshake.lab.netns import Host
from handshake.model.packet import Frame, Packet, Segment
from handshake.wire.decode import decode

_ETH_P_ALL, _PACKET_IGNORE_OUTGOING, _SOL_PACKET = 0x0003, 23, 263
_ETHERNET = 1

Script = Callable[[Packet], bool]
"""Asked once for each frame, in order of arrival; True loses the frame."""


def lose(which: Mapping[int, Collection[int]]) -> Script:
    """Lose, of the segments with exactly these flags, the given ones, counted from 1 over both directions.

    `lose({SYN: {1, 2}, SYN | ACK: {1}})` loses the first two SYNs and the first SYN-ACK.
    """
    seen: Counter[int] = Counter()

    def script(packet: Packet) -> bool:
        if not isinstance(packet.transport, Segment):
            return False
        flags = packet.transport.flags
        seen[flags] += 1
        return seen[flags] in which.get(flags, ())

    return script


class Wire:
    """Joins two ports of hosts; a context manager that starts and stops carrying frames.

    `delay_ns` is the least time in ns that a frame takes, each way. An error of the script comes out at `close()`.
    """

    def __init__(self, left: Port, right: Port, *, delay_ns: int = 0, script: Script | None = None) -> None:
        self._delay_ns = delay_ns
        self._script = script or lose({})
        self._middle = Host("wire")
        ends = (Port(self._middle, "left"), Port(self._middle, "right"))
        for outer, end in zip((left, right), ends, strict=True):
            cable(outer, end)
        introduce(left, right)
        self._left, self._right = (_tap(end) for end in ends)
        self._stop = os.eventfd(0)
        self._pool = ThreadPoolExecutor(1, "wire")
        self._carrying = self._pool.submit(self._carry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop; frames still on the wire are lost."""
        os.eventfd_write(self._stop, 1)
        try:
            self._carrying.result()
        finally:
            self._pool.shutdown()
            os.close(self._stop)
            self._left.close()
            self._right.close()
            self._middle.close()

    def _carry(self) -> None:
        ways = {self._left.fileno(): (self._left, self._right), self._right.fileno(): (self._right, self._left)}
        travelling: deque[tuple[int, socket.socket, bytes]] = deque()
        number = 0
        while True:
            wait_s = max(0, travelling[0][0] - time.monotonic_ns()) / 1e9 if travelling else None
            ready, _, _ = select.select([self._stop, *ways], [], [], wait_s)
            if self._stop in ready:
                return
            for arrival, departure in map(ways.__getitem__, ready):
                data = arrival.recv(1 << 16)
                number += 1
                if not self._script(decode(Frame(number, time.time_ns(), _ETHERNET, data, len(data)))):
                    travelling.append((time.monotonic_ns() + self._delay_ns, departure, data))
            while travelling and travelling[0][0] <= time.monotonic_ns():
                _, departure, data = travelling.popleft()
                departure.send(data)


def _tap(end: Port) -> socket.socket:
    """A packet socket that reads what the cable delivers, and not what it sends itself."""
    with end.host.inside():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        tap.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        tap.bind((end.name, _ETH_P_ALL))
    return tap
