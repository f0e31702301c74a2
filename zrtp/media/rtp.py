"""RTP for one voice stream: packets, and numbering them (RFC 3550).

It knows the frame of telephone sound (20 ms of G.711) and nothing of keys, sockets or clocks.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from zrtp.door import need_flag, need_octets, need_whole, refuse, source_of_randomness
from zrtp.errors import ApiMisuse, ZrtpError
from zrtp.media.sound import g711
from zrtp.system import RandomSource, system_random

PCMU: Final = 0
"""Payload type of G.711 mu-law at 8 kHz (RFC 3551 table 4)."""

FRAME_SAMPLES: Final = 160
"""Samples in a packet of 20 ms at 8 kHz."""

FRAME_SECONDS: Final = FRAME_SAMPLES / g711.RATE

HEADER: Final = 12
"""Octets of the fixed header."""

_FIXED = struct.Struct("!BBHII")


class MalformedRtp(ZrtpError):
    """Octets that are not a complete RTP packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpPacket:
    """One RTP packet, taken apart (RFC 3550 section 5.1); of padding only the length is kept.

    Raises ApiMisuse for numbers that do not fit their fields: a program counts on, the fields wrap around.
    """

    payload_type: int
    """7 bits. With the marker 64 to 95 are refused: they would look like RTCP (RFC 5761 section 4)."""
    sequence: int
    """16 bits."""
    timestamp: int
    """In samples, 32 bits."""
    ssrc: int
    payload: bytes
    marker: bool = False
    """The first packet after silence (RFC 3551 section 4.1)."""
    csrcs: tuple[int, ...] = ()
    """Whose sound a mixer put together, at most 15 sources."""
    extension_profile: int | None = None
    """What kind of header extension follows, for example 0xBEDE (RFC 8285); None without one."""
    extension: bytes = b""
    """The header extension without its first four octets; a multiple of 4 octets."""
    padding: int = 0
    """Octets after the payload, 0 to 255; the last of them is their number."""

    def __post_init__(self) -> None:
        if type(self.payload) is not bytes or type(self.extension) is not bytes:
            need_octets("RtpPacket.payload", self.payload)
            need_octets("RtpPacket.extension", self.extension)
        if type(self.marker) is not bool:
            need_flag("RtpPacket.marker", self.marker)
        for name, bits in _WIDTHS.items():
            number = getattr(self, name)
            if type(number) is not int:
                refuse(f"RtpPacket.{name}", "a whole number", number)
            if not 0 <= number < 1 << bits:
                raise ApiMisuse(f"RtpPacket.{name} is {number}; it has {bits} bits, so keep it below {1 << bits}.")
        if self.marker and _FIRST_RTCP <= self.payload_type | 0x80 <= _LAST_RTCP:
            raise ApiMisuse(f"Payload type {self.payload_type} with the marker looks like RTCP: use another one.")
        if self.csrcs != () and not _are_sources(self.csrcs):
            raise ApiMisuse("RtpPacket.csrcs holds at most 15 numbers of 32 bits.")
        if len(self.extension) % 4 or len(self.extension) >= 1 << 18:
            raise ApiMisuse("A header extension is a multiple of 4 octets, below 262,144.")
        if self.extension and self.extension_profile is None:
            raise ApiMisuse("A header extension needs its extension_profile, for example 0xBEDE.")
        if self.extension_profile is None:
            return
        if not isinstance(self.extension_profile, int) or not 0 <= self.extension_profile < 1 << 16:
            raise ApiMisuse("RtpPacket.extension_profile is a number of 16 bits.")

    def encode(self) -> bytes:
        """The packet as octets."""
        extended = self.extension_profile is not None
        first = 0x80 | bool(self.padding) << 5 | extended << 4 | len(self.csrcs)
        second = self.marker << 7 | self.payload_type
        header = _FIXED.pack(first, second, self.sequence, self.timestamp, self.ssrc)
        for csrc in self.csrcs:
            header += csrc.to_bytes(4, "big")
        if self.extension_profile is not None:
            header += _EXTENSION.pack(self.extension_profile, len(self.extension) // 4) + self.extension
        padding = bytes(self.padding - 1) + bytes([self.padding]) if self.padding else b""
        return header + self.payload + padding

    @classmethod
    def decode(cls, octets: bytes) -> RtpPacket:
        """Read a packet; raises MalformedRtp if it is not one of version 2, RTCP, or shorter than it says."""
        if type(octets) is not bytes:
            octets = need_octets("An RTP packet", octets)
        if len(octets) < HEADER or octets[0] >> 6 != 2 or _FIRST_RTCP <= octets[1] <= _LAST_RTCP:
            raise MalformedRtp("This is not an RTP packet of version 2.")
        first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(octets)
        start = HEADER + 4 * (first & 0x0F)
        csrcs = tuple(int.from_bytes(octets[at : at + 4], "big") for at in range(HEADER, start, 4))
        profile, extension = None, b""
        if first & 0x10:
            if len(octets) < start + 4:
                raise MalformedRtp("The RTP packet ends within its header extension.")
            profile, words = _EXTENSION.unpack_from(octets, start)
            extension = octets[start + 4 : start + 4 + 4 * words]
            start += 4 + 4 * words
        padding = octets[-1] if first & 0x20 else 0
        end = len(octets) - padding
        if start > end or (first & 0x20 and not padding):
            raise MalformedRtp("The RTP packet is shorter than its header and padding say.")
        return cls(
            payload_type=second & 0x7F,
            sequence=sequence,
            timestamp=timestamp,
            ssrc=ssrc,
            payload=octets[start:end],
            marker=bool(second & 0x80),
            csrcs=csrcs,
            extension_profile=profile,
            extension=extension,
            padding=padding,
        )


def _are_sources(csrcs: object) -> bool:
    return (
        isinstance(csrcs, tuple)
        and len(csrcs) <= 15
        and all(isinstance(csrc, int) and 0 <= csrc < 1 << 32 for csrc in csrcs)
    )


_WIDTHS = {"payload_type": 7, "sequence": 16, "timestamp": 32, "ssrc": 32, "padding": 8}
_FIRST_RTCP: Final = 192
_LAST_RTCP: Final = 223
_EXTENSION = struct.Struct("!HH")


class Packetizer:
    """Numbers the frames of one sender: sequence and timestamp start at random and wrap around."""

    def __init__(self, ssrc: int, *, payload_type: int = PCMU, random: RandomSource = system_random) -> None:
        self._ssrc = need_whole("ssrc", ssrc, 0, 0xFFFFFFFF)
        self._payload_type = need_whole("payload_type", payload_type, 0, 127)
        random = source_of_randomness(random)
        # Starting in the lower half keeps the peer's guess of the rollover counter right even if the first
        # packets are lost (RFC 3711 section 3.3.1).
        self._sequence = int.from_bytes(random(2), "big") & 0x7FFF
        self._timestamp = int.from_bytes(random(4), "big")
        self._first = True

    @property
    def timestamp(self) -> int:
        """Of the next packet."""
        return self._timestamp

    def packet(
        self, payload: bytes, *, samples: int | None = None, payload_type: int | None = None, marker: bool | None = None
    ) -> RtpPacket:
        """The next packet of the stream, which lasts for `samples` ticks of its clock: as many as it has octets unless
        given, which is right for G.711; 960 for 20 ms of Opus. The first packet has the marker unless told otherwise.
        """
        packet = RtpPacket(
            payload_type=self._payload_type if payload_type is None else payload_type,
            sequence=self._sequence,
            timestamp=self._timestamp,
            ssrc=self._ssrc,
            payload=payload,
            marker=self._first if marker is None else marker,
        )
        self._first = False
        self._sequence = self._sequence + 1 & 0xFFFF
        self.skip(len(payload) if samples is None else samples)
        return packet

    def skip(self, samples: int) -> None:
        """Time passes without a packet, for example in a pause, or while the gate for media is shut."""
        if type(samples) is not int:
            need_whole("samples", samples)
        self._timestamp = self._timestamp + samples & 0xFFFFFFFF
