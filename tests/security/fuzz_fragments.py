"""Any sequence of fragments through the reassembler, against a model that keeps every word by itself.

An input is a limit and then fragments: message id, total length, offset, length and time, six octets each.
"""

from __future__ import annotations

from zrtp.errors import MalformedPacket
from zrtp.wire.fragments import ASSEMBLY_TIMEOUT, STALLED, Reassembler, split
from zrtp.wire.packet import Fragment

MESSAGE_IDS = (0, 1, 2, 3, 0x7FFF, 0xFFFF)


class Model:
    """One message at a time, as a list of words that came."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.message_id = -1
        self.started = self.progressed = 0.0
        self.words: list[bytes | None] = []
        self.parts: dict[tuple[int, int], bytes] = {}

    def add(self, fragment: Fragment, now: float) -> bytes | None:
        """The message when it is complete; raises ValueError for what must be refused."""
        if self.message_id >= 0 and now - self.started >= ASSEMBLY_TIMEOUT:
            self.message_id = -1
        count = len(fragment.data) // 4
        bad = fragment.message_id == 0 or 4 * fragment.total_words > self.limit or count == 0
        if bad or fragment.offset_words + count > fragment.total_words:
            raise ValueError
        if fragment.message_id < self.message_id:
            if now - self.progressed < STALLED:
                return None
            self.message_id = -1
        if fragment.message_id > self.message_id:
            self.message_id, self.started, self.progressed = fragment.message_id, now, now
            self.words, self.parts = [None] * fragment.total_words, {}
        if fragment.total_words != len(self.words):
            raise ValueError
        place = (fragment.offset_words, count)
        if self.parts.get(place) == fragment.data:
            return None
        span = range(fragment.offset_words, fragment.offset_words + count)
        if any(self.words[word] is not None for word in span):
            raise ValueError
        self.parts[place] = fragment.data
        self.progressed = now
        for number, word in enumerate(span):
            self.words[word] = fragment.data[4 * number : 4 * number + 4]
        if any(word is None for word in self.words):
            return None
        self.message_id = -1
        return b"".join(word for word in self.words if word is not None)


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
        assert reassembler.octets_held <= limit
    _round_trip(data)


def _compare(reassembler: Reassembler, model: Model, fragment: Fragment, now: float) -> None:
    broken = len(fragment.data) % 4 != 0
    expected: bytes | None = None
    refused = broken
    if not broken:
        try:
            expected = model.add(fragment, now)
        except ValueError:
            refused = True
    elif model.message_id >= 0 and now - model.started >= ASSEMBLY_TIMEOUT:
        model.message_id = -1
    try:
        got = reassembler.add(fragment, now)
    except MalformedPacket:
        assert refused, fragment
        return
    assert not refused, fragment
    assert got == expected, fragment


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
        assert got == (message if number == len(parts) - 1 else None)
