"""Somebody in the middle: what it can do, and what gives it away."""

from __future__ import annotations

import pytest

from tests.support.frames import rtp
from tests.support.pair import seeded
from zrtp.cache.memory import MemoryCache
from zrtp.media.secure import SecureCall, SecureMedia
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Continuity, SasReady, Secured, SecurityWarning, WarningCode
from zrtp.proxy.mitm import KEPT, InterceptedSide, Interceptor, Memory

SECONDS = 5.0


class Person:
    """Alice or Bob, with an installation that lasts over several calls."""

    def __init__(self, seed: int) -> None:
        self.random = seeded(seed)
        self.endpoint = Endpoint(cache=MemoryCache(), random=self.random)
        self.begin()

    def begin(self) -> None:
        self.call = SecureCall(self.endpoint.session())
        self.media: SecureMedia = self.call.add_stream(int.from_bytes(self.random(4), "big"))
        self.events: list[object] = []
        self.heard: list[bytes] = []

    def take(self, datagram: bytes, now: float) -> None:
        self.heard += self.media.datagram_received(datagram, now)

    def news(self) -> None:
        while (event := self.call.next_event()) is not None:
            self.events.append(event)

    def seen(self, kind: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def continuity(self) -> Continuity:
        (ready,) = (event for event in self.events if isinstance(event, SasReady))
        return ready.continuity

    @property
    def alarmed(self) -> bool:
        codes = [event.code for event in self.events if isinstance(event, SecurityWarning)]
        return WarningCode.CACHE_MISMATCH in codes

    @property
    def words(self) -> str:
        sas = self.call.session.sas
        assert sas is not None
        return sas.rendered


class Room:
    """Alice calls Bob; perhaps through somebody."""

    def __init__(self) -> None:
        self.alice, self.bob = Person(1), Person(2)
        self.now = 0.0
        self._said = 0

    def call(self, interceptor: Interceptor | None = None) -> None:
        people = {InterceptedSide.CALLER: self.alice, InterceptedSide.TARGET: self.bob}
        for person in people.values():
            person.begin()
            person.media.start(self.now)
        end = self.now + SECONDS
        while self.now < end:
            for side, person in people.items():
                for datagram in person.media.datagrams_to_send():
                    self._carry(people, interceptor, side, datagram)
            if interceptor is not None:
                for side, datagram in interceptor.handle_timer(self.now):
                    people[side].take(datagram, self.now)
            for person in people.values():
                person.call.handle_timer(self.now)
                person.news()
            self.now += 0.01
        for side in InterceptedSide:
            self.say(interceptor, b"hello", side)

    def say(
        self, interceptor: Interceptor | None, sound: bytes, side: InterceptedSide = InterceptedSide.CALLER
    ) -> None:
        """One says something to the other."""
        people = {InterceptedSide.CALLER: self.alice, InterceptedSide.TARGET: self.bob}
        self._said += 1
        sealed = people[side].media.protect(rtp(self._said, sound, ssrc=people[side].media.stream.ssrc))
        assert sealed is not None
        self._carry(people, interceptor, side, sealed)

    def _carry(
        self,
        people: dict[InterceptedSide, Person],
        interceptor: Interceptor | None,
        side: InterceptedSide,
        datagram: bytes,
    ) -> None:
        if interceptor is None:
            people[side.other].take(datagram, self.now)
            return
        for to, octets in interceptor.datagram_received(side, datagram, self.now):
            people[to].take(octets, self.now)


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def mitm() -> Interceptor:
    return Interceptor(random=seeded(3))


def test_both_sides_are_secure_and_see_different_words(room: Room, mitm: Interceptor) -> None:
    room.call(mitm)

    assert room.alice.seen(Secured) and room.bob.seen(Secured)
    assert room.alice.words != room.bob.words
    for side, person in ((InterceptedSide.CALLER, room.alice), (InterceptedSide.TARGET, room.bob)):
        sas = mitm.sas(side)
        assert sas is not None and sas.rendered == person.words


def test_without_anybody_in_between_they_are_the_same(room: Room) -> None:
    room.call()
    assert room.alice.words == room.bob.words


def test_everything_is_heard_and_passed_on(room: Room, mitm: Interceptor) -> None:
    room.call(mitm)
    room.say(mitm, b"what only Bob should hear")

    assert [packet[12:] for packet in room.bob.heard] == [b"hello", b"what only Bob should hear"]
    assert [packet[12:] for packet in room.alice.heard] == [b"hello"]
    assert (mitm.heard(InterceptedSide.CALLER), mitm.heard(InterceptedSide.TARGET)) == (2, 1)


def test_each_side_sees_the_zid_of_the_other(room: Room, mitm: Interceptor) -> None:
    room.call(mitm)
    assert room.alice.call.session.peer.zid == room.bob.endpoint.zid
    assert room.bob.call.session.peer.zid == room.alice.endpoint.zid


def test_two_who_have_talked_before_see_the_alarm(room: Room, mitm: Interceptor) -> None:
    room.call()
    room.call(mitm)
    assert room.alice.alarmed and room.bob.alarmed
    assert room.alice.continuity is Continuity.MISMATCH


def test_an_attacker_of_the_first_call_gives_itself_away_in_the_second(room: Room) -> None:
    room.call(Interceptor(random=seeded(3)))
    assert not room.alice.alarmed and not room.bob.alarmed

    room.call(Interceptor(random=seeded(4)))
    assert room.alice.alarmed and room.bob.alarmed


def test_also_by_staying_away(room: Room, mitm: Interceptor) -> None:
    room.call(mitm)
    room.call()
    assert room.alice.alarmed and room.bob.alarmed
    assert room.alice.words == room.bob.words


def test_one_that_remembers_is_found_by_the_words_only(room: Room) -> None:
    memory = Memory()
    room.call(Interceptor(memory=memory, random=seeded(3)))
    room.call(Interceptor(memory=memory, random=seeded(4)))
    assert not room.alice.alarmed and not room.bob.alarmed
    assert room.alice.words != room.bob.words


def test_a_goodbye_ends_the_call(room: Room, mitm: Interceptor) -> None:
    room.call(mitm)
    room.say(mitm, b"hello")
    assert not mitm.over
    ssrc = room.alice.media.stream.ssrc.to_bytes(4, "big")
    goodbye = room.alice.media.protect_rtcp(b"\x80\xc9\x00\x01" + ssrc + b"\x81\xcb\x00\x01" + ssrc)
    assert goodbye is not None
    passed = mitm.datagram_received(InterceptedSide.CALLER, goodbye, room.now)
    assert mitm.over
    assert [side for side, _ in passed] == [InterceptedSide.TARGET]


def test_noise_raises_nothing_and_is_not_kept(mitm: Interceptor) -> None:
    noise = [b"", b"\x10\x00\x00\x01ZRTP" + bytes(30), bytes(100), rtp(1, bytes(20))] * KEPT
    for datagram in noise:
        assert mitm.datagram_received(InterceptedSide.CALLER, datagram, 0.0) == []
    assert mitm.next_timer() is None
    assert list(mitm.events()) == []
    assert (mitm.sas(InterceptedSide.CALLER), mitm.heard(InterceptedSide.CALLER), mitm.over) == (None, 0, False)


def test_closing_ends_both_calls(room: Room, mitm: Interceptor) -> None:
    room.call(mitm)
    mitm.close(room.now)
    room.say(mitm, b"anybody there?")
    assert mitm.heard(InterceptedSide.CALLER) == 1, "the one of the call"
    assert mitm.next_timer() is None
