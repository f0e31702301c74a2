"""Recorded exchanges as an observer sees them go by, and ways to tamper with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.support.vectors import Messages, Transcript, transcripts
from zrtp.inspection.exchange import RecordedExchange
from zrtp.inspection.observer import Observer
from zrtp.wire.messages import CONF2ACK, HELLO_ACK
from zrtp.wire.packet import encode_packet

NAMES = ("alice", "bob")
"""The initiator and the responder."""

Sent = tuple[int, bytes]
"""Side and message."""


def named(name: str) -> Transcript:
    (found,) = [each for each in transcripts() if str(each) == name or each.name == name]
    return found


def messages_of(found: Messages) -> list[Sent]:
    """The messages of a finished exchange in order, with the acknowledgements."""
    order = [
        (0, found.hello_i),
        (1, found.hello_r),
        (0, HELLO_ACK.raw),
        (1, HELLO_ACK.raw),
        (1, found.commit_lost),
        (0, found.commit),
        (1, found.dhpart1),
        (0, found.dhpart2),
        (1, found.confirm1),
        (0, found.confirm2),
        (1, CONF2ACK.raw),
    ]
    return [(side, message) for side, message in order if message is not None]


def observe(sent: Sequence[Sent], *, ssrc: tuple[int, int] = (1, 2), first: int = 100) -> Observer:
    """What an observer makes of messages, one every 10 ms, with sequence numbers as they should be."""
    observer = Observer(NAMES)
    sequences = [first, first]
    for number, (side, message) in enumerate(sent):
        observer.datagram(number / 100, side, encode_packet(sequences[side], ssrc[side], message))
        sequences[side] = sequences[side] + 1 & 0xFFFF
    return observer


def exchange_of(sent: Sequence[Sent]) -> RecordedExchange:
    """The only exchange that there was."""
    (exchange,) = observe(sent).exchanges
    return exchange


def changed(found: Messages, **messages: bytes) -> list[Sent]:
    """The same exchange with other messages in their places."""
    return messages_of(replace(found, **messages))


def flipped(message: bytes | None, at: int = -1) -> bytes:
    """A message with one bit of one octet changed; the last octet is part of its MAC."""
    assert message is not None
    octets = bytearray(message)
    octets[at] ^= 1
    return bytes(octets)


def texts(exchange: RecordedExchange) -> str:
    """All findings in one text."""
    return "\n".join(f"{each.severity.name} {each.text} {each.section}" for each in exchange.findings)


def outcome(exchange: RecordedExchange) -> dict[str, list[str]]:
    """By message, what was checked; wrong ones with an exclamation mark."""
    return {
        f"{step.title} of {NAMES[step.side]}": [each.what + ("" if each.good else "!") for each in step.checks]
        for step in exchange.steps
        if step.repeats is None
    }
