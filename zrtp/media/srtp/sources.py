"""What sending and receiving have in common: the sources under one key, and where a packet's header ends."""

from __future__ import annotations

from typing import Any, NoReturn

from zrtp.errors import ApiMisuse
from zrtp.media.srtp.errors import SrtpKeyExhausted, SrtpMalformed, SrtpTooManySources
from zrtp.media.srtp.replay import PacketHistory
from zrtp.media.srtp.transforms import RTCP_HEADER, Transform

MAX_SOURCES = 64
"""SSRCs of one key whose last packets are known one by one. Only authenticated packets count, so a forger cannot
use them up."""

MAX_FORGOTTEN = 16_384
"""SSRCs of one key of which only the highest index is left: a new one every ten seconds, for two days. Further ones are
refused, since nothing but this number keeps the packets of a source from being played again."""

RTP_LIMIT = 1 << 48
RTCP_LIMIT = 1 << 31
"""Packets that one master key may protect (RFC 3711 section 9.2)."""

RTP_HEADER = 12
"""Octets of the fixed header."""

MAX_PACKET = 0xFFFF
"""No datagram is longer; counter mode would take 2^20 octets without overlap."""

PLAIN = b"\x80"
"""The first octet of most packets: version 2, no padding, no extension, no contributing sources."""

COMMON = range(RTP_HEADER, MAX_PACKET + 1)
"""Lengths of a packet that begins so; its header has `RTP_HEADER` octets. Others go through `rtp_header`."""


class SrtpSource:
    """One SSRC under one session key."""

    __slots__ = ("failures", "history", "iv", "last", "marked")

    def __init__(self, iv: int, highest: int = -1) -> None:
        self.iv = iv
        self.history = PacketHistory(highest)
        self.last: tuple[bytes, bytes] | None = None
        """The packet that was sent last, plain and sealed."""
        self.failures = 0
        """Packets in a row that were refused."""
        self.marked = -1
        """The highest index when room was looked for the last time."""


class Sources(dict[bytes, SrtpSource]):
    """A session key's transform and its sources, by the four octets of their SSRC.

    `new` only prepares a source: `enter` it when a packet of it has passed. Those that are silent make room for new
    ones, and leave their highest index behind, below which nothing is opened or sealed again.
    """

    __slots__ = ("_forgotten", "transform")

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self.transform = transform
        self._forgotten: dict[bytes, int] = {}

    def new(self, ssrc: bytes) -> SrtpSource:
        """A source that is not known yet, or was forgotten; raises SrtpTooManySources."""
        if len(self) >= MAX_SOURCES and len(self._forgotten) >= MAX_FORGOTTEN and ssrc not in self._forgotten:
            raise SrtpTooManySources(
                f"These keys have served {MAX_FORGOTTEN + MAX_SOURCES} SSRCs, as many as they may."
            )
        return SrtpSource(self.transform.iv(int.from_bytes(ssrc, "big")), self._forgotten.get(ssrc, -1))

    def enter(self, ssrc: bytes, source: SrtpSource) -> None:
        """A packet of a new source has passed."""
        if len(self) >= MAX_SOURCES:
            silent = self._most_silent()
            self._forgotten[silent] = self.pop(silent).history.highest
        self._forgotten.pop(ssrc, None)
        self[ssrc] = source

    def continue_from(self, ssrc: int, index: int) -> None:
        """Enters a source that has used the indexes up to this one; raises ApiMisuse if it is known already."""
        octets = ssrc.to_bytes(4, "big")
        if octets in self or octets in self._forgotten:
            raise ApiMisuse(f"SSRC {ssrc:#010x} is in use here: its packet numbers cannot be set again.")
        source = self.new(octets)
        source.history.record(index)
        self.enter(octets, source)

    def _most_silent(self) -> bytes:
        """The oldest source without a packet since room was looked for the last time; otherwise the oldest one."""
        found = None
        for ssrc, source in self.items():
            if found is None and source.marked == source.history.highest:
                found = ssrc
            source.marked = source.history.highest
        return found if found is not None else next(iter(self))


def wiped(why: str) -> Sources:
    """Stands in for sources whose keys are gone: whatever is asked of it raises ApiMisuse with that sentence."""
    return Sources(_Wiped(why))


def rtp_header(packet: bytes) -> int:
    """Octets of the RTP header with CSRC list and header extension (RFC 3550 section 5); raises SrtpMalformed."""
    length = len(packet)
    if not RTP_HEADER <= length <= MAX_PACKET:
        raise SrtpMalformed(f"{length} octets are no RTP packet.")
    first = packet[0]
    if first >> 6 != 2:
        raise SrtpMalformed("Not an RTP packet: its version is not 2.")
    if not first & 0x1F:
        return RTP_HEADER
    header = RTP_HEADER + 4 * (first & 0x0F)
    if first & 0x10:
        header += 4 + 4 * int.from_bytes(packet[header + 2 : header + 4], "big")
    if header > length:
        raise SrtpMalformed(f"The RTP header claims {header} octets, the packet has {length}.")
    return header


def check_rtcp(packet: bytes) -> None:
    """Raises SrtpMalformed unless the packet begins like RTCP."""
    if not RTCP_HEADER <= len(packet) <= MAX_PACKET:
        raise SrtpMalformed(f"{len(packet)} octets are no RTCP packet.")
    if packet[0] >> 6 != 2:
        raise SrtpMalformed("Not an RTCP packet: its version is not 2.")


def exhausted(packets: str) -> SrtpKeyExhausted:
    """The refusal of a packet beyond the limit, which is given in words."""
    return SrtpKeyExhausted(
        f"The master key has protected {packets} packets and must not be used any more: "
        "start a new ZRTP exchange for new keys."
    )


class _Wiped:
    """Stands in for a transform whose keys are gone."""

    def __init__(self, why: str) -> None:
        self._why = why

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise ApiMisuse(self._why)

    iv = seal_rtp = open_rtp = seal_rtcp = rtcp_word = open_rtcp = _refuse
