"""pcap-filter expressions (pcap-filter(7)), compiled by the libpcap of the machine."""

from __future__ import annotations

import ctypes
import ctypes.util

from handshake.errors import HandshakeError, ToolError
from handshake.wire.bpf import NET, Instruction

_DLT_RAW, _SNAPLEN, _OPTIMIZE, _NETMASK_UNKNOWN = 12, 262144, 1, 0xFFFFFFFF
_ABSOLUTE, _HEADER_LENGTH = (0x20, 0x28, 0x30), 0xB1
_INDIRECT = (0x40, 0x48, 0x50)


class FilterError(HandshakeError):
    """A filter expression that libpcap does not accept."""

    exit_status = 2


class _Program(ctypes.Structure):
    class Line(ctypes.Structure):
        _fields_ = (("code", ctypes.c_uint16), ("jt", ctypes.c_uint8), ("jf", ctypes.c_uint8), ("k", ctypes.c_uint32))

    _fields_ = (("length", ctypes.c_uint), ("lines", ctypes.POINTER(Line)))


def compile_expression(expression: str) -> tuple[Instruction, ...]:
    """The program of an expression such as `net 10.0.0.0/8 and port 80`, its loads relative to the IP header.

    Link-layer words (`ether`, `vlan`) are refused: one program serves every kind of interface.
    Raises FilterError when the expression makes no sense, ToolError without libpcap.
    """
    pcap = _libpcap()
    handle = ctypes.c_void_p(pcap.pcap_open_dead(_DLT_RAW, _SNAPLEN))
    program = _Program()
    try:
        text = expression.encode(errors="surrogateescape")
        if pcap.pcap_compile(handle, ctypes.byref(program), text, _OPTIMIZE, ctypes.c_uint32(_NETMASK_UNKNOWN)):
            reason = pcap.pcap_geterr(handle).decode(errors="replace")
            raise FilterError(f"the filter {expression!r} makes no sense: {reason}")
        try:
            return tuple(_rebased(program.lines[at]) for at in range(program.length))
        finally:
            pcap.pcap_freecode(ctypes.byref(program))
    finally:
        pcap.pcap_close(handle)


def _rebased(line: _Program.Line) -> Instruction:
    from_header = line.code in _ABSOLUTE or line.code in _INDIRECT or line.code == _HEADER_LENGTH
    return Instruction(line.code, line.jt, line.jf, line.k + NET if from_header else line.k)


def _libpcap() -> ctypes.CDLL:
    name = ctypes.util.find_library("pcap")
    if name is None:
        raise ToolError(
            "a filter expression needs libpcap (Debian: sudo apt-get install libpcap0.8); --host and --port do without"
        )
    pcap = ctypes.CDLL(name)
    pcap.pcap_open_dead.restype = ctypes.c_void_p
    pcap.pcap_geterr.restype = ctypes.c_char_p
    return pcap
