"""Capture files, read once from front to back: pcap and pcapng, of either byte order, in microseconds or finer.

A file that is broken gives what stands before the damage; `problem` says then, in a sentence, what is wrong. Memory
does not grow with the file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from zrtp.errors import ZrtpError

Frame = tuple[float, int, bytes, bool]
"""Seconds since 1970, link type (a LINKTYPE number), octets, and whether these are all octets that there were."""

LONGEST_FRAME: Final = 262_144
"""Octets: the most that tcpdump and Wireshark record of one frame."""

MOST_INTERFACES: Final = 4096
"""Interfaces of one pcapng section whose description is kept."""

_BLOCK: Final = 1 << 20
_PCAP_HEADER: Final = 24
_PCAP_MAGIC: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_BYTE_ORDER: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_RESOLUTION, _OFFSET = 9, 14


class CaptureUnreadable(ZrtpError):
    """The file cannot be opened, or is no capture at all."""


class Capture:
    """One open file; `frames()` can be called once."""

    def __init__(self, path: Path) -> None:
        """Raises CaptureUnreadable if there is nothing to read, with a sentence that says why."""
        try:
            self._file: BinaryIO = path.open("rb")
            self.size = os.fstat(self._file.fileno()).st_size
            self._start = self._file.read(4)
        except OSError as error:
            raise CaptureUnreadable(f"{path} cannot be read: {error.strerror}.") from error
        self._path = path
        self._buffer = self._start
        self._position = 0
        self._before = 0  # octets of the file that stand before the buffer
        self.problem: str | None = None
        """What is wrong with the file, once it was read."""
        self.packets = 0
        """Frames so far."""
        if self._start not in _PCAP_MAGIC and self._start != _SECTION:
            self._file.close()
            raise CaptureUnreadable(f"{path} is no capture: {_what_it_is(self._start)}.")

    @property
    def octets_read(self) -> int:
        """How far in the file the reader is."""
        return self._before + self._position

    def frames(self) -> Iterator[Frame]:
        """The recorded frames in order; ends at the end of the file or at the first damage."""
        try:
            with self._file:
                yield from self._pcap() if self._start in _PCAP_MAGIC else self._pcapng()
        except OSError as error:
            self.problem = f"The file cannot be read any further than octet {self.octets_read}: {error.strerror}."

    def _fill(self, octets: int) -> bool:
        """Have so many octets in the buffer from the position on, if the file has them."""
        while len(self._buffer) - self._position < octets:
            more = self._file.read(max(_BLOCK, octets))
            if not more:
                return False
            self._before += self._position
            self._buffer = self._buffer[self._position :] + more
            self._position = 0
        return True

    def _ends_early(self, what: str) -> None:
        if len(self._buffer) > self._position:
            self.problem = f"The file ends within {what} at octet {self.octets_read}: the rest is missing."

    # pcap

    def _pcap(self) -> Iterator[Frame]:
        order, unit = _PCAP_MAGIC[self._start]
        if not self._fill(_PCAP_HEADER):
            self._ends_early("its header")
            return
        link = struct.unpack_from(f"{order}I", self._buffer, 20)[0] & 0xFFFF
        self._position = _PCAP_HEADER
        record = struct.Struct(f"{order}IIII")
        while self._fill(16):
            seconds, fraction, captured, length = record.unpack_from(self._buffer, self._position)
            if captured > LONGEST_FRAME:
                self.problem = (
                    f"The packet at octet {self.octets_read} claims {captured} octets, which no packet has: "
                    "the file is damaged there, and the rest of it cannot be read."
                )
                return
            if not self._fill(16 + captured):
                break
            start = self._position + 16
            self._position = start + captured
            self.packets += 1
            yield seconds + fraction * unit, link, self._buffer[start : start + captured], captured >= length
        self._ends_early("a packet")

    # pcapng

    def _pcapng(self) -> Iterator[Frame]:
        section = _Section("<")
        while self._fill(12):
            head = self._buffer[self._position : self._position + 12]
            if head[:4] == _SECTION:
                order = _BYTE_ORDER.get(head[8:12])
                if order is None:
                    self._note_damage("a section without a byte order")
                    return
                section = _Section(order)
            kind, length = struct.unpack_from(f"{section.order}II", head)
            if length < 12 or length % 4:
                self._note_damage(f"a block of {length} octets")
                return
            if kind not in (_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET):
                if not self._skip(length):
                    break
                continue
            if length > LONGEST_FRAME + 4096:
                self._note_damage(f"a packet of {length} octets")
                return
            if not self._fill(length):
                break
            frame = section.block(kind, self._buffer[self._position + 8 : self._position + length - 4])
            self._position += length
            if frame is not None:
                self.packets += 1
                yield frame
        self._ends_early("a block")

    def _skip(self, octets: int) -> bool:
        """Leave octets out without having them in memory; False if the file has not so many."""
        while octets:
            if not self._fill(1):
                return False
            step = min(octets, len(self._buffer) - self._position)
            self._position += step
            octets -= step
        return True

    def _note_damage(self, what: str) -> None:
        self.problem = f"There is {what} at octet {self.octets_read}: the rest of the file cannot be read."


class _Section:
    """One section of a pcapng file: its byte order and its interfaces (link type, seconds in a unit, offset)."""

    def __init__(self, order: str) -> None:
        self.order = order
        self._interfaces: list[tuple[int, float, int]] = []
        self._enhanced = struct.Struct(f"{order}IIIII")
        self._old = struct.Struct(f"{order}HHIIII")

    def block(self, kind: int, body: bytes) -> Frame | None:
        """The frame in a block; None if there is none that can be understood."""
        if kind == _INTERFACE:
            if len(body) >= 8 and len(self._interfaces) < MOST_INTERFACES:
                link = struct.unpack_from(f"{self.order}H", body)[0]
                self._interfaces.append((link, *self._clock(body[8:])))
            return None
        if kind == _SIMPLE_PACKET:
            return self._simple(body)
        if len(body) < 20:
            return None
        if kind == _PACKET:
            number, high, low, captured, length = self._enhanced.unpack_from(body)
        else:
            number, _drops, high, low, captured, length = self._old.unpack_from(body)
        if number >= len(self._interfaces):
            return None
        link, unit, offset = self._interfaces[number]
        octets = body[20 : 20 + captured]
        return (high << 32 | low) * unit + offset, link, octets, len(octets) >= length

    def _simple(self, body: bytes) -> Frame | None:
        """A packet without a time."""
        if len(body) < 4 or not self._interfaces:
            return None
        (length,) = struct.unpack_from(f"{self.order}I", body)
        octets = body[4 : 4 + length]
        return 0.0, self._interfaces[0][0], octets, len(octets) >= length

    def _clock(self, options: bytes) -> tuple[float, int]:
        """The unit of an interface's time stamps in seconds, and what is added to them."""
        unit, offset = 1e-6, 0
        while len(options) >= 4:
            code, length = struct.unpack_from(f"{self.order}HH", options)
            value = options[4 : 4 + length]
            if code == _RESOLUTION and len(value) == 1:
                exponent = value[0] & 0x7F
                unit = 2.0**-exponent if value[0] & 0x80 else 10.0**-exponent
            elif code == _OFFSET and len(value) == 8:
                (offset,) = struct.unpack(f"{self.order}q", value)
            options = options[4 + (length + 3 & ~3) :]
        return unit, offset


def _what_it_is(start: bytes) -> str:
    if not start:
        return "it is empty"
    if start.startswith(b"\x1f\x8b"):
        return "it is compressed, gunzip it first"
    return "it begins neither as a pcap nor as a pcapng file does"
