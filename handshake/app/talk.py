"""The talk on one connection: its bytes put in order, the protocol recognised by its first words, and followed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from handshake.app.first import recognised
from handshake.app.stream import InOrder, Part
from handshake.model import seq
from handshake.model.handshake import Side
from handshake.model.packet import FIN, SYN, Segment

if TYPE_CHECKING:
    from handshake.app.dialogue import Dialogue
    from handshake.model.application import Application

_FIRST_WORDS = 64
"""Bytes of one side after which a protocol that is still not recognised never will be."""


class Talk:
    """Both directions of one connection. It costs nothing once it is done."""

    __slots__ = ("_dialogue", "_heard", "_secrets", "_streams", "done")

    def __init__(self, *, secrets: bool = False) -> None:
        self._secrets = secrets
        self._streams: dict[Side, InOrder] = {}
        self._heard: list[tuple[Side, bytes, int]] = []
        """What was said before the protocol was recognised."""
        self._dialogue: Dialogue | None = None
        self.done = False

    def hear(self, sender: Side, segment: Segment, payload: bytes) -> None:
        """One acceptable segment of the connection, with what was captured of its payload."""
        start = seq.add(segment.seq, segment.flags >> 1 & 1)  # a SYN counts as one, before the data
        heard = self._streams.get(sender.other)
        if heard is not None and segment.ack is not None:
            self._pass_on(sender.other, heard.acknowledged(segment.ack), segment)
        if segment.payload_len or segment.flags & SYN:
            stream = self._streams.setdefault(sender, InOrder(start))
        if segment.payload_len:
            self._pass_on(sender, stream.take(start, payload, segment.payload_len), segment)
        if segment.flags & FIN and self._dialogue is not None and not self.done:
            self._dialogue.end(sender, segment.time_ns)

    @property
    def without_http(self) -> bool:
        """Whatever is still to be said, it is no HTTP."""
        return self.done or not (self._dialogue is None or self._dialogue.protocol == "HTTP")

    def application(self) -> Application | None:
        """What was said; None when no protocol was recognised."""
        return self._dialogue.application() if self._dialogue is not None else None

    def _pass_on(self, sender: Side, parts: Iterator[Part], segment: Segment) -> None:
        for part in parts:
            if self.done:
                return
            if isinstance(part, int):
                if self._dialogue is not None:
                    self._dialogue.gap(sender, part, segment.time_ns)
                else:
                    self.done = bool(self._heard)  # at most the first words of all may be missing
            elif self._dialogue is not None:
                self._dialogue.feed(sender, part, segment.time_ns)
            else:
                self._recognise(sender, part, segment)
            self.done = self.done or (self._dialogue is not None and self._dialogue.done)
        if self.done:
            self._streams.clear()
            self._heard.clear()

    def _recognise(self, sender: Side, data: bytes, segment: Segment) -> None:
        self._heard.append((sender, data, segment.time_ns))
        said = b"".join(data for side, data, _ in self._heard if side is sender)
        server_port = segment.dst.port if sender is Side.CLIENT else segment.src.port
        kind = recognised(sender, said, server_port)
        if kind is None and (kind := recognised(sender, data, server_port)):
            # captured from its middle, which a keep-alive's byte or the end of a body stands for
            self._heard = [(sender, data, segment.time_ns)]
        if kind is not None:
            self._dialogue = kind(secrets=self._secrets)
            for side, heard, time_ns in self._heard:
                if not self._dialogue.done:
                    self._dialogue.feed(side, heard, time_ns)
        elif len(said) > _FIRST_WORDS:
            self.done = True
