"""The length of SRTCP tags when SRTP tags have 32 bits: what the standard says, and what some peers do.

RFC 3711 section 5.2 gives SRTCP an 80-bit tag even where that of SRTP is shortened to 32 bits (HS32). Several
deployed programs shorten both. Nothing in a packet tells the length, so a receiver has to try.

A short tag is the beginning of a long one, so an attacker on the path can cut a long tag, and the packet is
taken for one with a short tag. The first packet with a long tag ends that for good.
"""

from __future__ import annotations

from enum import Enum

from zrtp.door import need_instance, need_whole
from zrtp.media.srtp.profiles import SrtpProfile


class ShortSrtcpTag(Enum):
    """What to do about SRTCP tags of 32 bits; matters with HS32 alone."""

    REFUSE = "refuse"
    """80 bits only, as the standard says."""
    ACCEPT = "accept"
    """Accept 80 and 32 bits, send 80."""
    FOLLOW = "follow"
    """Accept 80 and 32 bits, send 80 until a packet of the peer verified with 32, then 32."""


class SrtcpTags:
    """The lengths in octets of one stream; its receiver and its sender share this object."""

    __slots__ = ("_follow", "_standard", "sending", "trying")

    def __init__(self, profile: SrtpProfile, short: ShortSrtcpTag = ShortSrtcpTag.FOLLOW) -> None:
        need_instance("profile", profile, SrtpProfile, "an SrtpProfile, for example of SrtpProfile.of")
        need_instance("short", short, ShortSrtcpTag, "one of ShortSrtcpTag")
        lengths: tuple[int, ...] = (profile.srtcp_tag_length,)
        if profile.tag_length < profile.srtcp_tag_length and short is not ShortSrtcpTag.REFUSE:
            lengths += (profile.tag_length,)
        self._standard = profile.srtcp_tag_length
        self._follow = short is ShortSrtcpTag.FOLLOW
        self.sending = self._standard
        """The length for the next packet to the peer."""
        self.trying = lengths
        """The lengths to try for a received packet, the likely one first."""

    def note_verified(self, length: int) -> None:
        """A packet of the peer verified with a tag of this length."""
        need_whole("length", length)
        if length == self._standard:
            self.trying = (length,)
            self.sending = length
            return
        self.trying = (length, self._standard)
        if self._follow:
            self.sending = length
