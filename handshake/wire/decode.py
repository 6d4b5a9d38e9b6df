"""From a frame to a packet: the scalar decoder. Lax: it keeps what was good and says where it stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.packet import Frame, Packet, Segment, Stop
from handshake.wire.layout import TooShortError
from handshake.wire.registry import LINKS, by_ip_protocol, by_link
from handshake.wire.walk import MAX_LAYERS, HaltError, Layer, Walk

if TYPE_CHECKING:
    from handshake.wire.fragments import Piece, Reassembly

CUT_SHORT = "cut short"


def decode(frame: Frame) -> Packet:
    """Decode one frame, alone. Never raises, whatever the bytes; `Packet.stop` says where and why it ended early."""
    walk = Walk(frame)
    return _packet(walk, _from_the_link(walk))


class Decoder:
    """Decodes the frames of one capture, and puts IP fragments together where a header is split over them."""

    def __init__(self) -> None:
        self._reassembly: Reassembly | None = None

    def decode(self, frame: Frame) -> Packet:
        """As the function of that name; a packet that came in pieces is that of the frame which made it readable."""
        walk = Walk(frame)
        stop = _from_the_link(walk)
        if walk.piece is not None:
            walk, stop = self._put_together(walk, stop)
        return _packet(walk, stop)

    def _put_together(self, walk: Walk, stop: Stop | None) -> tuple[Walk, Stop | None]:
        """The walk through a packet of which that was a fragment, as far as it goes."""
        if self._reassembly is None:
            from handshake.wire.fragments import Reassembly

            self._reassembly = Reassembly()
        while walk.piece is not None:
            piece = walk.piece
            if not piece.offset and not _ends_inside_a_header(walk, piece, stop):
                self._reassembly.settle(piece)
                break
            overlaps = self._reassembly.overlaps(piece)
            joined = self._reassembly.add(walk.frame, piece)
            if joined is None:
                walk.transport, walk.payload = None, b""
                stop = _waits(piece, overlaps)
                break
            walk = Walk.resumed(joined)
            stop = _follow(walk, _behind(joined.piece), joined.piece.start)
        return walk, stop


def _from_the_link(walk: Walk) -> Stop | None:
    return _follow(walk, LINKS.get(walk.frame.linktype, _unknown), 0)


def _unknown(walk: Walk, at: int) -> tuple[Layer, int]:
    return by_link(walk.frame.linktype, at, "link")


def _follow(walk: Walk, layer: Layer, at: int) -> Stop | None:
    """Walk from layer to layer; where and why it ended early, if it did."""
    following: tuple[Layer, int] | None = (layer, at)
    try:
        while following is not None:
            layer, at = following
            if len(walk.layers) >= MAX_LAYERS:
                raise HaltError("link", at, f"more than {MAX_LAYERS} layers", fault=True)
            following = layer(walk, at)
    except HaltError as halt:
        return Stop(halt.layer, halt.at, str(halt), halt.fault)
    except TooShortError as short:
        return Stop(short.layer, short.at, f"{short.layer} header {CUT_SHORT}: {short}", fault=True)
    return None


def _packet(walk: Walk, stop: Stop | None) -> Packet:
    frame = walk.frame
    if stop is not None:  # a datagram whose payload began like a tunnel, but went wrong
        walk.transport, walk.payload = None, b""
    return Packet(frame.number, frame.time_ns, tuple(walk.layers), walk.transport, walk.payload, stop)


def _ends_inside_a_header(walk: Walk, piece: Piece, stop: Stop | None) -> bool:
    """Whether the end of a first fragment, and not that of the capture, cuts a header."""
    if piece.start + piece.size > len(walk.frame.data):
        return False
    transport = walk.transport
    return (stop is not None and CUT_SHORT in stop.reason) or (isinstance(transport, Segment) and transport.options.cut)


def _waits(piece: Piece, overlaps: bool) -> Stop:
    kind = f"IPv{piece.version} fragment"
    if overlaps:
        return Stop(piece.layers[-1], piece.start, f"overlapping {kind}", fault=True)
    reason = f"later {kind}" if piece.offset else f"{kind} that ends inside a header"
    return Stop(piece.layers[-1], piece.start, reason, fault=False)


def _behind(piece: Piece) -> Layer:
    return lambda walk, at: by_ip_protocol(walk, piece.protocol, at, piece.layers[-1])
