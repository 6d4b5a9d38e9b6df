"""pcapng files (draft-ietf-opsawg-pcapng, "PCAP Now Generic (pcapng) Capture File Format").

Blocks, each framed by its total length; a section header block starts a section with a byte order
and interfaces of its own; an interface description block gives the link type and the meaning of the
timestamps of the packet blocks that refer to it by number. Blocks of other types are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from math import gcd
from struct import Struct
from typing import Final

from handshake.model.packet import Frame
from handshake.model.record import dataclass
from handshake.source.stream import BrokenError, ByteStream

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE_DESCRIPTION: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
ENHANCED_PACKET: Final = 6

END_OF_OPTIONS: Final = 0
COMMENT: Final = 1
IF_NAME: Final = 2
IF_TSRESOL: Final = 9
IF_TSOFFSET: Final = 14

BYTE_ORDER_MAGIC: Final = 0x1A2B3C4D
SECTION_MAGIC: Final = SECTION_HEADER.to_bytes(4, "big")
"""The first four bytes of every pcapng file, the same in both byte orders."""

MAX_BLOCK: Final = 1 << 24
"""A longer block (16 MiB) is damage; libpcap draws the line at the same place."""
MAX_TIME_NS: Final = (1 << 64) - 1
"""Times beyond the years 1970 to 2554, which 64 bits of nanoseconds hold, are taken for the nearer end."""


class Layouts:
    """The fixed part of every block that is read here, in one byte order; field names as in the draft."""

    def __init__(self, order: str) -> None:
        self.order_magic = Struct(order + "I")
        self.block = Struct(order + "II")
        """block type, total length (which stands once more at the block's end)."""
        self.length = Struct(order + "I")
        self.section = Struct(order + "IHHq")
        """byte-order magic, major version, minor version, section length."""
        self.interface = Struct(order + "HHI")
        """linktype, reserved, snaplen."""
        self.enhanced = Struct(order + "IIIII")
        """interface id, timestamp (upper 32 bits), timestamp (lower), captured length, original length."""
        self.obsolete = Struct(order + "HHIIII")
        """interface id, drops count, then as in an enhanced packet block."""
        self.simple = Struct(order + "I")
        """original length."""
        self.option = Struct(order + "HH")
        """option code, option length."""
        self.tsoffset = Struct(order + "q")
        """seconds to add to every timestamp."""


LITTLE: Final = Layouts("<")
BIG: Final = Layouts(">")


def padded(size: int) -> int:
    """Size after padding to 32 bits."""
    return (size + 3) & ~3


@dataclass(frozen=True, slots=True)
class Interface:
    """What an interface description block says about the packets that refer to it."""

    linktype: int
    snaplen: int
    name: str
    multiplier: int
    divisor: int
    """A timestamp times `multiplier` divided by `divisor` is in ns; exact for powers of 10 and of 2."""
    offset_ns: int

    def time_ns(self, high: int, low: int) -> int:
        """Nanoseconds since the epoch of a timestamp in this interface's units."""
        time_ns = (high << 32 | low) * self.multiplier // self.divisor + self.offset_ns
        return time_ns if 0 <= time_ns <= MAX_TIME_NS else min(max(time_ns, 0), MAX_TIME_NS)


class PcapngReader:
    """The frames of a pcapng file. Raises BrokenError when its first section header cannot be used."""

    format = "pcapng"

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._offset = 0
        self.layouts = LITTLE
        self.interfaces: list[Interface] = []
        self._number = 0
        self._time_ns = 0
        self._blocks = self._read_blocks()
        self._begin_section(next(self._blocks)[1])

    def frames(self) -> Iterator[Frame]:
        """The frames in file order. Raises BrokenError where the file is cut or makes no sense."""
        for block_type, body in self._blocks:
            if block_type == ENHANCED_PACKET:
                yield self._packet(body, self.layouts.enhanced)
            elif block_type == SIMPLE_PACKET:
                yield self._simple_packet(body)
            elif block_type == OBSOLETE_PACKET:
                yield self._packet(body, self.layouts.obsolete)
            else:
                self._take_description(block_type, body)

    def describe(self, offset: int) -> int:
        """Read the section headers and interface descriptions that begin at that offset; where they end.

        Where one is damaged it ends before it. Then only `resume` goes on.
        """
        self._stream.seek(offset)
        self._offset, self._blocks = offset, self._read_blocks()
        with suppress(BrokenError):
            for block_type, body in self._blocks:
                if not self._take_description(block_type, body):
                    break
        return self._offset

    def _take_description(self, block_type: int, body: bytes) -> bool:
        """Take a section header or an interface description; whether it is one."""
        if block_type == INTERFACE_DESCRIPTION:
            self.interfaces.append(self._describe(body))
        elif block_type == SECTION_HEADER:
            self._begin_section(body)
        else:
            return False
        return True

    def resume(self, offset: int, number: int, time_ns: int) -> Iterator[Frame]:
        """The frames from the block on at which the stream stands, after `number` of them."""
        self._offset, self._number, self._time_ns = offset, number, time_ns
        self._blocks = self._read_blocks()
        return self.frames()

    def _read_blocks(self) -> Iterator[tuple[int, bytes]]:
        """(type, body) of all blocks; while one is in use, `_offset` is where it began."""
        read, stream = self._stream.read, self._stream
        while len(head := read(8)) == 8:
            if head.startswith(SECTION_MAGIC):
                head += stream.read_exactly(4, self._offset, "a section header")
                self.layouts = self._byte_order(head[8:])
            block_type, length = self.layouts.block.unpack_from(head)
            if length % 4 or not len(head) + 4 <= length <= MAX_BLOCK:
                raise self._broken(f"a block cannot be {length} bytes long")
            rest = stream.read_exactly(length - len(head), self._offset, f"a block of {length} bytes")
            if rest[-4:] != head[4:8]:
                trailer = self.layouts.length.unpack(rest[-4:])[0]
                raise self._broken(f"a block of {length} bytes says {trailer} bytes at its end")
            yield block_type, head[8:] + rest[:-4]
            self._offset += length
        if head or stream.fault:
            raise stream.cut(self._offset, "a block header")

    def _byte_order(self, magic: bytes) -> Layouts:
        for layouts in (LITTLE, BIG):
            if layouts.order_magic.unpack(magic)[0] == BYTE_ORDER_MAGIC:
                return layouts
        raise self._broken(f"a section header has 0x{magic.hex()} in the place of its byte-order magic")

    def _begin_section(self, body: bytes) -> None:
        _, major, minor, _ = self._unpack(self.layouts.section, body, "a section header")
        if major != 1 or minor not in (0, 2):
            raise self._broken(f"pcapng version {major}.{minor} is not supported, only 1.0 and 1.2 are")
        self.interfaces = []

    def _describe(self, body: bytes) -> Interface:
        layout = self.layouts.interface
        linktype, _, snaplen = self._unpack(layout, body, "an interface description")
        name, multiplier, divisor, offset_ns = "", 1000, 1, 0
        for code, value in self._options(body, layout.size):
            if code == IF_NAME:
                name = value.rstrip(b"\0").decode("utf-8", "replace")
            elif code == IF_TSRESOL and len(value) == 1:
                exponent, binary = value[0] & 0x7F, value[0] & 0x80
                ticks_per_second = (2 if binary else 10) ** exponent
                common = gcd(1_000_000_000, ticks_per_second)
                multiplier, divisor = 1_000_000_000 // common, ticks_per_second // common
            elif code == IF_TSOFFSET and len(value) == 8:
                offset_ns = self.layouts.tsoffset.unpack(value)[0] * 1_000_000_000
        return Interface(linktype, snaplen, name, multiplier, divisor, offset_ns)

    def _options(self, body: bytes, position: int) -> Iterator[tuple[int, bytes]]:
        layout = self.layouts.option
        while position + layout.size <= len(body):
            code, length = layout.unpack_from(body, position)
            if code == END_OF_OPTIONS:
                return
            position += layout.size
            if position + length > len(body):
                raise self._broken(f"an option of {length} bytes runs past the end of its block")
            yield code, body[position : position + length]
            position += padded(length)

    def _packet(self, body: bytes, layout: Struct) -> Frame:
        fields = self._unpack(layout, body, "a packet")
        interface = self._interface(fields[0])
        high, low, cap_len, orig_len = fields[-4:]
        self._time_ns = interface.time_ns(high, low)
        return self._frame(interface, body[layout.size :], cap_len, orig_len)

    def _simple_packet(self, body: bytes) -> Frame:
        """A packet without a timestamp, of the first interface; it gets the time of the frame before it."""
        layout = self.layouts.simple
        (orig_len,) = self._unpack(layout, body, "a simple packet")
        interface = self._interface(0)
        cap_len = min(orig_len, interface.snaplen or orig_len)
        return self._frame(interface, body[layout.size :], cap_len, orig_len)

    def _frame(self, interface: Interface, room: bytes, cap_len: int, orig_len: int) -> Frame:
        if cap_len > len(room):
            raise self._broken(f"a packet of {cap_len} bytes is in a block with room for {len(room)}")
        self._number += 1
        return Frame(self._number, self._time_ns, interface.linktype, room[:cap_len], orig_len, interface.name)

    def _interface(self, index: int) -> Interface:
        if index < len(self.interfaces):
            return self.interfaces[index]
        raise self._broken(
            f"a packet refers to interface {index}, which is not described (interfaces so far: {len(self.interfaces)})"
        )

    def _unpack(self, layout: Struct, body: bytes, what: str) -> tuple[int, ...]:
        if len(body) < layout.size:
            raise self._broken(f"{what} block is too short for its fields")
        return layout.unpack_from(body)

    def _broken(self, reason: str) -> BrokenError:
        return BrokenError(self._offset, reason)
