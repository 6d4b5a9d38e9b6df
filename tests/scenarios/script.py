"""Scenarios: dialogues of packets with what we should make of them, in the spirit of packetdrill.

A `.txt` file holds scenarios; each starts with `== title ==`. A packet is one line:

    TIME  DIRECTION  FLAGS  SEQ  [ack N] [data N] [win N] [<options>] …  |  CLIENT-STATE  SERVER-STATE  [marks]

More words: `ttl N`, `ecn N` (the IP field: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE), `vlan N`, `cut N` (bytes that the
capture lacks), `offset N`, `reserved N`, `ack-field N` (without ACK), `checksum bad`; options are those of _OPTIONS.

Time is in ms. `>` goes from client to server, `<` from server to client. Numbers count from the ISN of
their side (`=N` is N on the wire), which is why every scenario can be (and is) played with several ISNs,
wrap-around included, and over IPv4 and IPv6. `icmp 3/1 seq 0` in place of flags is an ICMP error travelling
in that direction, quoting a segment with that number; `icmp6` likewise. `id 7` sets the IP identification, which
is the packet's number otherwise. `folded` in place of the states: counted, no step.

A block of packets is followed by its expectations and makes one handshake:

    outcome   established
    timing    irtt 12, syn-ack 10, ack 2, setup 12      ms; `-` for none; absent: not looked at
    copies    syn 1, syn-ack 2                          absent: none
    close     fin, first client, reset server …         absent: open
    option    ECN: yes / yes / classic                  one line per row looked at
    findings  HS101 HS301                               absent: none at all
    tags      vlan 10                                   absent: none
    ways      server vlan 20                            other tags, by sender; absent: none
    captured-twice 1                                    copies of packets; absent: 0

`setup` before the first packet: `self` (one host, one port), `ports C S`, `ipv4` (makes sense there only).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from handshake.api import Inspection
from handshake.model.handshake import Handshake, Mark, Step
from handshake.model.packet import ACK, FLAG_NAMES, SYN, Frame
from tests import packets

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("*.txt"))

ISNS = ((1000, 9000), (0, 2**32 - 1), (2**32 - 1, 0), (2**32 - 3, 2**31))
"""Client's and server's initial sequence numbers with which each scenario is played."""

_HOSTS = {4: ("10.0.0.1", "10.0.0.2", "192.0.2.1"), 6: ("fd00::1", "fd00::2", "2001:db8::1")}
_PACKET = re.compile(r"(?P<ms>[\d.]+)\s+(?P<way>[<>])\s+(?P<what>[^|]*)\|(?P<expected>.*)")
_WORDS = ("outcome", "timing", "copies", "close", "option", "findings", "tags", "ways", "captured-twice")


@dataclass(frozen=True)
class Line:
    """One packet of a scenario and what is expected of it."""

    ms: float
    to_server: bool
    words: tuple[str, ...]
    options: str | None
    expected: str

    @property
    def icmp_version(self) -> int | None:
        return {"icmp": 4, "icmp6": 6}.get(self.words[0])


@dataclass
class Block:
    """Packets of one handshake and its expectations."""

    lines: list[Line] = field(default_factory=list)
    expectations: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Scenario:
    """One dialogue. `str()` is its title, for pytest."""

    title: str
    setup: tuple[str, ...] = ()
    blocks: list[Block] = field(default_factory=list)

    def __str__(self) -> str:
        return self.title

    @property
    def versions(self) -> tuple[int, ...]:
        """IP versions with which it makes sense."""
        if self.setup == ("ipv4",):
            return (4,)
        told = {line.icmp_version for block in self.blocks for line in block.lines} - {None}
        return tuple(version for version in (4, 6) if version in (told or (4, 6)))

    @property
    def codes(self) -> set[str]:
        """Findings that it expects."""
        said = (text for block in self.blocks for word, text in block.expectations if word == "findings")
        return {code for text in said for code in text.split()}


def scenarios() -> list[Scenario]:
    """All scenarios of all files. Raises ValueError for a line that is none."""
    return [scenario for path in FILES for scenario in _read(path)]


def _read(path: Path) -> list[Scenario]:
    found: list[Scenario] = []
    for number, text in enumerate(path.read_text().splitlines(), 1):
        line = text.strip()
        if not line or line.startswith("#"):
            continue
        word, _, rest = line.partition(" ")
        if word == "==":
            found.append(Scenario(f"{path.stem}: {line.strip('= ')}"))
        elif word == "setup":
            found[-1].setup = tuple(rest.split())
        elif word in _WORDS:
            found[-1].blocks[-1].expectations.append((word, " ".join(rest.split())))
        elif packet := _PACKET.fullmatch(line):
            blocks = found[-1].blocks
            if not blocks or blocks[-1].expectations:
                blocks.append(Block())
            blocks[-1].lines.append(_line(packet))
        else:
            raise ValueError(f"{path.name}:{number}: not a line of a scenario: {line}")
    return found


def _line(match: re.Match[str]) -> Line:
    options = re.search("<(.*)>", match["what"])
    return Line(
        float(match["ms"]),
        match["way"] == ">",
        tuple(re.sub("<.*>", "", match["what"]).split()),
        options[1] if options else None,
        " ".join(match["expected"].split()),
    )


# -- bytes ---------------------------------------------------------------------------------------------------


def _timestamps(value: str) -> bytes:
    tsval, tsecr = map(int, value.split(":"))
    return tsval.to_bytes(4) + tsecr.to_bytes(4)


def _mptcp(first: int) -> Callable[[str], bytes]:
    """Body of an MPTCP option that begins with this byte (subtype, version), given its length, 4 without one."""
    return lambda length: bytes((first,)).ljust(int(length or 4) - 2, b"\x01")


_OPTIONS: dict[str, tuple[int, Callable[[str], bytes]]] = {
    "mss": (2, lambda value: int(value).to_bytes(2)),
    "ws": (3, lambda value: int(value).to_bytes(1)),
    "sack": (4, lambda value: b""),
    "ts": (8, _timestamps),
    "cc": (11, lambda value: bytes(4)),
    "md5": (19, lambda value: bytes(16)),
    "quick-start": (27, lambda value: bytes(6)),
    "user-timeout": (28, lambda value: int(value).to_bytes(2)),
    "ao": (29, lambda value: bytes(14)),
    "mp-capable": (30, _mptcp(0x01)),
    "mp-capable-v0": (30, _mptcp(0x00)),
    "mp-join": (30, _mptcp(0x10)),
    "tfo": (34, bytes.fromhex),
    "eno": (69, bytes.fromhex),
    "tfo-exp": (254, lambda value: bytes.fromhex("f989" + value)),
}


def _option(text: str, peer_isn: int) -> bytes:
    """`mss 1460` …; `nop`, `nop 3`; `sacked 5-9`, counted from the other side's ISN; `raw` and hexadecimal bytes."""
    name, _, value = text.strip().partition(" ")
    if name == "raw":
        return bytes.fromhex(value)
    if name == "nop":
        return b"\x01" * int(value or 1)
    if name == "sacked":
        edges = ((peer_isn + int(edge)) % 2**32 for edge in value.split("-"))
        return bytes((5, 10)) + b"".join(edge.to_bytes(4) for edge in edges)
    kind, body = _OPTIONS[name][0], _OPTIONS[name][1](value)
    return bytes((kind, len(body) + 2)) + body


def _flags(names: str) -> int:
    return 0 if names == "null" else sum(1 << FLAG_NAMES.index(name) for name in names.split(","))


@dataclass(frozen=True)
class Stage:
    """Where a scenario is played."""

    version: int
    isns: tuple[int, int]
    setup: tuple[str, ...] = ()

    def frame(self, number: int, line: Line) -> Frame:
        """A packet line as an Ethernet frame."""
        pairs = line.words[2:]
        words = dict(zip(pairs[::2], pairs[1::2], strict=True))
        packet = self._icmp(line, words) if line.icmp_version else self._tcp(line, {"id": str(number), **words})
        data = packets.ethernet(packet, (int(words["vlan"]),) if "vlan" in words else ())
        captured = data[: len(data) - int(words.get("cut", 0))]
        return Frame(number, round(line.ms * 1e6), packets.LINKTYPE_ETHERNET, captured, len(data))

    def _ends(self, to_server: bool) -> tuple[tuple[str, str], tuple[int, int], tuple[int, int]]:
        """Hosts, ports and ISNs, the sender's first."""
        client, server, _ = _HOSTS[self.version]
        hosts, ports, isns = (client, server), (40000, 80), self.isns
        if self.setup[:1] == ("self",):
            hosts, ports, isns = (client, client), (40000, 40000), (isns[0], isns[0])
        elif self.setup[:1] == ("ports",):
            ports = int(self.setup[1]), int(self.setup[2])
        if to_server:
            return hosts, ports, isns
        return hosts[::-1], ports[::-1], isns[::-1]

    def _tcp(self, line: Line, words: dict[str, str]) -> bytes:
        hosts, ports, isns = self._ends(line.to_server)
        flags = _flags(line.words[0])
        assert ("ack" in words) == bool(flags & ACK), "`ack` goes with ACK, `ack-field` is the field without it"
        options = line.options if line.options is not None else "mss 1460" if flags & SYN else ""
        segment = packets.tcp(
            hosts,
            ports,
            seq=int(line.words[1][1:]) if line.words[1].startswith("=") else isns[0] + int(line.words[1]),
            ack=isns[1] + int(words["ack"]) if "ack" in words else int(words.get("ack-field", 0)),
            flags=flags,
            wnd=int(words.get("win", 65535)),
            options=b"".join(_option(option, isns[1]) for option in options.split(",") if option.strip()),
            payload=bytes(int(words.get("data", 0))),
            data_offset=int(words["offset"]) if "offset" in words else None,
            reserved=int(words.get("reserved", 0)),
            bad_checksum=words.get("checksum") == "bad",
        )
        ttl, ecn, ip_id = int(words.get("ttl", 64)), int(words.get("ecn", 0)), int(words["id"])
        return packets.ip(hosts, packets.TCP, segment, ttl=ttl, ecn=ecn, ip_id=ip_id)

    def _icmp(self, line: Line, words: dict[str, str]) -> bytes:
        hosts, ports, isns = self._ends(not line.to_server)
        segment = packets.tcp(hosts, ports, seq=isns[0] + int(words["seq"]), flags=SYN)
        quoted = packets.ip(hosts, packets.TCP, segment)
        kind, code = map(int, line.words[1].split("/"))
        error = packets.icmp_error(kind, code, quoted, version=self.version, rest=int(words.get("mtu", 0)))
        router = _HOSTS[self.version][2]
        return packets.ip((router, hosts[0]), packets.ICMP if self.version == 4 else packets.ICMPV6, error)


# -- playing -------------------------------------------------------------------------------------------------


def play(scenario: Scenario, stage: Stage) -> list[Handshake]:
    """Feed the packets of a scenario; handshakes in order of appearance."""
    inspection = Inspection()
    found: list[Handshake] = []
    lines = [line for block in scenario.blocks for line in block.lines]
    for number, line in enumerate(lines, 1):
        found += inspection.feed(stage.frame(number, line))
    found += inspection.finish()
    return sorted(found, key=lambda handshake: handshake.number)


def expected(scenario: Scenario) -> list[str]:
    """What a scenario says should come out, one line per packet and expectation."""
    said: list[str] = []
    number = 0
    for block in scenario.blocks:
        for line in block.lines:
            number += 1
            said.append(f"{number}: {line.expected}")
        told = {word for word, _ in block.expectations}
        defaults = {
            "copies": "none",
            "close": "open",
            "findings": "none",
            "tags": "none",
            "ways": "none",
            "captured-twice": "0",
        }
        said += [f"{word} {text}" for word, text in block.expectations]
        said += [f"{word} {text}" for word, text in defaults.items() if word not in told]
    return said


def actual(scenario: Scenario, handshakes: list[Handshake]) -> list[str]:
    """What came out, in the words of the scenario and in its order."""
    said: list[str] = []
    number = 0
    for block, handshake in zip(scenario.blocks, handshakes, strict=False):
        steps = {step.packet.number: step for step in handshake.steps}
        for _ in block.lines:
            number += 1
            step = steps.pop(number, None)
            said.append(f"{number}: {_told(step) if step else 'folded'}")
        said += [f"{number}: in another handshake: {_told(step)}" for number, step in steps.items()]
        asked = [(word, text.partition(":")[0]) for word, text in block.expectations]
        asked += [
            (word, "")
            for word in ("copies", "close", "findings", "tags", "ways", "captured-twice")
            if word not in dict(asked)
        ]
        said += [f"{word} {_conclusion(handshake, word, row)}" for word, row in asked]
    if len(handshakes) != len(scenario.blocks):
        said.append(f"{len(handshakes)} handshakes")
    return said


def _told(step: Step) -> str:
    marks = [_spell(mark) for mark in step.marks]
    return " ".join((step.client.after.value, step.server.after.value, *marks))


def _spell(mark: Mark) -> str:
    return mark.name.lower().replace("_", "-")


def _conclusion(handshake: Handshake, word: str, row: str) -> str:
    teardown, timing = handshake.teardown, handshake.timing
    if word == "outcome":
        return handshake.outcome.value + (", guessed" if handshake.role_inferred else "")
    if word == "timing":
        values = (timing.irtt_ns, timing.syn_to_synack_ns, timing.synack_to_ack_ns, timing.setup_ns)
        told = ["-" if value is None else f"{value / 1e6:g}" for value in values]
        return "irtt {}, syn-ack {}, ack {}, setup {}".format(*told)
    if word == "copies":
        counts = (("syn", handshake.syn_retransmits), ("syn-ack", handshake.synack_retransmits))
        return ", ".join(f"{name} {count}" for name, count in counts if count) or "none"
    if word == "close":
        parts = [teardown.kind.value]
        parts += [f"first {teardown.first.value}"] if teardown.first else []
        parts += [f"reset {teardown.reset_by.value}"] if teardown.reset_by else []
        return ", ".join(parts + ["simultaneous"] * teardown.simultaneous)
    if word == "option":
        rows = {option.name: option for option in handshake.negotiation}
        found = rows.get(row)
        return f"{row}: {found.offered} / {found.accepted} / {found.in_effect}" if found else f"{row}: no such row"
    if word == "captured-twice":
        return str(handshake.copies.total)
    if word == "ways":
        told = [f"{side.value} {', '.join(map(str, tags)) or 'bare'}" for side, tags in handshake.other_ways]
        return "; ".join(told) or "none"
    if word == "tags":
        return ", ".join(map(str, handshake.tags)) or "none"
    return " ".join(finding.code for finding in handshake.findings) or "none"
