"""A command that runs on a host of the lab, and whose every process ends with us, however we end.

It runs in a PID namespace of its own: when the first process in it is killed, the kernel kills all others
(pid_namespaces(7)), and that one is killed when its parent ends. It also has mounts of its own, so that names are
asked at the lab's name server; nothing of that is seen outside.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, Self

from handshake.lab.netns import CLONE_NEWNET, Host, call, die_with_parent

_CLONE_NEWNS, _CLONE_NEWPID = 0x0002_0000, 0x2000_0000
_MS_BIND, _MS_REC, _MS_PRIVATE, _MNT_DETACH = 0x1000, 0x4000, 1 << 18, 2
_RESOLV_CONF = Path("/etc/resolv.conf")
_NOT_FOUND, _NOT_EXECUTABLE, _BY_SIGNAL = 127, 126, 128


class Guest:
    """Make it while the process has a single thread, `run` it when the host is there, close it in any case."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start the process that will run `command`; it waits."""
        self._ours, theirs = socket.socketpair()
        parent = os.getpid()
        self._terminal = _in_foreground()
        self._keeper = os.fork()
        if self._keeper == 0:
            self._ours.close()
            _ends(_keep, theirs, parent, command, self._terminal)
        theirs.close()

    def run(self, host: Host, name_server: str) -> int:
        """Run the command on `host` and wait for its end: its exit status, 128 + n when signal n ended it."""
        socket.send_fds(self._ours, [name_server.encode()], [host.fileno()])
        return self._bury()

    def close(self) -> None:
        """End what still runs."""
        self._ours.close()
        if self._keeper:
            os.kill(self._keeper, signal.SIGKILL)
            self._bury()

    def _bury(self) -> int:
        _, status = os.waitpid(self._keeper, 0)
        self._keeper = 0
        if self._terminal:
            _to_foreground()
        return _status(status)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ends(function: Callable[..., int], *args: object) -> NoReturn:
    """The life of a forked process: it ends with what the function returns."""
    status = 1
    try:
        status = function(*args)
    except OSError as error:
        sys.stderr.write(f"handshake: cannot start the command: {error.strerror}\n")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def _keep(theirs: socket.socket, parent: int, command: Sequence[str], terminal: bool) -> int:
    """The process outside: starts the first one inside and ends as it ends."""
    die_with_parent(parent)
    for number in (signal.SIGINT, signal.SIGQUIT):  # the terminal means the command, where exec undoes this
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    call("unshare", _CLONE_NEWNS | _CLONE_NEWPID)
    first = os.fork()
    if first == 0:
        _ends(_begin, theirs, command, terminal)
    theirs.close()
    return _status(os.waitpid(first, 0)[1])


def _begin(theirs: socket.socket, command: Sequence[str], terminal: bool) -> int:
    """The first process inside, which waits for the host, runs the command and buries what is left of it."""
    die_with_parent(0)  # who lives outside has no number in here
    name_server, namespaces, _, _ = socket.recv_fds(theirs, 100, 1)
    theirs.close()
    if not namespaces:  # the other end has closed
        return 1
    call("setns", namespaces[0], CLONE_NEWNET)
    os.close(namespaces[0])
    if terminal:
        os.setpgid(0, 0)  # a group that has a number in here, as shells expect
        _to_foreground()
    return _run(command, name_server.decode())


def _in_foreground() -> bool:
    """Whether standard input is our terminal, and it is our turn."""
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


def _to_foreground() -> None:
    """Make our process group the one that the terminal listens to (credentials(7): SIGTTOU would stop us)."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    try:
        os.tcsetpgrp(0, os.getpgrp())
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})


def _status(wait_status: int) -> int:
    """As a shell has it."""
    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else _BY_SIGNAL - code


def _run(command: Sequence[str], name_server: str) -> int:
    """Run the command with the lab's names; its exit status."""
    try:
        _mount(name_server)
    except OSError as error:
        sys.stderr.write(f"handshake: no names here, only addresses: {error.strerror}\n")
    try:
        process = subprocess.Popen(command)
    except FileNotFoundError:
        sys.stderr.write(f"handshake: {command[0]}: there is no such command\n")
        return _NOT_FOUND
    except OSError as error:
        sys.stderr.write(f"handshake: {command[0]}: {error.strerror}\n")
        return _NOT_EXECUTABLE
    while True:
        pid, status = os.wait()  # orphans come to the first process
        if pid == process.pid:
            return _status(status)


def _mount(name_server: str) -> None:
    """Put another resolv.conf over the machine's, for us alone, by way of a file system that nobody else sees."""
    call("mount", None, b"/", None, _MS_REC | _MS_PRIVATE, None)
    with contextlib.suppress(OSError):
        call("mount", b"proc", b"/proc", b"proc", 0, None)
    call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None)
    try:
        own = Path("/tmp/resolv.conf")
        own.write_text(f"nameserver {name_server}\n", encoding="ascii")
        call("mount", bytes(own), os.fsencode(_RESOLV_CONF.resolve()), None, _MS_BIND, None)
    finally:
        call("umount2", b"/tmp", _MNT_DETACH)
