"""What we take from aioice without being promised it, and what it does not do by itself."""

from __future__ import annotations

import asyncio
import inspect
from functools import partial
from importlib.metadata import version
from typing import Any

import aioice
import pytest
from aioice import ice, stun, turn

from zrtp.reach import patience
from zrtp.reach.patience import PRIVATE_NAMES, PatientConnection, worth_showing

LOOPBACK = ["127.0.0.1"]


def connection(**options: Any) -> PatientConnection:
    return PatientConnection(addresses=LOOPBACK, ice_controlling=True, **options)


def test_the_private_names_are_those_of_the_pinned_version() -> None:
    """Fails when a new version of aioice comes: then read its ice.py again, and change the pin in pyproject.toml."""
    assert version("aioice").startswith("0.13.")

    async def attributes() -> dict[str, set[str]]:
        made = ice.Connection(ice_controlling=True)
        protocol = ice.StunProtocol(made)
        protocol.local_candidate = aioice.Candidate("1", 1, "udp", 1, "192.0.2.1", 5004, "host")
        protocol.transport = asyncio.DatagramTransport()
        pair = ice.CandidatePair(protocol, protocol.local_candidate)
        return {"Connection": set(dir(made)), "CandidatePair": set(dir(pair)), "StunProtocol": set(dir(protocol))}

    found = asyncio.run(attributes())
    assert {owner: set(names) - found[owner] for owner, names in PRIVATE_NAMES.items()} == {
        owner: set() for owner in PRIVATE_NAMES
    }


def test_what_is_overridden_has_the_same_parameters() -> None:
    for name in ("check_incoming", "check_start_task", "data_received", "request_received", "get_component_candidates"):
        ours, theirs = (
            list(inspect.signature(getattr(owner, name)).parameters) for owner in (PatientConnection, ice.Connection)
        )
        assert ours == theirs, name


def test_aioice_still_begins_no_check_anew_that_is_in_progress() -> None:
    """The reason of `check_incoming`; if this fails, aioice follows RFC 8445 section 7.3.1.4, and ours can go."""
    source = inspect.getsource(ice.Connection.check_incoming)
    assert "IN_PROGRESS" not in source
    assert "CandidatePair.State.FROZEN, CandidatePair.State.FAILED" in source


def test_aioice_still_gives_up_after_seven_tries() -> None:
    """The reason of checking again: 0.5 s, doubled each time, is over after 63.5 s."""
    assert (stun.RETRY_MAX, stun.RETRY_RTO) == (6, 0.5)


def test_a_stun_attribute_of_a_wrong_length_raises_nothing_else_than_aioice_expects() -> None:
    asyncio.run(_made())
    odd = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    octets = bytearray(bytes(odd)) + bytes.fromhex("0024000200000000")  # PRIORITY of two octets
    octets[2:4] = (len(octets) - 20).to_bytes(2, "big")
    with pytest.raises(ValueError, match="wrong length"):
        stun.parse_message(bytes(octets))


def test_a_relays_channel_is_bound_anew_before_its_permission_ends() -> None:
    """Five minutes (RFC 8656 section 9); aioice takes this as a parameter, and its connection gives none."""
    asyncio.run(_made())
    assert turn.DEFAULT_CHANNEL_REFRESH_TIME > 300
    made = turn.create_turn_endpoint
    assert isinstance(made, partial) and made.keywords == {"channel_refresh_time": patience.CHANNEL}
    assert patience.CHANNEL < 300
    assert "turn.create_turn_endpoint(" in inspect.getsource(ice.relayed_candidate)


async def _made() -> None:
    await connection().close()


def test_a_datagram_goes_to_the_receiver_at_once_and_nowhere_without_one() -> None:
    async def run() -> None:
        here = connection()
        heard: list[bytes] = []
        for _ in range(10_000):
            here.data_received(b"flood", 1)
        assert here._queue.empty()
        here.receiver = heard.append
        here.data_received(b"sound", 1)
        assert heard == [b"sound"]
        await here.close()

    asyncio.run(run())


def test_what_a_request_raises_stays_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """An authenticated peer without PRIORITY is a KeyError in aioice."""

    def broken(*_: object) -> None:
        raise KeyError("PRIORITY")

    monkeypatch.setattr(ice.Connection, "request_received", broken)

    async def run() -> None:
        here = connection()
        await here.gather_candidates()
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        here.request_received(request, ("127.0.0.1", 9), here._protocols[0])
        await here.close()

    asyncio.run(run())


def test_a_peer_that_calls_from_ever_new_ports_fills_nothing() -> None:
    async def run() -> None:
        here = connection()
        await here.gather_candidates()
        here.remote_username, here.remote_password = "user", "p" * 22
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["PRIORITY"] = 1
        for port in range(20_000, 20_500):
            here.check_incoming(request, ("127.0.0.1", port), here._protocols[0])
        assert len(here._check_list) == patience.MOST_PAIRS
        await here.close()

    asyncio.run(run())


def test_a_check_that_has_just_begun_begins_anew_a_little_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The late side's first check comes right after one of ours was lost: no half second of waiting for the next."""
    monkeypatch.setattr(patience, "TOO_SOON", 0.02)

    async def run() -> None:
        here = connection()
        await here.gather_candidates()
        here.remote_username, here.remote_password = "user", "p" * 22
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        request.attributes["PRIORITY"] = 1
        here.check_incoming(request, ("127.0.0.1", 20_000), here._protocols[0])
        (pair,) = here._check_list
        await asyncio.sleep(0)
        here._begun[pair] = asyncio.get_running_loop().time()
        first = pair.task
        here.check_incoming(request, ("127.0.0.1", 20_000), here._protocols[0])
        assert pair.task is first is not None
        async with asyncio.timeout(5):
            while pair.task is first:
                await asyncio.sleep(0.005)
        await here.close()

    asyncio.run(run())


class StunServer(asyncio.DatagramProtocol):
    """Counts; answers until it is told not to."""

    def __init__(self, *, silent: bool = False) -> None:
        self.asked = 0
        self._silent = silent

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.asked += 1
        request = stun.parse_message(data)
        answer = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=request.transaction_id,
            attributes={"XOR-MAPPED-ADDRESS": ("198.51.100.2", addr[1])},
        )
        if not self._silent:
            self._transport.sendto(bytes(answer), addr)


def test_the_binding_is_kept_while_somebody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "KEEP", 0.02)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        transport, server = await loop.create_datagram_endpoint(StunServer, local_addr=("127.0.0.1", 0))
        here = connection(stun_server=transport.get_extra_info("sockname"))
        await here.gather_candidates()
        assert [found.type for found in here.local_candidates] == ["host", "srflx"]
        async with asyncio.timeout(5):
            while server.asked < 4:
                await asyncio.sleep(0.01)
        await here.close()
        transport.close()

    asyncio.run(run())


def test_a_silent_stun_server_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "GATHERING", 0.1)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: StunServer(silent=True), local_addr=("127.0.0.1", 0))
        here = connection(stun_server=transport.get_extra_info("sockname"))
        async with asyncio.timeout(2):
            await here.gather_candidates()
        assert [found.type for found in here.local_candidates] == ["host"]
        await here.close()
        transport.close()

    asyncio.run(run())


def test_addresses_that_only_make_the_line_longer_are_left_out() -> None:
    assert worth_showing(["192.168.1.10", "169.254.1.1", "fe80::1", "fd00::1"]) == ["192.168.1.10", "fd00::1"]
    assert worth_showing(["2606:4700::1", "fd00::1", "10.0.0.1"]) == ["2606:4700::1", "10.0.0.1"]
    assert len(worth_showing([f"10.0.0.{host}" for host in range(1, 30)])) == 8
