"""Solaris snoop files, version 2 (RFC 1761): a header of 16 bytes, then records, all in network byte order."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

from handshake.model.packet import Frame
from handshake.source.pcap import MAX_PACKET
from handshake.source.stream import BrokenError, ByteStream

MAGIC: Final = b"snoop\0\0\0"

_HEADER: Final = Struct("!8sII")
"""identification, version, datalink type."""
_RECORD: Final = Struct("!IIIIII")
"""original length, included length, record length, cumulative drops, seconds, microseconds."""
_LINKTYPES: Final = {0: 1, 2: 6, 4: 1, 8: 10, 18: 123, 26: 242}
"""Datalink type (RFC 1761 and Solaris' successors to it) → LINKTYPE_ number."""


class SnoopReader:
    """The frames of a snoop file. Raises BrokenError when the file header cannot be used."""

    format = "snoop"

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        _, version, datalink = _HEADER.unpack(stream.read_exactly(_HEADER.size, 0, "the file header"))
        if version != 2:
            raise BrokenError(8, f"snoop version {version} is not supported, only 2 is")
        if datalink not in _LINKTYPES:
            raise BrokenError(12, f"snoop datalink type {datalink} is not known here")
        self._linktype = _LINKTYPES[datalink]

    def frames(self) -> Iterator[Frame]:
        """The frames in file order. Raises BrokenError where the file is cut or makes no sense."""
        read, size = self._stream.read, _RECORD.size
        offset, number = _HEADER.size, 0
        while len(header := read(size)) == size:
            orig_len, cap_len, length, _, seconds, microseconds = _RECORD.unpack(header)
            if not size + cap_len <= length <= size + MAX_PACKET:
                raise BrokenError(offset, f"a record of {length} bytes cannot hold a packet of {cap_len}")
            body = read(length - size)
            if len(body) < cap_len:
                raise self._stream.cut(offset, f"a packet ({len(body)} of {cap_len} bytes are there)")
            number += 1
            time_ns = seconds * 1_000_000_000 + microseconds * 1000
            yield Frame(number, time_ns, self._linktype, body[:cap_len], orig_len)
            offset += length
        if header or self._stream.fault:
            raise self._stream.cut(offset, "a record header")
