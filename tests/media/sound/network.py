"""A sender, a network and a loudspeaker in virtual time: packets every 20 ms, blocks of 10 ms."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from zrtp.media.rtp import FRAME_SAMPLES, Packetizer, RtpPacket
from zrtp.media.sound.playout import PlayoutBuffer

BLOCK = 80


def no_delay(at: float) -> float:
    return 0.0


@dataclass(kw_only=True)
class Network:
    """What happens to packets."""

    jitter: float = 0.0
    """Seconds; each packet is delayed by up to so much."""
    loss: float = 0.0
    """The part of the packets that is lost."""
    path: Callable[[float], float] = no_delay
    """The delay of the path at a time in seconds."""
    drift: float = 0.0
    """By how much the sender's clock is slow: 100e-6 is 100 ppm."""
    seed: int = 1


@dataclass
class Heard:
    """What came out of the buffer."""

    buffer: PlayoutBuffer
    samples: array[int]
    delays: list[float] = field(default_factory=list)
    """The buffer's delay in milliseconds, once a second."""


def sent(count: int, *, frame: Callable[[int], bytes]) -> list[RtpPacket]:
    packetizer = Packetizer(1, random=bytes)
    return [packetizer.packet(frame(number)) for number in range(count)]


def arrivals(packets: Sequence[RtpPacket], network: Network) -> list[tuple[float, RtpPacket]]:
    """The packets that arrive, in their order, with the times."""
    dice, out = random.Random(network.seed), []
    for number, packet in enumerate(packets, start=1):
        said = number * 0.02
        delay = network.path(said) + dice.uniform(0, network.jitter)
        if dice.random() >= network.loss:
            out.append((said * (1 + network.drift) + delay, packet))
    return sorted(out, key=lambda arrival: arrival[0])


def silence(number: int) -> bytes:
    return b"\xff" * FRAME_SAMPLES


def play(seconds: float, network: Network, frame: Callable[[int], bytes] = silence) -> Heard:
    """What is heard of a sender who says one frame after the other."""
    waiting = arrivals(sent(round(seconds * 50), frame=frame), network)[::-1]
    heard = Heard(PlayoutBuffer(), array("h"))
    for block in range(round(seconds * 100)):
        while waiting and waiting[-1][0] <= block / 100 + 0.003:
            heard.buffer.put(waiting.pop()[1])
        heard.samples += heard.buffer.pull(BLOCK)
        if block % 100 == 99:
            heard.delays.append(heard.buffer.delay / 8)
    return heard
