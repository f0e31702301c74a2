"""zrtp.wire.fragments: long messages in pieces, within bounds whatever a stranger sends."""

from __future__ import annotations

import random
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.vectors import Reception, Transcript, receptions, transcripts
from tests.support.wire import commit, reseal
from zrtp.errors import EngineDefect, MalformedPacket
from zrtp.wire.fragments import MESSAGES_HELD, PARTS, Reassembler, split
from zrtp.wire.messages import DHPart1, parse
from zrtp.wire.packet import LONGEST_KEM_MESSAGE, Fragment, Packet, decode_packet, encode_fragment

LIMIT = LONGEST_KEM_MESSAGE
MESSAGE = commit(key_agreement=b"X3M3", public_key=bytes(range(200)) * 8 + bytes(24)).raw

RECORDED = [
    transcript
    for transcript in transcripts()
    if any(packet.data.startswith(b"\x11\x00") for packet in transcript.packets)
]


def piece(
    offset: int, data: bytes, *, message_id: int = 7, total: int = len(MESSAGE) // 4, sequence: int = 1
) -> Fragment:
    """A fragment with a place in words."""
    return Fragment(sequence=sequence, ssrc=2, message_id=message_id, total_words=total, offset_words=offset, data=data)


def pieces(message: bytes = MESSAGE, mtu: int = 600, message_id: int = 7, sequence: int = 1) -> list[Fragment]:
    """All fragments of a message, in one copy whose sequence numbers follow each other."""
    return [
        piece(offset, data, message_id=message_id, total=len(message) // 4, sequence=(sequence + number) & 0xFFFF)
        for number, (offset, data) in enumerate(split(message, mtu))
    ]


def feed(reassembler: Reassembler, fragments: list[Fragment], now: float = 0.0) -> list[bytes]:
    """The messages that come of fragments."""
    return [message for fragment in fragments for message in reassembler.add(fragment, now)]


class TestSplit:
    def test_payload_is_the_mtu_less_24_octets(self) -> None:
        parts = split(MESSAGE, 600)
        assert [offset for offset, _ in parts] == [0, 144, 288, 432]
        assert [len(data) for _, data in parts] == [576, 576, 576, len(MESSAGE) - 3 * 576]
        assert b"".join(data for _, data in parts) == MESSAGE

    @pytest.mark.parametrize("mtu", [600, 1000, 1452])
    def test_no_datagram_exceeds_the_mtu(self, mtu: int) -> None:
        for offset, data in split(MESSAGE, mtu):
            datagram = encode_fragment(
                1, 2, message_id=7, total_words=len(MESSAGE) // 4, offset_words=offset, data=data
            )
            assert len(datagram) <= mtu

    @every("mtu", [0, 24, 596, 601, 602, 1451])
    def test_an_mtu_that_cannot_be(self, mtu: int) -> None:
        with pytest.raises(EngineDefect, match="multiple of 4"):
            split(MESSAGE, mtu)


class TestReassembly:
    @pytest.mark.parametrize("mtu", [600, 1000, 1452])
    def test_in_order(self, mtu: int) -> None:
        assert feed(Reassembler(LIMIT), pieces(mtu=mtu)) == [MESSAGE]

    @every("seed", range(10))
    def test_in_any_order(self, seed: int) -> None:
        fragments = pieces()
        random.Random(seed).shuffle(fragments)
        assert feed(Reassembler(LIMIT), fragments) == [MESSAGE]

    @given(st.data(), st.binary(min_size=1, max_size=60))
    def test_any_cut(self, data: st.DataObject, letters: bytes) -> None:
        message = letters * 4
        cuts = data.draw(st.sets(st.integers(1, max(1, len(letters) - 1))))
        bounds = sorted({0, len(letters), *(cut for cut in cuts if cut < len(letters))})
        fragments = [piece(start, message[4 * start : 4 * end], total=len(letters)) for start, end in pairwise(bounds)]
        order = data.draw(st.permutations(fragments))
        assert feed(Reassembler(LIMIT), order) == [message]

    @pytest.mark.parametrize("transcript", RECORDED, ids=str)
    def test_recorded_fragments(self, transcript: Transcript) -> None:
        reassemblers = {role: Reassembler(LIMIT) for role in ("initiator", "responder")}
        whole = set()
        for recorded in transcript.packets:
            packet = decode_packet(recorded.data)
            if isinstance(packet, Fragment):
                for message in reassemblers[recorded.sender].add(packet, 0.0):
                    parse(message)
                    whole.add(message)
        assert whole
        assert whole <= {octets for _, octets in transcript.messages.present()}

    @pytest.mark.attack("PAR-27")
    @pytest.mark.parametrize("reception", receptions(), ids=str)
    def test_recorded_beside_forged_ones(self, reception: Reception) -> None:
        """The true message comes out whole with its first copy, again with each further copy, and nothing else does."""
        reassembler = Reassembler(LIMIT)
        copies: dict[float, list[bytes]] = {}
        for at, datagram, forged in reception.datagrams:
            packet = decode_packet(datagram)
            if isinstance(packet, Fragment):
                messages = reassembler.add(packet, at)
                assert not (forged and messages)
                copies.setdefault(at, []).extend(messages)
        (first, *others) = copies.values()
        assert len(first) == 1
        assert isinstance(parse(first[0]), DHPart1)
        assert others and all(messages == first for messages in others)

    def test_a_message_sent_again_is_a_message_again(self) -> None:
        assert feed(Reassembler(LIMIT), pieces(sequence=1) + pieces(sequence=9)) == [MESSAGE, MESSAGE]

    @every("arrived", range(4))
    def test_one_part_of_a_further_copy_shows_that_it_is_repeated(self, arrived: int) -> None:
        reassembler = Reassembler(LIMIT)
        feed(reassembler, pieces(sequence=0xFFFA))
        assert feed(reassembler, [pieces(sequence=2)[arrived]]) == [MESSAGE]

    def test_datagrams_that_the_network_doubles_bring_no_message_again(self) -> None:
        reassembler = Reassembler(LIMIT)
        assert feed(reassembler, pieces() + pieces()[::-1]) == [MESSAGE]

    def test_a_copy_of_a_message_is_recognised_beside_forged_parts(self) -> None:
        reassembler = Reassembler(LIMIT)
        feed(reassembler, pieces(sequence=1))
        feed(reassembler, [piece(144, bytes(576), sequence=number) for number in range(40, 48)])
        assert MESSAGE in feed(reassembler, [pieces(sequence=50)[2]])

    def test_each_copy_may_lose_a_part(self) -> None:
        reassembler = Reassembler(LIMIT)
        first, second = pieces(sequence=0xFFFD), pieces(sequence=5)
        assert feed(reassembler, [first[0], first[1], first[3]]) == []
        assert feed(reassembler, [second[2]]) == [MESSAGE]


@pytest.mark.attack("PAR-25")
class TestBounds:
    @every(
        "fragment",
        [
            pytest.param(piece(0, b"0123", message_id=0), id="message id 0"),
            pytest.param(piece(0, b"0123", total=0), id="no words at all"),
            pytest.param(piece(0, b"", total=4), id="an empty part"),
            pytest.param(piece(0, b"01234", total=4), id="half a word"),
            pytest.param(piece(4, b"0123", total=4), id="behind the end"),
            pytest.param(piece(0xFFFF, b"0123", total=4), id="far behind the end"),
            pytest.param(piece(3, b"01234567", total=4), id="across the end"),
            pytest.param(piece(0, b"0123", total=LIMIT // 4 + 1), id="longer than any message"),
            pytest.param(piece(0, b"0123", total=0xFFFF), id="65535 words"),
        ],
    )
    def test_impossible_fragments(self, fragment: Fragment) -> None:
        reassembler = Reassembler(LIMIT)
        with pytest.raises(MalformedPacket):
            reassembler.add(fragment, 0.0)
        assert reassembler.octets_held == 0

    def test_the_longest_message_is_allowed(self) -> None:
        assert len(MESSAGE) == LIMIT
        assert feed(Reassembler(LIMIT), pieces()) == [MESSAGE]

    def test_repetitions_are_ignored(self) -> None:
        first, *others = pieces()
        assert feed(Reassembler(LIMIT), [first, first, first, *others]) == [MESSAGE]

    def test_the_sum_of_the_lengths_is_no_proof(self) -> None:
        first, second, third, fourth = pieces()
        reassembler = Reassembler(LIMIT)
        assert feed(reassembler, [first, first, second, second]) == []
        assert feed(reassembler, [fourth, third]) == [MESSAGE]


FAR = 30_000
"""Away from the sequence numbers of the true copies."""


@pytest.mark.attack("PAR-25")
@pytest.mark.attack("PAR-27")
class TestForgedParts:
    @every(
        ("offset", "words"),
        [(1, 2), (0, 3), (2, 4), (3, 1), (2, 3), (1, 5), (0, 8), (4, 3), (2, 2)],
        ids=lambda value: str(value),
    )
    @every("when", range(6))
    def test_an_overlap_changes_nothing(self, offset: int, words: int, when: int) -> None:
        whole = b"CCCCCCCCAAAAAAAADDDDBBBBEEEEEEEE"
        true = [piece(start, whole[4 * start : 4 * end], total=8) for start, end in pairwise([0, 2, 4, 5, 6, 8])]
        forged = piece(offset, b"X" * (4 * words), total=8, sequence=FAR)
        given = [*true[:when], forged, *true[when:]]
        messages = feed(Reassembler(LIMIT), given)
        assert whole in messages
        assert len(messages) == (1 if words < 8 else 2)

    @every("when", range(5))
    @every("place", range(4))
    def test_the_same_place_with_other_octets(self, place: int, when: int) -> None:
        true = pieces()
        forged = piece(true[place].offset_words, bytes(len(true[place].data)), sequence=FAR)
        assert feed(Reassembler(LIMIT), [*true[:when], forged, *true[when:]]) == [MESSAGE]

    @pytest.mark.parametrize("place", range(4))
    def test_the_same_place_with_the_right_sequence_number(self, place: int) -> None:
        """The forged message comes of it too; whoever takes messages drops it."""
        true = pieces()
        forged = piece(true[place].offset_words, bytes(len(true[place].data)), sequence=true[place].sequence)
        messages = feed(Reassembler(LIMIT), [forged, *true])
        assert len(messages) == 2
        assert MESSAGE in messages

    @every("when", range(5))
    @every("total", [LIMIT // 4 - 1, 150])
    def test_another_length(self, total: int, when: int) -> None:
        true = pieces()
        forged = piece(0, b"0123", total=total, sequence=FAR)
        assert feed(Reassembler(LIMIT), [*true[:when], forged, *true[when:]]) == [MESSAGE]

    def test_a_part_that_waits_at_its_place_counts_only_when_all_came_twice(self) -> None:
        true = pieces()
        forged = piece(true[3].offset_words, bytes(len(true[3].data)), sequence=FAR)
        reassembler = Reassembler(LIMIT)
        assert feed(reassembler, [forged, *true[:3], *true[:3]]) == []
        assert len(feed(reassembler, [forged])) == 1

    def test_numbers_far_apart_make_a_message_at_the_second_copy(self) -> None:
        odd = [piece(one.offset_words, one.data, sequence=9000 * number) for number, one in enumerate(pieces())]
        reassembler = Reassembler(LIMIT)
        assert feed(reassembler, odd) == []
        assert feed(reassembler, odd) == [MESSAGE]

    def test_many_forged_parts_between_those_of_a_copy(self) -> None:
        source = random.Random(3)
        reassembler = Reassembler(LIMIT)
        true = pieces()
        for number in range(300):
            where = source.choice(true)
            forged = piece(where.offset_words, source.randbytes(len(where.data)), sequence=FAR + number)
            assert MESSAGE not in feed(reassembler, [forged])
        assert feed(reassembler, true) == [MESSAGE]


@pytest.mark.attack("PAR-25")
class TestSideBySide:
    def test_two_messages_come_together_side_by_side(self) -> None:
        old, new = pieces(message_id=7), pieces(message_id=8, sequence=5)
        interleaved = [fragment for pair in zip(new, old, strict=True) for fragment in pair]
        assert feed(Reassembler(LIMIT), interleaved) == [MESSAGE, MESSAGE]

    def test_the_parts_that_came_longest_ago_give_way(self) -> None:
        reassembler = Reassembler(LIMIT)
        feed(reassembler, pieces()[:-1])
        for number in range(PARTS):
            reassembler.add(piece(0, b"0123", message_id=100 + number, total=2), 0.0)
        assert reassembler.octets_held == 4 * PARTS
        assert feed(reassembler, pieces()[-1:]) == []

    def test_a_bad_fragment_takes_no_place(self) -> None:
        reassembler = Reassembler(LIMIT)
        feed(reassembler, pieces()[:-1])
        with pytest.raises(MalformedPacket):
            reassembler.add(piece(9, b"0123", message_id=9, total=1), 0.0)
        assert feed(reassembler, pieces()[-1:]) == [MESSAGE]


@pytest.mark.attack("PAR-25")
class TestTime:
    def test_an_unfinished_message_is_given_up(self) -> None:
        reassembler = Reassembler(LIMIT)
        feed(reassembler, pieces()[:-1], now=100.0)
        reassembler.expire(109.9)
        assert reassembler.octets_held == sum(len(fragment.data) for fragment in pieces()[:-1])
        reassembler.expire(110.0)
        assert reassembler.octets_held == 0

    def test_a_late_part_begins_anew(self) -> None:
        reassembler = Reassembler(LIMIT)
        feed(reassembler, pieces()[:-1], now=100.0)
        assert feed(reassembler, pieces()[-1:], now=110.0) == []
        assert feed(reassembler, pieces(sequence=9)[:-1], now=111.0) == [MESSAGE]

    def test_another_time(self) -> None:
        reassembler = Reassembler(LIMIT, timeout=2.0)
        feed(reassembler, pieces()[:-1], now=0.0)
        reassembler.expire(2.0)
        assert reassembler.octets_held == 0


@pytest.mark.attack("PAR-25")
def test_memory_is_bounded() -> None:
    source = random.Random(1)
    reassembler = Reassembler(LIMIT)
    tracemalloc.start()
    try:
        for _ in range(2000):
            total = source.randrange(0x10000) if source.random() < 0.5 else LIMIT // 4
            fragment = piece(
                source.randrange(LIMIT // 4),
                source.randbytes(4 * source.randrange(LIMIT // 4)),
                message_id=source.randrange(4),
                total=total,
            )
            try:
                reassembler.add(fragment, 0.0)
            except MalformedPacket:
                continue
            assert reassembler.octets_held <= MESSAGES_HELD * LIMIT
        assert tracemalloc.get_traced_memory()[1] < 2 * MESSAGES_HELD * LIMIT + 100_000
    finally:
        tracemalloc.stop()


@pytest.mark.attack("PAR-25")
def test_fragments_come_through_the_packet_layer() -> None:
    reassembler = Reassembler(LIMIT)
    for fragment in pieces():
        datagram = encode_fragment(
            9,
            10,
            message_id=fragment.message_id,
            total_words=fragment.total_words,
            offset_words=fragment.offset_words,
            data=fragment.data,
        )
        packet = decode_packet(reseal(datagram))
        assert not isinstance(packet, Packet)
        messages = reassembler.add(packet, 0.0)
    assert messages == [MESSAGE]
