"""What every protocol has in common: text in lines, a bounded record of what was said, and when it has seen enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handshake.model.application import MOST_LINES, Application, Line

if TYPE_CHECKING:
    from handshake.model.handshake import Side

MOST_TEXT = 300
"""Characters of one line that are kept."""
SECRET = "(not shown)"
"""In place of passwords and alike."""


class Dialogue:
    """Follows one connection. Subclasses override `feed`; `done` ends the work, and the reassembly with it."""

    protocol = ""

    def __init__(self, *, secrets: bool = False) -> None:
        self.secrets = secrets
        """Keep passwords."""
        self.done = False
        self.fault: str | None = None
        self._lines: list[Line] = []
        self._omitted = 0

    def feed(self, sender: Side, data: bytes, time_ns: int) -> None:
        """The next bytes of one side."""
        raise NotImplementedError

    def gap(self, sender: Side, size: int, time_ns: int) -> None:
        """Bytes of one side were not captured. Most protocols cannot go on from there."""
        self.stop(f"{size:,} bytes of the {sender.value} were not captured")

    def end(self, sender: Side, time_ns: int) -> None:
        """One side has closed its direction."""

    def stop(self, fault: str) -> None:
        """Follow it no further, and say why."""
        self.fault = self.fault or fault
        self.done = True

    def say(self, sender: Side, text: str, time_ns: int, note: str = "") -> None:
        """Record a line."""
        if len(self._lines) < MOST_LINES:
            self._lines.append(Line(time_ns, sender, shortened(text), note))
        else:
            self._omitted += 1

    def application(self) -> Application:
        """The dialogue so far."""
        return Application(self.protocol, tuple(self._lines), self._omitted, fault=self.fault)


class LineBuffer:
    """Text lines of one side, cut at LF; bounded."""

    MOST = 1 << 16

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0

    def add(self, data: bytes) -> None:
        """Append bytes; more than `MOST` without a line end are not kept."""
        self._buffer += data[: max(self.MOST - len(self._buffer), 0)] if b"\n" not in data else data

    @property
    def overflown(self) -> bool:
        """No line ends within the room there is."""
        return len(self._buffer) >= self.MOST and b"\n" not in self._buffer

    def line(self) -> str | None:
        """The next line without its end, None when it is not complete."""
        end = self._buffer.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = bytes(self._buffer[:end]).removesuffix(b"\r")
        del self._buffer[: end + 1]
        self._searched = 0
        return text_of(line)

    def bytes_left(self) -> bytes:
        """Take everything that is not yet a line."""
        left = bytes(self._buffer)
        self._buffer.clear()
        self._searched = 0
        return left


def text_of(data: bytes) -> str:
    r"""Bytes as text: UTF-8, and `\xff` for what is none."""
    return data.decode("utf-8", "backslashreplace")


def shortened(text: str) -> str:
    """At most `MOST_TEXT` characters."""
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"
