"""A router of a few lines answers on loopback."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from zrtp.reach import mapping
from zrtp.reach.errors import NoMapping
from zrtp.reach.mapping import Mapping, Protocol, default_router, mapped

PUBLIC = "45.67.89.10"


class Router(asyncio.DatagramProtocol):
    """Knows PCP, NAT-PMP, both or neither."""

    def __init__(self, *knows: Protocol, address: str = PUBLIC, refuses: int = 0, port: int | None = None) -> None:
        self.knows = knows
        self.address = ipaddress.ip_address(address)
        self.refuses = refuses
        self.port = port
        self.deaf = 0
        """Questions that get lost."""
        self.noise: list[bytes] = []
        """What it says before each answer."""
        self.lifetimes: list[tuple[Protocol, int]] = []
        """Of every mapping that it was asked for."""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if self.deaf:
            self.deaf -= 1
            return
        for noise in self.noise:
            self._transport.sendto(noise, addr)
        answer = self._answer(data)
        if answer is not None:
            self._transport.sendto(answer, addr)

    def _answer(self, data: bytes) -> bytes | None:
        protocol = Protocol(data[0])
        if protocol not in self.knows:
            return bytes([0, 0x81, 0, 1]) + bytes(4) if self.knows == (Protocol.NAT_PMP,) else None
        if protocol is Protocol.NAT_PMP and data[1] == 0:
            return bytes([0, 0x80, 0, self.refuses]) + bytes(4) + self.address.packed
        if protocol is Protocol.NAT_PMP:
            inner, outer, lifetime = struct.unpack("!HHI", data[4:12])
            self.lifetimes.append((protocol, lifetime))
            return bytes([0, 0x81, 0, self.refuses]) + struct.pack("!IHHI", 0, inner, self.port or outer, lifetime)
        lifetime, outer = struct.unpack("!I", data[4:8])[0], struct.unpack("!H", data[42:44])[0]
        self.lifetimes.append((protocol, lifetime))
        head = bytes([2, 0x81, 0, self.refuses]) + struct.pack("!I", lifetime) + bytes(16)
        address = bytes(10) + b"\xff\xff" + self.address.packed
        return head + data[24:42] + struct.pack("!H", self.port or outer) + address


class Renewals:
    """What `mapped` does with a router, in a running loop."""

    def __init__(self, router: Router) -> None:
        self.router = router

    async def map(self, seconds: float = 0.0) -> Mapping:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self.router, local_addr=("127.0.0.1", 0))
        mapping.SERVER_PORT = transport.get_extra_info("sockname")[1]  # type: ignore[misc]
        try:
            async with mapped(5004, "127.0.0.1") as found:
                await asyncio.sleep(seconds)
            return found
        finally:
            transport.close()


@pytest.fixture(autouse=True)
def own_port(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with impatient():
        yield


@contextmanager
def impatient() -> Iterator[None]:
    """A port of the test's own, and less patience with silent routers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapping, "SERVER_PORT", 0)
        patch.setattr(mapping, "PATIENCE", 0.3)
        patch.setattr(mapping, "GRACE", 0.05)
        yield


def ask(router: Router, seconds: float = 0.0) -> Mapping:
    return asyncio.run(Renewals(router).map(seconds))


def test_pcp_is_taken_where_it_is_known_and_nothing_is_mapped_twice() -> None:
    router = Router(Protocol.PCP, Protocol.NAT_PMP)
    found = ask(router)
    assert found == Mapping(protocol=Protocol.PCP, host=PUBLIC, port=5004, lifetime=7200)
    assert router.lifetimes == [(Protocol.PCP, 7200), (Protocol.PCP, 0)]


@every("knows", [(Protocol.PCP,), (Protocol.NAT_PMP,)])
def test_one_of_the_two_protocols_is_enough(knows: tuple[Protocol]) -> None:
    router = Router(*knows)
    assert ask(router).protocol is knows[0]
    assert router.lifetimes == [(knows[0], 7200), (knows[0], 0)]


def test_another_port_than_ours_is_taken_as_it_comes() -> None:
    for protocol in Protocol:
        assert ask(Router(protocol, port=40000)).port == 40000


def test_a_lost_question_is_asked_again() -> None:
    router = Router(Protocol.PCP)
    router.deaf = 2
    assert ask(router).port == 5004


def test_a_mapping_is_renewed_while_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "RENEWAL", 0.03)
    for protocol in Protocol:
        router = Router(protocol)
        ask(router, seconds=0.1)
        assert router.lifetimes[-1] == (protocol, 0)
        assert router.lifetimes.count((protocol, 7200)) >= 2


def test_a_silent_router_is_given_up() -> None:
    with pytest.raises(NoMapping, match="answers neither PCP nor NAT-PMP"):
        ask(Router())


@every("knows", [(Protocol.PCP,), (Protocol.NAT_PMP,), tuple(Protocol)])
def test_a_router_that_refuses_is_quoted(knows: tuple[Protocol, ...]) -> None:
    with pytest.raises(NoMapping, match=r"refuses to give a port \(result 02\)"):
        ask(Router(*knows, refuses=2))


def test_a_router_behind_another_router_is_of_no_use_and_gives_the_mapping_back() -> None:
    router = Router(Protocol.PCP, address="100.64.0.2")
    with pytest.raises(NoMapping, match="its provider has another router"):
        ask(router)
    assert router.lifetimes == [(Protocol.PCP, 7200), (Protocol.PCP, 0)]


def test_answers_to_other_questions_are_not_taken() -> None:
    """Another nonce, a question instead of an answer, a stump."""
    router = Router(Protocol.NAT_PMP)
    router.noise = [b"", b"\0\x80", bytes([0, 1, 0, 0]) + bytes(12), bytes([9, 0x81, 0, 0]) + bytes(56)]
    assert ask(router).protocol is Protocol.NAT_PMP
    forged = Router(Protocol.PCP)
    forged.noise = [bytes([2, 0x81, 0, 0]) + bytes(56)]
    with pytest.raises(NoMapping):
        ask(forged)


@given(st.lists(st.binary(max_size=70), min_size=1, max_size=3))
def test_whatever_a_router_says_it_is_a_mapping_or_none(noise: list[bytes]) -> None:
    router = Router(Protocol.PCP)
    router.noise = noise + [
        bytes([version, 0x80 | opcode]) + octets for version, opcode in ((0, 0), (0, 1), (2, 1)) for octets in noise
    ]
    with impatient():
        try:
            assert ask(router).port > 0
        except NoMapping as error:
            assert str(error).endswith((".", "--code."))


def test_the_default_route_names_the_router(tmp_path: Path) -> None:
    routes = tmp_path / "route"
    routes.write_text(
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    )
    assert default_router(routes) == "192.168.1.1"


def test_without_a_default_route_the_router_has_to_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_router(tmp_path / "none") is None
    monkeypatch.setattr(mapping, "default_router", lambda: None)

    async def run() -> None:
        async with mapped(5004):
            pass

    with pytest.raises(NoMapping, match="--router ADDRESS"):
        asyncio.run(run())
