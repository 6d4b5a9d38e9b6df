"""The walk through one frame: each layer is a short function that names the next layer and its offset.

A layer takes the walk and the offset of its header and returns `(next layer, offset)`, or raises
`HaltError` where there is nothing more to decode. `wire.registry` has them all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from handshake.model.packet import Datagram, Frame, IcmpError, Segment, Tag, Tags
from handshake.wire.layout import TooShortError

if TYPE_CHECKING:
    from handshake.wire.fragments import Joined, Piece

MAX_LAYERS = 32
"""Layers decoded in one frame; more is an attack or a loop, not a packet."""


class HaltError(Exception):
    """Decoding ends here. Never leaves the room `wire`."""

    def __init__(self, layer: str, at: int, reason: str, *, fault: bool) -> None:
        super().__init__(reason)
        self.layer = layer
        self.at = at
        self.fault = fault


class Walk:
    """What is known of a frame while its layers are being read."""

    tags: Tags = ()
    src = dst = b""
    version = ttl = ecn = dscp = 0
    ip_id: int | None = None
    whole = True
    """False inside a fragment: lengths and checksums of the transport layer cannot be checked."""
    transport: Segment | Datagram | IcmpError | None = None
    payload = b""
    piece: Piece | None = None
    """The outermost fragment met so far."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.data = frame.data
        self.captured = len(frame.data)
        self.end = max(frame.orig_len, len(frame.data))
        """Where the current layer's content ends on the wire; never before the captured bytes, often past them."""
        self.layers: list[str] = []

    @classmethod
    def resumed(cls, joined: Joined) -> Self:
        """The walk through a packet put together, where its first fragment's IP header has been read."""
        walk, piece = cls(joined.frame), joined.piece
        walk.layers, walk.tags = list(piece.layers), piece.tags
        walk.src, walk.dst, walk.version = piece.src, piece.dst, piece.version
        walk.ttl, walk.ecn, walk.dscp = piece.ttl, piece.ecn, piece.dscp
        walk.ip_id = piece.id if piece.version == 4 else None
        return walk

    def fragment(self, protocol: int, number: int, offset: int, start: int, *, more: bool) -> None:
        """Note that this is a fragment with that identification, whose payload starts at `start` in the frame."""
        self.whole = False
        if self.piece is None:
            from handshake.wire.fragments import Piece

            self.piece = Piece(
                self.src, self.dst, self.version, protocol, number, self.tags, offset, more, start,
                max(self.end - start, 0), self.ttl, self.ecn, tuple(self.layers), self.dscp,
            )  # fmt: skip
        if offset:
            raise HaltError(self.layers[-1], start, f"later IPv{self.version} fragment", fault=False)

    def enter(self, kind: str, number: int | None = None) -> None:
        """What follows is inside a tunnel; the IP header right outside it, if any, names its ends."""
        ends = (min(self.src, self.dst), max(self.src, self.dst)) if self.version else None
        self.tags += (Tag(kind, number, ends),)
        self.version = 0
        self.transport = None
        self.payload = b""

    def need(self, layer: str, at: int, size: int) -> None:
        """Raise TooShortError unless the `size` bytes of the header at `at` were captured."""
        if at + size > self.captured:
            raise TooShortError(layer, at, size, max(self.captured - at, 0))

    def end_at(self, end: int) -> None:
        """The current layer's content ends here by its own count; what comes after it is padding, out of reach."""
        if end > self.end:
            self.whole = False
        self.end = end
        self.data = self.data[:end]
        self.captured = len(self.data)

    def inflated(self, at: int, content: bytes, *, whole: bool) -> None:
        """What was compressed from `at` on reads `content`; all of it when `whole`."""
        self.data = self.data[:at] + content
        self.captured = self.end = len(self.data)
        self.whole = self.whole and whole


Layer = Callable[[Walk, int], "tuple[Layer, int] | None"]
"""Decodes the header at an offset; None when the walk has reached its end."""
