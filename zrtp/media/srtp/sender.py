"""The sending end of one direction: RTP and RTCP in, SRTP and SRTCP out."""

from __future__ import annotations

from zrtp.door import need_flag, need_instance, need_octets, need_whole
from zrtp.errors import ApiMisuse
from zrtp.media.srtp.errors import SrtpReplayed
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.sources import (
    COMMON,
    PLAIN,
    RTCP_LIMIT,
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
from zrtp.system import process_generation


class SrtpSender:
    """Protects the packets of one direction.

    `key` and `salt` are the master key and salt; the caller may wipe them as soon as the object is made. After a
    fork the object serves the parent only: in the child it raises ApiMisuse, since two processes that seal under one
    key would use its keystream twice.

    Raises ApiMisuse if the lengths of key and salt do not fit the profile.
    """

    def __init__(self, profile: SrtpProfile, key: Secret, salt: Secret, *, srtcp_tags: SrtcpTags | None = None) -> None:
        need_instance("profile", profile, SrtpProfile, "an SrtpProfile, for example of SrtpProfile.of")
        if srtcp_tags is not None:
            need_instance("srtcp_tags", srtcp_tags, SrtcpTags, "the SrtcpTags of this stream")
        profile.check_keys(key, salt)
        self.profile = profile
        self.srtcp_tags = srtcp_tags or SrtcpTags(profile)
        self._rtp = Sources(profile.rtp_transform(key, salt))
        self._rtcp = Sources(profile.rtcp_transform(key, salt))
        self._rtp_left = RTP_LIMIT
        self._rtcp_left = RTCP_LIMIT
        self._generation = process_generation()

    def protect(self, rtp_packet: bytes) -> bytes:
        """The SRTP packet for an RTP packet: payload encrypted, `profile.tag_length` octets longer.

        Sequence numbers may skip, and may come out of order by less than the replay window. The last packet of a
        source may be given again, octet for octet, as some phones do at the end of a DTMF event: the same SRTP
        packet comes out.

        Raises SrtpMalformed, SrtpReplayed for a sequence number that was used (two packets would
        share a keystream), SrtpTooManySources and SrtpKeyExhausted; nothing is sent then.
        """
        if self._generation != process_generation():
            self._refuse_in_child()
        if type(rtp_packet) is not bytes:
            rtp_packet = need_octets("An RTP packet", rtp_packet)
        header = RTP_HEADER if rtp_packet[:1] == PLAIN and len(rtp_packet) in COMMON else rtp_header(rtp_packet)
        ssrc = rtp_packet[8:12]
        sources = self._rtp
        source = sources.get(ssrc) or sources.new(ssrc)
        history = source.history
        sequence = rtp_packet[2] << 8 | rtp_packet[3]
        index = history.highest + 1
        if not index or index & 0xFFFF != sequence:  # not the usual case, the next one
            try:
                index = history.place(sequence)
            except SrtpReplayed:
                if source.last is not None and source.last[0] == rtp_packet:
                    return source.last[1]
                raise
        if index >= RTP_LIMIT or not self._rtp_left:
            raise exhausted("2^48 SRTP")
        sealed = sources.transform.seal_rtp(rtp_packet, header, source.iv, index)
        if ssrc not in sources:
            sources.enter(ssrc, source)
        history.record(index)
        source.last = rtp_packet, sealed
        self._rtp_left -= 1
        return sealed

    def protect_rtcp(self, rtcp_packet: bytes, *, encrypt: bool = True) -> bytes:
        """The SRTCP packet for a (compound) RTCP packet; `encrypt=False` only authenticates it (E flag 0).

        Raises SrtpMalformed, SrtpTooManySources and SrtpKeyExhausted.
        """
        if self._generation != process_generation():
            self._refuse_in_child()
        rtcp_packet = need_octets("An RTCP packet", rtcp_packet)
        need_flag("encrypt", encrypt)
        check_rtcp(rtcp_packet)
        ssrc = rtcp_packet[4:8]
        sources = self._rtcp
        source = sources.get(ssrc) or sources.new(ssrc)
        index = source.history.highest + 1
        if index >= RTCP_LIMIT or not self._rtcp_left:
            raise exhausted("2^31 SRTCP")
        word = index | ENCRYPTED if encrypt else index
        sealed = sources.transform.seal_rtcp(rtcp_packet, source.iv, word, self.srtcp_tags.sending)
        if ssrc not in sources:
            sources.enter(ssrc, source)
        source.history.record(index)
        self._rtcp_left -= 1
        return sealed

    def continue_from(self, ssrc: int, *, rtp_index: int = -1, rtcp_index: int = -1) -> None:
        """Takes over a source from another sender of the same key: these were the last indexes it used.

        An RTP index is rollover counter * 65536 + sequence number; -1 is "none yet".
        """
        need_whole("ssrc", ssrc, 0, 0xFFFFFFFF)
        need_whole("rtp_index", rtp_index, -1)
        need_whole("rtcp_index", rtcp_index, -1)
        if rtp_index >= 0:
            self._rtp.continue_from(ssrc, rtp_index)
        if rtcp_index >= 0:
            self._rtcp.continue_from(ssrc, rtcp_index)

    def wipe(self) -> None:
        """Lets go of all keys; whatever is protected afterwards raises ApiMisuse. May be called again."""
        self._rtp = self._rtcp = wiped("The SRTP keys of this stream were wiped: it has ended or gone clear.")

    def _refuse_in_child(self) -> None:
        self.wipe()
        raise ApiMisuse(
            "This process was forked after the SRTP keys were made, and two processes must not seal with one key: "
            "go on with this call in the parent, and make calls of its own in the child."
        )
