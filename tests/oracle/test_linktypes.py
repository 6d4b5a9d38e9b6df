"""No link type is only a number if libpcap has a name for it."""

from __future__ import annotations

import ctypes
import ctypes.util

from handshake.wire.linktypes import link_name
from handshake.wire.registry import LINKS
from tests.support import require

BELOW = 500
"""libpcap is asked for all numbers below."""


def test_every_name_of_libpcap_has_one_of_ours() -> None:
    found = ctypes.util.find_library("pcap")
    require(found is not None, "no libpcap on this machine (Debian: sudo apt-get install tcpdump)")
    name_of = ctypes.CDLL(found).pcap_datalink_val_to_name
    name_of.restype = ctypes.c_char_p
    named = [number for number in range(BELOW) if name_of(number) is not None]
    assert len(named) > 100
    assert [number for number in named if link_name(number) == f"link type {number}"] == []


def test_every_link_type_that_is_decoded_has_a_name() -> None:
    assert [number for number in LINKS if link_name(number) == f"link type {number}"] == []
    assert [number for number in LINKS if "no IP here" in link_name(number)] == []
