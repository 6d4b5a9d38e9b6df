"""An ordinary connect(), which needs no privilege; everything said about it comes from the kernel.

TCP_INFO (`tcp_info`) tells state, round trip and options; the error queue
(IP_RECVERR, ip(7)) tells which ICMP error ended it, and errno what the kernel made of that.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path

from handshake.errors import ProbeError
from handshake.model.address import Endpoint, Scope
from handshake.model.handshake import Negotiated, Outcome
from handshake.model.kernel import Connect, IcmpNote
from handshake.model.report import Approach
from handshake.probe.kernel import STATES
from handshake.probe.tcp_info import TcpInfo, tcp_info
from handshake.wire.icmp import MEANINGS_V4, MEANINGS_V6

INTERRUPTED = "EINTR"
"""`Connect.error` when Ctrl-C ended the waiting."""

_WORDS = {
    "ECONNREFUSED": (Outcome.REFUSED, "the server answered RST: nothing listens there, or a firewall rejects"),
    "ECONNRESET": (Outcome.ABORTED_BY_SERVER, "the server reset the connection while it was being opened"),
    "ETIMEDOUT": (Outcome.UNANSWERED, "no SYN was answered, and the kernel gave up"),
    "EHOSTUNREACH": (Outcome.UNREACHABLE, "the host cannot be reached: a router said so, or no neighbour answered"),
    "ENETUNREACH": (Outcome.UNREACHABLE, "the network cannot be reached"),
    "EACCES": (Outcome.UNREACHABLE, "a router or a firewall prohibits it"),
    "EPERM": (Outcome.UNREACHABLE, "a firewall on this machine does not let the SYN out"),
    "ENOPROTOOPT": (Outcome.UNREACHABLE, "the host does not speak TCP"),
    INTERRUPTED: (Outcome.UNANSWERED, "interrupted while waiting for an answer"),
}

_IP_RECVERR, _IPV6_RECVERR = 11, 25
_OPT_TIMESTAMPS, _OPT_SACK, _OPT_WSCALE, _OPT_ECN = 1, 2, 4, 8
_EXTENDED_ERROR = struct.Struct("=IBBBxII")  # struct sock_extended_err, linux/errqueue.h
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3
_OFFENDER = {_ORIGIN_ICMP: (4, 4), _ORIGIN_ICMP6: (8, 16)}
"""Where the reporter's address lies in the sockaddr behind the error, and its length."""
_LINEAR = Path("/proc/sys/net/ipv4/tcp_syn_linear_timeouts")
_JUST_BEFORE_S = 0.05
_TIMESTAMPS_SIZE = 12
_ROOM = 512


def connect(approach: Approach, *, source_port: int = 0, retries: int = 2, timeout_s: float = 5.0) -> Connect:
    """Open one connection and close it again. The kernel repeats the SYN up to `retries` times within `timeout_s`.

    Raises ProbeError when the source port cannot be had.
    """
    server, source = approach.server, approach.route.source
    inet6 = len(server.address) == 16
    scope = socket.if_nametoindex(approach.route.interface) if inet6 and server.scope is Scope.LINK_LOCAL else 0
    with socket.socket(socket.AF_INET6 if inet6 else socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, max(retries, 1))
        sock.setsockopt(*((socket.IPPROTO_IPV6, _IPV6_RECVERR) if inet6 else (socket.IPPROTO_IP, _IP_RECVERR)), 1)
        _bind(sock, Endpoint(source, source_port), scope)
        start_ns, started = time.time_ns(), time.perf_counter_ns()
        number = sock.connect_ex((server.host, server.port, 0, scope) if inet6 else (server.host, server.port))
        error = None
        if number == errno.EINPROGRESS:
            error = _wait(sock, min(timeout_s, _patience_s(retries)))
        elif number:
            error = errno.errorcode[number]
        took_ns = time.perf_counter_ns() - started
        return _describe(sock, server, error, start_ns, took_ns)


def _bind(sock: socket.socket, source: Endpoint, scope: int) -> None:
    try:
        sock.bind((source.host, source.port, 0, scope) if scope else (source.host, source.port))
    except OSError as failure:
        raise ProbeError(f"cannot use source port {source.port} of {source.host}: {failure.strerror}") from None


def _patience_s(retries: int) -> float:
    """Seconds until the kernel would send one SYN more than it should.

    It waits 1 s (RFC 6298 §2.1) before each of the first repetitions, on kernels that know
    net.ipv4.tcp_syn_linear_timeouts, and then doubles.
    """
    try:
        linear = int(_LINEAR.read_text())
    except OSError:  # kernels before 6.5 double at once
        linear = 0
    return sum(2.0 ** max(copy - linear, 0) for copy in range(retries + 1)) - _JUST_BEFORE_S


def _wait(sock: socket.socket, timeout_s: float) -> str | None:
    """The name of the errno that ended it, None when it opened; `EAGAIN` when the time is up."""
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    try:
        if not poll.poll(timeout_s * 1000):
            return "EAGAIN"
    except KeyboardInterrupt:
        return INTERRUPTED
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode[number] if number else None


def _describe(sock: socket.socket, server: Endpoint, error: str | None, start_ns: int, took_ns: int) -> Connect:
    info = tcp_info(sock)
    retransmits = info.total_retrans
    icmp = _icmp(sock)
    outcome, words = _ending(
        error, icmp, f"{retransmits + 1} SYN{'s' if retransmits else ''} within {took_ns / 1e9:.1f} s"
    )
    name = sock.getsockname()
    opened = error is None
    return Connect(
        client=Endpoint(socket.inet_pton(sock.family, name[0].partition("%")[0]), name[1]),
        server=server,
        outcome=outcome,
        start_ns=start_ns,
        took_ns=took_ns,
        state=STATES.get(info.state, str(info.state)),
        error=error if error != "EAGAIN" else None,
        words=words,
        retransmits=retransmits,
        rtt_ns=info.rtt * 1000 if opened else None,
        rttvar_ns=info.rttvar * 1000 if opened else None,
        snd_mss=info.snd_mss if opened else None,
        adv_mss=info.advmss if opened else None,
        path_mtu=info.pmtu if opened else None,
        negotiation=_negotiation(info) if opened else (),
        icmp=icmp,
    )


def _ending(error: str | None, icmp: IcmpNote | None, waited: str) -> tuple[Outcome, str]:
    if error is None:
        return Outcome.ESTABLISHED, "the kernel reports the connection as established"
    if error == "EAGAIN":
        return Outcome.UNANSWERED, f"no answer to {waited}"
    if icmp is not None:
        return Outcome.UNREACHABLE, f"an ICMP error ended it: {icmp.meaning}"
    unknown = (Outcome.UNREACHABLE, os.strerror(getattr(errno, error, 0)))
    return _WORDS.get(error, unknown)


def _negotiation(info: TcpInfo) -> tuple[Negotiated, ...]:
    """What is in effect was offered and accepted; of the rest the kernel does not tell who did not want it."""
    options = info.options

    def switch(name: str, bit: int) -> Negotiated:
        return Negotiated(name, "yes", "yes", "on") if options & bit else Negotiated(name, "?", "?", "off")

    theirs, ours = info.shifts & 0xF, info.shifts >> 4
    scale = Negotiated("window scale", str(ours), str(theirs), f"×{1 << ours} / ×{1 << theirs}")
    return (
        Negotiated(
            "MSS",
            str(info.advmss + _TIMESTAMPS_SIZE * bool(options & _OPT_TIMESTAMPS)),
            "?",
            f"{info.snd_mss} to server",
        ),
        scale if options & _OPT_WSCALE else Negotiated("window scale", "?", "?", "off"),
        switch("SACK", _OPT_SACK),
        switch("timestamps", _OPT_TIMESTAMPS),
        switch("ECN", _OPT_ECN),
    )


def _icmp(sock: socket.socket) -> IcmpNote | None:
    """The ICMP error in the socket's error queue, if there is one."""
    with suppress(BlockingIOError):
        _, ancillary, _, _ = sock.recvmsg(_ROOM, _ROOM, socket.MSG_ERRQUEUE)
        for _, _, body in ancillary:
            if len(body) < _EXTENDED_ERROR.size:
                continue
            _, origin, kind, code, _, _ = _EXTENDED_ERROR.unpack_from(body)
            if origin in _OFFENDER:
                at, length = _OFFENDER[origin]
                at += _EXTENDED_ERROR.size
                version, meanings = (4, MEANINGS_V4) if origin == _ORIGIN_ICMP else (6, MEANINGS_V6)
                meaning = meanings.get((kind, code), f"type {kind} code {code}")
                return IcmpNote(body[at : at + length], version, kind, code, meaning)
    return None
