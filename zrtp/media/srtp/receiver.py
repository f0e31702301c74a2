"""The receiving end of one direction: SRTP and SRTCP in, RTP and RTCP out."""

from __future__ import annotations

from contextlib import suppress

from zrtp.door import need_instance, need_octets, need_whole
from zrtp.errors import SrtpError
from zrtp.media.srtp.errors import SrtpNotAuthentic, SrtpReplayed
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.sources import (
    COMMON,
    PLAIN,
    RTP_HEADER,
    RTP_LIMIT,
    Sources,
    check_rtcp,
    exhausted,
    rtp_header,
    wiped,
)
from zrtp.media.srtp.tags import SrtcpTags
from zrtp.media.srtp.transforms import ENCRYPTED
from zrtp.secret import Secret

TRY_NEXT_AFTER = 8
"""Refused packets of a source in a row after which the next rollover counter is tried too."""


class SrtpReceiver:
    """Verifies and decrypts the packets of one direction.

    `key` and `salt` are the master key and salt; the caller may wipe them as soon as the object is made.
    Raises ApiMisuse if their lengths do not fit the profile.
    """

    def __init__(self, profile: SrtpProfile, key: Secret, salt: Secret, *, srtcp_tags: SrtcpTags | None = None) -> None:
        need_instance("profile", profile, SrtpProfile, "an SrtpProfile, for example of SrtpProfile.of")
        if srtcp_tags is not None:
            need_instance("srtcp_tags", srtcp_tags, SrtcpTags, "the SrtcpTags of this stream")
        profile.check_keys(key, salt)
        self.profile = profile
        self.srtcp_tags = srtcp_tags or SrtcpTags(profile)
        self.refused = 0
        """Packets refused so far. It says nothing about the peer: anybody can send such packets."""
        self._rtp = Sources(profile.rtp_transform(key, salt))
        self._rtcp = Sources(profile.rtcp_transform(key, salt))
        self._strangers: dict[bytes, int] = {}  # refused packets in a row of sources that are not known

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP packet inside a received SRTP packet.

        The first packet of a source is taken to have rollover counter 0, later ones to be near the highest so far.
        After `TRY_NEXT_AFTER` refused packets of a source in a row each further one is also tried with the rollover
        counter one higher, so that a source is heard again whose first packets before the wrap got lost, or more
        than 32,768 in between. That doubles the chance of a forgery, to one in 2^79, and what a flood of them
        costs; tags of 4 octets are too short for it.

        Raises SrtpMalformed, SrtpReplayed, SrtpNotAuthentic (plain RTP ends here too), SrtpTooManySources or
        SrtpKeyExhausted; the state is then what it was, but for the count of failures.
        """
        if type(packet) is not bytes:
            packet = need_octets("An SRTP packet", packet)
        try:
            header = RTP_HEADER if packet[:1] == PLAIN and len(packet) in COMMON else rtp_header(packet)
            ssrc = packet[8:12]
            sources = self._rtp
            source = sources.get(ssrc) or sources.new(ssrc)
            history = source.history
            sequence = packet[2] << 8 | packet[3]
            index = history.highest + 1
            if not index or index & 0xFFFF != sequence:  # not the usual case, the next one
                index = history.place(sequence)
            if index >= RTP_LIMIT:
                raise exhausted("2^48 SRTP")
            opened = sources.transform.open_rtp(packet, header, source.iv, index)
        except SrtpError as error:
            return self._after_failure(packet, error)
        if ssrc not in sources:
            sources.enter(ssrc, source)
        history.record(index)
        source.failures = 0
        return opened

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The (compound) RTCP packet inside a received SRTCP packet, encrypted or only authenticated.

        Raises SrtpMalformed, SrtpReplayed, SrtpNotAuthentic or SrtpTooManySources; the state is then what
        it was.
        """
        packet = need_octets("An SRTCP packet", packet)
        likely, *others = self.srtcp_tags.trying
        try:
            return self._unprotect_rtcp(packet, likely)
        except SrtpError:
            for tag_length in others:
                with suppress(SrtpError):
                    return self._unprotect_rtcp(packet, tag_length)
            self.refused += 1
            raise

    def _after_failure(self, packet: bytes, error: SrtpError) -> bytes:
        """The packet under the next rollover counter, if it is time to try that; raises the error otherwise."""
        self.refused += 1
        if isinstance(error, SrtpNotAuthentic | SrtpReplayed) and self._count_failure(packet[8:12]):
            sources, ssrc = self._rtp, packet[8:12]
            source = sources.get(ssrc) or sources.new(ssrc)
            index = source.history.estimate(packet[2] << 8 | packet[3]) + _ROLLOVER
            if source.history.highest < index < RTP_LIMIT:
                with suppress(SrtpError):
                    opened = sources.transform.open_rtp(packet, rtp_header(packet), source.iv, index)
                    if ssrc not in sources:
                        sources.enter(ssrc, source)
                    source.history.record(index)
                    source.failures = 0
                    self._strangers.pop(ssrc, None)
                    self.refused -= 1
                    return opened
        raise error

    def _count_failure(self, ssrc: bytes) -> bool:
        """Counts one more failure in a row; whether it is time to try the next rollover counter."""
        if self.profile.tag_length < _LONG_TAG:
            return False
        source = self._rtp.get(ssrc)
        if source is not None:
            source.failures += 1
            return source.failures > TRY_NEXT_AFTER
        failures = self._strangers.pop(ssrc, 0) + 1
        if len(self._strangers) >= _MAX_STRANGERS:
            del self._strangers[next(iter(self._strangers))]
        self._strangers[ssrc] = failures
        return failures > TRY_NEXT_AFTER

    def _unprotect_rtcp(self, packet: bytes, tag_length: int) -> bytes:
        check_rtcp(packet)
        sources = self._rtcp
        word = sources.transform.rtcp_word(packet, tag_length)
        ssrc = packet[4:8]
        source = sources.get(ssrc) or sources.new(ssrc)
        index = word & ~ENCRYPTED
        source.history.check(index)
        opened = sources.transform.open_rtcp(packet, source.iv, word, tag_length)
        if ssrc not in sources:
            sources.enter(ssrc, source)
        source.history.record(index)
        self.srtcp_tags.note_verified(tag_length)
        return opened

    def continue_from(self, ssrc: int, *, rtp_index: int = -1, rtcp_index: int = -1) -> None:
        """Joins a source that is on its way: these were the last indexes it used.

        Without this a receiver takes the rollover counter of a source's first packet to be 0. An RTP index is
        rollover counter * 65536 + sequence number; -1 is "none yet".
        """
        need_whole("ssrc", ssrc, 0, 0xFFFFFFFF)
        need_whole("rtp_index", rtp_index, -1)
        need_whole("rtcp_index", rtcp_index, -1)
        if rtp_index >= 0:
            self._rtp.continue_from(ssrc, rtp_index)
        if rtcp_index >= 0:
            self._rtcp.continue_from(ssrc, rtcp_index)

    def wipe(self) -> None:
        """Lets go of all keys; whatever arrives afterwards raises ApiMisuse. May be called again."""
        self._rtp = self._rtcp = wiped("The SRTP keys of this stream were wiped: it has ended or gone clear.")


_ROLLOVER = 0x10000
_LONG_TAG = 10
_MAX_STRANGERS = 32
"""Sources without a single good packet whose failures are counted; of more the oldest are let go."""
