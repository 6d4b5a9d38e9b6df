"""Random segments on a few 4-tuples, near enough to real connections to reach every corner of the judgement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hypothesis import strategies as st

from handshake.flow.table import FlowTable
from handshake.model.address import Endpoint
from handshake.model.handshake import Fold, Handshake
from handshake.model.options import AO, MD5, MPTCP, MSS, NOP, SACK, SACK_PERMITTED, TFO, TIMESTAMPS, Option, Options
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, IcmpError, Packet, Segment, flag_names

CLIENT, SERVER = bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))
_FLAGS = (SYN, SYN | ACK, ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK, SYN | FIN, SYN | RST, 0, FIN)
_OPTIONS = (
    Option(SACK_PERMITTED, b""), Option(NOP, b""), Option(MD5, bytes(16)), Option(AO, b""), Option(TFO, b"\1"),
    Option(MPTCP, b""), Option(MPTCP, b"\1\1"), Option(SACK, b"\1"), Option(SACK, bytes(8)),
    Option(SACK, b"\x60" * 16), Option(TIMESTAMPS, b""), Option(254, b"\xf9\x89"), Option(254, b""), Option(27, b""),
)  # fmt: skip
"""Of all sorts, also of lengths that they may not have."""
_OFFSETS = (0, 1, 1, 2, 6, 7, 100, -1, 70000, 2**31, 2**30 + 5)


@dataclass(frozen=True, repr=False)
class Draft:
    """A segment or ICMP error before times and numbers are shifted."""

    flow: int
    to_server: bool
    flags: int | None
    """None: an ICMP error that quotes this segment."""
    seq: int
    ack: int
    payload_len: int
    wait_ns: int
    tsval: int | None
    ttl: int = 64
    wnd: int = 1000
    extra: tuple[Option, ...] = ()

    def __repr__(self) -> str:
        """As in a scenario."""
        what = "icmp" if self.flags is None else ",".join(flag_names(self.flags)) or "null"
        extra = f" data {self.payload_len}" * (self.payload_len > 0) + f" ts {self.tsval}" * (self.tsval is not None)
        extra += f" ttl {self.ttl}" * (self.ttl != 64) + f" win {self.wnd}" * (self.wnd != 1000)
        extra += f" {[(item.name, item.data.hex()) for item in self.extra]}" * bool(self.extra)
        way = "<>"[self.to_server]
        return f"\n  flow {self.flow} +{self.wait_ns // 10**6} {way} {what} {self.seq} ack {self.ack}{extra}"

    def packet(self, number: int, time_ns: int, base: int) -> Packet:
        """The draft as a packet, all its sequence numbers counted from `base`."""
        client, server = Endpoint(CLIENT, 40000 + self.flow), Endpoint(SERVER, 80)
        if self.flow == 2:
            client = server  # self-connect
        src, dst = (client, server) if self.to_server else (server, client)
        seq, ack = (base + self.seq) % 2**32, (base + self.ack) % 2**32
        if self.flags is None:
            error = IcmpError(number, time_ns, CLIENT, 4, 3, 1, None, 6, src, dst, seq, "host unreachable")
            return Packet(number, time_ns, (), error, b"", None)
        items = [Option(MSS, b"\x05\xb4")] if self.flags & SYN else []
        if self.tsval is not None:
            items.append(Option(TIMESTAMPS, self.tsval.to_bytes(4) + bytes((0, 0, 0, 1))))
        items += [_shifted(item, base) for item in self.extra]
        ack_raw = ack if self.flags & ACK else 0
        options = Options(tuple(items))
        segment = Segment(
            number, time_ns, src, dst, seq, ack_raw, self.flags, self.wnd, self.payload_len, options, self.ttl
        )
        return Packet(number, time_ns, (), segment, b"", None)


def _shifted(item: Option, base: int) -> Option:
    """SACK blocks are sequence numbers too."""
    if item.kind != SACK:
        return item
    edges = [int.from_bytes(item.data[at : at + 4]) for at in range(0, len(item.data) - 3, 4)]
    return Option(SACK, b"".join(((base + edge) % 2**32).to_bytes(4) for edge in edges) or item.data)


drafts = st.builds(
    Draft,
    flow=st.integers(0, 2),
    to_server=st.booleans(),
    flags=st.sampled_from((*_FLAGS, None)),
    seq=st.sampled_from(_OFFSETS),
    ack=st.sampled_from(_OFFSETS),
    payload_len=st.sampled_from((0, 0, 0, 1, 5)),
    wait_ns=st.sampled_from((0, 10**6, 10**9, 300 * 10**9, -(10**6))),
    tsval=st.sampled_from((None, None, 1, 2)),
    ttl=st.sampled_from((64, 64, 64, 63, 0, 255)),
    wnd=st.sampled_from((1000, 1000, 0)),
    extra=st.lists(st.sampled_from(_OPTIONS), max_size=2).map(tuple),
)


def _ordinary(flow: int) -> list[list[Draft]]:
    """An opening, an exchange of data, and a close, to be scattered among random segments."""

    def draft(to_server: bool, flags: int, seq: int, ack: int, payload_len: int = 0) -> Draft:
        return Draft(flow, to_server, flags, seq, ack, payload_len, 10**6, None)

    return [
        [draft(True, SYN, 0, 0), draft(False, SYN | ACK, 0, 1), draft(True, ACK, 1, 1)],
        [draft(True, PSH | ACK, 1, 1, 5), draft(False, PSH | ACK, 1, 6, 5), draft(True, ACK, 6, 6)],
        [draft(True, FIN | ACK, 6, 6), draft(False, FIN | ACK, 6, 7), draft(True, ACK, 7, 7)],
    ]


_runs = st.one_of(
    drafts.map(lambda draft: [draft]), st.sampled_from([run for flow in (0, 1) for run in _ordinary(flow)])
)
dialogues = st.lists(_runs, max_size=25).map(lambda runs: [draft for run in runs for draft in run])


def packets_of(dialogue: Iterable[Draft], base: int = 0, start_ns: int = 0) -> list[Packet]:
    """A dialogue as packets, with numbers from `base` and times from `start_ns` on."""
    packets: list[Packet] = []
    now = start_ns
    for number, draft in enumerate(dialogue, 1):
        now += draft.wait_ns
        packets.append(draft.packet(number, now, base))
    return packets


def judge(packets: Iterable[Packet], table: FlowTable | None = None) -> list[Handshake]:
    """All handshakes of the packets, in order of appearance."""
    table = table or FlowTable()
    found = [handshake for packet in packets for handshake in table.feed(packet)]
    found += table.finish()
    return sorted(found, key=lambda handshake: handshake.number)


def segments_in(handshake: Handshake) -> int:
    """Segments that a handshake accounts for."""
    return sum(
        row.client_segments + row.server_segments if isinstance(row, Fold) else isinstance(row.packet, Segment)
        for row in handshake.timeline
    )
