"""What is exported against tshark: connections, their SYNs and SYN-ACKs, and the addresses of those who sent them."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import pytest

from handshake import inspect
from handshake.export import HANDSHAKES, TableFile
from tests.support import ROOT, tshark

NAMES = (
    "syn-lost.pcap", "syn-ack-lost.pcapng", "unanswered.pcapng", "given-up.pcapng", "half-open.pcapng",
    "port-scan.pcap", "syn-flood.pcapng", "refused.pcap", "http-1.1.pcapng", "ftp-passive.pcapng",
    "three-way-ipv6.pcapng",
)  # fmt: skip
"""Captures without reused ports, whose streams are tshark's too."""


@pytest.mark.parametrize("name", NAMES)
def test_syns_per_stream(name: str, tmp_path: Path) -> None:
    program = tshark()
    capture = ROOT / "captures" / name
    fields = ("tcp.stream", "ip.src", "ipv6.src", "tcp.srcport", "tcp.dstport", "tcp.flags.ack", "tcp.seq_raw")
    command = [program, "-r", str(capture), "-Y", "tcp.flags.syn == 1", "-T", "fields", "-E", "separator=/t"]
    lines = subprocess.run(
        [*command, *(word for field in fields for word in ("-e", field))], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    syns: Counter[tuple[str, str, str, str, str]] = Counter()
    for line in lines:
        _, ip4, ip6, source, target, ack, seq = line.split("\t")
        kind = "syn-ack" if ack in {"1", "True"} else "syn"
        syns[kind, ip4 or ip6, source, target, seq] += 1
    report = inspect([capture])
    with TableFile(tmp_path / "h.parquet", HANDSHAKES) as table:
        table.extend(report.handshakes)
        table.commit()
    ours: Counter[tuple[str, str, str, str, str]] = Counter()
    for row in pyarrow.parquet.read_table(tmp_path / "h.parquet").drop_columns(["start", "end"]).to_pylist():
        client, server = str(row["client_port"]), str(row["server_port"])
        ours["syn", row["client_address"], client, server, str(row["client_iss"])] = 1 + row["syn_retransmits"]
        if row["server_iss"] is not None:
            ours["syn-ack", row["server_address"], server, client, str(row["server_iss"])] = (
                1 + row["synack_retransmits"]
            )
    assert syns == ours
    assert len({line.split("\t")[0] for line in lines}) == len(report.handshakes)
