"""A stranger who does not even know the SSRC of a call cannot disturb its exchange through the back door."""

from __future__ import annotations

import pytest

from tests.support.inside import core_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Pair
from zrtp.crypto.registry import DEFAULT
from zrtp.protocol.config import Config
from zrtp.protocol.events import Failed
from zrtp.protocol.states import State
from zrtp.wire.crc import crc32c
from zrtp.wire.packet import encode_fragment, encode_packet

FAST = Config(key_agreements=(b"X255",))
HYBRID = Config(key_agreements=(b"X1M2",), mtu=600)

STRANGER = 0x3A3A3A3A

needs_ml_kem = pytest.mark.skipif(
    not DEFAULT.key_agreements[b"X1M2"].available, reason="the installed cryptography has no ML-KEM"
)


def with_crc(packet: bytes) -> bytes:
    return packet + crc32c(packet).to_bytes(4, "little")


def malformed(ssrc: int) -> bytes:
    """A packet with a good CRC whose message says that it is longer than the datagram."""
    packet = encode_packet(1, ssrc, b"\x50\x5a\x00\x03HelloACK")[:-4]
    return with_crc(packet[:14] + b"\x00\x09" + packet[16:])


def in_exchange(config: Config) -> Pair:
    pair = Pair(config, config).start()
    pair.network.run(5.0, stop=lambda: core_of(pair.alice.stream).exchange is not None)
    return pair


@pytest.mark.attack("PAR-06")
def test_malformed_packet_of_a_stranger_brings_no_error_to_the_peer() -> None:
    pair = in_exchange(FAST)
    pair.alice.stream.receive_datagram(malformed(STRANGER), pair.network.now)
    assert pair.alice.stream.datagrams_to_send() == []
    assert pair.alice.stream.counters["malformed"] == 1


@pytest.mark.attack("PAR-06")
def test_peer_hears_of_its_malformed_packet_once_a_second() -> None:
    pair = in_exchange(FAST)
    for _ in range(5):
        pair.alice.stream.receive_datagram(malformed(BOB_SSRC), pair.network.now)
    (error,) = pair.alice.stream.datagrams_to_send()
    assert error[16:24] == b"Error   "
    assert int.from_bytes(error[24:28], "big") == 0x10
    pair.run()
    assert pair.secure


@needs_ml_kem
@pytest.mark.attack("PAR-25")
def test_fragments_of_a_stranger_do_not_displace_the_peers() -> None:
    """A newer message id takes the place of an older one, so that one forged fragment could block a KEM for 10 s."""
    pair = Pair(HYBRID, HYBRID).start()

    def forge(_sender: str, datagram: bytes) -> bytes:
        fragment = encode_fragment(1, STRANGER, message_id=0xFFFF, total_words=300, offset_words=0, data=bytes(400))
        for side in pair.sides:
            side.stream.receive_datagram(fragment, pair.network.now)
        return datagram

    pair.network.filter = forge
    pair.run()
    assert pair.secure and pair.keys_agree
    assert pair.alice.stream.counters["unexpected fragment"] > 0
    assert not pair.alice.seen(Failed)
    assert ALICE_SSRC != STRANGER != BOB_SSRC
    assert pair.alice.stream.state is State.SECURE
