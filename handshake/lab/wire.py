"""A wire between two hosts with a mind of its own: it takes its time, and does to frames what its rules say.

Both hosts are cabled to a namespace in the middle, where a thread carries each frame from one packet
socket to the other when its time has come. Linux needs no qdisc or firewall for it.
"""

from __future__ import annotations

import heapq
import os
import select
import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Self

from handshake.lab.effects import Passage
from handshake.lab.links import Port, cable, introduce
from handshake.lab.netns import Host
from handshake.lab.rules import Rules
from handshake.model.packet import Frame, Packet
from handshake.wire.decode import decode

_ETH_P_ALL, _PACKET_IGNORE_OUTGOING, _SOL_PACKET = 0x0003, 23, 263
_ETHERNET = 1
_HELD_AT_MOST_NS = 500_000_000
"""A frame that nothing overtakes leaves all the same."""

Script = Callable[[Packet], bool]
"""Asked once for each frame, in order of arrival; True loses the frame."""


class Wire:
    """Joins two ports of hosts, the client's left; a context manager that starts and stops carrying frames.

    `delay_ns` is the least time in ns that a frame takes, each way; `rules` are those of `handshake.lab.rules`, and
    `script` is for what they have no words for. An error of the script comes out at `close()`. Raises RuleError.
    """

    def __init__(
        self, left: Port, right: Port, *, delay_ns: int = 0, script: Script | None = None, rules: Iterable[str] = ()
    ) -> None:
        self._delay_ns = delay_ns
        self._script = script or (lambda _: False)
        self._rules = Rules(rules)
        self._middle = Host("wire")
        ends = (Port(self._middle, "left"), Port(self._middle, "right"))
        for outer, end in zip((left, right), ends, strict=True):
            cable(outer, end)
        introduce(left, right)
        self._left, self._right = (_tap(end) for end in ends)
        self._frames, self._order = count(1), count()
        self._travelling: list[tuple[int, int, Passage]] = []
        self._held: list[Passage] = []
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
        taps = {self._left.fileno(): self._left, self._right.fileno(): self._right}
        while True:
            ready: list[int] = select.select([self._stop, *taps], [], [], self._wait_s())[0]
            if self._stop in ready:
                return
            for end in ready:
                try:
                    data = taps[end].recv(1 << 16)
                except OSError:  # somebody has cut the wire: its interface is gone
                    del taps[end]
                    continue
                self._arrive(data, from_client=end == self._left.fileno())
            now_ns = time.monotonic_ns()
            while self._travelling and self._travelling[0][0] <= now_ns:
                self._leave(heapq.heappop(self._travelling)[2])
            for passage in [each for each in self._held if each.due_ns + _HELD_AT_MOST_NS <= now_ns]:
                self._held.remove(passage)
                self._send(passage)

    def _wait_s(self) -> float | None:
        """How long until something has to leave, None while nothing is on the wire."""
        dues = [each.due_ns + _HELD_AT_MOST_NS for each in self._held]
        dues += [due_ns for due_ns, _, _ in self._travelling[:1]]
        return max(0, min(dues) - time.monotonic_ns()) / 1e9 if dues else None

    def _arrive(self, data: bytes, *, from_client: bool) -> None:
        packet = decode(Frame(next(self._frames), time.time_ns(), _ETHERNET, data, len(data)))
        if self._script(packet):
            return
        passage = Passage(data, from_client, time.monotonic_ns() + self._delay_ns)
        for each in self._rules.apply(packet, passage):
            heapq.heappush(self._travelling, (each.due_ns, next(self._order), each))

    def _leave(self, passage: Passage) -> None:
        """Send a frame and then those that waited for it; or let it wait for others."""
        if passage.behind:
            self._held.append(passage)
            return
        self._send(passage)
        waiting, self._held = self._held, []
        for each in waiting:
            left = each.behind - (each.from_client == passage.from_client)
            if left:
                self._held.append(replace(each, behind=left))
            else:
                self._send(each)

    def _send(self, passage: Passage) -> None:
        with suppress(OSError):  # too large for the other end, or the wire is cut: lost
            (self._right if passage.from_client != passage.back else self._left).send(passage.data)


def _tap(end: Port) -> socket.socket:
    """A packet socket that reads what the cable delivers, and not what it sends itself."""
    with end.host.inside():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        tap.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
        tap.bind((end.name, _ETH_P_ALL))
    return tap
