"""A capture file as tshark reads it: claims in, and one clear line for whatever goes wrong."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from handshake.errors import CaptureError, ToolError
from handshake.model.claim import Claim
from handshake.model.report import Damage, SourceInfo
from handshake.oracle.claims import Claims
from handshake.oracle.tool import find_tshark

if TYPE_CHECKING:
    from handshake.oracle.driver import FieldCapture

_PATIENCE_S = 60
_BYTES_A_SECOND = 20_000
"""Of file; tshark reads a hundred times as many. A hang is given up after the sum of both."""
_LONGEST_COMPLAINT = 300

_NOISE = re.compile(r"^Running as user .*|^tshark: |^\*\* ?|(?<=The file )\"[^\"]*\" ", re.MULTILINE)
_DAMAGED = re.compile(r"cut short|damaged or corrupt|error occurred while reading")


class Dissection:
    """An iterator over what tshark claims of each packet of a capture file, and a context manager that ends tshark.

    Where tshark stops before the end of the file, the iteration ends and `damage` says why. Raises CaptureError when
    it can read nothing, ToolError when it is missing, too old, crashes, or takes too long.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.fspath(path)
        self.tshark = find_tshark()
        self.frames = 0
        """Packets so far."""
        self.damage: Damage | None = None
        self.ended = False
        """tshark has read all that it can."""
        size = _size(self.name)
        self._patience_s = _PATIENCE_S + size // _BYTES_A_SECOND
        self._claims = Claims()
        try:
            from handshake.oracle.driver import FieldCapture, TiedLoop
        except ImportError as error:
            raise ToolError(f"pyshark, the way to tshark, is not installed: pip install pyshark ({error})") from None
        self._runner = asyncio.Runner(loop_factory=lambda: TiedLoop(self._patience_s))
        try:
            self._capture: FieldCapture = FieldCapture(
                os.path.abspath(self.name), self.tshark, self._runner.get_loop(), self._patience_s
            )
            self._packets: Iterator[dict[str, list[str]]] = iter(self._capture)
        except BaseException:
            self._runner.close()
            raise

    def __iter__(self) -> Iterator[Claim]:
        return self

    def __next__(self) -> Claim:
        while True:
            try:
                fields = next(self._packets, None)
            except TimeoutError:
                raise ToolError(f"{self.name}: tshark said nothing for {self._patience_s} s and was stopped") from None
            except OSError as error:
                raise ToolError(f"{self.name}: tshark cannot be run: {error.strerror}") from None
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise ToolError(f"{self.name}: pyshark cannot follow tshark {self.tshark.version}: {error!r}") from None
            if fields is None:
                self._judge_the_end()
                self.ended = True
                raise StopIteration
            claim = self._claims.of(fields)
            if claim is not None:
                self.frames = claim.number
                return claim

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End tshark if it still runs, and wait until it is gone."""
        try:
            self._packets.close()  # type: ignore[attr-defined]
        finally:
            self._capture.close()
            self._runner.close()

    def info(self) -> SourceInfo:
        """Name, who dissected it, packets so far and damage, for a report."""
        return SourceInfo(self.name, f"dissected by tshark {self.tshark.version}", self.frames, self.damage)

    def _judge_the_end(self) -> None:
        """Find out why tshark has left: by itself after everything, or for another reason."""
        status = self._capture.status
        complaint = _readable(self._capture.complaints)
        if not status:
            return
        if status < 0:
            raise ToolError(f"{self.name}: tshark {_death(status, self._patience_s)} after {self.frames:,} packets")
        if self.frames or _DAMAGED.search(complaint):
            self.damage = Damage(None, self.frames + 1, complaint)
        elif status == 1:
            raise ToolError(f"tshark {self.tshark.version} does not work as expected: {complaint}")
        else:
            raise CaptureError(f"{self.name}: tshark cannot read it: {complaint or f'exit status {status}'}")


def _size(path: str) -> int:
    """Bytes of a regular file that can be read. Raises CaptureError for anything else: tshark reads it by itself."""
    if path == "-":
        raise CaptureError("standard input: tshark needs a file")
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
    except (OSError, ValueError) as error:
        raise CaptureError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(status.st_mode):
        raise CaptureError(f"{path}: not a regular file, which tshark needs")
    return status.st_size


def _readable(complaints: str) -> str:
    """What tshark said, in one line, without its own name and the file's."""
    words = " ".join(_NOISE.sub("", complaints).split()).replace("The file ", "the file ").rstrip(".")
    return words if len(words) <= _LONGEST_COMPLAINT else words[:_LONGEST_COMPLAINT] + " …"


def _death(status: int, limit_s: int) -> str:
    if -status in (signal.SIGXCPU, signal.SIGKILL):
        return f"was killed (after {limit_s} s of processor time, or for want of memory)"
    try:
        return f"crashed ({signal.Signals(-status).name})"
    except ValueError:
        return f"crashed (signal {-status})"
