"""Start-up is part of the feel: what does not send packets imports none of the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.support import ROOT

HEAVY = {"scapy", "pyshark", "pyroute2", "numpy", "pyarrow", "dask", "distributed", "fsspec"}

RUN_AND_LIST = """
import runpy, sys
try:
    runpy.run_module("handshake", run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code, stop.code
finally:
    print(*sys.modules, file=sys.stderr)
"""


RARE = [
    "handshake.app.dialogue", "handshake.app.dns", "handshake.app.http", "handshake.app.quic", "handshake.app.tls",
    "handshake.bulk", "handshake.compare", "handshake.findings.fingerprint", "handshake.findings.glossary",
    "handshake.flow.exchange", "handshake.model.application", "handshake.model.dns", "handshake.model.kernel",
    "handshake.render.connects", "handshake.render.session", "handshake.render.verdict", "handshake.source.foreign",
    "handshake.source.pcapng", "handshake.wire.cooked", "handshake.wire.fragments", "handshake.wire.gre",
    "handshake.wire.icmp", "handshake.wire.linktypes", "handshake.wire.llc", "handshake.wire.serial",
    "handshake.wire.udp", "handshake.wire.wifi",
]  # fmt: skip
"""What the replay of a plain TCP connection on Ethernet has no use for."""


def modules_after(*arguments: str) -> set[str]:
    """Modules loaded once `handshake ARGUMENTS…` has run with success in a Python of its own."""
    run = subprocess.run(
        [sys.executable, "-c", RUN_AND_LIST, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout
    return set(run.stderr.splitlines()[-1].split())


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A pcap of one SYN on a raw IP link, written here byte by byte."""
    syn = bytes.fromhex(
        "4500 0028 0001 0000 4006 0000 7f000001 7f000001"  # IPv4, protocol TCP
        "c350 0050 00000064 00000000 5002 ffff 0000 0000"  # 50000 → 80, SYN
    )
    header = bytes.fromhex("a1b2c3d4 0002 0004 00000000 00000000 0000ffff 00000065")
    record = (1).to_bytes(4, "big") + bytes(4) + 2 * len(syn).to_bytes(4, "big")
    path = tmp_path / "syn.pcap"
    path.write_bytes(header + record + syn)
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["replay", "--help"],
        ["crosscheck", "--help"],
        ["export", "--help"],
        ["survey", "--help"],
    ],
    ids=" ".join,
)
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    assert not HEAVY & modules_after(*arguments)


def test_replay_imports_nothing_heavy(capture: Path) -> None:
    modules = modules_after("replay", str(capture))
    assert "handshake" in modules
    assert not HEAVY & modules


def test_replay_imports_only_what_the_capture_needs() -> None:
    modules = modules_after("replay", "captures/three-way.pcap")
    assert "handshake.wire.tcp" in modules
    assert [name for name in RARE if name in modules] == []


@pytest.mark.parametrize("form", ["json", "csv", "summary"])
def test_only_tables_import_tabulate(form: str) -> None:
    modules = modules_after("replay", "captures/three-way.pcap", "-f", form)
    assert f"handshake.render.{form}" in modules
    assert "tabulate" not in modules


def test_what_is_rare_is_there() -> None:
    for name in RARE:
        import_module(name)


def test_export_as_csv_imports_nothing_heavy(capture: Path) -> None:
    modules = modules_after("export", str(capture), "-o", str(capture.with_suffix(".csv")))
    assert not HEAVY & modules
