"""One stream: what it takes from the wire, what it puts there, and its timers."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import wire
from tests.support.actor import FAST, WAITING, Actor, alone, kinds, only, snapshot
from tests.support.cases import every
from tests.support.inside import cache_of, core_of
from tests.support.pair import BOB_SSRC, Netem, Pair, Side, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ApiMisuse
from zrtp.protocol import limits
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed, KeysReady, NoPeer, Secured, SecurityWarning, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.protocol.timers import along_the_path
from zrtp.wire.messages import CONF2ACK, HELLO_ACK, Commit, DHPart1, Kind, Message, parse
from zrtp.wire.packet import encode_fragment, encode_packet

STATES = ["hello sent", "discovered", "commit sent", "dhpart1 sent", "secure", "failed", "quiet"]


def in_state(name: str) -> tuple[Side, Actor]:
    """A stream in that state, with its peer; everything that it sent has been heard."""
    bob = alone(WAITING if name in ("discovered", "dhpart1 sent", "failed") else FAST, MemoryCache())
    peer = Actor(bob.stream)
    if name == "quiet":
        peer.wait(60.0)
    elif name != "hello sent":
        answers = peer.discover()
        if name == "dhpart1 sent":
            peer.send(peer.commit())
        elif name == "secure":
            commit = answers[-1]
            assert isinstance(commit, Commit)
            peer.answer(commit)
        elif name == "failed":
            peer.take_dhpart1(only(peer.send(peer.commit()), DHPart1))
            peer.send(peer.dhpart2())
            peer.wait(60.0)
    peer.listen()
    assert bob.stream.state.value == {"discovered": "ready", "hello sent": "looking for peer", "quiet": "no peer"}.get(
        name, name
    )
    return bob, peer


# What is not for us, or damaged, or nonsense


GOOD = encode_packet(7, 0xA0, HELLO_ACK.raw)
PING = bytes.fromhex("505a0006") + b"Ping    1.10endpoint"

JUNK = {
    "empty": b"",
    "one octet": b"\x10",
    "27 octets": GOOD[:27],
    "not whole words": GOOD + b"\0",
    "RTP": b"\x80" + GOOD[1:],
    "STUN": b"\x00\x01\x00\x0c\x21\x12\xa4\x42" + bytes(20),
    "DTLS": b"\x16\xfe\xfd" + bytes(25),
    "another cookie": GOOD[:4] + b"ZRTQ" + GOOD[8:],
    "too long": wire.reseal(GOOD[:12] + bytes(65504)),
    "CRC flipped": GOOD[:-1] + bytes([GOOD[-1] ^ 1]),
    "CRC swapped": GOOD[:-4] + GOOD[-4:][::-1],
    "body flipped": GOOD[:20] + b"\xff" + GOOD[21:],
}


@pytest.mark.attack("PAR-01")
@pytest.mark.attack("PAR-02")
@pytest.mark.attack("PAR-03")
@pytest.mark.attack("PAR-05")
@pytest.mark.rfc("R-5-13")
@every("state", STATES)
@every("datagram", JUNK.values(), ids=JUNK.keys())
def test_what_is_not_zrtp_or_damaged_is_counted_and_never_answered(state: str, datagram: bytes) -> None:
    bob, peer = in_state(state)
    before = snapshot(bob)
    counted = bob.stream.counters.total()
    bob.stream.receive_datagram(datagram, peer.now)
    assert peer.listen() == []
    assert snapshot(bob) == before
    assert bob.stream.counters.total() == counted + 1
    assert not bob.seen(SecurityWarning)


MALFORMED = {
    "preamble": b"QZ" + HELLO_ACK.raw[2:],
    "length too large": b"\x50\x5a\xff\xff" + HELLO_ACK.raw[4:],
    "length too small": HELLO_ACK.raw[:2] + b"\x00\x02" + HELLO_ACK.raw[4:],
    "length 0": HELLO_ACK.raw[:2] + b"\x00\x00" + HELLO_ACK.raw[4:],
    "trailing words": HELLO_ACK.raw + bytes(8),
    "long acknowledgement": bytes.fromhex("505a0004") + b"HelloACK" + bytes(4),
    "short Error": bytes.fromhex("505a0003") + b"Error   ",
    "short Ping": bytes.fromhex("505a0005") + b"Ping    1.10endp",
    "short Hello": bytes.fromhex("505a0015") + b"Hello   1.10" + bytes(68),
    "short Commit": bytes.fromhex("505a0010") + b"Commit  " + bytes(52),
}


@pytest.mark.attack("PAR-06")
@pytest.mark.attack("PAR-07")
@pytest.mark.attack("PAR-08")
@pytest.mark.attack("PAR-09")
@pytest.mark.attack("PAR-22")
@pytest.mark.attack("PAR-23")
@every("state", STATES)
@every("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_messages_change_nothing_and_get_an_error_only_within_an_exchange(state: str, raw: bytes) -> None:
    bob, peer = in_state(state)
    before = snapshot(bob)
    answers = peer.send(raw)
    assert kinds(answers) in ([], [Kind.ERROR])
    if state not in ("commit sent", "dhpart1 sent"):
        assert answers == []
    assert snapshot(bob) == before
    assert not bob.seen(Failed) or state == "failed"


@pytest.mark.attack("PAR-10")
@pytest.mark.rfc("R-5.1-02")
@every("block", [b"Foo     ", b"hello   ", bytes(8), b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", b"HelloAC\0"])
@every("state", STATES)
def test_unknown_message_types_are_ignored(state: str, block: bytes) -> None:
    bob, peer = in_state(state)
    before = snapshot(bob)
    assert peer.send(bytes.fromhex("505a0003") + block) == []
    assert snapshot(bob) == before
    assert bob.stream.counters["unknown message type"] == 1


@pytest.mark.attack("PAR-04")
@pytest.mark.interop("I-01")
@pytest.mark.rfc("R-5-04", "R-5-03")
@pytest.mark.parametrize("head", [b"\x10\x01", b"\x1f\xff", b"\x12\x34"])
def test_unused_bits_of_the_header_are_ignored(head: bytes) -> None:
    bob, peer = in_state("hello sent")
    bob.stream.receive_datagram(wire.reseal(head + peer.packet(peer.own_hello.raw)[2:]), 0.0)
    assert bob.stream.state is State.HELLO_RECEIVED


@pytest.mark.attack("NET-14")
@pytest.mark.attack("NET-15")
@pytest.mark.interop("I-03")
@pytest.mark.rfc("R-5-08")
@pytest.mark.parametrize("numbers", [[0xFFFF, 0, 1], [9, 8, 7], [5, 5, 5], [0, 0x8000, 1]])
def test_received_sequence_numbers_decide_nothing(numbers: list[int]) -> None:
    bob, peer = in_state("hello sent")
    peer.sequence = 0xFFFE
    bob.stream.receive_datagram(encode_packet(0xFFFF, peer.ssrc, peer.own_hello.raw), 0.0)
    for number in numbers:
        bob.stream.receive_datagram(encode_packet(number, peer.ssrc, HELLO_ACK.raw), 0.0)
    commit = peer.listen()[-1]
    assert isinstance(commit, Commit)
    peer.answer(commit)
    assert bob.stream.counters["repeated message"] == 0


@pytest.mark.interop("I-02")
@pytest.mark.interop("I-04")
@pytest.mark.rfc("R-5-06", "R-5-07", "R-14-01")
@every("seed", range(5))
def test_our_packets_are_numbered_from_1_to_4095_upwards_and_carry_our_ssrc(seed: int) -> None:
    pair = Pair(FAST, FAST, net=Netem(loss=0.3, seed=seed), seed=seed).run(60.0)
    for name, side in (("alice", pair.alice), ("bob", pair.bob)):
        sent = [datagram for _, sender, datagram in pair.network.log if sender == name]
        numbers = [int.from_bytes(datagram[2:4], "big") for datagram in sent]
        assert 1 <= numbers[0] <= 0x0FFF
        assert numbers == list(range(numbers[0], numbers[0] + len(sent)))
        assert {datagram[8:12] for datagram in sent} == {side.stream.ssrc.to_bytes(4, "big")}
        assert {datagram[:2] for datagram in sent} == {b"\x10\x00"}
        assert {datagram[0] >> 6 for datagram in sent} == {0}  # no RTP version


# Any message at any time


@pytest.mark.attack("PAR-26")
@given(
    st.sampled_from(STATES), st.lists(wire.messages, min_size=1, max_size=6), st.sampled_from([None, BOB_SSRC, 0xBAD])
)
def test_no_message_of_a_stranger_raises_secures_or_multiplies(
    state: str, messages: list[Message], ssrc: int | None
) -> None:
    bob, peer = in_state(state)
    secured = len(bob.seen(Secured))
    for message in messages:
        arrived = len(peer.packet(message.raw))
        if arrived > 2136:
            continue
        bob.stream.receive_datagram(peer.packet(message.raw, ssrc), peer.now)
        sent = bob.stream.datagrams_to_send()
        assert len(sent) <= 3
        assert sum(map(len, sent)) <= 4 * arrived
    assert len(bob.seen(Secured)) == secured
    assert len(bob.seen(KeysReady)) == secured


@pytest.mark.attack("PAR-26")
@pytest.mark.attack("PAR-05")
@every("state", STATES)
def test_mutated_packets_of_a_real_call_with_the_crc_repaired_never_raise(state: str) -> None:
    call = Pair(FAST, FAST, seed=9).run()
    datagrams = [datagram for _, _, datagram in call.network.log]
    bob, peer = in_state(state)
    dice = random.Random(state)
    for _ in range(300):
        datagram = bytearray(dice.choice(datagrams))
        for _ in range(dice.randint(1, 4)):
            datagram[dice.randrange(len(datagram))] = dice.randrange(256)
        if dice.random() < 0.2:
            del datagram[dice.randrange(0, len(datagram), 4) :]
        bob.stream.receive_datagram(wire.reseal(bytes(datagram) + bytes(-len(datagram) % 4)), peer.now)
    assert bob.stream.state is State.SECURE or not bob.seen(Secured) or state == "secure"
    assert len(bob.seen(KeysReady)) == (state == "secure")


# A bad network


@pytest.mark.attack("NET-04")
@pytest.mark.parametrize("copies", [2, 5, 100])
def test_every_packet_many_times_over_gives_one_call(copies: int) -> None:
    pair = Pair(FAST, FAST, alice_cache=MemoryCache(), bob_cache=MemoryCache())
    send = pair.network.send

    def many(receiver: object, datagram: bytes) -> None:
        for _ in range(copies):
            send(receiver, datagram)  # type: ignore[arg-type]

    pair.network.send = many  # type: ignore[method-assign]
    pair.run(10.0)
    assert pair.secure and pair.keys_agree
    for side in pair.sides:
        assert len(side.seen(Secured)) == len(side.seen(KeysReady)) == 1
        (entry,) = cache_of(side.endpoint).peers()
        assert entry.record.generation == 1
        assert not side.seen(Failed)
    assert len(pair.network.log) < 400


@pytest.mark.attack("NET-05")
@every("seed", range(12))
def test_packets_that_overtake_each_other_give_one_call(seed: int) -> None:
    pair = Pair(FAST, FAST, net=Netem(jitter=0.5, duplicate=0.3, seed=seed), seed=seed).run(60.0)
    assert pair.secure and pair.keys_agree


@pytest.mark.attack("PAR-25")
@pytest.mark.interop("I-40")
@every("seed", range(12))
def test_crossing_commits_in_fragments_survive_loss(seed: int) -> None:
    """The lost Commit may still be incomplete at the other end when our DHPart1 follows in fragments."""
    code = next(code for code in (b"X1M2", b"MLK2", b"MLK3") if DEFAULT.key_agreements[code].available)
    config = Config(key_agreements=(code, b"Mult"), mtu=600)
    pair = Pair(config, config, net=Netem(loss=0.15, jitter=0.02, seed=seed), seed=seed).run(60.0)
    assert pair.secure and pair.keys_agree


@pytest.mark.attack("PAR-25")
@pytest.mark.attack("NET-21")
def test_fragments_of_strangers_and_unexpected_ones_are_dropped() -> None:
    bob, peer = in_state("hello sent")
    fragment = encode_fragment(1, peer.ssrc, message_id=1, total_words=100, offset_words=0, data=bytes(64))
    bob.stream.receive_datagram(fragment, 0.0)
    assert bob.stream.counters["unexpected fragment"] == 1
    code = next(code for code in (b"MLK2", b"MLK3", b"X1M2") if DEFAULT.key_agreements[code].available)
    kem = alone(Config(key_agreements=(code,), auto_secure=False))
    stranger = Actor(kem.stream, ssrc=0xBAD)
    kem.stream.receive_datagram(
        encode_fragment(1, stranger.ssrc, message_id=0xFFFF, total_words=100, offset_words=0, data=bytes(64)), 0.0
    )
    assert kem.stream.counters["unexpected fragment"] == 1


# Timers and the contract


@pytest.mark.attack("NET-20")
def test_early_and_repeated_calls_of_handle_timer_do_nothing() -> None:
    bob, peer = in_state("commit sent")
    due = bob.stream.next_timer()
    assert due is not None and due == pytest.approx(0.05)
    before = snapshot(bob)
    for moment in (0.0, 0.01, 0.049):
        bob.stream.handle_timer(moment)
    assert snapshot(bob) == before
    assert peer.listen() == []
    bob.stream.handle_timer(due)
    bob.stream.handle_timer(due)
    assert len(peer.listen()) == 1


@given(st.lists(st.one_of(st.floats(0.0, 3.0), st.floats(3600.0, 7200.0)), max_size=30))
def test_timers_that_fire_late_never_burst_and_always_move_on(lateness: list[float]) -> None:
    bob, peer = in_state("commit sent")
    now = 0.0
    for late in lateness:
        timer = bob.stream.next_timer()
        if timer is None:
            break
        now = max(now, timer) + late
        bob.stream.handle_timer(now)
        assert len(peer.listen()) <= 1
        following = bob.stream.next_timer()
        assert following is None or following > now


def test_datagrams_are_handed_out_once() -> None:
    bob = alone(FAST)
    assert len(bob.stream.datagrams_to_send()) == 1
    assert bob.stream.datagrams_to_send() == []


def test_a_stream_shows_its_name_and_state_and_nothing_else() -> None:
    bob, _ = in_state("secure")
    assert repr(bob.stream) == "<Stream b0b00000 secure>"


def test_what_a_stream_tells_about_its_exchange_is_none_before_a_commit() -> None:
    bob, peer = in_state("hello sent")
    assert (bob.stream.role, bob.stream.mode, bob.stream.suite) == (None, None, None)
    peer.discover()
    assert bob.stream.role is not None and bob.stream.mode is not None and bob.stream.suite is not None


def test_a_closed_stream_cannot_ping_and_a_second_start_is_counted() -> None:
    bob, _ = in_state("hello sent")
    bob.stream.start(1.0)
    assert bob.stream.counters["already started"] == 1
    bob.stream.close(1.0)
    with pytest.raises(ApiMisuse, match="closed"):
        bob.stream.ping(1.0)
    bob.stream.permit_clear()  # harmless
    bob.stream.start(1.0)
    assert bob.stream.state is State.CLOSED


@pytest.mark.attack("SID-05")
def test_the_log_tells_transitions_and_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="zrtp")
    pair = Pair(FAST, FAST).run()
    texts = [record.getMessage() for record in caplog.records]
    assert any("secure" in text for text in texts)
    assert {record.name.split(".")[0] for record in caplog.records} == {"zrtp"}
    for side in pair.sides:
        assert not any(core_of(side.stream).chain.h0.hex() in text for text in texts)


@pytest.mark.attack("PAR-15")
@pytest.mark.attack("PAR-16")
def test_what_a_peer_writes_cannot_write_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", logger="zrtp")
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.own_hello = peer.hello(client_id=b"\x1b]0;owned\x07\nroot:", hashes=(b"\x1b[2J", b"S256"))
    peer.discover()
    peer.send(peer.commit(hash=b"\n\x1b[1"))
    assert bob.stream.counters["Commit refused"] == 1
    peer.wait(20.0)
    assert bob.seen(NoPeer)
    assert not any(
        ord(letter) < 32 or ord(letter) == 127 for record in caplog.records for letter in record.getMessage()
    )


def test_a_commit_is_repeated_at_the_pace_that_hello_and_hello_ack_showed() -> None:
    bob, _ = in_state("commit sent")
    core = core_of(bob.stream)
    octets = len(present(core.exchange).commit.raw) + 16
    assert present(core.retransmission).schedule == along_the_path(0.0, octets)


def test_two_streams_under_one_clock_do_not_disturb_each_other() -> None:
    endpoint = Endpoint(FAST, random=seeded(3))
    streams = [endpoint.session().add_stream(number) for number in (1, 2)]
    for stream in streams:
        stream.start(0.0)
    streams[0].close(0.0)
    assert streams[1].state is State.HELLO_SENT
    assert len(streams[1].datagrams_to_send()) == 1


@pytest.mark.parametrize("name", ["Conf2ACK", "Confirm1"])
def test_warnings_are_not_raised_by_honest_late_messages(name: str) -> None:
    bob, peer = in_state("secure")
    late = CONF2ACK if name == "Conf2ACK" else next(m for m in peer.heard if m.kind is Kind.CONFIRM2)
    peer.send(late)
    assert [event.code for event in bob.seen(SecurityWarning) if event.code is WarningCode.CHAIN_MISMATCH] == []
    assert parse(late.raw) == late


@pytest.mark.attack("NET-04", "DOS-07")
def test_a_hundred_copies_of_a_commit_are_answered_thirty_two_times() -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.discover()
    commit = peer.commit()
    first = peer.send(commit)
    copies = [answer for _ in range(100) for answer in peer.send(commit)]
    assert [answer.kind for answer in first] == [Kind.DHPART1]
    assert len(copies) == limits.DUPLICATE_ANSWERS and {answer.raw for answer in copies} == {first[0].raw}
