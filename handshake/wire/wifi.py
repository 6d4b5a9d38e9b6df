"""IEEE 802.11 and the radio headers that captures put before it. Only readable data frames go on."""

from __future__ import annotations

from handshake.wire.layout import AVS, DOT11, DOT11_CONTROL, LLC, PPI, RADIOTAP, dot11_fragment
from handshake.wire.llc import SNAP_BEGINNING, llc
from handshake.wire.registry import by_link
from handshake.wire.walk import HaltError, Layer, Walk

_MANAGEMENT = (
    "association request", "association response", "reassociation request", "reassociation response",
    "probe request", "probe response", "timing advertisement", "management frame", "beacon", "ATIM",
    "disassociation", "authentication", "deauthentication", "action", "action without acknowledgment",
    "management frame",
)  # fmt: skip
_CONTROL = {
    4: "beamforming poll", 5: "NDP announcement", 7: "control wrapper", 8: "block acknowledgment request",
    9: "block acknowledgment", 10: "PS-Poll", 11: "RTS", 12: "CTS", 13: "acknowledgment", 14: "CF-End",
}  # fmt: skip
_DATA, _NO_DATA, _QOS = 2, 0x4, 0x8
_TO_DS, _FROM_DS, _MORE_FRAGMENTS, _PROTECTED, _ORDER = 0x01, 0x02, 0x04, 0x40, 0x80
_FOURTH_ADDRESS, _QOS_CONTROL, _HT_CONTROL = 6, 2, 4
_AMSDU = 0x80
_TSFT, _FLAGS, _EXTENDED = 1 << 0, 1 << 1, 1 << 31
_PADDED = 0x20
"""In radiotap's flags field: the header was padded to a multiple of four bytes."""
_AVS_COOKIES = (0x80211001, 0x80211002)
_PRISM_SIZE = 144


def _data_header_size(subtype: int, flags: int) -> int:
    size = DOT11.size + (_FOURTH_ADDRESS if flags & _TO_DS and flags & _FROM_DS else 0)
    if subtype & _QOS:
        size += _QOS_CONTROL + (_HT_CONTROL if flags & _ORDER else 0)
    return size


def _frame(walk: Walk, at: int, *, alignment: int = 1, swapped: bool = False) -> tuple[Layer, int]:
    control, flags = DOT11_CONTROL.read(walk.data, at)
    if swapped:
        control, flags = flags, control
    kind, subtype = control >> 2 & 3, control >> 4
    if control & 3:
        raise HaltError("802.11", at, f"802.11 version {control & 3}", fault=True)
    if kind != _DATA:
        names = (_MANAGEMENT[subtype], _CONTROL.get(subtype, "control frame"), "", "extension frame")
        walk.layers.append("802.11")
        raise HaltError("802.11", at, f"802.11 {names[kind]}", fault=False)
    *_, sequence = DOT11.read(walk.data, at)
    size = _data_header_size(subtype, flags) + alignment - 1 & -alignment
    walk.need("802.11", at, size)
    walk.layers.append("802.11")
    if subtype & _NO_DATA:
        raise HaltError("802.11", at, "802.11 frame without data", fault=False)
    if flags & _PROTECTED:
        raise HaltError("802.11", at, "802.11 data, encrypted", fault=False)
    if subtype & _QOS and walk.data[at + _data_header_size(subtype & ~_QOS, flags)] & _AMSDU:
        raise HaltError("802.11", at, "802.11 aggregate (A-MSDU)", fault=False)
    if dot11_fragment(sequence):
        raise HaltError("802.11", at, "later 802.11 fragment", fault=False)
    if flags & _MORE_FRAGMENTS:
        walk.whole = False
    return llc, at + size


def dot11(walk: Walk, at: int) -> tuple[Layer, int]:
    """One 802.11 frame (IEEE 802.11 §9.2). The check sequence that may end it is out of IP's reach."""
    return _frame(walk, at)


def swapped_dot11(walk: Walk, at: int) -> tuple[Layer, int]:
    """The same with the bytes of the frame control field swapped, as controllers of Cisco have it."""
    return _frame(walk, at, swapped=True)


def dot11_data_follows(walk: Walk, at: int, *, swapped: bool) -> bool:
    """A data frame with SNAP inside."""
    if at + DOT11_CONTROL.size > walk.captured:
        return False
    control, flags = DOT11_CONTROL.read(walk.data, at)
    if swapped:
        control, flags = flags, control
    after = at + _data_header_size(control >> 4, flags)
    return control & 0xF == _DATA << 2 and walk.data[after : after + LLC.size] == SNAP_BEGINNING


def _padded_dot11(walk: Walk, at: int) -> tuple[Layer, int]:
    return _frame(walk, at, alignment=4)


def radiotap(walk: Walk, at: int) -> tuple[Layer, int]:
    """Radiotap: skipped by its length; of its fields only one matters, that the 802.11 header is padded."""
    version, _, length, present = RADIOTAP.read(walk.data, at)
    if version:
        raise HaltError("radiotap", at, f"radiotap version {version}", fault=True)
    if length < RADIOTAP.size:
        raise HaltError("radiotap", at, f"length {length} is less than the header's {RADIOTAP.size}", fault=True)
    walk.need("radiotap", at, length)
    walk.layers.append("radiotap")
    padded = present & _FLAGS and _radiotap_flags(walk.data[at : at + length], present) & _PADDED
    return (_padded_dot11 if padded else dot11), at + length


def _radiotap_flags(header: bytes, present: int) -> int:
    """The flags field, which stands behind all presence words and, aligned, the timestamp; 0 if cut."""
    at = RADIOTAP.size
    word = present
    while word & _EXTENDED and at + 4 <= len(header):
        word = int.from_bytes(header[at : at + 4], "little")
        at += 4
    if present & _TSFT:
        at = (at + 7 & -8) + 8
    return header[at] if at < len(header) else 0


def ppi(walk: Walk, at: int) -> tuple[Layer, int]:
    """Per-Packet Information: skipped by its length; it names the link type that follows."""
    version, _, length, dlt = PPI.read(walk.data, at)
    if version:
        raise HaltError("ppi", at, f"PPI version {version}", fault=True)
    if length < PPI.size:
        raise HaltError("ppi", at, f"length {length} is less than the header's {PPI.size}", fault=True)
    walk.need("ppi", at, length)
    walk.layers.append("ppi")
    return by_link(dlt, at + length, "ppi")


def avs(walk: Walk, at: int) -> tuple[Layer, int]:
    """AVS radio header, skipped by its length."""
    cookie, length = AVS.read(walk.data, at)
    if cookie not in _AVS_COOKIES or length < AVS.size:
        raise HaltError("avs", at, f"AVS header {cookie:#010x} of length {length}", fault=True)
    walk.need("avs", at, length)
    walk.layers.append("avs")
    return dot11, at + length


def prism(walk: Walk, at: int) -> tuple[Layer, int]:
    """Prism radio header, always of one size; some drivers record the AVS header under this link type."""
    if walk.captured >= at + AVS.size and AVS.read(walk.data, at)[0] in _AVS_COOKIES:
        return avs(walk, at)
    walk.need("prism", at, _PRISM_SIZE)
    walk.layers.append("prism")
    return dot11, at + _PRISM_SIZE
