"""Every message of a handshake, changed on the way: cut short anywhere, or with any single bit flipped.

With the CRC left as it was the datagram is dropped like any other damage. With the CRC made right again, as an
attacker would, the message is refused without a trace, or it is found out before anybody is secure. Nothing raises,
and no end is ever secure with keys that the other end does not have. Only what RFC 6189 says to ignore may differ
unnoticed: `MAY_DIFFER` lists it, bit for bit.

The default run changes a small sample of all bits, and in one scene every one that may differ; `-m long` changes every
bit of the scenes with messages of ordinary size, and more of the others.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from tests.support.cases import a_tenth_by_default
from tests.support.inside import core_of
from tests.support.pair import Clock, Pair, seeded
from tests.support.replay import Replay, missing_algorithms
from tests.support.snapshot import difference, snapshot
from tests.support.tampering import (
    Duel,
    Material,
    Report,
    Scene,
    Solo,
    before,
    damages,
    exchange_of,
    flips,
    refuse_all,
    tamper,
    truncations,
)
from tests.support.vectors import Transcript, transcripts
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Mode, Role
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import Kind, kind_of
from zrtp.wire.packet import Fragment, decode_packet

SAMPLE = 2003
"""The default run flips every so many bits: a prime, so that all places of a word come round."""

LARGER_SAMPLE = 31
"""The same in the long tests, where they do not flip all of them."""

UNUSED = range(4, 16)
"""The 12 "not used" bits of figure 2, which MUST be ignored on receipt (RFC 6189 section 5)."""

SEQUENCE_NUMBER = range(16, 32)
"""Detects loss, and is part of no hash (RFC 6189 section 5)."""

MAY_DIFFER = frozenset((*UNUSED, *SEQUENCE_NUMBER))
"""All bits of a datagram that may differ unnoticed, of any message, if the CRC is right.

Nothing else: the unused bits of Hello are covered by its MAC, those of Confirm and SASrelay by theirs. The IV is not,
but a changed one garbles the first block: H0 in Confirm, length and rendering scheme in SASrelay.
"""

MAY_DIFFER_IN_A_FRAGMENT = frozenset(SEQUENCE_NUMBER[10:])
"""A fragment differs from a packet in one of the unused bits: whoever sends fragments uses all twelve. Fragments whose
sequence numbers are 64 or more apart wait for a second copy.
"""

DEPENDS_ON_THE_NUMBERS = frozenset(SEQUENCE_NUMBER[9:10])
"""Makes a difference of 63, 64 or 65 to the next fragment."""


# Scenes: one handshake of each mode


def config(code: bytes, *, passive: bool = False, mtu: int = 1452, preshared: bool = False) -> Config:
    """A short Hello around one key agreement."""
    return Config(
        hashes=(b"S256",),
        ciphers=(b"AES1",),
        auth_tags=(b"HS80",),
        key_agreements=(code,),
        sas_types=(b"B32 ",),
        passive=passive,
        mtu=mtu,
        preshared=preshared,
        allow_clear=True,
    )


def pair_with(code: bytes, mtu: int = 1452) -> Pair:
    """Alice initiates, Bob responds."""
    return Pair(config(code, mtu=mtu), config(code, passive=True, mtu=mtu))


def key_agreement(code: bytes, mtu: int = 1452) -> Callable[[], Duel]:
    """DH mode, or KEM mode."""
    return lambda: Duel(pair_with(code, mtu).start())


def multistream() -> Duel:
    """The second stream of a call; the first one is secure."""
    pair = pair_with(b"X255").run()
    assert pair.secure
    streams = pair.alice.session.add_stream(0x0A), pair.bob.session.add_stream(0x0B)
    for stream in streams:
        stream.start(pair.network.now)
    return Duel(pair, streams)


def preshared() -> Duel:
    """A call between two who remember a verified one."""
    zids = b"ZID of Alice", b"ZID of Bob.."
    caches = MemoryCache(), MemoryCache()
    record = PeerRecord(rs1=Secret(bytes(range(32))), trusted_lineage=True, verified=True, verified_at=1.0)
    for cache, own, peer in zip(caches, zids, zids[::-1], strict=True):
        cache.own_zid(lambda own=own: own)  # type: ignore[misc]
        cache.update(own, peer, lambda _: record)
    pair = Pair(
        config(b"X255", preshared=True),
        config(b"X255", preshared=True, passive=True),
        alice_cache=caches[0],
        bob_cache=caches[1],
    )
    return Duel(pair.start())


def goclear() -> Duel:
    """Alice switches encryption off."""
    pair = pair_with(b"X255").run()
    alice, bob = pair.alice.stream, pair.bob.stream
    pair.alice.session.go_clear(pair.network.now)
    return Duel(pair, aim=lambda: (alice.state, bob.state) == (State.CLEAR, State.CLEAR_PENDING))


def sasrelay() -> Duel:
    """A PBX, Alice, tells Bob, a phone that is enrolled with it, the SAS of its other leg."""
    zids = b"ZID of Alice", b"ZID of Bob.."
    caches = MemoryCache(), MemoryCache()
    for cache, own, peer in zip(caches, zids, zids[::-1], strict=True):
        cache.own_zid(lambda own=own: own)  # type: ignore[misc]
        cache.update(own, peer, lambda _: PeerRecord(pbxsecret=Secret(bytes(range(32)))))
    pbx = replace(config(b"X255"), trusted_mitm=True)
    pair = Pair(pbx, config(b"X255", passive=True), alice_cache=caches[0], bob_cache=caches[1])
    far_leg = pair.alice.endpoint.session()
    carol = Endpoint(config(b"X255", passive=True), random=seeded(99), wall_clock=Clock()).session()
    ends = far_leg.add_stream(0x0A), carol.add_stream(0x0C)
    pair.network.connect("alice", ends[0], "carol", ends[1])
    for stream in ends:
        stream.start(0.0)
    pair.run()
    far_leg.pbx.relay(pair.alice.session.pbx, pair.network.now)
    assert carol.sas is not None
    wanted, phone, server = carol.sas.sashash, pair.bob.session, pair.alice.stream

    def relayed() -> bool:
        shown = phone.pbx.relayed_sas
        return shown is not None and shown.sashash == wanted and core_of(server).retransmission is None

    return Duel(pair, aim=relayed)


SCENES: dict[str, Callable[[], Duel]] = {
    "dh-finite-field": key_agreement(b"DH2k"),
    "dh-nist-curve": key_agreement(b"EC25"),
    "dh-x25519": key_agreement(b"X255"),
    "kem": key_agreement(b"K255"),
    "kem-post-quantum": key_agreement(b"X1M2"),
    "kem-in-fragments": key_agreement(b"X1M2", mtu=600),
    "multistream": multistream,
    "preshared": preshared,
    "goclear": goclear,
    "sasrelay": sasrelay,
}

LONGEST = ("kem-post-quantum", "kem-in-fragments", "dh-finite-field")
"""Scenes with messages of thousands of bits, of which fewer are flipped."""

if not DEFAULT.key_agreements[b"X1M2"].available:
    del SCENES["kem-post-quantum"], SCENES["kem-in-fragments"]

HANDSHAKES = [name for name in SCENES if name not in ("goclear", "sasrelay")]

EVERY_SCENE = pytest.mark.parametrize("name", SCENES)


def described(datagram: bytes) -> str:
    """The kind of a datagram's message, for failing assertions and tables."""
    packet = decode_packet(datagram)
    kind = None if isinstance(packet, Fragment) else kind_of(packet.message)
    return "fragment" if kind is None else kind.value.decode().strip()


def steps(make: Callable[[], Duel]) -> list[str]:
    """What is sent in a scene, one datagram after the other."""
    scene = make()
    sent = []
    while not scene.finished:
        sent.append(described(scene.datagram))
        scene.step()
    assert scene.done
    return sent


LEAVES_A_TRACE = ("Hello", "HelloACK", "Commit", "fragment")
"""What is noted without being trusted: candidate Hellos and that their Commit was refused, who acknowledged ours, parts
of a message.
"""


COMMIT_ANSWERED = frozenset(range(8 * 80, 8 * 88))
"""The bits of pbxsecretIDr in a packet with DHPart1, which say which Commit it answers: that another one is answered is
noted.
"""


def check(report: Report, kind: str, where: str) -> None:
    """Exactly those of the flipped bits went unnoticed that may, and what was not taken left no trace."""
    allowed = MAY_DIFFER
    if kind == "fragment":
        allowed = MAY_DIFFER_IN_A_FRAGMENT | DEPENDS_ON_THE_NUMBERS & {change.bit for change in report.unnoticed}
    recovered = {change.bit for change in report.recovered}
    assert kind in LEAVES_A_TRACE or recovered <= (COMMIT_ANSWERED if kind == "DHPart1" else set()), where
    unnoticed = {change.bit for change in report.unnoticed}
    assert unnoticed == {change.bit for change in report.tried if change.bit in allowed}, where


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of dropped messages would be thousands of lines in the log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


# The tests


def test_the_scenes_are_whole_handshakes() -> None:
    discovery = ["Hello", "Hello", "HelloACK", "HelloACK"]
    confirmation = ["Confirm1", "Confirm2", "Conf2ACK"]
    assert steps(SCENES["dh-x25519"]) == [*discovery, "Commit", "DHPart1", "DHPart2", *confirmation]
    assert steps(SCENES["multistream"]) == [*discovery, "Commit", *confirmation]
    assert steps(SCENES["preshared"]) == [*discovery, "Commit", *confirmation]
    assert steps(SCENES["goclear"]) == ["GoClear", "ClearACK"]
    assert steps(SCENES["sasrelay"]) == ["SASrelay", "RelayACK"]
    modes = {name: before(make, 5).receiver.mode for name, make in SCENES.items() if name in HANDSHAKES}
    assert modes["kem"] is Mode.KEM and modes["preshared"] is Mode.PRESHARED
    assert modes["multistream"] is Mode.MULTISTREAM and modes["dh-finite-field"] is Mode.DH


def test_a_snapshot_sees_every_trace_and_no_counter() -> None:
    scene = before(SCENES["preshared"], 5)
    stream = scene.receiver
    state = snapshot(stream)
    stream.counters["something"] += 1
    stream.datagrams_to_send()
    assert not difference(state, snapshot(stream))
    exchange = core_of(stream).exchange
    assert exchange is not None and exchange.derived is not None
    exchange.keys.mackeyi.wipe()
    core_of(stream).call.members.append(core_of(stream))
    changed = difference(state, snapshot(stream))
    for part in ("exchange.derived.box.keys.mackeyi", "call.members"):
        assert any(path.startswith(f"stream._core.{part}") for path in changed), changed


@pytest.mark.attack("PAR-05")
@pytest.mark.attack("NET-12")
@pytest.mark.rfc("R-5-13")
@pytest.mark.parametrize("stride", [127, pytest.param(1, marks=pytest.mark.long)])
@EVERY_SCENE
def test_damage_on_the_way_has_no_effect(name: str, stride: int) -> None:
    """Every so many bits and truncations, in the long tests all, the CRC left: no answer, no event, no trace."""
    make = SCENES[name]
    for step, kind in enumerate(steps(make)):
        count = refuse_all(make, step, damages(stride))
        assert count >= 28 * 9 // stride, kind


@pytest.mark.attack("PAR-01")
@pytest.mark.attack("PAR-02")
@pytest.mark.parametrize("stride", [389, pytest.param(3, marks=pytest.mark.long)])
@EVERY_SCENE
def test_truncations_with_a_right_crc_have_no_lasting_effect(name: str, stride: int) -> None:
    make = SCENES[name]
    for step, kind in enumerate(steps(make)):
        report = tamper(make, step, truncations(stride))
        assert set(report.in_place) <= {"refused", "answered"}, kind


def check_flips(name: str, sample: int, all_of_first: int = 0) -> Counter[str]:
    """Flip bits of every message of a scene, and check what went unnoticed; returns how many had which effect.

    Of so many octets at the beginning of each datagram every bit is flipped, of the rest a sample.
    """
    make = SCENES[name]
    effects: Counter[str] = Counter()
    for step, kind in enumerate(steps(make)):
        report = tamper(make, step, flips(sample, all_of_first=all_of_first))
        assert report.matters
        check(report, kind, f"step {step}, {kind}")
        effects += report.in_place
    return effects


@pytest.mark.attack("PAR-04")
@pytest.mark.attack("CNF-03")
@pytest.mark.rfc("R-5-04", "R-5-08", "R-8.1.1-02", "R-8.1.1-03", "R-9-05", "R-9-07")
@EVERY_SCENE
def test_flipped_bits_with_a_right_crc_are_found_out(name: str) -> None:
    assert check_flips(name, 3 * SAMPLE if name in LONGEST else SAMPLE)["refused"]


@pytest.mark.long
@EVERY_SCENE
def test_every_flipped_bit_with_a_right_crc_is_found_out(name: str) -> None:
    every_bit_that_may_differ = 4 if name == "kem-in-fragments" else 0
    effects = check_flips(name, 3 if name in LONGEST else 1, every_bit_that_may_differ)
    assert effects["refused"] > 100, effects


@pytest.mark.attack("CHN-13")
@pytest.mark.parametrize("sample", [SAMPLE // 2, pytest.param(LARGER_SAMPLE, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", HANDSHAKES)
def test_a_changed_hello_in_front_of_the_good_one_does_not_stop_the_responder(name: str, sample: int) -> None:
    """The Commit continues the hash chain of the good Hello, and so selects it."""
    report = tamper(SCENES[name], 0, flips(sample))
    assert set(report.in_front) == {"refused", "recovered"}


# Recorded messages of real peers

PLAYED = [transcript for transcript in transcripts() if not missing_algorithms(transcript)]


def expected(transcript: Transcript, role: Role) -> Material:
    """The recorded keys as that end uses them."""
    expect = transcript.expect
    initiator, responder = (expect.srtpkeyi, expect.srtpsalti), (expect.srtpkeyr, expect.srtpsaltr)
    return (*initiator, *responder) if role is Role.INITIATOR else (*responder, *initiator)


def recording(transcript: Transcript, role: Role) -> Callable[[], Scene]:
    """The engine in that role, against the recording."""
    return lambda: Solo(Replay(transcript, role), expected(transcript, role))


def one_of_each() -> list[tuple[Transcript, Role]]:
    """For each mode and each software at the other end one recording, the one with the smallest messages."""
    chosen: dict[tuple[str, str, Role], Transcript] = {}
    for transcript in sorted(PLAYED, key=lambda one: (len(one.messages.dhpart1 or b""), str(one))):
        for role in Role:
            software = transcript.software[role is Role.INITIATOR].split()[0]
            chosen.setdefault((transcript.mode, software, role), transcript)
    return [(transcript, role) for (_, _, role), transcript in chosen.items()]


def check_recording(transcript: Transcript, role: Role, sample: int) -> None:
    """Change what the engine receives in this role, message by message."""
    make = recording(transcript, role)
    for step, inbound in enumerate(exchange_of(Replay(transcript, role))):
        where = f"{inbound.kind.name} to the {role.value} of {transcript}"
        refuse_all(make, step, damages(sample))
        cut = tamper(make, step, truncations(sample))
        assert not (cut.matters and cut.unnoticed), where
        report = tamper(make, step, flips(sample))
        anybodys = step == 0 and inbound.kind is Kind.HELLO_ACK  # nobody has introduced himself yet
        if report.matters and not anybodys:  # unlike a Commit that lost the contention, or a late HelloACK
            check(report, described(inbound.datagram), where)


ONE_OF_EACH = one_of_each()


@pytest.mark.attack("PAR-04")
@pytest.mark.attack("PAR-05")
@pytest.mark.rfc("R-5-04", "R-5-08", "R-8.1.1-02", "R-8.1.1-03", "R-9-05", "R-9-07")
@pytest.mark.parametrize(("transcript", "role"), a_tenth_by_default(ONE_OF_EACH))
def test_changed_messages_of_real_peers(transcript: Transcript, role: Role) -> None:
    check_recording(transcript, role, 4 * LARGER_SAMPLE)


@pytest.mark.long
@pytest.mark.parametrize("transcript", PLAYED, ids=str)
def test_changed_messages_of_every_recording(transcript: Transcript) -> None:
    for role in Role:
        check_recording(transcript, role, LARGER_SAMPLE)
