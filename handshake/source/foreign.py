"""What people hand us that is not pcap or pcapng, named, with the command that helps."""

from __future__ import annotations

import shlex
from typing import Final

_CONVERT = "editcap -F pcapng {path} out.pcapng"

_BY_MAGIC: Final = (
    (b"btsnoop\0", "a Symbian btsnoop (Bluetooth) capture", _CONVERT),
    (b"GMBU", "a Microsoft Network Monitor 2 capture", _CONVERT),
    (b"RTSS", "a Microsoft Network Monitor 1 capture", _CONVERT),
    (b"TRSNIFF data", "a Sniffer capture", _CONVERT),
    (b"XCP\0", "a Windows Sniffer (NetXRay) capture", _CONVERT),
    (b"\x00\x00\x02\x00\x12\x05\x00\x10", "a Tektronix K12 capture", _CONVERT),
    (b"+---------+---------------+----------+", "a Tektronix K12 text capture", _CONVERT),
    (b"iptrace ", "an AIX iptrace capture", _CONVERT),
    (b"\x1c\x00\x01\xab", "an Ixia capture", _CONVERT),
    (b"\x1c\x00\x01\xac", "an Ixia capture", _CONVERT),
    (b"\xab\x01\x00\x1c", "an Ixia capture", _CONVERT),
    (b"\xac\x01\x00\x1c", "an Ixia capture", _CONVERT),
    (b"\xfd7zXZ\0", "xz-compressed", "xz -dc {path} | handshake …"),
    (b"BZh", "bzip2-compressed", "bzip2 -dc {path} | handshake …"),
    (b"\x04\x22\x4d\x18", "lz4-compressed", "lz4 -dc {path} | handshake …"),
    (b"PK\x03\x04", "a zip archive", "unzip {path}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "7z x {path}"),
    (b"\x7fELF", "an ELF program", None),
    (b"MZ", "a Windows program", None),
    (b"%PDF", "a PDF document", None),
    (b"\x89PNG", "a PNG picture", None),
    (b"SQLite format 3", "an SQLite database", None),
)
"""First bytes, what they are, what helps."""

_BY_SUFFIX: Final = (
    ("erf", "an Endace ERF capture", _CONVERT),
    ("etl", "a Windows event trace", "pktmon etl2pcap {path} --out out.pcapng"),
)
"""Formats without a magic number."""

_TEXT: Final = (
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
    (b"{", "a JSON document"),
    (b"[", "a JSON document"),
    (b"", "plain text"),
)
"""How text may begin, after white space and in lower case; the last row is any other text."""


def not_a_capture(path: str, start: bytes) -> str:
    """One sentence on a file that begins with `start` and is not a capture we read, with a way out if there is one."""
    for what, remedy in (
        *((what, remedy) for magic, what, remedy in _BY_MAGIC if start.startswith(magic)),
        *((what, remedy) for suffix, what, remedy in _BY_SUFFIX if suffix in path.lower().split(".")[1:]),
    ):
        help_text = "" if remedy is None else f"; try: {remedy.format(path=shlex.quote(path))}"
        return f"{what}, not pcap or pcapng{help_text}"
    if _is_text(start):
        text = start.lstrip().lower()
        return f"{next(what for opening, what in _TEXT if text.startswith(opening))}, not a capture"
    return f"neither pcap nor pcapng (it begins with 0x{start[:4].hex()})"


def _is_text(start: bytes) -> bool:
    return all(byte in b"\t\n\r\f" or 0x20 <= byte < 0x7F for byte in start)
