"""The story around a handshake, in sentences: its name, what was said, who took how long, the server's sockets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from handshake.render.sockets import socket_sentence
from handshake.render.units import count, duration

if TYPE_CHECKING:
    from handshake.model.application import Application, HttpExchange, TlsHello
    from handshake.model.handshake import Handshake, Named, Timing


def story(handshake: Handshake) -> Iterator[str]:
    """Sentences without full stops; none when nothing but the handshake is known."""
    if handshake.named:
        yield _named(handshake.named, handshake)
    if handshake.announced_by is not None:
        yield f"a data connection of FTP, announced on control connection #{handshake.announced_by}"
    application = handshake.application
    if application is not None:
        yield from _said(application, handshake)
    yield from _reply(handshake.timing)
    if sockets := socket_sentence(handshake):
        yield sockets


def speaks(handshake: Handshake) -> str:
    """The protocol in a word or two: `HTTP ×3`, `TLS www.example`, `FTP data`."""
    application = handshake.application
    if application is None:
        return "FTP data" if handshake.announced_by is not None else ""
    if len(application.http) > 1:
        return f"{application.protocol} ×{len(application.http)}"
    if application.tls is not None and application.tls.sni:
        return f"{application.protocol} {application.tls.sni}"
    return application.protocol


def _named(named: Named, handshake: Handshake) -> str:
    age = duration(handshake.start_ns - named.answered_ns)
    where = "" if named.exchange is None else f", UDP exchange #{named.exchange}"
    server = handshake.server.endpoint.host
    return f"goes to {server} because {named.name} was said to be there {age} before ({named.server}{where})"


def _said(application: Application, handshake: Handshake) -> Iterator[str]:
    if application.http:
        yield _http(application.http, handshake.timing)
    if application.tls is not None:
        yield from _tls(application.tls)
    if application.omitted:
        yield f"{count(application.omitted, 'further line')} not kept"
    if application.fault:
        yield f"{application.protocol} was followed until here: {application.fault}"


def _http(exchanges: tuple[HttpExchange, ...], timing: Timing) -> str:
    statuses = Counter(_answer(exchange) for exchange in exchanges)
    answers = ", ".join(f"{number} {status}" if len(exchanges) > 1 else status for status, number in statuses.items())
    last = exchanges[-1].keeps
    after = "" if last is None else ", then kept open" if last else ", then closed by agreement"
    after = ", then for another protocol" if exchanges[-1].status == 101 else after
    saved = ""
    if len(exchanges) > 1 and timing.setup_ns is not None:
        spared = count(len(exchanges) - 1, "more handshake")
        saved = f"; {spared} of {duration(timing.setup_ns)} spared by keeping the connection"
    return f"HTTP: {count(len(exchanges), 'request')}, {answers}{after}{saved}"


def _answer(exchange: HttpExchange) -> str:
    if exchange.status:
        return f"answered {exchange.status}"
    return "not answered" if exchange.answered_ns is None else "answered without a status"


def _tls(tls: TlsHello) -> Iterator[str]:
    if tls.hello_ns is None:
        return
    whom = f" with {tls.sni}" if tls.sni else ""
    if not tls.version:
        yield f"TLS{whom} was not answered"
    elif tls.finished_ns is None:
        yield f"{tls.version}{whom}: the handshake did not end within what was captured"
    else:
        yield f"{tls.version}{whom}: its handshake took another {duration(tls.finished_ns - tls.hello_ns)}"


def _reply(timing: Timing) -> Iterator[str]:
    if timing.reply_ns is None:
        return
    words = f"first byte of the reply after {duration(timing.reply_ns)}"
    if timing.thought_ns is not None and timing.syn_to_synack_ns is not None:
        way = duration(timing.reply_ns - timing.thought_ns)
        words += f": {way} the way there and back, {duration(timing.thought_ns)} the server"
    yield words
