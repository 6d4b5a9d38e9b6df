"""Which packets of a window can change a judgement, told for all connections at once.

The packets of each connection are held against what a plain one does: SYN, SYN-ACK, ACK, then segments in order, each
acknowledging what was sent, with options, TTL and window as before. Of these an ordinary segment changes nothing
(RFC 9293 §3.10.7.4: it is acceptable, moves no state, and the first of its kind has been judged), so it is passed over.
The others are kept, as a token that holds all that the judgement of a plain connection depends on. Whatever is not
plain is `wild`: from there on the connection is followed packet by packet.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handshake.bulk.slots import MOST_KEPT, ODD, OPEN, Slots
from handshake.findings.middlebox import PATIENT_NS
from handshake.flow.table import LINGER_NS
from handshake.model.packet import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN
from handshake.wire.columns import (
    OTHER,
    Bools,
    Bytes,
    Endpoints,
    Ints,
    Segments,
    Words,
    checksums,
    hosts_of,
    options_of,
    scrambled,
)

INDEX_BITS = 18
FIRST_WORDS = 64
"""Bytes of one side after which its protocol is known, or never will be (`app.talk`)."""
DISORDER_NS = 10 * 10**9
"""How far times may run back in a capture that lasts long enough for a flow table to forget what was closed."""
_ECN = ECE | CWR | AE
_NEVER = -(1 << 35)
_STRIDE = 1 << 37
_NEAR, _LARGE = 1 << 28, 1 << 30
_CLOCK_STEP = 1 << 20


class NotPlainError(Exception):
    """The whole capture has to be read packet by packet."""


@dataclass(slots=True)
class Rows:
    """What is known of each TCP packet of a window beside its header."""

    time_ns: Ints
    number: Ints
    place: Ints
    """Where it begins in the file."""
    wild: Bools
    """Known beforehand not to be plain."""
    talk: Bools
    """Its payload begins like a protocol that interests."""


@dataclass(slots=True)
class Sifted:
    """The packets of a window by connection, in each the order of the capture, and what to do with them."""

    segments: Segments
    rows: Rows
    slot: Ints
    side: Ints
    starts: Ints
    """Where each connection's packets begin."""
    group: Ints
    """Which of the connections each packet belongs to."""
    feed: Ints
    """Packets to be judged one by one, as places in these arrays."""
    promote: Ints
    """Slots that are followed one by one from now on."""
    passed: Bools
    """Packets that were passed over."""
    before: tuple[Ints, Ints]
    """Of each side, before this packet: the highest number sent."""
    last: tuple[Ints, Ints]
    """Of each side, its last packet before this one, as a place in these arrays; below the connection's start: none."""
    tsval: Ints
    before_ns: Ints
    """Time of the connection's packet before this one."""
    ends: tuple[Ints, Ints]
    """Of each connection and side, before this window: acknowledgment number and window."""
    clock: Ints
    """`Slots.clock` before this window."""
    pending: Bools
    """`Slots.pending` before this window."""
    untold: Ints
    """`Slots.untold` before this window."""
    created: Ints
    """First packets of connections that are new."""


def _wrapped(number: Ints) -> Ints:
    """A difference of sequence numbers, signed."""
    return number.astype(np.int32).astype(np.int64)


def _first(found: Bools, key: Ints, keys: int) -> Ints:
    """The first place at which something was found, by key; the number of places where it was not."""
    first = np.full(keys, len(found))
    rows = np.flatnonzero(found)[::-1]
    first[key[rows]] = rows
    return first


def _shifted(values: Ints, starts: Ints, initial: Ints) -> Ints:
    """Each element's predecessor; `initial` where a connection begins."""
    out = np.empty_like(values)
    out[1:] = values[:-1]
    out[starts] = initial
    return out


def _counted(found: Bools | Ints, starts: Ints, group: Ints) -> Ints:
    """How many (or how much) of the connection's packets before this one."""
    total = np.cumsum(found, dtype=np.int64)
    total -= found
    return total - total[starts][group]


def by_side(lane: Ints, lanes: int, payload: Ints) -> Ints:
    """Segments and bytes of each lane, which is a side of a connection: the shape is (connections, 2, 2)."""
    said = np.bincount(lane, payload, lanes).astype(np.int64)
    return np.stack((np.bincount(lane, minlength=lanes), said), axis=1).reshape(-1, 2, 2)


class Sieve:
    """Sifts window after window."""

    def __init__(self, slots: Slots, endpoints: Endpoints) -> None:
        self._slots = slots
        self._endpoints = endpoints

    def sift(self, data: Bytes, segments: Segments, rows: Rows) -> Sifted:
        """Take the packets of a window; those that are kept are noted in the slots."""
        slots = self._slots
        count = len(segments.row)
        assert count
        pair = self._endpoints.pair(segments.src, segments.dst)
        low = np.uint64((1 << INDEX_BITS) - 1)
        packed = (pair & ~low) | np.arange(count, dtype=np.uint64)
        packed.sort()
        order = (packed & low).astype(np.int64)
        pair = pair[order]
        segs = segments.take(order)
        rows = Rows(*(getattr(rows, name)[order] for name in Rows.__slots__))
        fresh = np.empty(count, np.bool_)
        fresh[0] = True
        np.not_equal(pair[1:], pair[:-1], out=fresh[1:])
        starts = np.flatnonzero(fresh)
        group = np.cumsum(fresh) - 1
        ids = self._ids(data, pair[starts], segs, rows, starts)
        slot = ids[group]
        client, server = slots.client[ids][group], slots.server[ids][group]
        mine = segs.src == client
        if not np.array_equal(segs.dst, np.where(mine, server, client)) or not (mine | (segs.src == server)).all():
            raise NotPlainError
        return self._judge(data, segs, rows, slot, starts, group, ids, (~mine).astype(np.int64))

    def _ids(self, data: Bytes, pairs: Words, segs: Segments, rows: Rows, starts: Ints) -> Ints:
        slots = self._slots
        names = pairs.tolist()
        if len(set(names)) < len(names):
            raise NotPlainError
        known = slots.known.get
        ids = np.array([known(name, -1) for name in names], np.int64)
        new = np.flatnonzero(ids < 0)
        if len(new):
            ids[new] = slots.claim([names[index] for index in new.tolist()])
            fresh, first = ids[new], starts[new]
            slots.client[fresh], slots.server[fresh] = segs.src[first], segs.dst[first]
            hosts = hosts_of(data, segs.take(first), self._endpoints)
            slots.client_host[fresh], slots.server_host[fresh] = hosts
            slots.ports[fresh], slots.first[fresh] = segs.ports[first], rows.number[first]
            slots.last_ns[fresh] = rows.time_ns[first]
            slots.iss[fresh, 0] = segs.seq[first]
        return ids

    def _judge(  # noqa: PLR0917 - one column each
        self, data: Bytes, segs: Segments, rows: Rows, slot: Ints, starts: Ints, group: Ints, ids: Ints, side: Ints
    ) -> Sifted:
        slots = self._slots
        count = len(slot)
        groups = len(starts)
        index = np.arange(count)
        start = starts[group]
        stops = np.append(starts[1:], count) - 1
        own, oth = group * 2 + side, group * 2 + 1 - side
        zero = side == 0
        flags, payload, time_ns = segs.flags, segs.payload, rows.time_ns
        live = slots.live[ids][group]
        turn = (slots.rows[ids] - starts)[group] + index

        is_syn, is_rst, is_fin, has_ack = ((flags & bit) > 0 for bit in (SYN, RST, FIN, ACK))
        after = [np.maximum.accumulate(np.where(here, index, -1)) for here in (zero, ~zero)]
        last = tuple(_shifted(each, starts, starts - 1) for each in after)
        own_last, oth_last = np.where(zero, *last), np.where(zero, *reversed(last))
        own_in, oth_in = own_last >= start, oth_last >= start

        def own_before(column: Ints, carried: Ints) -> Ints:
            return np.where(own_in, column[own_last], carried[ids].reshape(-1)[own])

        # numbers, as distances from where each side stood
        spoke, nxt = slots.spoke[ids], slots.nxt[ids].astype(np.int64)
        length = payload + is_syn + is_fin
        bases, reached, before = [], [], []
        for each, here in enumerate((zero, ~zero)):
            first = np.minimum(_first(here, group, groups), count - 1)
            base = np.where(spoke[:, each], nxt[:, each], segs.seq[first])
            initial = np.where(spoke[:, each], 0, _NEVER)
            ends = np.where(here, _wrapped(segs.seq - base[group]) + length, _NEVER)
            ends[starts] = np.maximum(ends[starts], initial)
            ends += group * _STRIDE
            np.maximum.accumulate(ends, out=ends)
            ends -= group * _STRIDE
            bases.append(base)
            reached.append(ends)
            before.append(_shifted(ends, starts, initial))
        own_base, oth_base = (np.where(zero, bases[a][group], bases[1 - a][group]) for a in (0, 1))
        own_top, oth_top = np.where(zero, *before), np.where(zero, *reversed(before))
        known, answered = own_top > _NEVER // 2, oth_top > _NEVER // 2
        dseq = _wrapped(segs.seq - own_base) - own_top
        dack = _wrapped(segs.ack - oth_base) - oth_top

        before_ns = _shifted(time_ns, starts, slots.last_ns[ids])
        gap_ns = time_ns - before_ns
        fin_at = [_first(is_fin & here, group, groups) for here in (zero, ~zero)]
        carried_fins = slots.fins[ids]
        fins = [carried_fins[group, each] | (index > fin_at[each][group]) for each in (0, 1)]
        own_fin, any_fin = np.where(zero, *fins), fins[0] | fins[1]
        closing_ns = np.where(
            carried_fins.any(1), slots.closing_ns[ids], time_ns[np.minimum(np.minimum(*fin_at), count - 1)]
        )
        lingered = any_fin & (time_ns - closing_ns[group] > LINGER_NS - DISORDER_NS)
        reset = slots.reset[ids][group] | (index > _first(is_rst, group, groups)[group])

        tsval, tsecr, mixed = self._options(data, segs, is_syn)
        ttl_same = own_before(segs.ttl, slots.ttl) == segs.ttl
        ts_before = own_before(tsval, slots.tsval)
        ts_step = _wrapped(tsval - ts_before)
        after_syn = np.where(own_in, is_syn[own_last], slots.greeted[ids].reshape(-1)[own])
        stamps = (segs.form != OTHER) & (
            ((tsval >= 0) & (ts_before >= 0) & (ts_step >= 0) & (ts_step < _CLOCK_STEP))
            | ((tsval < 0) & (ts_before < 0)) | after_syn & (ts_before < 0) | after_syn & (tsval < 0)
        )  # fmt: skip
        ack_before = own_before(np.where(has_ack, segs.ack, -1), slots.ack)
        ack_on = (ack_before < 0) | (_wrapped(segs.ack - ack_before) >= 0)

        # what a plain connection does
        in_order = known & (dseq == 0)
        acked = answered & (dack == 0)
        core = flags & ~_ECN
        empty, wide = payload == 0, segs.wnd > 0
        asks = (core == SYN) & empty & wide & (segs.src != segs.dst)
        first_syn = asks & (turn == 0)
        again = asks & (turn > 0) & zero & ~answered & known & (dseq == -1) & ~reset & ttl_same
        syn_ack = (core == SYN | ACK) & empty & wide & (turn == 1) & ~zero & acked
        steady = wide & ttl_same & stamps & ~reset
        third = ((core & ~PSH) == ACK) & (turn == 2) & zero & in_order & acked & steady & (gap_ns < PATIENT_NS)
        chain = np.where(turn == 0, first_syn, np.where(turn == 1, syn_ack, np.where(turn == 2, third, True)))
        so_far = slots.rows[ids]
        phase = slots.phase[ids]
        carried = (phase == OPEN) | ((phase == so_far) & (so_far < 3))
        broken = _first(~chain, group, groups)
        opening = carried[group] & (index <= broken[group])
        is_open = opening & (turn >= 3)
        near = answered & (dack <= 0) & (dack >= -_NEAR)
        flows = is_open & ((flags & ~(PSH | FIN)) == ACK) & in_order & near & steady & ack_on
        flows &= ~own_fin | (empty & ~is_fin)
        resets = ((flags == RST) | (flags == RST | ACK)) & empty & ~reset
        refused = resets & has_ack & ~zero & ~known & acked & (turn > 0)
        cut_off = (
            resets & in_order & ttl_same & (~has_ack | near) & (is_open | (opening & (turn == 2) & (~has_ack | acked)))
        )
        plain = first_syn | again | (syn_ack & opening) | (third & opening) | flows | refused | cut_off
        wild = ~plain | rows.wild | ~segs.plain | (gap_ns < 0) | lingered

        # what was said: which protocol it is must be known before data is passed over
        spoken = [_counted(np.where(here, payload, 0), starts, group) + slots.payload[ids, each][group]
                  for each, here in enumerate((zero, ~zero))]  # fmt: skip
        talked = slots.talked[ids][group] | (~live & ((spoken[0] > FIRST_WORDS) | (spoken[1] > FIRST_WORDS)))
        wild |= rows.talk & ~talked
        turned = _first(wild, group, groups)
        talked = talked[np.minimum(index, np.minimum(turned, count - 1)[group])]

        # what changes nothing
        oth_wnd = np.where(oth_in, segs.wnd[oth_last], slots.wnd[ids].reshape(-1)[oth])
        ordinary = flows & ~wild & ~is_fin & ~any_fin & (own_before(segs.wnd, slots.wnd) != 0) & (oth_wnd != 0)
        ordinary &= empty | talked
        tame = is_open & ((core & ~PSH) == ACK) & known & answered & segs.plain & ~any_fin & ~reset & ~rows.wild
        tame &= (tsval < 0) | (ts_before < 0) | (ts_step >= 0)
        tame &= (np.abs(dseq) < _LARGE) & (np.abs(dack) < _NEAR)
        upset = _first(wild & ~tame, group, groups)
        ordinary &= index < upset[group]
        kind = side * 2 + ~empty
        place = group * 4 + kind
        first = _first(ordinary, place, groups * 4)
        kinds = slots.kinds[ids].astype(np.int64)
        seen = (kinds[group] >> kind & 1 > 0) | (index > first[place])
        kinds |= ((first < count).reshape(-1, 4) << np.arange(4)).sum(1)
        passed = ordinary & seen

        kept = ~passed & ~live
        rank = _counted(kept, starts, group) + slots.kept[ids][group]
        far = rows.place - np.where((slots.kept[ids] > 0)[group], slots.place[ids][group], rows.place[start]) >= 1 << 32
        full = _first(kept & ((rank >= MOST_KEPT) | far), group, groups)
        turned = np.minimum(turned, full)
        kept &= index < turned[group]
        feed = np.flatnonzero(~passed & ~kept)
        going = ids[(turned < count) & ~slots.live[ids]]

        where = np.flatnonzero(kept)
        if len(where):
            self._keep(data, segs.take(where), rows, slot, side, where, rank, tsval, tsecr, mixed, dack, turn)

        carried_ends = slots.ack[ids], slots.wnd[ids]
        clock, pending, untold = slots.clock[ids], slots.pending[ids], slots.untold[ids]

        # where each connection stands now
        slots.rows[ids] += stops - starts + 1
        slots.last_ns[ids], slots.last[ids] = time_ns[stops], rows.number[stops]
        slots.kinds[ids], slots.closing_ns[ids] = kinds, closing_ns
        slots.talked[ids] |= talked[stops] & ~slots.live[ids]
        slots.reset[ids] |= reset[stops] | is_rst[stops]
        slots.pending[ids] |= np.maximum.reduceat(passed, starts)
        steps = np.minimum(slots.rows[ids], OPEN)
        good = carried & (broken == count) & (upset == count)
        slots.phase[ids] = np.where(good, steps, ODD)
        for each, here in enumerate((zero, ~zero)):
            at = after[each][stops]
            there = at >= starts
            some, at = ids[there], at[there]
            new = ~slots.spoke[some, each]
            slots.iss[some[new], each] = bases[each][there][new]
            slots.spoke[some, each] = True
            slots.nxt[some, each] = (bases[each] + reached[each][stops])[there] & 0xFFFFFFFF
            slots.ack[some, each] = np.where(has_ack[at], segs.ack[at], -1)
            slots.ttl[some, each], slots.wnd[some, each] = segs.ttl[at], segs.wnd[at]
            slots.tsval[some, each] = tsval[at]
            slots.fins[ids, each] |= fins[each][stops] | (is_fin & here)[stops]
            slots.greeted[some, each] = is_syn[at]
            spoke_at = np.maximum.reduceat(np.where(passed & here & ~empty & (tsval >= 0), index, -1), starts)
            told = spoke_at >= 0
            slots.clock[ids[told], each] = tsval[spoke_at[told]]
        counted = by_side(own, 2 * groups, payload)
        slots.segments[ids] += counted[..., 0]
        slots.payload[ids] += counted[..., 1]
        gone = np.flatnonzero(passed)
        slots.untold[ids] += by_side(own[gone], 2 * groups, payload[gone])
        slots.live[going] = True
        tops = tuple(
            np.where(before[each] > _NEVER // 2, (bases[each][group] + before[each]) & 0xFFFFFFFF, -1)
            for each in (0, 1)
        )
        return Sifted(segs, rows, slot, side, starts, group, feed, going, passed, (tops[0], tops[1]),
                      (last[0], last[1]), tsval, before_ns, carried_ends, clock, pending, untold,
                      starts[so_far == 0])  # fmt: skip

    def _options(self, data: Bytes, segs: Segments, is_syn: Bools) -> tuple[Ints, Ints, Words]:
        """TSval and TSecr of each segment, and the options of each SYN as a hash."""
        tsval = segs.tsval.copy()
        tsecr = np.full(len(tsval), -1)
        mixed = np.zeros(len(tsval), np.uint64)
        where = np.flatnonzero(is_syn & segs.plain & (segs.header > 20))
        if len(where):
            mixed[where], tsval[where], tsecr[where] = options_of(data, segs.at[where], segs.header[where])
        return tsval, tsecr, mixed

    def _keep(  # noqa: PLR0917 - one column each
        self, data: Bytes, segs: Segments, rows: Rows, slot: Ints, side: Ints, where: Ints, rank: Ints,
        tsval: Ints, tsecr: Ints, mixed: Words, dack: Ints, turn: Ints,
    ) -> None:  # fmt: skip
        """Note packets that are kept, and what the judgement depends on."""
        slots = self._slots
        slot, side, rank, turn = slot[where], side[where], rank[where], turn[where]
        tsval, tsecr = tsval[where], tsecr[where]
        slots.place[slot[rank == 0]] = rows.place[where[rank == 0]]
        slots.places[slot, rank] = rows.place[where] - slots.place[slot]
        early = rank < 3
        slots.times[slot[early], rank[early]] = rows.time_ns[where[early]]
        slots.numbers[slot, rank] = rows.number[where] - slots.first[slot]
        begins = rank == 0
        slots.syn_tsval[slot[begins]] = tsval[begins]
        syn = (segs.flags & SYN) > 0
        token = segs.flags | side << 12 | (segs.payload > 0) << 13 | segs.form << 14
        token |= checksums(data, segs) << 16 | (dack[where] == 0).astype(np.int64) << 18
        token |= (segs.seq == 0).astype(np.int64) << 19 & -((segs.flags & RST) > 0).astype(np.int64)
        token |= (segs.ip_id < 0).astype(np.int64) << 20
        token |= ((segs.ports & 0xFFFF) == 0).astype(np.int64) << 21 | (segs.ports < 65536).astype(np.int64) << 22
        token |= ((segs.ack > 0) & ((segs.flags & ACK) == 0)).astype(np.int64) << 43
        echo = (tsecr == slots.syn_tsval[slot]).astype(np.int64)
        special = (tsval == 0) | (tsecr == 0) << 1 | echo << 2 | segs.wnd << 3 | (segs.ack == 0).astype(np.int64) << 19
        token |= np.where(syn, special, 0) << 23
        word = scrambled(token.astype(np.uint64) ^ scrambled(mixed[where] + segs.rest.astype(np.uint64)))
        word = scrambled(word + rank.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        first = np.flatnonzero(np.append(True, slot[1:] != slot[:-1]))
        chosen = slot[first]
        slots.form[chosen] += np.add.reduceat(word, first)
        slots.kept[chosen] += np.diff(np.append(first, len(slot)))
