"""TCP options as they stood on the wire, in wire order, with named access to the known ones.

Kinds: IANA "TCP Option Kind Numbers". MSS RFC 9293 §3.7.1, window scale and timestamps RFC 7323,
SACK RFC 2018, MD5 RFC 2385, TCP-AO RFC 5925, TFO RFC 7413, MPTCP RFC 8684, AccECN RFC 9768.
"""

from __future__ import annotations

from typing import NamedTuple

from handshake.model.record import dataclass

EOL, NOP, MSS, WSCALE, SACK_PERMITTED, SACK, TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
MD5, USER_TIMEOUT, AO, MPTCP, TFO, ENO = 19, 28, 29, 30, 34, 69
ACCECN0, ACCECN1, EXP1, EXP2 = 172, 174, 253, 254

OPTION_NAMES = {
    EOL: "eol", NOP: "nop", MSS: "mss", WSCALE: "wscale", SACK_PERMITTED: "sack-permitted", SACK: "sack",
    6: "echo", 7: "echo-reply", TIMESTAMPS: "timestamps", 9: "poc-permitted", 10: "poc-profile",
    11: "cc", 12: "cc-new", 13: "cc-echo", 14: "alt-checksum", 15: "alt-checksum-data", MD5: "md5",
    20: "scps", 27: "quick-start", USER_TIMEOUT: "user-timeout", AO: "ao", MPTCP: "mptcp", TFO: "tfo",
    ENO: "eno", ACCECN0: "accecn0", ACCECN1: "accecn1", EXP1: "exp1", EXP2: "exp2",
}  # fmt: skip

_TFO_MAGIC = b"\xf9\x89"  # RFC 6994 ExID of experimental Fast Open


class Option(NamedTuple):
    """One option: its kind and its body without the kind and length bytes."""

    kind: int
    data: bytes

    @property
    def name(self) -> str:
        """The field's usual name, or `kind-N` for one not known here."""
        return OPTION_NAMES.get(self.kind, f"kind-{self.kind}")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one segment, in wire order (EOL and NOP included)."""

    items: tuple[Option, ...] = ()
    fault: str | None = None
    """Why reading the options stopped early, in words; None when all was well."""
    cut: bool = False
    """The capture (or a fragment's end) cuts the options; what follows the cut is unknown, not wrong."""

    def body(self, kind: int, length: int | None = None) -> bytes | None:
        """Body of the first option of this kind (and body length, if given); None if absent."""
        for known, data in self.items:
            if known == kind and (length is None or len(data) == length):
                return data
        return None

    def _number(self, kind: int, length: int) -> int | None:
        body = self.body(kind, length)
        return None if body is None else int.from_bytes(body)

    @property
    def mss(self) -> int | None:
        """Announced maximum segment size, bytes."""
        return self._number(MSS, 2)

    @property
    def wscale_shift(self) -> int | None:
        """Announced window scale as sent; above 14 it counts as 14 (RFC 7323 §2.3)."""
        return self._number(WSCALE, 1)

    @property
    def sack_permitted(self) -> bool:
        """SACK-permitted is present."""
        return self.body(SACK_PERMITTED, 0) is not None

    @property
    def tsval(self) -> int | None:
        """Timestamp value."""
        body = self.body(TIMESTAMPS, 8)
        return None if body is None else int.from_bytes(body[:4])

    @property
    def tsecr(self) -> int | None:
        """Timestamp echo reply, as sent (meaningful only with ACK, RFC 7323 §3.2)."""
        body = self.body(TIMESTAMPS, 8)
        return None if body is None else int.from_bytes(body[4:])

    @property
    def tfo_cookie(self) -> bytes | None:
        """Fast Open cookie; empty for a cookie request; None without the option (RFC 7413 §4.1.1)."""
        body = self.body(TFO)
        if body is None:
            experimental = self.body(EXP2)
            if experimental is not None and experimental[:2] == _TFO_MAGIC:
                body = experimental[2:]
        return body

    @property
    def mptcp_subtypes(self) -> tuple[int, ...]:
        """Subtypes of the MPTCP options: 0 MP_CAPABLE, 1 MP_JOIN, 2 DSS … (RFC 8684 §8)."""
        return tuple([data[0] >> 4 for kind, data in self.items if kind == MPTCP and data])

    @property
    def md5(self) -> bool:
        """An MD5 signature is present (RFC 2385)."""
        return self.body(MD5) is not None

    @property
    def ao(self) -> bool:
        """A TCP-AO option is present (RFC 5925)."""
        return self.body(AO) is not None

    @property
    def accecn(self) -> bool:
        """An AccECN byte-counter option is present (RFC 9768 §3.2.3)."""
        return self.body(ACCECN0) is not None or self.body(ACCECN1) is not None


NO_OPTIONS = Options()
