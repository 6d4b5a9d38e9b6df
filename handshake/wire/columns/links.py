"""Link layers and VLANs, down to where the network header begins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handshake.model.packet import Tag, Tags
from handshake.wire.columns.arrays import Bytes, Ints, among, gather, type_of
from handshake.wire.cooked import ARPHRD, ARPHRD_NETLINK, IPV4_FAMILY, IPV6_FAMILIES
from handshake.wire.layout import ETHERNET, SLL, SLL2, VLAN, vlan_id
from handshake.wire.registry import VLANS

_IPV4, _IPV6 = 0x0800, 0x86DD
_MOST_VLANS = 2
"""Tags before a packet that is plain."""


def networks(data: Bytes, starts: Ints, link: Ints, linktypes: Sequence[int]) -> tuple[Ints, Ints, Ints]:
    """Where the network header of each packet begins, its IP version (0: something else), and the VLANs before it."""
    at, kind, way = starts.copy(), np.zeros(len(starts), np.int64), np.zeros(len(starts), np.int64)
    for linktype in LINKS.keys() & set(linktypes):
        of_link = np.array([each == linktype for each in linktypes])
        rows = slice(None) if of_link.all() else np.flatnonzero(of_link[link])
        size, ethertype_of = LINKS[linktype]
        at[rows] += size
        kind[rows] = ethertype_of(data, starts[rows])
    for _ in range(_MOST_VLANS):
        tagged = np.flatnonzero(among(frozenset(VLANS))[kind])
        if not len(tagged):
            break
        header = gather(data, at[tagged], type_of(VLAN))
        numbers = vlan_id(header["tci"].astype(np.int64))  # type: ignore[arg-type]
        way[tagged] = np.where(numbers > 0, way[tagged] << 12 | numbers, way[tagged])
        kind[tagged], at[tagged] = header["ethertype"], at[tagged] + VLAN.size
    return at, (kind == _IPV4) * np.int64(4) + (kind == _IPV6) * np.int64(6), way


def tags_of(way: int) -> Tags:
    """The VLANs that a packet came in, outermost first: 12 bits each, the innermost one lowest; 0: none."""
    return (*tags_of(way >> 12), Tag("vlan", way & 0xFFF)) if way else ()


def _ethernet(data: Bytes, at: Ints) -> Ints:
    return gather(data, at + ETHERNET.offset_of("ethertype"), np.dtype(">u2"))


def _sll(data: Bytes, at: Ints) -> Ints:
    return _cooked(gather(data, at, type_of(SLL)))


def _sll2(data: Bytes, at: Ints) -> Ints:
    return _cooked(gather(data, at, type_of(SLL2)))


def _cooked(header: NDArray[Any]) -> Ints:
    kind: Ints = header["protocol"] * ~np.isin(header["arphrd"], (*ARPHRD, ARPHRD_NETLINK))
    return kind


def _null(data: Bytes, at: Ints) -> Ints:
    word = gather(data, at, np.dtype(">u4")).astype(np.uint32)
    family = np.where(word > 0xFFFF, word.byteswap(), word)
    return np.where(family == IPV4_FAMILY, _IPV4, np.where(np.isin(family, IPV6_FAMILIES), _IPV6, 0))


def _raw(data: Bytes, at: Ints) -> Ints:
    version = data[at] >> 4
    return np.where(version == 4, _IPV4, np.where(version == 6, _IPV6, 0))


LINKS: dict[int, tuple[int, Callable[[Bytes, Ints], Ints]]] = {
    1: (ETHERNET.size, _ethernet),
    113: (SLL.size, _sll),
    276: (SLL2.size, _sll2),
    **dict.fromkeys((0, 108), (4, _null)),
    **dict.fromkeys((12, 14, 101, 228, 229), (0, _raw)),
}
"""Link types that are read here (`registry.LINKS` has all): bytes of their headers, and who tells the EtherType."""
