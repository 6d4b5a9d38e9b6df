"""IP fragments (RFC 791 §3.2, RFC 8200 §4.5), put together where the headers behind IP are split over them.

A first fragment nearly always holds the whole TCP header, and capture filters on ports let nothing else through:
then it is read at once, alone. Only when its end cuts a header are the others waited for; the packet then counts
as arrived with the frame that made it whole. Sans I/O; bounded in number, bytes and time, because fragments are a
favourite of those who attack. Of overlapping ones the bytes that came first count.
"""

from __future__ import annotations

from dataclasses import field
from typing import NamedTuple

from handshake.model.packet import Frame, Tags
from handshake.model.record import dataclass

MOST_PENDING = 512
"""Packets that wait for fragments at once; the oldest is given up first."""
MOST_BYTES = 2048
"""Bytes kept of each, from its beginning: more than all headers need."""
MOST_PIECES = 64
PATIENCE_NS = 60 * 10**9
"""How long a packet may be incomplete (RFC 1122 §3.3.2, RFC 8200 §4.5)."""

Key = tuple[bytes, bytes, int, int, Tags]
"""Source, destination, protocol, identification, and what is around it."""


class Piece(NamedTuple):
    """One fragment, where it was met on the walk through a frame, and what was known of the frame there."""

    src: bytes
    dst: bytes
    version: int
    protocol: int
    id: int
    """Identification, 16 bits (IPv4) or 32 (IPv6)."""
    tags: Tags
    offset: int
    """Of its first byte in the packet's payload."""
    more: bool
    start: int
    """Offset of its payload in the frame."""
    size: int
    """Bytes of its payload, also where the capture cut some of them."""
    ttl: int
    ecn: int
    layers: tuple[str, ...]
    dscp: int = 0

    @property
    def key(self) -> Key:
        """What the fragments of one packet share."""
        return self.src, self.dst, self.protocol, self.id, self.tags

    @property
    def end(self) -> int:
        """Of its last byte in the packet's payload, exclusive."""
        return self.offset + self.size


class Joined(NamedTuple):
    """A packet put together: the first fragment's frame with the rest behind it, dated by what made it whole."""

    frame: Frame
    piece: Piece
    """Its first fragment; what follows IP stands at `piece.start`."""


@dataclass(slots=True)
class _Pending:
    since_ns: int
    data: bytearray = field(default_factory=bytearray)
    pieces: list[tuple[int, int]] = field(default_factory=list)
    """Begin and end of what has come, in order, apart from each other."""
    total: int | None = None
    head: tuple[Frame, Piece] | None = None

    def overlaps(self, begin: int, end: int) -> bool:
        return any(begin < had_end and had_begin < end for had_begin, had_end in self.pieces)

    def add(self, begin: int, end: int, payload: bytes) -> None:
        """Keep a piece; where it overlaps what has come, that stays."""
        kept = payload[: max(MOST_BYTES - begin, 0)]
        if kept:
            self.data.extend(bytes(max(begin + len(kept) - len(self.data), 0)))
            before = [(had_begin, bytes(self.data[had_begin:had_end])) for had_begin, had_end in self.pieces]
            self.data[begin : begin + len(kept)] = kept
            for had_begin, had in before:
                self.data[had_begin : had_begin + len(had)] = had
        merged: list[tuple[int, int]] = []
        for had_begin, had_end in sorted([*self.pieces, (begin, end)]):
            if merged and had_begin <= merged[-1][1]:
                merged[-1] = merged[-1][0], max(merged[-1][1], had_end)
            else:
                merged.append((had_begin, had_end))
        self.pieces = merged

    @property
    def whole(self) -> bool:
        return self.total is not None and self.pieces[0][0] == 0 and self.pieces[0][1] >= self.total


class Reassembly:
    """Fragments that wait for others of their packet."""

    def __init__(self) -> None:
        self._pending: dict[Key, _Pending] = {}

    def settle(self, piece: Piece) -> None:
        """The first fragment could be read alone: its packet waits for nothing."""
        self._pending.pop(piece.key, None)

    def add(self, frame: Frame, piece: Piece) -> Joined | None:
        """Keep a fragment; return its packet when that is whole now."""
        pending = self._waiting(frame, piece)
        if len(pending.pieces) >= MOST_PIECES:
            return None
        pending.add(piece.offset, piece.end, frame.data[piece.start : piece.start + piece.size])
        if not piece.offset:
            pending.head = frame, piece
        if not piece.more and pending.total is None:
            pending.total = piece.end
        if pending.head is None or not pending.whole:
            return None
        del self._pending[piece.key]
        head, first = pending.head
        total = pending.total or 0
        data = head.data[: first.start] + bytes(pending.data[:total])
        return Joined(Frame(frame.number, frame.time_ns, frame.linktype, data, first.start + total), first)

    def overlaps(self, piece: Piece) -> bool:
        """Whether bytes of this fragment have come already."""
        pending = self._pending.get(piece.key)
        return pending is not None and pending.overlaps(piece.offset, piece.end)

    def _waiting(self, frame: Frame, piece: Piece) -> _Pending:
        pending = self._pending.get(piece.key)
        if pending is not None and abs(frame.time_ns - pending.since_ns) <= PATIENCE_NS:
            return pending
        self._pending.pop(piece.key, None)
        while len(self._pending) >= MOST_PENDING:
            del self._pending[next(iter(self._pending))]
        pending = self._pending[piece.key] = _Pending(frame.time_ns)
        return pending
