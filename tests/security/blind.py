"""What somebody off the path can send, who knows address and port and sees nothing, and what it does to a call.

Such a stranger has a hash chain and a ZID of its own. ZIDs of others are public, since every Hello carries one in
clear, so that it may claim those too. It does not know an SSRC, an hvi or a MAC of the call. `KINDS` is everything that
can be said under these conditions, `SCENES` are the calls that it is said to, and a call has a `moment` at every step
that either end takes. `judge` plays one call with a disturbance and compares it with the same call left alone.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import TypeAlias

from tests.security.toy import toy_config
from tests.support.pair import Pair, seeded
from tests.support.wire import reseal
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.config import Config
from zrtp.protocol.events import (
    ClearRequested,
    Failed,
    NoPeer,
    SasRelayed,
    SecurityWarning,
    WentClear,
)
from zrtp.protocol.hash_chain import OwnChain, message_mac
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.wire.messages import (
    CLEAR_ACK,
    CONF2ACK,
    ERROR_ACK,
    HELLO_ACK,
    RELAY_ACK,
    Commit,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    GoClear,
    Hello,
    Message,
    Ping,
    PingACK,
    SASrelay,
)
from zrtp.wire.packet import encode_fragment, encode_packet

HELD_UP = 2.0
"""Seconds by which a call may be secure later than undisturbed."""

GIVEN_UP = 60.0
"""Seconds after which a disturbed call counts as one that never becomes secure."""

RATE = 100
"""Times a second in a flood."""

FLOODED_BEFORE = 2.5
"""Seconds before the call would be secure at which a flood begins."""

FLOODED = 10.0
"""Seconds after which it ends although the call is not secure."""

AFTERWARDS = 3.0
"""Seconds for which a secure call is watched."""

REMARKS = frozenset({"NoPeer", "peer-error", "chain-mismatch", "confirm-refused", "equal-zids", "multistream-refused"})
"""What says itself that nothing is proved, that a Hello was refused, or that nobody is there yet: no alarm if the call
becomes secure."""


class Stranger:
    """Somebody off the path, and every message that it can make."""

    def __init__(self, number: int, *, peer_zid: bytes, victim_zid: bytes) -> None:
        self.random = seeded(0xB11D0000 + number)
        self.ssrc = int.from_bytes(self.random(4), "big")
        self.zid = self.random(12)
        self.chain = OwnChain.make(self.random)
        self.peer_zid = peer_zid
        self.victim_zid = victim_zid
        self.sequence = 0

    def datagram(self, kind: str) -> bytes:
        """One of `KINDS`, as it arrives."""
        made = KINDS[kind](self)
        return made if isinstance(made, bytes) else self.packet(made.raw)

    def packet(self, raw: bytes) -> bytes:
        self.sequence += 1
        return encode_packet(self.sequence, self.ssrc, raw)

    def hello(self, **changes: object) -> Hello:
        values: dict[str, object] = {
            "version": b"1.10",
            "client_id": b"stranger        ",
            "h3": self.chain.h3,
            "zid": self.zid,
            "signature_capable": False,
            "mitm": False,
            "passive": False,
            "hashes": (b"S256",),
            "ciphers": (b"AES1",),
            "auth_tags": (b"HS80",),
            "key_agreements": (b"TOY1", b"Mult"),
            "sas_types": (b"B32 ",),
            "mac": lambda covered: message_mac(self.chain.h2, covered),
        }
        return Hello.make(**values | changes)  # type: ignore[arg-type]

    def commit(self, key_agreement: bytes = b"TOY1", **changes: object) -> Commit:
        values: dict[str, object] = {
            "h2": self.chain.h2,
            "zid": self.zid,
            "hash": b"S256",
            "cipher": b"AES1",
            "auth_tag": b"HS80",
            "key_agreement": key_agreement,
            "sas": b"B32 ",
            "mac": lambda covered: message_mac(self.chain.h1, covered),
        }
        if key_agreement in (b"Mult", b"Prsh"):
            values["nonce"] = self.random(16)
        else:
            values["hvi"] = self.random(32)
        if key_agreement == b"Prsh":
            values["key_id"] = self.random(8)
        return Commit.make(**values | changes)  # type: ignore[arg-type]

    def dhpart(self, kind: type[DHPart1] | type[DHPart2]) -> Message:
        return kind.make(
            h1=self.chain.h1,
            rs1_id=self.random(8),
            rs2_id=self.random(8),
            aux_secret_id=self.random(8),
            pbx_secret_id=self.random(8),
            pv=(0x1234567).to_bytes(4, "big"),
            mac=lambda covered: message_mac(self.chain.h0, covered),
        )

    def confirm(self, kind: type[Confirm1] | type[Confirm2]) -> Message:
        return kind.make(confirm_mac=self.random(8), iv=self.random(16), ciphertext=self.random(40))

    def malformed(self) -> bytes:
        """A message that says that it is longer than its datagram, in a packet whose CRC is right."""
        packet = self.packet(HELLO_ACK.raw)
        return reseal(packet[:14] + b"\x00\x09" + packet[16:])

    def fragment(self) -> bytes:
        """The first part of a message that never gets whole."""
        return encode_fragment(1, self.ssrc, message_id=0xFFFF, total_words=300, offset_words=0, data=self.random(400))


def _error(code: int) -> Callable[[Stranger], Message]:
    return lambda _: Error.make(code=code)


KINDS: dict[str, Callable[[Stranger], Message | bytes]] = {
    "Hello": lambda s: s.hello(),
    "Hello, nothing in common": lambda s: s.hello(
        hashes=(b"N384",),
        ciphers=(b"2FS3",),
        auth_tags=(b"SK64",),
        key_agreements=(b"EC52",),
        sas_types=(b"B10D",),
    ),
    "Hello, version 2.00": lambda s: s.hello(version=b"2.00"),
    "Hello, version 1.00": lambda s: s.hello(version=b"1.00"),
    "Hello, ZID of the peer": lambda s: s.hello(zid=s.peer_zid),
    "Hello, ZID of the victim": lambda s: s.hello(zid=s.victim_zid),
    "Hello, passive": lambda s: s.hello(passive=True),
    "Hello, PBX": lambda s: s.hello(mitm=True),
    "Hello, wrong MAC": lambda s: s.hello(mac=lambda _: bytes(8)),
    "HelloACK": lambda _: HELLO_ACK,
    "Commit": lambda s: s.commit(),
    "Commit, Mult": lambda s: s.commit(b"Mult"),
    "Commit, Prsh": lambda s: s.commit(b"Prsh"),
    "Commit, hash never offered": lambda s: s.commit(hash=b"N384"),
    "Commit, key agreement never offered": lambda s: s.commit(b"EC52"),
    "Commit, ZID of nobody": lambda s: s.commit(zid=b"another ZID!"),
    "Commit, ZID of the peer": lambda s: s.commit(zid=s.peer_zid),
    "Commit, Mult, ZID of the peer": lambda s: s.commit(b"Mult", zid=s.peer_zid),
    "Commit, Prsh, ZID of the peer": lambda s: s.commit(b"Prsh", zid=s.peer_zid),
    "DHPart1": lambda s: s.dhpart(DHPart1),
    "DHPart2": lambda s: s.dhpart(DHPart2),
    "Confirm1": lambda s: s.confirm(Confirm1),
    "Confirm2": lambda s: s.confirm(Confirm2),
    "Conf2ACK": lambda _: CONF2ACK,
    "Error, malformed packet": _error(0x10),
    "Error, service unavailable": _error(0xA0),
    "ErrorACK": lambda _: ERROR_ACK,
    "GoClear": lambda s: GoClear.make(clear_mac=s.random(8)),
    "ClearACK": lambda _: CLEAR_ACK,
    "SASrelay": lambda s: SASrelay.make(mac=s.random(8), iv=s.random(16), ciphertext=s.random(40)),
    "RelayACK": lambda _: RELAY_ACK,
    "Ping": lambda s: Ping.make(version=b"1.10", endpoint_hash=s.random(8)),
    "PingACK": lambda s: PingACK.make(
        version=b"1.10", sender_endpoint_hash=s.random(8), received_endpoint_hash=s.victim_zid[:8], ssrc=s.ssrc
    ),
    "noise": lambda s: s.random(64),
    "malformed": Stranger.malformed,
    "fragment": Stranger.fragment,
}
"""Every message that can be made without having seen one of the call."""

Kinds: TypeAlias = tuple[str, ...]

SINGLES: list[Kinds] = [(kind,) for kind in KINDS]
PAIRS: list[Kinds] = list(product(KINDS, repeat=2))

SCRIPTS: list[Kinds] = [
    ("Hello", "HelloACK", "DHPart1"),
    ("Hello", "HelloACK", "DHPart1", "Confirm1"),
    ("Hello", "HelloACK", "Commit"),
    ("Hello", "Commit", "DHPart2"),
    ("Hello", "Commit", "DHPart2", "Confirm2"),
    ("Hello", "Commit", "Commit"),
    ("Hello", "Commit", "Commit, ZID of the peer"),
    ("Hello, passive", "HelloACK", "DHPart1"),
    ("Hello, PBX", "HelloACK", "Commit"),
    ("Hello, ZID of the peer", "HelloACK", "DHPart1"),
    ("Hello, ZID of the peer", "Commit, ZID of the peer", "DHPart2"),
    ("Hello, ZID of the peer", "HelloACK", "Commit, Mult, ZID of the peer"),
    ("Hello", "HelloACK", "Error, service unavailable"),
    ("Hello", "Commit", "Error, service unavailable"),
    ("Hello", "HelloACK", "Commit, hash never offered"),
]
"""Longer beginnings of an exchange, as far as they can be played without hearing an answer."""


FLOODS: list[Kinds] = [
    ("Hello",),
    ("Hello", "HelloACK"),
    ("Hello", "Commit"),
    ("Hello", "HelloACK", "Commit"),
    ("Hello", "HelloACK", "DHPart1"),
    ("Hello, ZID of the peer", "Commit, ZID of the peer"),
    ("Hello, ZID of the peer", "HelloACK", "DHPart1"),
    ("Hello", "Commit, Mult"),
    ("Error, service unavailable",),
    ("Ping", "PingACK"),
    ("fragment",),
]


def triples(count: int, seed: int = 3) -> list[Kinds]:
    """So many of all ordered triples."""
    dice = random.Random(seed)
    kinds = list(KINDS)
    return [tuple(dice.choices(kinds, k=3)) for _ in range(count)]


# The calls.


TOY = toy_config(key_agreements=(b"TOY1", b"Mult"))
PASSIVE = toy_config(key_agreements=(b"TOY1", b"Mult"), passive=True)
ON_REQUEST = toy_config(key_agreements=(b"TOY1", b"Mult"), auto_secure=False)
HYBRID = toy_config(key_agreements=(b"X1M2", b"TOY1", b"Mult"), mtu=600)
PRESHARED = toy_config(key_agreements=(b"TOY1", b"Mult", b"Prsh"), preshared=True)

Act: TypeAlias = Callable[["Call"], None]


@dataclass(frozen=True)
class Scene:
    """A call: how both ends are configured, and what their applications do at which second."""

    alice: Config
    bob: Config
    script: tuple[tuple[float, Act], ...]
    since: float = 0.0
    """The second from which on strangers send: what was before is the same in another scene."""
    known: bool = False
    """Whether these two have called each other before, and compared the words."""


def nothing(_: Call) -> None:
    """A moment at which nobody does anything."""


def alice_starts(call: Call) -> None:
    call.alice.start(call.now)


def bob_starts(call: Call) -> None:
    call.bob.start(call.now)


def both_start(call: Call) -> None:
    alice_starts(call)
    bob_starts(call)


def announced(call: Call) -> None:
    """Signalling brings the a=zrtp-hash of either end to the other one."""
    call.alice.expect_hello(call.bob.hello_hash)
    call.bob.expect_hello(call.alice.hello_hash)


def alice_asks(call: Call) -> None:
    call.pair.alice.session.go_secure(call.now)


def further_stream(call: Call) -> None:
    call.alice, call.bob = call.pair.add_streams(0xA11CE001, 0xB0B00001)


def two_streams(call: Call) -> None:
    """Sound and pictures begin at the same moment; strangers speak to the pictures."""
    both_start(call)
    further_stream(call)


def sound_and_pictures(call: Call) -> None:
    """The same, but strangers speak to the sound."""
    both_start(call)
    call.pair.add_streams(0xA11CE001, 0xB0B00001)


def bob_rings_on_two(call: Call) -> None:
    """Bob's end has begun on both streams before anybody calls; strangers speak to the second one."""
    call.alice = call.pair.alice.session.add_stream(0xA11CE001)
    call.bob = call.pair.bob.session.add_stream(0xB0B00001)
    call.pair.network.connect("alice", call.alice, "bob", call.bob)
    bob_starts(call)
    call.pair.bob.stream.start(call.now)


def alice_calls_on_two(call: Call) -> None:
    alice_starts(call)
    call.pair.alice.stream.start(call.now)


SCENES: dict[str, Scene] = {
    "both commit": Scene(TOY, TOY, ((0.0, nothing), (0.0, both_start))),
    "bob is passive": Scene(TOY, PASSIVE, ((0.0, nothing), (0.0, both_start))),
    "bob rings": Scene(TOY, TOY, ((0.0, bob_starts), (1.0, nothing), (2.0, alice_starts))),
    "bob rings, passive": Scene(TOY, PASSIVE, ((0.0, bob_starts), (1.0, nothing), (2.0, alice_starts))),
    "bob has rung for long": Scene(TOY, TOY, ((0.0, bob_starts), (18.0, nothing), (20.0, alice_starts))),
    "both wait for a user": Scene(ON_REQUEST, ON_REQUEST, ((0.0, both_start), (20.0, nothing), (22.0, alice_asks))),
    "they know each other": Scene(PRESHARED, PRESHARED, ((0.0, nothing), (0.0, both_start)), known=True),
    "a further stream": Scene(TOY, TOY, ((0.0, both_start), (5.0, further_stream)), since=5.0),
    "a further stream, bob is passive": Scene(TOY, PASSIVE, ((0.0, both_start), (5.0, further_stream)), since=5.0),
    "two streams at once": Scene(TOY, TOY, ((0.0, nothing), (0.0, two_streams))),
    "two streams at once, the other one": Scene(TOY, TOY, ((0.0, nothing), (0.0, sound_and_pictures))),
    "two streams at once, bob is passive": Scene(TOY, PASSIVE, ((0.0, nothing), (0.0, two_streams))),
    "bob rings on two streams": Scene(TOY, TOY, ((0.0, bob_rings_on_two), (1.0, nothing), (2.0, alice_calls_on_two))),
    "signalling announces both": Scene(TOY, TOY, ((0.0, announced), (0.0, both_start))),
}
if DEFAULT.key_agreements[b"X1M2"].available:
    SCENES["a hybrid, in fragments"] = Scene(HYBRID, HYBRID, ((0.0, nothing), (0.0, both_start)))


class Call:
    """One call of a scene, from moment to moment."""

    def __init__(self, scene: Scene, seed: int = 1) -> None:
        caches = MemoryCache(), MemoryCache()
        if scene.known:
            before = Pair(scene.alice, scene.bob, seed=2 * seed, alice_cache=caches[0], bob_cache=caches[1]).run()
            for side in before.sides:
                side.session.sas_matched("somebody")
                side.session.close(before.network.now)
        self.pair = Pair(scene.alice, scene.bob, seed=seed, alice_cache=caches[0], bob_cache=caches[1])
        self.alice: Stream = self.pair.alice.stream
        self.bob: Stream = self.pair.bob.stream
        self.script = list(scene.script)

    @property
    def now(self) -> float:
        return self.pair.network.now

    @property
    def states(self) -> list[State]:
        """Of every stream of both ends."""
        return [stream.state for side in self.pair.sides for stream in side.session.streams]

    @property
    def secure(self) -> bool:
        """Nothing is left to do, and both ends are secure on every stream."""
        return not self.script and set(self.states) == {State.SECURE}

    def run(self, until: float, stop: Callable[[], bool]) -> None:
        """Go on until that time, or until `stop` says so."""
        network = self.pair.network
        while not stop():
            due = self.script[0][0] if self.script else None
            network.run(until if due is None else min(until, due), stop)
            if stop() or due is None or due > until:
                return
            network.now = max(network.now, due)
            self.script.pop(0)[1](self)
            network.flush()

    def next_moment(self) -> bool:
        """Go on to the next step of either end or of their applications; False if there is none."""
        before = (len(self.script), self.states)
        self.run(GIVEN_UP, lambda: (len(self.script), self.states) != before)
        return (len(self.script), self.states) != before

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        self.run(end, lambda: False)
        self.pair.network.now = max(self.now, end)

    def stranger(self, victim: str, number: int = 0) -> Stranger:
        zids = {side.name: side.endpoint.zid for side in self.pair.sides}
        other = "bob" if victim == "alice" else "alice"
        return Stranger(number, peer_zid=zids[other], victim_zid=zids[victim])

    def send(self, victim: str, datagram: bytes) -> None:
        """Something of a stranger arrives."""
        stream = self.alice if victim == "alice" else self.bob
        stream.receive_datagram(datagram, self.now)
        self.pair.network.flush()

    def events(self) -> Counter[str]:
        """What both applications heard that a person may be shown."""
        return Counter(text for side in self.pair.sides for event in side.seen(object) if (text := _shown(event)))

    @property
    def keys_agree(self) -> bool:
        return self.pair.keys_agree_on(self.alice.ssrc, self.bob.ssrc)


def _shown(event: object) -> str:
    if isinstance(event, SecurityWarning):
        return event.code.value
    if isinstance(event, Failed):
        return f"Failed {event.name}"
    return type(event).__name__ if isinstance(event, NoPeer | ClearRequested | WentClear | SasRelayed) else ""


# What is right.


@dataclass(frozen=True)
class Undisturbed:
    """A call of a scene that nobody disturbs."""

    moments: tuple[tuple[float, str], ...]
    """When it is, and the states of both ends then."""
    secure_at: float
    events: Counter[str]


@cache
def undisturbed(scene: str, seed: int = 1) -> Undisturbed:
    call = Call(SCENES[scene], seed)
    moments: list[tuple[float, str]] = []
    secure_at = None
    while call.next_moment():
        moments.append((call.now, f"{call.alice.state.value} / {call.bob.state.value}"))
        if call.secure:
            secure_at = call.now
    assert secure_at is not None and call.keys_agree, f"{scene}: not secure even undisturbed"
    return Undisturbed(tuple(moments), secure_at, call.events())


@dataclass(frozen=True)
class Verdict:
    """What came of a disturbed call."""

    secure: bool
    later: float
    """Seconds after the moment at which the undisturbed call is secure."""
    alarms: tuple[str, ...]
    remarks: tuple[str, ...]
    """Warnings that say themselves that they are not proved."""

    @property
    def right(self) -> bool:
        return self.secure and self.later <= HELD_UP and not self.alarms

    def __str__(self) -> str:
        if not self.secure:
            return f"never secure {' '.join(self.alarms)}"
        held = f"{self.later:.1f} s later " if self.later > HELD_UP else ""
        return f"{held}{' '.join(self.alarms)}".strip() or "right"


VICTIMS: dict[str, tuple[str, ...]] = {"alice": ("alice",), "bob": ("bob",), "both": ("alice", "bob")}


@dataclass(frozen=True)
class Case:
    """One disturbance of one call: some messages at a moment."""

    scene: str
    moment: int
    victims: str
    kinds: Kinds
    apart: float = 0.0
    """Seconds from one message to the next."""

    def __str__(self) -> str:
        at, states = undisturbed(self.scene).moments[self.moment]
        return f"{self.scene} at {at:.2f} s [{states}] to {self.victims}: {' + '.join(self.kinds)}"

    def disturb(self, call: Call) -> None:
        strangers = {victim: call.stranger(victim) for victim in VICTIMS[self.victims]}
        for kind in self.kinds:
            for victim, stranger in strangers.items():
                call.send(victim, stranger.datagram(kind))
            if self.apart:
                call.pass_time(self.apart)


@dataclass(frozen=True)
class Flood:
    """One disturbance of one call: the same messages again and again, from a moment until the call is secure."""

    scene: str
    moment: int
    victims: str
    kinds: Kinds
    strangers: int
    """How many take turns; 0 is a new one each time."""

    def __str__(self) -> str:
        at, states = undisturbed(self.scene).moments[self.moment]
        who = f"{self.strangers} taking turns" if self.strangers else "a new one each time"
        return (
            f"{self.scene} from {at:.2f} s [{states}] to {self.victims}, {RATE} times a second, {who}: "
            f"{' + '.join(self.kinds)}"
        )

    def disturb(self, call: Call) -> None:
        known: dict[tuple[str, int], Stranger] = {}
        number = 0
        while not call.secure and number < RATE * FLOODED:
            who = number % self.strangers if self.strangers else number
            for victim in VICTIMS[self.victims]:
                stranger = known.setdefault((victim, who), call.stranger(victim, who))
                for kind in self.kinds:
                    call.send(victim, stranger.datagram(kind))
            call.pass_time(1 / RATE)
            number += 1


def judge(case: Case | Flood, seed: int = 1) -> Verdict:
    """Play the call with the disturbance, and compare it with the one that nobody disturbs."""
    before = undisturbed(case.scene, seed)
    call = Call(SCENES[case.scene], seed)
    for _ in range(case.moment + 1):
        call.next_moment()
    case.disturb(call)
    call.run(before.secure_at + GIVEN_UP, lambda: call.secure)
    later = call.now - before.secure_at
    call.run(call.now + AFTERWARDS, lambda: False)
    events = call.events() - before.events
    return Verdict(
        secure=call.secure and call.keys_agree,
        later=later,
        alarms=tuple(sorted(events.keys() - REMARKS)),
        remarks=tuple(sorted(events.keys() & REMARKS)),
    )


# The search.


def moments(scene: str, since: float | None = None) -> list[int]:
    """Those from that second on; by default all of the scene that are its own."""
    begin = SCENES[scene].since if since is None else since
    return [number for number, (at, _) in enumerate(undisturbed(scene).moments) if at >= begin]


def everywhere(kinds: Iterable[Kinds], scenes: Iterable[str] = SCENES, victims: Iterable[str] = VICTIMS) -> list[Case]:
    """These messages at every moment of every scene."""
    return [
        Case(scene, moment, whom, said)
        for said, scene, whom in product(kinds, scenes, victims)
        for moment in moments(scene)
    ]


def somewhere(kinds: Sequence[Kinds], count: int, dice: random.Random) -> list[Case]:
    """So many of `everywhere`, drawn without making them all."""
    places = [(scene, moment, whom) for scene, whom in product(SCENES, VICTIMS) for moment in moments(scene)]
    return [Case(*dice.choice(places), dice.choice(kinds)) for _ in range(count)]


def floods() -> list[Flood]:
    """Each of `FLOODS` to every scene, from the last seconds before its exchange until it is over."""
    return [
        Flood(scene, moments(scene, undisturbed(scene).secure_at - FLOODED_BEFORE)[0], whom, said, strangers)
        for said, scene, whom, strangers in product(FLOODS, SCENES, VICTIMS, (1, 4, 0))
    ]


@dataclass
class Report:
    """What a search has found."""

    cases: int = 0
    ended: int = 0
    held_up: int = 0
    alarmed: int = 0
    remarked: int = 0
    latest: float = 0.0
    wrong: list[tuple[Case | Flood, Verdict]] = field(default_factory=list)

    def add(self, case: Case | Flood, verdict: Verdict) -> None:
        self.cases += 1
        self.ended += not verdict.secure
        self.held_up += verdict.secure and verdict.later > HELD_UP
        self.alarmed += bool(verdict.alarms)
        self.remarked += bool(verdict.remarks)
        if verdict.secure:
            self.latest = max(self.latest, verdict.later)
        if not verdict.right:
            self.wrong.append((case, verdict))

    def __str__(self) -> str:
        return (
            f"{self.cases} disturbed calls: {self.ended} never secure, {self.held_up} later by more than "
            f"{HELD_UP:.0f} s (the latest by {self.latest:.2f} s), {self.alarmed} with an alarm; "
            f"{self.remarked} with a remark"
        )


def search(cases: Iterable[Case | Flood]) -> Report:
    """Judge all of them."""
    report = Report()
    for case in cases:
        report.add(case, judge(case))
    return report
