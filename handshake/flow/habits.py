"""What an end keeps doing from segment to segment, and when it changes: TTL, timestamps, signatures, window.

Most segments are folded into counts (`flow.timeline`), so these facts are marked while segments are judged, the
first time on each side only. This runs for every segment: it has to be cheap.
"""

from __future__ import annotations

from handshake.model import seq
from handshake.model.handshake import Mark
from handshake.model.options import AO, MD5, NOP, SACK, SACK_PERMITTED, TIMESTAMPS
from handshake.model.packet import FIN, RST, SYN, Segment

_TTLS_KEPT = 8

_FAR_SACK = 1 << 26
"""A SACK block further than this from its own segment's acknowledgment number is about other numbers."""

Kinds = frozenset[int]


def agreed(one: Segment | None, other: Segment | None) -> Kinds | None:
    """Kinds of the options that both SYNs carry; None where one of them was not captured whole."""
    if one is None or other is None or not (_whole(one) and _whole(other)):
        return None
    here, there = ({item.kind for item in syn.options.items} for syn in (one, other))
    return frozenset(here & there)


def _whole(segment: Segment) -> bool:
    """Its options could be read to their end."""
    return not (segment.options.cut or segment.options.fault or segment.faults)


class Habits:
    """What one end has done so far."""

    __slots__ = ("_shut", "_told", "_ttl", "_ttls", "agreed", "signed", "tsval", "wnd")

    def __init__(self) -> None:
        self.agreed: Kinds | None = None
        """Options that both ends' SYNs carried, once the handshake is complete."""
        self.tsval: int | None = None
        """Its latest timestamp on something new: not on a copy, nor on a bare ACK, which may be out of order."""
        self.signed: int | None = None
        """The kind of signature of its first segment, 0 for none."""
        self.wnd: int | None = None
        """The window it announced last, unscaled."""
        self._shut = False
        """Its SYN or SYN-ACK announced a window of zero."""
        self._ttl: int | None = None
        self._ttls: tuple[int, ...] = ()
        """TTLs of its segments, RSTs aside. Bounded."""
        self._told: frozenset[Mark] = frozenset()

    def changes(self, segment: Segment, snd_nxt: int | None, fits: bool) -> list[Mark]:
        """What this segment of the end does otherwise than before, each only once.

        `snd_nxt` is the end of the highest number that it sent before. Of a segment that does not fit the connection
        only the TTL counts: somebody else may have made it up.
        """
        found: list[Mark] = []
        if not segment.flags & RST:
            if segment.ttl != self._ttl:
                found += self._other_ttl(segment.ttl)
            if fits:
                if segment.wnd == 0 or self.wnd == 0:
                    found += self._window(segment)
                self.wnd = segment.wnd
        if fits:
            found += self._options(segment, snd_nxt)
        return self._news(found) if found else found

    def _options(self, segment: Segment, snd_nxt: int | None) -> list[Mark]:
        found: list[Mark] = []
        signed = 0
        clock = None
        for kind, body in segment.options.items:
            if kind == NOP:
                continue
            if kind == TIMESTAMPS:
                clock = body
            elif kind == SACK:
                found += self._sack(segment, body)
            elif kind in (MD5, AO):
                signed |= kind
        if signed != self.signed:
            if self.signed is None:
                self.signed = signed
            elif _whole(segment):
                found.append(Mark.SIGNATURE_CHANGED)
        if self.agreed is not None and (clock is not None) != (TIMESTAMPS in self.agreed):
            found += self._unagreed(segment, clock)
        if clock is not None and (segment.payload_len or segment.flags & (SYN | FIN)):
            found += self._clock(segment, clock, snd_nxt)
        return found

    def _news(self, found: list[Mark]) -> list[Mark]:
        news = [mark for mark in dict.fromkeys(found) if mark not in self._told]
        self._told = self._told.union(news)
        return news

    def _window(self, segment: Segment) -> list[Mark]:
        if segment.flags & SYN:
            self._shut = not segment.wnd
        return [Mark.WINDOW_OPENED] if self._shut and segment.wnd else []

    def _other_ttl(self, ttl: int) -> list[Mark]:
        known, first = ttl in self._ttls, not self._ttls
        self._ttl = ttl
        if not known and len(self._ttls) < _TTLS_KEPT:
            self._ttls = (*self._ttls, ttl)
        return [] if known or first else [Mark.TTL_CHANGED]

    def _sack(self, segment: Segment, body: bytes) -> list[Mark]:
        """What is wrong with SACK blocks: not agreed on, or about numbers of another numbering (RFC 2018 §3)."""
        found = []
        if self.agreed is not None and SACK_PERMITTED not in self.agreed:
            found.append(Mark.OPTION_UNAGREED)
        ack = segment.ack
        edges = [int.from_bytes(body[at : at + 4]) for at in range(0, len(body) - 3, 4)]
        if ack is not None and any(abs(seq.distance(ack, edge)) > _FAR_SACK for edge in edges):
            found.append(Mark.SACK_FAR)
        return found

    def _unagreed(self, segment: Segment, clock: bytes | None) -> list[Mark]:
        """Timestamps against what was agreed on: on every segment but a RST, or on none (RFC 7323 §3.2)."""
        if segment.flags & (RST | SYN) or not _whole(segment):
            return []
        return [Mark.TIMESTAMP_MISSING if clock is None else Mark.OPTION_UNAGREED]

    def _clock(self, segment: Segment, clock: bytes, snd_nxt: int | None) -> list[Mark]:
        """Timestamps of new numbers never go back (RFC 7323 §5.3); 0 before is a clock that was not started."""
        new = segment.seq == snd_nxt or snd_nxt is None or seq.less_equal(snd_nxt, segment.seq)
        if not new and not segment.flags & SYN:
            return []
        before, self.tsval = self.tsval, int.from_bytes(clock[:4])
        return [Mark.TIMESTAMP_BACK] if before and seq.distance(before, self.tsval) < 0 else []
