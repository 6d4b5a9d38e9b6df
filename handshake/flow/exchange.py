"""UDP exchanges: datagrams between two endpoints, where only a reply or an ICMP error tells anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.app.dns import Lookups, answer_words
from handshake.app.first import DNS_PORTS
from handshake.app.quic import Quic, begun
from handshake.model.handshake import Exchange
from handshake.model.packet import Datagram, IcmpError, Tags

if TYPE_CHECKING:
    from handshake.model.address import Endpoint

MOST_KEPT = 50
"""Datagrams of one exchange whose times and sizes are kept."""
_TRIES = 3
"""Datagrams of the client in which the beginning of QUIC is looked for."""


class OpenExchange:
    """A UDP exchange that is still growing."""

    __slots__ = (
        "_lookups",
        "_quic",
        "_said",
        "counts",
        "end_ns",
        "first",
        "first_reply_ns",
        "icmp",
        "kept",
        "number",
        "payload",
        "reply_way",
    )

    def __init__(self, number: int, first: Datagram) -> None:
        self.number = number
        self.first = first
        self.end_ns = first.time_ns
        self.counts = [0, 0]
        self.payload = [0, 0]
        self.first_reply_ns: int | None = None
        self.icmp: IcmpError | None = None
        self.kept: list[tuple[Datagram | IcmpError, str]] = []
        """The first datagrams and ICMP errors, and what is in them in words."""
        self._said: set[tuple[bool, int]] = set()
        """Hashes of the payloads kept, by direction: the same bytes again show."""
        self._lookups = Lookups(first.dst) if first.dst.port in DNS_PORTS else None
        self._quic: Quic | None = None
        self.reply_way: tuple[Endpoint, Endpoint, Tags] | None = None
        """(source, destination, tags) of the replies where they come in another VLAN or tunnel."""

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        """(client, server)."""
        return self.first.src, self.first.dst

    @property
    def key(self) -> tuple[Endpoint, Endpoint, Tags]:
        """(client, server, tags)."""
        return *self.ends, self.first.tags

    def awaits(self, datagram: Datagram) -> bool:
        """Whether this may be its first reply, in other tags of the same kinds."""
        kinds = [tag.kind for tag in self.first.tags]
        return not self.counts[True] and datagram.src != self.first.src and kinds == [t.kind for t in datagram.tags]

    def feed(self, datagram: Datagram, payload: bytes = b"", *, keep: bool = True) -> None:
        """Count one datagram of this exchange; without `keep` it leaves no row on the timeline."""
        reply = datagram.src != self.first.src
        self.counts[reply] += 1
        self.payload[reply] += datagram.payload_len
        self.end_ns = datagram.time_ns
        words = self._hear(payload, datagram.time_ns, reply)
        if keep and len(self.kept) < MOST_KEPT:
            self.kept.append((datagram, words or self._again(payload, reply)))
        if reply and self.counts[1] == 1 and datagram.time_ns >= self.first.time_ns:
            self.first_reply_ns = datagram.time_ns - self.first.time_ns

    def _hear(self, payload: bytes, time_ns: int, reply: bool) -> str:
        """What a datagram says, in words; questions and answers of DNS, and headers of QUIC, are kept."""
        if self._lookups is not None:
            return _dns_words(self._lookups, payload, time_ns, reply)
        if self._quic is None and not reply and self.counts[0] <= _TRIES:
            self._quic = begun(payload, time_ns)
        return "" if self._quic is None else self._quic.hear(payload, time_ns, reply=reply)

    def _again(self, payload: bytes, reply: bool) -> str:
        said = reply, hash(payload)
        again = bool(payload) and said in self._said
        self._said.add(said)
        return "the same bytes again" if again else ""

    def feed_icmp(self, error: IcmpError) -> None:
        """Note an ICMP error that quotes a datagram of this exchange."""
        if self.icmp is None:
            self.icmp = error
        if 2 * (len(self.kept) - self.datagrams_kept) < len(self.kept) < MOST_KEPT:
            self.kept.append((error, ""))

    @property
    def datagrams_kept(self) -> int:
        """Rows of the timeline that are no ICMP errors; of these there are no more than of datagrams."""
        return sum(isinstance(packet, Datagram) for packet, _ in self.kept)

    def conclude(self, source: str) -> Exchange:
        """The exchange as plain data."""
        requests, replies = self.counts
        request_bytes, reply_bytes = self.payload
        return Exchange(
            number=self.number,
            client=self.first.src,
            server=self.first.dst,
            start_ns=self.first.time_ns,
            end_ns=self.end_ns,
            requests=requests,
            replies=replies,
            request_bytes=request_bytes,
            reply_bytes=reply_bytes,
            first_reply_ns=self.first_reply_ns,
            icmp=self.icmp,
            lookups=self._lookups.all() if self._lookups else (),
            quic=self._quic.handshake() if self._quic else None,
            tags=self.first.tags,
            source=source,
            datagrams=tuple(packet for packet, _ in self.kept),
            notes=tuple(words for _, words in self.kept),
        )


def _dns_words(lookups: Lookups, payload: bytes, time_ns: int, reply: bool) -> str:
    if not reply:
        asked = lookups.question(payload, time_ns)
        if asked is None:
            return ""
        again = " · asked again" if len(asked.sent_ns) > 1 else ""
        return f"DNS {asked.kind_name} {asked.name}?{again}"
    answered = lookups.answer(payload, time_ns)
    return f"DNS {answer_words(answered[1])}" if answered else ""
