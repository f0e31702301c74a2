"""Keys of the telephone: the payload of RFC 4733 and the packets of one press."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zrtp.errors import ApiMisuse
from zrtp.media.dtmf import DIGITS, DtmfEvent, presses


def test_the_example_of_the_standard() -> None:
    """RFC 4733 section 5, table 5: digit 9, end, volume 7, duration 1600."""
    assert DtmfEvent(digit="9", duration=1600, end=True, volume=7).encode() == bytes.fromhex("09870640")


@given(st.sampled_from(DIGITS), st.integers(0, 0xFFFF), st.booleans(), st.integers(0, 63))
def test_every_event_comes_back(digit: str, duration: int, end: bool, volume: int) -> None:
    event = DtmfEvent(digit=digit, duration=duration, end=end, volume=volume)
    assert DtmfEvent.decode(event.encode()) == event


@pytest.mark.parametrize("payload", [b"", b"\x05\x80\x03", b"\x10\x80\x03\x20", b"\xff" * 4])
def test_what_is_no_key_is_none(payload: bytes) -> None:
    assert DtmfEvent.decode(payload) is None


def test_a_press_grows_until_it_ends() -> None:
    assert [(event.duration, event.end) for event in presses("5", 800, 160)] == [
        (160, False),
        (320, False),
        (480, False),
        (640, False),
        (800, True),
    ]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"digit": "x", "duration": 1}, "no key of a telephone"),
        ({"digit": "12", "duration": 1}, "no key of a telephone"),
        ({"digit": "1", "duration": 70_000}, "65,535 ticks"),
        ({"digit": "1", "duration": 1, "volume": 64}, "0 to 63"),
    ],
)
def test_wrong_values_are_refused_with_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(ApiMisuse, match=sentence):
        DtmfEvent(**wrong)  # type: ignore[arg-type]
