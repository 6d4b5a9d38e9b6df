"""Which packets of a window can change a judgement, told for all connections at once.

The packets of each connection are held against what a plain one does: SYN, SYN-ACK, ACK, then segments in order, each
acknowledging what was sent, with options, TTL and window as before. Of these an ordinary segment changes nothing
(RFC 9293 §3.10.7.4: it is acceptable, moves no state, and the first of its kind has been judged), so it is passed over.
The others are kept, as a token that holds all that the judgement of a plain connection depends on. Whatever is not
plain is `wild`: from there on the connection is followed packet by packet.
"""

from __future__ import annotations

import numpy as np

from handshake.bulk.index import LEAST
from handshake.bulk.lanes import Lanes, first
from handshake.bulk.slots import MOST_KEPT, ODD, OPEN, Slots, copied
from handshake.findings.middlebox import PATIENT_NS
from handshake.flow.table import LINGER_NS
from handshake.model.packet import ACK, AE, CWR, ECE, FIN, PSH, RST, SYN
from handshake.model.record import dataclass
from handshake.wire.columns.arrays import Bools, Bytes, Ints, Words, scrambled
from handshake.wire.columns.checksums import checksums
from handshake.wire.columns.endpoints import Endpoints
from handshake.wire.columns.options import options_of
from handshake.wire.columns.segments import OTHER, Segments, hosts_of

INDEX_BITS = 18
FIRST_WORDS = 64
"""Bytes of one side after which its protocol is known, or never will be (`app.talk`)."""
DISORDER_NS = 10 * 10**9
"""How far times may run back in a capture that lasts long enough for a flow table to forget what was closed."""
_ECN = ECE | CWR | AE
_NEVER = -(1 << 35)
_NEAR, _LARGE = 1 << 28, 1 << 30
_CLOCK_STEP = 1 << 20


class NotPlainError(Exception):
    """The whole capture has to be read packet by packet."""


class NotSharedError(NotPlainError):
    """It can be read in bulk by one process, and not by several."""


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
class Numbers:
    """Sequence numbers, as distances from where each side stood when the window began."""

    base: Ints
    """Of each lane, where it stood."""
    initial: Ints
    """0 where the side has spoken before, else `_NEVER`."""
    reached: Ints
    """The end of what the sender has sent, this packet included."""
    own_top: Ints
    """The same before this packet; about `_NEVER` where it is the first one."""
    other_top: Ints
    """That of the receiver."""
    dseq: Ints
    """How far behind the sender's end this packet begins."""
    dack: Ints
    """How far behind the receiver's end it acknowledges."""

    @property
    def known(self) -> Bools:
        """The sender has spoken before."""
        return self.own_top > _NEVER // 2

    @property
    def answered(self) -> Bools:
        """The receiver has."""
        return self.other_top > _NEVER // 2


@dataclass(slots=True)
class Sifted:
    """The packets of a window by connection, in each the order of the capture, and what to do with them."""

    segments: Segments
    rows: Rows
    lanes: Lanes
    numbers: Numbers
    states: np.ndarray
    """The connections' records (`Slots`) before this window."""
    sides: np.ndarray
    """Those of their sides, by lane."""
    slot: Ints
    """Of each packet."""
    tsval: Ints
    feed: Ints
    """Packets to be judged one by one, as places in these arrays."""
    promote: Ints
    """Slots that are followed one by one from now on."""
    passed: Bools
    """Packets that were passed over."""
    created: Ints
    """First packets of connections that are new."""

    def standing(self, index: int, side: int) -> tuple[int, int, int]:
        """Before a packet: the next number that a side would send, its acknowledgment and window; -1 is unknown."""
        lanes, numbers = self.lanes, self.numbers
        group, mine = int(lanes.group[index]), int(lanes.side[index]) == side
        top = int((numbers.own_top if mine else numbers.other_top)[index])
        last = int((lanes.own_last if mine else lanes.other_last)[index])
        number = int(numbers.base[2 * group + side]) + top & 0xFFFFFFFF if top > _NEVER // 2 else -1
        if last >= lanes.starts[group]:
            return number, int(self.segments.ack[last]), int(self.segments.wnd[last])
        before = self.sides[2 * group + side]
        return number, int(before["ack"]), int(before["wnd"])

    def before_ns(self, index: int) -> int:
        """Time of the connection's packet before this one."""
        group = self.lanes.group[index]
        return int(self.rows.time_ns[index - 1] if index > self.lanes.starts[group] else self.states["last_ns"][group])


def _wrapped(number: Ints) -> Ints:
    """A difference of sequence numbers, signed."""
    return number.astype(np.int32).astype(np.int64)


class Sieve:
    """Sifts window after window."""

    def __init__(self, slots: Slots, endpoints: Endpoints) -> None:
        self._slots = slots
        self._endpoints = endpoints

    def sift(self, data: Bytes, segments: Segments, rows: Rows) -> Sifted:
        """Take the packets of a window; those that are kept are noted in the slots."""
        count = len(segments.row)
        assert count
        pair = self._endpoints.pair(segments.src, segments.dst)
        low = np.uint64((1 << INDEX_BITS) - 1)
        packed = (pair & ~low) | np.arange(count, dtype=np.uint64)
        packed.sort()
        order = (packed & low).astype(np.int64)
        pair = pair.take(order)
        segs = segments.take(order)
        rows = Rows(*(getattr(rows, name).take(order) for name in Rows.__slots__))
        fresh = np.empty(count, np.bool_)
        fresh[0] = True
        np.not_equal(pair[1:], pair[:-1], out=fresh[1:])
        lanes = Lanes(fresh)
        pairs = pair.take(lanes.starts)
        if (pairs[1:] & ~low == pairs[:-1] & ~low).any() or pairs.min() < LEAST:
            raise NotPlainError("connections whose hashes look the same")
        ids = self._slots.find(pairs)
        states, sides = self._records(data, pairs, ids, segs, rows, lanes)
        segs.plain &= segs.way == states["way"].take(lanes.group)
        client, server = (
            self._endpoints.ends(states[host], port)
            for host, port in (("client_host", states["ports"] >> 16), ("server_host", states["ports"] & 0xFFFF))
        )
        client, both = client.take(lanes.group), (client ^ server).take(lanes.group)
        mine = segs.src == client
        if ((segs.src ^ segs.dst) != both).any() or not (mine | (segs.dst == client)).all():
            raise NotPlainError("connections with the same hash")
        lanes.part((~mine).view(np.int8).astype(np.int64))
        return _Judgement(self._slots, data, segs, rows, lanes, ids, states, sides).sifted()

    def _records(  # noqa: PLR0917 - one column each
        self, data: Bytes, pairs: Words, ids: Ints, segs: Segments, rows: Rows, lanes: Lanes
    ) -> tuple[np.ndarray, np.ndarray]:
        """The records of the connections; those that are new get slots, whose numbers are put into `ids`."""
        slots = self._slots
        new = np.flatnonzero(ids < 0)
        if not len(new):
            return slots.records(ids)
        ids[new] = slots.claim(pairs[new])
        states, sides = slots.begun(ids, new)
        first = lanes.starts[new]
        slots.first[ids[new]] = rows.number[first]
        hosts = hosts_of(data, segs.take(first), self._endpoints)
        states["client_host"][new], states["server_host"][new] = hosts
        states["ports"][new], states["way"][new] = segs.ports[first], segs.way[first]
        states["last_ns"][new], sides["iss"][2 * new] = rows.time_ns[first], segs.seq[first]
        return states, sides


class _Judgement:
    """One window, held against what plain connections do."""

    def __init__(  # noqa: PLR0917 - one column each
        self, slots: Slots, data: Bytes, segs: Segments, rows: Rows, lanes: Lanes, ids: Ints, states: np.ndarray,
        sides: np.ndarray,
    ) -> None:  # fmt: skip
        self._slots, self._data, self._segs, self._rows, self._lanes = slots, data, segs, rows, lanes
        self._ids, self._states, self._sides = ids, states, sides
        self._after, self._after_sides = copied(states), copied(sides)
        self._live = slots.live[ids]
        self._count, self._groups = len(lanes.group), len(lanes.starts)
        self._is_syn, self._is_rst, self._is_fin, self._has_ack = (
            (segs.flags & bit) != 0 for bit in (SYN, RST, FIN, ACK)
        )
        self._empty = segs.payload == 0
        self._turn = lanes.index + (states["rows"] - lanes.starts).take(lanes.group)
        """How many packets of the connection came before."""
        self._gap_ns = rows.time_ns - lanes.before(rows.time_ns, states["last_ns"])
        self._numbers = self._told()
        self._tsval, self._tsecr, self._mixed = self._options()
        self._fin_at = first(self._is_fin, lanes.own, lanes.count)
        self._fin_at[sides["fin"]] = -1
        self._rst_at = first(self._is_rst, lanes.group, self._groups)
        self._rst_at[states["reset"]] = -1
        self._own_fin = lanes.index > self._fin_at.take(lanes.own)
        self._any_fin = self._own_fin | (lanes.index > self._fin_at.take(lanes.oth))
        self._reset = lanes.index > self._rst_at.take(lanes.group)

    def sifted(self) -> Sifted:
        """Judge, and note in the slots what came of it."""
        lanes, states = self._lanes, self._states
        flows, plain, tame = self._held_against_plain()
        wild = ~plain | self._rows.wild | ~self._segs.plain | (self._gap_ns < 0)
        wild |= self._any_fin & self._lingers()
        talked, wild, turned = self._talked(wild)
        upset = first(wild & ~tame, lanes.group, self._groups)
        passed = self._passed(flows, wild, talked, upset)
        where, rank, turned = self._kept(passed, turned)
        fed = ~passed
        fed[where] = False
        going = self._ids[(turned < self._count) & ~self._live]
        self._carry_on(passed, talked, upset)
        if len(where):
            self._keep(where, rank)
        self._slots.put(self._ids, self._after, self._after_sides)
        self._slots.follow(going)
        slot = self._ids.take(lanes.group)
        return Sifted(self._segs, self._rows, lanes, self._numbers, states, self._sides, slot, self._tsval,
                      np.flatnonzero(fed), going, passed, lanes.starts[states["rows"] == 0])  # fmt: skip

    # -- what is known of each packet --------------------------------------------------------------------

    def _told(self) -> Numbers:
        segs, lanes, sides = self._segs, self._lanes, self._sides
        begins = np.flatnonzero(lanes.begins)
        lane = lanes.own.take(begins)
        spoke = sides["spoke"]
        base = sides["nxt"].astype(np.int64)
        new = ~spoke[lane]
        base[lane[new]] = segs.seq[begins[new]]
        initial = np.where(spoke, 0, _NEVER)
        length = segs.payload + self._is_syn + self._is_fin
        ends = _wrapped(segs.seq - base.take(lanes.own)) + length
        reached = lanes.highest(ends, initial)
        own_top, other_top = lanes.own_before(reached, initial), lanes.other_before(reached, initial)
        dseq = ends - length - own_top
        dack = _wrapped(segs.ack - base.take(lanes.oth)) - other_top
        return Numbers(base, initial, reached, own_top, other_top, dseq, dack)

    def _options(self) -> tuple[Ints, Ints, Words]:
        """TSval and TSecr of each segment, and the options of each SYN as a hash."""
        segs = self._segs
        tsval = segs.tsval.copy()
        tsecr = np.full(self._count, -1)
        mixed = np.zeros(self._count, np.uint64)
        where = np.flatnonzero(self._is_syn & segs.plain & (segs.header > 20))
        if len(where):
            mixed[where], tsval[where], tsecr[where] = options_of(self._data, segs.at[where], segs.header[where])
        return tsval, tsecr, mixed

    def _lingers(self) -> Bools:
        """Packets that come when a flow table may have forgotten the connection, which a FIN has begun to close."""
        lanes, states = self._lanes, self._states
        at = np.minimum(self._fin_at[::2], self._fin_at[1::2])
        begun = self._rows.time_ns.take(np.clip(at, 0, self._count - 1))
        closing_ns = np.where(at < 0, states["closing_ns"], begun)
        self._after["closing_ns"] = closing_ns
        late: Bools = self._rows.time_ns - closing_ns.take(lanes.group) > LINGER_NS - DISORDER_NS
        return late

    def _steady_clock(self) -> tuple[Bools, Bools]:
        """Whether timestamps go on as they should, and whether they at least do not run back."""
        lanes, sides, tsval = self._lanes, self._sides, self._tsval
        ts_before = lanes.own_before(tsval, sides["tsval"])
        step = _wrapped(tsval - ts_before)
        after_syn = lanes.own_before(self._is_syn, sides["greeted"])
        none, none_before, forward = tsval < 0, ts_before < 0, step >= 0
        both = ~none & ~none_before
        going_on = (both & forward & (step < _CLOCK_STEP)) | (none & none_before) | (after_syn & (none | none_before))
        return going_on & (self._segs.form != OTHER), ~both | forward

    def _held_against_plain(self) -> tuple[Bools, Bools, Bools]:
        """Which packets belong to the flow of an open connection, which are what a plain one does; and which are tame.

        Tame is what leaves later packets judged as they would be: it is fed, and the next may be passed over.
        """
        segs, lanes, states, sides = self._segs, self._lanes, self._states, self._sides
        turn, numbers = self._turn, self._numbers
        dseq, dack, known, answered = numbers.dseq, numbers.dack, numbers.known, numbers.answered
        side, reset, has_ack, empty, group = lanes.side, self._reset, self._has_ack, self._empty, lanes.group
        client = side == 0
        wide = segs.wnd > 0
        core = segs.flags & ~_ECN
        bare = core & ~PSH
        ttl_same = lanes.own_before(segs.ttl, sides["ttl"]) == segs.ttl
        clock, clock_forward = self._steady_clock()
        acks = (segs.ack + 1) * has_ack - 1
        ack_before = lanes.own_before(acks, sides["ack"])
        ack_on = (ack_before < 0) | (_wrapped(segs.ack - ack_before) >= 0)

        in_order = known & (dseq == 0)
        acked = answered & (dack == 0)
        near = answered & (dack <= 0) & (dack >= -_NEAR)
        asks = (core == SYN) & empty & wide & (segs.src != segs.dst)
        first_syn = asks & (turn == 0)
        again = asks & (turn > 0) & client & ~answered & known & (dseq == -1) & ~reset & ttl_same & clock_forward
        syn_ack = (core == SYN | ACK) & empty & wide & (turn == 1) & ~client & acked
        steady = wide & ttl_same & clock & ~reset
        third = (bare == ACK) & (turn == 2) & client & in_order & acked & steady & (self._gap_ns < PATIENT_NS)
        self._broken = first(~(first_syn | syn_ack | third | (turn > 2)), group, self._groups)
        phase, so_far = states["phase"], states["rows"]
        self._carried = (phase == OPEN) | ((phase == so_far) & (so_far < 3))
        opening = lanes.index <= np.where(self._carried, self._broken, -1).take(group)
        is_open = opening & (turn >= 3)
        flows = is_open & ((bare & ~FIN) == ACK) & in_order & near & steady & ack_on
        flows &= ~self._own_fin | (empty & ~self._is_fin)
        resets = ((segs.flags == RST) | (segs.flags == RST | ACK)) & empty & ~reset
        refused = resets & has_ack & ~client & ~known & acked & (turn > 0)
        cut_off = (
            resets & in_order & ttl_same & (~has_ack | near) & (is_open | (opening & (turn == 2) & (~has_ack | acked)))
        )
        plain = first_syn | again | (syn_ack & opening) | (third & opening) | flows | refused | cut_off

        tame = is_open & (bare == ACK) & known & answered & segs.plain & ~self._any_fin & ~reset & ~self._rows.wild
        tame &= clock_forward & (np.abs(dseq) < _LARGE) & (np.abs(dack) < _NEAR)
        return flows, plain, tame

    def _talked(self, wild: Bools) -> tuple[Bools, Bools, Ints]:
        """Before which packets enough was said to know the protocol; what is wild by that; and where that begins.

        What the protocol is must be known before data is passed over.
        """
        segs, lanes, sides, after = self._segs, self._lanes, self._sides, self._after_sides
        said = segs.payload * lanes.side
        spoken = (self._segs.payload - said, said)
        enough = np.zeros(self._count, np.bool_)
        for side, column in enumerate(spoken):
            before, after["payload"][side::2] = lanes.counted(column, sides["payload"][side::2])
            enough |= before > FIRST_WORDS
        talked = self._states["talked"].take(lanes.group) | (enough & ~self._live.take(lanes.group))
        wild = wild | (self._rows.talk & ~talked)
        turned = first(wild, lanes.group, self._groups)
        last = np.minimum(turned, self._count - 1).take(lanes.group)
        return talked.take(np.minimum(lanes.index, last)), wild, turned

    def _passed(self, flows: Bools, wild: Bools, talked: Bools, upset: Ints) -> Bools:
        """Which packets change nothing: in the flow, and not the first of their kind."""
        lanes, sides, after, wnd = self._lanes, self._sides, self._after_sides, self._segs.wnd
        ordinary = flows & ~wild & ~self._is_fin & ~self._any_fin & (self._empty | talked)
        ordinary &= (lanes.own_before(wnd, sides["wnd"]) != 0) & (lanes.other_before(wnd, sides["wnd"]) != 0)
        ordinary &= lanes.index < upset.take(lanes.group)
        kind = lanes.own * 2 + ~self._empty
        since = first(ordinary, kind, 2 * lanes.count)
        for column, name in ((since[::2], "acknowledged"), (since[1::2], "said")):
            column[sides[name]] = -1
            after[name] = column < self._count
        passed: Bools = ordinary & (lanes.index > since.take(kind))
        return passed

    # -- what is kept ------------------------------------------------------------------------------------

    def _kept(self, passed: Bools, turned: Ints) -> tuple[Ints, Ints, Ints]:
        """Packets that are kept, the how manieth of the connection each is, and from where on it goes one by one."""
        lanes, states, rows = self._lanes, self._states, self._rows
        where = np.flatnonzero(~passed & ~self._live.take(lanes.group))
        group = lanes.group.take(where)
        begins = np.flatnonzero(np.append(True, group[1:] != group[:-1])[: len(group)])
        begun = np.repeat(begins, np.diff(np.append(begins, len(group))))
        rank = np.arange(len(group)) - begun + states["kept"].take(group)
        place = np.where(states["kept"] > 0, states["place"], rows.place.take(lanes.starts))
        full = (rank >= MOST_KEPT) | (rows.place.take(where) - place.take(group) >= 1 << 32)
        if full.any():
            turned = turned.copy()
            rest = np.flatnonzero(full)
            np.minimum.at(turned, group[rest], where[rest])
        keep = np.flatnonzero(where < turned.take(group))
        return where[keep], rank[keep], turned

    def _keep(self, where: Ints, rank: Ints) -> None:
        """Note packets that are kept, and what the judgement depends on."""
        slots, rows, lanes, after = self._slots, self._rows, self._lanes, self._after
        segs = self._segs.take(where)
        group, side = lanes.group[where], lanes.side[where]
        tsval, tsecr, place, number = self._tsval[where], self._tsecr[where], rows.place[where], rows.number[where]
        begins = np.flatnonzero(rank == 0)
        after["place"][group[begins]] = place[begins]
        after["syn_tsval"][group[begins]] = tsval[begins]
        slot = self._ids[group]
        slots.places[rank, slot] = place - after["place"][group]
        slots.numbers[rank, slot] = number - slots.first[slot]
        early = np.flatnonzero(rank < 3)
        slots.times[rank[early], slot[early]] = rows.time_ns[where[early]]
        token = segs.flags | side << 12 | (segs.payload > 0) << 13 | segs.form << 14
        token |= checksums(self._data, segs) << 16 | (self._numbers.dack[where] == 0) << 18
        token |= ((segs.seq == 0) & ((segs.flags & RST) > 0)) << 19 | (segs.ip_id < 0) << 20
        token |= ((segs.ports & 0xFFFF) == 0) << 21 | (segs.ports < 65536) << 22
        token |= ((segs.ack > 0) & ((segs.flags & ACK) == 0)) << 43
        echo = tsecr == after["syn_tsval"][group]
        special = (tsval == 0) | (tsecr == 0) << 1 | echo << 2 | segs.wnd << 3 | (segs.ack == 0) << 19
        token |= (special * ((segs.flags & SYN) > 0)) << 23
        word = scrambled(token.astype(np.uint64) ^ scrambled(self._mixed[where] + segs.rest.astype(np.uint64)))
        word = scrambled(word + rank.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))
        begins = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
        chosen = group[begins]
        changed = self._ids[chosen]
        slots.form[changed] += np.add.reduceat(word, begins)
        slots.verdict[changed] = -1
        after["kept"][chosen] += np.diff(np.append(begins, len(group))).astype(np.int8)

    # -- where each connection stands now ----------------------------------------------------------------

    def _carry_on(self, passed: Bools, talked: Bools, upset: Ints) -> None:
        """Write down what the next window has to know."""
        segs, lanes, numbers, after, sides = self._segs, self._lanes, self._numbers, self._after, self._after_sides
        stops, count = lanes.stops, self._count
        after["rows"] += (stops - lanes.starts + 1).astype(np.int32)
        after["last_ns"], after["last"] = self._rows.time_ns[stops], self._rows.number[stops]
        after["talked"] |= talked[stops] & ~self._live
        after["reset"] = self._rst_at < count
        sides["fin"] = self._fin_at < count
        good = self._carried & (self._broken == count) & (upset == count)
        after["phase"] = np.where(good, np.minimum(after["rows"], OPEN), ODD)
        lane, at = lanes.last_of_each()
        new = lane[~self._sides["spoke"][lane]]
        sides["iss"][new] = numbers.base[new]
        sides["spoke"][lane] = True
        sides["nxt"][lane] = numbers.base[lane] + numbers.reached[at] & 0xFFFFFFFF
        sides["ack"][lane] = (segs.ack[at] + 1) * self._has_ack[at] - 1
        sides["ttl"][lane], sides["wnd"][lane] = segs.ttl[at], segs.wnd[at]
        sides["tsval"][lane], sides["greeted"][lane] = self._tsval[at], self._is_syn[at]
        sides["segments"] += np.bincount(lanes.own, minlength=lanes.count).astype(np.uint32)
        gone = np.flatnonzero(passed)
        if not len(gone):
            return
        after["pending"][lanes.group[gone]] = True
        own = lanes.own[gone]
        sides["untold_segments"] += np.bincount(own, minlength=lanes.count).astype(np.uint32)
        sides["untold_payload"] += np.bincount(own, segs.payload[gone], lanes.count).astype(np.int64)
        spoke = gone[(self._tsval[gone] >= 0) & ~self._empty[gone]]
        sides["clock"][lanes.own[spoke]] = self._tsval[spoke]
