"""Any octets through the whole codec: packets, messages, decrypted parts, and the attributes of SDP.

Only the declared errors may come out. What is read keeps its octets, and is the same when it is built again and read
again; so the CRC, preamble and length that would keep most inputs from the deeper readers are made right first.
"""

from __future__ import annotations

from contextlib import suppress

from tests.support.wire import rebuild
from zrtp.errors import MalformedPacket
from zrtp.media import demux, rtcp, sdp
from zrtp.media.rtp import MalformedRtp, RtpPacket
from zrtp.wire.crc import crc32c
from zrtp.wire.messages import (
    Confirm1,
    Confirm2,
    ConfirmPlain,
    Hello,
    Message,
    SASrelayPlain,
    UnknownMessage,
    kind_of,
    parse,
)
from zrtp.wire.packet import MAXIMUM, BadChecksum, Fragment, NotZrtp, Packet, decode_packet, is_zrtp

LONGEST = MAXIMUM + 64


def run(data: bytes) -> None:
    """One execution."""
    data = data[:LONGEST]
    demux.classify(data)
    _packet(data)
    if len(data) >= 16:
        _packet(_sealed(data))
    _message(_framed(data))
    _plain(data)
    if is_zrtp(data):
        return
    _media(data)


def _sealed(data: bytes) -> bytes:
    """The octets as a datagram with header and CRC."""
    body = b"\x10\x00" + data[2:4] + b"ZRTP" + data[8:]
    if data[0] & 1:
        body = b"\x11" + body[1:]
    body = body[: len(body) // 4 * 4]
    return body + crc32c(body).to_bytes(4, "little")


def _framed(data: bytes) -> bytes:
    """The octets as a message with preamble and length word."""
    data = data[: len(data) // 4 * 4].ljust(12, b"\0")
    return b"\x50\x5a" + (len(data) // 4).to_bytes(2, "big") + data[4:]


def _packet(datagram: bytes) -> None:
    try:
        packet = decode_packet(datagram)
    except (NotZrtp, BadChecksum, MalformedPacket):
        return
    assert is_zrtp(datagram)
    if isinstance(packet, Fragment):
        assert len(packet.data) == len(datagram) - 24
    else:
        assert isinstance(packet, Packet)
        assert packet.message == datagram[12:-4]
        _message(packet.message)


def _message(raw: bytes) -> None:
    kind = kind_of(raw)
    try:
        message = parse(raw)
    except UnknownMessage:
        assert kind is None
        return
    except MalformedPacket as error:
        assert len(str(error)) < 400
        return
    assert message.kind is kind
    assert message.raw == raw
    again = parse(rebuild(message))
    assert _without_raw(again) == _without_raw(message)
    if not isinstance(message, Hello):
        assert again.raw == raw
    if isinstance(message, Confirm1 | Confirm2):
        _plain(message.ciphertext)


def _without_raw(message: Message) -> tuple[object, ...]:
    names = [name for kind in type(message).__mro__ for name in getattr(kind, "__slots__", ()) if name != "raw"]
    return tuple(getattr(message, name) for name in names)


def _plain(octets: bytes) -> None:
    for kind in (ConfirmPlain, SASrelayPlain):
        try:
            plain = kind.decode(octets)
        except MalformedPacket:
            continue
        encoded = plain.encode()
        assert len(encoded) == len(octets)
        assert kind.decode(encoded) == plain


def _media(data: bytes) -> None:
    with suppress(MalformedRtp):
        RtpPacket.decode(data)
    rtcp.leaving(data)
    text = data.decode("utf-8", "replace")
    for value in (text, f"1.10 {text}"):
        parsed = sdp.parse_zrtp_hash(value)
        assert parsed is None or len(parsed.hash) == 32
    sdp.parse_crypto(text)
    sdp.media_zrtp_hashes(f"v=0\r\nm=audio 1 RTP/AVP 0\r\na=zrtp-hash:{text}\r\n")
