"""What a stream sends: packets and fragments with their numbers, answers to repeated messages, and bounds on both."""

from __future__ import annotations

from zrtp.protocol import compatibility, limits
from zrtp.system import RandomSource
from zrtp.wire.fragments import split
from zrtp.wire.messages import Message, PingACK
from zrtp.wire.packet import CRC, HEADER, encode_fragment, encode_packet


class Outbox:
    """The datagrams of one stream that are due, in order, and what it answered before."""

    __slots__ = (
        "_fragmented",
        "_mtu",
        "_ssrc",
        "answers",
        "bucket",
        "datagrams",
        "message_id",
        "ping_bucket",
        "sequence",
    )

    def __init__(self, ssrc: int, mtu: int, random: RandomSource) -> None:
        self._ssrc = ssrc
        self._mtu = mtu
        self.sequence = compatibility.first_sequence_number(random)
        self.datagrams: list[bytes] = []
        """The UDP payloads that are due now: whoever sends them leaves an empty list."""
        self.answers: dict[bytes, tuple[Message, int]] = {}
        self.bucket = limits.TokenBucket()
        self.ping_bucket = limits.TokenBucket(burst=limits.PING_BURST)
        self._fragmented = b""
        self.message_id = 0
        """Of the last message sent in fragments; 0 before the first."""

    def clear(self) -> None:
        """Nothing of this is sent any more."""
        self.datagrams.clear()

    def transmit(self, message: Message) -> None:
        """Put one message into a packet, or several fragments, each with the next sequence number."""
        raw = message.raw
        if len(raw) + HEADER + CRC <= self._mtu:
            self.datagrams.append(encode_packet(self.sequence, self._ssrc, raw))
            self.sequence = (self.sequence + 1) & 0xFFFF
            return
        if raw != self._fragmented:  # a new message has a new number, a copy keeps it
            self.message_id = self.message_id % 0xFFFF + 1 if self.message_id else self.sequence
            self._fragmented = raw
        for offset, data in split(raw, self._mtu):
            fragment = encode_fragment(
                self._next_sequence(),
                self._ssrc,
                message_id=self.message_id,
                total_words=len(raw) // 4,
                offset_words=offset,
                data=data,
            )
            self.datagrams.append(fragment)

    def answer(self, request: bytes, reply: Message) -> None:
        """Send a reply, and again whenever the same octets arrive once more (RFC 6189 section 6)."""
        self.answer_copies(request, reply)
        self.transmit(reply)

    def answer_copies(self, request: bytes, reply: Message) -> None:
        """Send a reply whenever the same octets arrive once more; the first one is on its way already."""
        if len(self.answers) >= limits.ANSWERS:
            del self.answers[next(iter(self.answers))]
        self.answers[request] = (reply, 0)

    def answer_again(self, raw: bytes) -> bool:
        """Answer a message of `answers`; False if that was done often enough."""
        reply, times = self.answers[raw]
        if times >= limits.DUPLICATE_ANSWERS:
            return False
        self.answers[raw] = (reply, times + 1)
        self.transmit(reply)
        return True

    def forget_answers(self) -> None:
        """Old requests are not answered again: their keys are gone."""
        self.answers.clear()

    def forget_reply(self, reply: Message) -> None:
        """What was answered with this is not answered again: it belongs to keys that are gone."""
        for request, (known, _) in tuple(self.answers.items()):
            if known is reply:
                del self.answers[request]

    def answer_limited(self, message: Message, now: float, kept: float) -> bool:
        """Answer something unauthenticated; False if the rate limit forbids it, with so many answers `kept`."""
        if not self.bucket.take(now, kept):
            return False
        self.transmit(message)
        return True

    def answer_ping(self, ack: PingACK, now: float) -> bool:
        """Answer a Ping; False if there are too many. They have a limit of their own, since a peer that is crowded by
        strangers asks by a Ping who hears it.
        """
        if not self.ping_bucket.take(now):
            return False
        self.transmit(ack)
        return True

    def _next_sequence(self) -> int:
        sequence = self.sequence
        self.sequence = (sequence + 1) & 0xFFFF
        return sequence
