"""What is exported is, value by value, what `handshake replay -f json` says of the same capture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from handshake import CaptureError, inspect
from handshake.export import EXCHANGES, HANDSHAKES, Suffix, TableFile
from handshake.render.document import report_to_dict
from tests.support import ROOT, require, shared_captures

CAPTURES = sorted((ROOT / "captures").glob("*.pcap*"))
ARROWS = (Suffix.PARQUET, Suffix.ARROW)
TOO_BIG = 500_000
"""Larger files say nothing new here, and take long."""


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a file, times as ns since the epoch."""
    table = pa.parquet.read_table(path) if path.suffix == ".parquet" else pa.feather.read_table(path)
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(place, field.name, table.column(place).cast(pa.int64()))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def in_64_bits(value: int | None) -> int | None:
    """What the column can hold; a capture may claim any time."""
    return value if value is not None and -(1 << 63) <= value < 1 << 63 else None


def tag_text(tags: list[dict[str, Any]]) -> list[str]:
    return [
        tag["name"]
        + ("" if tag["number"] is None else f" {tag['number']}")
        + (f" ({' ↔ '.join(tag['ends'])})" if tag["ends"] else "")
        for tag in tags
    ]


def expected_handshake(told: dict[str, Any]) -> Iterator[tuple[str, object]]:
    """Column and value, read out of the JSON by hand."""
    yield from ((name, told[name]) for name in ("source", "number", "service", "outcome", "role_inferred", "evicted"))
    yield from ((name, told[name]) for name in ("syn_retransmits", "synack_retransmits"))
    yield "start", in_64_bits(told["start_ns"])
    yield "end", in_64_bits(told["end_ns"])
    for side in ("client", "server"):
        end = told[side]
        yield from ((f"{side}_{name}", end[name]) for name in ("address", "port", "scope", "state", "iss", "segments"))
        yield f"{side}_payload_bytes", end["payload_bytes"]
        yield f"{side}_fingerprint", end["fingerprint"] and end["fingerprint"]["signature"]
    yield "tags", tag_text(told["tags"])
    ways = ((way["sender"], ", ".join(tag_text(way["tags"]))) for way in told["other_ways"])
    yield "other_ways", [f"{sender}: {tags or 'no tag'}" for sender, tags in ways]
    yield from ((name, in_64_bits(value) if name != "excluded" else value) for name, value in told["timing"].items())
    for name, title in (
        ("ecn", "ECN"), ("fast_open", "Fast Open"), ("mptcp", "MPTCP"), ("md5", "MD5 signature"), ("ao", "TCP-AO"),
    ):  # fmt: skip
        row: dict[str, str] = next((row for row in told["negotiation"] if row["name"] == title), {})
        for step in ("offered", "accepted", "in_effect"):
            yield f"{name}_{step}", None if row.get(step) == "–" else row.get(step)
    rows = {row["name"]: row for row in told["negotiation"]}
    if rows:
        for step in ("offered", "accepted"):
            mss, scale = rows["MSS"][step], rows["window scale"][step]
            yield f"mss_{step}", int(mss) if mss.isdecimal() else None
            yield f"wscale_shift_{step}", int(scale) if scale.isdecimal() else None
            for name, title in (("sack_permitted", "SACK"), ("timestamps", "timestamps")):
                yield f"{name}_{step}", {"yes": True, "no": False, "–": None}[rows[title][step]]
    else:
        yield from ((f"{name}_offered", None) for name in ("mss", "wscale_shift", "sack_permitted", "timestamps"))
    closing = told["teardown"]
    yield "close", closing["kind"]
    yield "closed_first", closing["first"]
    yield "reset_by", closing["reset_by"]
    yield "closed_simultaneously", closing["simultaneous"]
    application = told["application"]
    yield "application", application and application["protocol"]
    tls = application and application["tls"]
    yield "tls_server_name", (tls and tls["sni"]) or None
    yield "tls_version", (tls and tls["version"]) or None
    yield from ((f"copies_{name}", number) for name, number in told["copies"].items())
    yield "findings", sorted({finding["code"] for finding in told["findings"]})
    yield "finding_details", told["findings"]


NOT_IN_NEGOTIATION = {"mss_accepted", "wscale_shift_accepted", "sack_permitted_accepted", "timestamps_accepted"}
"""Of handshakes whose SYN was not captured the JSON has no option table."""


def expected_exchange(told: dict[str, Any]) -> Iterator[tuple[str, object]]:
    names = ("source", "number", "service", "requests", "replies", "request_bytes", "reply_bytes", "first_reply_ns")
    yield from ((name, told[name]) for name in (*names, "verdict"))
    yield "start", in_64_bits(told["start_ns"])
    yield "end", in_64_bits(told["end_ns"])
    for side in ("client", "server"):
        yield from ((f"{side}_{name}", told[side][name]) for name in ("address", "port", "scope"))
    yield "tags", tag_text(told["tags"])
    icmp = told["icmp"]
    yield from ((f"icmp_{name}", icmp and icmp[name]) for name in ("type", "code", "meaning", "reporter"))
    yield "dns_names", [lookup["name"] for lookup in told["lookups"]]
    yield "quic_version", told["quic"] and told["quic"]["version"]
    yield "quic_round_trips", told["quic"] and told["quic"]["round_trips"]


def check(capture: Path, suffix: Suffix, directory: Path) -> None:
    """Export a capture, read it back, and hold it against the JSON."""
    report = inspect([capture])
    document = json.loads(json.dumps(report_to_dict(report)))
    paths = directory / f"handshakes{suffix}", directory / f"exchanges{suffix}"
    with TableFile(paths[0], HANDSHAKES, batch=2) as handshakes, TableFile(paths[1], EXCHANGES, batch=2) as exchanges:
        handshakes.extend(report.handshakes)
        exchanges.extend(report.exchanges)
        handshakes.commit()
        exchanges.commit()
    rows, others = rows_of(paths[0]), rows_of(paths[1])
    for row, told in zip(rows, document["handshakes"], strict=True):
        expected = dict(expected_handshake(told))
        assert expected == {name: value for name, value in row.items() if name in expected}
        assert set(row) - set(expected) <= NOT_IN_NEGOTIATION
    for row, told in zip(others, document["exchanges"], strict=True):
        assert dict(expected_exchange(told)) == row


@pytest.mark.parametrize("suffix", ARROWS)
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_every_value(capture: Path, suffix: Suffix, tmp_path: Path) -> None:
    check(capture, suffix, tmp_path)


@pytest.mark.parametrize("kind", ["real", "broken"])
def test_every_value_of_other_peoples_captures(kind: str, tmp_path: Path) -> None:
    """Tags, tunnels, one-sided and odd connections, times that run back."""
    paths = [path for path in shared_captures(kind) if path.stat().st_size < TOO_BIG]
    require(bool(paths), "the captures of other projects are not on this machine (../shared/captures)")
    for path in paths:
        with suppress(CaptureError):
            check(path, Suffix.PARQUET, tmp_path)
