"""What each scenario's recording has to show, packet by packet, as tshark reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support import tshark

REQUEST_AND_REPLY = ">PA <A <PA >A"
CLIENT_CLOSES = ">FA <FA >A"
PLAIN = f">S <SA >A {REQUEST_AND_REPLY} {CLIENT_CLOSES}"

STORIES = {
    "three-way": PLAIN,
    "three-way-ipv6": PLAIN,
    "syn-lost": f">S {PLAIN}",
    "syn-ack-lost": f">S <SA <SA >A >PA <A <PA >A {CLIENT_CLOSES}",
    "syn-ack-duplicated": f">S <SA >A <SA >A {REQUEST_AND_REPLY} {CLIENT_CLOSES}",
    "syn-cookies": PLAIN,
    "split-handshake": ">S <S >SA <A >FA <FA >A",
    "ack-lost": f">S <SA >A <SA >A {REQUEST_AND_REPLY} {CLIENT_CLOSES}",
    "accept-queue-full": ">S <SA >A  >S >S <SA >A <SA >A"
    " >PA <A <PA >A >FA >PA <FA >A <A <PA >A >FA <FA >A"
    f"  <SA >A {REQUEST_AND_REPLY} {CLIENT_CLOSES}",
    "simultaneous-open": f">S <S >SA <SA >A <A {REQUEST_AND_REPLY} {CLIENT_CLOSES}",
    "ecn": f">SEC <SAE >A {REQUEST_AND_REPLY} {CLIENT_CLOSES}",
    "accecn": ">SECN <SAC >AC >FAEN <FA >AEN",
    "accecn-refused": ">SECN <SAE >A >FA <A <FA >A",
    "window-scale-stripped": PLAIN,
    "mss-clamped": PLAIN,
    "few-options": PLAIN,
    "fast-open": ">S <SA >PA <A <PA >FA  >S <FA >A <SA >A <PA >A >FA <FA >A",
    "multipath": f">S <SA >A {REQUEST_AND_REPLY} >RA <A >R",
    "probe": ">S <SA >A >FA <A <FA >A",
    "refused": ">S <RA",
    "unanswered": ">S >S >S",
    "filtered": ">S <icmp-3/13",
    "port-unreachable": ">S <icmp-3/3",
    "ttl-expired": ">S <icmp-11/0",
    "host-unreachable": ">S <icmp-3/1",
    "prohibited": ">S <icmp-3/13",
    "no-route-ipv6": ">S <icmpv6-1/0",
    "half-open-scan": ">S >S <SA >R <RA",
    "port-scan": " ".join(">S <SA >A >RA" if port in (22, 25) else ">S <RA" for port in range(1, 31)),
    "syn-flood": f"{'>S ' * 120}{'<SA ' * 120}",
    "half-open": ">S <SA <SA",
    "given-up": ">S <SA >R",
    "half-close": f">S <SA >A {REQUEST_AND_REPLY} >FA <A <PA >A <PA >A <FA >A",
    "simultaneous-close": f">S <SA >A {REQUEST_AND_REPLY} >FA <FA >A <A",
    "aborted-by-client": f">S <SA >A {REQUEST_AND_REPLY} >RA",
    "aborted-by-server": ">S <SA >A >PA <A <RA",
    "data-after-close": f">S <SA >A {REQUEST_AND_REPLY} >FA <PA >R",
    "port-reuse": f">S <SA >A {REQUEST_AND_REPLY} <FA >FA <A  >S <SA >A {REQUEST_AND_REPLY} <FA >FA <A",
    "udp-and-tcp-echo": f">udp <udp  {PLAIN}  >udp <icmp-3/3",
    "echo-with-loss": f">udp >udp <udp  >S <SA >A >PA >PA <A <PA >A {CLIENT_CLOSES}",
    "http-1.0": f">S <SA >A {REQUEST_AND_REPLY} <FA >FA  >S <A <SA >A {REQUEST_AND_REPLY} <FA >FA"
    f"  >S <A <SA >A {REQUEST_AND_REPLY} <FA >FA <A",
    "http-1.1": f">S <SA >A {REQUEST_AND_REPLY} >PA <PA >PA <PA {CLIENT_CLOSES}",
}
"""`>` from the client, `<` to it; letters are flags (S A F R P, E, C and N of ECN). Spaces do not matter."""

DIALOGUES = {
    "dns-then-http": ">1 >28 <1 <28 >S >GET <200 >GET <200 >GET <200" + 3 * " >S >GET <200",
    "dns-truncated": ">1 >S >1 <1 >1 <1",  # the truncated answer comes without its question
    "smtp": ">S <220 >ehlo <250 >mail <250 >rcpt <250 >data <354 <250 >QUIT <221",
    "smtp-login": ">S <220 >ehlo <250 >AUTH <235 >mail <250 >rcpt <250 >data <354 <250 >QUIT <221"
    " >S <220 >ehlo <250 >AUTH <334 <235 >QUIT <221",
    "ftp-passive": ">S <220 >USER <331 >PASS <230 >TYPE <200 >PASV <227 >S >RETR <125 <226 >QUIT <221",
    "ftp-active": ">S <220 >USER <331 >PASS <230 >TYPE <200 >PORT <S <200 >RETR <125 <226 >QUIT <221",
    "ftp-ipv6": ">S <220 >USER <331 >PASS <230 >TYPE <200 >EPSV <229 >S >RETR <125 <226"
    " >TYPE <200 >EPRT <S <200 >RETR <125 <226 >QUIT <221",
    "ssh": ">S >SSH-2.0 <SSH-2.0",
    "quic-and-tls": ">1 <2 >S >1 <2",  # QUIC's first packets are readable (RFC 9001 §5.2)
    "tls": ">S >1 <2 >S >1 <2 <11 <12 <14 >16 <4",
    "http-oddities": ">S >GET >GET >GET <200 <200 <200 >S <100 >POST <200 >S >GET <101 >S >GET",
}
"""Of the scenarios with servers of other projects, which cut what they say into segments as they like: what is said.

`S` is a SYN; then follow DNS types, methods, commands, codes, versions, and kinds of TLS handshake messages.
"""

_FLAGS = {"S": 2, "F": 1, "R": 4, "P": 8, "A": 16, "E": 64, "C": 128, "N": 256}
_FIELDS = ["ip.src", "ipv6.src", "tcp.flags", "tcp.checksum", "tcp.checksum.status"]
_FIELDS += ["icmp.type", "icmp.code", "icmpv6.type", "icmpv6.code"]
_GOOD = "1"
_CLIENTS = ("10.0.0.1", "fd00::1")
_ZERO = "0xffff"
"""How Linux writes a checksum that comes out as zero, once in 65,536 segments; receivers take both (RFC 1071)."""
_SAID = [
    "dns.qry.type", "http.request.method", "http.response.code", "smtp.req.command", "smtp.response.code",
    "ftp.request.command", "ftp.response.code", "tls.handshake.type",
    "ssh.protocol",
]  # fmt: skip


def story_of(path: Path) -> list[str]:
    """The recording in the notation of `STORIES`; a bad TCP checksum shows."""
    fields = [word for field in _FIELDS for word in ("-e", field)]
    command = [tshark(), "-n", "-o", "tcp.check_checksum:TRUE", "-r", str(path), "-T", "fields", "-E", "occurrence=f"]
    output = subprocess.run([*command, *fields], capture_output=True, text=True, check=True).stdout
    return [_told(dict(zip(_FIELDS, line.split("\t"), strict=True))) for line in output.splitlines()]


def tells_its_story(name: str, path: Path, *, exactly: bool) -> None:
    """Assert that a recording shows its scenario; not `exactly`: but for what a busy machine changes."""
    if name in DIALOGUES and exactly:
        assert dialogue_of(path) == DIALOGUES[name].split()
    elif name in DIALOGUES:
        assert sides(dialogue_of(path)) == sides(DIALOGUES[name].split())
    elif exactly:
        assert story_of(path) == STORIES[name].split()
    else:
        assert gist(story_of(path)) == gist(STORIES[name].split())


def dialogue_of(path: Path) -> list[str]:
    """The recording in the notation of `DIALOGUES`; a code that stands in many lines or segments counts once."""
    command = [tshark(), "-2", "-n", "-r", str(path), "-T", "fields", "-E", "aggregator= "]
    fields = [word for field in ("ip.src", "ipv6.src", "tcp.flags", *_SAID) for word in ("-e", field)]
    output = subprocess.run([*command, *fields], capture_output=True, text=True, check=True).stdout
    told: list[str] = []
    for line in output.splitlines():
        ipv4, ipv6, flags, *said = line.split("\t")
        arrow = ">" if (ipv4 or ipv6) in _CLIENTS else "<"
        if flags and int(flags, 16) & 0x12 == 2:
            told.append(f"{arrow}S")
        words = [(field, word) for field, words in zip(_SAID, said, strict=True) for word in words.split()]
        for field, word in words:
            if field != "smtp.response.code" or told[-1] != arrow + word:
                told.append(arrow + word.partition("-AsyncSSH")[0])
    return told


def sides(dialogue: list[str]) -> tuple[list[str], list[str]]:
    """What the clients said, in order, and what the servers said, in any.

    On a busy machine an answer may come before the next question; dnslib answers each question in a thread of its own.
    """
    said_by = {arrow: [words for words in dialogue if words[0] == arrow] for arrow in "><"}
    return said_by[">"], sorted(said_by["<"])


def gist(story: list[str]) -> list[str]:
    """The story without what a busy machine changes: bare ACKs, but for the one that answers a SYN-ACK.

    Data and FINs are acknowledged apart from, or with, what the program says in return; the kernel waits some 40 ms
    for it (RFC 9293 §3.8.6.3, delayed acknowledgments).
    """
    before = ["", *story]
    return [told for told, last in zip(story, before, strict=False) if told[1:] != "A" or last[1:] == "SA"]


def _told(frame: dict[str, str]) -> str:
    source = frame["ip.src"] or frame["ipv6.src"]
    arrow = ">" if source in _CLIENTS or source.startswith("10.0.2.") else "<"  # and forged clients
    for icmp in ("icmp", "icmpv6"):  # first: the error quotes a TCP header, which fills the tcp fields
        if frame[f"{icmp}.type"]:
            return f"{arrow}{icmp}-{frame[f'{icmp}.type']}/{frame[f'{icmp}.code']}"
    if not frame["tcp.flags"]:
        return f"{arrow}udp"
    letters = "".join(letter for letter, bit in _FLAGS.items() if int(frame["tcp.flags"], 16) & bit)
    good = frame["tcp.checksum.status"] == _GOOD or frame["tcp.checksum"] == _ZERO
    return arrow + letters + ("" if good else "-bad-checksum")
