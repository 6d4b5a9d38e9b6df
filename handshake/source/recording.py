"""Captures that are parts of one recording, one after the other: their frames are numbered through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from handshake.model.packet import Frame
from handshake.model.report import SourceInfo
from handshake.source.capture import Capture

MOST_PARTS = 256
"""Parts that may be open at once."""


class Recording:
    """An iterator over the frames of open captures, of which nothing was read yet; often it is but one."""

    def __init__(self, parts: Sequence[Capture]) -> None:
        self.parts = parts
        self._begun = 0

    @property
    def name(self) -> str:
        """That of its first part."""
        return self.parts[0].name

    @property
    def frames(self) -> int:
        """Frames read so far."""
        return sum(part.frames for part in self.parts)

    @property
    def share(self) -> float | None:
        """How much of it was read, where it is read in windows; None for a pipe."""
        shares = [part.share for part in self.parts]
        known = [share for share in shares if share is not None]
        return sum(known) / len(shares) if len(known) == len(shares) else None

    def info(self) -> tuple[SourceInfo, ...]:
        """What there is to say of each part that was begun."""
        return tuple(part.info() for part in self.parts[: self._begun])

    def in_turn(self) -> Iterator[Capture]:
        """The parts; each is begun as its turn comes."""
        for part in self.parts:
            self._begun += 1
            yield part

    def __iter__(self) -> Iterator[Frame]:
        before = 0
        for part in self.in_turn():
            for frame in part:
                yield replace(frame, number=before + frame.number) if before else frame
            before += part.frames

    def rewind(self) -> None:
        """Begin anew, for the last time: with captures that were opened to be read again."""
        self._begun = 0
        for part in self.parts:
            part.rewind()
