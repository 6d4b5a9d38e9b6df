"""HS1xx: openings that came to nothing, and what was said about it."""

from __future__ import annotations

from collections.abc import Iterator

from handshake.findings.registry import Facts, Match, Sign, numbers, rule
from handshake.model import seq
from handshake.model.finding import Severity
from handshake.model.handshake import Mark, Outcome, Side
from handshake.model.packet import ACK, RST, IcmpError

_SOFT = "a soft error: the sender has to keep trying"
_HARD = "a hard error: the sender may give up"
_FILTER = "an administrative filter"
_MTU = "asks for smaller packets, not for giving up"
_NATURE: dict[int, dict[tuple[int, int | None], str]] = {
    4: {
        (3, 0): _SOFT, (3, 1): _SOFT, (3, 5): _SOFT, (11, None): _SOFT, (12, None): _SOFT,
        (3, 2): _HARD, (3, 3): _HARD, (3, 4): _MTU, (3, 9): _FILTER, (3, 10): _FILTER, (3, 13): _FILTER,
        (4, None): "a source quench, which is to be ignored",
    },
    6: {
        (1, 0): _SOFT, (1, 3): _SOFT, (3, None): _SOFT, (4, None): _SOFT,
        (1, 4): _HARD, (2, None): _MTU, (1, 1): _FILTER, (1, 5): _FILTER, (1, 6): _FILTER,
    },
}  # fmt: skip
"""What an ICMP error, by IP version, type and code (None: any), asks of the sender (RFC 9293 §3.9.2.2, RFC 5461 §2,
RFC 4443 §3)."""


@rule(
    "HS104", "refused", Severity.ERROR, on=(Outcome.REFUSED,),
    what="The SYN was answered with RST: the connection was refused.",
    why="Nothing listens on that port (the host is up and says so), or a firewall rejects with a reset.",
    check="Whether the service runs and on which address (`ss -ltn`): a server bound to 127.0.0.1 refuses on every "
    "other address; a reset with an unusual TTL comes from a firewall on the way.",
    rfc=("RFC 9293 §3.10.7.1", "RFC 9293 §3.5.2"),
    twin="Zeek conn_state REJ",
)  # fmt: skip
def refused(facts: Facts) -> Iterator[Match]:
    """RST instead of SYN-ACK."""
    if facts.handshake.outcome is Outcome.REFUSED:
        resets = [s for step, s in facts.segments if s.flags & RST and s.src == facts.handshake.server.endpoint]
        detail = f"{facts.handshake.server.endpoint} answered the SYN with RST"
        if resets and not resets[0].flags & ACK:
            detail += " without ACK, which a client has to ignore in SYN-SENT"
        yield Match(detail, numbers(resets[:1]))


@rule(
    "HS105", "unanswered", Severity.ERROR, on=(Outcome.UNANSWERED,),
    what="Nothing came back for the SYN: neither SYN-ACK nor RST nor an ICMP error.",
    why="A firewall drops the SYN or its answer, the host is down or the address unused, the answer takes another "
    "way than the capture point, or the capture ended too early.",
    check="Capture on the server's side; compare with a port known to be closed there (a RST means that only this "
    "port is filtered); routing back to the client's address.",
    rfc=("RFC 9293 §3.8.3", "RFC 6298 §5"),
    twin="Zeek conn_state S0",
)  # fmt: skip
def unanswered(facts: Facts) -> Iterator[Match]:
    """A SYN and nothing else."""
    answers = facts.marked(Mark.BAD_ACK) + facts.marked(Mark.STRAY_ACK)
    if facts.handshake.outcome is Outcome.UNANSWERED and not answers:
        syns = facts.syns[Side.CLIENT]
        yield Match(f"no answer to {len(syns)} SYN{'s' * (len(syns) != 1)}", numbers(syns))


@rule(
    "HS106", "icmp-error", Severity.ERROR, on=(Sign.ICMP,),
    what="A router or host reported by ICMP that a packet of this connection could not be delivered.",
    why="No route, no such host, an administrative filter, a time to live that ran out (a routing loop), or a packet "
    "too big for the path. After a soft error the client has to keep trying; after a hard one it may give up, and "
    "many clients give up connecting after either.",
    check="Who sent the error (a router on the way or the host itself) and its code; `ip route get ADDRESS` there.",
    rfc=("RFC 9293 §3.9.2.2", "RFC 1122 §4.2.3.9", "RFC 5461 §2", "RFC 5927 §4.1", "RFC 792", "RFC 4443 §3"),
    twin="Wireshark icmp.type / icmpv6.type",
)  # fmt: skip
def icmp_error(facts: Facts) -> Iterator[Match]:
    """ICMP errors that quote a segment of the connection, one match per sender and kind."""
    seen: dict[tuple[bytes, int, int, bool], list[IcmpError]] = {}
    for step, error in facts.errors:
        foreign = Mark.QUOTE_MISMATCH in step.marks
        seen.setdefault((error.reporter, error.type, error.code, foreign), []).append(error)
    for (_, _, _, foreign), errors in seen.items():
        first = errors[0]
        detail = (
            f"{first.reporter_text} says: {first.meaning} (ICMP{'v6' * (first.version == 6)} {first.type}/{first.code})"
        )
        if len(errors) > 1:
            detail += f", {len(errors)} times"
        if first.mtu is not None:
            detail += f", next hop takes {first.mtu} bytes"
        natures = _NATURE[first.version]
        nature = natures.get((first.type, first.code)) or natures.get((first.type, None))
        if nature and not foreign:
            detail += f"; {nature}"
        if foreign:
            detail += ", about a number that was never sent: forged, or about an earlier connection"
        yield Match(detail, tuple(error.number for error in errors))


@rule(
    "HS120", "odd-refusal", Severity.NOTE, on=(Outcome.REFUSED,),
    what="The RST that refused the SYN does not carry the numbers that RFC 9293 asks of a closed port: sequence number "
    "0, and an acknowledgment of the SYN and all of its data.",
    why="A firewall, load balancer or scanner made the RST, not the host's own stack; or an old stack that does not "
    "count data in a SYN.",
    check="TTL and options of the RST against other packets of the same host; the same port from another place.",
    rfc=("RFC 9293 §3.10.7.1",),
)  # fmt: skip
def odd_refusal(facts: Facts) -> Iterator[Match]:
    """Numbers of a refusal that are not <SEQ=0><ACK=SEG.SEQ+SEG.LEN>."""
    if facts.handshake.outcome is not Outcome.REFUSED:
        return
    due = {seq.add(syn.seq, syn.seg_len) for syn in facts.syns[Side.CLIENT]}
    for step, reset in facts.segments:
        if not reset.flags & RST or not reset.flags & ACK or step.sender is not Side.SERVER:
            continue
        odd = []
        if reset.seq:
            odd.append(f"sequence number {reset.seq} instead of 0")
        if reset.ack_raw not in due:
            syn = facts.handshake.client.opening
            least = f" where {seq.add(syn.seq, syn.seg_len)} was due" if syn else ""
            odd.append(f"acknowledges {reset.ack_raw}{least}")
        if odd:
            yield Match(", ".join(odd), (reset.number,))
        return
