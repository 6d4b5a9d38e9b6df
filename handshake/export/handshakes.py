"""The table of handshakes: one row a handshake, its columns by the names that the JSON uses where it has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from handshake.export.columns import Column, Kind, Table, ways
from handshake.findings.fingerprint import fingerprint
from handshake.model.handshake import Handshake, Negotiated, Peer
from handshake.model.options import Options
from handshake.model.services import service_name
from handshake.render.words import tag_words

_Peer = Callable[[Handshake], Peer]
_PEERS: tuple[tuple[str, _Peer], ...] = (("client", lambda h: h.client), ("server", lambda h: h.server))
_UNANSWERED = "–"
_WITHOUT = {"offered": "null without a captured SYN", "accepted": "null without a captured SYN-ACK"}


def _identity() -> Iterator[Column[Handshake]]:
    yield Column("source", Kind.WORD, lambda h: h.source, "the capture, as it was named on the command line")
    yield Column(
        "number", Kind.UINT64, lambda h: h.number,
        "order of appearance in its capture, from 1: `handshake replay SOURCE --flow NUMBER` shows it",
    )  # fmt: skip
    yield Column("start", Kind.TIME, lambda h: h.start_ns, "capture time of its first packet", nullable=True)
    yield Column("end", Kind.TIME, lambda h: h.end_ns, "capture time of its last packet", nullable=True)
    for side, peer in _PEERS:
        yield Column(f"{side}_address", Kind.TEXT, _of(peer, lambda p: p.endpoint.host), f"IP address of the {side}")
        yield Column(f"{side}_port", Kind.UINT16, _of(peer, lambda p: p.endpoint.port), f"TCP port of the {side}")
        yield Column(
            f"{side}_scope", Kind.WORD, _of(peer, lambda p: p.endpoint.scope.value),
            "how far that address reaches: `private`, `public`, `loopback` …",
        )  # fmt: skip
    yield Column(
        "service", Kind.WORD, lambda h: service_name(h.server.endpoint.port),
        "usual service on the server's port; a guess by number", nullable=True,
    )  # fmt: skip
    yield Column(
        "tags", Kind.TEXTS, lambda h: ways(h.tags), "VLANs and tunnels around its first packet, outermost first"
    )
    yield Column(
        "other_ways", Kind.TEXTS,
        lambda h: [f"{side.value}: {tag_words(tags) or 'no tag'}" for side, tags in h.other_ways],
        "senders, and other VLANs and tunnels in which some of their packets came",
    )  # fmt: skip


def _opening() -> Iterator[Column[Handshake]]:
    yield Column("outcome", Kind.WORD, lambda h: h.outcome.value, "how the opening ended: `handshake explain OUTCOME`")
    yield Column(
        "role_inferred", Kind.BOOL, lambda h: h.role_inferred, "no SYN was captured: who is the client is a guess"
    )
    yield Column("syn_retransmits", Kind.UINT32, lambda h: h.syn_retransmits, "times that the SYN was sent again")
    yield Column(
        "synack_retransmits", Kind.UINT32, lambda h: h.synack_retransmits, "times that the SYN-ACK was sent again"
    )
    for name, meaning in (
        ("setup_ns", "first SYN to the segment that completed the handshake, retries included"),
        ("irtt_ns", "initial round trip: the two next columns together (Wireshark `tcp.analysis.initial_rtt`)"),
        ("syn_to_synack_ns", "network both ways and the server's reaction, seen from the capture point"),
        ("synack_to_ack_ns", "the client's side, seen from the capture point"),
        ("reply_ns", "first data of the client to the first data of the server after it"),
        ("thought_ns", "what of `reply_ns` the server itself took"),
    ):
        yield Column(name, Kind.INT64, _timing(name), meaning, nullable=True)
    yield Column(
        "excluded", Kind.TEXT, lambda h: h.timing.excluded, "why the round trip was left out (Karn's algorithm)",
        nullable=True,
    )  # fmt: skip


def _options() -> Iterator[Column[Handshake]]:
    readers: tuple[tuple[str, Kind, Callable[[Options], object], str], ...] = (
        ("mss", Kind.UINT16, lambda o: o.mss, "maximum segment size, bytes; null without the option"),
        ("wscale_shift", Kind.UINT8, lambda o: o.wscale_shift, "window scale as sent; null without the option"),
        ("sack_permitted", Kind.BOOL, lambda o: o.sack_permitted, "SACK-permitted"),
        ("timestamps", Kind.BOOL, lambda o: o.tsval is not None, "timestamps"),
    )
    for name, kind, read, meaning in readers:
        for step, (_, peer) in zip(_WITHOUT, _PEERS, strict=True):
            yield Column(
                f"{name}_{step}", kind, _option(peer, read), f"{meaning}, {step}; {_WITHOUT[step]}", nullable=True
            )
    for name, title, kind, meaning in (
        ("ecn", "ECN", Kind.WORD, "ECN, in words"),
        ("fast_open", "Fast Open", Kind.TEXT, "TCP Fast Open, in words; null where it is not used"),
        ("mptcp", "MPTCP", Kind.TEXT, "Multipath TCP, in words; null where it is not used"),
        ("md5", "MD5 signature", Kind.WORD, "TCP MD5 signature, in words; null where it is not used"),
        ("ao", "TCP-AO", Kind.WORD, "TCP Authentication Option, in words; null where it is not used"),
    ):
        for step in ("offered", "accepted", "in_effect"):
            without = _WITHOUT.get(step, _WITHOUT["accepted"])
            yield Column(
                f"{name}_{step}", kind, _negotiated(title, step), f"{meaning}, {step.replace('_', ' ')}; {without}",
                nullable=True,
            )  # fmt: skip


def _rest() -> Iterator[Column[Handshake]]:
    for side, peer in _PEERS:
        yield Column(
            f"{side}_state",
            Kind.WORD,
            _of(peer, lambda p: p.state.value),
            f"last state of the {side} (RFC 9293 §3.3.2)",
        )
        yield Column(
            f"{side}_iss", Kind.UINT32, _of(peer, lambda p: p.iss), "its raw initial sequence number", nullable=True
        )
        yield Column(f"{side}_segments", Kind.UINT64, _of(peer, lambda p: p.segments), "segments that it sent")
        yield Column(
            f"{side}_payload_bytes", Kind.UINT64, _of(peer, lambda p: p.payload_bytes), "payload in them, bytes"
        )
        yield Column(
            f"{side}_fingerprint", Kind.TEXT, _of(peer, _signature),
            f"what its {'SYN' if side == 'client' else 'SYN-ACK'} gives away, as a signature in the way of p0f",
            nullable=True,
        )  # fmt: skip
    yield Column("close", Kind.WORD, lambda h: h.teardown.kind.value, "how it was closed: `fin`, `rst`, `open` …")
    yield Column(
        "closed_first", Kind.WORD, lambda h: h.teardown.first and h.teardown.first.value,
        "the side that sent the first FIN or RST", nullable=True,
    )  # fmt: skip
    yield Column(
        "reset_by", Kind.WORD, lambda h: h.teardown.reset_by and h.teardown.reset_by.value,
        "the side that reset it", nullable=True,
    )  # fmt: skip
    yield Column("closed_simultaneously", Kind.BOOL, lambda h: h.teardown.simultaneous, "the FINs crossed")
    yield Column(
        "application", Kind.WORD, lambda h: h.application and h.application.protocol,
        "what was spoken, where it was recognised: `HTTP`, `TLS`, `SSH` …", nullable=True,
    )  # fmt: skip
    yield Column("tls_server_name", Kind.TEXT, _tls("sni"), "name in the TLS ClientHello (SNI)", nullable=True)
    yield Column("tls_version", Kind.WORD, _tls("version"), "TLS version chosen", nullable=True)
    for name in ("syn", "syn_ack", "other"):
        yield Column(f"copies_{name}", Kind.UINT32, _copies(name), "packets captured once more at the same place")
    yield Column("evicted", Kind.BOOL, lambda h: h.evicted, "followed only in part: the flow table was full")
    yield Column(
        "findings", Kind.TEXTS, lambda h: sorted({f.code for f in h.findings}),
        "codes of what is unusual, each once: `handshake explain CODE`",
    )  # fmt: skip
    yield Column(
        "finding_details", Kind.DETAILS, _details, "each finding with its sentence and the frames that show it"
    )


def _of(peer: _Peer, value: Callable[[Peer], object]) -> Callable[[Handshake], object]:
    return lambda handshake: value(peer(handshake))


def _timing(name: str) -> Callable[[Handshake], object]:
    return lambda handshake: getattr(handshake.timing, name)


def _copies(name: str) -> Callable[[Handshake], object]:
    return lambda handshake: getattr(handshake.copies, name)


def _option(peer: _Peer, read: Callable[[Options], object]) -> Callable[[Handshake], object]:
    def value(handshake: Handshake) -> object:
        opening = peer(handshake).opening
        return None if opening is None else read(opening.options)

    return value


def _negotiated(title: str, step: str) -> Callable[[Handshake], object]:
    def value(handshake: Handshake) -> object:
        row: Negotiated | None = next((row for row in handshake.negotiation if row.name == title), None)
        said = row and getattr(row, step)
        return None if said == _UNANSWERED else said

    return value


def _signature(peer: Peer) -> str | None:
    return None if peer.opening is None else fingerprint(peer.opening).signature


def _tls(name: str) -> Callable[[Handshake], object]:
    def value(handshake: Handshake) -> object:
        tls = handshake.application and handshake.application.tls
        return tls and (getattr(tls, name) or None)

    return value


def _details(handshake: Handshake) -> list[dict[str, Any]]:
    return [
        {"code": f.code, "name": f.name, "severity": f.severity.value, "detail": f.detail, "frames": list(f.frames)}
        for f in handshake.findings
    ]


HANDSHAKES: Table[Handshake] = Table("handshakes", (*_identity(), *_opening(), *_options(), *_rest()))
