"""The little of DNS (RFC 1035) that a probe asks and shows: one question, its answer, its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.record import dataclass

if TYPE_CHECKING:
    from handshake.model.address import Endpoint

A, NS, CNAME, SOA, PTR, MX, TXT, AAAA = 1, 2, 5, 6, 12, 15, 16, 28
TYPE_NAMES = {A: "A", NS: "NS", CNAME: "CNAME", SOA: "SOA", PTR: "PTR", MX: "MX", TXT: "TXT", AAAA: "AAAA"}

NXDOMAIN = 3
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", NXDOMAIN: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}
"""Response codes (RFC 1035 §4.1.1, RFC 2136 §2.2 for the names)."""


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """One resource record of an answer."""

    name: str
    """Owner, lower case, without the last dot."""
    kind: int
    ttl_s: int
    """How long it may be kept, seconds."""
    data: bytes
    """Its data as on the wire: 4 or 16 bytes of an address."""
    value: str
    """The data in words: an address, a name, or the number of its bytes."""

    @property
    def kind_name(self) -> str:
        """`A`, `AAAA`, `CNAME` …, or `TYPE65`."""
        return TYPE_NAMES.get(self.kind, f"TYPE{self.kind}")


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """A response, as far as it could be read."""

    id: int
    name: str
    """The question's name, lower case, without the last dot."""
    kind: int
    rcode: int
    truncated: bool
    """TC: the whole answer is to be had over TCP (RFC 7766)."""
    records: tuple[DnsRecord, ...]
    """Answer section, in the order sent."""
    fault: str | None = None
    """Why reading stopped early; what was good before it is in `records`."""

    @property
    def rcode_name(self) -> str:
        """`NOERROR`, `NXDOMAIN` …, or `RCODE9`."""
        return RCODES.get(self.rcode, f"RCODE{self.rcode}")


@dataclass(frozen=True, slots=True)
class Lookup:
    """One question to a name server and what came of it."""

    server: Endpoint
    name: str
    kind: int
    sent_ns: tuple[int, ...]
    """When each copy of the question was sent, ns since the epoch."""
    answered_ns: int | None = None
    """When the kernel received the answer; None without one."""
    answer: DnsAnswer | None = None
    ignored: int = 0
    """Datagrams of the server that did not fit the question (another id or name)."""

    @property
    def kind_name(self) -> str:
        """`A`, `AAAA` …, as in `DnsRecord`."""
        return TYPE_NAMES.get(self.kind, f"TYPE{self.kind}")

    @property
    def took_ns(self) -> int | None:
        """First copy of the question to the answer, ns."""
        return None if self.answered_ns is None else self.answered_ns - self.sent_ns[0]
