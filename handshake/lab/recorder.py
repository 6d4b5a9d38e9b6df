"""Record an interface of a lab host to a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from handshake.errors import CaptureError
from handshake.lab.netns import Host
from handshake.source.live import Sniffer
from handshake.source.writer import PcapngWriter, PcapWriter


@contextmanager
def record(host: Host, interface: str, path: str | os.PathLike[str], *, quiet_s: float = 0.1) -> Iterator[None]:
    """Record what passes `interface` of `host` during the block, until nothing came for `quiet_s` seconds.

    The suffix decides: `.pcap` (microseconds) or `.pcapng` (nanoseconds). Meant for short recordings: the
    frames wait in the kernel, some megabytes of them, and are written at the end of a block that did
    not raise. Raises CaptureError when the kernel had to drop some or the file cannot be written,
    ProbeError when there is no such interface.
    """
    with host.inside():
        sniffer = Sniffer(interface)
    with sniffer:
        yield
        with _writer(Path(path), sniffer.linktype) as writer:
            while frame := sniffer.read(quiet_s):
                writer.write(frame)
        if sniffer.drops:
            raise CaptureError(f"{path}: the kernel dropped {sniffer.drops} frames while recording")


def _writer(path: Path, linktype: int) -> PcapWriter | PcapngWriter:
    if path.suffix == ".pcap":
        return PcapWriter(path, linktype, nanoseconds=False)
    return PcapngWriter(path)
