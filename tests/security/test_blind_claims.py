"""Anybody can claim Bob's ZID and begin as many exchanges as it likes: Bob waits nowhere, and is not crowded out."""

from __future__ import annotations

import pytest

from tests.security.blind import Stranger
from tests.security.toy import toy_config
from tests.support.cases import every
from tests.support.pair import Netem, Network, Side, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Continuity, Failed, SecurityWarning
from zrtp.protocol.states import State

COMMITTING = toy_config(key_agreements=(b"TOY1", b"Mult"))
PASSIVE = toy_config(key_agreements=(b"TOY1", b"Mult"), passive=True)


class Server:
    """A program with a session for each call, one installation, and Bob, who calls it."""

    def __init__(self, server: Config, bob: Config, *, delay: float = 0.02) -> None:
        self.network = Network(Netem(delay=delay))
        self.endpoint = Endpoint(server, MemoryCache(), random=seeded(1))
        self.bob_endpoint = Endpoint(bob, MemoryCache(), random=seeded(2))
        self.lines = 0

    def line(self) -> Side:
        """One session more, which waits for a caller."""
        self.lines += 1
        side = Side("server", self.endpoint, self.endpoint.session())
        side.session.add_stream(0xC0000000 + self.lines)
        side.stream.start(self.network.now)
        return side

    def bob_calls(self) -> tuple[Side, Side]:
        line = self.line()
        bob = Side("bob", self.bob_endpoint, self.bob_endpoint.session())
        bob.session.add_stream(0xB0B00000 + self.lines)
        self.network.connect("server", line.stream, "bob", bob.stream)
        bob.stream.start(self.network.now)
        return line, bob

    def stranger_calls(self, number: int, *messages: str) -> tuple[Side, Stranger]:
        """On a line of its own, without hearing what is answered."""
        line = self.line()
        stranger = Stranger(number, peer_zid=self.bob_endpoint.zid, victim_zid=self.endpoint.zid)
        for message in messages:
            line.stream.receive_datagram(stranger.datagram(message), self.network.now)
        line.stream.datagrams_to_send()
        return line, stranger


def secure(*sides: Side) -> bool:
    return all(side.stream.state is State.SECURE for side in sides)


def hang_up(now: float, *sides: Side) -> None:
    for side in sides:
        side.session.close(now)


@pytest.mark.attack("DOS-24")
@every("strangers", [1, 3])
@every("who", ["bob", "server", "both"])
def test_bobs_call_is_secure_at_once_while_strangers_claim_his_zid(strangers: int, who: str) -> None:
    """They repeat their Commits, so that patience with them would never end. Nothing of theirs is stored."""
    server = Server(PASSIVE if who == "bob" else COMMITTING, PASSIVE if who == "server" else COMMITTING)
    line, bob = server.bob_calls()
    server.network.run(5.0, stop=lambda: secure(line, bob))
    assert secure(line, bob)
    hang_up(server.network.now, line, bob)
    said = ("Hello, ZID of the peer", "Commit, ZID of the peer")
    squatters = [server.stranger_calls(number, *said) for number in range(strangers)]
    for _ in range(3):
        server.network.now += 9.0
        for squatted, stranger in squatters:
            squatted.stream.receive_datagram(stranger.datagram("Commit, ZID of the peer"), server.network.now)
            squatted.stream.handle_timer(server.network.now)
            squatted.stream.datagrams_to_send()
        line, bob = server.bob_calls()
        server.network.run(server.network.now + 0.5)
        assert secure(line, bob), (line.stream, bob.stream)
        assert line.session.continuity is bob.session.continuity is Continuity.CONTINUED
        assert not any(side.seen(SecurityWarning) for side in (line, bob))
        hang_up(server.network.now, line, bob)


@pytest.mark.attack("DOS-25")
@every("limit", [4, 64])
@every("moment", [State.DHPART1_SENT, State.CONFIRM1_SENT])
def test_strangers_do_not_crowd_out_the_caller_that_is_further(limit: int, moment: State) -> None:
    """It is 150 ms away. While one of its messages travels they begin more exchanges than the server has room for."""
    server = Server(
        toy_config(key_agreements=(b"TOY1", b"Mult"), passive=True, half_open_limit=limit), COMMITTING, delay=0.15
    )
    line, bob = server.bob_calls()
    server.network.run(5.0, stop=lambda: line.stream.state is moment)
    for number in range(2 * limit):
        server.stranger_calls(number, "Hello", "Commit")
    server.network.run(10.0, stop=lambda: secure(line, bob))
    assert secure(line, bob), (line.stream, bob.stream)
    assert not line.seen(Failed) and not bob.seen(Failed)


@pytest.mark.attack("DOS-25")
def test_a_caller_gets_through_while_strangers_hold_all_the_room_that_there_is() -> None:
    server = Server(toy_config(key_agreements=(b"TOY1", b"Mult"), passive=True, half_open_limit=4), COMMITTING)
    for number in range(8):
        server.stranger_calls(number, "Hello", "Commit")
    line, bob = server.bob_calls()
    server.network.run(10.0, stop=lambda: secure(line, bob))
    assert secure(line, bob), (line.stream, bob.stream)
