"""What encrypted packets look like, and what those do that are not."""

from __future__ import annotations

import random

import pytest

from tests.support.frames import rtp
from tests.support.pcap import CAPTURES, udp_datagrams
from tests.support.pcmu import encode
from tests.support.speech import speech
from zrtp.inspection.appearance import FEWEST_PACKETS, Appearance, of

DICE = random.Random(7)


def packets(payloads: list[bytes]) -> list[bytes]:
    return [rtp(number, payload) for number, payload in enumerate(payloads)]


def frames_of(octets: bytes, size: int = 160) -> list[bytes]:
    return [octets[at : at + size] for at in range(0, len(octets) - size, size)]


@pytest.mark.parametrize("size", [50, 160, 1000])
def test_random_octets_look_encrypted(size: int) -> None:
    for _ in range(50):
        assert of(packets([DICE.randbytes(size) for _ in range(48)])) is Appearance.ENCRYPTED


@pytest.mark.parametrize("name", ["ms_sdes_srtp", "lp_default"])
def test_recorded_srtp_looks_encrypted(name: str) -> None:
    recorded = [each.payload for each in udp_datagrams(CAPTURES / f"{name}.pcap") if each.payload[:1] == b"\x80"]
    assert of(recorded[100:148]) is Appearance.ENCRYPTED


def test_packets_that_were_recorded_twice_count_once() -> None:
    once = packets([DICE.randbytes(160) for _ in range(24)])
    assert of([each for each in once for _ in range(2)]) is Appearance.ENCRYPTED


@pytest.mark.parametrize(
    "payloads",
    [
        frames_of(encode(speech(1.0))),
        [b"\xff" * 160] * 48,
        [b"\x78" + DICE.randbytes(60) for _ in range(48)],
        [DICE.randbytes(2) + b"\x10" + DICE.randbytes(60) for _ in range(48)],
    ],
    ids=["speech in G.711", "silence", "a codec with a header, like Opus", "one with the header further in"],
)
def test_sound_in_clear_looks_clear(payloads: list[bytes]) -> None:
    assert of(packets(payloads)) is Appearance.CLEAR


def test_from_too_little_nothing_is_concluded() -> None:
    assert of([]) is Appearance.UNKNOWN
    assert of(packets([DICE.randbytes(160)] * (FEWEST_PACKETS - 1))) is Appearance.UNKNOWN
    assert of(packets([DICE.randbytes(4) for _ in range(48)])) is Appearance.UNKNOWN


def test_contributing_sources_and_extensions_are_no_payload() -> None:
    one = b"\x91" + rtp(1, b"")[1:] + bytes(4) + b"\xbe\xde\x00\x02" + bytes(8)
    assert of([one + DICE.randbytes(160) for _ in range(48)]) is Appearance.ENCRYPTED
    assert of([b"\x90" + rtp(1, b"")[1:] + b"\xbe\xde\xff\xff"] * 48) is Appearance.UNKNOWN
