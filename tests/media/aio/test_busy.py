"""Callers who come while a call is held."""

from __future__ import annotations

from zrtp.errors import ErrorCode
from zrtp.media.aio.busy import PAUSE, Refusals, says_busy
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.wire.messages import Error
from zrtp.wire.packet import Packet, decode_packet, encode_packet

FAST = Config(key_agreements=(b"X255",))


def hello() -> bytes:
    stream = Endpoint(FAST).session().add_stream(1)
    stream.start(0.0)
    return stream.datagrams_to_send()[0]


def test_a_caller_is_told_to_wait_with_fewer_octets_than_it_sent() -> None:
    answer = Refusals(7).answer(hello(), 0.0)

    assert answer is not None
    assert says_busy(answer)
    assert len(answer) < len(hello())


def test_a_flood_of_callers_draws_two_answers_a_second() -> None:
    refusals, call = Refusals(7), hello()
    answers = [refusals.answer(call, number / 100) for number in range(300)]

    assert sum(answer is not None for answer in answers) == 3 / PAUSE


def test_answers_are_numbered_like_any_packets() -> None:
    refusals, call = Refusals(7), hello()
    answers = [decode_packet(refusals.answer(call, number * PAUSE) or b"") for number in range(3)]

    assert [answer.sequence for answer in answers if isinstance(answer, Packet)] == [1, 2, 3]


def test_nothing_else_is_answered() -> None:
    refusals, call = Refusals(7), hello()

    for datagram in (b"", call[:-1], call[:-1] + bytes([call[-1] ^ 1]), refusals.answer(call, 0.0) or b""):
        assert refusals.answer(datagram, 9.0) is None


def test_only_that_error_says_busy() -> None:
    other = encode_packet(1, 7, Error.make(code=ErrorCode.PROTOCOL_TIMEOUT).raw)

    assert not says_busy(other)
    assert not says_busy(hello())
