"""Any octets as a capture file, and any call inside one: no exception, and a report that can be shown.

An input that begins as a capture does is taken as the file. Others are scripts, a record after the other, that become
the packets of an intact file, so that the deeper readers are reached::

    what (1 octet)   low bit: which side sends; the others, modulo 5: ZRTP message, media, SIP, TCP, frame
    length (2 octets), and so many octets

Preamble, length and CRC of ZRTP messages are made right, and so are the headers of IP, UDP and TCP.
"""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.support import frames
from zrtp.inspection import keys, machine, svg, text
from zrtp.inspection.capture import CaptureUnreadable
from zrtp.inspection.lines import Pen
from zrtp.inspection.report import inspect
from zrtp.wire.crc import crc32c

LONGEST = 20_000
WIDTH = 80

_ENDS = (("192.0.2.10", 40000), ("192.0.2.20", 50000))
_PHONES = (("192.0.2.10", 5060), ("192.0.2.20", 5060))
_KEYS = keys.parse(f"AES_CM_128_HMAC_SHA1_80 inline:{'QUJD' * 10}\ns0 {'ab' * 32}\nzrtpsess {'cd' * 32}\n", "keys")
_FOLDER = tempfile.TemporaryDirectory()


def run(data: bytes) -> None:
    """One execution."""
    data = data[:LONGEST]
    path = Path(_FOLDER.name, "fuzzed.pcap")
    path.write_bytes(data if _is_a_file(data) else _capture(data))
    try:
        report = inspect(path, _KEYS if len(data) % 4 == 0 else None)
    except CaptureUnreadable as error:
        assert len(str(error)) < 400
        return
    for line in text.lines(report, Pen(width=WIDTH), fields=bool(len(data) & 1)):
        assert line.text.isprintable(), line
        assert len(line.text) <= WIDTH, line
    json.dumps(machine.described(report), allow_nan=False)
    drawing = svg.svg(report)
    assert all(each.isprintable() or each == "\n" for each in drawing)


def _is_a_file(data: bytes) -> bool:
    return data[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\x0a\x0d\x0d\x0a")


def _capture(data: bytes) -> bytes:
    return frames.pcap((number / 50, frame) for number, frame in enumerate(_frames(data)))


def _frames(data: bytes) -> Iterator[bytes]:
    sequence = 0
    while len(data) >= 3:
        what, length = struct.unpack_from("!BH", data)
        octets, data = data[3 : 3 + length], data[3 + length :]
        side = what & 1
        ends, phones = (_ENDS[side], _ENDS[1 - side]), (_PHONES[side], _PHONES[1 - side])
        sequence += 1
        match (what >> 1) % 5:
            case 0:
                yield frames.ethernet(frames.udp(*ends, _sealed(octets, sequence, side)))
            case 1:
                yield frames.ethernet(frames.udp(*ends, octets))
            case 2:
                yield frames.ethernet(frames.udp(*phones, octets))
            case 3:
                yield frames.ethernet(frames.tcp(*phones, 0, octets))
            case _:
                yield octets


def _sealed(octets: bytes, sequence: int, side: int) -> bytes:
    """The octets as a ZRTP packet: one with a whole message, or as they are where they say that they are a fragment."""
    octets = octets[: len(octets) // 4 * 4].ljust(12, b"\0")
    fragment = octets[:2] == b"\x00\x01"
    body = octets if fragment else b"\x50\x5a" + (len(octets) // 4).to_bytes(2, "big") + octets[4:]
    mark = 0x1100 if fragment else 0x1000
    packet = struct.pack("!HH4sI", mark, sequence & 0xFFFF, b"ZRTP", side + 1) + body
    return packet + crc32c(packet).to_bytes(4, "little")
