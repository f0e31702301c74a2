"""The gate for outgoing media in every state that a stream passes through, whichever role it has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.security.toy import toy_config
from tests.support.inside import cache_of
from tests.support.pair import Pair, Side
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.protocol.config import Config
from zrtp.protocol.events import Role, Sending
from zrtp.protocol.states import State
from zrtp.secret import Secret

OPEN = {
    State.IDLE: Sending.CLEAR,
    State.HELLO_SENT: Sending.CLEAR,
    State.HELLO_ACKED: Sending.CLEAR,
    State.HELLO_RECEIVED: Sending.CLEAR,
    State.DISCOVERED: Sending.CLEAR,
    State.SECURE: Sending.SRTP,
}
"""Every other state blocks."""


def remember_each_other(pair: Pair) -> None:
    record = PeerRecord(rs1=Secret(b"\x11" * 32), trusted_lineage=True, verified=True, first_seen=1.0)
    for one, other in (pair.sides, pair.sides[::-1]):
        cache_of(one.endpoint).update(one.endpoint.zid, other.endpoint.zid, lambda old: record)


def gates(pair: Pair) -> dict[str, list[tuple[State, Sending]]]:
    """What the gate of each side said in each state on the way, in order."""
    seen: dict[str, list[tuple[State, Sending]]] = {side.name: [] for side in pair.sides}

    def look() -> bool:
        for side in pair.sides:
            now = side.stream.state, side.stream.sending
            if now not in seen[side.name]:
                seen[side.name].append(now)
        return False

    pair.start()
    look()
    pair.network.run(5.0, stop=look)
    assert pair.secure
    return seen


@pytest.mark.attack("MED-01")
@pytest.mark.attack("MED-02")
@pytest.mark.attack("MED-03")
@pytest.mark.parametrize("mode", ["DH", "Preshared"])
def test_clear_media_stops_with_the_commit_and_srtp_begins_with_secure(mode: str) -> None:
    config: Config = toy_config(preshared=mode == "Preshared")
    pair = Pair(config, replace(config, passive=True), alice_cache=MemoryCache(), bob_cache=MemoryCache())
    if mode == "Preshared":
        remember_each_other(pair)
    seen = gates(pair)
    for side, role in zip(pair.sides, (Role.INITIATOR, Role.RESPONDER), strict=True):
        assert side.stream.role is role
        for state, sending in seen[side.name]:
            assert sending is OPEN.get(state, Sending.BLOCKED), (side.name, state)
    assert State.COMMIT_SENT in states(seen, pair.alice)
    assert State.CONFIRM1_SENT in states(seen, pair.bob)


def states(seen: dict[str, list[tuple[State, Sending]]], side: Side) -> set[State]:
    return {state for state, _ in seen[side.name]}
