"""The same packets in other files: captured at several interfaces, compressed, through a pipe."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from handshake.model.packet import Frame
from handshake.source.capture import open_capture
from handshake.source.writer import PcapngWriter

INTERFACES = ("eth0", "br0", "")
_LATER_NS = (0, 1, 20_000, 9_000_000, 60_000_000, 100_000_000)


def frames_of(path: Path) -> list[Frame]:
    """All frames of a capture."""
    with open_capture(path) as capture:
        return list(capture)


def spread(frames: Iterable[Frame], random: Random, seen_twice: float) -> Iterator[Frame]:
    """The frames, each captured at some interface, and that share of them a little later somewhere once more."""
    late: list[Frame] = []
    for frame in frames:
        while late and (random.random() < 0.3 or late[0].time_ns < frame.time_ns):
            yield late.pop(0)
        yield replace(frame, interface=random.choice(INTERFACES))
        if random.random() < seen_twice:
            later_ns = frame.time_ns + random.choice(_LATER_NS)
            late.append(replace(frame, time_ns=later_ns, interface=random.choice(INTERFACES)))
    yield from late


def at_interfaces(frames: Iterable[Frame], target: Path, random: Random, seen_twice: float) -> Path:
    """Write the frames as they would be captured at several interfaces."""
    with PcapngWriter(target) as writer:
        for frame in spread(frames, random, seen_twice):
            writer.write(frame)
    return target


COOKED = {
    113: lambda data: bytes(2) + b"\0\1\0\6" + data[6:12] + bytes(2) + data[12:],
    276: lambda data: data[12:14] + bytes(2) + b"\0\0\0\2\0\1\0\6" + data[6:12] + bytes(2) + data[14:],
    0: lambda data: (b"\2\0\0\0" if data[12:14] == b"\x08\0" else b"\x1e\0\0\0") + data[14:],
    108: lambda data: (b"\0\0\0\2" if data[12:14] == b"\x08\0" else b"\0\0\0\x18") + data[14:],
    101: lambda data: data[14:],
}
"""What other link types make of an Ethernet frame."""


def cooked(frame: Frame, linktype: int) -> Frame:
    """The same IP packet as another link type has it."""
    data = COOKED[linktype](frame.data)
    return replace(frame, linktype=linktype, data=data, orig_len=frame.orig_len + len(data) - len(frame.data))


def in_vlans(frame: Frame, *numbers: int) -> Frame:
    """The same Ethernet frame with 802.1Q tags, outermost first."""
    data, tags = frame.data, b"".join(struct.pack("!HH", 0x8100, 0x6000 | number) for number in numbers)
    return replace(frame, data=data[:12] + tags + data[12:], orig_len=frame.orig_len + len(tags))


def by_flow(frame: Frame, count: int) -> int:
    """The same small number for all packets of a connection (without IP options): both ports are in it."""
    at = 34 if frame.data[12:14] == b"\x08\0" else 54
    return sum(frame.data[at : at + 4]) % count
