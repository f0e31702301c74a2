"""Keys of the telephone: the payload of RFC 4733, and the packets of a press among those of a stream."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zrtp.errors import ApiMisuse
from zrtp.media.dtmf import DIGITS, END_COPIES, DtmfEvent, Press, presses
from zrtp.media.rtp import Packetizer, RtpPacket


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


STEP = 160


def pressed(packetizer: Packetizer, ticks: int) -> Press:
    return Press(packetizer, presses("5", ticks, STEP), STEP, 101)


def held_to_the_end(press: Press) -> list[tuple[int, RtpPacket]]:
    """When each packet was due, and the packet."""
    packets: list[tuple[int, RtpPacket]] = []
    while (due := press.due) is not None:
        packets.append((due, press.packet()))
    return packets


def said(packet: RtpPacket) -> tuple[int, bool]:
    """How long the key has been held, and whether that was all."""
    event = DtmfEvent.decode(packet.payload)
    assert event is not None and event.digit == "5"
    return event.duration, event.end


def test_a_press_takes_the_next_numbers_of_the_stream_and_has_the_time_at_which_it_began() -> None:
    packetizer = Packetizer(7)
    before = packetizer.packet(bytes(160))
    press = pressed(packetizer, 400)
    packets = held_to_the_end(press)
    assert press.release() == []

    assert [due for due, _ in packets] == [160, 320, 400, 560, 720], "what is said is true when it is said"
    assert [said(packet) for _, packet in packets] == [(160, False), (320, False), *[(400, True)] * END_COPIES]
    assert {packet.timestamp for _, packet in packets} == {before.timestamp + 160 & 0xFFFFFFFF}
    numbers = [packet.sequence - before.sequence & 0xFFFF for _, packet in packets]
    assert numbers == [1, 2, 3, 4, 5]
    assert [packet.marker for _, packet in packets] == [True, False, False, False, False]
    after = packetizer.packet(bytes(160))
    assert after.sequence == before.sequence + 6 & 0xFFFF
    assert after.timestamp == before.timestamp + 160 + 720 & 0xFFFFFFFF


@pytest.mark.parametrize("frames", [1, 4, 5, 6])
def test_time_passes_once_while_somebody_goes_on_talking_in_vain(frames: int) -> None:
    """A phone has a frame each 20 ms, which is not sent while the key is down; or one more, or less."""
    packetizer = Packetizer(7)
    began = packetizer.timestamp
    press = pressed(packetizer, 480)
    for _ in range(frames):
        packetizer.skip(STEP)
    assert {packet.timestamp for _, packet in held_to_the_end(press)} == {began}
    press.release()

    assert packetizer.timestamp == began + max(frames, 5) * STEP & 0xFFFFFFFF


def test_own_packets_may_go_out_during_a_press_and_keep_their_own_time() -> None:
    packetizer = Packetizer(7)
    began = packetizer.timestamp
    press = pressed(packetizer, 320)
    packets = [press.packet(), packetizer.packet(bytes(160)), press.packet(), packetizer.packet(bytes(160))]
    packets += [packet for _, packet in held_to_the_end(press)]
    press.release()

    assert [packet.sequence - packets[0].sequence & 0xFFFF for packet in packets] == [0, 1, 2, 3, 4, 5]
    assert [packet.timestamp - began & 0xFFFFFFFF for packet in packets] == [0, 0, 0, 160, 0, 0]


def test_a_key_that_goes_up_too_early_says_so_three_times() -> None:
    packetizer = Packetizer(7)
    began = packetizer.timestamp
    press = pressed(packetizer, 800)
    for _ in range(2):
        press.packet()
    ends = press.release()

    assert [said(packet) for packet in ends] == [(320, True)] * END_COPIES
    assert {packet.timestamp for packet in ends} == {began}
    assert not any(packet.marker for packet in ends)
    assert packetizer.timestamp == began + 320 & 0xFFFFFFFF


def test_of_the_copies_of_the_end_none_is_forgotten() -> None:
    press = pressed(Packetizer(7), 320)
    for _ in range(3):
        press.packet()
    assert [said(packet) for packet in press.release()] == [(320, True)]


def test_a_key_of_which_nothing_was_said_has_nothing_to_end() -> None:
    packetizer = Packetizer(7)
    began = packetizer.timestamp
    assert pressed(packetizer, 320).release() == []
    assert packetizer.timestamp == began
