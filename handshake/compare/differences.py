"""What is not the same where a segment left and where it arrived: what a box on the way has changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from handshake.model.handshake import Side
from handshake.model.options import MSS, NOP, SACK, SACK_PERMITTED, TIMESTAMPS, WSCALE, Option, Options
from handshake.model.packet import SYN, Segment, flag_names
from handshake.model.vantage import Alteration, Difference, Fate, Passage

NAMES = {MSS: "MSS", WSCALE: "window scale", SACK_PERMITTED: "SACK", SACK: "SACK blocks", TIMESTAMPS: "timestamps"}
NONE = "none"
ECN_NAMES = ("Not-ECT", "ECT(1)", "ECT(0)", "CE")  # RFC 3168 §5


def differences(left: Segment, arrived: Segment, *, renumbered: bool) -> Iterator[Difference]:
    """Header by header; addresses, ports and sequence numbers are the connection's, not the segment's.

    Where sequence numbers were changed, SACK blocks have to be as well and are not compared.
    """
    yield from _options(left.options, arrived.options, renumbered=renumbered)
    fields = (
        ("TCP flags", ",".join(flag_names(left.flags)), ",".join(flag_names(arrived.flags))),
        ("window" if not left.flags & SYN else "window of the SYN", f"{left.wnd}", f"{arrived.wnd}"),
        ("urgent pointer", f"{left.urgent}", f"{arrived.urgent}"),
        ("reserved bits", f"{left.reserved:03b}", f"{arrived.reserved:03b}"),
        ("ECN", ECN_NAMES[left.ecn], ECN_NAMES[arrived.ecn]),
        ("DSCP", f"{left.dscp}", f"{arrived.dscp}"),
        ("TTL", f"{left.ttl}", f"{arrived.ttl}"),
        ("IP identification", _maybe(left.ip_id), _maybe(arrived.ip_id)),
        ("checksum", _sum(left.checksum_ok), _sum(arrived.checksum_ok)),
    )
    for what, before, after in fields:
        if before != after and (what != "checksum" or after == "wrong"):
            yield Difference(what, before, after)


def alterations(passages: Iterable[Passage]) -> tuple[Alteration, ...]:
    """The differences that each side's segments have in common, in the order in which they turn up."""
    arrived = [each for each in passages if each.fate is Fate.ARRIVED]
    found: dict[tuple[Side, str], list[tuple[Passage, Difference]]] = {}
    for passage in arrived:
        for difference in passage.differences:
            found.setdefault((passage.sender, difference.what), []).append((passage, difference))
    total = {side: sum(1 for each in arrived if each.sender is side) for side in Side}
    return tuple(
        Alteration(sender, seen[0][1], seen[0][0], len(seen), total[sender], len({each for _, each in seen}) > 1)
        for (sender, _), seen in found.items()
    )


def _options(left: Options, arrived: Options, *, renumbered: bool) -> Iterator[Difference]:
    if left.cut or arrived.cut:
        return
    ours, theirs = _by_kind(left), _by_kind(arrived)
    for kind in dict.fromkeys([*ours, *theirs]):
        before, after = ours.get(kind), theirs.get(kind)
        if before == after or (renumbered and kind == SACK and before is not None and after is not None):
            continue
        name = NAMES.get(kind, Option(kind, b"").name)
        yield Difference(name, _value(kind, before), _value(kind, after))


def _by_kind(options: Options) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for item in options.items:
        if item.kind > NOP:
            found.setdefault(item.kind, []).append(item.data)
    return found


def _value(kind: int, bodies: list[bytes] | None) -> str:
    if bodies is None:
        return NONE
    if kind in (MSS, WSCALE):
        return ", ".join(str(int.from_bytes(body)) for body in bodies)
    if kind == SACK_PERMITTED:
        return "permitted"
    if kind == TIMESTAMPS:
        return ", ".join(f"{int.from_bytes(body[:4])}/{int.from_bytes(body[4:])}" for body in bodies)
    return ", ".join(body.hex() or "empty" for body in bodies)


def _maybe(number: int | None) -> str:
    return NONE if number is None else f"{number}"


def _sum(right: bool | None) -> str:
    return "wrong" if right is False else "right or unknown"
