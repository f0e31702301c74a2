"""The program at one end dies in the middle of a key agreement and calls again at once: the new call is not held up."""

from __future__ import annotations

import pytest

from tests.security.toy import toy_config
from tests.support.cases import every
from tests.support.pair import Network, Side, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import AnotherPeer, Failed, KeysReady, NoPeer, SecurityWarning, WarningCode
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.wire.messages import Kind, kind_of

IN_TIME = 1.5
"""Seconds from the beginning of the new call until it is secure."""

AGAIN_AFTER = 0.3
"""Seconds from the death to the new call."""

COMMITTING = toy_config(key_agreements=(b"TOY1", b"Mult"))
PASSIVE = toy_config(key_agreements=(b"TOY1", b"Mult"), passive=True)
ROLES = {"the phone": (COMMITTING, PASSIVE), "the server": (PASSIVE, COMMITTING)}
"""Who commits, and the configurations of phone and server for that."""

LAST_WORDS = (Kind.HELLO, Kind.HELLO_ACK, Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2)


class Lines:
    """A phone whose program dies, and a server that goes on."""

    def __init__(self, phone: Config, server: Config, seed: int) -> None:
        self.phone, self.phone_cache = phone, MemoryCache()
        self.server = Endpoint(server, MemoryCache(), random=seeded(seed))
        self.network = Network()
        self.seed = seed

    def phone_starts(self, line: Stream) -> Side:
        """The phone's program starts, with what the last one has stored, and calls a line of the server."""
        self.seed += 1
        endpoint = Endpoint(self.phone, self.phone_cache, random=seeded(1000 + self.seed))
        side = Side("phone", endpoint, endpoint.session())
        side.session.add_stream(self.seed)
        self.network.connect("phone", side.stream, "server", line)
        side.stream.start(self.network.now)
        return side

    def answers(self) -> Side:
        """The server has a session more."""
        side = Side("server", self.server, self.server.session())
        side.session.add_stream(0xC0000000 + self.seed)
        side.stream.start(self.network.now)
        return side

    def until_arrived(self, last: Kind) -> None:
        """Until the first message of that kind has been delivered."""
        sent: list[float] = []

        def watch(_: str, datagram: bytes) -> bytes:
            if kind_of(datagram[12:]) is last and not sent:
                sent.append(self.network.now)
            return datagram

        self.network.filter = watch
        self.network.run(5.0, stop=lambda: bool(sent))
        assert sent, f"there was no {last.name}"
        self.pass_time(self.network.netem.delay)

    def pass_time(self, seconds: float) -> None:
        end = self.network.now + seconds
        self.network.run(end)
        self.network.now = end


def secure(*sides: Side) -> bool:
    return all(side.stream.state is State.SECURE for side in sides)


def complaints(*sides: Side) -> list[object]:
    """What a person would be shown of a new call; that an Error of the old one is not proved is no complaint."""
    shown = [event for side in sides for event in (*side.seen(Failed), *side.seen(SecurityWarning))]
    return [event for event in shown if getattr(event, "code", None) is not WarningCode.PEER_ERROR]


@pytest.mark.attack("DOS-27")
@every("last", LAST_WORDS)
@every("who", ROLES)
@every("seed", range(3))
def test_the_new_call_is_secure_at_once(last: Kind, who: str, seed: int) -> None:
    lines = Lines(*ROLES[who], 100 * seed)
    before = lines.answers()
    phone = lines.phone_starts(before.stream)
    lines.until_arrived(last)
    phone.session.close(lines.network.now)
    lines.pass_time(AGAIN_AFTER)
    server = lines.answers()
    phone, began = lines.phone_starts(server.stream), lines.network.now
    lines.network.run(began + IN_TIME, stop=lambda: secure(phone, server))
    assert secure(phone, server), (phone.stream, server.stream)
    lines.network.run(began + 60.0)
    assert secure(phone, server)
    assert complaints(phone, server) == []


@pytest.mark.attack("DOS-27")
@every("last", [Kind.HELLO, Kind.HELLO_ACK, Kind.COMMIT, Kind.DHPART1, Kind.DHPART2])
@every("seed", range(3))
def test_a_call_to_the_line_that_waits_for_the_dead_one_is_secure_at_once(last: Kind, seed: int) -> None:
    """As when it calls the address of somebody who listens."""
    lines = Lines(COMMITTING, PASSIVE, 100 * seed + 50)
    server = lines.answers()
    dead = lines.phone_starts(server.stream)
    lines.until_arrived(last)
    dead.session.close(lines.network.now)
    lines.network._links.clear()
    lines.pass_time(AGAIN_AFTER)
    phone, began = lines.phone_starts(server.stream), lines.network.now
    lines.network.run(began + IN_TIME, stop=lambda: secure(phone, server))
    assert secure(phone, server), (phone.stream, server.stream)
    lines.network.run(began + 60.0)
    assert secure(phone, server)


@pytest.mark.attack("DOS-33")
@every("who", ROLES)
@every("seed", range(3))
def test_the_application_hears_of_a_phone_that_died_when_secure_and_calls_the_same_line(who: str, seed: int) -> None:
    """The call and its keys stay; the new program is not silenced, and tells its user that nobody answers."""
    lines = Lines(*ROLES[who], 100 * seed + 70)
    server = lines.answers()
    dead = lines.phone_starts(server.stream)
    lines.network.run(5.0, stop=lambda: secure(dead, server))
    lines.pass_time(1.0)
    dead.session.close(lines.network.now)
    lines.network._links.clear()
    phone = lines.phone_starts(server.stream)
    lines.pass_time(6.0)
    told = server.seen(AnotherPeer)
    assert {event.zid for event in told} == {phone.endpoint.zid} == {dead.endpoint.zid}
    assert 2 <= len(told) <= 6  # of some twenty Hellos in four seconds
    assert secure(server) and len(server.seen(KeysReady)) == 1
    assert phone.stream.state is State.QUIET and phone.seen(NoPeer)
    assert complaints(phone, server) == []
