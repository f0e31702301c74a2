"""Two sides in this process, on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from aioice.ice import StunProtocol
from aioice.stun import Message

from zrtp.reach import patience
from zrtp.reach.description import CandidateType, Description, IceCandidate, Side
from zrtp.reach.errors import NoWay
from zrtp.reach.notice import RefusalReason
from zrtp.reach.path import IcePath
from zrtp.reach.servers import Servers, Turn

HASH = bytes(32)
NOBODY = Servers()


class Ends:
    """A listener and a caller that have gathered and know each other's description, or will."""

    def __init__(self, listener: IcePath, caller: IcePath) -> None:
        self.listener, self.caller = listener, caller
        self.described = listener.describe(HASH), caller.describe(HASH)

    async def connect(self) -> None:
        ways = await asyncio.gather(
            self.listener.connect(self.described[1], 5), self.caller.connect(self.described[0], 5)
        )
        assert [str(way) for way in ways] == ["direct", "direct"]


def meet(scene: Callable[[Ends], Awaitable[None]]) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), AsyncExitStack() as stack:
            paths = []
            for side in Side:
                path = await stack.enter_async_context(IcePath(side, NOBODY, addresses=["127.0.0.1"]))
                await path.gather()
                paths.append(path)
            await scene(Ends(*paths))

    asyncio.run(run())


async def first(path: IcePath) -> bytes:
    """The next datagram that comes."""
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def take(octets: bytes) -> None:
        if not heard.done():
            heard.set_result(octets)

    path.receiver = take
    return await heard


def test_datagrams_go_both_ways() -> None:
    async def scene(ends: Ends) -> None:
        await ends.connect()
        for here, there in ((ends.listener, ends.caller), (ends.caller, ends.listener)):
            hearing = asyncio.create_task(first(there))
            await asyncio.sleep(0)
            here.send(b"hello")
            assert await hearing == b"hello"

    meet(scene)


def test_the_own_address_is_a_candidate() -> None:
    async def scene(ends: Ends) -> None:
        (candidate,) = ends.listener.candidates
        assert (candidate.kind, candidate.host) == (CandidateType.HOST, "127.0.0.1")

    meet(scene)


class Deaf:
    """Loses the checks that come to a path, as a router does that knows nothing of them yet."""

    def __init__(self, path: IcePath) -> None:
        self.lost: set[bytes] = set()
        self.heard: set[bytes] = set()
        self.listening = False
        self._take = path._connection.request_received
        path._connection.request_received = self._receive  # type: ignore[method-assign]

    def _receive(self, message: Message, addr: tuple[str, int], protocol: StunProtocol) -> None:
        (self.heard if self.listening else self.lost).add(message.transaction_id)
        if self.listening:
            self._take(message, addr, protocol)


def test_who_is_late_finds_the_way_at_once() -> None:
    """The caller has checked for a while; the late side's first check makes it begin anew, not wait."""

    async def scene(ends: Ends) -> None:
        router = Deaf(ends.listener)
        calling = asyncio.create_task(ends.caller.connect(ends.described[0]))
        while not router.lost:
            await asyncio.sleep(0.005)
        router.listening = True
        await ends.listener.connect(ends.described[1], 5)
        await calling
        assert router.heard and not router.heard & router.lost  # no retransmission, which has the old number

    meet(scene)


def test_checks_without_an_answer_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "AGAIN", 0.02)

    async def scene(ends: Ends) -> None:
        router = Deaf(ends.listener)
        calling = asyncio.create_task(ends.caller.connect(ends.described[0]))
        while len(router.lost) < 3:
            await asyncio.sleep(0.005)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)

    meet(scene)


def test_a_flood_before_the_call_grows_nothing() -> None:
    async def scene(ends: Ends) -> None:
        (candidate,) = ends.listener.candidates
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for _ in range(500):
                stranger.sendto(b"\x80" + bytes(171), (candidate.host, candidate.port))
                await asyncio.sleep(0)
        assert ends.listener._connection._queue.empty()
        await ends.connect()

    meet(scene)


def test_strangers_octets_never_raise() -> None:
    async def scene(ends: Ends) -> None:
        raised: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        await ends.connect()
        (candidate,) = ends.listener.candidates
        stump = bytes.fromhex("000100042112a442") + bytes(12) + bytes.fromhex("00240002")
        odd = bytes.fromhex("000100082112a442") + bytes(12) + bytes.fromhex("0024000200000000")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for octets in (b"", b"\0", stump, odd, bytes(20), bytes.fromhex("000100002112a442") + bytes(12)):
                stranger.sendto(octets, (candidate.host, candidate.port))
        hearing = asyncio.create_task(first(ends.listener))
        await asyncio.sleep(0)
        ends.caller.send(b"hello")
        await hearing
        await asyncio.sleep(0.05)
        assert raised == []

    meet(scene)


def test_the_other_side_hears_why_it_was_refused_once() -> None:
    async def scene(ends: Ends) -> None:
        await ends.connect()
        heard: list[RefusalReason] = []
        ends.caller.on_notice = heard.append
        hearing = asyncio.create_task(first(ends.caller))
        await asyncio.sleep(0)
        ends.listener.tell(RefusalReason.HASH_REFUSED)
        ends.listener.send(b"the last one")
        await hearing
        assert heard == [RefusalReason.HASH_REFUSED]

    meet(scene)


def test_a_notice_is_no_datagram_of_the_call() -> None:
    async def scene(ends: Ends) -> None:
        await ends.connect()
        hearing = asyncio.create_task(first(ends.caller))
        await asyncio.sleep(0)
        ends.listener.tell(RefusalReason.GIVEN_UP)
        ends.listener.send(b"hello")
        assert await hearing == b"hello"

    meet(scene)


def test_nothing_is_sent_where_there_is_no_way() -> None:
    async def scene(ends: Ends) -> None:
        ends.listener.send(b"lost")
        ends.listener.tell(RefusalReason.GIVEN_UP)
        await ends.connect()
        await ends.listener.close()
        ends.listener.send(b"lost")
        assert ends.listener.ended.done()
        await ends.listener.close()

    meet(scene)


def test_without_a_way_the_sentence_names_what_helps() -> None:
    async def scene(ends: Ends) -> None:
        lost = replace(ends.described[0], candidates=(IceCandidate(CandidateType.HOST, "127.0.0.1", _free_port()),))
        with pytest.raises(NoWay, match="A relay helps"):
            await ends.caller.connect(lost, 0.1)

    meet(scene)


def test_a_line_does_not_aim_checks_at_this_very_computer() -> None:
    """Unless this side is on loopback itself."""

    async def scene(ends: Ends) -> None:
        (loopback,) = ends.caller.candidates
        other = IceCandidate(CandidateType.HOST, "192.0.2.20", 5004)
        theirs = replace(ends.described[0], candidates=(loopback, other))
        assert ends.listener._worth_trying(theirs) == [loopback, other]
        async with IcePath(Side.CALLER, NOBODY, addresses=[]) as elsewhere:
            assert elsewhere._worth_trying(theirs) == [other]

    meet(scene)


def test_a_network_without_udp_is_told_from_two_bad_routers() -> None:
    async def run() -> None:
        servers = Servers(stun=("127.0.0.1", 9))
        async with IcePath(Side.CALLER, servers, addresses=["127.0.0.1"]) as path:
            patience_before, patience.GATHERING = patience.GATHERING, 0.05  # type: ignore[misc, assignment]
            try:
                await path.gather()
            finally:
                patience.GATHERING = patience_before  # type: ignore[misc]
            lost = Description(
                side=Side.LISTENER,
                seed=bytes(16),
                hello_hash=HASH,
                candidates=(IceCandidate(CandidateType.HOST, "127.0.0.1", _free_port()),),
            )
            with pytest.raises(NoWay, match="lets no UDP out"):
                await path.connect(lost, 0.1)

    asyncio.run(run())


def test_a_relay_that_gives_nothing_is_noticed_at_once() -> None:
    async def run() -> None:
        turn = Turn(address=("127.0.0.1", _free_port()), user="zrtp", password="x", tcp=True)  # noqa: S106
        async with IcePath(Side.CALLER, Servers(turn=turn, relay_only=True)) as path:
            with pytest.raises(NoWay, match="The relay gives no address"):
                await path.gather()

    asyncio.run(run())


def test_a_relay_that_gave_nothing_is_named_when_there_is_no_direct_way() -> None:
    async def run() -> None:
        turn = Turn(address=("127.0.0.1", _free_port()), user="zrtp", password="x", tcp=True)  # noqa: S106
        async with IcePath(Side.CALLER, Servers(turn=turn), addresses=["127.0.0.1"]) as path:
            await path.gather()
            lost = Description(side=Side.LISTENER, seed=bytes(16), hello_hash=HASH, candidates=())
            with pytest.raises(NoWay, match="the relay gave no address"):
                await path.connect(lost, 0.1)

    asyncio.run(run())


def test_a_computer_without_a_network_is_told_so() -> None:
    async def run() -> None:
        async with IcePath(Side.CALLER, NOBODY, addresses=[]) as path:
            with pytest.raises(NoWay, match="Is it connected"):
                await path.gather()

    asyncio.run(run())


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
