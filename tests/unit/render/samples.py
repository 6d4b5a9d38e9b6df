"""Reports made by hand, small and rich, for the tests of the renderers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from handshake.model.address import Endpoint
from handshake.model.dns import CNAME, A, DnsAnswer, DnsRecord, Lookup
from handshake.model.finding import Finding, Severity
from handshake.model.handshake import (
    Change,
    CloseKind,
    Exchange,
    Fold,
    Handshake,
    Mark,
    Negotiated,
    Outcome,
    Peer,
    Side,
    State,
    Step,
    Teardown,
    Timing,
)
from handshake.model.kernel import Connect, IcmpNote, KernelView
from handshake.model.options import MSS, NOP, SACK_PERMITTED, TIMESTAMPS, WSCALE, Option, Options
from handshake.model.packet import ACK, FIN, PSH, RST, SYN, Datagram, IcmpError, Segment, Tag
from handshake.model.report import Answer, Approach, Damage, Reply, Report, Resolution, Route, SourceInfo, Tally, Target

T0 = 1_700_000_000_123_456_789
CLIENT_ISN, SERVER_ISN = 4_294_967_290, 1_000
MS = 1_000_000


def endpoint(host: str, port: int) -> Endpoint:
    return Endpoint(ip_address(host).packed, port)


CLIENT = endpoint("10.0.0.1", 46329)
SERVER = endpoint("10.0.0.2", 8080)


def syn_options(mss: int = 1460) -> Options:
    return Options((
        Option(MSS, mss.to_bytes(2)),
        Option(SACK_PERMITTED, b""),
        Option(TIMESTAMPS, bytes(8)),
        Option(NOP, b""),
        Option(WSCALE, b"\x07"),
    ))  # fmt: skip


def step(  # noqa: PLR0917 - a row of a timeline, read like one
    number: int,
    at_ns: int,
    sender: Side,
    flags: int,
    client: tuple[State, State],
    server: tuple[State, State],
    note: str,
    *,
    seq: int = 0,
    ack: int | None = None,
    payload: int = 0,
    options: Options | None = None,
    marks: tuple[Mark, ...] = (),
    ends: tuple[Endpoint, Endpoint] = (CLIENT, SERVER),
) -> Step:
    src, dst = ends if sender is Side.CLIENT else ends[::-1]
    isn, peer_isn = (CLIENT_ISN, SERVER_ISN) if sender is Side.CLIENT else (SERVER_ISN, CLIENT_ISN)
    segment = Segment(
        number=number,
        time_ns=T0 + at_ns,
        src=src,
        dst=dst,
        seq=(isn + seq) % 2**32,
        ack_raw=0 if ack is None else (peer_isn + ack) % 2**32,
        flags=flags,
        wnd=64240,
        payload_len=payload,
        options=options or Options(),
        ttl=64,
    )
    return Step(segment, sender, Change(*client), Change(*server), note, marks, seq, ack)


def established(number: int = 1, ends: tuple[Endpoint, Endpoint] = (CLIENT, SERVER)) -> Handshake:
    """Three-way handshake, folded data, FIN exchange."""
    s, c, v = State, Side.CLIENT, Side.SERVER
    opening = step(
        1,
        0,
        c,
        SYN,
        (s.CLOSED, s.SYN_SENT),
        (s.LISTEN, s.SYN_RECEIVED),
        "asks to open",
        options=syn_options(),
        ends=ends,
    )
    answer = step(
        2, 276_000, v, SYN | ACK, (s.SYN_SENT, s.ESTABLISHED), (s.SYN_RECEIVED,) * 2, "accepts and asks back",
        ack=1, options=syn_options(1440), ends=ends,
    )  # fmt: skip
    timeline = (
        opening,
        answer,
        step(3, 310_000, c, ACK, (s.ESTABLISHED,) * 2, (s.SYN_RECEIVED, s.ESTABLISHED), "confirms", seq=1, ack=1,
             marks=(Mark.HANDSHAKE_COMPLETE,), ends=ends),
        Fold(T0 + 400_000, T0 + 900_000, 3, 120, 12, 8_400),
        step(19, 1_000_000, c, FIN | ACK, (s.ESTABLISHED, s.FIN_WAIT_1), (s.ESTABLISHED, s.CLOSE_WAIT),
             "has nothing more to send", seq=121, ack=8401, ends=ends),
        step(20, 1_100_000, v, FIN | ACK, (s.FIN_WAIT_1, s.TIME_WAIT), (s.CLOSE_WAIT, s.LAST_ACK),
             "acknowledges and closes as well", seq=8401, ack=122, ends=ends),
        step(21, 1_200_000, c, ACK, (s.TIME_WAIT,) * 2, (s.LAST_ACK, s.CLOSED), "acknowledges the FIN",
             seq=122, ack=8402, ends=ends),
    )  # fmt: skip
    assert isinstance(opening.packet, Segment)
    assert isinstance(answer.packet, Segment)
    return Handshake(
        number=number,
        client=Peer(ends[0], s.TIME_WAIT, CLIENT_ISN, 7, 120, opening.packet),
        server=Peer(ends[1], s.CLOSED, SERVER_ISN, 14, 8_400, answer.packet),
        outcome=Outcome.ESTABLISHED,
        timeline=timeline,
        timing=Timing(310_000, 276_000, 34_000, 310_000),
        negotiation=(
            Negotiated("MSS", "1460", "1440", "1440"),
            Negotiated("window scale", "7", "7", "×128 / ×128"),
            Negotiated("SACK", "yes", "yes", "on"),
            Negotiated("timestamps", "yes", "yes", "on"),
            Negotiated("ECN", "no", "no", "off"),
        ),
        teardown=Teardown(CloseKind.FIN, Side.CLIENT),
        syn_retransmits=0,
        synack_retransmits=0,
        role_inferred=False,
    )


HS101 = Finding("HS101", "syn-retransmitted", Severity.WARNING, "the SYN was sent 3 times in 3.012 s", (1, 2, 3))


def unanswered(number: int = 2) -> Handshake:
    """Three SYNs into silence."""
    s = State
    first = step(
        1, 0, Side.CLIENT, SYN, (s.CLOSED, s.SYN_SENT), (s.LISTEN, s.LISTEN), "asks to open", options=syn_options()
    )
    again = tuple(
        step(number, at, Side.CLIENT, SYN, (s.SYN_SENT,) * 2, (s.LISTEN,) * 2, "asks again", options=syn_options(),
             marks=(Mark.SYN_RETRANSMITTED,))
        for number, at in ((2, 1_004 * MS), (3, 3_012 * MS))
    )  # fmt: skip
    assert isinstance(first.packet, Segment)
    return Handshake(
        number=number,
        client=Peer(CLIENT, s.SYN_SENT, CLIENT_ISN, 3, 0, first.packet),
        server=Peer(SERVER, s.LISTEN, None, 0, 0, None),
        outcome=Outcome.UNANSWERED,
        timeline=(first, *again),
        timing=Timing(),
        negotiation=(),
        teardown=Teardown(CloseKind.OPEN),
        syn_retransmits=2,
        synack_retransmits=0,
        role_inferred=False,
        findings=(HS101,),
    )


def icmp_error(number: int, at_ns: int, reporter: str = "10.0.0.254", protocol: int = 6) -> IcmpError:
    return IcmpError(
        number=number, time_ns=T0 + at_ns, reporter=ip_address(reporter).packed, version=4, type=3, code=1, mtu=None,
        protocol=protocol, src=CLIENT, dst=SERVER, seq=CLIENT_ISN, meaning="host unreachable",
    )  # fmt: skip


def unreachable(number: int = 3) -> Handshake:
    """A SYN answered by a router's ICMP error."""
    lone = unanswered(number)
    error = Step(
        icmp_error(2, 3 * MS), Side.SERVER, Change(State.SYN_SENT, State.CLOSED), Change(State.LISTEN, State.LISTEN),
        "a router could not deliver the SYN",
    )  # fmt: skip
    return replace(
        lone, outcome=Outcome.UNREACHABLE, timeline=(lone.timeline[0], error), syn_retransmits=0, findings=(),
        tags=(Tag("vlan", 100),),
    )  # fmt: skip


def refused(number: int = 4) -> Handshake:
    """A SYN answered by RST, over IPv6."""
    s = State
    ends = (endpoint("2001:db8::1", 50000), endpoint("2001:db8:1234:5678:9abc:def0:1234:5678", 443))
    lone = established(number, ends)
    reset = step(
        2,
        20_000,
        Side.SERVER,
        RST | ACK,
        (s.SYN_SENT, s.CLOSED),
        (s.LISTEN, s.LISTEN),
        "nothing listens here",
        ack=1,
        ends=ends,
    )
    return replace(
        lone, outcome=Outcome.REFUSED, timeline=(lone.timeline[0], reset), timing=Timing(), negotiation=(),
        server=replace(lone.server, iss=None, opening=None, state=s.LISTEN, segments=1, payload_bytes=0),
        teardown=Teardown(CloseKind.RST, Side.SERVER, Side.SERVER),
    )  # fmt: skip


def data_push(at_ns: int, seq: int, payload: int) -> Step:
    """One established data segment of the client, with long numbers."""
    return step(
        9, at_ns, Side.CLIENT, PSH | ACK, (State.ESTABLISHED,) * 2, (State.ESTABLISHED,) * 2, "data", seq=seq, ack=seq,
        payload=payload, marks=(Mark.KEEP_ALIVE,),
    )  # fmt: skip


def exchanges() -> tuple[Exchange, ...]:
    """A DNS request with its reply, one without, one answered by ICMP."""
    dns = Exchange(1, CLIENT, endpoint("10.0.0.53", 53), T0, T0 + 2 * MS, 1, 1, 40, 120, 2 * MS)
    silent = Exchange(2, CLIENT, endpoint("10.0.0.54", 53), T0, T0 + 5_000 * MS, 3, 0, 120, 0, None)
    closed = Exchange(
        3, CLIENT, endpoint("10.0.0.2", 9999), T0 + MS, T0 + MS, 1, 0, 4, 0, None, icmp_error(7, 2 * MS, "10.0.0.2", 17)
    )
    return dns, silent, closed


def rich() -> Report:
    """Something of everything."""
    return Report(
        sources=(
            SourceInfo("office.pcapng", "pcapng", 420),
            SourceInfo("cut.pcap", "pcap, gzip", 12, Damage(1_534, 13, "the file ends within the packet")),
        ),
        tally=Tally(
            432, 300, 20, 2, {"arp": 90, "later fragment": 2}, {"ipv4: header cut": 3}, 1, 1, T0, T0 + 4_000 * MS
        ),
        handshakes=(established(), unanswered(), unreachable(), refused()),
        exchanges=exchanges(),
    )


def empty() -> Report:
    """A capture without any packet."""
    return Report((SourceInfo("empty.pcap", "pcap", 0),), Tally(), ())


def probed() -> Report:
    """What a probe reports: one handshake and the way to it."""
    approach = Approach(
        Target("localhost:8080", "localhost", 8080, "http-alt"),
        Resolution("localhost", (CLIENT.address,), "hosts file", 100_000),
        Route("lo", 65536, CLIENT.address),
        SERVER,
    )
    return Report((SourceInfo("lo", "live", 7),), Tally(frames=7, tcp=7), (established(),), approach=approach)


def watched() -> Report:
    """A probe during which the server's kernel was asked."""
    views = (KernelView(1, "SYN-RECV", 0, 5), KernelView(3, "ESTAB", 1, 5), KernelView(21, None, None, None))
    return replace(probed(), kernel=views)


def replied() -> Report:
    """A probe that said something, with one odd segment's answer for good measure."""
    reply = Reply(5, b"\x1b[31m\xff", 6, True)
    answer = Answer("FIN", "no answer", "RST,ACK", "RST,ACK", "as a closed port does", True)
    return replace(probed(), reply=reply, answer=answer)


def dns_answer() -> DnsAnswer:
    """An alias and the address behind it."""
    return DnsAnswer(
        7, "box.lab", A, 0, True,
        (DnsRecord("box.lab", CNAME, 300, b"", "www.lab"), DnsRecord("www.lab", A, 60, SERVER.address, "10.0.0.2")),
        "a record is cut",
    )  # fmt: skip


def asked() -> Report:
    """A probe of a name that a name server was asked for, in two attempts."""
    lookup = Lookup(
        endpoint("10.0.0.53", 53), "box.lab", A, (T0 - 1_002 * MS, T0 - 2 * MS), T0 - MS, dns_answer(), ignored=2
    )
    report = probed()
    assert report.approach is not None
    resolution = Resolution("box.lab", (SERVER.address,), "name server 10.0.0.53:53", 1_001 * MS, (lookup,))
    return replace(report, approach=replace(report.approach, resolution=resolution))


def udp_probed() -> Report:
    """UDP probes of every verdict."""

    def sent(at_ns: int, number: int) -> Datagram:
        return Datagram(number, T0 + at_ns, CLIENT, SERVER, 25)

    reply = Datagram(2, T0 + 2 * MS, SERVER, CLIENT, 41)
    base = Exchange(1, CLIENT, SERVER, T0, T0 + 2 * MS, 1, 0, 25, 0, None)
    closed, filtered = icmp_error(2, MS, "10.0.0.2", 17), icmp_error(2, MS, "10.0.0.254", 17)
    closed = replace(closed, code=3, meaning="port unreachable")
    exchanges = (
        replace(base, replies=1, first_reply_ns=2 * MS, datagrams=(sent(0, 1), reply), answer=dns_answer()),
        replace(base, icmp=closed, datagrams=(sent(0, 1), closed)),
        replace(base, icmp=filtered, datagrams=(sent(0, 1), filtered)),
        replace(base, requests=2, datagrams=(sent(0, 1), sent(1_000 * MS, 2))),
    )
    return replace(probed(), handshakes=(), exchanges=exchanges)


def connected() -> Connect:
    """An ordinary connection that opened."""
    return Connect(
        CLIENT, SERVER, Outcome.ESTABLISHED, T0, 150_000, "ESTAB", None, "the kernel reports it as established", 0,
        120_000, 60_000, 1428, 1448, 1500,
        (Negotiated("MSS", "1460", "?", "1428 to server"), Negotiated("SACK", "yes", "yes", "on"),
         Negotiated("ECN", "?", "?", "off")),
    )  # fmt: skip


def unconnected() -> Report:
    """An ordinary connection that an ICMP error ended."""
    note = IcmpNote(bytes((10, 0, 0, 254)), 4, 3, 13, "communication administratively prohibited")
    failed = Connect(
        CLIENT, SERVER, Outcome.UNREACHABLE, T0, 90_000, "SYN-SENT", "EHOSTUNREACH", "an ICMP error ended it", 2,
        icmp=note,
    )  # fmt: skip
    return replace(probed(), sources=(), handshakes=(), tally=Tally(), connects=(failed,))


def both() -> Report:
    """Crafted and by the kernel."""
    return replace(watched(), connects=(connected(),))
