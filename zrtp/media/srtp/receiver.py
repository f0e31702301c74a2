"""The receiving end of one direction: SRTP and SRTCP in, RTP and RTCP out."""

from __future__ import annotations

from contextlib import suppress

from zrtp.errors import SrtpError
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.sources import RTP_LIMIT, Sources, check_rtcp, exhausted, rtp_header, wiped
from zrtp.media.srtp.tags import SrtcpTags
from zrtp.media.srtp.transforms import ENCRYPTED
from zrtp.secret import Secret


class SrtpReceiver:
    """Verifies and decrypts the packets of one direction.

    `key` and `salt` are the master key and salt; the caller may wipe them as soon as the object is made.
    Raises ApiMisuse if their lengths do not fit the profile.
    """

    def __init__(self, profile: SrtpProfile, key: Secret, salt: Secret, *, srtcp_tags: SrtcpTags | None = None) -> None:
        profile.check_keys(key, salt)
        self.profile = profile
        self.srtcp_tags = srtcp_tags or SrtcpTags(profile)
        self.refused = 0
        """Packets refused so far. It says nothing about the peer: anybody can send such packets."""
        self._rtp = Sources(profile.rtp_transform(key, salt))
        self._rtcp = Sources(profile.rtcp_transform(key, salt))

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP packet inside a received SRTP packet.

        Raises SrtpMalformed, SrtpReplayed, SrtpNotAuthentic (plain RTP ends here too), SrtpTooManySources or
        SrtpKeyExhausted; the state is then what it was.
        """
        try:
            header = rtp_header(packet)
            ssrc = packet[8:12]
            sources = self._rtp
            source = sources.get(ssrc) or sources.new(ssrc)
            history = source.history
            index = history.estimate(packet[2] << 8 | packet[3])
            history.check(index)
            if index >= RTP_LIMIT:
                raise exhausted("2^48 SRTP")
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
        check_rtcp(packet)
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
        if rtp_index >= 0:
            self._rtp.continue_from(ssrc, rtp_index)
        if rtcp_index >= 0:
            self._rtcp.continue_from(ssrc, rtcp_index)

    def wipe(self) -> None:
        """Lets go of all keys; whatever arrives afterwards raises ApiMisuse. May be called again."""
        self._rtp = self._rtcp = wiped("The SRTP keys of this stream were wiped: it has ended or gone clear.")
