"""Many sessions, imports, the event loop: the figures are of what they say. Their size is for people to judge."""

from __future__ import annotations

from tests.bench.scale import crowd, import_cost, jitter


def test_the_engine_needs_neither_asyncio_nor_sqlite3() -> None:
    cost = import_cost(times=1)

    assert cost.unwanted == ()
    assert cost.cpu.median > 0


def test_sessions_are_held_at_the_same_time_and_idle_ones_have_no_timers() -> None:
    seen: list[int] = []
    held = crowd(6, seen.append)

    assert held.sessions == 6
    assert held.timers == 0
    assert held.slowdown > 0
    assert seen == [0]


def test_sound_is_timed_while_handshakes_are_made() -> None:
    measured = jitter(b"X255", seconds=0.1)

    assert len(measured.quiet.samples) == len(measured.busy.samples) == 5
    assert measured.handshakes > 0
