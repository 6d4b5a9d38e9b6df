"""UDP exchanges: datagrams between two endpoints, where only a reply or an ICMP error tells anything."""

from __future__ import annotations

from handshake.app.dns import PORTS, Lookups
from handshake.model.address import Endpoint
from handshake.model.handshake import Exchange
from handshake.model.packet import Datagram, IcmpError, Tags


class OpenExchange:
    """A UDP exchange that is still growing."""

    __slots__ = ("_lookups", "counts", "end_ns", "first", "first_reply_ns", "icmp", "number", "payload", "reply_way")

    def __init__(self, number: int, first: Datagram) -> None:
        self.number = number
        self.first = first
        self.end_ns = first.time_ns
        self.counts = [0, 0]
        self.payload = [0, 0]
        self.first_reply_ns: int | None = None
        self.icmp: IcmpError | None = None
        self._lookups = Lookups(first.dst) if first.dst.port in PORTS else None
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

    def feed(self, datagram: Datagram, payload: bytes = b"") -> None:
        """Count one datagram of this exchange; questions and answers of DNS are kept."""
        reply = datagram.src != self.first.src
        self.counts[reply] += 1
        self.payload[reply] += datagram.payload_len
        self.end_ns = datagram.time_ns
        if self._lookups is not None:
            (self._lookups.answer if reply else self._lookups.question)(payload, datagram.time_ns)
        if reply and self.counts[1] == 1 and datagram.time_ns >= self.first.time_ns:
            self.first_reply_ns = datagram.time_ns - self.first.time_ns

    def feed_icmp(self, error: IcmpError) -> None:
        """Note the first ICMP error that quotes a datagram of this exchange."""
        if self.icmp is None:
            self.icmp = error

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
            tags=self.first.tags,
            source=source,
        )
