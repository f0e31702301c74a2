"""The rules that real peers impose on an engine, I-01 to I-50: each has a test here that names it, without any peer.

What a rule is about is in the test's name; which peers need it, and why, is in `zrtp.protocol.compatibility` where the
RFC does not say it anyway. The same rules are at work in the tests with real peers.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.conformance.marks import marked_tests
from tests.interop import specimens
from tests.support.actor import FAST, WAITING, Actor, alone, kinds, only
from tests.support.cases import every
from tests.support.inside import call_of, core_of
from tests.support.pair import BOB_SSRC, Clock, Netem, Pair, Side, same_keys
from tests.support.wire import hello as any_hello
from tests.support.wire import reseal
from zrtp.cache.memory import MemoryCache
from zrtp.crypto import passphrase
from zrtp.crypto.hashes import sha256
from zrtp.crypto.registry import DEFAULT
from zrtp.crypto.sas import B256
from zrtp.errors import ErrorCode
from zrtp.media import sdp
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.rtp import Packetizer
from zrtp.media.secure import SecureCall
from zrtp.protocol.config import Config
from zrtp.protocol.confirm import seal_sas_relay
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    Continuity,
    Failed,
    KeysReady,
    Mode,
    NoPeer,
    PeerDetected,
    PongReceived,
    SasRelayed,
    SecurityWarning,
    Sending,
    WarningCode,
)
from zrtp.protocol.hash_chain import message_mac
from zrtp.protocol.negotiation import Offer, choose_key_agreement, choose_suite
from zrtp.protocol.retained_secrets import KnownSecrets
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.crc import crc32c
from zrtp.wire.messages import (
    CONF2ACK,
    ERROR_ACK,
    HELLO_ACK,
    Commit,
    Conf2ACK,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    GoClear,
    Hello,
    HelloACK,
    Kind,
    Ping,
    PingACK,
    RelayACK,
    SASrelay,
    SASrelayPlain,
    parse,
)
from zrtp.wire.packet import Fragment, decode_packet

PASSIVE = replace(FAST, passive=True)


def state(side: Side) -> State:
    return side.stream.state


def committing(side: Side, actor: Actor) -> Commit:
    """The Commit that a stream sends after discovery."""
    (commit,) = [message for message in actor.discover() if isinstance(message, Commit)]
    assert state(side) is State.COMMIT_SENT
    return commit


def losing(actor: Actor, ours: Commit) -> Commit:
    """A Commit of the actor whose hvi is below that of ours."""
    while True:
        theirs = actor.commit()
        if (theirs.hvi or b"") < (ours.hvi or b""):
            return theirs
        actor.own_dhpart2 = actor.share = None


def bobs(change: Callable[[bytes], bytes]) -> Callable[[str, bytes], bytes]:
    """A network filter that changes what Bob sends, and puts the checksum right again."""
    return lambda sender, datagram: reseal(change(datagram)) if sender == "bob" else datagram


def words(datagram: bytes) -> int:
    return int.from_bytes(datagram[14:16], "big")


# The frame of a packet.


@pytest.mark.interop("I-01")
def test_packets_begin_with_10_00_and_fragments_with_11_00() -> None:
    assert {datagram[:2] for datagram in specimens.all_datagrams()} == {b"\x10\x00"}
    kem = Config(key_agreements=(b"MLK3", b"Mult"), mtu=600)
    pair = Pair(kem, kem).run()
    assert pair.secure
    assert {datagram[:2] for _, _, datagram in pair.network.log} == {b"\x10\x00", b"\x11\x00"}


@pytest.mark.interop("I-01")
@every("bits", [b"\x10\x01", b"\x10\xff", b"\x1f\xff", b"\x18\x00", b"\x11\x00"])
def test_the_twelve_unused_bits_of_a_received_packet_are_ignored(bits: bytes) -> None:
    pair = Pair(FAST, FAST)
    pair.network.filter = bobs(lambda datagram: bits + datagram[2:])
    pair.run()
    assert pair.secure
    assert pair.keys_agree


@pytest.mark.interop("I-02")
@every("seed", range(10))
def test_sequence_numbers_begin_low_and_count_every_packet(seed: int) -> None:
    pair = Pair(FAST, FAST, net=Netem(loss=0.3, seed=seed), seed=seed).run()
    for name in ("alice", "bob"):
        numbers = [int.from_bytes(datagram[2:4], "big") for _, sender, datagram in pair.network.log if sender == name]
        assert 1 <= numbers[0] <= 0x0FFF
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


@pytest.mark.interop("I-03")
@pytest.mark.parametrize("order", ["always 0", "falling", "wrapping", "random"])
def test_no_received_sequence_number_is_wrong(order: str) -> None:
    dice = random.Random(1)
    numbers = {
        "always 0": itertools.repeat(0),
        "falling": itertools.count(40000, -1),
        "wrapping": itertools.count(65534),
        "random": (dice.randrange(65536) for _ in itertools.count()),
    }[order]
    pair = Pair(FAST, FAST)
    pair.network.filter = bobs(lambda datagram: datagram[:2] + (next(numbers) % 65536).to_bytes(2) + datagram[4:])
    pair.run()
    assert pair.secure


@pytest.mark.interop("I-04")
def test_the_checksum_is_last_and_has_its_least_significant_octet_first() -> None:
    for datagram in specimens.all_datagrams():
        assert len(datagram) == 12 + 4 * words(datagram) + 4
        assert datagram[-4:] == crc32c(datagram[:-4]).to_bytes(4, "little")


@pytest.mark.interop("I-46")
def test_type_blocks_and_lengths_are_exact() -> None:
    fixed = {
        Kind.HELLO_ACK: 3,
        Kind.CONF2ACK: 3,
        Kind.ERROR: 4,
        Kind.ERROR_ACK: 3,
        Kind.GOCLEAR: 5,
        Kind.CLEAR_ACK: 3,
        Kind.RELAY_ACK: 3,
        Kind.PING: 6,
        Kind.PING_ACK: 9,
        Kind.CONFIRM1: 19,
        Kind.CONFIRM2: 19,
        Kind.SASRELAY: 19,
    }
    seen = set()
    for datagram in specimens.all_datagrams():
        kind = Kind(datagram[16:24])
        seen.add(kind)
        assert words(datagram) == fixed.get(kind, words(datagram))
        assert parse(datagram[12:-4]).raw == datagram[12:-4]
    assert seen == set(Kind)


# Hello.


@pytest.mark.interop("I-05")
def test_the_version_is_1_10() -> None:
    assert core_of(Pair().alice.stream).hello.version == b"1.10"


@pytest.mark.interop("I-06")
@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(
            hashes=(b"S384",),
            ciphers=(b"AES3",),
            auth_tags=(b"GCM ",),
            key_agreements=(b"EC38",),
            sas_types=(b"B256",),
        ),
        Config(key_agreements=(b"MLK1", b"MLK2", b"MLK3", b"X448", b"X255", b"EC25", b"EC38")),
    ],
    ids=["default", "one of each", "seven"],
)
def test_what_is_mandatory_is_listed_explicitly_and_no_list_is_too_long(config: Config) -> None:
    hello = core_of(Pair(config).alice.stream).hello
    assert b"S256" in hello.hashes
    assert b"AES1" in hello.ciphers
    assert {b"HS80", b"HS32"} <= set(hello.auth_tags)
    assert {b"DH3k", b"Mult"} <= set(hello.key_agreements)
    assert b"B32 " in hello.sas_types
    lists = (hello.hashes, hello.ciphers, hello.auth_tags, hello.key_agreements, hello.sas_types)
    assert max(map(len, lists)) <= 7


@pytest.mark.interop("I-07")
def test_the_s_flag_is_not_set() -> None:
    assert not core_of(Pair().alice.stream).hello.signature_capable


@pytest.mark.interop("I-08")
@pytest.mark.parametrize("flags", [0x80, 0xA0], ids=["phone", "server"])
@pytest.mark.parametrize("who_commits", ["alice", "bob"])
def test_a_reserved_bit_in_hello_is_ignored_and_hashed_with_the_rest(flags: int, who_commits: str) -> None:
    pair = Pair(*((FAST, PASSIVE) if who_commits == "alice" else (PASSIVE, FAST)))
    stream = pair.bob.stream
    raw = bytearray(core_of(stream).hello.raw)
    raw[76] |= flags
    raw[-8:] = message_mac(core_of(stream).chain.h2, bytes(raw[:-8]))
    hello = parse(bytes(raw))
    assert isinstance(hello, Hello)
    core_of(stream).own.hello = core_of(stream).hello = hello
    pair.run()
    assert pair.secure
    assert pair.keys_agree


@pytest.mark.interop("I-44")
@pytest.mark.parametrize("client_id", [b"BZRTPv1.1\0\0\0\0\0\0\0", b"GNU ZRTP 4.6.4  ", bytes(16), b"\xff" * 16])
def test_a_client_id_is_sixteen_octets_of_anything(client_id: bytes) -> None:
    bob = alone()
    actor = Actor(bob.stream)
    commit = [m for m in actor.send(actor.hello(client_id=client_id), HELLO_ACK) if isinstance(m, Commit)]
    assert len(commit) == 1
    (event,) = bob.seen(PeerDetected)
    assert event.client_id == client_id


# Discovery and Commit.


@pytest.mark.interop("I-09")
def test_every_hello_is_acknowledged_at_once_in_every_state() -> None:
    """The state of a whole call, and every other one by its first and its repeated Hello."""
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    states = []

    def greeted() -> bool:
        states.append(state(bob))
        return any(isinstance(message, HelloACK) for message in actor.send(actor.own_hello))

    actor.listen()
    assert greeted()
    actor.send(HELLO_ACK)
    assert greeted()
    actor.take_dhpart1(only(actor.send(actor.commit()), DHPart1))
    assert greeted()
    only(actor.send(actor.dhpart2()), Confirm1)
    assert greeted()
    only(actor.send(actor.confirm()), Conf2ACK)
    assert greeted()
    assert states == [
        State.HELLO_SENT,
        State.DISCOVERED,
        State.DHPART1_SENT,
        State.CONFIRM1_SENT,
        State.SECURE,
    ]


@pytest.mark.interop("I-09")
def test_every_hello_is_acknowledged_at_once_by_an_initiator_and_after_a_failure() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    commit = committing(bob, actor)
    assert HELLO_ACK in actor.send(actor.own_hello)
    actor.take_dhpart2(only(actor.send(actor.dhpart1(commit)), DHPart2))
    assert HELLO_ACK in actor.send(actor.own_hello)
    only(actor.send(actor.confirm()), Confirm2)
    assert HELLO_ACK in actor.send(actor.own_hello)
    actor.wait(30)
    assert state(bob) is State.FAILED
    assert HELLO_ACK in actor.send(actor.own_hello)


@pytest.mark.interop("I-09")
def test_hello_is_acknowledged_before_our_commit_leaves() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.listen()
    assert kinds(actor.send(HELLO_ACK, actor.own_hello)) == [Kind.HELLO_ACK, Kind.COMMIT]


@pytest.mark.interop("I-10")
def test_a_commit_acknowledges_our_hello() -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.send(actor.own_hello)
    assert state(bob) is State.HELLO_RECEIVED
    actor.initiate()
    assert state(bob) is State.SECURE
    assert not [message for _, message in actor.wait(30) if isinstance(message, Hello)]


@pytest.mark.interop("I-11")
def test_our_hello_goes_out_before_the_acknowledgement_of_a_late_one() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.wait(20)
    assert state(bob) is State.QUIET
    assert kinds(actor.send(actor.own_hello)) == [Kind.HELLO, Kind.HELLO_ACK]


@pytest.mark.interop("I-12")
def test_we_commit_as_soon_as_both_hellos_are_through_unless_passive() -> None:
    for order in ((Actor.hello, None), (None, Actor.hello)):
        bob = alone()
        actor = Actor(bob.stream)
        sent = actor.send(*(HELLO_ACK if step is None else actor.own_hello for step in order))
        assert Kind.COMMIT in kinds(sent)
    bob = alone(PASSIVE)
    actor = Actor(bob.stream)
    assert Kind.COMMIT not in kinds(actor.discover())
    assert Kind.COMMIT not in kinds([message for _, message in actor.wait(20)])


@pytest.mark.interop("I-13")
@every("seed", range(20))
def test_commits_that_cross_are_the_normal_case(seed: int) -> None:
    pair = Pair(FAST, FAST, net=Netem(loss=0.2, duplicate=0.3, jitter=0.3, seed=seed), seed=seed).run()
    assert pair.secure
    assert pair.keys_agree


@pytest.mark.interop("I-13")
def test_the_winner_of_a_contention_goes_on_repeating_and_ignores_late_copies_of_the_loser() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    ours = committing(bob, actor)
    loser = losing(actor, ours)
    sent = []
    for _ in range(3):
        assert actor.send(loser) == []
        sent += [message for _, message in actor.wait(0.1)]
    assert sent == [ours] * 2
    actor.answer(ours)
    assert state(bob) is State.SECURE
    assert actor.send(loser) == []


@pytest.mark.interop("I-13")
def test_a_peer_that_never_yields_because_the_codes_differ_is_yielded_to() -> None:
    both = Config(key_agreements=(b"X255", b"EC25", b"Mult"))
    bob = alone(both)
    actor = Actor(bob.stream, config=both)
    actor.suite = replace(actor.suite, key_agreement=b"EC25")
    ours = committing(bob, actor)
    assert ours.key_agreement == b"X255"
    theirs = losing(actor, ours)
    assert actor.send(theirs) == []
    actor.wait(0.5)
    dhpart1 = only(actor.send(theirs), DHPart1)
    actor.take_dhpart1(dhpart1)
    only(actor.send(actor.dhpart2()), Confirm1)
    only(actor.send(actor.confirm()), Conf2ACK)
    assert state(bob) is State.SECURE


@pytest.mark.interop("I-14")
@every(
    ("ours", "theirs", "chosen"),
    [
        ("X255 EC25 X448 DH3k", "X255 X448 DH3k DH2k", "X255"),
        ("X255 EC25 X448 DH3k", "EC25 DH3k EC38 DH2k", "EC25"),
        ("X255 EC25 X448 DH3k", "DH3k", "DH3k"),
        ("X448 X255 DH3k", "DH3k X448 X255", "X448"),
        ("DH3k X255", "X255 DH3k", "X255"),
        ("EC38 DH3k DH2k", "DH3k DH2k EC38", "DH3k"),
        ("MLK1 X255 DH3k", "X255 MLK1 DH3k", "X255"),
        ("MLK1 X255 DH3k", "MLK1 X255 DH3k", "MLK1"),
        ("EC25", "X448", None),
    ],
)
def test_both_sides_compute_the_same_key_agreement(ours: str, theirs: str, chosen: str | None) -> None:
    def rank(code: bytes) -> int:
        return DEFAULT.key_agreements[code].rank

    first, second = ([name.encode() for name in names.split()] for names in (ours, theirs))
    assert choose_key_agreement(first, second, rank) == (None if chosen is None else chosen.encode())
    if chosen is not None:
        assert choose_key_agreement(second, first, rank) == chosen.encode()


@pytest.mark.interop("I-14")
def test_the_computed_key_agreement_is_what_is_committed() -> None:
    for ours, theirs in itertools.product(itertools.permutations((b"X255", b"EC25", b"DH3k")), repeat=2):
        bob = alone(Config(key_agreements=(*ours, b"Mult")))
        actor = Actor(bob.stream, config=Config(key_agreements=(*theirs, b"Mult")))
        expected = choose_key_agreement(ours, theirs, lambda code: DEFAULT.key_agreements[code].rank)
        assert committing(bob, actor).key_agreement == expected


@pytest.mark.interop("I-15")
@pytest.mark.parametrize("listed", [(b"S256", b"S384"), (b"S384", b"S256"), (b"N256", b"S384", b"S256")])
def test_we_commit_the_first_hash_of_the_peers_list_that_we_have(listed: tuple[bytes, ...]) -> None:
    bob = alone(replace(FAST, hashes=(b"S256", b"S384")))
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(hashes=listed)
    assert committing(bob, actor).hash == next(code for code in listed if code.startswith(b"S"))


@pytest.mark.interop("I-16")
@pytest.mark.parametrize(
    ("hash_", "cipher", "auth_tag", "sas"),
    [(b"S256", b"AES1", tag, b"B32 ") for tag in (b"HS80", b"HS32")],
)
def test_a_commit_to_mandatory_algorithms_is_accepted_although_we_configured_others(
    hash_: bytes, cipher: bytes, auth_tag: bytes, sas: bytes
) -> None:
    others = replace(WAITING, hashes=(b"S384",), ciphers=(b"AES3",), auth_tags=(b"GCM ",), sas_types=(b"B256",))
    bob = alone(others)
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(hashes=(), ciphers=(), auth_tags=(), sas_types=())
    actor.suite = replace(actor.suite, hash=hash_, cipher=cipher, auth_tag=auth_tag, sas=sas)
    actor.discover()
    actor.initiate()
    assert state(bob) is State.SECURE


@pytest.mark.interop("I-17")
@pytest.mark.parametrize(
    ("key_agreement", "hash_", "cipher"), [(b"DH2k", b"S256", b"AES1"), (b"EC38", b"S384", b"AES3")]
)
def test_dh2k_goes_with_aes1_and_ec38_with_s384(key_agreement: bytes, hash_: bytes, cipher: bytes) -> None:
    config = Config(key_agreements=(key_agreement,), ciphers=(b"AES3", b"AES1"))
    suite = choose_suite(config, Offer(config), any_hello(key_agreements=(key_agreement,), ciphers=(b"AES3", b"AES1")))
    assert (suite.key_agreement, suite.hash, suite.cipher) == (key_agreement, hash_, cipher)


@pytest.mark.interop("I-18")
def test_the_default_offer_has_a_fast_key_agreement_for_every_peer() -> None:
    offered = core_of(Pair().alice.stream).hello.key_agreements
    assert {b"X255", b"EC25", b"DH3k"} <= set(offered)
    assert not {b"E255", b"EC52"} & set(offered)


@pytest.mark.interop("I-19")
def test_hs80_is_taken_when_a_peer_prefers_hs32() -> None:
    bob = alone(replace(FAST, auth_tags=(b"HS32", b"HS80")))
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(auth_tags=(b"HS32", b"HS80"))
    assert committing(bob, actor).auth_tag == b"HS80"


@pytest.mark.interop("I-19")
@pytest.mark.parametrize("who_commits", ["we", "they", "both"])
def test_a_peer_that_lists_hs32_alone_gets_it_whoever_commits(who_commits: str) -> None:
    """As libzrtp does by default; it answers HS80 with Error 0x54, also in a Commit that lost the contention."""
    alone_32 = Config(key_agreements=(b"EC25", b"DH3k", b"Mult"), auth_tags=(b"HS32",), mandatory_always=False)
    pair = Pair(
        Config(passive=who_commits == "they"),
        replace(alone_32, hashes=(b"S256",), passive=who_commits == "we"),
    ).run()
    assert pair.secure
    assert pair.keys_agree
    commits = [parse(datagram[12:-4]) for _, _, datagram in pair.network.log if datagram[16:24] == Kind.COMMIT.value]
    assert {commit.auth_tag for commit in commits if isinstance(commit, Commit)} == {b"HS32"}
    assert pair.alice.keys().send.auth_tag == b"HS32"


@pytest.mark.interop("I-20")
def test_preshared_mode_needs_a_peer_that_lists_it() -> None:
    assert b"Prsh" not in core_of(Pair().alice.stream).hello.key_agreements
    offering = replace(FAST, preshared=True)
    caches = MemoryCache(), MemoryCache()
    modes = []
    for bob in (offering, offering, FAST):
        pair = Pair(offering, bob, alice_cache=caches[0], bob_cache=caches[1]).run()
        assert pair.secure
        modes.append(pair.alice.stream.mode)
        for side in pair.sides:
            side.session.sas_matched()
    assert modes == [Mode.DH, Mode.PRESHARED, Mode.DH]


# Further streams.


@pytest.mark.interop("I-21")
def test_multistream_waits_until_the_first_stream_is_secure() -> None:
    bob = alone()
    first = Actor(bob.stream)
    ours = committing(bob, first)
    stream = bob.session.add_stream(BOB_SSRC + 1)
    stream.start(0.0)
    second = Actor(stream, ssrc=0x0AC70001, seed=78, zid=first.zid)
    assert Kind.COMMIT not in kinds(second.discover())
    first.answer(ours)
    (commit,) = [message for _, message in second.wait(1.0) if isinstance(message, Commit)][:1]
    assert (commit.key_agreement, commit.zid) == (b"Mult", ours.zid)
    assert (commit.hash, commit.cipher, commit.auth_tag) == (ours.hash, ours.cipher, ours.auth_tag)


@pytest.mark.interop("I-21")
def test_a_peer_that_does_not_list_multistream_gets_no_such_commit() -> None:
    bob = alone()
    first = Actor(bob.stream)
    first.answer(committing(bob, first))
    stream = bob.session.add_stream(BOB_SSRC + 1)
    stream.start(0.0)
    second = Actor(stream, ssrc=0x0AC70001, seed=78, zid=first.zid)
    second.own_hello = second.hello(key_agreements=(b"X255",))
    assert Kind.COMMIT not in kinds(second.discover())
    assert WarningCode.MULTISTREAM_REFUSED in [event.code for event in bob.seen(SecurityWarning)]
    assert state(bob) is State.SECURE


@pytest.mark.interop("I-22")
def test_a_third_stream_that_the_peer_does_not_take_fails_alone() -> None:
    pair = Pair(FAST, FAST).run()
    second, _ = pair.add_streams(3, 4)
    pair.run()
    third = pair.alice.session.add_stream(5)
    pair.network.connect("alice", third, "nobody", Endpoint(FAST).session().add_stream(6))
    third.start(pair.network.now)
    pair.run(until=60)
    assert (pair.alice.stream.state, second.state, third.state) == (State.SECURE, State.SECURE, State.QUIET)
    (event,) = pair.alice.seen(NoPeer)
    assert event.ssrc == 5


@pytest.mark.interop("I-23")
def test_flags_of_the_first_stream_are_repeated_on_further_ones_and_received_ones_are_ignored() -> None:
    caches = MemoryCache(), MemoryCache()
    for _ in range(2):
        pair = Pair(FAST, FAST, alice_cache=caches[0], bob_cache=caches[1]).run()
        for side in pair.sides:
            side.session.sas_matched()
    zrtpsess = call_of(pair.alice.session).zrtpsess
    assert zrtpsess is not None
    stream = pair.alice.session.add_stream(7)
    stream.start(pair.network.now)
    actor = Actor(
        stream, zid=call_of(pair.bob.session).zid, suite=call_of(pair.alice.session).suite or Actor(stream).suite
    )
    (commit,) = [message for message in actor.discover() if isinstance(message, Commit)]
    actor.take_multistream_commit(commit, zrtpsess)
    confirm2 = only(actor.send(actor.confirm(verified=False)), Confirm2)
    assert actor.open(confirm2).verified
    actor.send(CONF2ACK)
    assert stream.state is State.SECURE
    assert pair.alice.session.peer.verified


# The end of the exchange.


@pytest.mark.interop("I-24")
@pytest.mark.interop("I-27")
def test_a_repeated_confirm2_is_answered_when_srtp_flows_already() -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.discover()
    actor.take_dhpart1(only(actor.send(actor.commit()), DHPart1))
    only(actor.send(actor.dhpart2()), Confirm1)
    confirm2 = actor.confirm()
    for _ in range(5):
        only(actor.send(confirm2), Conf2ACK)
        assert bob.stream.sending is Sending.SRTP
    assert len(bob.seen(KeysReady)) == 1


@pytest.mark.interop("I-27")
def test_repeated_messages_are_answered_octet_for_octet_also_when_secure() -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.discover()
    dhpart1 = only(actor.send(actor.commit()), DHPart1)
    actor.take_dhpart1(dhpart1)
    assert actor.own_commit is not None
    assert actor.send(actor.own_commit) == [dhpart1]
    confirm1 = only(actor.send(actor.dhpart2()), Confirm1)
    assert actor.send(actor.own_commit, actor.dhpart2()) == [dhpart1, confirm1]
    confirm2 = actor.confirm()
    actor.send(confirm2)
    assert state(bob) is State.SECURE
    assert actor.send(actor.own_commit, actor.dhpart2(), confirm2) == [dhpart1, confirm1, CONF2ACK]


@pytest.mark.interop("I-25")
@pytest.mark.parametrize("end", ["Conf2ACK", "SRTP"])
def test_conf2ack_or_valid_srtp_ends_the_exchange(end: str) -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.take_dhpart2(only(actor.send(actor.dhpart1(committing(bob, actor))), DHPart2))
    only(actor.send(actor.confirm()), Confirm2)
    assert state(bob) is State.CONFIRM2_SENT
    if end == "Conf2ACK":
        actor.send(CONF2ACK)
    else:
        bob.stream.srtp_verified(actor.now)
    assert state(bob) is State.SECURE
    assert actor.wait(30) == []


@pytest.mark.interop("I-26")
def test_keys_to_receive_with_are_there_before_confirm2_leaves() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.take_dhpart2(only(actor.send(actor.dhpart1(committing(bob, actor))), DHPart2))
    bob.stream.receive_datagram(actor.packet(actor.confirm().raw), actor.now)
    assert len(bob.seen(KeysReady)) == 1
    assert kinds(actor.listen()) == [Kind.CONFIRM2]
    assert bob.stream.sending is Sending.BLOCKED


@pytest.mark.interop("I-26")
def test_a_late_plain_packet_is_dropped_and_ends_nothing() -> None:
    endpoint = Endpoint(FAST)
    call = SecureCall(endpoint.session())
    media = call.add_stream(1)
    media.start(0.0)
    actor = Actor(media.stream)
    (commit,) = [message for message in actor.discover() if isinstance(message, Commit)]
    actor.answer(commit)
    call.settle()
    assert media.datagram_received(Packetizer(2).packet(bytes(160)).encode(), actor.now) == []
    assert media.stream.state is State.SECURE
    assert media.counters.rejected == 1


@pytest.mark.interop("I-28")
def test_no_error_is_waited_for_and_ours_ends_by_itself() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.take_dhpart2(only(actor.send(actor.dhpart1(committing(bob, actor))), DHPart2))
    only(actor.send(actor.confirm()), Confirm2)
    sent = [message for _, message in actor.wait(60)]
    assert state(bob) is State.FAILED
    assert 1 <= kinds(sent).count(Kind.ERROR) <= 11
    assert bob.stream.next_timer() is None


@pytest.mark.interop("I-28")
def test_an_error_that_is_acknowledged_three_times_is_still_one_error() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.take_dhpart2(only(actor.send(actor.dhpart1(committing(bob, actor))), DHPart2))
    only(actor.send(actor.confirm()), Confirm2)
    while state(bob) is State.CONFIRM2_SENT:
        actor.wait(1)
    assert state(bob) is State.FAILED
    for _ in range(3):
        assert actor.send(ERROR_ACK) == []
    assert actor.wait(30) == []
    assert len(bob.seen(Failed)) == 1


@pytest.mark.interop("I-29")
@pytest.mark.parametrize("late", ["Hello", "Commit"])
def test_a_late_hello_or_commit_starts_everything_again(late: str) -> None:
    bob = alone() if late == "Hello" else alone(PASSIVE)
    actor = Actor(bob.stream)
    if late == "Commit":
        actor.discover()
    actor.wait(20)
    assert state(bob) is State.QUIET
    if late == "Hello":
        actor.send(actor.own_hello)
        (commit,) = [message for message in actor.send(HELLO_ACK) if isinstance(message, Commit)]
        actor.answer(commit)
    else:
        actor.initiate()
    assert state(bob) is State.SECURE


@pytest.mark.interop("I-30")
@pytest.mark.parametrize(
    ("ours", "theirs", "kept"),
    [(0xFFFFFFFF, 2592000, 2592000), (3600, 0xFFFFFFFF, 3600), (0xFFFFFFFF, 0xFFFFFFFF, None), (1, 2, 1)],
)
def test_the_smaller_cache_interval_counts(ours: int, theirs: int, kept: int | None) -> None:
    clock, cache = Clock(), MemoryCache()
    bob = alone(replace(WAITING, cache_interval=ours), cache, clock=clock)
    actor = Actor(bob.stream)
    actor.discover()
    actor.initiate(cache_interval=theirs)
    (entry,) = cache.peers()
    assert entry.record.rs1_expires == (None if kept is None else clock.now + kept)


@pytest.mark.interop("I-30")
def test_an_interval_of_zero_stores_nothing() -> None:
    cache = MemoryCache()
    bob = alone(WAITING, cache)
    actor = Actor(bob.stream)
    actor.discover()
    actor.initiate(cache_interval=0)
    assert state(bob) is State.SECURE
    assert cache.peers() == []


@pytest.mark.interop("I-31")
def test_a_mismatch_asks_for_a_comparison_and_calls_nobody_an_attacker() -> None:
    cache = MemoryCache()
    for _ in range(2):
        bob = alone(FAST, cache)
        actor = Actor(bob.stream)  # the same ZID both times, and nothing kept from the first
        actor.answer(committing(bob, actor))
        bob.stream.srtp_verified(1.0)
    assert bob.session.continuity is Continuity.MISMATCH
    (warning,) = [event for event in bob.seen(SecurityWarning) if event.code is WarningCode.CACHE_MISMATCH]
    assert "Compare the words" in warning.text
    assert "attack" not in warning.text.lower()


@pytest.mark.interop("I-32")
def test_an_auxsecret_from_a_passphrase_has_32_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zrtp.crypto.passphrase._COST", 2)
    assert len(passphrase.auxsecret("correct horse battery staple")) == 32


# Media and signalling.


@pytest.mark.interop("I-33")
def test_protocols_on_one_port_are_told_apart() -> None:
    stun = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
    dtls = b"\x16\xfe\xfd" + bytes(20)
    rtp = b"\x80\x00" + bytes(170)
    rtcp = b"\x80\xc8" + bytes(26)
    found = [classify(datagram) for datagram in (stun, dtls, rtp, rtcp, *specimens.call_that_fails())]
    assert found[:4] == [DatagramKind.STUN, DatagramKind.DTLS, DatagramKind.RTP, DatagramKind.RTCP]
    assert set(found[4:]) == {DatagramKind.ZRTP}


@pytest.mark.interop("I-35")
def test_each_media_section_gets_exactly_one_zrtp_hash_or_none() -> None:
    hash_ = Pair().alice.stream.hello_hash
    text = "v=0\r\na=zrtp-hash:1.10 00\r\nm=audio 1 RTP/AVP 0\r\na=zrtp-hash:1.10 11\r\nm=video 3 RTP/AVP 96\r\n"
    lines = sdp.add_zrtp_hash(text, [hash_, None]).split("\r\n")
    assert [line for line in lines if "zrtp-hash" in line] == [f"a=zrtp-hash:{hash_}"]


@pytest.mark.interop("I-36")
@every(
    ("value", "understood"),
    [
        ("1.10 " + "ab" * 32, True),
        ("1.10 " + "AB" * 32, True),
        ("1.10" + "ab" * 32, True),
        ("", False),
        ("1.10 ab", False),
    ],
)
def test_zrtp_hash_is_read_leniently(value: str, understood: bool) -> None:
    (found,) = sdp.media_zrtp_hashes(f"v=0\r\nm=audio 1 RTP/AVP 0\r\na=zrtp-hash:{value}\r\n")
    assert [item.hash for item in found] == ([bytes.fromhex("ab" * 32)] if understood else [])


# GoClear, SASrelay, passive peers, Ping.


@pytest.mark.interop("I-37")
def test_goclear_is_refused_by_default_and_changes_nothing() -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.discover()
    assert not actor.initiate(allow_clear=True).allow_clear
    assert actor.keys is not None
    mac = actor.context.hash.mac(actor.keys.mackeyi.octets, b"GoClear ")[:8]
    error = only(actor.send(GoClear.make(clear_mac=mac)), Error)
    assert error.code == 0x100
    assert (state(bob), bob.stream.sending) == (State.SECURE, Sending.SRTP)


@pytest.mark.interop("I-38")
@pytest.mark.parametrize("mitm", [True, False])
def test_a_server_need_not_relay_and_an_untrusted_relay_is_acknowledged_and_not_shown(mitm: bool) -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(mitm=mitm)
    actor.discover()
    actor.initiate()
    assert state(bob) is State.SECURE
    relay = relayed(actor)
    only(actor.send(relay), RelayACK)
    assert bob.seen(SasRelayed) == []
    assert WarningCode.UNTRUSTED_RELAY in [event.code for event in bob.seen(SecurityWarning)]


def relayed(actor: Actor) -> SASrelay:
    """The SAS of some other leg, sealed with the keys of this one."""
    plain = SASrelayPlain(
        verified=True,
        allow_clear=False,
        disclosure=False,
        sas_type=b"B32 ",
        sashash=bytes(range(32)),
        signature_type=None,
        signature=b"",
    )
    return seal_sas_relay(actor.box, actor.role, plain, actor.random)


@pytest.mark.interop("I-39")
def test_a_passive_peer_gets_our_commit() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(passive=True)
    actor.answer(committing(bob, actor))
    assert state(bob) is State.SECURE


@pytest.mark.interop("I-39")
def test_two_passive_sides_end_in_a_clear_state_with_a_reason() -> None:
    pair = Pair(PASSIVE, PASSIVE).run(until=60)
    for side in pair.sides:
        assert (state(side), side.stream.sending) == (State.QUIET, Sending.CLEAR)
        (event,) = side.seen(NoPeer)
        assert "no initiator" in event.text


@pytest.mark.interop("I-39")
def test_a_peer_that_may_not_serve_us_says_so_by_error_a0() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    committing(bob, actor)
    assert ERROR_ACK in actor.send(Error.make(code=0xA0))
    actor.wait(5)
    (event,) = bob.seen(NoPeer)
    assert "unavailable" in event.text


@pytest.mark.interop("I-40")
@pytest.mark.parametrize("mtu", [600, 1452])
def test_fragments_are_for_kem_messages_above_the_mtu_alone(mtu: int) -> None:
    for agreement in (b"DH3k", b"DH2k", b"X448", b"EC38", b"MLK1", b"MLK3"):
        config = Config(key_agreements=(agreement, b"Mult"), mtu=mtu)
        pair = Pair(config, config).run()
        assert pair.secure
        packets = [decode_packet(datagram) for _, _, datagram in pair.network.log]
        assert max(len(datagram) for _, _, datagram in pair.network.log) <= mtu
        fragments = [packet for packet in packets if isinstance(packet, Fragment)]
        assert bool(fragments) is (agreement == b"MLK3" or (agreement == b"MLK1" and mtu == 600))
        assert all(fragment.message_id >= 1 for fragment in fragments)


@pytest.mark.interop("I-41")
def test_the_salt_for_gcm_has_96_bits_of_its_own() -> None:
    salts = {}
    for tag in (b"HS80", b"GCM "):
        config = replace(FAST, auth_tags=(tag,), mandatory_always=False)
        keys = Pair(config, config, seed=1).run().alice.keys().send
        salts[tag] = bytes(keys.salt.octets)
    assert [len(salt) for salt in salts.values()] == [14, 12]
    bob = alone(replace(WAITING, auth_tags=(b"GCM ",), mandatory_always=False))
    actor = Actor(bob.stream, config=replace(FAST, auth_tags=(b"GCM ",)))
    actor.suite = replace(actor.suite, auth_tag=b"GCM ")
    actor.discover()
    actor.initiate()
    assert actor.keys is not None
    assert same_keys(bob.keys().receive, actor.keys.srtpi)


@pytest.mark.interop("I-42")
def test_a_sas_of_words_is_a_pair_of_words_whatever_stands_between() -> None:
    config = replace(FAST, sas_types=(b"B256",))
    pair = Pair(config, config).run()
    first, second = pair.alice.session.sas, pair.bob.session.sas
    assert first is not None
    assert second is not None
    assert first.words() == second.words()
    assert tuple(B256.render(first.sashash).split(":")) == first.words()


@pytest.mark.interop("I-43")
@pytest.mark.parametrize("situation", ["looking", "secure", "failed"])
def test_ping_is_answered_in_every_state(situation: str) -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.listen()
    if situation == "secure":
        actor.discover()
        actor.initiate()
    elif situation == "failed":
        actor.discover()
        actor.send(actor.commit())
        actor.wait(30)
    before = state(bob)
    reply = only(actor.send(Ping.make(version=b"1.10", endpoint_hash=b"endpoint")), PingACK)
    assert reply.received_endpoint_hash == b"endpoint"
    assert reply.ssrc == actor.ssrc
    assert state(bob) is before


@pytest.mark.interop("I-43")
@pytest.mark.parametrize("version", [b"1.10", b"0.10", b"\xff\xff\xff\xff"])
def test_any_version_in_a_ping_ack_will_do(version: bytes) -> None:
    bob = alone()
    actor = Actor(bob.stream)
    bob.stream.ping(0.0)
    (ping,) = [message for message in actor.listen() if isinstance(message, Ping)]
    reply = PingACK.make(
        version=version, sender_endpoint_hash=b"theirs  ", received_endpoint_hash=ping.endpoint_hash, ssrc=BOB_SSRC
    )
    assert actor.send(reply) == []
    (event,) = bob.seen(PongReceived)
    assert (event.endpoint_hash, event.version) == (b"theirs  ", version)


@pytest.mark.interop("I-45")
def test_a_peer_that_restarted_needs_a_new_stream() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.answer(committing(bob, actor))
    restarted = Actor(bob.stream, seed=99, zid=actor.zid, ssrc=actor.ssrc)
    restarted.send(restarted.own_hello, HELLO_ACK, restarted.commit())
    assert state(bob) is State.SECURE
    again = bob.endpoint.session().add_stream(BOB_SSRC + 1)
    again.start(actor.now)
    newcomer = Actor(again, seed=100, zid=actor.zid)
    (commit,) = [message for message in newcomer.discover() if isinstance(message, Commit)]
    newcomer.answer(commit)
    assert again.state is State.SECURE


@pytest.mark.interop("I-28")
@pytest.mark.parametrize("complained", [True, False])
def test_an_acknowledged_complaint_is_told_at_once_as_unproved_and_the_exchange_goes_on(complained: bool) -> None:
    """libzrtp gives up without another word."""
    bob = alone()
    actor = Actor(bob.stream)
    actor.take_dhpart2(only(actor.send(actor.dhpart1(committing(bob, actor))), DHPart2))
    if complained:
        mac, iv, ciphertext = actor.box.seal(actor.role, actor.plain().encode() + bytes(4), actor.random)
        unreadable = Confirm1.make(confirm_mac=mac, iv=iv, ciphertext=ciphertext)
        assert only(actor.send(unreadable), Error).code == ErrorCode.MALFORMED_PACKET
    assert actor.send(ERROR_ACK) == []
    assert [event.code for event in bob.seen(SecurityWarning)] == [WarningCode.PEER_ERROR] * complained
    only(actor.send(actor.confirm()), Confirm2)
    assert actor.send(CONF2ACK) == []
    assert state(bob) is State.SECURE


# All of them.


@pytest.mark.interop("I-49")
@pytest.mark.parametrize("client_id", [FAST.client_id, b"GNU ZRTP 4.6.4"])
def test_our_dhpart1_names_the_commit_that_it_answers_to_a_peer_that_looks_at_it(client_id: bytes) -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(client_id=client_id.ljust(16))
    actor.discover()
    commit = actor.commit()
    dhpart1 = only(actor.send(commit), DHPart1)
    named = sha256(b"DHPart1 for Commit" + commit.raw)[:8]
    assert (dhpart1.pbx_secret_id == named) is (client_id == FAST.client_id)


@pytest.mark.interop("I-49")
def test_the_answer_to_a_commit_of_somebody_else_does_not_count_however_late_it_comes() -> None:
    """Copies are counted from the first such answer: a path, or a store, may take longer than two of our Commits."""
    bob = alone(FAST)
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(client_id=FAST.client_id.ljust(16))
    commit = only(actor.discover()[-1:], Commit)
    actor.wait(2.0)
    assert core_of(bob.stream).copies_sent > 3
    strange = actor.dhpart1(commit, pbx_secret_id=b"another!")
    for _ in range(3):
        assert actor.send(strange) == []
        actor.wait(0.3)
    assert state(bob) is State.COMMIT_SENT
    named = sha256(b"DHPart1 for Commit" + commit.raw)[:8]
    only(actor.send(actor.dhpart1(commit, pbx_secret_id=named)), DHPart2)


def greeted(config: Config, cache: MemoryCache, zid: bytes, held: Secret | None, seed: int) -> tuple[Side, Actor]:
    """A call with a server that reads its secrets when our Hello comes, and has sent its own."""
    bob = alone(config, cache, seed=seed)
    return bob, Actor(bob.stream, seed=100 + seed, zid=zid, known=KnownSecrets(rs1=held))


def finish(bob: Side, actor: Actor) -> Secret:
    """The server begins after a while, and sends media in the end; what it keeps of the call."""
    actor.wait(3.0)
    actor.initiate()
    bob.stream.srtp_verified(actor.now)
    assert actor.secrets is not None
    return actor.secrets.new_rs1


@pytest.mark.interop("I-50")
@pytest.mark.parametrize("known_before", [False, True])
def test_calls_at_the_same_moment_with_a_server_that_reads_its_secrets_at_hello_raise_no_alarm(
    known_before: bool,
) -> None:
    cache, zid = MemoryCache(), b"the server.."
    held = None
    if known_before:
        first = greeted(WAITING, cache, zid, None, seed=1)
        first[1].discover()
        held = finish(*first)
    calls = [greeted(WAITING, cache, zid, held, seed) for seed in (2, 3, 4)]
    for _, actor in calls:
        actor.discover()
    for bob, actor in calls:
        latest = finish(bob, actor)
        assert bob.session.continuity is (Continuity.CONTINUED if known_before else Continuity.FIRST_CALL)
        assert bob.seen(SecurityWarning) == []
    bob, actor = greeted(WAITING, cache, zid, latest, seed=5)
    actor.discover()
    finish(bob, actor)
    assert bob.session.continuity is Continuity.CONTINUED


@pytest.mark.interop("I-50")
def test_the_secret_of_its_hello_counts_although_two_other_calls_have_replaced_it() -> None:
    cache, zid = MemoryCache(), b"the server.."
    first = greeted(WAITING, cache, zid, None, seed=1)
    first[1].discover()
    held = finish(*first)
    waiting = greeted(WAITING, cache, zid, held, seed=2)
    waiting[1].discover()
    ours = [greeted(FAST, cache, zid, held, seed) for seed in (3, 4)]
    commits = [committing(bob, actor) for bob, actor in ours]
    for (bob, actor), commit in zip(ours, commits, strict=True):
        actor.answer(commit)
        assert bob.session.continuity is Continuity.CONTINUED
    finish(*waiting)
    assert waiting[0].session.continuity is Continuity.CONTINUED
    assert waiting[0].seen(SecurityWarning) == []


@pytest.mark.interop("I-50")
@pytest.mark.parametrize("situation", ["known before", "long ago", "compared since"])
def test_a_peer_that_has_none_of_the_secrets_still_raises_the_alarm(situation: str) -> None:
    cache, zid = MemoryCache(), b"the server.."
    first = greeted(WAITING, cache, zid, None, seed=1)
    late = greeted(WAITING, cache, zid, None, seed=2)
    if situation != "known before":
        late[1].discover()
    first[1].discover()
    finish(*first)
    if situation == "known before":
        late[1].discover()
    elif situation == "long ago":
        late[1].wait(10.0)
    else:
        first[0].session.sas_matched()
    finish(*late)
    assert late[0].session.continuity is Continuity.MISMATCH
    assert WarningCode.CACHE_MISMATCH in [event.code for event in late[0].seen(SecurityWarning)]


def test_every_rule_has_a_test() -> None:
    assert sorted(marked_tests("interop")) == [f"I-{number:02}" for number in range(1, 51)]
