"""Record an interface of a lab host."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from handshake.errors import CaptureError
from handshake.lab.netns import Host
from handshake.model.packet import Frame
from handshake.source.live import Sniffer
from handshake.source.writer import PcapngWriter, PcapWriter


@contextmanager
def capture(host: Host, interface: str, *, quiet_s: float = 0.1) -> Iterator[list[Frame]]:
    """What passes `interface` of `host` during the block, until nothing came for `quiet_s` seconds.

    The list is filled at the end of a block that did not raise. Meant for short recordings: the frames wait in
    the kernel, some megabytes of them. Raises CaptureError when it had to drop some, ProbeError when there is no such
    interface.
    """
    frames: list[Frame] = []
    with host.inside():
        sniffer = Sniffer(interface)
    with sniffer:
        yield frames
        while frame := sniffer.read(quiet_s):
            frames.append(frame)
        if sniffer.drops:
            raise CaptureError(f"{interface} of {host.name}: the kernel dropped {sniffer.drops} frames")


@contextmanager
def record(host: Host, interface: str, path: str | os.PathLike[str], *, quiet_s: float = 0.1) -> Iterator[None]:
    """`capture` to a file, which is written at the end of a block that did not raise.

    The suffix decides: `.pcap` (microseconds) or `.pcapng` (nanoseconds). Raises CaptureError also when the file
    cannot be written.
    """
    with capture(host, interface, quiet_s=quiet_s) as frames:
        yield
    save(frames, path)


@contextmanager
def recording(host: Host, interface: str, path: str | os.PathLike[str], *, quiet_s: float = 0.2) -> Iterator[None]:
    """Record what passes `interface` of `host` to a pcapng file while it passes, however much it is.

    It goes on after the block until nothing came for `quiet_s` seconds. Raises CaptureError when the kernel had to
    drop frames or the file cannot be written.
    """
    over = threading.Event()
    with host.inside():
        sniffer = Sniffer(interface)

    def write(writer: PcapngWriter) -> None:
        while (frame := sniffer.read(quiet_s)) or not over.is_set():
            if frame:
                writer.write(frame)

    with sniffer, PcapngWriter(path) as writer, ThreadPoolExecutor(1, "recorder") as pool:
        writing = pool.submit(write, writer)
        try:
            yield
        finally:
            over.set()
            writing.result()
        if sniffer.drops:
            raise CaptureError(f"{path}: the kernel dropped {sniffer.drops} frames while recording")


def save(frames: Iterable[Frame], path: str | os.PathLike[str]) -> None:
    """Write frames to a file; the suffix decides as for `record`. Raises CaptureError."""
    pcap = Path(path).suffix == ".pcap"
    with PcapWriter(path, nanoseconds=False) if pcap else PcapngWriter(path) as writer:
        for frame in frames:
            writer.write(frame)
