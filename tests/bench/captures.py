"""Large captures beside other tools, in one run: `python -m tests.bench.captures`.

The captures are made first, into a temporary directory. Every round runs all contestants one after the other, whole
processes from start to exit, so that a noisy machine is noisy to all of them. Trust the ratios more than the seconds.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.util
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tabulate import tabulate

KINDS = {"mixed": 1_000_000, "small": 2_000_000, "flood": 1_000_000}
GROWN = {"mixed": 17_000_000, "small": 100_000_000, "flood": 10_000_000}
"""Packets of the largest captures: the first two have 10 and 11 GB."""
SIZES = 100_000, 300_000, 1_000_000, 4_000_000, 10_000_000
FILTER = "tcp[tcpflags] & (tcp-syn|tcp-fin|tcp-rst) != 0"
OPENED = r"opened +([\d,]+) handshake"
SLOW_SHARE = 20
"""Scapy reads a capture this many times smaller, and its time is multiplied: it would take minutes."""

DPKT = """
import socket, struct, sys
import dpkt
flows = set()
for _, data in dpkt.pcap.Reader(open(sys.argv[1], "rb")):
    ip = dpkt.ethernet.Ethernet(data).data
    tcp = ip.data
    if isinstance(tcp, dpkt.tcp.TCP) and tcp.flags & 18 == 2:
        flows.add((ip.src, ip.dst, tcp.sport, tcp.dport))
print(len(flows), "connections")
"""
SCAPY = """
import sys
import scapy.layers.all
from scapy.layers.inet import TCP
from scapy.utils import PcapReader
flows = set()
with PcapReader(sys.argv[1]) as packets:
    for packet in packets:
        if TCP in packet and int(packet[TCP].flags) & 18 == 2:
            flows.add((packet.payload.src, packet.payload.dst, packet[TCP].sport, packet[TCP].dport))
print(len(flows), "connections")
"""


@dataclass
class Contestant:
    """One way to read a capture."""

    name: str
    command: list[str]
    """`FILE` stands for the capture."""
    count: str = ""
    """Finds the number of connections in what it prints."""
    share: int = 1
    """Of the capture: every so many-th part."""
    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0
    found: int | None = None

    def run(self, path: Path) -> None:
        """One whole process."""
        command = [str(path) if word == "FILE" else word for word in self.command]
        with tempfile.TemporaryFile() as out:
            began = time.perf_counter()
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
            if status:
                raise SystemExit(f"{self.name} failed with status {status}")
            self.seconds.append(took * self.share)
            self.megabytes = max(self.megabytes, usage.ru_maxrss / 1024)
            out.seek(0)
            if self.count:
                self.found = self._counted(out)

    def _counted(self, out: IO[bytes]) -> int:
        """The last number found, or how many lines have what is looked for."""
        number, lines = -1, 0
        for line in out:  # never all of it: what this process holds would count as its children's
            match = re.search(self.count, line.decode(errors="replace"))
            if match:
                lines += 1
                number = int(match[1].replace(",", "")) if match[1] != "<->" else lines
        return number


def make(kind: str, packets: int, path: Path) -> None:
    """Make a capture in a process of its own, so that this one stays small: a child's peak memory begins with ours."""
    subprocess.run([sys.executable, "-m", "tests.bench.traffic", kind, str(packets), str(path)], check=True)


def ours(jobs: int, *how: str) -> list[str]:
    """The command that reads a capture with so many processes."""
    return [sys.executable, "-m", "handshake", "replay", *how, "--jobs", str(jobs), "FILE"]


def contestants(packets: int) -> tuple[list[Contestant], list[str]]:
    """Those that are installed, ours first; and how to install the others."""
    race = [
        Contestant("handshake --summary, 1 process", ours(1, "--summary"), OPENED),
        Contestant("handshake --summary, 2 processes", ours(2, "--summary"), OPENED),
        Contestant("handshake -f csv, 2 processes", ours(2, "-f", "csv"), r"^(\d+),"),
    ]
    missing = []
    conversations = ["tshark", "-n", "-r", "FILE", "-q", "-z", "conv,tcp"]
    tools = {
        "tcpdump": ("tcpdump", "-r, filtered", ["tcpdump", "-nr", "FILE", "-w", "/dev/null", FILTER], ""),
        "tcptrace": ("tcptrace", "-n", ["tcptrace", "-n", "FILE"], r"^ *(\d+): "),
        "tshark": ("tshark", "-q -z conv,tcp", conversations, r" (<->) "),
        "argus": ("argus-server", "", ["argus", "-r", "FILE", "-w", "/dev/null"], ""),
        "suricata": ("suricata", "", ["suricata", "-r", "FILE", "-l", tempfile.gettempdir()], ""),
    }
    for tool, (package, how, command, count) in tools.items():
        if shutil.which(tool):
            race.append(Contestant(f"{tool} {how}".strip(), command, count))
        else:
            missing.append(f"{tool} is not installed; to have it in the race: sudo apt-get install {package}")
    for module, script, share in (("dpkt", DPKT, 1), ("scapy", SCAPY, SLOW_SHARE if packets > 50_000 else 1)):
        name = f"{module} loop" if module == "dpkt" else "scapy PcapReader"
        if importlib.util.find_spec(module):
            race.append(Contestant(name, [sys.executable, "-c", script, "FILE"], r"(\d+) connections", share))
        else:
            missing.append(f"{module} is not installed; to have it in the race: pip install {module}")
    return race, missing


def race_on(kind: str, packets: int, rounds: int, folder: Path, left_out: Iterable[str]) -> list[str]:
    """Race on one capture and print the table."""
    path, part = folder / f"{kind}.pcap", folder / f"{kind}-part.pcap"
    make(kind, packets, path)
    make(kind, max(packets // SLOW_SHARE, 1), part)
    race, missing = contestants(packets)
    race = [each for each in race if not any(word in each.name for word in left_out)]
    for _ in range(rounds):
        for each in race:
            if each.share == 1 or not each.seconds:  # the slow one once
                each.run(path if each.share == 1 else part)
    size = path.stat().st_size / 1e6
    path.unlink()
    part.unlink()
    rows = []
    for each in race:
        ratios = sorted(theirs / own for theirs, own in zip(each.seconds, race[0].seconds, strict=False))
        spread = [f"{value:.2f}" for times in (each.seconds, ratios)
                  for value in (min(times), statistics.median(times), max(times))]  # fmt: skip
        found = "" if each.found is None or each.share > 1 else f"{each.found:,}"
        rows.append((each.name, *spread, f"{each.megabytes:,.0f}", found))
    title = f"{kind}, {packets:,} packets, {size:,.0f} MB: s"
    headers = (title, "min", "median", "max", "it ÷ ours: min", "median", "max", "peak MB", "connections")
    right = ["right"] * (len(headers) - 1)
    print(tabulate(rows, headers=headers, disable_numparse=True, colalign=("left", *right)), end="\n\n", flush=True)
    counts = {each.found for each in race if each.found is not None and each.share == 1}
    if len(counts) > 1:
        print(f"the tools do not agree on the number of connections: {sorted(counts)}", file=sys.stderr)
    return missing


def growth(kind: str, folder: Path, sizes: Iterable[int]) -> None:
    """How time and memory of one process grow with the number of packets and connections."""
    rows = []
    for packets in sizes:
        path = folder / "growth.pcap"
        make(kind, packets, path)
        each = Contestant("ours", ours(1, "--summary"), OPENED)
        for _ in range(3 if packets < 10_000_000 else 1):
            each.run(path)
        took = statistics.median(each.seconds)
        megabytes = path.stat().st_size / 1e6
        rows.append((f"{packets:,}", f"{each.found:,}", f"{megabytes:,.0f}", f"{took:.2f}", f"{packets / took:,.0f}",
                     f"{each.megabytes:,.0f}"))  # fmt: skip
        path.unlink()
    headers = (f"{kind}, packets", "connections", "MB", "s", "packets/s", "peak MB")
    print(tabulate(rows, headers=headers, disable_numparse=True, colalign=("right",) * 6), end="\n\n", flush=True)


def main() -> None:
    """Race on each kind of capture, then let one grow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1, help="times as many packets, e.g. 0.05")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--without", action="append", default=[], metavar="TOOL")
    parser.add_argument("--grow-to", type=int, default=4_000_000, metavar="PACKETS", help="100000000: all of it")
    chosen = parser.parse_args()
    missing: list[str] = []
    compileall.compile_dir("handshake", quiet=1)  # as the first run of a Python does that may write bytecode
    with tempfile.TemporaryDirectory() as folder:
        for kind in chosen.kind or KINDS:
            left_out = [
                *chosen.without,
                *(["tcptrace"] if kind == "flood" and chosen.scale > 0.3 else []),
            ]  # takes 8 GB
            missing = race_on(kind, int(KINDS[kind] * chosen.scale), chosen.rounds, Path(folder), left_out)
        for kind, most in GROWN.items():
            growth(kind, Path(folder), [size for size in sorted({*SIZES, most}) if size <= min(most, chosen.grow_to)])
    print(*missing, sep="\n")


if __name__ == "__main__":
    main()
