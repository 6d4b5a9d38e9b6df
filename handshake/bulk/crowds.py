"""Rules about many handshakes, and listening sockets, from a census.

Numpy only finds the hosts that may concern a rule: every group that the rule could report is in what it gets to see.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from handshake.bulk.census import OUTCOMES, Census
from handshake.findings.crowds import MANY_ATTEMPTS, MANY_TARGETS, flood_of
from handshake.findings.numbers import ENOUGH, SMALL_PORT_STEP, SMALL_STEP
from handshake.findings.registry import RULES, Group, Members, crowd_of
from handshake.findings.sketch import FAILED, Sketch
from handshake.model.crowd import Crowd
from handshake.model.listener import Listener
from handshake.wire.columns.arrays import Bools, Ints, scrambled

_FAILED = np.array([outcome in FAILED for outcome in OUTCOMES])
_OPENED = np.array([outcome.opened for outcome in OUTCOMES])


def sketches(census: Census, lines: np.ndarray) -> list[Sketch]:
    """The same lines as the rules want them."""
    found = []
    for (
        number,
        client,
        server,
        ports,
        _,
        outcome,
        start,
        end,
        _,
        _,
        _,
        probing,
        unasked,
        by_client,
        *isns,
    ) in lines.tolist():
        ends = census.names.endpoint(client, ports >> 16), census.names.endpoint(server, ports & 0xFFFF)
        one, other = (end.address for end in (ends if by_client else reversed(ends)))
        client_isn, server_isn = (None if isn < 0 else isn for isn in isns)
        found.append(Sketch(number, *ends, OUTCOMES[outcome], start, end, probing, (one, other) if unasked else None,
                            (client_isn, server_isn)))  # fmt: skip
    return found


def crowds(census: Census, lines: np.ndarray) -> tuple[Crowd, ...]:
    """What the handshakes amount to together, in the order of the codes."""
    concerned = {
        "HS601": _scanning, "HS602": _scanning, "HS604": lambda lines: lines["unasked"],
        "HS605": _numbered, "HS606": _ported,
    }  # fmt: skip
    found: list[Crowd] = []
    for rule in RULES.values():
        if rule.collect is None:
            continue
        if rule.code == "HS603":
            groups: Iterable[Group] = _floods(census, lines)
        else:
            groups = rule.collect(sketches(census, lines[concerned[rule.code](lines)]))
        found += (crowd_of(rule, census.source, group) for group in groups)
    return tuple(found)


def _floods(census: Census, lines: np.ndarray) -> Iterator[Group]:
    """HS603 by the same test, its numbers counted at once for all attempts at a server."""
    failed = _many(lines["server_host"], _FAILED[lines["outcome"]], MANY_ATTEMPTS)
    hosts, first = np.unique(lines["server_host"][failed], return_index=True)
    concerned = np.flatnonzero(_among(lines["server_host"], hosts))
    order = concerned[np.argsort(lines["server_host"][concerned], kind="stable")]
    bounds = np.searchsorted(lines["server_host"][order], hosts)
    attempts = np.split(order, bounds[1:])
    for index in np.argsort(first).tolist():
        host, every = hosts[index], attempts[index]
        rows = every[failed[every]]
        kinds, seen, counts = np.unique(lines["outcome"][rows], return_index=True, return_counts=True)
        order = np.argsort(seen)
        outcomes = Counter(
            {OUTCOMES[kind]: int(count) for kind, count in zip(kinds[order], counts[order], strict=True)}
        )
        ports = set(np.flatnonzero(np.bincount(lines["ports"][rows] & 0xFFFF)).tolist())
        clients = np.sort(lines["client_host"][rows])
        count = 1 + int((clients[1:] != clients[:-1]).sum())
        starts, end_ns = lines["start"][rows], int(lines["end"][rows].max())
        numbers = array("q", lines["number"][rows].tobytes())
        members = Members(numbers, int(starts.min()), end_ns)
        yield from flood_of(
            census.names.endpoint(int(host), 0).address, ports,
            (count, census.names.endpoint(int(clients[0]), 0).address), outcomes,
            int(_OPENED[lines["outcome"][every]].sum()), int(starts.max() - starts.min()), members,
        )  # fmt: skip


def _many(key: np.ndarray, mask: Bools, least: int) -> Bools:
    """Of the lines in the mask those whose key occurs that often."""
    out = np.zeros(len(key), np.bool_)
    rows = np.flatnonzero(mask)
    ordered = np.sort(key[rows])
    far = ordered[least - 1 :]
    often = far[ordered[: len(far)] == far]
    if len(often):
        out[rows[_among(key[rows], np.unique(often))]] = True
    return out


def _repeated(values: np.ndarray) -> Bools:
    """Which values occur more than once."""
    ordered = np.sort(values)
    return _among(values, np.unique(ordered[1:][ordered[1:] == ordered[:-1]]))


def _by_time(start: Ints, rows: Ints, host: np.ndarray) -> Ints:
    """The order by host, then by time, then by line."""
    if (start[1:] >= start[:-1]).all() and (rows[1:] >= rows[:-1]).all():
        return np.argsort(host, kind="stable")
    return np.lexsort((rows, start, host))


def _among(values: np.ndarray, chosen: np.ndarray) -> Bools:
    """Which values are among those chosen, which are in ascending order."""
    if not len(chosen):
        return np.zeros(len(values), np.bool_)
    found: Bools = chosen[np.minimum(np.searchsorted(chosen, values), len(chosen) - 1)] == values
    return found


def _scanning(lines: np.ndarray) -> Bools:
    return _many(lines["client_host"], lines["probing"], MANY_TARGETS)


def _numbered(lines: np.ndarray) -> Bools:
    """Lines of hosts whose initial numbers may count up: in the order of time nearly all steps are small."""
    out = np.zeros(len(lines), np.bool_)
    rows, host, isn = _peers(lines)
    often = _many(host, np.ones(len(host), np.bool_), ENOUGH)
    rows, host, isn = rows[often], host[often], isn[often]
    if not len(rows):
        return out
    pair = scrambled(lines["client_host"][rows] + scrambled(lines["server_host"][rows] ^ scrambled(
        lines["ports"][rows].astype(np.uint64))))  # fmt: skip
    order = _by_time(lines["start"][rows], rows, host)
    rows, host, isn, pair = rows[order], host[order], isn[order], pair[order]
    starts = np.flatnonzero(np.append(True, host[1:] != host[:-1]))
    counts = np.diff(np.append(starts, len(host)))
    same = np.append(host[1:] == host[:-1], False)
    step = np.append((isn[1:] - isn[:-1]) % (1 << 32), 0)
    large = np.add.reduceat((same & (step > SMALL_STEP)).astype(np.int64), starts)
    again = np.add.reduceat(_repeated(pair ^ scrambled(host)).astype(np.int64), starts)
    wanted = (counts >= ENOUGH) & ((large == 0) | (again > 0))
    hosts = host[starts][wanted]
    return _among(lines["client_host"], hosts) | _among(lines["server_host"], hosts)


def _ported(lines: np.ndarray) -> Bools:
    """Lines of clients whose ports may count up from server to server."""
    out = np.zeros(len(lines), np.bool_)
    rows = np.flatnonzero(_many(lines["client_host"], lines["client_iss"] >= 0, ENOUGH))
    if not len(rows):
        return out
    host = lines["client_host"][rows]
    target = scrambled(lines["server_host"][rows] ^ scrambled((lines["ports"][rows] & 0xFFFF).astype(np.uint64)))
    order = _by_time(lines["start"][rows], rows, host)
    rows, host, target = rows[order], host[order], target[order]
    _, first = np.unique(target ^ scrambled(host), return_index=True)
    first.sort()
    host, port = host[first], (lines["ports"][rows[first]] >> 16).astype(np.int64)
    starts = np.flatnonzero(np.append(True, host[1:] != host[:-1]))
    counts = np.diff(np.append(starts, len(host)))
    inside = np.append(False, host[1:] == host[:-1])
    step = np.append(0, port[1:] - port[:-1])
    low = np.minimum.reduceat(np.where(inside, step, SMALL_PORT_STEP), starts)
    high = np.maximum.reduceat(np.where(inside, step, 0), starts)
    wanted = (counts >= ENOUGH) & (low >= 0) & (high <= SMALL_PORT_STEP)
    return _among(lines["client_host"], host[starts][wanted])


def _peers(lines: np.ndarray) -> tuple[Ints, np.ndarray, Ints]:
    """Ends with a known initial number: the line, the host and the number."""
    client, server = np.flatnonzero(lines["client_iss"] >= 0), np.flatnonzero(lines["server_iss"] >= 0)
    rows = np.concatenate((client, server))
    host = np.concatenate((lines["client_host"][client], lines["server_host"][server]))
    return rows, host, np.concatenate((lines["client_iss"][client], lines["server_iss"][server]))


def listeners(census: Census, lines: np.ndarray) -> tuple[Listener, ...]:
    """As `flow.listeners`, from a census."""
    return tuple(_served(census, lines))


def _served(census: Census, lines: np.ndarray) -> Iterator[Listener]:
    there = lines[lines["setup"] >= 0]
    if not len(there):
        return
    key = scrambled(
        there["server_host"]
        ^ scrambled(
            ((there["ports"] & 0xFFFF).astype(np.int64) | there["way"].astype(np.int64) << 16).astype(np.uint64)
        )
    )
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
    stops = np.append(starts[1:], len(key))
    for index in np.argsort(order[starts]).tolist():
        if stops[index] - starts[index] < 2:
            continue
        group = there[order[starts[index] : stops[index]]]
        opened = group["start"] + group["setup"]
        closed = np.maximum(group["end"], opened)
        together = most_at_once(opened, closed)
        if len(together) > 1:
            chosen = group[together]
            server = census.names.endpoint(int(chosen["server_host"][0]), int(chosen["ports"][0]) & 0xFFFF)
            clients = tuple(census.names.endpoint(host, ports >> 16) for host, ports in
                            zip(chosen["client_host"].tolist(), chosen["ports"].tolist(), strict=True))  # fmt: skip
            yield Listener(server, census.source, len(group), tuple(chosen["number"].tolist()), clients)


def most_at_once(opened: Ints, closed: Ints) -> Ints:
    """Which were open at the moment at which most were; where there are several such moments, at the earliest."""
    order = np.sort(opened)
    gone = np.minimum(np.searchsorted(np.sort(closed), order, side="right"), np.arange(len(order)))
    best_ns = order[np.argmax(np.arange(1, len(order) + 1) - gone)]
    return np.flatnonzero((opened <= best_ns) & (best_ns < closed))
