"""What happened to segments between two places, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from handshake.model import seq
from handshake.model.handshake import Side
from handshake.model.packet import ACK, FIN, RST, SYN, IcmpError, Segment
from handshake.model.vantage import Alteration, Fate, Likeness, OneWay, Pair, Passage, Unpaired
from handshake.render.units import count, duration

if TYPE_CHECKING:
    from handshake.model.address import Endpoint

_WHY = {
    "MSS": "a router or tunnel clamps it, so that no segment is too big for the way behind it",
    "window scale": "so windows end at 64 KiB, and who is not told reads the other's wrongly (RFC 7323 §2.2)",
    "SACK": "losses are repaired more slowly, a round trip each (RFC 2018)",
    "SACK blocks": "the sender cannot tell what is missing",
    "timestamps": "a firewall that normalises, or a proxy",
    "fast-open": "Fast Open falls back to a plain handshake (RFC 7413)",
    "mptcp": "Multipath TCP falls back to plain TCP (RFC 8684 §3.7)",
    "TTL": "each router on the way takes one",
    "ECN": "a router marks congestion (CE), or clears what it does not know (RFC 3168 §5)",
    "DSCP": "a router classes the traffic anew at the border of its network (RFC 2475)",
    "TCP flags": "a box clears or sets bits, such as those of ECN",
    "window": "a box shapes the traffic, or scales in the sender's place",
    "window of the SYN": "a box shapes the traffic, or is a proxy",
    "IP identification": "a box numbers packets anew; harmless",
    "checksum": "damaged on the way, or changed by a box that does not sum up again",
}
_ORDINALS = ("1st", "2nd", "3rd")


def name_of(segment: Segment) -> str:
    """What people call a segment: `SYN`, `SYN-ACK`, `RST`, `FIN`, `13 bytes`, `ACK`."""
    if segment.flags & SYN:
        return "SYN-ACK" if segment.flags & ACK else "SYN"
    if segment.flags & RST:
        return "RST"
    if segment.payload_len:
        return count(segment.payload_len, "byte")
    return "FIN" if segment.flags & FIN else "ACK" if segment.flags & ACK else "segment without flags"


def ordinal(number: int) -> str:
    """`1st`, `2nd`, `11th`."""
    if number % 10 in (1, 2, 3) and number % 100 not in (11, 12, 13):
        return f"{number}{_ORDINALS[number % 10 - 1][-2:]}"
    return f"{number}th"


def sentences(pair: Pair) -> Iterator[tuple[str, str]]:
    """What is to be told of one connection, each with its style; nothing where all went as it left."""
    yield from _translated(pair)
    for words, times in Counter(_lost(pair)).items():
        yield words + (f" ({_times(times)})" if times > 1 else ""), "yellow"
    yield from ((words, "red") for words in _foreign(pair))
    for passage in pair.fates(Fate.DOUBLED):
        one = f"the {passage.sender.value}'s {name_of(passage.segment)}"
        yield f"{one} arrived once more than it left: the network doubled it", "yellow"
    for side in Side:
        late = [each for each in pair.passages if each.sender is side and each.overtaken]
        if late:
            names = ", ".join(dict.fromkeys(name_of(each.segment) for each in late))
            yield f"overtaken on the way from the {side.value}: {names}", "yellow"
        repacked = len(pair.fates(Fate.REPACKED, side))
        if repacked:
            yield (
                f"{count(repacked, 'segment')} of the {side.value}'s data in other pieces at the other end: a network"
                " card cuts or joins segments outside of the capture (offload)",
                "dim",
            )
    for alteration in pair.alterations:
        yield (
            alteration_words(alteration),
            "dim" if alteration.difference.what in ("TTL", "IP identification") else "cyan",
        )


def alteration_words(alteration: Alteration) -> str:
    """`MSS 1460 → 1400 in the client's SYN: a router …`."""
    difference, segment = alteration.difference, alteration.first.segment
    left, arrived = difference.left, difference.arrived
    change = f"{difference.what} {left} → {arrived}"
    if arrived == "none":
        change = f"{difference.what} taken out"
    elif left == "none":
        change = f"{difference.what} {arrived} put in"
    elif difference.what == "TTL" and int(left) > int(arrived) and not alteration.varied:
        change += f" ({count(int(left) - int(arrived), 'hop')})"
    where = f"in the {alteration.sender.value}'s {name_of(segment)}"
    if alteration.segments > 1:
        where = f"in {alteration.segments} of {alteration.of} segments from the {alteration.sender.value}"
        if alteration.varied:
            change, where = f"{difference.what} changed", f"{where}, first {left} → {arrived}"
    why = _WHY.get(difference.what, "")
    return f"{change} {where}{f': {why}' if why else ''}"


def _translated(pair: Pair) -> Iterator[tuple[str, str]]:
    near, far = pair.client.handshake, pair.server.handshake
    if pair.likeness in (Likeness.TRANSLATED, Likeness.TIMESTAMPS):
        for side in Side:
            ours, theirs = near.peer(side).endpoint, far.peer(side).endpoint
            if ours != theirs:
                yield (
                    f"the {side.value} is {ours} at the client and {theirs} at the server: {_nat(ours, theirs)}",
                    "cyan",
                )
        yield f"taken for one connection by its {pair.likeness.value}", "dim"
    for side, shift in zip(Side, pair.shift, strict=True):
        if shift:
            moved = seq.distance(0, shift if side is Side.CLIENT else -shift)
            yield (
                f"sequence numbers of the {side.value} moved by {moved:+,} on their way: a firewall that makes them "
                "less predictable, or a proxy",
                "cyan",
            )


def _nat(ours: Endpoint, theirs: Endpoint) -> str:
    if ours.address == theirs.address:
        return "a port translated"
    return "address and port translated (NAT)" if ours.port != theirs.port else "address translated (NAT)"


def _lost(pair: Pair) -> Iterator[str]:
    """One sentence for each segment of which a copy was lost."""
    for (sender, name, _), copies in _copies(pair).items():
        lost = [position for position, each in enumerate(copies, 1) if each.fate in (Fate.LOST, Fate.PARTLY)]
        if not lost:
            continue
        end, guessed = sender.other.value, any(each.guessed for each in copies)
        one = f"the {sender.value}'s {name}" if name[0].isdigit() else f"the {name}"
        if len(copies) == 1:
            part = "arrived only in part" if copies[0].fate is Fate.PARTLY else f"never reached the {end}"
            yield (
                f"{one} left the {sender.value} once and {part}"
                if name != "ACK"
                else f"an ACK of the {sender.value} {part}"
            )
        elif len(lost) == len(copies):
            yield f"{one} left the {sender.value} {_times(len(copies))} and never reached the {end}"
        else:
            which = f"{', '.join(map(ordinal, lost))} {'was' if len(lost) == 1 else 'were'} lost"
            arrived = f"{len(copies) - len(lost)} arrived"
            likely = " (which one is a guess: they are equal)" if guessed else ""
            yield f"{one} left the {sender.value} {_times(len(copies))}, {arrived}: the {which}{likely}"


def _copies(pair: Pair) -> dict[tuple[Side, str, tuple[int, int]], list[Passage]]:
    """What left, the same segment together with its retransmissions."""
    found: dict[tuple[Side, str, tuple[int, int]], list[Passage]] = {}
    for each in pair.passages:
        if each.left is not None and each.fate is not Fate.DOUBLED:
            ack = each.left.ack_raw if not each.left.seg_len else 0
            found.setdefault((each.sender, name_of(each.left), (each.left.seq, ack)), []).append(each)
    return found


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _foreign(pair: Pair) -> Iterator[str]:
    names: dict[tuple[Side, str], int] = {}
    for each in pair.fates(Fate.FOREIGN):
        key = each.sender, name_of(each.segment)
        names[key] = names.get(key, 0) + 1
    for (sender, name), number in names.items():
        here, there = sender.other.value, sender.value
        many = name if number == 1 else f"{name} ({_times(number)})"
        if name in ("RST", "SYN-ACK"):
            yield f"the {here} got a {many} that the {there} never sent: a box in between answered in its name"
        else:
            yield f"the {here} got {many} that never left the {there}: made in between, or missed by the capture there"
    for side in Side:
        for error in pair.icmp(side):
            if error.reporter != pair.client.handshake.server.endpoint.address:
                yield f"{icmp_words(error)}, seen at the {side.value}"


def icmp_words(error: IcmpError) -> str:
    """Who says what."""
    return f"{error.reporter_text} says {error.meaning} (ICMP)"


def unpaired_words(each: Unpaired) -> str:
    """Why a connection may be in one capture alone."""
    reported = [step.packet for step in each.handshake.steps if isinstance(step.packet, IcmpError)]
    if reported:
        return icmp_words(reported[0])
    if each.covered is False:
        return "before the other capture began, or after it ended"
    if each.covered is None or each.handshake.outcome.opened:
        return "not in the other capture"
    if each.place is Side.CLIENT:
        syns = each.handshake.syn_retransmits + 1
        return f"nothing of it reached the server ({count(syns, 'SYN')} left), or its capture leaves it out"
    return "the client never sent it, or its capture leaves it out"


def way_words(way: OneWay) -> str:
    """The times of one direction."""
    spread = f"median {duration(way.median_ns)}, most {duration(way.most_ns)}, jitter {duration(way.jitter_ns)}"
    return f"took {duration(way.least_ns)} at least, {spread}"


def summed(pairs: Iterable[Pair], side: Side) -> str:
    """`2 of 9 segments lost`, and what else happened in one direction."""
    passages = [each for pair in pairs for each in pair.passages if each.sender is side]
    left = sum(1 for each in passages if each.left is not None and each.fate is not Fate.DOUBLED)
    fates = {fate: sum(1 for each in passages if each.fate is fate) for fate in Fate}
    lost = fates[Fate.LOST] + fates[Fate.PARTLY]
    words = [f"{lost:,} of {count(left, 'segment')} lost"]
    late = sum(1 for each in passages if each.overtaken)
    for number, word in (
        (fates[Fate.DOUBLED], "doubled"),
        (late, "overtaken"),
        (fates[Fate.FOREIGN], "from in between"),
    ):
        if number:
            words.append(f"{number:,} {word}")
    return " · ".join(words)
