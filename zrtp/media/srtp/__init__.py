"""SRTP and SRTCP (RFC 3711, RFC 6188, RFC 7714) for the keys that ZRTP negotiates.

One `SrtpSender` and one `SrtpReceiver` serve one media stream for as long as its keys live. New keys mean
new objects: there is no way to change the keys of an object, and so none to start the packet numbers of a
living key again (RFC 3711 section 3.3.1). Not supported: MKI, key derivation rates other than 0, encrypted
header extensions (RFC 6904).

Each packet goes the same way: find header and source, estimate the index, refuse a used one, and only when
the transform has succeeded note that the index is used. A refused packet changes nothing but a counter.

One owner, no locks: an object must not be used by two threads at once.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NoReturn

from zrtp.errors import ApiMisuse, SrtpError
from zrtp.media.srtp.errors import SrtpKeyExhausted, SrtpMalformed, SrtpTooManySources
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.replay import PacketHistory
from zrtp.media.srtp.tags import ShortSrtcpTag, SrtcpTags
from zrtp.media.srtp.transforms import ENCRYPTED, RTCP_HEADER, Transform
from zrtp.protocol.events import SrtpKeys
from zrtp.secret import Secret

__all__ = ["ShortSrtcpTag", "SrtcpTags", "SrtpProfile", "SrtpReceiver", "SrtpSender", "srtp_pair"]

MAX_SOURCES = 64
"""SSRCs that one key serves. Only authenticated packets count, so a forger cannot use them up."""

RTP_LIMIT = 1 << 48
RTCP_LIMIT = 1 << 31
"""Packets that one master key may protect (RFC 3711 section 9.2)."""


def srtp_pair(
    send: SrtpKeys, receive: SrtpKeys, short_srtcp_tag: ShortSrtcpTag = ShortSrtcpTag.FOLLOW
) -> tuple[SrtpSender, SrtpReceiver]:
    """Both directions of a stream, from the keys of the engine's KeysReady event.

    Raises ApiMisuse if the directions differ in algorithm, or share a key: the same keystream
    would then encrypt both.
    """
    if (send.cipher, send.auth_tag) != (receive.cipher, receive.auth_tag):
        raise ApiMisuse("Both directions of a stream use the algorithms of one ZRTP exchange.")
    if send.key == receive.key:
        raise ApiMisuse("The two directions of a stream must not share a master key.")
    profile = SrtpProfile.of(send.cipher, send.auth_tag)
    tags = SrtcpTags(profile, short_srtcp_tag)
    return (
        SrtpSender(profile, send.key, send.salt, srtcp_tags=tags),
        SrtpReceiver(profile, receive.key, receive.salt, srtcp_tags=tags),
    )


class SrtpSender:
    """Protects the packets of one direction.

    `key` and `salt` are the master key and salt; the caller may wipe them as soon as the object is made.
    Raises ApiMisuse if their lengths do not fit the profile.
    """

    def __init__(self, profile: SrtpProfile, key: Secret, salt: Secret, *, srtcp_tags: SrtcpTags | None = None) -> None:
        profile.check_keys(key, salt)
        self.profile = profile
        self.srtcp_tags = srtcp_tags or SrtcpTags(profile)
        self._rtp = _Sources(profile.rtp_transform(key, salt))
        self._rtcp = _Sources(profile.rtcp_transform(key, salt))
        self._rtp_left = RTP_LIMIT
        self._rtcp_left = RTCP_LIMIT

    def protect(self, rtp_packet: bytes) -> bytes:
        """The SRTP packet for an RTP packet: payload encrypted, `profile.tag_length` octets longer.

        Sequence numbers may skip, and may come out of order by less than the replay window.

        Raises SrtpMalformed, SrtpReplayed for a sequence number that was used (two packets would
        share a keystream), SrtpTooManySources and SrtpKeyExhausted; nothing is sent then.
        """
        header = _rtp_header(rtp_packet)
        ssrc = rtp_packet[8:12]
        sources = self._rtp
        source = sources.get(ssrc) or sources.new(ssrc)
        history = source.history
        index = history.estimate(rtp_packet[2] << 8 | rtp_packet[3])
        history.check(index)
        if index >= RTP_LIMIT or not self._rtp_left:
            raise _exhausted("2^48 SRTP")
        sealed = sources.transform.seal_rtp(rtp_packet, header, source.iv, index)
        history.record(index)
        sources[ssrc] = source
        self._rtp_left -= 1
        return sealed

    def protect_rtcp(self, rtcp_packet: bytes, *, encrypt: bool = True) -> bytes:
        """The SRTCP packet for a (compound) RTCP packet; `encrypt=False` only authenticates it (E flag 0).

        Raises SrtpMalformed, SrtpTooManySources and SrtpKeyExhausted.
        """
        _check_rtcp(rtcp_packet)
        ssrc = rtcp_packet[4:8]
        sources = self._rtcp
        source = sources.get(ssrc) or sources.new(ssrc)
        index = source.history.highest + 1
        if index >= RTCP_LIMIT or not self._rtcp_left:
            raise _exhausted("2^31 SRTCP")
        word = index | ENCRYPTED if encrypt else index
        sealed = sources.transform.seal_rtcp(rtcp_packet, source.iv, word, self.srtcp_tags.sending)
        source.history.record(index)
        sources[ssrc] = source
        self._rtcp_left -= 1
        return sealed

    def continue_from(self, ssrc: int, *, rtp_index: int = -1, rtcp_index: int = -1) -> None:
        """Takes over a source from another sender of the same key: these were the last indexes it used.

        An RTP index is rollover counter * 65536 + sequence number; -1 is "none yet".
        """
        _continue(self._rtp, self._rtcp, ssrc, rtp_index, rtcp_index)

    def wipe(self) -> None:
        """Lets go of all keys; whatever is protected afterwards raises ApiMisuse. May be called again."""
        self._rtp = self._rtcp = _Sources(_Wiped())


class SrtpReceiver:
    """Verifies and decrypts the packets of one direction; parameters as for `SrtpSender`."""

    def __init__(self, profile: SrtpProfile, key: Secret, salt: Secret, *, srtcp_tags: SrtcpTags | None = None) -> None:
        profile.check_keys(key, salt)
        self.profile = profile
        self.srtcp_tags = srtcp_tags or SrtcpTags(profile)
        self.refused = 0
        """Packets refused so far. It says nothing about the peer: anybody can send such packets."""
        self._rtp = _Sources(profile.rtp_transform(key, salt))
        self._rtcp = _Sources(profile.rtcp_transform(key, salt))

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP packet inside a received SRTP packet.

        Raises SrtpMalformed, SrtpReplayed, SrtpNotAuthentic (plain RTP ends here too), SrtpTooManySources or
        SrtpKeyExhausted; the state is then what it was.
        """
        try:
            header = _rtp_header(packet)
            ssrc = packet[8:12]
            sources = self._rtp
            source = sources.get(ssrc) or sources.new(ssrc)
            history = source.history
            index = history.estimate(packet[2] << 8 | packet[3])
            history.check(index)
            if index >= RTP_LIMIT:
                raise _exhausted("2^48 SRTP")
            opened = sources.transform.open_rtp(packet, header, source.iv, index)
        except SrtpError:
            self.refused += 1
            raise
        history.record(index)
        sources[ssrc] = source
        return opened

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The (compound) RTCP packet inside a received SRTCP packet, encrypted or only authenticated.

        Raises SrtpMalformed, SrtpReplayed, SrtpNotAuthentic or SrtpTooManySources; the state is then what
        it was.
        """
        likely, *others = self.srtcp_tags.trying
        try:
            return self._unprotect_rtcp(packet, likely)
        except SrtpError:
            for tag_length in others:
                with suppress(SrtpError):
                    return self._unprotect_rtcp(packet, tag_length)
            self.refused += 1
            raise

    def _unprotect_rtcp(self, packet: bytes, tag_length: int) -> bytes:
        _check_rtcp(packet)
        sources = self._rtcp
        word = sources.transform.rtcp_word(packet, tag_length)
        ssrc = packet[4:8]
        source = sources.get(ssrc) or sources.new(ssrc)
        index = word & ~ENCRYPTED
        source.history.check(index)
        opened = sources.transform.open_rtcp(packet, source.iv, word, tag_length)
        source.history.record(index)
        sources[ssrc] = source
        self.srtcp_tags.verified(tag_length)
        return opened

    def continue_from(self, ssrc: int, *, rtp_index: int = -1, rtcp_index: int = -1) -> None:
        """Joins a source that is on its way: these were the last indexes it used.

        Without this a receiver takes the rollover counter of a source's first packet to be 0. An RTP index is
        rollover counter * 65536 + sequence number; -1 is "none yet".
        """
        _continue(self._rtp, self._rtcp, ssrc, rtp_index, rtcp_index)

    def wipe(self) -> None:
        """Lets go of all keys; whatever arrives afterwards raises ApiMisuse. May be called again."""
        self._rtp = self._rtcp = _Sources(_Wiped())


class _Source:
    """One SSRC under one session key."""

    __slots__ = ("history", "iv")

    def __init__(self, iv: int) -> None:
        self.iv = iv
        self.history = PacketHistory()


class _Sources(dict[bytes, _Source]):
    """A session key's transform and its sources, by the four octets of their SSRC.

    `new` only prepares a source: it is entered when a packet of it has passed.
    """

    __slots__ = ("transform",)

    def __init__(self, transform: Transform) -> None:
        super().__init__()
        self.transform = transform

    def new(self, ssrc: bytes) -> _Source:
        if len(self) >= MAX_SOURCES:
            raise SrtpTooManySources(f"These keys already serve {MAX_SOURCES} SSRCs, as many as they may.")
        return _Source(self.transform.iv(int.from_bytes(ssrc, "big")))


def _continue(rtp: _Sources, rtcp: _Sources, ssrc: int, rtp_index: int, rtcp_index: int) -> None:
    octets = ssrc.to_bytes(4, "big")
    for sources, index in ((rtp, rtp_index), (rtcp, rtcp_index)):
        if index < 0:
            continue
        if octets in sources:
            raise ApiMisuse(f"SSRC {ssrc:#010x} is in use here: its packet numbers cannot be set again.")
        sources[octets] = sources.new(octets)
        sources[octets].history.record(index)


def _rtp_header(packet: bytes) -> int:
    """Octets of the RTP header with CSRC list and header extension (RFC 3550 section 5)."""
    length = len(packet)
    if not _RTP_HEADER <= length <= _MAX_PACKET:
        raise SrtpMalformed(f"{length} octets are no RTP packet.")
    first = packet[0]
    if first >> 6 != 2:
        raise SrtpMalformed("Not an RTP packet: its version is not 2.")
    if not first & 0x1F:
        return _RTP_HEADER
    header = _RTP_HEADER + 4 * (first & 0x0F)
    if first & 0x10:
        header += 4 + 4 * int.from_bytes(packet[header + 2 : header + 4], "big")
    if header > length:
        raise SrtpMalformed(f"The RTP header claims {header} octets, the packet has {length}.")
    return header


def _check_rtcp(packet: bytes) -> None:
    if not RTCP_HEADER <= len(packet) <= _MAX_PACKET:
        raise SrtpMalformed(f"{len(packet)} octets are no RTCP packet.")
    if packet[0] >> 6 != 2:
        raise SrtpMalformed("Not an RTCP packet: its version is not 2.")


_RTP_HEADER = 12
_MAX_PACKET = 0xFFFF  # no datagram is longer; counter mode would take 2^20 octets without overlap


def _exhausted(packets: str) -> SrtpKeyExhausted:
    return SrtpKeyExhausted(
        f"The master key has protected {packets} packets and must not be used any more: "
        "start a new ZRTP exchange for new keys."
    )


class _Wiped:
    """Stands in for a transform whose keys are gone."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise ApiMisuse("The SRTP keys of this stream were wiped: it has ended or gone clear.")

    iv = seal_rtp = open_rtp = seal_rtcp = rtcp_word = open_rtcp = _refuse
