"""One TCP header, read twice: the fields in which the two readings differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from handshake.model.options import EOL, Option, Options
from handshake.model.packet import Segment, flag_names

_SHOWN: dict[str, Callable[[Segment], object]] = {
    "source": lambda segment: segment.src,
    "destination": lambda segment: segment.dst,
    "seq": lambda segment: segment.seq,
    "ack": lambda segment: segment.ack_raw,
    "flags": lambda segment: ",".join(flag_names(segment.flags)) or "none",
    "window": lambda segment: segment.wnd,
    "urgent": lambda segment: segment.urgent,
    "reserved": lambda segment: segment.reserved,
    "payload": lambda segment: segment.payload_len,
    "ttl": lambda segment: segment.ttl,
    "ecn": lambda segment: segment.ecn,
    "ip-id": lambda segment: segment.ip_id,
}
FIELDS = (*_SHOWN, "options")
"""Every field that is compared."""


def differing(ours: Segment, theirs: Segment) -> Iterator[tuple[str, str, str]]:
    """The fields that differ, each with both values in words."""
    for field, shown in _SHOWN.items():
        left, right = shown(ours), shown(theirs)
        if left != right:
            yield field, str(left), str(right)
    mine, their = readable(ours.options), readable(theirs.options)
    if mine != their and not (_cut(ours, theirs) and _alike(mine, their)):
        yield "options", option_words(mine), option_words(their)


def same_kinds(ours: Segment | None, theirs: Segment | None) -> bool:
    """Whether both have options of the same kinds, as far as both go."""
    mine, their = kinds(ours).split(), kinds(theirs).split()
    return mine == their or (ours is not None and theirs is not None and _cut(ours, theirs) and _alike(mine, their))


def _cut(ours: Segment, theirs: Segment) -> bool:
    """Not all options were captured, or the header reaches past the segment: either shows what there is."""
    return ours.options.cut or theirs.options.cut


def _alike(mine: Sequence[object], their: Sequence[object]) -> bool:
    """The same up to the last one of the shorter list, which may be shown half."""
    whole = max(min(len(mine), len(their)) - 1, 0)
    return mine[:whole] == their[:whole]


def readable(options: Options) -> tuple[Option, ...]:
    """Options that lie within the header, without the end of the list; one that overruns it only we show."""
    good = options.items[:-1] if options.fault and "overruns" in options.fault else options.items
    return tuple(option for option in good if option.kind != EOL)


def option_words(options: tuple[Option, ...]) -> str:
    """`mss 05b4, nop`; `none` without any."""
    return ", ".join(f"{option.name} {option.data.hex()}".rstrip() for option in options) or "none"


def kinds(segment: Segment | None) -> str:
    """The kinds of a segment's options in wire order, as numbers; `-` without a segment."""
    return "-" if segment is None else " ".join(str(option.kind) for option in readable(segment.options))
