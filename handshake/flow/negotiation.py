"""What the two ends offered, accepted, and so have in effect, option by option."""

from __future__ import annotations

from functools import lru_cache

from handshake.model import seq
from handshake.model.handshake import Negotiated
from handshake.model.options import AO, EXP2, MD5, MPTCP, NO_OPTIONS, TFO, Options
from handshake.model.packet import ACK, AE, CWR, ECE, Segment

_DEFAULT_MSS = {4: 536, 16: 1220}
"""Assumed without the option, by address length in bytes (RFC 9293 §3.7.1)."""

_RARE = frozenset({TFO, EXP2, MPTCP, MD5, AO})
"""Options that have a row only where they are."""
_MPTCP_CAPABLE, _MPTCP_JOIN = 0, 1
_ACCECN_CAPABLE = AE | CWR | ECE
_ACCECN_ANSWERS = {CWR: "Not-ECT", CWR | ECE: "ECT(1)", AE: "ECT(0)", AE | CWR: "CE"}
"""How the SYN arrived, told by AE, CWR and ECE of the SYN-ACK (RFC 9768 table 2)."""


def negotiate(syn: Segment | None, answer: Segment | None, third: Segment | None = None) -> tuple[Negotiated, ...]:
    """Option rows of a SYN and its SYN-ACK; without a SYN-ACK nothing is in effect. Empty without a SYN.

    `third` is the segment that completed the handshake, where it is known.
    """
    if syn is None:
        return ()
    offered, accepted = syn.options, answer.options if answer else NO_OPTIONS
    answered = answer is not None
    rows = [
        _mss(_DEFAULT_MSS[len(syn.src.address)], offered.mss, accepted.mss, answered),
        _window_scale(offered.wscale_shift, accepted.wscale_shift, answered),
        _switch("SACK", offered.sack_permitted, accepted.sack_permitted, answered),
        _switch("timestamps", offered.tsval is not None, accepted.tsval is not None, answered),
        _ecn(syn, answer, third),
    ]
    if not any(kind in _RARE for kind, _ in (*offered.items, *accepted.items)):
        return tuple(rows)
    if offered.tfo_cookie is not None or accepted.tfo_cookie is not None:
        rows.append(_fast_open(syn, answer))
    if offered.mptcp_subtypes or accepted.mptcp_subtypes:
        rows.append(_mptcp(offered, accepted, answered))
    if offered.md5 or accepted.md5:
        rows.append(_switch("MD5 signature", offered.md5, accepted.md5, answered))
    if offered.ao or accepted.ao:
        rows.append(_switch("TCP-AO", offered.ao, accepted.ao, answered))
    return tuple(rows)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


@lru_cache(maxsize=256)
def _switch(name: str, offered: bool, accepted: bool, answered: bool) -> Negotiated:
    return Negotiated(
        name,
        _yes(offered),
        _yes(accepted) if answered else "–",
        ("on" if offered and accepted else "off") if answered else "–",
    )


@lru_cache(maxsize=256)
def _mss(default: int, client: int | None, server: int | None, answered: bool) -> Negotiated:
    """MSS is announced, not negotiated: each side keeps to what the other can take (RFC 6691)."""
    offered = "none" if client is None else str(client)
    if not answered:
        return Negotiated("MSS", offered, "–", "–")
    to_client, to_server = client or default, server or default
    both = str(to_client) if to_client == to_server else f"{to_server} to server, {to_client} to client"
    return Negotiated("MSS", offered, "none" if server is None else str(server), both)


@lru_cache(maxsize=256)
def _window_scale(client: int | None, server: int | None, answered: bool) -> Negotiated:
    """In effect only if both sent it; a shift above 14 counts as 14 (RFC 7323 §2.2, §2.3)."""
    effect = "off"
    if client is not None and server is not None:
        effect = f"×{1 << min(client, 14)} / ×{1 << min(server, 14)}"
    return Negotiated(
        "window scale",
        "none" if client is None else str(client),
        ("none" if server is None else str(server)) if answered else "–",
        effect if answered else "–",
    )


def _ecn(syn: Segment, answer: Segment | None, third: Segment | None) -> Negotiated:
    """Classic ECN (RFC 3168 §6.1.1) or AccECN (RFC 9768 §3.1)."""
    asked = syn.flags & _ACCECN_CAPABLE
    offer = {_ACCECN_CAPABLE: "AccECN", CWR | ECE: "yes"}.get(asked, "no")
    if answer is None:
        return Negotiated("ECN", offer, "–", "–")
    reply = answer.flags & _ACCECN_CAPABLE
    if not answer.flags & ACK:  # a SYN that crossed asks and does not answer
        return Negotiated("ECN", offer, "asks too" if reply else "no", "off")
    if offer == "AccECN" and reply in _ACCECN_ANSWERS:
        arrived = None  # only a pure ACK of the SYN-ACK tells (RFC 9768 §3.2.2.1)
        if third is not None and third.seq == answer.ack_raw and not third.seg_len:
            arrived = _ACCECN_ANSWERS.get(third.flags & _ACCECN_CAPABLE)
        effect = f"AccECN, SYN-ACK arrived {arrived}" if arrived else "AccECN"
        return Negotiated("ECN", offer, f"AccECN, SYN arrived {_ACCECN_ANSWERS[reply]}", effect)
    if offer != "no" and reply == asked:
        return Negotiated("ECN", offer, "reflected", "off")
    accepted = offer != "no" and reply in (ECE, AE | ECE)
    return Negotiated("ECN", offer, _yes(accepted), "classic" if accepted else "off")


def _fast_open(syn: Segment, answer: Segment | None) -> Negotiated:
    """TCP Fast Open (RFC 7413 §4): a cookie is asked for, or shown together with data."""
    cookie = syn.options.tfo_cookie
    data = syn.payload_len
    if cookie is None:
        offer = "no"
    elif not cookie:
        offer = "asks for a cookie"
    else:
        offer = f"cookie of {len(cookie)} bytes, {data} bytes of data"
    if answer is None:
        return Negotiated("Fast Open", offer, "–", "–")
    granted = answer.options.tfo_cookie
    taken = bool(data) and answer.ack_raw == seq.add(syn.seq, data + 1)
    accepted = " and ".join(text for text, true in (("data taken", taken), ("new cookie", bool(granted))) if true)
    return Negotiated("Fast Open", offer, accepted or "no", "on" if taken else "cookie only" if granted else "off")


def _mptcp(offered: Options, accepted: Options, answered: bool) -> Negotiated:
    """Multipath TCP (RFC 8684 §3.1, §3.2): a new session or one more path of an old one."""
    names = {_MPTCP_CAPABLE: "MP_CAPABLE", _MPTCP_JOIN: "MP_JOIN"}

    def told(options: Options) -> str:
        return ", ".join(names.get(subtype, f"subtype {subtype}") for subtype in options.mptcp_subtypes) or "no"

    if not answered:
        return Negotiated("MPTCP", told(offered), "–", "–")
    on = set(offered.mptcp_subtypes) & set(accepted.mptcp_subtypes)
    return Negotiated("MPTCP", told(offered), told(accepted), "on" if on else "off")
