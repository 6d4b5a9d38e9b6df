"""`replay --engine tshark` builds the same timelines from tshark's dissection, of every bundled capture."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.support import ROOT, tshark

OF_A_FLOW = (
    "type", "number", "source", "start_ns", "end_ns", "outcome", "client", "server", "service", "timing", "verdict",
    "syn_retransmits", "synack_retransmits", "negotiation", "teardown", "role_inferred", "tags", "requests", "replies",
    "request_bytes", "reply_bytes", "first_reply_ns",
)  # fmt: skip
OF_A_ROW = (
    "kind", "offset_ns", "frame", "sender", "client", "server", "note", "marks", "flags", "seq", "ack", "rel_seq",
    "rel_ack", "wnd", "seg_len", "payload_len", "ttl", "ecn", "options", "reporter", "type", "code", "meaning",
    "until_ns", "client_segments", "client_bytes", "server_segments", "server_bytes",
)  # fmt: skip


def told(document: dict[str, Any]) -> dict[str, Any]:
    """What tshark can tell of a flow as well: neither checksums nor payload nor what is wrong with a header."""
    rows = [{key: row[key] for key in OF_A_ROW if key in row} for row in document.get("timeline", ())]
    return {key: document[key] for key in OF_A_FLOW if key in document} | {"timeline": rows}


def replayed(*options: str) -> list[dict[str, Any]]:
    captures = sorted(str(path) for path in (ROOT / "captures").glob("*.pcap*"))
    done = subprocess.run(
        [sys.executable, "-m", "handshake", "replay", "-f", "jsonl", *options, *captures],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_same_replay() -> None:
    tshark()
    ours, theirs = replayed(), replayed("--engine", "tshark")
    assert len(ours) > 35
    assert [told(document) for document in ours[:-1]] == [told(document) for document in theirs[:-1]]
    for mine, their in zip(ours[-1]["sources"], theirs[-1]["sources"], strict=True):
        assert their["format"].startswith(f"{mine['format']}, dissected by tshark ")
        assert (mine["name"], mine["frames"]) == (their["name"], their["frames"])
    for key in ("frames", "tcp", "udp", "icmp_errors"):
        assert ours[-1]["tally"][key] == theirs[-1]["tally"][key]
