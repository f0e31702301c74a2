"""zrtp.protocol.commitment: which of several Hellos a Commit continues."""

from __future__ import annotations

from tests.support.pair import ALICE_SSRC, Pair
from zrtp.protocol.config import Config
from zrtp.protocol.states import State
from zrtp.wire.messages import Kind
from zrtp.wire.packet import Packet, decode_packet, encode_packet

FAST = Config(key_agreements=(b"X255", b"Mult"))
WAITING = Config(key_agreements=(b"X255", b"Mult"), passive=True)
ELSEWHERE = ALICE_SSRC ^ 1


def under(ssrc: int, datagram: bytes) -> bytes:
    """The same message, as if it came from another source."""
    packet = decode_packet(datagram)
    assert isinstance(packet, Packet)
    return encode_packet(packet.sequence, ssrc, packet.message)


def is_from(sender: str, kind: Kind, name: str, datagram: bytes) -> bool:
    return sender == name and datagram[16:24] == kind.value


def test_a_copy_of_the_hello_from_elsewhere_does_not_draw_the_exchange_there() -> None:
    pair = Pair(FAST, WAITING).start()
    (hello,) = pair.alice.stream.datagrams_to_send()
    pair.bob.stream.receive_datagram(under(ELSEWHERE, hello), 0.0)
    pair.bob.stream.receive_datagram(hello, 0.0)
    pair.run()
    assert pair.secure and pair.keys_agree
    assert pair.bob.stream.exchange is not None
    assert pair.bob.stream.exchange.peer.ssrc == ALICE_SSRC


def test_a_commit_from_a_source_that_sent_no_hello_is_dropped() -> None:
    pair = Pair(FAST, WAITING)

    def elsewhere(sender: str, datagram: bytes) -> bytes:
        return under(ELSEWHERE, datagram) if is_from(sender, Kind.COMMIT, "alice", datagram) else datagram

    pair.network.filter = elsewhere
    pair.start()
    pair.network.run(1.0)
    assert pair.alice.stream.state is State.COMMIT_SENT
    assert pair.bob.stream.exchange is None
    pair.network.filter = lambda _, datagram: datagram
    pair.run()
    assert pair.secure and pair.keys_agree
