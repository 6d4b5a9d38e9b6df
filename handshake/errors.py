"""What can go wrong for the person at the terminal; everything else is data to show.

A malformed packet is never an error (it is decoded as far as it goes); these are for files that
cannot be read, targets that make no sense, and a machine that does not let us work.
"""

from __future__ import annotations

import os
import shlex
import sys


class HandshakeError(Exception):
    """Base of every error this package raises on purpose: one line that says what, where, what to do."""

    exit_status = 1


class CaptureError(HandshakeError):
    """A capture file cannot be read at all (missing, not a capture, wrong format)."""

    exit_status = 2


class TargetError(HandshakeError):
    """A target such as `192.13.13.1323:80` or `host:99999` makes no sense, or may not be probed."""

    exit_status = 2


class ProbeError(HandshakeError):
    """The network or the kernel did not let the probe run (no route, port in use, interface gone)."""


class PrivilegeError(HandshakeError):
    """CAP_NET_RAW (or a user namespace) is needed and missing; the text carries the command to run."""

    exit_status = 77

    @classmethod
    def to(cls, purpose: str, capability: str = "CAP_NET_RAW") -> PrivilegeError:
        """The error for a `purpose` that needs a capability, with this very command line under sudo."""
        return cls(f"{purpose} needs {capability}; run it as root:  sudo {_command_line()}")


def _command_line() -> str:
    """This process's command, spelled so that sudo, whose PATH is its own, finds the same program."""
    program, *arguments = sys.argv
    if program.endswith("__main__.py"):
        return shlex.join([sys.executable, "-m", "handshake", *arguments])
    return shlex.join([os.path.abspath(program), *arguments])


class ToolError(HandshakeError):
    """An external tool (tshark, tcpdump) is missing, too old, or failed."""

    exit_status = 69
