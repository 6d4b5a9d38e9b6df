"""Measures start-up and decoding beside other tools, in one run: `python tests/bench/bench.py`.

Every round runs all contestants one after the other, so that a noisy machine is noisy to all of them;
shown are medians over the rounds. Trust the ratios more than the numbers.
"""

from __future__ import annotations

import importlib.util
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from tabulate import tabulate

ROUNDS = 5
CONNECTIONS = 5_000
PACKETS_EACH = 4

EMPTY_APP = """
import typer
app = typer.Typer()
@app.command()
def main(name: str): print(name)
app(["x"])
"""


def write_capture(path: Path, connections: int) -> None:
    """A pcap of short connections: SYN, SYN-ACK, ACK, data; Ethernet and IPv4, options as Linux sends them."""
    options = bytes.fromhex("020405b40402080a000000010000000001030307")
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number in range(connections):
            client, port = 0x0A000000 + number % 250 + 1, 1024 + number % 60000
            for step, (flags, seq, ack, tail, data) in enumerate(
                [
                    (0x02, 0, 0, options, b""),
                    (0x12, 0, 1, options, b""),
                    (0x10, 1, 1, b"", b""),
                    (0x18, 1, 1, b"", b"x" * 64),
                ]
            ):
                ends = (0x0A000100, client, 80, port) if step == 1 else (client, 0x0A000100, port, 80)
                tcp = struct.pack("!HHIIHHHH", *ends[2:], seq, ack, (5 + len(tail) // 4) << 12 | flags, 64240, 0, 0)
                length = 20 + len(tcp) + len(tail) + len(data)
                ip = struct.pack("!BBHHHBBHII", 0x45, 0, length, number & 0xFFFF, 0x4000, 64, 6, 0, *ends[:2])
                frame = bytes(12) + b"\x08\x00" + ip + tcp + tail + data
                file.write(struct.pack("<IIII", number, step * 1000, len(frame), len(frame)) + frame)


def seconds(action: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def race(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each contestant, all taking turns."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, action in contestants.items():
            times[name].append(seconds(action))
    return {name: statistics.median(each) for name, each in times.items()}


def command(*arguments: str) -> Callable[[], object]:
    """Run this Python with arguments, its output thrown away; a failure ends the benchmark."""
    return lambda: subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)


def exhaust(things: Iterable[object]) -> None:
    """Take every element."""
    for _ in things:
        pass


def handshake_decode(path: Path) -> None:
    """Our reader and scalar decoder."""
    from handshake.source.capture import open_capture
    from handshake.wire.decode import decode

    with open_capture(path) as capture:
        exhaust(map(decode, capture))


def handshake_read(path: Path) -> None:
    """Our whole way: read, decode, judge, find."""
    import handshake

    exhaust(handshake.read(str(path)))


def scapy_decode(path: Path) -> None:
    """Scapy's reader, which dissects every packet."""
    import scapy.layers.all
    from scapy.utils import PcapReader

    assert scapy.layers.all
    with PcapReader(str(path)) as reader:
        exhaust(reader)


def dpkt_decode(path: Path) -> None:
    """dpkt's reader and decoder (not a dependency: raced only where installed)."""
    import dpkt

    with path.open("rb") as file:
        exhaust(dpkt.ethernet.Ethernet(data) for _, data in dpkt.pcap.Reader(file))


def show_startup(folder: Path) -> None:
    """Whole processes, from exec to exit."""
    small = folder / "small.pcap"
    write_capture(small, 3)
    medians = race(
        {
            "python -c pass": command("-c", "pass"),
            "an empty typer app": command("-c", EMPTY_APP),
            "handshake --version": command("-m", "handshake", "--version"),
            "handshake --help": command("-m", "handshake", "--help"),
            "handshake replay (12 packets)": command("-m", "handshake", "replay", str(small)),
        },
        ROUNDS,
    )
    base = medians["an empty typer app"]
    rows = [(name, f"{took * 1e3:.0f}", f"{took / base:.2f}") for name, took in medians.items()]
    print(tabulate(rows, headers=("start-up", "ms", "÷ empty typer app"), disable_numparse=True), end="\n\n")


def show_decoding(folder: Path) -> None:
    """Packets a second in this process, imports not counted."""
    large, packets = folder / "large.pcap", CONNECTIONS * PACKETS_EACH
    write_capture(large, CONNECTIONS)
    contestants: dict[str, Callable[[Path], None]] = {
        "handshake, read and decode": handshake_decode,
        "handshake, whole judgement": handshake_read,
        "scapy PcapReader": scapy_decode,
    }
    if importlib.util.find_spec("dpkt"):
        contestants["dpkt"] = dpkt_decode
    small = folder / "small.pcap"
    for decode in contestants.values():
        decode(small)  # imports
    medians = race({name: partial(decode, large) for name, decode in contestants.items()}, ROUNDS)
    base = medians["handshake, read and decode"]
    rows = [(name, f"{packets / took:,.0f}", f"{took / base:.2f}") for name, took in medians.items()]
    headers = (f"decoding {packets:,} packets", "packets/s", "time ÷ read and decode")
    print(tabulate(rows, headers=headers, disable_numparse=True, colalign=("left", "right", "right")))


def main() -> None:
    """Run both races."""
    with tempfile.TemporaryDirectory() as folder:
        show_startup(Path(folder))
        show_decoding(Path(folder))


if __name__ == "__main__":
    main()
