"""Fingerprints of SYNs whose bytes are written out here; the signatures are those of p0f's own database (p0f.fp)."""

from __future__ import annotations

import pytest

from handshake.findings.fingerprint import fingerprint, initial_ttl, ttl_words
from handshake.model.packet import ACK, CWR, ECE, PSH, SYN, Segment
from handshake.wire.decode import decode
from tests import packets

LINUX = "020405b4 0402 080a0000000100000000 01 030307"
WINDOWS = "020405b4 01 030308 0101 0402"
MACOS = "020405b4 01 030306 0101 080a0000000100000000 0402 00 00"
FREEBSD = "020405b4 01 030306 0402 080a0000000100000000"


def opening(options: str, *, flags: int = SYN, ttl: int = 64, wnd: int = 64240, seq: int = 7, ack: int = 0) -> Segment:
    """A SYN as it comes out of its bytes."""
    hosts = ("10.0.0.1", "10.0.0.2")
    segment = packets.tcp(hosts, (40000, 80), seq=seq, ack=ack, flags=flags, wnd=wnd, options=bytes.fromhex(options))
    transport = decode(packets.frame(1, 0, packets.ethernet(packets.ip(hosts, 6, segment, ttl=ttl)))).transport
    assert isinstance(transport, Segment)
    return transport


@pytest.mark.parametrize(
    ("options", "ttl", "wnd", "signature", "like"),
    [
        (LINUX, 64, 64240, "64+0:1460:mss*44,7:mss,sok,ts,nop,ws", "Linux"),
        (LINUX, 52, 29200, "64+12:1460:mss*20,7:mss,sok,ts,nop,ws", "Linux"),
        (LINUX, 128, 64240, "128+0:1460:mss*44,7:mss,sok,ts,nop,ws", None),
        (WINDOWS, 117, 8192, "128+11:1460:8192,8:mss,nop,ws,nop,nop,sok", "Windows"),
        (MACOS, 60, 65535, "64+4:1460:65535,6:mss,nop,ws,nop,nop,ts,sok,eol+1", "macOS"),
        (FREEBSD, 64, 65535, "64+0:1460:65535,6:mss,nop,ws,sok,ts", "FreeBSD"),
        ("", 255, 1024, "255+0:*:1024,*:", None),
        ("020405b4", 200, 0, "255+55:1460:0,*:mss", None),
        ("02040000", 64, 5, "64+0:*:5,*:mss", None),
        ("020405b4 1b080000000000000101", 64, 2, "64+0:1460:2,*:mss,?27,nop,nop,eol+1", None),
    ],
)
def test_signature(options: str, ttl: int, wnd: int, signature: str, like: str | None) -> None:
    found = fingerprint(opening(options, ttl=ttl, wnd=wnd))
    assert (found.signature, found.like) == (signature, like)


def test_syn_ack_counts_segments_without_room_for_timestamps_and_is_like_nobody() -> None:
    found = fingerprint(opening(LINUX, flags=SYN | ACK, wnd=65160, ack=8))
    assert (found.window_unit, found.window_count, found.like) == ("mss-12", 45, None)
    assert fingerprint(opening(WINDOWS, wnd=65160)).window_unit is None


@pytest.mark.parametrize(
    ("options", "fields", "quirks"),
    [
        (LINUX, {}, ()),
        (LINUX, {"seq": 0}, ("seq-",)),
        (LINUX, {"ack": 5}, ("ack+",)),
        (LINUX, {"flags": SYN | ACK}, ("ack-",)),
        (LINUX, {"flags": SYN | ECE | CWR}, ("ecn",)),
        (LINUX, {"flags": SYN | PSH}, ("pushf+",)),
        ("020405b4 080a0000000000000009", {}, ("ts1-", "ts2+")),
        ("020405b4 03030f", {}, ("exws",)),
        ("020405b4 0800", {}, ("bad",)),
    ],
)
def test_quirks(options: str, fields: dict[str, int], quirks: tuple[str, ...]) -> None:
    assert fingerprint(opening(options, **fields)).quirks == quirks


@pytest.mark.parametrize(
    ("ttl", "first", "words"),
    [(0, 32, "0 (32 hops)"), (32, 32, "32 (0 hops)"), (33, 64, "33 (31 hops)"), (127, 128, "127 (1 hop)"),
     (129, 255, "129 (126 hops)"), (255, 255, "255 (0 hops)")],
)  # fmt: skip
def test_initial_ttl(ttl: int, first: int, words: str) -> None:
    assert (initial_ttl(ttl), ttl_words(ttl)) == (first, words)
