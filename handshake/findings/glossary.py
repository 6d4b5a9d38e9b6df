"""The words of the timeline, explained: flags, options, states, outcomes, and the terms around them.

`handshake explain WORD` and docs/glossary.md are made from this table and from the rules.
"""

from __future__ import annotations

from typing import NamedTuple

from handshake.findings.registry import RULES, Rule
from handshake.model.handshake import Observed, Outcome, State


class Term(NamedTuple):
    """One word with its meaning and where it is defined."""

    kind: str
    """`flag`, `option`, `state`, `outcome` or `term`."""
    name: str
    text: str
    rfc: str


TERMS = (
    Term("flag", "SYN", "Synchronise: opens one direction and announces its initial sequence number. Counts as one "
         "number of sequence space.", "RFC 9293 §3.1"),
    Term("flag", "ACK", "The acknowledgment number counts: everything before it has arrived. Set in every segment but "
         "the first SYN.", "RFC 9293 §3.1"),
    Term("flag", "FIN", "The sender is done: closes its direction. The other direction stays open until its own FIN. "
         "Counts as one number of sequence space.", "RFC 9293 §3.1, §3.6"),
    Term("flag", "RST", "Reset: there is no such connection, or it is aborted. Nothing answers it.",
         "RFC 9293 §3.5.2, §3.5.3"),
    Term("flag", "PSH", "Push: hand the data to the application without waiting for more.", "RFC 9293 §3.9.1.2"),
    Term("flag", "URG", "The urgent pointer counts. Hardly used any more.", "RFC 9293 §3.8.5, RFC 6093"),
    Term("flag", "ECE", "ECN echo: in a SYN it offers ECN, later it reports congestion back to the sender.",
         "RFC 3168 §6.1"),
    Term("flag", "CWR", "Congestion window reduced: in a SYN it offers ECN together with ECE, later it confirms ECE.",
         "RFC 3168 §6.1"),
    Term("flag", "AE", "Accurate ECN: in a SYN, with CWR and ECE, it offers exact congestion feedback. Shown as NS by "
         "older tools.", "RFC 9768 §3.1"),
    Term("option", "MSS", "Maximum segment size: the largest payload that this side can take in one segment, in bytes. "
         "Announced by each side, not negotiated. Without it 536 (IPv4) or 1220 (IPv6).", "RFC 9293 §3.7.1, RFC 6691"),
    Term("option", "window scale", "Windows of more than 64 KiB: the window field is to be shifted left by this many "
         "bits, at most 14. In effect only if both SYNs carry it; the window of a SYN itself is never scaled.",
         "RFC 7323 §2"),
    Term("option", "SACK", "Selective acknowledgment: the receiver tells which blocks beyond a gap have arrived. "
         "Permitted in both SYNs, then used in ACKs.", "RFC 2018"),
    Term("option", "timestamps", "Each segment carries the sender's clock (TSval) and echoes the other's (TSecr): "
         "exact round trips, and protection against old duplicates.", "RFC 7323 §3"),
    Term("option", "Fast Open", "Data already in the SYN, with a cookie that the server gave out on an earlier "
         "connection: saves one round trip.", "RFC 7413"),
    Term("option", "MPTCP", "Multipath TCP: several TCP connections over different paths carry one stream.",
         "RFC 8684"),
    Term("option", "MD5 signature", "Each segment signed with a shared key; protects BGP sessions. Replaced by TCP-AO.",
         "RFC 2385"),
    Term("option", "TCP-AO", "Authentication option: each segment signed, with keys that can be changed.", "RFC 5925"),
    Term("option", "user-timeout", "How long the sender means to wait for an acknowledgment before it gives up, so "
         "that the other side may keep its state as long.", "RFC 5482"),
    Term("option", "eno", "TCP-ENO: negotiates encryption of the stream (tcpcrypt). Experimental, hardly used.",
         "RFC 8547"),
    Term("option", "quick-start", "Asks the routers on the way for a higher rate to begin with. Experimental, hardly "
         "used.", "RFC 4782"),
    Term("option", "cc", "T/TCP: connection counts (cc, cc-new, cc-echo) that let a known client send its request with "
         "the SYN. Given up.", "RFC 6247"),
    Term("option", "ECN", "Explicit congestion notification: routers mark packets instead of dropping them. Offered by "
         "ECE and CWR in the SYN, accepted by ECE alone in the SYN-ACK.", "RFC 3168"),
    Term("option", "AccECN", "Accurate ECN: counts every mark; offered by AE, CWR and ECE in the SYN. The SYN-ACK "
         "tells how the SYN's own IP header arrived.", "RFC 9768"),
    Term("state", State.CLOSED.value, "There is no connection.", "RFC 9293 §3.3.2"),
    Term("state", State.LISTEN.value, "Waits for any client: a server socket after listen().", "RFC 9293 §3.3.2"),
    Term("state", State.SYN_SENT.value, "Has asked to open (connect()) and waits for the SYN-ACK.", "RFC 9293 §3.3.2"),
    Term("state", State.SYN_RECEIVED.value, "Has been asked, has answered with a SYN-ACK and waits for its "
         "confirmation. The kernel keeps such connections in the SYN queue.", "RFC 9293 §3.3.2"),
    Term("state", State.ESTABLISHED.value, "Open: data may flow both ways. On a server the connection may still wait "
         "in the accept queue for accept().", "RFC 9293 §3.3.2"),
    Term("state", State.FIN_WAIT_1.value, "Has closed its direction first and waits for the acknowledgment of its FIN.",
         "RFC 9293 §3.3.2"),
    Term("state", State.FIN_WAIT_2.value, "Its FIN is acknowledged; waits for the other side's FIN.",
         "RFC 9293 §3.3.2"),
    Term("state", State.CLOSE_WAIT.value, "The other side has closed; the application here has not called close() yet.",
         "RFC 9293 §3.3.2"),
    Term("state", State.CLOSING.value, "Both sides closed at the same time; waits for the acknowledgment of its FIN.",
         "RFC 9293 §3.3.2"),
    Term("state", State.LAST_ACK.value, "Has closed as the second one and waits for the acknowledgment of its FIN.",
         "RFC 9293 §3.3.2"),
    Term("state", State.TIME_WAIT.value, "Closed; waits twice the maximum segment lifetime, so that old segments die "
         "out before the port pair is used again.", "RFC 9293 §3.3.2, §3.4.2"),
    Term("state", Observed.UNSEEN.value, "Not a state of TCP: nothing has been captured that tells this end's state.",
         "this tool"),
    Term("state", Observed.PARTIAL.value, "Not a state of TCP: this end is in the middle of a connection whose opening "
         "was not captured.", "this tool"),
    Term("outcome", Outcome.ESTABLISHED.value, "SYN, SYN-ACK and an acceptable ACK were captured: the connection "
         "opened.",
         "RFC 9293 §3.5"),
    Term("outcome", Outcome.SIMULTANEOUS_OPEN.value, "Both sides sent a SYN, and the SYNs crossed: one connection came "
         "of it.", "RFC 9293 §3.5 figure 7"),
    Term("outcome", Outcome.SPLIT_HANDSHAKE.value, "The server answered with a bare SYN and the client sent the "
         "SYN-ACK; it opened nevertheless.", "RFC 9293 §3.5"),
    Term("outcome", Outcome.REFUSED.value, "RST came back for the SYN: the host is up, and nothing listens there.",
         "RFC 9293 §3.10.7.1"),
    Term("outcome", Outcome.UNANSWERED.value, "Nothing came back for the SYN.", "RFC 9293 §3.8.3"),
    Term("outcome", Outcome.UNREACHABLE.value, "An ICMP error said why the SYN could not be delivered.",
         "RFC 1122 §4.2.3.9"),
    Term("outcome", Outcome.HALF_OPEN.value, "SYN and SYN-ACK, but no acceptable ACK.", "RFC 9293 §3.5, RFC 4987"),
    Term("outcome", Outcome.ABORTED_BY_CLIENT.value, "The client reset the connection before it was open.",
         "RFC 9293 §3.10.7.4"),
    Term("outcome", Outcome.ABORTED_BY_SERVER.value, "The server reset the connection after its SYN-ACK, before it was "
         "open.", "RFC 9293 §3.10.7.4"),
    Term("outcome", Outcome.ONE_SIDED.value, "Only one direction was captured.", "this tool"),
    Term("outcome", Outcome.MIDSTREAM.value, "The opening was not, or only partly, captured.", "this tool"),
    Term("term", "three-way handshake", "SYN, SYN-ACK, ACK: each side announces where its numbers start and learns "
         "that the other has understood.", "RFC 9293 §3.5"),
    Term("term", "ISN", "Initial sequence number: where a side's numbers start; chosen so that it cannot be guessed.",
         "RFC 9293 §3.4.1, RFC 6528"),
    Term("term", "port", "A number from 0 to 65535 that tells one service or client of a host from the others.",
         "RFC 9293 §3.1, RFC 6335"),
    Term("term", "4-tuple", "Client address and port, server address and port: what makes one connection unique. One "
         "listening socket serves many clients because their 4-tuples differ.", "RFC 9293 §3.3.1"),
    Term("term", "accept queue", "Connections that the kernel has opened and the server has not yet taken with "
         "accept(); as long as the backlog given to listen() allows.", "listen(2)"),
    Term("term", "irtt", "Initial round-trip time: SYN to SYN-ACK (network and server) plus SYN-ACK to ACK (client).",
         "RFC 6298 §2.2"),
    Term("term", "Karn's algorithm", "A round trip measured on a retransmitted segment does not count, since nobody "
         "knows which copy was answered; timestamps can tell.", "RFC 6298 §3"),
    Term("term", "challenge ACK", "A bare ACK that asks a suspicious RST or SYN to prove itself.", "RFC 5961 §3, §4"),
    Term("term", "SYN flood", "Many SYNs that are never confirmed fill the SYN queue of a server; SYN cookies keep no "
         "state until the ACK comes.", "RFC 4987"),
    Term("term", "SYN cookie", "A SYN-ACK whose number encodes what the server would have to remember, so that it need "
         "not: there is no state to fill up, and nothing to repeat the SYN-ACK from. Options hardly fit in.",
         "RFC 4987 §3.6"),
    Term("term", "SYN proxy", "A box before a server that answers SYNs itself, and opens a connection to the server "
         "only when the client has confirmed.", "RFC 4987 §3.8"),
    Term("term", "soft error", "An ICMP error after which a sender has to keep trying: no route or no host at the "
         "moment. After a hard error (port or protocol unreachable) it may give up.", "RFC 9293 §3.9.2.2, RFC 5461"),
    Term("term", "fingerprint", "What a SYN or SYN-ACK gives away about the system that sent it: TTL, window, MSS and "
         "the order of the options. Middleboxes have other ones than the hosts behind them.", "this tool"),
    Term("term", "TTL", "How many routers a packet may still pass. Systems begin with 64, 128 or 255, so what is left "
         "tells how far away the sender is; in IPv6 it is called hop limit.", "RFC 791 §3.1, RFC 8200 §3"),
    Term("term", "MSL", "Maximum segment lifetime: how long a segment may wander about in the network, 2 minutes.",
         "RFC 9293 §3.4.2"),
)  # fmt: skip


def look_up(word: str) -> list[Rule | Term]:
    """Everything called so: a rule by code or name, terms by name. Upper and lower case, `-`, `_` and space alike."""
    wanted = _plain(word)
    rules: list[Rule | Term] = [rule for rule in RULES.values() if wanted in (_plain(rule.code), _plain(rule.name))]
    return [*(term for term in TERMS if _plain(term.name) == wanted), *rules]


def words() -> list[str]:
    """Every word that `look_up` knows, rules by code and by name."""
    return [*(term.name for term in TERMS), *(word for rule in RULES.values() for word in (rule.code, rule.name))]


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", " ").replace("_", " ")
