"""What a wire may do to a frame: an effect takes its passage and gives what becomes of it, none, one or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from handshake.lab.rewrite import icmp_error, with_options, with_ttl
from handshake.model.options import MSS, NOP, Option
from handshake.model.record import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """A frame on a wire."""

    data: bytes
    from_client: bool
    """It came in at the left end."""
    due_ns: int
    """When it leaves, monotonic ns."""
    behind: int = 0
    """How many later frames of its direction leave before it."""
    back: bool = False
    """It leaves where it came in."""


Effect = Callable[[Passage], tuple[Passage, ...]]


def drop(_: Passage) -> tuple[Passage, ...]:
    """Lose the frame."""
    return ()


def duplicate(passage: Passage) -> tuple[Passage, ...]:
    """Deliver it twice."""
    return passage, passage


def delay(by_ns: int) -> Effect:
    """Take this much longer, ns."""
    return lambda passage: (replace(passage, due_ns=passage.due_ns + by_ns),)


def hold(behind: int) -> Effect:
    """Keep it back until that many later frames of its direction have left."""
    return lambda passage: (replace(passage, behind=behind),)


def limit(bits_per_s: int) -> Effect:
    """Send frames of a direction one after the other at this rate; they queue without limit."""
    free_ns = {True: 0, False: 0}

    def effect(passage: Passage) -> tuple[Passage, ...]:
        starts_ns = max(passage.due_ns, free_ns[passage.from_client])
        ends_ns = free_ns[passage.from_client] = starts_ns + len(passage.data) * 8 * 10**9 // bits_per_s
        return (replace(passage, due_ns=ends_ns),)

    return effect


def clamp_mss(most: int) -> Effect:
    """Lower the MSS that a SYN or SYN-ACK announces, as routers before a tunnel do; never raise it."""

    def change(option: Option) -> Option:
        large = option.kind == MSS and int.from_bytes(option.data) > most
        return Option(MSS, most.to_bytes(2)) if large else option

    return lambda passage: (replace(passage, data=with_options(passage.data, change)),)


def strip(kinds: frozenset[int]) -> Effect:
    """Put NOPs in the place of these TCP options."""

    def change(option: Option) -> Option:
        return Option(NOP, b"") if option.kind in kinds else option

    return lambda passage: (replace(passage, data=with_options(passage.data, change)),)


def ttl(change: Callable[[int], int]) -> Effect:
    """Change the TTL or hop limit."""
    return lambda passage: (replace(passage, data=with_ttl(passage.data, change)),)


def icmp(error: str, mtu: int = 0) -> Effect:
    """Lose it and tell its sender so, in one of the words of `ICMP_ERRORS`."""

    def effect(passage: Passage) -> tuple[Passage, ...]:
        answer = icmp_error(passage.data, error, mtu)
        return () if answer is None else (replace(passage, data=answer, back=True),)

    return effect
