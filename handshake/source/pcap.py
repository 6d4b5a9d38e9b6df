"""Classic pcap files (draft-ietf-opsawg-pcap, "PCAP Capture File Format").

A 24-byte file header, then records: a header of 16 bytes (24 in Alexey Kuznetzov's variant of the
1990s) and the packet. The magic number tells the byte order and the unit of the timestamps. Files
of version 2.2 and older have the two lengths of a record the other way round; of those that call
themselves 2.3, some do.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from handshake.model.packet import Frame
from handshake.source.stream import BrokenError, ByteStream

MICROSECONDS: Final = 0xA1B2C3D4
NANOSECONDS: Final = 0xA1B23C4D
KUZNETZOV: Final = 0xA1B2CD34

FILE_HEADER: Final = "IHHiIII"
"""magic, major version, minor version, reserved (time zone), reserved (accuracy), snaplen, linktype."""
RECORD: Final = "IIII"
"""seconds, microseconds or nanoseconds, captured length, original length."""
KUZNETZOV_RECORD: Final = "IIIIIHBx"
"""As RECORD, then interface index, protocol and packet type."""

MAGICS: Final = {
    Struct(order + "I").pack(magic): (order, *kind)
    for order in "<>"
    for magic, kind in (
        (MICROSECONDS, ("pcap", RECORD, 1000)),
        (NANOSECONDS, ("pcap (ns)", RECORD, 1)),
        (KUZNETZOV, ("pcap (Kuznetzov)", KUZNETZOV_RECORD, 1000)),
    )
}
"""First four bytes → byte order, name of the format, layout of a record header, ns per fraction."""

LINKTYPE_MASK: Final = 0xFFFF
"""The bits above hold the length of a frame check sequence, and reserved ones."""

SANE_SNAPLEN: Final = 1 << 18
"""Packets up to libpcap's maximum are believed even if the file header promises a lower limit."""
MAX_PACKET: Final = 1 << 24
"""No packet is longer than 16 MiB, whatever the file header says."""


class PcapReader:
    """The frames of a classic pcap file. Raises BrokenError when the file header cannot be used."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self.order, self.format, layout, self.fraction_ns = MAGICS[stream.peek()[:4]]
        self._record = Struct(self.order + layout)
        header = Struct(self.order + FILE_HEADER)
        self.start = header.size
        """Where the first record begins."""
        data = stream.read_exactly(header.size, 0, f"the file header of {header.size} bytes")
        _, major, self._minor, _, _, snaplen, linktype = header.unpack(data)
        if major != 2 or self._minor > 4:
            raise BrokenError(4, f"pcap version {major}.{self._minor} is not supported, only 2.0 to 2.4 are")
        self.linktype = linktype & LINKTYPE_MASK
        """LINKTYPE_ number of all frames."""
        self.limit = min(max(snaplen, SANE_SNAPLEN), MAX_PACKET)
        """The longest packet that is believed, bytes."""
        self.regular = layout == RECORD and self._minor > 3
        """Records are those of today's files."""

    def frames(self, offset: int | None = None, number: int = 0) -> Iterator[Frame]:
        """The frames in file order. Raises BrokenError where the file is cut or makes no sense.

        `offset` is where the stream stands, and `number` how many frames lie before it, if that is not the beginning.
        """
        read, unpack, size = self._stream.read, self._record.unpack, self._record.size
        fraction_ns, linktype, limit = self.fraction_ns, self.linktype, self.limit
        swapped, maybe_swapped = self._minor < 3, self._minor == 3
        offset = self.start if offset is None else offset
        while len(header := read(size)) == size:
            seconds, fraction, cap_len, orig_len, *_ = unpack(header)
            if swapped or (maybe_swapped and cap_len > orig_len):
                cap_len, orig_len = orig_len, cap_len
            if cap_len > limit:
                raise BrokenError(offset, f"a packet of {cap_len} bytes is longer than the limit of {limit}")
            data = read(cap_len)
            if len(data) < cap_len:
                raise self._stream.cut(offset, f"a packet ({len(data)} of {cap_len} bytes are there)")
            number += 1
            yield Frame(number, seconds * 1_000_000_000 + fraction * fraction_ns, linktype, data, orig_len)
            offset += size + cap_len
        if header or self._stream.fault:
            raise self._stream.cut(offset, "a record header")
