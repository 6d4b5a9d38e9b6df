"""What was said in a capture, as we read it and as tshark does, in the same terms.

A TCP stream is known by its first frame, a DNS question by who asked and what. tshark runs once for each capture.
Its traps: fields of all layers of a frame stand together, so that of a tunnel the last value counts; and all sections
of a DNS message do, so that of the records only as many count as there are answers.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from handshake.api import inspect
from handshake.model.application import Application
from handshake.model.dns import AAAA, A, Lookup
from handshake.model.handshake import Side
from tests.support import tshark


@dataclass
class Said:
    """What was said over one TCP stream; each in order."""

    methods: list[str] = field(default_factory=list)
    """HTTP requests."""
    statuses: list[str] = field(default_factory=list)
    """HTTP responses, but for interim ones."""
    smtp: list[str] = field(default_factory=list)
    """Codes of SMTP, one for each reply."""
    ftp: list[str] = field(default_factory=list)
    """Ports of data connections announced."""
    sni: list[str] = field(default_factory=list)
    """Server name of the first ClientHello."""
    open_reply: str = field(default="", compare=False)
    """Code of the reply that may go on in the next segment."""


POINTS = ("methods", "statuses", "smtp", "ftp", "sni")


_STATUS = re.compile(r"HTTP/\d\.\d (101|[2-9]\d\d)")
Question = tuple[str, str, int]
"""Who asked (address and port), the name, the type."""


class Told(NamedTuple):
    """A whole capture."""

    streams: dict[int, Said]
    """By first frame; only streams in which something was said."""
    lookups: dict[Question, str]
    """To each question the code and the addresses of its first answer, empty without one."""


class Difference(NamedTuple):
    """One point in which the two differ. `where` is a stream's first frame or a question."""

    capture: str
    where: str
    point: str
    ours: str
    theirs: str


def ours(path: Path) -> Told:
    """By our dialogues."""
    report = inspect([path])
    streams: dict[int, Said] = {}
    lookups: dict[Question, str] = {}
    asked = [(str(exchange.client), lookup) for exchange in report.exchanges for lookup in exchange.lookups]
    for handshake in report.handshakes:
        application = handshake.application
        if application is not None:
            streams[handshake.steps[0].packet.number] = _ours(application)
            asked += [(str(handshake.client.endpoint), lookup) for lookup in application.lookups]
    for client, lookup in asked:
        lookups.setdefault((client, lookup.name, lookup.kind), _answer(lookup))
    return Told({frame: said for frame, said in streams.items() if said != Said()}, lookups)


def _ours(application: Application) -> Said:
    said = Said()
    said.methods = [exchange.method for exchange in application.http]
    said.statuses = [status[1] for line in application.lines if (status := _STATUS.match(line.text))]
    if application.protocol == "SMTP":
        said.smtp = [line.text[:3] for line in application.lines if line.sender is Side.SERVER]
    said.ftp = [str(data.port) for data in application.ftp]
    said.sni = [application.tls.sni] if application.tls and application.tls.sni else []
    return said


def _answer(lookup: Lookup) -> str:
    if lookup.answer is None:
        return ""
    addresses = sorted(record.value for record in lookup.answer.records if record.kind in (A, AAAA))
    return " ".join([str(lookup.answer.rcode), *addresses])


_FIELDS = (
    "frame.number", "frame.protocols", "tcp.stream", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport",
    "ip.src", "ip.dst", "ipv6.src", "ipv6.dst",
    "http.request.method", "http.response.code", "smtp.response.code", "smtp.req.command",
    "ftp.passive.port", "ftp.active.port", "ftp.epsv.port", "ftp.eprt.port",
    "tls.handshake.extensions_server_name",
    "dns.flags.response", "dns.qry.name", "dns.qry.type", "dns.flags.rcode", "dns.count.answers", "dns.resp.type",
    "dns.a", "dns.aaaa",
)  # fmt: skip
_FTP = ("ftp.passive.port", "ftp.active.port", "ftp.epsv.port", "ftp.eprt.port")
_DNS_PORTS = {"53", "5353", "5355"}
Row = Mapping[str, list[str]]


def theirs(path: Path) -> Told:
    """By tshark's dissectors."""
    command = [tshark(), "-2", "-n", "-r", str(path), "-T", "fields", "-E", "aggregator=|"]
    command += [word for name in _FIELDS for word in ("-e", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 2), done.stderr  # 2: the capture is cut
    firsts: dict[str, int] = {}
    streams: dict[int, Said] = {}
    lookups: dict[Question, str] = {}
    for line in done.stdout.split("\n"):
        values = [value.split("|") if value else [] for value in line.split("\t")]
        row = dict(zip(_FIELDS, [*values, *[[]] * len(_FIELDS)], strict=False))
        if not row["frame.number"] or "icmp" in "".join(row["frame.protocols"]):
            continue  # an ICMP error quotes what was said before
        if row["tcp.stream"]:
            first = firsts.setdefault(row["tcp.stream"][-1], int(row["frame.number"][0]))
            _add(row, streams.setdefault(first, Said()))
        if row["dns.flags.response"]:
            _ask(row, lookups)
    return Told({frame: said for frame, said in streams.items() if said != Said()}, lookups)


def _add(row: Row, said: Said) -> None:
    said.methods += row["http.request.method"]
    said.statuses += [status for status in row["http.response.code"] if status[0] != "1" or status == "101"]
    if row["smtp.req.command"]:
        said.open_reply = ""
    for code in row["smtp.response.code"]:
        if code != said.open_reply or code == "334":  # a reply of many lines has its code in each segment
            said.smtp.append(code)
    said.open_reply = (row["smtp.response.code"] or [said.open_reply])[-1]
    for name in _FTP:
        said.ftp += row[name]
    said.sni = said.sni or row["tls.handshake.extensions_server_name"][:1]


def _ask(row: Row, lookups: dict[Question, str]) -> None:
    layers = row["frame.protocols"][0].split(":")
    transport = max(("tcp", "udp"), key=lambda name: len(layers) - layers[::-1].index(name) if name in layers else 0)
    ports = row[f"{transport}.srcport"][-1:] + row[f"{transport}.dstport"][-1:]
    response = row["dns.flags.response"][0] in ("1", "True")
    end = "dst" if response else "src"
    client_port, server_port = ports[::-1] if response else ports
    version = "ipv6" if max(_last(layers, "ipv6"), 0) > _last(layers, "ip") else "ip"
    if server_port not in _DNS_PORTS or len(row["dns.qry.name"]) != 1 or not row[f"{version}.{end}"]:
        return
    address = row[f"{version}.{end}"][-1]
    client = f"[{address}]:{client_port}" if ":" in address else f"{address}:{client_port}"
    kind = int(row["dns.qry.type"][0], 0)
    question = client, row["dns.qry.name"][0].lower() if row["dns.qry.name"][0] != "<Root>" else ".", kind
    if not response:
        lookups.setdefault(question, "")
    elif lookups.get(question) == "":
        kinds = row["dns.resp.type"][: int(row["dns.count.answers"][0])]
        addresses = row["dns.a"][: kinds.count("1")] + row["dns.aaaa"][: kinds.count("28")]
        lookups[question] = " ".join([str(int(row["dns.flags.rcode"][0], 0)), *sorted(addresses)])


def _last(layers: list[str], name: str) -> int:
    return len(layers) - layers[::-1].index(name) if name in layers else -1


def differences(capture: str, mine: Told, their: Told) -> Iterator[Difference]:
    """Every point in which the two differ."""
    for frame in sorted(mine.streams.keys() | their.streams.keys()):
        left, right = mine.streams.get(frame, Said()), their.streams.get(frame, Said())
        for point in POINTS:
            yield from _differ(capture, str(frame), point, getattr(left, point), getattr(right, point))
    for question in sorted(mine.lookups.keys() | their.lookups.keys()):
        where = " ".join(map(str, question))
        left_one, right_one = (told.lookups.get(question, "not seen") for told in (mine, their))
        yield from _differ(capture, where, "answer", [left_one], [right_one])


def _differ(capture: str, where: str, point: str, left: Iterable[str], right: Iterable[str]) -> Iterator[Difference]:
    one, other = " ".join(left), " ".join(right)
    if one != other:
        yield Difference(capture, where, point, one, other)
