"""What a stream sends: numbers, fragments, answers to messages that come again, and bounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.pair import seeded
from tests.support.wire import fixed_mac
from zrtp.protocol import limits
from zrtp.protocol.installation import COMMIT_OVERHEAD
from zrtp.protocol.outbox import Outbox
from zrtp.wire.fragments import Reassembler
from zrtp.wire.messages import CONF2ACK, HELLO_ACK, RELAY_ACK, Commit, PingACK
from zrtp.wire.packet import Fragment, Packet, decode_packet

SSRC = 0xA11CE


def sized(octets: int, number: int = 0) -> Commit:
    """A Commit of so many octets, most of them its public key."""
    return Commit.make(
        h2=bytes(32),
        zid=bytes(12),
        hash=b"S256",
        cipher=b"AES1",
        auth_tag=b"HS80",
        key_agreement=b"X1M2",
        sas=b"B32 ",
        hvi=bytes(32),
        public_key=bytes([number]) * (octets - COMMIT_OVERHEAD),
        mac=fixed_mac(bytes(8)),
    )


def outbox(mtu: int = 1452, seed: int = 1) -> Outbox:
    return Outbox(SSRC, mtu, seeded(seed))


def taken(box: Outbox) -> list[bytes]:
    """What is due now, taken as a stream takes it."""
    datagrams, box.datagrams = box.datagrams, []
    return datagrams


def sent(box: Outbox) -> Iterator[Packet | Fragment]:
    return map(decode_packet, taken(box))


def messages(box: Outbox) -> list[bytes]:
    packets = list(sent(box))
    assert all(isinstance(packet, Packet) for packet in packets)
    return [packet.message for packet in packets if isinstance(packet, Packet)]


# Packets and fragments


def test_packets_have_our_ssrc_and_consecutive_numbers_and_are_handed_out_once() -> None:
    box = outbox()
    first = box.sequence
    for _ in range(3):
        box.transmit(HELLO_ACK)
    assert [(packet.ssrc, packet.sequence) for packet in sent(box)] == [(SSRC, first + step) for step in range(3)]
    assert taken(box) == []


def test_after_65535_comes_0() -> None:
    box = outbox()
    box.sequence = 0xFFFF
    box.transmit(HELLO_ACK)
    box.transmit(HELLO_ACK)
    assert [packet.sequence for packet in sent(box)] == [0xFFFF, 0]


def test_what_was_cleared_is_not_sent() -> None:
    box = outbox()
    box.transmit(HELLO_ACK)
    box.clear()
    assert taken(box) == []


@pytest.mark.parametrize(("octets", "datagrams"), [(584, 1), (588, 2), (1152, 2), (1156, 3)])
def test_what_does_not_fit_the_mtu_goes_in_fragments(octets: int, datagrams: int) -> None:
    """600 octets hold 584 of a message in a packet, and 576 in a fragment."""
    box = outbox(mtu=600)
    box.transmit(sized(octets, 7))
    due = taken(box)
    assert len(due) == datagrams
    assert all(len(datagram) <= 600 for datagram in due)
    if datagrams > 1:
        fragments = [decode_packet(datagram) for datagram in due]
        receiver = Reassembler(4000)
        assert all(isinstance(fragment, Fragment) for fragment in fragments)
        done = [receiver.add(fragment, 0.0) for fragment in fragments if isinstance(fragment, Fragment)]
        assert done == [[]] * (datagrams - 1) + [[sized(octets, 7).raw]]


def test_a_copy_keeps_the_number_of_its_message_and_another_message_has_the_next() -> None:
    box = outbox(mtu=600)
    numbers: list[int] = []
    for message in (sized(700, 1), sized(700, 1), sized(700, 2), sized(700, 1)):
        box.transmit(message)
        (number,) = {packet.message_id for packet in sent(box) if isinstance(packet, Fragment)}
        numbers.append(number - numbers[0] if numbers else number)
    first, *later = numbers
    assert 1 <= first <= 4095
    assert later == [0, 1, 2]


def test_the_number_of_a_message_is_never_0() -> None:
    box = outbox(mtu=600)
    box.transmit(sized(700, 1))
    box.message_id = 0xFFFF
    box.transmit(sized(700, 2))
    assert box.message_id == 1


# Answers


def test_a_message_that_comes_again_is_answered_again_a_dozen_times() -> None:
    box = outbox()
    box.answer(b"request", HELLO_ACK)
    assert [box.answer_again(b"request") for _ in range(limits.DUPLICATE_ANSWERS + 3)] == [
        *[True] * limits.DUPLICATE_ANSWERS,
        *[False] * 3,
    ]
    assert messages(box) == [HELLO_ACK.raw] * (1 + limits.DUPLICATE_ANSWERS)


def test_what_never_came_is_new() -> None:
    box = outbox()
    box.answer(b"request", HELLO_ACK)
    assert b"another" not in box.answers


def test_an_answer_that_is_on_its_way_already_is_only_noted() -> None:
    box = outbox()
    box.answer_copies(b"request", CONF2ACK)
    assert taken(box) == []
    assert box.answer_again(b"request")
    assert messages(box) == [CONF2ACK.raw]


def test_of_more_requests_than_are_kept_the_oldest_is_forgotten() -> None:
    box = outbox()
    for number in range(limits.ANSWERS + 1):
        box.answer(bytes([number]), HELLO_ACK)
    assert bytes([0]) not in box.answers
    assert all(box.answer_again(bytes([number])) for number in range(1, limits.ANSWERS + 1))


def test_answers_under_keys_that_are_gone_are_forgotten_alone() -> None:
    box = outbox()
    box.answer(b"one", CONF2ACK)
    box.answer(b"two", HELLO_ACK)
    box.answer(b"three", CONF2ACK)
    box.forget_reply(CONF2ACK)
    assert list(box.answers) == [b"two"]
    assert box.answer_again(b"two")
    box.forget_answers()
    assert not box.answers


# Rates


def test_answers_to_strangers_are_limited_and_half_of_a_burst_is_kept_for_hello_ack() -> None:
    box = outbox()
    pong = PingACK.make(version=b"1.10", sender_endpoint_hash=bytes(8), received_endpoint_hash=bytes(8), ssrc=1)
    kept = limits.KEPT_FOR_HELLO_ACK
    flood = [box.answer_limited(pong, 0.0, kept) for _ in range(100)]
    assert sum(flood) == limits.ANSWER_BURST - limits.KEPT_FOR_HELLO_ACK
    hellos = [box.answer_limited(HELLO_ACK, 0.0, 0.0) for _ in range(100)]
    assert sum(hellos) == limits.KEPT_FOR_HELLO_ACK
    assert len(taken(box)) == limits.ANSWER_BURST
    assert not box.answer_limited(HELLO_ACK, 0.0, 0.0)
    assert box.answer_limited(HELLO_ACK, 1 / limits.ANSWER_RATE, 0.0)


def test_what_is_not_for_strangers_is_not_limited() -> None:
    box = outbox()
    for _ in range(1000):
        box.transmit(RELAY_ACK)
    assert len(taken(box)) == 1000


def test_the_first_message_in_fragments_has_a_number_that_nobody_can_foresee() -> None:
    for seed in range(3):
        box = outbox(mtu=600, seed=seed)
        first = box.sequence
        box.transmit(sized(1000))
        assert {packet.message_id for packet in sent(box) if isinstance(packet, Fragment)} == {first}
