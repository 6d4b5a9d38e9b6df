"""Frame by frame, our segments are the ones that tshark tells through pyshark."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from handshake.model.packet import Segment
from handshake.source.capture import open_capture
from handshake.wire.decode import decode
from tests.support import ROOT, require, tshark

CAPTURES = (
    "three-way.pcap",
    "three-way-ipv6.pcapng",
    "fast-open.pcapng",
    "multipath.pcapng",
    "ecn.pcapng",
    "simultaneous-open.pcapng",
    "half-open-scan.pcap",
)
CHILDREN = Path("/proc/thread-self/children")
"""Where Linux tells this process's children, the unburied ones included."""


class Told(NamedTuple):
    """A TCP header, as either side tells it."""

    frame: int
    ports: tuple[int, int]
    seq: int
    ack: int
    flags: int
    window: int
    urgent: int
    payload_len: int
    kinds: list[int]
    """Option kinds in ascending order: JSON mode groups options of the same kind."""
    mss: int | None
    wscale: int | None
    timestamps: tuple[int | None, int | None]


def ours(path: str) -> list[Told]:
    with open_capture(path) as capture:
        segments = [segment for frame in capture if isinstance(segment := decode(frame).transport, Segment)]
    return [
        Told(
            segment.number,
            (segment.src.port, segment.dst.port),
            segment.seq,
            segment.ack_raw,
            segment.flags,
            segment.wnd,
            segment.urgent,
            segment.payload_len,
            sorted(option.kind for option in segment.options.items),
            segment.options.mss,
            segment.options.wscale_shift,
            (segment.options.tsval, segment.options.tsecr),
        )
        for segment in segments
    ]


def pysharks(path: str) -> list[Told]:
    """Every TCP header of a capture. A loop of our own: pyshark would set up the process's child watcher."""
    import pyshark

    with closing(asyncio.new_event_loop()) as loop:
        capture = pyshark.FileCapture(path, use_json=True, eventloop=loop)
        try:
            return [_told(int(packet.number), packet.tcp) for packet in capture if "TCP" in packet]
        finally:
            _close(capture)


def _close(capture: Any) -> None:
    """At the end of its output pyshark kills tshark; one that had just left by itself is then reported as crashed."""
    from pyshark.capture.capture import TSharkCrashException

    try:
        capture.close()
    except TSharkCrashException:
        capture._running_processes.clear()
        capture.close()


def _told(frame: int, tcp: Any) -> Told:
    fields: dict[str, list[str]] = {}
    _gather(tcp._all_fields, fields)

    def number(name: str) -> int:
        return int(fields[name][0], 0)

    def option(name: str) -> int | None:
        return number(name) if name in fields else None

    return Told(
        frame,
        (number("tcp.srcport"), number("tcp.dstport")),
        number("tcp.seq_raw"),
        number("tcp.ack_raw"),
        number("tcp.flags"),
        number("tcp.window_size_value"),
        number("tcp.urgent_pointer"),
        number("tcp.len"),
        sorted(map(int, fields.get("tcp.option_kind", []))),
        option("tcp.options.mss_val"),
        option("tcp.options.wscale.shift"),
        (option("tcp.options.timestamp.tsval"), option("tcp.options.timestamp.tsecr")),
    )


def _gather(tree: Any, fields: dict[str, list[str]], name: str = "") -> None:
    """Every leaf of tshark's tree by its name, in order."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            _gather(value, fields, key)
    elif isinstance(tree, list):
        for value in tree:
            _gather(value, fields, name)
    else:
        fields.setdefault(name, []).append(str(tree))


@pytest.mark.parametrize("name", CAPTURES)
def test_every_segment_is_as_pyshark_tells_it(name: str) -> None:
    tshark()
    path = str(ROOT / "captures" / name)
    told = pysharks(path)
    assert told == ours(path)
    assert told


def test_leaves_no_tshark_behind() -> None:
    tshark()
    require(CHILDREN.exists(), f"this kernel does not tell {CHILDREN}")
    before = children()
    pysharks(str(ROOT / "captures" / CAPTURES[0]))
    assert children() == before


def children() -> set[str]:
    return set(CHILDREN.read_text().split())
