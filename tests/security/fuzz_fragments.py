"""Any sequence of fragments through the reassembler, against a model that keeps every word by itself.

An input is a limit and then fragments: message id, total length, offset, length and time, six octets each.
"""

from __future__ import annotations

from collections import defaultdict

from zrtp.errors import MalformedPacket
from zrtp.wire.fragments import MESSAGES_FOR_ONE, MESSAGES_HELD, Reassembler, split
from zrtp.wire.packet import Fragment

MESSAGE_IDS = (0, 1, 2, 3, 0x7FFF, 0xFFFF)


class Model:
    """Every word that came, by message and place."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.words: defaultdict[tuple[int, int, int], set[bytes]] = defaultdict(set)

    def refuses(self, fragment: Fragment) -> bool:
        """Whether the fragment exceeds a bound."""
        count, rest = divmod(len(fragment.data), 4)
        return (
            fragment.message_id == 0
            or 4 * fragment.total_words > self.limit
            or count == 0
            or rest > 0
            or fragment.offset_words + count > fragment.total_words
        )

    def add(self, fragment: Fragment) -> None:
        for number in range(len(fragment.data) // 4):
            place = (fragment.message_id, fragment.total_words, fragment.offset_words + number)
            self.words[place].add(fragment.data[4 * number : 4 * number + 4])

    def explains(self, message: bytes, fragment: Fragment) -> bool:
        """Whether that message can have come of this fragment and earlier ones."""
        start = 4 * fragment.offset_words
        return message[start : start + len(fragment.data)] == fragment.data and all(
            message[4 * place : 4 * place + 4] in self.words[fragment.message_id, fragment.total_words, place]
            for place in range(fragment.total_words)
        )


def run(data: bytes) -> None:
    """One execution."""
    if len(data) < 2:
        return
    limit = data[0] * 8
    reassembler, model = Reassembler(limit), Model(limit)
    now = 0.0
    for start in range(1, min(len(data), 1200) - 5, 6):
        kind, total, offset, count, fill, wait = data[start : start + 6]
        now += wait / 32
        fragment = Fragment(
            sequence=start,
            ssrc=1,
            message_id=MESSAGE_IDS[kind % len(MESSAGE_IDS)],
            total_words=total if kind < 250 else 0xFFFF,
            offset_words=offset if fill < 250 else 0xFFFF - offset,
            data=bytes([fill]) * (4 * (count % 64) + (count == 255)),
        )
        _compare(reassembler, model, fragment, now)
        assert reassembler.octets_held <= MESSAGES_HELD * limit
    _whole_copy(reassembler, limit, now)
    _round_trip(data)


def _compare(reassembler: Reassembler, model: Model, fragment: Fragment, now: float) -> None:
    try:
        messages = reassembler.add(fragment, now)
    except MalformedPacket:
        assert model.refuses(fragment), fragment
        return
    assert not model.refuses(fragment), fragment
    model.add(fragment)
    assert len(messages) <= MESSAGES_FOR_ONE
    for message in messages:
        assert len(message) == 4 * fragment.total_words
        assert model.explains(message, fragment), fragment


def _whole_copy(reassembler: Reassembler, limit: int, now: float) -> None:
    """Whatever came before: a copy of which nothing is missing is a message."""
    message = bytes(range(256)) * 8
    message = message[: min(limit, len(message))]
    messages: list[bytes] = []
    parts = split(message, 600)
    for number, (offset, part) in enumerate(parts):
        fragment = Fragment(
            sequence=0x8000 + number,
            ssrc=1,
            message_id=1,
            total_words=len(message) // 4,
            offset_words=offset,
            data=part,
        )
        messages = reassembler.add(fragment, now)
    assert not parts or message in messages


def _round_trip(data: bytes) -> None:
    """What is cut comes together again."""
    message = data[: len(data) // 4 * 4]
    if not message:
        return
    reassembler = Reassembler(len(message))
    parts = split(message, 600)
    for number, (offset, part) in enumerate(reversed(parts)):
        fragment = Fragment(
            sequence=number,
            ssrc=1,
            message_id=7,
            total_words=len(message) // 4,
            offset_words=offset,
            data=part,
        )
        got = reassembler.add(fragment, 0.0)
        assert got == ([message] if number == len(parts) - 1 else [])
