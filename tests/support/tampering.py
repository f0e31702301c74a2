"""Changed datagrams in place of good ones, and the judgement on what the engine makes of them.

    report = tamper(lambda: Duel(pair), step=4, changes=flips())

A scene is an exchange that can be made again and again, step by step the same, and that knows its next datagram. At one
step of it many changed copies of that datagram are tried. Each one is either

* refused without an answer, and the receiver's state is what it was. All of them are tried on one scene, which at the
  end receives the good datagram and must come to its aim;
* answered or taken: then the good datagram counts as lost, and the exchange runs on. If it comes to its aim with the
  changed one, that went unnoticed. Otherwise the good one arrives late, and timers run: either the exchange comes to
  its aim after all, or it ends, but never with keys that only one end has. The same is tried once more with the good
  one right behind the changed one.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from tests.support.inside import core_of
from tests.support.pair import Pair, Side
from tests.support.replay import Inbound, Replay
from tests.support.snapshot import difference, snapshot
from tests.support.wire import reseal
from zrtp.protocol.events import KeysReady, SrtpKeys
from zrtp.protocol.limits import TokenBucket
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.wire.messages import CONF2ACK, Kind
from zrtp.wire.packet import CRC, HEADER

Material = tuple[bytes, bytes, bytes, bytes]
"""Key and salt to send with, key and salt to receive with."""

LONG = 120.0
"""Seconds after which every timer of an exchange has run out."""


@dataclass(frozen=True, slots=True)
class Change:
    """One way to change a datagram."""

    bit: int | None = None
    """Flip this bit, counted from the most significant one of the first octet."""
    size: int | None = None
    """Cut the datagram to so many octets."""
    repair: bool = False
    """Make the CRC right again."""

    def __call__(self, datagram: bytes) -> bytes:
        changed = bytearray(datagram[: self.size])
        if self.bit is not None:
            changed[self.bit // 8] ^= 0x80 >> self.bit % 8
        return reseal(bytes(changed)) if self.repair else bytes(changed)


Changes = Callable[[int], Iterable[Change]]
"""From the size of a datagram in octets to what is done to it."""


def flips(stride: int = 1, *, all_of_first: int = 0) -> Changes:
    """Every single bit flipped and the CRC made right again; with a stride, all bits of so many octets at the
    beginning, and every so many bits of the others."""

    def make(size: int) -> Iterator[Change]:
        first = min(8 * all_of_first, 8 * (size - CRC))
        for bit in (*range(first), *range(first, 8 * (size - CRC), stride)):
            yield Change(bit=bit, repair=True)

    return make


def truncations(stride: int = 1) -> Changes:
    """Every truncation with a right CRC at its new end."""
    return lambda size: (Change(size=cut, repair=True) for cut in range(CRC, size, stride))


def damages(stride: int = 1) -> Changes:
    """Every single bit flipped, those of the CRC too, and every truncation; the CRC is left as it is."""

    def make(size: int) -> Iterator[Change]:
        yield from (Change(bit=bit) for bit in range(0, 8 * size, stride))
        yield from (Change(size=cut) for cut in range(0, size, stride))

    return make


class Scene(Protocol):
    """An exchange right before one datagram arrives."""

    @property
    def receiver(self) -> Stream:
        """To whom the next datagram goes."""

    @property
    def datagram(self) -> bytes:
        """The next datagram."""

    def step(self) -> None:
        """The next datagram arrives."""

    def receive(self, datagram: bytes) -> list[bytes]:
        """Another datagram arrives in its place; what the receiver answers is returned and goes no further."""

    def forward(self, answers: list[bytes]) -> None:
        """Answers that `receive` returned get under way after all."""

    def lose(self) -> bytes:
        """The next datagram is lost; returns it."""

    def run(self) -> None:
        """Go on until nothing is under way any more; no timer fires."""

    def run_late(self, datagram: bytes) -> None:
        """A lost datagram arrives after all, and everything goes on as in `run_timers`."""

    def run_timers(self) -> None:
        """Go on until nothing is pending, timers included."""

    @property
    def done(self) -> bool:
        """The exchange has come to its aim: every end that takes part is secure, for example."""

    def check(self) -> None:
        """Asserts that no end is secure with keys that the other one does not have."""


@dataclass
class Report:
    """How many changes had which effect: "refused", "answered" (refused with an Error), "unnoticed", "ended",
    or "recovered" (left a trace, but the good datagram still counted).
    """

    in_place: Counter[str] = field(default_factory=Counter)
    """Where the good datagram came late, if ever."""
    in_front: Counter[str] = field(default_factory=Counter)
    """Where it came right behind the changed one."""
    tried: set[Change] = field(default_factory=set)
    unnoticed: set[Change] = field(default_factory=set)
    """Changes that made no difference."""
    recovered: set[Change] = field(default_factory=set)
    """Changes that left a trace, without any other effect."""
    matters: bool = False
    """The good datagram makes a difference: without one, no change of it does either."""


def tamper(make: Callable[[], Scene], step: int, changes: Changes) -> Report:
    """Try changed copies of the datagram of one step, as the module says."""
    report = Report()
    scene = before(make, step)
    state = snapshot(scene.receiver)
    for change in changes(len(scene.datagram)):
        report.tried.add(change)
        answers = scene.receive(change(scene.datagram))
        same_state = snapshot(scene.receiver) == state
        if same_state and not answers:
            report.in_place["refused"] += 1
            report.in_front["refused"] += 1
            continue
        effect = _in_place(scene, answers)
        if effect == "unnoticed":
            report.in_place[effect] += 1
            report.unnoticed.add(change)
        else:
            assert not same_state or effect == "recovered", f"{change} was refused, but the good copy does not help"
            report.in_place["answered" if same_state else effect] += 1
            if effect == "recovered" and not same_state:
                report.recovered.add(change)
            report.in_front[_in_front(before(make, step), change)] += 1
        scene = before(make, step)
        state = snapshot(scene.receiver)
    report.matters = _go_on(scene)
    return report


def refuse_all(make: Callable[[], Scene], step: int, changes: Changes) -> int:
    """Try changes of which none must have any effect; returns how many there were."""
    scene = before(make, step)
    state = snapshot(scene.receiver)
    count = 0
    for change in changes(len(scene.datagram)):
        assert not scene.receive(change(scene.datagram)), f"{change} was answered"
        count += 1
    assert not difference(state, snapshot(scene.receiver))
    _go_on(scene)
    return count


def before(make: Callable[[], Scene], step: int) -> Scene:
    """A new scene after so many steps."""
    scene = make()
    for _ in range(step):
        scene.step()
    return scene


def _go_on(scene: Scene) -> bool:
    """The good datagram arrives; whether that changed anything."""
    receiver = scene.receiver
    state = snapshot(receiver)
    scene.step()
    changed = snapshot(receiver) != state
    scene.run()
    scene.check()
    assert scene.done, "the good datagram does not count any more"
    return changed


def _in_place(scene: Scene, answers: list[bytes]) -> str:
    """What becomes of an exchange after a changed datagram, with these answers, took the place of the good one."""
    scene.forward(answers)
    good = scene.lose()
    scene.run()
    scene.check()
    if scene.done:
        return "unnoticed"
    scene.run_late(good)
    scene.check()
    return "recovered" if scene.done else "ended"


def _in_front(scene: Scene, change: Change) -> str:
    """The same with the good datagram right behind the changed one."""
    scene.forward(scene.receive(change(scene.datagram)))
    scene.step()
    scene.run_timers()
    scene.check()
    return "recovered" if scene.done else "ended"


class Duel:
    """Two engines. The scene begins with what their streams have to send. Copies of a Hello that are sent at once, for
    each new candidate, are lost: of every message one comes."""

    def __init__(
        self,
        pair: Pair,
        streams: tuple[Stream, Stream] | None = None,
        aim: Callable[[], bool] | None = None,
    ) -> None:
        """Between the first streams of both ends, until both are secure, unless told otherwise."""
        self.now = self._began = pair.network.now
        self.keys: dict[int, Material] = {}
        self._sides: tuple[Side, Side] = pair.sides
        self._streams = streams if streams is not None else (pair.alice.stream, pair.bob.stream)
        self._aim = aim
        self._under_way: deque[tuple[int, bytes]] = deque()
        self._hellos: set[bytes] = set()
        self._collect()

    @property
    def receiver(self) -> Stream:
        return self._streams[self._under_way[0][0]]

    @property
    def datagram(self) -> bytes:
        return self._under_way[0][1]

    @property
    def finished(self) -> bool:
        """Nothing is under way any more."""
        return not self._under_way

    def step(self) -> None:
        place, datagram = self._under_way.popleft()
        self._streams[place].receive_datagram(datagram, self.now)
        self._collect()

    def receive(self, datagram: bytes) -> list[bytes]:
        receiver = self.receiver
        forget_limits(receiver)
        receiver.receive_datagram(datagram, self.now)
        self._note_keys()
        return receiver.datagrams_to_send()

    def forward(self, answers: list[bytes]) -> None:
        other = 1 - self._under_way[0][0]
        self._under_way.extend((other, answer) for answer in answers)

    def lose(self) -> bytes:
        place, datagram = self._under_way.popleft()
        self._lost = place
        return datagram

    def run(self) -> None:
        while self._under_way:
            self.step()

    def run_late(self, datagram: bytes) -> None:
        self._under_way.append((self._lost, datagram))
        self.run_timers()

    def run_timers(self) -> None:
        end = self.now + LONG
        while True:
            self.run()
            timers = [timer for stream in self._streams if (timer := stream.next_timer()) is not None]
            if not timers or min(timers) > end:
                return
            self.now = max(self.now, min(timers))
            for stream in self._streams:
                stream.handle_timer(self.now)
            self._collect()

    @property
    def done(self) -> bool:
        if self._aim is not None:
            return self._aim()
        return all(stream.state is State.SECURE for stream in self._streams)

    def check(self) -> None:
        if self.keys and any(stream.state is State.SECURE for stream in self._streams):
            assert self.keys[0] == self.keys[1][2:] + self.keys[1][:2]

    def _collect(self) -> None:
        for place, stream in enumerate(self._streams):
            for datagram in stream.datagrams_to_send():
                if not self._repeats(datagram):
                    self._under_way.append((1 - place, datagram))
        self._note_keys()

    def _repeats(self, datagram: bytes) -> bool:
        """Whether this is a copy of a Hello before any timer fired."""
        message = datagram[HEADER:-CRC]
        if b"Hello   " not in message[:12] or message in self._hellos:
            return message in self._hellos and self.now == self._began
        self._hellos.add(message)
        return False

    def _note_keys(self) -> None:
        for place, (side, stream) in enumerate(zip(self._sides, self._streams, strict=True)):
            while (event := side.session.next_event()) is not None:
                if isinstance(event, KeysReady) and event.ssrc == stream.ssrc:
                    self.keys[place] = material(event.send, event.receive)


class Solo:
    """One engine against a recording: the messages that lead to SRTP, each only once.

    Where the recording lacks the other end's Confirm, the aim is to have come to the recorded keys.
    """

    def __init__(self, replay: Replay, expected: Material) -> None:
        """`expected`: the recorded keys of this end."""
        self.replay = replay
        self._expected = expected
        self._place = 0
        self._inbound = exchange_of(replay)
        self._without_confirm = self._inbound[-1].kind in (Kind.DHPART1, Kind.DHPART2)
        replay.start()
        replay.prepare(self._inbound[0])

    @property
    def receiver(self) -> Stream:
        return self.replay.stream

    @property
    def datagram(self) -> bytes:
        return self._inbound[self._place].datagram

    def step(self) -> None:
        self.replay.deliver(self._inbound[self._place])
        self._advance()

    def receive(self, datagram: bytes) -> list[bytes]:
        forget_limits(self.receiver)
        before = len(self.replay.sent.messages) + len(self.replay.sent.fragments)
        self.replay.receive(datagram)
        count = len(self.replay.sent.messages) + len(self.replay.sent.fragments) - before
        return [b""] * count

    def forward(self, answers: list[bytes]) -> None:
        """Nobody is there to hear them."""

    def lose(self) -> bytes:
        lost = self.datagram
        self._advance()
        return lost

    def run(self) -> None:
        while self._place < len(self._inbound):
            self.step()

    def run_late(self, datagram: bytes) -> None:
        self.replay.receive(datagram)
        for inbound in self._inbound:
            self.replay.deliver(inbound)
        self.run_timers()

    def run_timers(self) -> None:
        self.run()
        if self._without_confirm:
            return  # the time in which the Confirm does not come is not part of the recording
        end = self.replay.now + LONG
        while (timer := self.receiver.next_timer()) is not None and timer <= end:
            self.replay.now = max(self.replay.now, timer)
            self.replay.tick()

    @property
    def done(self) -> bool:
        if self._without_confirm:
            exchange, role = core_of(self.receiver).exchange, self.replay.role
            keys = None if exchange is None or exchange.derived is None else exchange.keys
            return keys is not None and material(*keys.srtp(role)) == self._expected
        return self.receiver.state is State.SECURE

    def check(self) -> None:
        if self.receiver.state is State.SECURE:
            ready = self.replay.keys_ready
            assert material(ready.send, ready.receive) == self._expected

    def _advance(self) -> None:
        self._place += 1
        if self._place < len(self._inbound):
            self.replay.prepare(self._inbound[self._place])


def exchange_of(replay: Replay) -> list[Inbound]:
    """What the engine has to receive in this replay, in order: no repetitions, nothing after the exchange; and the
    Conf2ACK, where the recording ended before it.
    """
    unique: dict[bytes, Inbound] = {}
    for inbound in replay.inbound:
        if inbound.kind not in (Kind.SASRELAY, Kind.RELAY_ACK):
            unique.setdefault(inbound.datagram[HEADER:-CRC], inbound)
    inbounds = list(unique.values())
    if inbounds[-1].kind is Kind.CONFIRM1:
        inbounds.append(Inbound(replay.packet(CONF2ACK.raw), Kind.CONF2ACK))
    return inbounds


def material(send: SrtpKeys, receive: SrtpKeys) -> Material:
    """Copies of the keys, which the engine may wipe."""
    return (
        bytes(send.key.octets),
        bytes(send.salt.octets),
        bytes(receive.key.octets),
        bytes(receive.salt.octets),
    )


def forget_limits(stream: Stream) -> None:
    """As if the changed datagrams came seconds apart: rate limits would hide what the engine does with each."""
    core_of(stream).outbox.bucket = TokenBucket()
    core_of(stream).warned.clear()
    core_of(stream).last_error_sent = None
