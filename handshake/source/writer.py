"""Write frames to pcap and pcapng files that are readable up to the last frame at any moment."""

from __future__ import annotations

import os
from struct import Struct
from types import TracebackType
from typing import BinaryIO, Self

from handshake.errors import CaptureError
from handshake.model.packet import Frame
from handshake.source import pcap, pcapng
from handshake.source.stream import os_reason

Target = str | os.PathLike[str] | BinaryIO
"""A path, which is created or overwritten, or a binary file, which is left open."""


class _Writer:
    """Writes whole records only, each at once, so that an interrupted recording ends between two of them."""

    def __init__(self, target: Target, header: bytes) -> None:
        self._owned = isinstance(target, (str, os.PathLike))
        if isinstance(target, (str, os.PathLike)):
            self.name = os.fspath(target)
            """The path, for error messages."""
            try:
                self._file: BinaryIO = open(target, "wb", buffering=0)  # noqa: SIM115  # closed by close()
            except OSError as error:
                raise self._error(error) from None
        else:
            self.name = str(getattr(target, "name", "the output"))
            self._file = target
        try:
            self._put(header)
        except CaptureError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file if the writer opened it."""
        if self._owned:
            self._file.close()

    def _put(self, record: bytes) -> None:
        try:
            while record:
                record = record[self._file.write(record) :]
            self._file.flush()
        except OSError as error:
            raise self._error(error) from None

    def _error(self, error: OSError) -> CaptureError:
        return CaptureError(f"{self.name}: cannot be written: {os_reason(error)}")


class PcapngWriter(_Writer):
    """Writes pcapng with nanosecond timestamps, one interface block per (name, link type) as they appear.

    `comment` goes into the section header. Raises CaptureError when the target cannot be written.
    """

    def __init__(self, target: Target, comment: str = "") -> None:
        fields = _LAYOUTS.section.pack(pcapng.BYTE_ORDER_MAGIC, 1, 0, -1)
        super().__init__(target, _block(pcapng.SECTION_HEADER, fields + _options((pcapng.COMMENT, comment.encode()))))
        self._interfaces: dict[tuple[str, int], int] = {}

    def write(self, frame: Frame) -> None:
        """Append one frame, and flush it."""
        key = (frame.interface, frame.linktype)
        description = b""
        if key not in self._interfaces:
            self._interfaces[key] = len(self._interfaces)
            description = _block(
                pcapng.INTERFACE_DESCRIPTION,
                _LAYOUTS.interface.pack(frame.linktype, 0, 0)
                + _options((pcapng.IF_NAME, frame.interface.encode()), (pcapng.IF_TSRESOL, b"\x09")),
            )
        high, low = divmod(frame.time_ns, 1 << 32)
        fields = _LAYOUTS.enhanced.pack(self._interfaces[key], high, low, len(frame.data), frame.orig_len)
        self._put(description + _block(pcapng.ENHANCED_PACKET, fields + _pad(frame.data)))


class PcapWriter(_Writer):
    """Writes classic pcap, with nanosecond or microsecond timestamps, for frames of one link type.

    Raises CaptureError when the target cannot be written.
    """

    def __init__(self, target: Target, linktype: int = 1, *, nanoseconds: bool = True) -> None:
        magic = pcap.NANOSECONDS if nanoseconds else pcap.MICROSECONDS
        super().__init__(target, _FILE_HEADER.pack(magic, 2, 4, 0, 0, pcap.SANE_SNAPLEN, linktype))
        self.linktype = linktype
        """LINKTYPE_ number of all frames."""
        self._fraction_ns = 1 if nanoseconds else 1000

    def write(self, frame: Frame) -> None:
        """Append one frame, and flush it. Raises CaptureError when its link type is not the file's."""
        if frame.linktype != self.linktype:
            raise CaptureError(
                f"{self.name}: frame {frame.number} has link type {frame.linktype}, but this pcap file holds only "
                f"link type {self.linktype}; write pcapng, which holds several"
            )
        seconds, nanoseconds = divmod(frame.time_ns, 1_000_000_000)
        header = _RECORD.pack(seconds, nanoseconds // self._fraction_ns, len(frame.data), frame.orig_len)
        self._put(header + frame.data)


_LAYOUTS = pcapng.LITTLE
_FILE_HEADER = Struct("<" + pcap.FILE_HEADER)
_RECORD = Struct("<" + pcap.RECORD)


def _pad(data: bytes) -> bytes:
    return data.ljust(pcapng.padded(len(data)), b"\0")


def _block(block_type: int, body: bytes) -> bytes:
    length = len(body) + 12
    return _LAYOUTS.block.pack(block_type, length) + body + _LAYOUTS.length.pack(length)


def _options(*options: tuple[int, bytes]) -> bytes:
    """The options that have a value, and the end-of-options mark."""
    present = [(code, value) for code, value in options if value]
    return b"".join(
        _LAYOUTS.option.pack(code, len(value)) + _pad(value) for code, value in (*present, (pcapng.END_OF_OPTIONS, b""))
    )
