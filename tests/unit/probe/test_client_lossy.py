"""Two crafted clients talk to each other over a wire that loses, repeats and reorders: every byte arrives, once."""

from __future__ import annotations

import heapq
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from handshake.model.address import Endpoint
from handshake.model.handshake import State
from handshake.model.packet import Segment
from handshake.probe.behaviour import Behaviour
from handshake.probe.client import Client
from handshake.probe.craft import Outgoing

MS = 1_000_000
SECOND = 1000 * MS
ENDS = Endpoint(bytes((10, 0, 0, 1)), 4000), Endpoint(bytes((10, 0, 0, 2)), 4001)


class Wire:
    """A clock and the packets under way between two clients, which open towards each other."""

    def __init__(self, data: tuple[bytes, bytes], window: int, seed: int, loss: float) -> None:
        self.now_ns = 0
        self.under_way: list[tuple[int, int, int, Segment, bytes]] = []
        self.random = random.Random(seed)
        self.loss = loss
        self.carried = 0
        self.clients = [
            Client(
                ENDS[side],
                ENDS[1 - side],
                mss=1000,
                iss=self.random.getrandbits(32),
                clock_offset_ms=0,
                retries=50,
                timeout_ns=100_000 * SECOND,
                close_wait_ns=10_000 * SECOND,
                behaviour=Behaviour(data=data[side], window=window, simultaneous=True),
            )
            for side in (0, 1)
        ]

    def carry(self, side: int, segments: list[Outgoing]) -> None:
        """Put what one client sends on its way."""
        for sent in segments:
            fields = (sent.seq, sent.ack, sent.flags, sent.wnd, len(sent.payload), sent.options)
            segment = Segment(1, 0, ENDS[side], ENDS[1 - side], *fields, 64)
            copies = self.random.choices((0, 1, 2), (self.loss, 1 - 2 * self.loss, self.loss))[0]
            for _ in range(copies):
                self.carried += 1
                arrival = self.now_ns + 10 * MS + (self.random.randrange(40 * MS) if self.loss else 0)
                heapq.heappush(self.under_way, (arrival, self.carried, 1 - side, segment, sent.payload))

    def run(self) -> None:
        """Until both are done; a run that does not end fails."""
        for side, client in enumerate(self.clients):
            self.carry(side, client.open(0))
        while not all(client.done for client in self.clients):
            assert self.carried < 20_000
            wakes = [client.wake_ns for client in self.clients if not client.done]
            arrival = self.under_way[0][0] if self.under_way else 1 << 62
            self.now_ns = max(self.now_ns, min(arrival, *wakes))
            if arrival <= self.now_ns:
                _, _, side, segment, payload = heapq.heappop(self.under_way)
                self.carry(side, self.clients[side].receive(segment, self.now_ns, payload))
            for side, client in enumerate(self.clients):
                if client.wake_ns <= self.now_ns:
                    self.carry(side, client.tick(self.now_ns))


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 30_000), st.integers(1, 30_000)),
    st.sampled_from((0.0, 0.02, 0.1, 0.2)),
    st.sampled_from((700, 5000, 65535)),
    st.integers(0, 1 << 32),
)
def test_all_that_is_said_arrives_once_and_in_order(
    sizes: tuple[int, int], loss: float, window: int, seed: int
) -> None:
    data = random.Random(seed).randbytes(sizes[0]), random.Random(seed + 1).randbytes(sizes[1])
    wire = Wire(data, window, seed, loss)
    wire.run()
    for side, client in enumerate(wire.clients):
        assert client.inbound is not None
        assert client.inbound.kept == data[1 - side]
        assert client.inbound.finished
        assert client.state in (State.TIME_WAIT, State.CLOSED)


def test_without_loss_nothing_is_sent_twice() -> None:
    wire = Wire((bytes(20_000), b"x"), 65535, 1, 0.0)
    seen: list[int] = []
    carry = wire.carry

    def watched(side: int, segments: list[Outgoing]) -> None:
        seen.extend(segment.seq for segment in segments if side == 0 and segment.payload)
        carry(side, segments)

    wire.carry = watched  # type: ignore[method-assign]
    wire.run()
    assert len(seen) == len(set(seen)) == 21  # 988 bytes each: timestamps come out of the MSS
