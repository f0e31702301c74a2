"""The playout buffer under networks of every kind, in virtual time."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from tests.media.sound.network import BLOCK, Network, play, sent
from tests.support.cases import every
from tests.support.tones import AMPLITUDE, pitch, sine
from zrtp.media.rtp import FRAME_SAMPLES, Packetizer, RtpPacket
from zrtp.media.sound import g711
from zrtp.media.sound.playout import PlayoutBuffer


def tone(number: int) -> bytes:
    """A tone of 400 Hz: its frames follow on each other."""
    return g711.encode(sine(400, 0.02))


def noise(number: int) -> bytes:
    return random.Random(number).randbytes(FRAME_SAMPLES)


def packets(count: int) -> list[RtpPacket]:
    return sent(count, frame=noise)


def said(count: int) -> list[int]:
    return [sample for number in range(count) for sample in g711.decode(noise(number))]


FADE_IN = 20
"""Samples after which the first sound is heard unchanged."""


def test_on_a_perfect_network_everything_is_heard_20_milliseconds_later_and_unchanged() -> None:
    heard = play(2, Network(), noise)
    first = 2 * BLOCK + 160  # said after 20 ms, and early by 20 ms

    assert not any(heard.samples[:first])
    assert heard.samples[first + FADE_IN :].tolist() == said(100)[FADE_IN : len(heard.samples) - first]
    assert heard.delays == [20.0, 20.0]


@pytest.mark.long
@every("seed", range(5))
def test_jitter_of_100_milliseconds_costs_at_most_140(seed: int) -> None:
    heard = play(60, Network(jitter=0.1, seed=seed))

    assert max(heard.delays) <= 140
    assert heard.buffer.late < 10
    assert heard.buffer.starts == 1


@every("jitter", [0.0, 0.02, 0.06, 0.15])
def test_the_delay_follows_the_jitter(jitter: float) -> None:
    heard = play(30, Network(jitter=jitter))

    assert jitter * 1000 <= max(heard.delays[5:]) <= jitter * 1000 + 40


def test_the_delay_never_exceeds_200_milliseconds() -> None:
    heard = play(30, Network(jitter=0.4))

    assert max(heard.delays) <= 200
    assert heard.buffer.late > 100


def test_packets_out_of_order_and_twice_make_no_difference() -> None:
    buffer, heard = PlayoutBuffer(), array("h")
    one, two, three = packets(3)
    for packet in (one, three, two, two, one):
        buffer.put(packet)
    for _ in range(8):
        heard += buffer.pull(BLOCK)

    assert heard[160 + FADE_IN :].tolist() == said(3)[FADE_IN:]


def test_a_lost_packet_is_made_up_for() -> None:
    heard = play(5, Network(loss=0.1), tone)
    quiet = [start for start in range(400, len(heard.samples), 80) if max(heard.samples[start : start + 80]) < 4000]

    assert quiet == []
    assert pitch(heard.samples[800:]) == 400


def test_a_network_that_falls_silent_becomes_silence() -> None:
    heard = play(2, Network(path=lambda at: 0 if at < 1 else 60), tone)

    assert not any(heard.samples[9600:])


@pytest.mark.long
@every("delay", [0.05, 0.15, 0.5, 2.0])
def test_after_everything_comes_later_it_is_heard_again_within_half_a_second(delay: float) -> None:
    heard = play(15, Network(path=lambda at: delay if at > 5 else 0), tone)
    again = round((5 + delay + 0.5) * 8000)
    quiet = [start for start in range(again, len(heard.samples), 80) if max(heard.samples[start : start + 80]) < 4000]

    assert quiet == []
    assert heard.delays[-1] <= 40


@pytest.mark.long
def test_after_a_slow_path_became_fast_the_delay_goes_back_within_seconds() -> None:
    heard = play(20, Network(path=lambda at: 0.5 if 5 < at < 10 else 0), tone)

    assert max(heard.delays) <= 200
    assert heard.delays[15] <= 40
    assert pitch(heard.samples[-8000:]) == 400


def test_what_is_left_out_and_put_in_makes_no_clicks() -> None:
    heard = play(20, Network(path=lambda at: 0.08 if 4 < at < 10 else 0), tone)
    steps = [abs(after - before) for before, after in zip(heard.samples[400:], heard.samples[401:], strict=False)]
    steepest = AMPLITUDE * 2 * math.pi * 400 / 8000

    assert len(set(heard.delays)) > 1  # it did move
    assert max(steps) < 1.5 * steepest


@pytest.mark.long
@every("drift", [-1000e-6, 1000e-6])
def test_clocks_that_drift_are_followed(drift: float) -> None:
    heard = play(60, Network(drift=drift))

    assert max(heard.delays) <= 60
    assert (heard.buffer.starts, heard.buffer.late) == (1, 0)


@pytest.mark.long
@pytest.mark.parametrize("drift", [-100e-6, 100e-6])
def test_clocks_that_drift_for_an_hour_are_followed(drift: float) -> None:
    heard = play(3600, Network(drift=drift, jitter=0.005), tone)

    assert max(heard.delays) <= 60
    assert heard.buffer.starts == 1
    assert heard.buffer.late < 50


def test_timestamps_that_wrap_around_are_no_gap() -> None:
    packetizer = Packetizer(1, random=lambda length: b"\xff" * length)
    buffer, heard = PlayoutBuffer(), array("h")
    for number in range(50):
        buffer.put(packetizer.packet(noise(number)))
        heard += buffer.pull(2 * BLOCK)

    assert heard[160 + FADE_IN :].tolist() == said(49)[FADE_IN:]
    assert buffer.starts == 1


def test_another_sender_is_heard_at_once() -> None:
    buffer = PlayoutBuffer()
    for packet in packets(10):
        buffer.put(packet)
        buffer.pull(160)
    other = Packetizer(2, random=lambda length: b"\x70" * length)
    heard = array("h")
    for number in range(10):
        buffer.put(other.packet(tone(number)))
        heard += buffer.pull(160)

    assert buffer.starts == 2
    assert pitch(heard[320:]) == 400


@pytest.mark.parametrize("turns", [2000, pytest.param(20_000, marks=pytest.mark.long)])
def test_whatever_a_sender_says_memory_is_bounded_and_sound_goes_on(turns: int) -> None:
    dice = random.Random(3)
    buffer = PlayoutBuffer()
    for turn in range(turns):
        near = turn * 80 + dice.randrange(dice.choice([320, 8000]))
        timestamp = dice.choice([dice.getrandbits(32), near, near])
        payload = dice.randbytes(dice.choice([0, 1, 80, 160, 1400]))
        ssrc = dice.choice([1, 1, 1, 2])
        buffer.put(RtpPacket(payload_type=0, sequence=1, timestamp=timestamp, ssrc=ssrc, payload=payload))
        assert len(buffer.pull(BLOCK)) == BLOCK
        assert buffer.waiting <= 100


def test_silence_that_waits_too_long_is_left_out_at_once() -> None:
    """Other sound is shortened by a pitch period now and then, which takes longer."""
    slower_for_a_second = Network(path=lambda at: 0.1 if 1 < at < 2 else 0)

    assert play(4.2, slower_for_a_second).buffer.delay == 160
    assert play(4.2, slower_for_a_second, tone).buffer.delay > 160


def test_each_packet_that_comes_too_late_is_counted_once() -> None:
    buffer = PlayoutBuffer()
    first, second = packets(2)
    buffer.put(second)
    buffer.pull(5 * BLOCK)
    buffer.put(first)

    assert buffer.late == 1
