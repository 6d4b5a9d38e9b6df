"""tshark finds the same TCP header, and the same tunnel around it, in hand-built frames and in real captures."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from handshake.model.packet import Frame, Segment, Tags
from handshake.source.capture import open_capture
from handshake.source.writer import PcapngWriter, PcapWriter
from handshake.wire.decode import decode
from tests.support import require, shared_captures, tshark
from tests.unit.wire.encapsulations import LINKS, TUNNELS

CASES = LINKS | TUNNELS
REAL = shared_captures("real") or [Path("none")]

TAG_FIELDS = {
    "vlan": ("vlan.id", "ieee8021ad.id"),
    "mpls": ("mpls.label",),
    "pppoe": ("pppoe.session_id",),
    "gre": ("gre.key",),
    "pptp": ("gre.key.call_id",),
    "erspan": ("erspan.spanid",),
    "pbb": ("ieee8021ah.isid",),
    "dlci": ("fr.dlci",),
    "vpi": ("atm.vpi",),
    "vci": ("atm.vci",),
    "ah": ("ah.spi",),
    "l2tp": ("l2tp.tunnel",),
    "session": ("l2tp.session",),
    "vxlan": ("vxlan.vni",),
    "vxlan-gpe": ("vxlan.vni",),
    "geneve": ("geneve.vni",),
    "nsh": ("nsh.spi",),
    "gtp": ("gtp.teid", "gtp.flow_label"),
}
"""Where tshark has the number of a tag; several names where it depends on the header."""
NUMBER_FIELDS = sorted({field for fields in TAG_FIELDS.values() for field in fields})
FIELDS = ("frame.number", "frame.protocols", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.ack_raw")


BY_TCPDUMP = (
    "Broadcom tag", "Broadcom tag prepended", "DSA, untagged", "DSA, tagged", "EDSA, tagged", "SLIP",
    "BSD/OS SLIP, 16 bytes", "classical IP with LLC", "Juniper 132", "Juniper 133", "Juniper 136", "Juniper 164",
    "Juniper 168", "Juniper, no link header", "Juniper cookie of adaptive services",
)  # fmt: skip
"""Link types in which tshark 4.0 sees no TCP, but tcpdump does."""

DIFFERS = {
    "netANALYZER with preamble": "it leaves transparent mode alone, on purpose",
    "ATM, IP alone": "it expects LLC in every frame of this link type",
    "NFLOG, big-endian": "it takes the byte order of the file, which we do not know",
    "BSD/OS SLIP, 24 bytes": "it does not know the link type; 24 is libpcap's size of the header",
    "Cisco HDLC with direction": "it does not know the link type",
    "Frame Relay with direction": "it does not know the link type",
    "ERF Ethernet": "it knows ERF only under link type 197",
    "ERF PPP": "it knows ERF only under link type 197",
    "Juniper 134": "it does not know the link type",
    "MPLS device": "it does not know the link type",
    "MPLS pseudowire whose address begins like IPv4": "it looks at the first four bits only",
    "ERSPAN III with IP": "it enters Ethernet frames only",
    "IPv4 in IPv4, 94": "it does not know the protocol number",
    "L2TPv3 in IP": "it does not guess what a session carries",
    "L2TPv3 in IP, cookie and sublayer": "it does not guess what a session carries",
    "L2TPv3 in UDP": "it does not guess what a session carries",
    "VXLAN of Linux, group policy": "it does not know the port",
    "CAPWAP, 802.11": "it expects the bytes of the frame control field to be swapped",
} | dict.fromkeys(BY_TCPDUMP, "tcpdump has to do")
"""Where tshark 4.0 sees no TCP, or no such tag, and why; when it learns, the test fails and the row goes."""


class View(NamedTuple):
    """What tshark says of one frame."""

    protocols: list[str]
    tcp: tuple[int, ...] | None
    """Ports, sequence and acknowledgment number of the innermost TCP header that is not a quoted one."""
    numbers: dict[str, set[int]]


def views(path: Path) -> Iterator[tuple[int, View]]:
    """tshark's view of every frame, fragments looked at one by one as we do."""
    command = [
        tshark(), "-2", "-n", "-r", str(path), "-T", "fields", "-E", "separator=/t", "-E", "aggregator=|",
        *("-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"),
    ]  # fmt: skip
    for field in (*FIELDS, *NUMBER_FIELDS):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for line in done.stdout.splitlines():
        number, protocols, *values = line.split("\t")
        names = protocols.split(":")
        tcp = values[: len(FIELDS) - 2]
        quoted = "tcp" in names and not {"icmp", "icmpv6"}.isdisjoint(names[: names.index("tcp")])
        yield (
            int(number),
            View(
                names,
                None if quoted or not tcp[0] or not tcp[2] else tuple(int(value.split("|")[-1]) for value in tcp),
                {
                    field: {int(part, 0) for part in value.split("|") if part}
                    for field, value in zip(NUMBER_FIELDS, values[len(FIELDS) - 2 :], strict=True)
                },
            ),
        )


def header(frame: Frame) -> tuple[int, ...] | None:
    """Our counterpart of `View.tcp`."""
    segment = decode(frame).transport
    if not isinstance(segment, Segment):
        return None
    return segment.src.port, segment.dst.port, segment.seq, segment.ack_raw


@pytest.fixture(scope="module")
def hand_built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, View]:
    """tshark's view of every case, all in one capture of many link types."""
    path = tmp_path_factory.mktemp("tshark") / "cases.pcapng"
    names = list(CASES)
    with PcapngWriter(path) as writer:
        for number, case in enumerate(CASES.values(), 1):
            writer.write(Frame(number, number, case.linktype, case.data, len(case.data)))
    return {names[number - 1]: view for number, view in views(path)}


@pytest.mark.parametrize("name", CASES)
def test_hand_built_frame(name: str, hand_built: dict[str, View]) -> None:
    view, tags = hand_built[name], CASES[name].tags
    agreed = view.tcp == (40000, 80, 1000, 0) and all_tags_found(tags, view)
    assert agreed == (name not in DIFFERS), (view, tags)


def all_tags_found(tags: Tags, view: View) -> bool:
    return all(
        tag.number in set().union(*(view.numbers[field] for field in TAG_FIELDS[tag.kind]))
        for tag in tags
        if tag.number is not None and tag.kind in TAG_FIELDS
    )


@pytest.mark.parametrize("name", BY_TCPDUMP)
def test_hand_built_frame_by_tcpdump(name: str, tmp_path: Path) -> None:
    tcpdump = shutil.which("tcpdump")
    require(tcpdump is not None, "no tcpdump on this machine (Debian: sudo apt-get install tcpdump)")
    assert tcpdump is not None
    path, case = tmp_path / "case.pcap", CASES[name]
    with PcapWriter(path, case.linktype, nanoseconds=False) as writer:
        writer.write(Frame(1, 1000, case.linktype, case.data, len(case.data)))
    done = subprocess.run([tcpdump, "-n", "-S", "-r", str(path)], capture_output=True, text=True, check=True)
    assert re.search(r"\.40000 > \S+\.80: Flags \[S\], seq 1000:1005, ", done.stdout), done.stdout


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_real_capture_frame_by_frame(path: Path) -> None:
    require(path.exists(), "the captures of other projects are not on this machine (../shared/captures)")
    theirs = {number: view.tcp for number, view in views(path)}
    with open_capture(path) as capture:
        ours = {frame.number: header(frame) for frame in capture}
    assert theirs
    assert {n: (ours.get(n), theirs.get(n)) for n in ours.keys() | theirs.keys() if ours.get(n) != theirs.get(n)} == {}
