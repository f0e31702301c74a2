"""Messages that travel in fragments: how they are numbered, and that loss does not mix them up."""

from __future__ import annotations

from collections import defaultdict

import pytest

from tests.support.cases import every
from tests.support.inside import core_of
from tests.support.pair import ALICE_SSRC, Netem, Pair
from zrtp.protocol.config import Config
from zrtp.protocol.events import Role
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


@pytest.mark.attack("PAR-25")
def test_one_forged_fragment_delays_a_call_and_does_not_stop_it() -> None:
    """Right SSRC, the highest message id, an impossible message: the peer's copies get through after a moment."""
    pair = Pair(HYBRID, HYBRID).start()
    forged = encode_fragment(1, ALICE_SSRC, message_id=0xFFFF, total_words=300, offset_words=0, data=bytes(400))
    injected = False

    def inject(sender: str, datagram: bytes) -> bytes:
        nonlocal injected
        if sender == "alice" and datagram[:2] == b"\x11\x00" and not injected:
            injected = True
            pair.bob.stream.receive_datagram(forged, pair.network.now)
        return datagram

    pair.network.filter = inject
    pair.run()
    assert injected and pair.secure and pair.keys_agree


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
