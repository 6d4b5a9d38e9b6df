"""Compares the times we report with those of an independent tcpdump on the same interface: `make accuracy`.

200 probes over loopback in a private network, IPv4 and IPv6 each. Both look at the same packets; tcpdump's
times are read from its own text output. The kernel stamps a SYN when it arrives, once for both; a SYN-ACK of its
own it stamps for each capturing socket as that one's turn comes, so an interrupt between the two sets them apart
now and then. Exit status 1 when more than one probe in a hundred differs by more than 20 µs and 2 %.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path

from tabulate import tabulate

from handshake.lab.netns import run_in_private_network
from handshake.model.handshake import Handshake
from handshake.probe.approach import prepare
from handshake.render.units import percentile
from handshake.series import Series
from tests.bench.loopback import PORT, server

PROBES = 200
GAP_S = 0.005
TOLERANCE_NS, TOLERANCE_SHARE = 20_000, 0.02
SHARE_WITHIN = 0.99

_LINE = re.compile(r"^(\d+)\.(\d{9}) IP6? \S+\.(\d+) > \S+\.(\d+): Flags \[(S\.?)\]")


@contextmanager
def tcpdump(path: Path) -> Iterator[None]:
    """A tcpdump that has begun to capture on loopback, writing to `path` until the block ends."""
    command = ["tcpdump", "-i", "lo", "--immediate-mode", "--time-stamp-precision=nano", "-U", "-w", str(path)]
    with subprocess.Popen([*command, f"tcp port {PORT}"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "listening on" in line:
                break
        try:
            yield
        finally:
            process.terminate()
            process.stderr.read()


def times_of_tcpdump(path: Path) -> dict[int, int]:
    """SYN to SYN-ACK in ns by client port, as tcpdump prints them; of several the last SYN before the answer."""
    command = ["tcpdump", "-r", str(path), "-n", "-tt", "--time-stamp-precision=nano"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    syns: dict[int, int] = {}
    times: dict[int, int] = {}
    for match in filter(None, map(_LINE.match, text.splitlines())):
        seconds, fraction, source, destination, flags = match.groups()
        time_ns = int(seconds) * 1_000_000_000 + int(fraction)
        if flags == "S":
            syns[int(source)] = time_ns
        else:
            times.setdefault(int(destination), time_ns - syns[int(destination)])
    return times


def measure(address: str, path: Path) -> list[tuple[int, int]]:
    """Our time and tcpdump's, ns, for every probe. Runs in a private network."""
    approach = prepare(f"[{address}]:{PORT}" if ":" in address else f"{address}:{PORT}")
    ours: list[Handshake] = []
    with server(address), tcpdump(path):
        for probed in Series(repeat(approach, PROBES), ["lo"], gap_s=GAP_S).run():
            assert probed.handshake is not None, probed.error
            ours.append(probed.handshake)
    theirs = times_of_tcpdump(path)
    return [
        (handshake.timing.syn_to_synack_ns, theirs[handshake.client.endpoint.port])
        for handshake in ours
        if handshake.timing.syn_to_synack_ns is not None
    ]


def main() -> None:
    """Measure, show, judge."""
    if shutil.which("tcpdump") is None:
        sys.exit("no tcpdump on this machine; to have it: sudo apt-get install tcpdump")
    rows = []
    good = True
    with tempfile.TemporaryDirectory() as folder:
        for address in ("127.0.0.1", "::1"):
            pairs = run_in_private_network(measure, address, Path(folder, "tcpdump.pcap"))
            apart = sorted(abs(ours - theirs) for ours, theirs in pairs)
            inside = sum(abs(o - t) <= max(TOLERANCE_NS, TOLERANCE_SHARE * t) for o, t in pairs)
            good &= len(pairs) == PROBES and inside >= SHARE_WITHIN * PROBES
            median = percentile(sorted(ours for ours, _ in pairs), 50)
            figures = (apart[0], *(percentile(apart, percent) for percent in (50, 95, 99)), apart[-1])
            shown = [f"{ns / 1000:.3f}" for ns in figures]
            rows.append((address, f"{median / 1000:.1f}", *shown, f"{inside}/{PROBES}"))
    headers = ("µs", "syn→synack p50", "apart min", "p50", "p95", "p99", "max", "within")
    print(tabulate(rows, headers=headers, disable_numparse=True, colalign=("left", *["right"] * 7)))
    verdict = "within" if good else "NOT within"
    print(f"\n{verdict} 20 µs or 2 % of tcpdump, whichever is larger (99 % of the probes or more)")
    sys.exit(not good)


if __name__ == "__main__":
    main()
