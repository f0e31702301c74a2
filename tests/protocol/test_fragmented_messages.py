"""Messages that travel in fragments: how they are numbered, and that loss does not mix them up."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable

import pytest

from tests.support.cases import every
from tests.support.inside import core_of
from tests.support.pair import Netem, Pair
from zrtp.protocol.config import Config
from zrtp.protocol.events import Role, SecurityWarning
from zrtp.protocol.exchange import present
from zrtp.protocol.hash_chain import HeardHello
from zrtp.protocol.states import State
from zrtp.wire.packet import Fragment, decode_packet, encode_fragment

HYBRID = Config(key_agreements=(b"X1M2",), mtu=600)
PASSIVE = Config(key_agreements=(b"X1M2",), mtu=600, passive=True)


def numbers(pair: Pair, sender: str) -> dict[int, set[int]]:
    """The lengths of the messages under each number that one side used, in words."""
    found = defaultdict(set)
    for _, name, datagram in pair.network.log:
        packet = decode_packet(datagram)
        if name == sender and isinstance(packet, Fragment):
            found[packet.message_id].add(packet.total_words)
    return dict(found)


def test_a_commit_that_lost_and_the_dhpart1_after_it_have_numbers_of_their_own() -> None:
    pair = Pair(HYBRID, HYBRID).run()
    assert pair.secure

    (responder,) = (side.name for side in pair.sides if side.stream.role is Role.RESPONDER)
    used = numbers(pair, responder)

    commit, dhpart1 = sorted(used)
    assert dhpart1 == commit + 1
    assert used[commit].isdisjoint(used[dhpart1])
    assert all(len(lengths) == 1 for lengths in used.values())


def test_copies_of_a_message_keep_its_number() -> None:
    pair = Pair(HYBRID, HYBRID, net=Netem(loss=0.3, seed=4)).run()
    assert pair.secure

    for side in pair.sides:
        used = numbers(pair, side.name)
        assert 1 <= len(used) <= 2
        assert all(len(lengths) == 1 for lengths in used.values())


@every("seed", range(30))
def test_a_lost_fragment_is_made_up_for_by_the_next_copy(seed: int) -> None:
    pair = Pair(HYBRID, HYBRID, net=Netem(loss=0.1, jitter=0.02, seed=seed), seed=seed).run()
    assert pair.secure
    assert pair.keys_agree


def test_a_secure_stream_keeps_no_message_but_its_answers_to_late_copies() -> None:
    pair = Pair(HYBRID, HYBRID).run()

    for side in pair.sides:
        exchange = core_of(side.stream).exchange
        assert exchange is not None
        assert (exchange.offer, exchange.answer) == (None, None)
        assert present(exchange.derived).heard == HeardHello(exchange.peer.hello)


Forge = Callable[[Fragment], bytes]


def forged(true: Fragment, *, total: int = 0, offset: int | None = None, data: bytes = b"", sequence: int = 1) -> bytes:
    """A fragment under the SSRC and the message id of a true one."""
    return encode_fragment(
        sequence,
        true.ssrc,
        message_id=true.message_id,
        total_words=total or true.total_words,
        offset_words=true.offset_words if offset is None else offset,
        data=data or bytes(len(true.data)),
    )


ONE_FORGED: dict[str, Forge] = {
    "a word less in all": lambda true: forged(true, total=true.total_words - 1, offset=0, data=bytes(80)),
    "a word more in all": lambda true: forged(true, total=true.total_words + 1),
    "an overlap": lambda true: forged(true, offset=1, data=bytes(80)),
    "the same place": lambda true: forged(true),
    "the whole message": lambda true: forged(true, offset=0, data=bytes(4 * true.total_words)),
    "the highest message id": lambda true: encode_fragment(
        1, true.ssrc, message_id=0xFFFF, total_words=300, offset_words=0, data=bytes(400)
    ),
}


def under_fire(pair: Pair, forge: Forge, *, once: bool) -> Pair:
    """Before each fragment of the other end, or once for each place of a message, a forged one comes."""
    done: set[tuple[str, int, int]] = set()

    def inject(sender: str, datagram: bytes) -> bytes:
        packet = decode_packet(datagram)
        if isinstance(packet, Fragment):
            what = (sender, packet.message_id, packet.offset_words)
            if not once or what not in done:
                done.add(what)
                target = pair.bob if sender == "alice" else pair.alice
                target.stream.receive_datagram(forge(packet), pair.network.now)
        return datagram

    pair.network.filter = inject
    pair.run(1.0)
    assert done
    return pair


def test_a_fragment_that_makes_no_sense_is_counted_and_nothing_follows() -> None:
    pair = Pair(HYBRID, PASSIVE).start()
    pair.network.run(0.02)
    before = pair.bob.stream.state
    without_number = encode_fragment(
        1, pair.alice.stream.ssrc, message_id=0, total_words=99, offset_words=0, data=bytes(16)
    )
    pair.bob.stream.receive_datagram(without_number, 0.02)
    assert pair.bob.stream.counters["malformed"] == 1
    assert (pair.bob.stream.state, pair.bob.stream.datagrams_to_send()) == (before, [])


@pytest.mark.attack("PAR-27")
@every("once", [True, False], ids=["once", "before each"])
@every("kind", ONE_FORGED)
def test_a_forged_fragment_under_the_peers_ssrc_and_message_id_does_not_hold_a_call_up(kind: str, once: bool) -> None:
    pair = under_fire(Pair(HYBRID, PASSIVE), ONE_FORGED[kind], once=once)
    assert pair.secure and pair.keys_agree
    assert not pair.alice.seen(SecurityWarning) and not pair.bob.seen(SecurityWarning)


@pytest.mark.attack("PAR-27")
@pytest.mark.parametrize("agreement", [b"X1M2", pytest.param(b"X3M3", marks=pytest.mark.long)])
def test_a_thousand_forged_fragments_a_second_do_not_hold_a_call_up(agreement: bytes) -> None:
    """At both ends, whatever an eavesdropper could guess, with every place and total that the messages have."""
    config = Config(key_agreements=(agreement,), mtu=600)
    pair = Pair(config, config).start()
    source = random.Random(12)
    heard: dict[str, Fragment] = {}

    def listen(sender: str, datagram: bytes) -> bytes:
        packet = decode_packet(datagram)
        if isinstance(packet, Fragment):
            heard[sender] = packet
        return datagram

    pair.network.filter = listen
    for millisecond in range(1000):
        pair.network.run(millisecond / 1000)
        if pair.secure:
            break
        for sender, target in (("alice", pair.bob), ("bob", pair.alice)):
            if sender in heard:
                true = heard[sender]
                offset = source.choice([0, 144, 288, source.randrange(true.total_words)])
                data = source.randbytes(4 * min(144, true.total_words - offset))
                datagram = forged(true, offset=offset, data=data or bytes(4), sequence=source.randrange(0x10000))
                target.stream.receive_datagram(datagram, pair.network.now)
    assert heard
    assert pair.secure and pair.keys_agree


@pytest.mark.attack("PAR-25")
@pytest.mark.attack("PAR-06")
@pytest.mark.parametrize("frame", [b"PY\x01\x4d", b"PZ\x01\x4c", b"PZ\x01\x4e", b"PZ\x00\x00"], ids=bytes.hex)
def test_a_message_in_fragments_has_to_have_the_frame_of_a_message(frame: bytes) -> None:
    """Preamble and length word are checked as in a packet, before anybody looks at what is inside."""
    pair = Pair(HYBRID, PASSIVE)

    def reframe(sender: str, datagram: bytes) -> bytes:
        packet = decode_packet(datagram)
        if sender != "alice" or not isinstance(packet, Fragment) or packet.offset_words:
            return datagram
        assert packet.data[:4] == b"PZ\x01\x4d"
        return encode_fragment(
            packet.sequence,
            packet.ssrc,
            message_id=packet.message_id,
            total_words=packet.total_words,
            offset_words=0,
            data=frame + packet.data[4:],
        )

    pair.network.filter = reframe
    pair.run(1.0)
    assert pair.bob.stream.state is State.DISCOVERED
    assert pair.bob.stream.counters["malformed"] >= 3
