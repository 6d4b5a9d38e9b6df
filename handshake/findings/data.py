"""HS3xx: data carried by the handshake itself, and segments that only ask for a sign of life."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, Sign, numbers, rule
from handshake.model import seq
from handshake.model.finding import Severity
from handshake.model.handshake import Mark, Side


@rule(
    "HS301", "data-in-syn", Severity.NOTE, on=(Mark.DATA_IN_SYN,),
    what="The SYN carries data.",
    why="TCP Fast Open with a cookie, or a deliberate oddity. Without Fast Open a server may keep the data until the "
    "handshake is complete, but most drop it.",
    check="Whether the SYN-ACK acknowledges the data; firewalls that drop SYNs with data.",
    rfc=("RFC 9293 §3.5", "RFC 7413 §2"),
    twin="Zeek weird syn_with_data; Wireshark tcp.len > 0 on a SYN",
)  # fmt: skip
def data_in_syn(facts: Facts) -> Iterator[Match]:
    """Payload in a SYN."""
    found = facts.marked(Mark.DATA_IN_SYN)
    if found:
        cookie = found[0].options.tfo_cookie
        how = f"with a Fast Open cookie of {len(cookie)} bytes" if cookie else "without a Fast Open cookie"
        yield Match(f"{found[0].payload_len} bytes of data in the SYN, {how}", numbers(found))


@rule(
    "HS302", "data-in-synack", Severity.NOTE, on=(Mark.DATA_IN_SYN_ACK,),
    what="The SYN-ACK carries data.",
    why="A Fast Open server that answers at once, or a stack that sends its greeting early.",
    check="Whether the client keeps the data: few ordinary clients expect it.",
    rfc=("RFC 9293 §3.5", "RFC 7413 §4.2.2"),
)  # fmt: skip
def data_in_synack(facts: Facts) -> Iterator[Match]:
    """Payload in a SYN-ACK."""
    found = facts.marked(Mark.DATA_IN_SYN_ACK)
    if found:
        yield Match(f"{found[0].payload_len} bytes of data in the SYN-ACK", numbers(found))


@rule(
    "HS303", "server-data-before-ack", Severity.NOTE, on=(Mark.DATA_BEFORE_ACK,),
    what="The server sent data before the client's final ACK was seen.",
    why="Fast Open lets it; otherwise the ACK was lost on its way to the capture point, or the server does not wait.",
    check="Whether the SYN carried a Fast Open cookie; where the capture was taken.",
    rfc=("RFC 7413 §4.2.2", "RFC 9293 §3.10.7.4"),
)  # fmt: skip
def data_before_ack(facts: Facts) -> Iterator[Match]:
    """Server payload in SYN-RECEIVED."""
    found = facts.marked(Mark.DATA_BEFORE_ACK)
    if found:
        yield Match("the server sends data although the handshake is not complete", numbers(found))


@rule(
    "HS304", "fast-open-data-refused", Severity.WARNING, on=(Sign.PAIR,),
    what="The SYN carried data, but the SYN-ACK acknowledges only the SYN.",
    why="The server does not do Fast Open, the cookie is out of date, or a middlebox took the data away. The client "
    "sends the data again after the handshake: nothing is lost but the time saved.",
    check="`net.ipv4.tcp_fastopen` on the server (bit 2); whether the SYN-ACK brings a new cookie.",
    rfc=("RFC 7413 §4.2.1",),
)  # fmt: skip
def fast_open_refused(facts: Facts) -> Iterator[Match]:
    """Data in the SYN that was ignored."""
    syn, answer = facts.handshake.client.opening, facts.handshake.server.opening
    if syn and answer and syn.payload_len and answer.ack == seq.add(syn.seq, 1):
        yield Match(f"{syn.payload_len} bytes in the SYN were not accepted", (syn.number, answer.number))


@rule(
    "HS305", "fast-open-fallback", Severity.NOTE, on=(Mark.SYN_RETRANSMITTED,),
    what="The client tried Fast Open, and repeated the SYN without the option or without its data.",
    why="The first SYN was lost, or a device on the way drops SYNs with data or with this option: the client does not "
    "know which, and does without. It may remember that for later connections.",
    check="Whether SYNs with Fast Open ever get through to this server; firewalls that drop SYNs with data.",
    rfc=("RFC 7413 §4.1.3",),
)  # fmt: skip
def fast_open_fallback(facts: Facts) -> Iterator[Match]:
    """A copy of the SYN that lacks Fast Open or the data."""
    syns = facts.syns[Side.CLIENT]
    first = next((syn for syn in syns if syn.options.tfo_cookie is not None), None)
    if first is None:
        return
    for copy in syns[syns.index(first) + 1 :]:
        lost = ["the option"] * (copy.options.tfo_cookie is None and not copy.options.cut)
        lost += ["its data"] * (first.payload_len > 0 and not copy.payload_len)
        if lost:
            yield Match(f"the SYN is repeated without {' and '.join(lost)}", (first.number, copy.number))
            return


@rule(
    "HS306", "keep-alive", Severity.NOTE, on=(Mark.KEEP_ALIVE,),
    what="A side sends keep-alives.",
    why="Nothing is said for long, and it asks whether the other side is still there (SO_KEEPALIVE).",
    check="Nothing is wrong. Without answers the other host, or a NAT device's memory of the connection, is gone.",
    rfc=("RFC 9293 §3.8.4",),
    twin="Wireshark tcp.analysis.keep_alive",
)  # fmt: skip
def keep_alive(facts: Facts) -> Iterator[Match]:
    """The last number again, the first of each side."""
    for segment in facts.marked(Mark.KEEP_ALIVE):
        yield Match(f"the {facts.sender(segment).value} asks whether the other side is there", (segment.number,))
