"""The frame around a message: header, cookie, CRC (RFC 6189 section 5, figure 2); and around fragments.

Everything from outside enters here, so the cheapest checks come first, and each failure has its own exception:
what is not ZRTP and what the network damaged, neither of which is ever answered, and what arrived intact but
was formed wrongly by the peer.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from zrtp.errors import EngineDefect, MalformedPacket, ZrtpError
from zrtp.wire.crc import RESIDUE, crc32c

MAGIC_COOKIE = b"ZRTP"
"""Octets 4 to 7 of every packet: 0x5A525450."""

PREAMBLE = b"\x50\x5a"
"""The first two octets of every message (section 5.2)."""

HEADER = 12
"""Octets before the message."""

CRC = 4
"""Octets behind the message."""

MESSAGE_HEADER = 12
"""Octets of preamble, length and type block, with which every message starts."""

MINIMUM = HEADER + MESSAGE_HEADER + CRC
"""Octets of the shortest packet, an acknowledgement: 28."""

LONGEST_CONFIRM = 4 * (19 + 511)
"""Octets of a Confirm or SASrelay with the longest signature that 9 bits can tell: 2120 (section 5.7)."""

LONGEST_KEM_MESSAGE = 116 + 1624
"""Octets of the longest message that carries a key: a Commit with the public key of X3M3, 1740."""

MAXIMUM = HEADER + max(LONGEST_CONFIRM, LONGEST_KEM_MESSAGE) + CRC
"""Octets of the longest packet that is looked at: 2136."""

FRAGMENT_HEADER = HEADER + 8
"""Octets before the data of a fragment."""

_PACKET_MARK = 0x1000
_FRAGMENT_MARK = 0x1100
_PACKET_FIELDS = struct.Struct(">HH4sI")
_MESSAGE_FIELDS = struct.Struct(">2sH")
_FRAGMENT_FIELDS = struct.Struct(">HHHH")


class NotZrtp(ZrtpError):
    """The datagram is something else (RTP, STUN, DTLS, noise): for the next one to look at."""


class BadSize(NotZrtp):
    """The datagram is too short, too long, or not a number of whole words."""


class BadChecksum(ZrtpError):
    """The network damaged the packet: dropped silently (section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A datagram with one whole message."""

    sequence: int
    """16 bits, counts every packet of the sender; part of no hash or MAC."""
    ssrc: int
    """32 bits, the sender's RTP stream that this is about."""
    message: bytes = field(repr=False)
    """From the preamble to the MAC; preamble and length have been checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A datagram with a part of a message that is too long for one (an extension of bzrtp)."""

    sequence: int
    """16 bits, as in a whole packet."""
    ssrc: int
    """32 bits, as in a whole packet."""
    message_id: int
    """16 bits, the same in all fragments of one message."""
    total_words: int
    """Length of the whole message."""
    offset_words: int
    """Where in the message this part belongs."""
    data: bytes = field(repr=False)
    """The part, a number of whole words."""


def is_zrtp(datagram: bytes | bytearray | memoryview) -> bool:
    """Whether a datagram claims to be ZRTP; cheap enough for every media packet, never raises."""
    return len(datagram) >= HEADER and datagram[0] >> 4 == 1 and datagram[4:8] == MAGIC_COOKIE


def decode_packet(datagram: bytes) -> Packet | Fragment:
    """Take a datagram apart.

    In this order: BadSize and NotZrtp for what is not ZRTP, BadChecksum for what was damaged on the way,
    MalformedPacket for a message or fragment whose length disagrees with the datagram. The twelve unused
    bits of the header are ignored.
    """
    size = len(datagram)
    if not MINIMUM <= size <= MAXIMUM or size % 4:
        raise BadSize(f"A datagram of {size} octets is not a ZRTP packet.")
    mark, sequence, cookie, ssrc = _PACKET_FIELDS.unpack_from(datagram)
    if cookie != MAGIC_COOKIE or mark >> 12 != 1:
        raise NotZrtp("The datagram does not start with the header of a ZRTP packet.")
    if crc32c(datagram) != RESIDUE:
        raise BadChecksum("The CRC of a ZRTP packet is wrong.")
    if mark == _FRAGMENT_MARK and not _is_whole_message(datagram):
        return _decode_fragment(datagram, sequence, ssrc)
    message = datagram[HEADER:-CRC]
    if _MESSAGE_FIELDS.unpack_from(message) != (PREAMBLE, len(message) // 4):
        check_frame(message)  # which says what is wrong
    return Packet(sequence=sequence, ssrc=ssrc, message=message)


def check_frame(message: bytes) -> None:
    """Raise MalformedPacket unless preamble and length word (section 5.2) fit the octets of a message."""
    octets = len(message)
    if not message.startswith(PREAMBLE):
        raise MalformedPacket("The message does not start with the preamble 0x505A.")
    words = int.from_bytes(message[2:4], "big")
    if 4 * words != octets:
        raise MalformedPacket(f"The message says it has {words} words but came in {octets} octets.")
    if octets < MESSAGE_HEADER:
        raise MalformedPacket("The message is too short for a type.")


def encode_packet(sequence: int, ssrc: int, message: bytes, mark: int = _PACKET_MARK) -> bytes:
    """The datagram for one message, or with another `mark` for what stands in its place."""
    try:
        packet = _PACKET_FIELDS.pack(mark, sequence, MAGIC_COOKIE, ssrc) + message
    except struct.error as error:
        raise EngineDefect("Sequence numbers have 16 bits and an SSRC has 32 bits.") from error
    return packet + crc32c(packet).to_bytes(CRC, "little")  # the only field with the least significant octet first


def encode_fragment(
    sequence: int, ssrc: int, *, message_id: int, total_words: int, offset_words: int, data: bytes
) -> bytes:
    """The datagram for one part of a message."""
    try:
        place = _FRAGMENT_FIELDS.pack(message_id, total_words, offset_words, len(data) // 4)
    except struct.error as error:
        raise EngineDefect("A message is too long for fragments.") from error
    return encode_packet(sequence, ssrc, place + data, _FRAGMENT_MARK)


def _is_whole_message(datagram: bytes) -> bool:
    """Whether a packet marked as fragment is a whole message, sent with that unused bit of figure 2 set.

    In a whole message the place of the fragment's offset holds two letters of the type, far beyond the
    end of any message.
    """
    preamble, words, letters = struct.unpack_from(">2sHH", datagram, HEADER)
    return bool(preamble == PREAMBLE and 4 * words == len(datagram) - HEADER - CRC and letters > words)


def _decode_fragment(datagram: bytes, sequence: int, ssrc: int) -> Fragment:
    message_id, total_words, offset_words, words = _FRAGMENT_FIELDS.unpack_from(datagram, HEADER)
    data = datagram[FRAGMENT_HEADER:-CRC]
    if 4 * words != len(data):
        raise MalformedPacket(f"The fragment says it has {words} words but came with {len(data)} octets.")
    return Fragment(
        sequence=sequence,
        ssrc=ssrc,
        message_id=message_id,
        total_words=total_words,
        offset_words=offset_words,
        data=data,
    )
