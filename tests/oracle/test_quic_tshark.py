"""QUIC headers by tshark and by us, packet by packet."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from handshake.app.quic import read_packets
from handshake.model.application import QuicKind
from handshake.model.packet import Datagram
from handshake.source.capture import open_capture
from handshake.wire.decode import decode
from tests.support import shared_captures, tshark

CAPTURES = [path for path in shared_captures("real") if "quic" in path.name]
KINDS = {QuicKind.INITIAL: "0", QuicKind.ZERO_RTT: "1", QuicKind.HANDSHAKE: "2", QuicKind.RETRY: "3"}


def theirs(path: Path) -> list[tuple[list[str], list[int], bool]]:
    """Of each QUIC frame the types of its long headers, their versions, and whether a short one follows."""
    fields = ("quic.long.packet_type", "quic.version", "quic.header_form")
    command = [tshark(), "-r", str(path), "-Y", "quic", "-T", "fields", *(part for f in fields for part in ("-e", f))]
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=60)
    rows = []
    for line in done.stdout.splitlines():
        types, versions, forms = (value.split(",") if value else [] for value in line.split("\t"))
        rows.append((types, [int(version, 16) for version in versions], forms[-1] in ("0", "False")))
    return rows


def ours(path: Path) -> list[tuple[list[str], list[int], bool]]:
    rows = []
    with open_capture(path) as capture:
        for frame in capture:
            packet = decode(frame)
            if isinstance(packet.transport, Datagram):
                read = list(read_packets(packet.payload))
                packets = [each for each in read if each.kind is not QuicKind.ONE_RTT]
                kinds = [KINDS[each.kind] for each in packets]
                rows.append((kinds, [each.version for each in packets], len(read) > len(packets)))
    return rows


@pytest.mark.skipif(not CAPTURES, reason="no shared captures")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_types_and_versions(path: Path) -> None:
    expected = theirs(path)
    assert expected
    assert ours(path) == expected
