"""Dialogues for tests: what is said is written down once and may be heard in any pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from handshake.app.dialogue import Dialogue
from handshake.model.application import Application
from handshake.model.handshake import Side

CLIENT, SERVER = Side.CLIENT, Side.SERVER
Said = tuple[Side, bytes]


def script(*turns: str | bytes) -> list[Said]:
    r"""Turns as `> GET …` from the client and `< 200 …` from the server; a text ends with CRLF, bytes as they are."""
    said: list[Said] = []
    for turn in turns:
        side = CLIENT if turn[:1] in (">", b">") else SERVER
        said.append((side, turn[2:] if isinstance(turn, bytes) else turn[2:].encode() + b"\r\n"))
    return said


def pieces(said: Iterable[Said], size: int) -> Iterator[Said]:
    """The same in pieces of at most `size` bytes."""
    for side, data in said:
        for at in range(0, len(data), size):
            yield side, data[at : at + size]


def heard(dialogue: Dialogue, said: Iterable[Said]) -> Application:
    """What a dialogue makes of it; the n-th piece comes at n ms."""
    for number, (side, data) in enumerate(said):
        if not dialogue.done:
            dialogue.feed(side, data, number * 1_000_000)
    return dialogue.application()


def texts(application: Application) -> list[str]:
    """The lines, with the direction in front and the note behind."""
    return [
        f"{'>' if line.sender is CLIENT else '<'} {line.text}{f' ({line.note})' * bool(line.note)}"
        for line in application.lines
    ]
