"""What pages cost: by hand, and on the bundled captures."""

from __future__ import annotations

from dataclasses import replace

from handshake import inspect
from handshake.compare.pages import page_loads
from handshake.model.application import Application, HttpExchange
from handshake.model.handshake import Handshake
from handshake.render.pages import load_words
from tests.support import ROOT
from tests.unit.render.samples import T0, established

S, MS = 10**9, 10**6


def http(number: int, start_ns: int, *asked_ns: int, setup_ns: int | None = 20 * MS) -> Handshake:
    """A connection that began so long after T0, with requests at these times."""
    handshake = established(number)
    first, *rest = handshake.timeline
    moved = replace(first, packet=replace(first.packet, time_ns=T0 + start_ns))  # type: ignore[union-attr,arg-type]
    requests = tuple(HttpExchange("GET", "/", "1.1", "h", T0 + at) for at in asked_ns)
    return replace(
        handshake,
        timeline=(moved, *rest),
        timing=replace(handshake.timing, setup_ns=setup_ns),
        application=Application("HTTP", http=requests),
    )


def test_one_after_the_other() -> None:
    (load,) = page_loads([http(1, 0, MS), http(2, 100 * MS, 130 * MS), http(3, 200 * MS, 230 * MS)])
    assert (load.objects, load.members, load.waited_ns, load.one_ns) == (3, (1, 2, 3), 60 * MS, 20 * MS)
    assert load_words(load) == (
        "3 objects over 3 connections: 3 handshakes, 60.0 ms spent waiting for them; "
        "over one connection: one handshake, 20.0 ms"
    )


def test_side_by_side_is_waited_for_once() -> None:
    (load,) = page_loads([http(1, 0, 30 * MS), http(2, 5 * MS, 30 * MS)])
    assert (load.waited_ns, sum(load.setups_ns)) == (25 * MS, 40 * MS)
    assert "25.0 ms spent waiting for them (side by side, 40.0 ms in all)" in load_words(load)


def test_a_pause_of_more_than_ten_seconds_begins_a_page() -> None:
    requests = (1 * S, 2 * S)
    near = [http(1, 0, *requests), http(2, 12 * S, 13 * S, 14 * S)]
    far = [http(1, 0, *requests), http(2, 12 * S + 1, 13 * S, 14 * S)]
    assert [load.members for load in page_loads(near)] == [(1, 2)]
    assert [load.members for load in page_loads(far)] == [(1,), (2,)]


def test_one_object_is_no_comparison_and_no_handshake_no_measure() -> None:
    assert page_loads([http(1, 0, MS)]) == ()
    assert page_loads([http(1, 0, MS, 2 * MS, setup_ns=None)]) == ()


def test_captures_are_kept_apart() -> None:
    assert page_loads([http(1, 0, MS), replace(http(2, 0, MS), source="other")]) == ()


def test_bundled_captures() -> None:
    old, new = (page_loads(inspect([ROOT / "captures" / f"http-1.{v}.pcapng"]).handshakes)[0] for v in (0, 1))
    assert (old.objects, len(old.members), len(old.setups_ns)) == (3, 3, 3)
    assert (new.objects, len(new.members), len(new.setups_ns)) == (3, 1, 1)
    assert new.waited_ns < old.waited_ns
