"""Captures to race on: seeded, with valid checksums, made with numpy in some seconds.

`mixed`: connections of all sizes, IPv4 and IPv6, some refused, unanswered or lossy, and datagrams between.
`small`: the same with small payloads and many connections. `flood`: SYNs of distinct senders, nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
START_S = 1_700_000_000
SYN_OPTIONS = bytes.fromhex("020405b40402080a00000000000000000103030a")
PLAIN_OPTIONS = bytes.fromhex("0101080a0000000000000000")
CHUNK = 20_000
PIECE = 10_000_000
"""Packets that are thought out at once; longer captures are one such piece behind the other."""
POOL = 1 << 20

Ints = NDArray[np.int64]


@dataclass
class Packets:
    """One array for each field, one element a packet."""

    time_us: Ints
    flow: Ints
    to_server: NDArray[np.bool_]
    flags: Ints
    seq: Ints
    ack: Ints
    payload: Ints
    tsval: Ints
    tsecr: Ints

    def ordered(self, order: Ints) -> Packets:
        """The same packets in another order."""
        return Packets(*(getattr(self, name)[order] for name in self.__dataclass_fields__))


def connections(random: np.random.Generator, flows: int, exchanges: int, size: int, span_us: int) -> Packets:
    """Connections: SYN, SYN-ACK, ACK, a request and answers that are acknowledged, FINs; a tenth goes wrong."""
    kind = random.random(flows)
    refused, silent = kind < 0.03, (kind >= 0.03) & (kind < 0.08)
    good = kind >= 0.08
    answers = np.minimum(random.geometric(1 / exchanges, flows), 40 * exchanges)
    start = np.sort(random.integers(0, span_us, flows))
    rtt = random.integers(200, 40_000, flows)
    iss_c, iss_s = random.integers(0, 1 << 32, (2, flows))
    clock_c, clock_s = random.integers(1, 1 << 31, (2, flows))
    rows: list[tuple[Ints, ...]] = []
    every = np.arange(flows)

    def add(  # noqa: PLR0917 - one column each
        who: Ints, at: Ints, to_server: bool, flags: int, seq: Ints, ack: Ints, payload: Ints
    ) -> None:
        direction = np.full(len(who), to_server)
        rows.append((start[who] + at, who, direction, np.full(len(who), flags), seq, ack, payload))

    none = np.zeros(flows, np.int64)
    add(every, none, True, SYN, none - 1, none, none)
    again = every[silent]
    for wait in (1_000_000, 3_000_000):
        add(again, none[again] + wait, True, SYN, none[again] - 1, none[again], none[again])
    no = every[refused]
    add(no, rtt[no], False, RST | ACK, none[no], none[no], none[no])
    yes = every[good]
    add(yes, rtt[yes], False, SYN | ACK, none[yes] - 1, none[yes], none[yes])
    add(yes, rtt[yes] + 40, True, ACK, none[yes], none[yes], none[yes])
    asked = random.integers(66, max(size, 67), flows)
    add(yes, rtt[yes] + 90, True, PSH | ACK, none[yes], none[yes], asked[yes])
    at = 2 * rtt + 300
    sent = none.copy()
    for turn in range(int(answers.max())):
        who = every[good & (answers > turn)]
        if not len(who):
            break
        length = np.minimum(random.integers(70, 2 * size, len(who)), 1448)
        add(who, at[who], False, ACK if turn % 4 else PSH | ACK, sent[who], asked[who], length)
        lost = random.random(len(who)) < 0.0005
        add(who[lost], at[who[lost]] + 200_000, False, ACK, sent[who[lost]], asked[who[lost]], length[lost])
        sent[who] += length
        if turn % 2:
            add(who, at[who] + 60, True, ACK, asked[who], sent[who], none[who])
        at[who] += random.integers(50, 3000, len(who))
    at += 210_000
    add(yes, at[yes], True, FIN | ACK, asked[yes], sent[yes], none[yes])
    add(yes, at[yes] + rtt[yes], False, FIN | ACK, sent[yes], asked[yes] + 1, none[yes])
    add(yes, at[yes] + rtt[yes] + 30, True, ACK, asked[yes] + 1, sent[yes] + 1, none[yes])
    time_us, flow, to_server, flags, seq, ack, payload = map(np.concatenate, zip(*rows, strict=True))
    own, other = np.where(to_server, iss_c[flow], iss_s[flow]), np.where(to_server, iss_s[flow], iss_c[flow])
    first = (flags & (SYN | ACK)) == SYN
    refusal = (flags & RST) > 0
    seq = np.where(refusal, 0, own + 1 + seq) % (1 << 32)
    ack = np.where(first, 0, other + 1 + ack) % (1 << 32)
    mine, yours = np.where(to_server, clock_c[flow], clock_s[flow]), np.where(to_server, clock_s[flow], clock_c[flow])
    elapsed = (time_us - start[flow]) // 1000
    packets = Packets(time_us, flow, to_server.astype(bool), flags, seq, ack, payload, mine + elapsed,
                      np.where(first, 0, yours + np.where(flags & SYN, 0, elapsed)))  # fmt: skip
    return packets.ordered(np.argsort(packets.time_us, kind="stable"))


def flood(random: np.random.Generator, packets: int, span_us: int) -> Packets:
    """As many SYNs, each of another sender, to one server."""
    none = np.zeros(packets, np.int64)
    return Packets(
        np.sort(random.integers(0, span_us, packets)), np.arange(packets), none == 0, none + SYN,
        random.integers(0, 1 << 32, packets), none, none, random.integers(1, 1 << 31, packets), none,
    )  # fmt: skip


def write(path: Path, pieces: Iterable[Packets], random: np.random.Generator, *, forged: bool = False) -> None:
    """Packets as a pcap of Ethernet frames; every fifth flow over IPv6. `forged`: each has its own client."""
    pool = random.integers(0, 256, POOL, np.uint8)
    pool[::2] |= 0x80  # no text, so that no protocol is taken for one that is read
    sums = np.concatenate(([0], np.cumsum(pool.view(">u2").astype(np.int64))))
    memory = pool.tobytes()
    with path.open("wb") as file:
        file.write(np.array([0xA1B2C3D4, 2 | 4 << 16, 0, 0, 262144, 1], "<u4").tobytes())
        for packets in pieces:
            for start in range(0, len(packets.flow), CHUNK):
                chosen = packets.ordered(np.arange(start, min(start + CHUNK, len(packets.flow))))
                file.write(_chunk(chosen, sums, memory, random, forged=forged))


def _chunk(packets: Packets, sums: Ints, memory: bytes, random: np.random.Generator, *, forged: bool) -> bytes:
    count = len(packets.flow)
    six: NDArray[np.bool_] = (packets.flow % 5 == 0) & (not forged)
    first = (packets.flags & SYN) > 0
    refusal = (packets.flags & RST) > 0
    options = np.where(first, 20, np.where(refusal, 0, 12))
    length = 20 + options + packets.payload
    at = random.integers(0, (POOL - 4096) // 2, count)
    where = np.where(six, 54, 34)
    heads = np.zeros((count, 16 + 54 + 20 + 20), np.uint8)
    flow = packets.flow
    client = flow if forged else flow % 4000
    port = 1024 + (flow if forged else flow // 4000) % 60000
    server = flow * 0 if forged else flow % 60
    words = np.zeros((count, 55), np.int64)  # 16-bit words from the Ethernet header on

    def put(column: Ints, values: Ints, size: int = 2) -> None:
        for index in range(size // 2):
            words[np.arange(count), column + index] = values >> 16 * (size // 2 - 1 - index) & 0xFFFF

    words[:, 0:6] = 0x0200
    put(np.full(count, 6), np.where(six, 0x86DD, 0x0800))
    four = ~six
    own, other = np.where(packets.to_server, client, server), np.where(packets.to_server, server, client)
    src = np.where(packets.to_server, 0x0A00_0000, 0xC0A8_0000) + own + 1
    dst = np.where(packets.to_server, 0xC0A8_0000, 0x0A00_0000) + other + 1
    fields4 = [
        0x4500,
        20 + length,
        (flow * 7 + packets.seq) & 0xFFFF,
        0x4000,
        0x4006,
        0 * flow,
        src >> 16,
        src,
        dst >> 16,
        dst,
    ]
    fields6 = [0x6000, 0 * flow, length, 0x0640, 0x2001 + 0 * flow, 0xDB8, 0, 0, 0, 0, src >> 16, src,
               0x2001, 0xDB8, 0, 0, 0, 0, dst >> 16, dst]  # fmt: skip
    for index, field in enumerate(map(np.asarray, fields4)):
        words[:, 7 + index] = np.where(four, field & np.int64(0xFFFF), 0)
    for index, field in enumerate(map(np.asarray, fields6)):
        words[:, 7 + index] = np.where(six, field & np.int64(0xFFFF), words[:, 7 + index])
    header = words[:, 7:17].sum(1)
    words[:, 12] = np.where(four, _folded(header), words[:, 12])
    tcp = where // 2
    ports = 80 + 0 * flow
    put(tcp, np.where(packets.to_server, port, ports))
    put(tcp + 1, np.where(packets.to_server, ports, port))
    put(tcp + 2, packets.seq, 4)
    put(tcp + 4, packets.ack, 4)
    put(tcp + 6, (5 + options // 4) << 12 | packets.flags)
    put(tcp + 7, np.where(refusal, 0, 64240 + 0 * flow))
    for template, chosen, clock in ((SYN_OPTIONS, first, 4), (PLAIN_OPTIONS, options == 12, 2)):
        rows = np.nonzero(chosen)[0]
        for index, word in enumerate(np.frombuffer(template, ">u2")):
            words[rows, tcp[rows] + 10 + index] = word
        for index, value in ((clock, packets.tsval), (clock + 2, packets.tsecr)):
            words[rows, tcp[rows] + 10 + index] = value[rows] >> 16 & 0xFFFF
            words[rows, tcp[rows] + 11 + index] = value[rows] & 0xFFFF
    payload = packets.payload
    odd = np.where(
        payload % 2, np.frombuffer(memory, np.uint8)[2 * at + payload - payload % 2].astype(np.int64) << 8, 0
    )
    body = sums[at + payload // 2] - sums[at] + odd
    columns = np.arange(55)
    inside = (columns >= tcp[:, None]) & (columns < (tcp + 10 + options // 2)[:, None])
    pseudo = np.where(six, words[:, 11:27].sum(1), words[:, 13:17].sum(1)) + 6 + length
    put(tcp + 8, _folded((words * inside).sum(1) + pseudo + body))
    size = where + 20 + options
    whole = size + payload
    heads[:, 16:] = words.astype(">u2")[:, :47].view(np.uint8)
    record = np.zeros((count, 4), "<u4")
    record[:, 0], record[:, 1] = START_S + packets.time_us // 1_000_000, packets.time_us % 1_000_000
    record[:, 2] = record[:, 3] = whole
    heads[:, :16] = record.view(np.uint8)
    content = heads.tobytes()
    step = heads.shape[1]
    return b"".join(
        content[index * step : index * step + 16 + head] + memory[2 * start : 2 * start + tail]
        for index, (head, start, tail) in enumerate(zip(size.tolist(), at.tolist(), payload.tolist(), strict=True))
    )


def _folded(total: Ints) -> Ints:
    """A checksum from a sum of 16-bit words."""
    return 0xFFFF - (total - 1) % 0xFFFF - 1


def make(kind: str, packets: int, path: Path, seed: int = 7) -> None:
    """Write one of the captures, with about that many packets."""
    random = np.random.default_rng(seed)
    write(path, _pieces(kind, packets, random), random, forged=kind == "flood")


def _pieces(kind: str, packets: int, random: np.random.Generator) -> Iterator[Packets]:
    """Parts of a capture, each with connections of its own behind those before."""
    exchanges, size = (16, 1020) if kind == "mixed" else (3, 40)
    each = (7 + 1.5 * exchanges) * 0.92 + 0.2
    flows = time_us = 0
    for begin in range(0, packets, PIECE):
        count = min(PIECE, packets - begin)
        if kind == "flood":
            found = flood(random, count, 10 * count)
        else:
            found = connections(random, max(int(count / each), 1), exchanges, size, 30 * count)
        found.time_us += time_us
        found.flow += flows
        yield found
        flows, time_us = int(found.flow.max()) + 1, int(found.time_us[-1])


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
