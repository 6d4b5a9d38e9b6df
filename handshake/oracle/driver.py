"""pyshark, made to drive tshark the way a judge needs it. Imported only when it is used: pyshark is slow to load.

pyshark starts tshark, reads its output and cuts it into packets. Four things of it are replaced:

- *What is parsed.* Of pyshark's modes XML reads some 500 frames a second, JSON 7,000, and EK loses repeated keys, that
  is, all TCP options but one of each kind. EK of chosen fields (`-e`) keeps every value, in order, and is five times
  as fast, but pyshark's packet classes cannot be built from it: a line becomes a plain dictionary. Measured on
  26,000 frames of gopacket's cip.pcap, two passes, two cores: XML 590/s, JSON 6,900/s, this 22,000/s.
- *The end of tshark.* pyshark kills it at the end of its output and loses its exit status, which tells a cut capture
  from a whole one; one that ends at once it takes for a crash.
- *Its complaints.* pyshark keeps the last line and stumbles over bytes that are not UTF-8.
- *The event loop.* It is ours: pyshark would set up the process's child watcher, which Python 3.14 no longer has. And
  it starts tshark so that the kernel ends it with us, even after `kill -9`, or when it has burnt its processor time.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import resource
import signal
from typing import Any, cast

import pyshark
from packaging.version import Version
from pyshark.tshark.output_parser.tshark_ek import TsharkEkJsonParser

from handshake.oracle.fields import PREFERENCES, questions
from handshake.oracle.tool import Tshark

Fields = dict[str, list[str]]
"""The values of each field of one frame, in the order of dissection."""

_COMPLAINTS = 4096
"""Bytes of tshark's standard error that are kept, the latest."""
_GRACE_S = 10
"""For tshark to leave by itself after its output ended."""
_PR_SET_PDEATHSIG = 1
_NOWHERE = "/nonexistent"
"""Where tshark finds no personal preferences: they would change what it says."""

_prctl = getattr(ctypes.CDLL(None), "prctl", None)
"""Linux only."""


class TiedLoop(asyncio.SelectorEventLoop):
    """An event loop whose child processes the kernel ends with us, or after `cpu_s` seconds of processor time."""

    def __init__(self, cpu_s: int) -> None:
        super().__init__()
        self._cpu_s = cpu_s

    async def subprocess_exec(self, *args: Any, **options: Any) -> Any:
        """As asyncio's, with the ties."""
        parent = os.getpid()

        def tie() -> None:
            resource.setrlimit(resource.RLIMIT_CPU, (self._cpu_s, self._cpu_s + 5))
            if _prctl is not None:
                _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:
                    os._exit(1)

        environment = {**os.environ, "WIRESHARK_CONFIG_DIR": _NOWHERE}
        return await super().subprocess_exec(*args, preexec_fn=tie, env=environment, **options)


class _FieldLines(TsharkEkJsonParser):  # type: ignore[misc]
    """EK lines of chosen fields; raises TimeoutError when tshark says nothing for too long."""

    def __init__(self, patience_s: float) -> None:
        super().__init__()
        self._patience_s = patience_s

    async def get_packets_from_stream(self, stream: Any, existing_data: bytes, got_first_packet: bool = True) -> Any:
        async with asyncio.timeout(self._patience_s):
            return await super().get_packets_from_stream(stream, existing_data, got_first_packet)

    def _parse_single_packet(self, packet: bytes) -> Fields:
        return cast(Fields, json.loads(packet)["layers"])


class FieldCapture(pyshark.FileCapture):  # type: ignore[misc]
    """A capture file, dissected by tshark; iterating gives the fields of each frame."""

    def __init__(self, path: str, tshark: Tshark, loop: asyncio.AbstractEventLoop, patience_s: float) -> None:
        self._tshark = tshark
        self._patience_s = patience_s
        self._stderr = b""
        self.status: int | None = None
        """Exit status of tshark, negative for a signal; None while it runs."""
        super().__init__(
            path,
            use_ek=True,
            keep_packets=False,
            eventloop=loop,
            override_prefs=PREFERENCES,
            custom_parameters=questions(),
        )

    @property
    def complaints(self) -> str:
        """What tshark said on standard error."""
        return self._stderr.decode("utf-8", "backslashreplace")

    def _get_tshark_path(self) -> str:
        return self._tshark.path

    def _get_tshark_version(self) -> Version:
        return Version(self._tshark.version)

    def _setup_tshark_output_parser(self) -> _FieldLines:
        return _FieldLines(self._patience_s)

    def _created_new_process(self, parameters: list[str], process: Any, process_name: str = "") -> None:
        self._running_processes.add(process)  # one that is gone already has its say, too

    async def _handle_process_stderr_forever(self, stderr: asyncio.StreamReader) -> None:
        while piece := await stderr.read(_COMPLAINTS):
            self._stderr = (self._stderr + piece)[-_COMPLAINTS:]

    async def _cleanup_subprocess(self, process: asyncio.subprocess.Process) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task(), *self._stderr_handling_tasks}:
            task.cancel()  # a read that Ctrl-C left behind
        try:
            if self._eof_reached:
                await asyncio.wait_for(process.wait(), _GRACE_S)
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                process.kill()
            self.status = await process.wait()
            self._running_processes.discard(process)
