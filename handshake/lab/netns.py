"""Private network namespaces that leave nothing behind, not even after `kill -9`.

A namespace lives as long as a process in it or a file descriptor to it (namespaces(7)). Nothing here
gets a name in /run/netns, so when our process ends, however it ends, the kernel takes down its
namespaces with the links, addresses and sockets in them. Without root everything happens in a user
namespace in which we are root (user_namespaces(7)).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import pickle
import select
import signal
import socket
import struct
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, Self, TypeVar

from handshake.errors import HandshakeError, PrivilegeError

CLONE_NEWNET = 0x4000_0000
_CLONE_NEWUSER = 0x1000_0000
_PR_SET_PDEATHSIG = 1
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_OWN_NAMESPACE = "/proc/thread-self/ns/net"
_NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.ENOSPC, errno.EUSERS, errno.ENOSYS)

_libc = ctypes.CDLL(None, use_errno=True)
T = TypeVar("T")


class ChildError(HandshakeError):
    """A function in a private network ended without a result: killed, out of time, or its error cannot be sent."""


def enter_private_network() -> None:
    """Move this process into a new network namespace that has only `lo`, which is up. There is no way back.

    Without CAP_SYS_ADMIN a new user namespace, in which we are root, comes with it. The process must
    have a single thread. Raises PrivilegeError where the machine allows neither.
    """
    try:
        _enter()
    except OSError as error:
        if error.errno not in _NOT_ALLOWED:
            raise
        raise PrivilegeError(
            f"this machine gives us no private network ({error.strerror}): run with sudo, or allow user namespaces: "
            + _how_to_allow()
        ) from error


def private_network_refusal() -> str | None:
    """Why this machine does not let us have a private network; None when it does."""
    try:
        run_in_private_network(os.getpid)
    except PrivilegeError as error:
        return str(error)
    return None


def run_in_private_network(function: Callable[..., T], *args: object, timeout_s: float = 60.0) -> T:
    """Call `function(*args)` in a forked child inside a private network and return its result.

    Result or exception come back pickled. The child dies with its parent. Raises what the function
    raised, PrivilegeError as `enter_private_network` does, and ChildError when no result came
    within `timeout_s` seconds (the child is then killed).
    """
    reader, writer = os.pipe()
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(writer, parent, function, args)
    os.close(writer)
    try:
        answer = _read_all(reader, time.monotonic() + timeout_s)
    finally:
        os.close(reader)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if answer is None:
        raise ChildError(f"no result from the private network within {timeout_s:g} s")
    if not answer:
        raise ChildError(f"the process in the private network ended early (wait status {status})")
    result, error = pickle.loads(answer)
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]


class Host:
    """A host of the lab: one network namespace, held by a file descriptor until `close()`.

    Create it inside a private network. Sockets and packet sockets made within `with host.inside():`
    stay in its namespace for good, so one thread can hold sockets of several hosts. `lo` is up.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        with _stay():
            call("unshare", CLONE_NEWNET)
            self._fd = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
            _interface_up("lo")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Host({self.name!r})"

    def close(self) -> None:
        """Let go of the namespace; the kernel removes it once the last socket in it is closed."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """The namespace's file descriptor."""
        return self._fd

    @contextmanager
    def inside(self) -> Iterator[None]:
        """The calling thread works inside this host until the block ends."""
        with _stay():
            call("setns", self._fd, CLONE_NEWNET)
            yield

    def sysctl(self, name: str, value: int | str) -> None:
        """Set a per-namespace kernel parameter such as `net.ipv4.tcp_ecn` for this host only. Raises OSError."""
        with self.inside():
            Path("/proc/sys", *name.split(".")).write_text(str(value))


class Here(Host):
    """The host on which we are, whichever it is: nothing of its own to enter or to close."""

    def __init__(self) -> None:
        self.name = "here"
        self._fd = -1

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Stay."""
        yield


@contextmanager
def _stay() -> Iterator[None]:
    """Bring the calling thread back into the network namespace it is in now."""
    here = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        try:
            call("setns", here, CLONE_NEWNET)
        finally:
            os.close(here)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process as soon as its parent's thread ends; at once if that has happened."""
    call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def call(name: str, *args: int | bytes | None) -> None:
    """A libc call that answers 0 or sets errno (os.unshare and os.setns only came with Python 3.12)."""
    if getattr(_libc, name)(*args) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _enter() -> None:
    uid, gid = os.geteuid(), os.getegid()
    try:
        call("unshare", CLONE_NEWNET)
    except PermissionError:
        call("unshare", _CLONE_NEWUSER | CLONE_NEWNET)
        for file, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            Path("/proc/self", file).write_text(text)
    _interface_up("lo")


def _interface_up(name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", name.encode(), 0)
        _, flags = struct.unpack("16sH14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14x", name.encode(), flags | _IFF_UP))


def _how_to_allow() -> str:
    """The one command that lifts the restriction that is set on this machine."""
    for setting, forbidden, allowed in (
        ("kernel.unprivileged_userns_clone", "0", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
        ("user.max_user_namespaces", "0", "10000"),
    ):
        file = Path("/proc/sys", *setting.split("."))
        if file.exists() and file.read_text().strip() == forbidden:
            return f"sudo sysctl {setting}={allowed}"
    return "see user_namespaces(7); in a container, its seccomp profile may forbid them"


def _child(writer: int, parent: int, function: Callable[..., object], args: tuple[object, ...]) -> NoReturn:
    result: object = None
    error: BaseException | None = None
    try:
        enter_private_network()
        die_with_parent(parent)
        result = function(*args)
    except BaseException as caught:  # whatever it is, the parent raises it
        caught.add_note("".join(traceback.format_exception(caught)))
        error = caught
    try:
        _write_all(writer, _pack(result, error))
    finally:
        os._exit(0)


def _pack(result: object, error: BaseException | None) -> bytes:
    """Pickle both; what does not survive pickling becomes a ChildError that tells it in words."""
    try:
        packed = pickle.dumps((result, error))
        pickle.loads(packed)
    except Exception as unpicklable:
        words = f"{unpicklable!r} while sending back {result if error is None else error!r}"
        return pickle.dumps((None, ChildError(words)))
    return packed


def _write_all(fd: int, data: bytes) -> None:
    with os.fdopen(fd, "wb") as pipe:
        pipe.write(data)


def _read_all(fd: int, deadline: float) -> bytes | None:
    """Everything until the other end closes, None when the deadline (monotonic seconds) passes first."""
    data = bytearray()
    while select.select([fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
        piece = os.read(fd, 1 << 16)
        if not piece:
            return bytes(data)
        data += piece
    return None
