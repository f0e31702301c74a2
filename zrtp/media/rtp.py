"""RTP for one voice stream: packets, numbering them, and putting received ones back in order (RFC 3550).

It knows the frame of telephone sound (20 ms of G.711) and nothing of keys, sockets or clocks.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from zrtp.errors import ZrtpError
from zrtp.media.sound import g711
from zrtp.system import RandomSource, system_random

PCMU: Final = 0
"""Payload type of G.711 mu-law at 8 kHz (RFC 3551 table 4)."""

FRAME_SAMPLES: Final = 160
"""Samples in a packet of 20 ms at 8 kHz."""

FRAME_SECONDS: Final = FRAME_SAMPLES / g711.RATE

HEADER: Final = 12
"""Octets of the fixed header."""

_LONGEST_GAP: Final = 10 * g711.RATE
"""Samples that silence fills at most: a longer jump of the timestamp is a restart of the sender's clock."""

_FIXED = struct.Struct("!BBHII")


class MalformedRtp(ZrtpError):
    """Octets that are not a complete RTP packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpPacket:
    """One RTP packet; contributing sources, extension and padding of a received one are left out."""

    payload_type: int
    sequence: int
    """16 bits."""
    timestamp: int
    """In samples, 32 bits."""
    ssrc: int
    payload: bytes
    marker: bool = False
    """The first packet after silence (RFC 3551 section 4.1)."""

    def encode(self) -> bytes:
        """The packet as octets."""
        second = self.marker << 7 | self.payload_type
        return _FIXED.pack(0x80, second, self.sequence, self.timestamp, self.ssrc) + self.payload

    @classmethod
    def decode(cls, octets: bytes) -> RtpPacket:
        """Read a packet; raises MalformedRtp if it is not one of version 2 or shorter than it says."""
        if len(octets) < HEADER or octets[0] >> 6 != 2:
            raise MalformedRtp("This is not an RTP packet of version 2.")
        first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(octets)
        return cls(
            payload_type=second & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=_payload(octets, first),
            marker=bool(second & 0x80),
        )


def _payload(octets: bytes, first: int) -> bytes:
    """What follows the header, its contributing sources and its extension, without the padding."""
    start = HEADER + 4 * (first & 0x0F)
    if first & 0x10:
        if len(octets) < start + 4:
            raise MalformedRtp("The RTP packet ends within its header extension.")
        start += 4 + 4 * int.from_bytes(octets[start + 2 : start + 4], "big")
    end = len(octets) - (octets[-1] if first & 0x20 else 0)
    if start > end or (first & 0x20 and octets[-1] == 0):
        raise MalformedRtp("The RTP packet is shorter than its header and padding say.")
    return octets[start:end]


class Packetizer:
    """Numbers the frames of one sender: sequence and timestamp start at random and wrap around."""

    def __init__(self, ssrc: int, *, payload_type: int = PCMU, random: RandomSource = system_random) -> None:
        self._ssrc = ssrc
        self._payload_type = payload_type
        # Starting in the lower half keeps the peer's guess of the rollover counter right even if the first
        # packets are lost (RFC 3711 section 3.3.1).
        self._sequence = int.from_bytes(random(2), "big") & 0x7FFF
        self._timestamp = int.from_bytes(random(4), "big")
        self._first = True

    def packet(self, payload: bytes) -> RtpPacket:
        """The next packet of the stream; its octets are counted as samples."""
        packet = RtpPacket(
            payload_type=self._payload_type,
            sequence=self._sequence,
            timestamp=self._timestamp,
            ssrc=self._ssrc,
            payload=payload,
            marker=self._first,
        )
        self._first = False
        self._sequence = self._sequence + 1 & 0xFFFF
        self.skip(len(payload))
        return packet

    def skip(self, samples: int) -> None:
        """Time passes without a packet, for example while the gate for media is shut."""
        self._timestamp = self._timestamp + samples & 0xFFFFFFFF


class PlayoutBuffer:
    """Puts the packets of one sender back in order, with silence for the lost ones.

    It holds `depth` packets back, a fixed delay: what arrives at most so many packets late is played at its
    place. Without loss the octets that come out are exactly the octets that were sent.
    """

    def __init__(self, depth: int = 5) -> None:
        self._depth = depth
        self._waiting: dict[int, RtpPacket] = {}  # by sequence number without wrap
        self._ssrc: int | None = None
        self._newest = 0
        self._played: int | None = None  # sequence number without wrap of the last one that came out
        self._clock = 0  # the timestamp after the last sample that came out
        self.late = 0
        """Packets that came after their turn, or twice."""

    def put(self, packet: RtpPacket) -> bytes:
        """Take a packet, return the octets that can be played now."""
        out = b"" if packet.ssrc == self._ssrc else self._start_with(packet)
        sequence = self._newest + _distance(self._newest, packet.sequence)
        if sequence in self._waiting or (self._played is not None and sequence <= self._played):
            self.late += 1
            return out
        self._waiting[sequence] = packet
        self._newest = max(self._newest, sequence)
        while len(self._waiting) > self._depth:
            out += self._next()
        return out

    def flush(self) -> bytes:
        """The octets still held back, at the end of a stream."""
        out = b""
        while self._waiting:
            out += self._next()
        return out

    def _start_with(self, packet: RtpPacket) -> bytes:
        out = self.flush()
        self._ssrc, self._newest, self._played = packet.ssrc, packet.sequence, None
        return out

    def _next(self) -> bytes:
        sequence = min(self._waiting)
        packet = self._waiting.pop(sequence)
        gap = 0 if self._played is None else packet.timestamp - self._clock & 0xFFFFFFFF
        silence = bytes([g711.SILENCE]) * gap if gap <= _LONGEST_GAP else b""
        self._played = sequence
        self._clock = packet.timestamp + len(packet.payload) & 0xFFFFFFFF
        return silence + packet.payload


def _distance(reference: int, sequence: int) -> int:
    """How far a sequence number of 16 bits is ahead of the reference, the short way around."""
    return ((sequence - reference + 0x8000) & 0xFFFF) - 0x8000
