"""The words in which a wire is told what to do, in scenario files and on the command line alike.

    drop FRAMES                          drop SYN 1 · drop SYN-ACK · drop client udp every 3 · drop data 10% seed 7
    delay TIME [FRAMES]                  delay 20ms · delay 80ms server · delay 300ms SYN-ACK 1
    duplicate FRAMES                     duplicate client data 2
    hold FRAMES behind N                 hold client data 1 behind 1
    clamp mss N [FRAMES]                 clamp mss 536
    strip OPTION[,OPTION…] [FRAMES]      strip wscale · strip sack,timestamps client
    ttl N [FRAMES], ttl -N [FRAMES]      ttl 3 client · ttl -5
    icmp ERROR [mtu N] FRAMES            icmp port-unreachable SYN 1 · icmp too-big mtu 1000 client data 1
    rate N[k|m]bit [FRAMES]              rate 500kbit

FRAMES are named by where they come from (`client`, `server`; without: both), what they are (`SYN`, `SYN-ACK`, `ACK`
without data, `FIN`, `RST`, `data`, `tcp`, `udp`, `icmp`, `any`), a port at either end (`port 53`), and which of them,
counted from 1 along the wire: `2`, `1,3`, `2-4`, `every 3`, `10%` (each by chance, the same in every run; `seed N`
for another run), `*` (all; so it is without). Rules apply one after the other; delays add up.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from random import Random

from handshake.errors import HandshakeError
from handshake.lab import effects
from handshake.lab.effects import Effect, Passage
from handshake.lab.rewrite import ICMP_ERRORS
from handshake.model import options
from handshake.model.packet import ACK, FIN, RST, SYN, Datagram, IcmpError, Packet, Segment
from handshake.model.record import dataclass


class RuleError(HandshakeError):
    """A rule of a wire cannot be understood."""

    exit_status = 2


@dataclass(frozen=True, slots=True)
class Frames:
    """Which frames a rule is about."""

    sides: frozenset[bool]
    """True the client's, False the server's."""
    kind: Callable[[Packet], bool]
    port: int | None
    chosen: Callable[[int], bool]
    """Whether the n-th of them is meant."""

    def named(self, packet: Packet, from_client: bool) -> bool:
        """Whether a frame is one of these, before any is chosen by number."""
        return from_client in self.sides and self.kind(packet) and (self.port is None or self.port in _ports(packet))


@dataclass(slots=True)
class _Rule:
    """An effect, the frames it is for, and how many of these have passed."""

    effect: Effect
    frames: Frames
    passed: int = 0

    def meant(self, packet: Packet, from_client: bool) -> bool:
        """Count the frame if it is one of these, and tell whether it is among the chosen."""
        if not self.frames.named(packet, from_client):
            return False
        self.passed += 1
        return self.frames.chosen(self.passed)


class Rules:
    """The rules of one wire, with what they have counted so far."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Read rules as they are written above. Raises RuleError."""
        self._rules = [_Rule(*_read(text)) for text in texts]

    def apply(self, packet: Packet, passage: Passage) -> tuple[Passage, ...]:
        """What becomes of a frame, which was decoded as `packet`. Rules see each frame as it came in."""
        passages: tuple[Passage, ...] = (passage,)
        for rule in self._rules:
            meant = rule.meant(packet, passage.from_client)  # counted in any case, also when it is lost by now
            if meant and passages and not passages[0].back:
                passages = tuple(each for one in passages for each in rule.effect(one))
        return passages


def _segment(test: Callable[[Segment], bool]) -> Callable[[Packet], bool]:
    return lambda packet: isinstance(packet.transport, Segment) and test(packet.transport)


def _flags(wanted: int, unwanted: int = 0) -> Callable[[Packet], bool]:
    return _segment(lambda segment: segment.flags & (wanted | unwanted) == wanted)


_KINDS: dict[str, Callable[[Packet], bool]] = {
    "SYN": _flags(SYN, ACK | RST),
    "SYN-ACK": _flags(SYN | ACK, RST),
    "ACK": _segment(lambda segment: segment.flags & (SYN | FIN | RST | ACK) == ACK and not segment.payload_len),
    "FIN": _flags(FIN),
    "RST": _flags(RST),
    "DATA": _segment(lambda segment: segment.payload_len > 0),
    "TCP": lambda packet: isinstance(packet.transport, Segment),
    "UDP": lambda packet: isinstance(packet.transport, Datagram),
    "ICMP": lambda packet: isinstance(packet.transport, IcmpError),
    "ANY": lambda _: True,
}
_OPTIONS = {
    "mss": {options.MSS},
    "wscale": {options.WSCALE},
    "sack": {options.SACK_PERMITTED, options.SACK},
    "timestamps": {options.TIMESTAMPS},
    "tfo": {options.TFO},
    "mptcp": {options.MPTCP},
    "md5": {options.MD5},
    "accecn": {options.ACCECN0, options.ACCECN1},
}
_UNITS_NS = {"ms": 10**6, "us": 10**3, "s": 10**9}
_RATES = {"": 1, "k": 10**3, "m": 10**6}


def _ports(packet: Packet) -> tuple[int, ...]:
    ends = packet.transport
    return () if ends is None else (ends.src.port, ends.dst.port)


def _read(text: str) -> tuple[Effect, Frames]:
    words = text.split()
    try:
        return _EFFECTS[_take(words, "a rule", _EFFECTS)](words)
    except ValueError as error:
        raise RuleError(f"wire rule {text!r}: {error}") from None


def _take(words: list[str], what: str, known: Iterable[str] = ()) -> str:
    """The next word, which is one of `known` if these are given."""
    choices = f", one of {', '.join(known)}" if known else ""
    if not words:
        raise ValueError(f"{what} is missing at the end{choices}")
    word = words.pop(0)
    if known and word not in known:
        raise ValueError(f"{word!r} is not {what}{choices}")
    return word


def _number(words: list[str], what: str, pattern: str = r"(\d+)", most: int = 65535) -> re.Match[str]:
    word = _take(words, what)
    match = re.fullmatch(pattern, word)
    if not match or float(match[1]) > most:
        raise ValueError(f"{word!r} is not {what}")
    return match


def _frames(words: list[str], *, needed: bool = False) -> Frames:
    """The frames that the remaining words name."""
    if needed and not words:
        raise ValueError("which frames? for instance SYN 1, client data 2, udp every 3, or any")
    sides, kind, port = frozenset((True, False)), _KINDS["ANY"], None
    if words and words[0] in ("client", "server"):
        sides = frozenset({words.pop(0) == "client"})
    if words and words[0].upper() in _KINDS:
        kind = _KINDS[words.pop(0).upper()]
    if words and words[0] == "port":
        words.pop(0)
        port = int(_number(words, "a port")[1])
    return Frames(sides, kind, port, _chosen(words))


def _chosen(words: list[str]) -> Callable[[int], bool]:
    if not words:
        return lambda _: True
    word = words.pop(0)
    if word == "every":
        step = int(_number(words, "a number", r"([1-9]\d*)")[1])
        chosen: Callable[[int], bool] = lambda number: number % step == 0  # noqa: E731
    elif match := re.fullmatch(r"(\d+(?:\.\d+)?)%", word):
        seed = int(_number(words, "a seed")[1]) if words and words.pop(0) == "seed" else 1
        chance, dice = float(match[1]) / 100, Random(seed)
        chosen = lambda _: dice.random() < chance  # noqa: E731
    elif word == "*":
        chosen = lambda _: True  # noqa: E731
    elif re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", word):
        numbers = set(_spread(word))
        chosen = numbers.__contains__
    else:
        raise ValueError(f"{word!r} is neither client, server, one of {', '.join(_KINDS)}, nor says which of them")
    if words:
        raise ValueError(f"{words[0]!r} is one word too many")
    return chosen


def _spread(word: str) -> Iterator[int]:
    for part in word.split(","):
        first, _, last = part.partition("-")
        yield from range(int(first), min(int(last or first), 10**6) + 1)


def _delay(words: list[str]) -> tuple[Effect, Frames]:
    match = _number(words, "a time such as 20ms", r"(\d+(?:\.\d+)?)(ms|us|s)", 60_000)
    return effects.delay(round(float(match[1]) * _UNITS_NS[match[2]])), _frames(words)


def _hold(words: list[str]) -> tuple[Effect, Frames]:
    if "behind" not in words:
        raise ValueError("'behind N' is missing: how many frames are to overtake it")
    at = words.index("behind")
    rest = words[at + 1 :]
    effect = effects.hold(int(_number(rest, "a number", r"([1-9]\d*)")[1]))
    if rest:
        raise ValueError(f"{rest[0]!r} is one word too many")
    return effect, _frames(words[:at], needed=True)


def _clamp(words: list[str]) -> tuple[Effect, Frames]:
    _take(words, "what can be clamped", ("mss",))
    return effects.clamp_mss(int(_number(words, "an MSS in bytes")[1])), _frames(words)


def _strip(words: list[str]) -> tuple[Effect, Frames]:
    names = _take(words, "an option").split(",")
    kinds: set[int] = set()
    for name in names:
        kinds |= _OPTIONS[_take([name], "an option", _OPTIONS)]
    return effects.strip(frozenset(kinds)), _frames(words)


def _ttl(words: list[str]) -> tuple[Effect, Frames]:
    match = _number(words, "a TTL from 0 to 255, or -N for N less", r"-?(\d+)", 255)
    number = int(match[1])
    if match[0].startswith("-"):
        return effects.ttl(lambda before: max(before - number, 0)), _frames(words)
    return effects.ttl(lambda _: number), _frames(words)


def _icmp(words: list[str]) -> tuple[Effect, Frames]:
    error = _take(words, "an ICMP error", ICMP_ERRORS)
    mtu = 0
    if words and words[0] == "mtu":
        words.pop(0)
        mtu = int(_number(words, "an MTU in bytes")[1])
    return effects.icmp(error, mtu), _frames(words, needed=True)


def _rate(words: list[str]) -> tuple[Effect, Frames]:
    match = _number(words, "a rate such as 500kbit", r"([1-9]\d*)(k|m|)bit", 10**9)
    return effects.limit(int(match[1]) * _RATES[match[2]]), _frames(words)


_EFFECTS: dict[str, Callable[[list[str]], tuple[Effect, Frames]]] = {
    "drop": lambda words: (effects.drop, _frames(words, needed=True)),
    "delay": _delay,
    "duplicate": lambda words: (effects.duplicate, _frames(words, needed=True)),
    "hold": _hold,
    "clamp": _clamp,
    "strip": _strip,
    "ttl": _ttl,
    "icmp": _icmp,
    "rate": _rate,
}
