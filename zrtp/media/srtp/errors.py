"""Why an SRTP or SRTCP packet was refused.

::

    SrtpError                   (zrtp.errors)
      SrtpMalformed             not an RTP or RTCP packet, or too short for its own header and tag
      SrtpReplayed              this packet index was used before, or is too old to tell
      SrtpNotAuthentic          the authentication tag is wrong: another key, plain RTP, or a forgery
      SrtpTooManySources        more SSRCs than one key is meant to serve
      SrtpKeyExhausted          the key has protected as many packets as it may
"""

from __future__ import annotations

from zrtp.errors import SrtpError


class SrtpMalformed(SrtpError):
    """The octets are not a complete RTP or RTCP packet."""


class SrtpReplayed(SrtpError):
    """The packet index was used before, or lies behind the replay window (RFC 3711 section 3.3.2)."""


class SrtpNotAuthentic(SrtpError):
    """The authentication tag does not fit the packet (RFC 3711 section 3.3)."""


class SrtpTooManySources(SrtpError):
    """One more SSRC than a key is allowed to serve here."""


class SrtpKeyExhausted(SrtpError):
    """2^48 SRTP or 2^31 SRTCP packets were protected with this key (RFC 3711 section 9.2)."""
