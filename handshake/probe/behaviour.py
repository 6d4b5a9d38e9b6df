"""How the crafted client behaves: what its SYN offers, what it says, how it leaves.

`Behaviour` is plain data for `client.Client`; `PROFILES` are the SYNs of current systems.
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from handshake.model.options import MSS, NOP, SACK_PERMITTED, TFO, TIMESTAMPS, WSCALE, Option, Options
from handshake.model.record import dataclass
from handshake.probe.craft import TTL, WINDOW, timestamps


class Close(Enum):
    """How the client leaves an open connection."""

    FIN = "fin"
    """Close in order, and RST only if the server does not (RFC 9293 §3.6)."""
    RST = "rst"
    """Abort (§3.10.5)."""
    NONE = "none"
    """Say nothing: the server is left with an open connection."""


class Filled(Enum):
    """An option whose body is known only when the SYN is made."""

    MSS = MSS
    """What fits the path."""
    TIMESTAMPS = TIMESTAMPS
    """The clock, and the echo of the other's."""


Item = Option | Filled


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What one can choose about the client of one connection; by default Linux that opens and closes."""

    options: tuple[Item, ...] = (
        Filled.MSS,
        Option(SACK_PERMITTED, b""),
        Filled.TIMESTAMPS,
        Option(NOP, b""),
        Option(WSCALE, b"\x07"),
    )
    """Options of the SYN, in wire order."""
    ecn: int = 0
    """ECN flags of the SYN: none, ECE,CWR (RFC 3168 §6.1.1) or AE,CWR,ECE (RFC 9768 §3.1.1)."""
    window: int = WINDOW
    """Receive window, bytes; at most 65535, as the window of a SYN is not scaled."""
    ttl: int = TTL
    """IPv4 TTL or IPv6 hop limit of every segment."""
    isn: int | None = None
    """Initial sequence number; None for a random one."""
    data: bytes = b""
    """Sent once the connection is open; begun inside the SYN if the options carry a Fast Open cookie."""
    half_open: bool = False
    """Answer the SYN-ACK with RST instead of ACK."""
    close: Close = Close.FIN
    simultaneous: bool = False
    """The server opens too: a refusal only means that it has not begun (RFC 9293 §3.5 figure 7)."""
    flags: int | None = None
    """Instead of opening a connection, send one segment with these flags and take the answer."""

    def body(self, kind: int) -> bytes | None:
        """Body of the first option of this kind whose bytes are fixed, None without one."""
        return Options(tuple(item for item in self.options if isinstance(item, Option))).body(kind)

    @property
    def shift(self) -> int | None:
        """Window scale offered, None without; above 14 it counts as 14 (RFC 7323 §2.3)."""
        offered = self.body(WSCALE)
        return None if offered is None else min(int.from_bytes(offered), 14)

    def without_fast_open(self) -> Behaviour:
        """No Fast Open option, and so no data in the SYN."""
        kept = tuple(item for item in self.options if isinstance(item, Filled) or item.kind != TFO)
        return self if kept == self.options else replace(self, options=kept)

    def with_fast_open(self, cookie: bytes = b"") -> Behaviour:
        """Ask for a Fast Open cookie, or use one (RFC 7413 §4.1.1). Raises ValueError when no room is left for it."""
        options = (*self.without_fast_open().options, Option(TFO, cookie))
        check_room(options)
        return replace(self, options=options)

    def syn_options(self, mss: int, tsval: int, tsecr: int = 0) -> Options:
        """The options of a SYN or SYN-ACK: `mss` of the path in bytes, timestamps as in RFC 7323 §3.2."""
        filled = {Filled.MSS: Option(MSS, mss.to_bytes(2)), Filled.TIMESTAMPS: timestamps(tsval, tsecr)}
        return Options(tuple(filled[item] if isinstance(item, Filled) else item for item in self.options))


MOST_OPTION_BYTES = 40
"""Room for options: the data offset reaches 15 words, 20 bytes are the fixed header (RFC 9293 §3.1)."""


def check_room(items: tuple[Item, ...]) -> None:
    """Raise ValueError when these options do not fit into a TCP header."""
    sizes = {Filled.MSS: 4, Filled.TIMESTAMPS: 10}
    size = sum(
        sizes[item] if isinstance(item, Filled) else 1 if item.kind <= NOP else 2 + len(item.data) for item in items
    )
    if size > MOST_OPTION_BYTES:
        raise ValueError(f"these options take {size} bytes; a TCP header has room for {MOST_OPTION_BYTES}")


_NOP, _SACK, _EOL = Option(NOP, b""), Option(SACK_PERMITTED, b""), Option(0, b"")

PROFILES = {
    "linux": Behaviour(),
    "windows": Behaviour(options=(Filled.MSS, _NOP, Option(WSCALE, b"\x08"), _NOP, _NOP, _SACK), window=64240, ttl=128),
    "macos": Behaviour(
        options=(Filled.MSS, _NOP, Option(WSCALE, b"\x06"), _NOP, _NOP, Filled.TIMESTAMPS, _SACK, _EOL, _EOL),
        window=65535,
        ttl=64,
    ),
    "bare": Behaviour(options=(), window=65535),
}
"""SYNs of current systems as they come from the factory: Linux 6, Windows 10 and 11, macOS 11 and later; and one
without any option, as in RFC 793."""
