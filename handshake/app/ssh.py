"""SSH (RFC 4253 §4.2): the two identification strings; everything behind them is a key exchange and encrypted."""

from __future__ import annotations

from handshake.app.dialogue import Dialogue, LineBuffer
from handshake.model.handshake import Side


class Ssh(Dialogue):
    """Both sides' identification."""

    protocol = "SSH"

    def __init__(self, *, secrets: bool = False) -> None:
        super().__init__(secrets=secrets)
        self._buffers = {Side.CLIENT: LineBuffer(), Side.SERVER: LineBuffer()}
        self._said: set[Side] = set()

    def feed(self, sender: Side, data: bytes, time_ns: int) -> None:
        """As `Dialogue.feed`."""
        if sender in self._said:
            return
        self._buffers[sender].add(data)
        while sender not in self._said and (line := self._buffers[sender].line()) is not None:
            if line.startswith("SSH-"):
                self._said.add(sender)
                self.say(sender, line, time_ns, "names its version and software")
        if self._buffers[sender].overflown:
            self.stop("no identification within 64 KiB")
        self.done = self.done or len(self._said) == 2

    def gap(self, sender: Side, size: int, time_ns: int) -> None:
        """As `Dialogue.gap`."""
        if sender not in self._said:
            super().gap(sender, size, time_ns)
