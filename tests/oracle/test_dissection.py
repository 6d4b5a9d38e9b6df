"""The adapter over pyshark: its segments are ours and scapy's, frame by frame, and nothing of tshark stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from handshake.compare.headers import differing
from handshake.errors import CaptureError, ToolError
from handshake.model.claim import Claim
from handshake.model.options import EOL
from handshake.model.packet import Segment
from handshake.oracle import Dissection
from handshake.source.capture import open_capture
from handshake.wire.decode import decode
from tests.support import ROOT, require, tshark

BUNDLED = sorted(path.name for path in (ROOT / "captures").glob("*.pcap*"))
THREE_WAY = ROOT / "captures" / "three-way.pcap"
CHILDREN = Path("/proc/thread-self/children")
"""Where Linux tells this process's children, the unburied ones included."""


@pytest.fixture(autouse=True)
def _installed() -> None:
    tshark()


def claims(path: Path) -> list[Claim]:
    with Dissection(path) as dissection:
        return list(dissection)


@pytest.mark.parametrize("name", BUNDLED)
def test_every_header_field_is_as_we_read_it(name: str) -> None:
    path = ROOT / "captures" / name
    with open_capture(path) as capture:
        frames = list(capture)
    theirs = claims(path)
    assert [(claim.number, claim.time_ns, claim.cap_len, claim.orig_len) for claim in theirs] == [
        (frame.number, frame.time_ns, len(frame.data), frame.orig_len) for frame in frames
    ]
    compared = 0
    for frame, claim in zip(frames, theirs, strict=True):
        ours, their = decode(frame).transport, claim.packet.transport
        assert type(ours) is type(their)
        if isinstance(ours, Segment) and isinstance(their, Segment):
            compared += 1
            assert list(differing(ours, their)) == []
            assert ours.tags == their.tags
        elif ours is not None and their is not None:
            assert ours == their
    assert compared


@pytest.mark.parametrize("name", ["three-way.pcap", "three-way-ipv6.pcapng", "fast-open.pcapng", "multipath.pcapng"])
def test_every_header_field_is_as_scapy_reads_it(name: str) -> None:
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6
    from scapy.utils import PcapReader

    path = ROOT / "captures" / name
    segments = [claim.packet.transport for claim in claims(path)]
    with PcapReader(str(path)) as reader:
        packets = [packet for packet in reader if TCP in packet]
    assert len(packets) == len(segments)
    for packet, segment in zip(packets, segments, strict=True):
        assert isinstance(segment, Segment)
        tcp, network = packet[TCP], packet[IP] if IP in packet else packet[IPv6]
        assert (segment.src.port, segment.dst.port) == (tcp.sport, tcp.dport)
        assert (segment.src.address, segment.dst.address) == tuple(
            ip_address(host).packed for host in (network.src, network.dst)
        )
        assert (segment.seq, segment.ack_raw, segment.wnd) == (tcp.seq, tcp.ack, tcp.window)
        assert (segment.flags, segment.reserved, segment.urgent) == (int(tcp.flags), tcp.reserved, tcp.urgptr)
        assert segment.ttl == (network.ttl if IP in packet else network.hlim)
        assert segment.ip_id == (network.id if IP in packet else None)
        raw = bytes(tcp)[20 : tcp.dataofs * 4]
        told = b"".join(
            bytes((option.kind,)) if option.kind <= 1 else bytes((option.kind, len(option.data) + 2)) + option.data
            for option in segment.options.items
            if option.kind != EOL
        )
        assert told.ljust(len(raw), b"\0") == raw


# -- nothing stays behind ------------------------------------------------------------------------------------------


def children() -> set[str]:
    require(CHILDREN.exists(), f"this kernel does not tell {CHILDREN}")
    return set(CHILDREN.read_text().split())


def running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int) -> bool:
    for _ in range(100):
        if not running(pid):
            return True
        time.sleep(0.05)
    return False


def test_leaves_no_tshark_behind() -> None:
    before = children()
    assert claims(THREE_WAY)
    assert children() == before


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_nor_when_the_consumer_stops_half_way(taken: int) -> None:
    before = children()
    with Dissection(THREE_WAY) as dissection:
        for _ in range(taken):
            next(dissection)
    assert children() == before


def test_nor_when_the_consumer_fails() -> None:
    before = children()
    with pytest.raises(ZeroDivisionError), Dissection(THREE_WAY) as dissection:
        next(dissection).number / 0
    assert children() == before


SAYS_VERSION = "case \"$1\" in --version) echo 'TShark (Wireshark) 4.0.17'; exit 0;; esac"
HANGS = f"""{SAYS_VERSION}
echo $$ > "$(dirname "$0")/pid"
exec sleep 300
"""


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A place for scripts that are taken for tshark."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    yield tmp_path
    pid = tmp_path / "pid"
    assert not pid.exists() or gone(int(pid.read_text()))


def pretend(directory: Path, script: str) -> None:
    path = directory / "tshark"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def dissecting(*signals: signal.Signals, directory: Path) -> subprocess.Popen[str]:
    """`handshake crosscheck` with a tshark that hangs; it gets these signals."""
    process = subprocess.Popen(
        [sys.executable, "-m", "handshake", "crosscheck", str(THREE_WAY), str(THREE_WAY)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for _ in range(200):
        if (directory / "pid").exists() and (directory / "pid").read_text():
            break
        time.sleep(0.05)
    for number in signals:
        process.send_signal(number)
    return process


def test_nor_on_ctrl_c(fake: Path) -> None:
    pretend(fake, HANGS)
    process = dissecting(signal.SIGINT, directory=fake)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == f"handshake: interrupted in {THREE_WAY}, which is left out; 0 of 2 checked\n"
    assert "compared" in out
    assert gone(int((fake / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nor_when_we_are_killed(fake: Path, number: signal.Signals) -> None:
    pretend(fake, HANGS)
    process = dissecting(number, directory=fake)
    process.communicate(timeout=30)
    assert process.returncode == -number
    assert gone(int((fake / "pid").read_text()))


# -- what goes wrong is one line -----------------------------------------------------------------------------------

LINE = '{"timestamp":"1","layers":{"frame_number":["%d"],"frame_encap_type":["1"],"frame_protocols":["eth"]}}'


def failure(path: Path = THREE_WAY) -> str:
    before = children()
    with pytest.raises((CaptureError, ToolError)) as failed:
        claims(path)
    message = str(failed.value)
    assert "\n" not in message
    assert children() == before
    return message


FAILURES = {
    "kill -SEGV $$": "tshark crashed (SIGSEGV) after 0 packets",
    f"echo '{LINE % 1}'; kill -ABRT $$": "tshark crashed (SIGABRT) after 1 packets",
    "kill -KILL $$": "was killed",
    "echo 'tshark: Some fields are not valid:' >&2; exit 1": "does not work as expected: Some fields are not valid:",
    """echo 'tshark: The file "/x y" is no capture.' >&2; exit 2""": "tshark cannot read it: the file is no capture",
    "exit 2": "tshark cannot read it: exit status 2",
    """echo '{"timestamp":"1","layers":'""": "cannot follow tshark 4.0.17",
    "echo '[]'": "cannot follow tshark 4.0.17",
    "printf '\\377\\376\\n'": "cannot follow tshark 4.0.17",
    "head -c 100000 /dev/zero >&2; printf '\\033[31m\\377' >&2; exit 2": "tshark cannot read it: ",
}


@pytest.mark.parametrize("script", FAILURES)
def test_a_tshark_that_fails(fake: Path, script: str) -> None:
    pretend(fake, f"{SAYS_VERSION}\n{script}")
    assert FAILURES[script] in failure()


def test_a_cut_capture_gives_what_could_be_read(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(THREE_WAY.read_bytes()[:-5])
    with Dissection(cut) as dissection:
        assert len(list(dissection)) == 9
    damage = dissection.damage
    assert damage is not None
    assert (damage.offset, damage.number) == (None, 10)
    assert damage.reason == "the file appears to have been cut short in the middle of a packet"


def test_a_tshark_that_hangs_is_given_up(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(fake, HANGS)
    monkeypatch.setattr("handshake.oracle.dissection._PATIENCE_S", 1)
    assert "tshark said nothing for 1 s and was stopped" in failure()


def test_a_tshark_that_computes_for_ever_is_ended_by_the_kernel(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_and_then = f"case $i in *0000) echo '{LINE % 1}';; esac"
    pretend(fake, f"{SAYS_VERSION}\ni=0; while :; do i=$((i + 1)); {now_and_then}; done")
    monkeypatch.setattr("handshake.oracle.dissection._PATIENCE_S", 1)
    assert "was killed (after 1 s of processor time" in failure()


@pytest.mark.parametrize("name", ["nothing.pcap", "-", "."])
def test_no_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert failure(Path(name)).startswith(("standard input: ", f"{name}: "))


def test_odd_names_are_files_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("-r", "a b\n.pcap", os.fsdecode(b"\xff.pcap")):
        Path(name).write_bytes(THREE_WAY.read_bytes())
        assert len(claims(Path(name))) == 10


def test_personal_preferences_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "wireshark"
    home.mkdir()
    (home / "preferences").write_text("tcp.analyze_sequence_numbers: FALSE\n")
    (home / "disabled_protos").write_text("tcp\n")
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(home))
    assert all(isinstance(claim.packet.transport, Segment) for claim in claims(THREE_WAY))


def test_without_pyshark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "handshake.oracle.driver", raising=False)
    monkeypatch.setitem(sys.modules, "pyshark", None)
    assert "pyshark, the way to tshark, is not installed" in failure()


def test_python_without_child_watchers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.14 has none of these; pyshark's own way needs them."""
    for name in ("set_child_watcher", "get_child_watcher", "SafeChildWatcher"):
        monkeypatch.delattr(asyncio, name, raising=False)
    assert len(claims(THREE_WAY)) == 10
