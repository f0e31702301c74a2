"""The combinations of cipher and authentication tag that SRTP defines, by the codes that ZRTP negotiates.

A profile knows the lengths of its keys and makes its transform; it holds no keys.
"""

from __future__ import annotations

from dataclasses import dataclass

from zrtp.crypto import codes
from zrtp.crypto.srtp_suites import SUITES
from zrtp.door import need_instance, need_octets
from zrtp.errors import ApiMisuse
from zrtp.media.srtp import kdf as srtp_kdf
from zrtp.media.srtp.transforms import GCM_TAG, CounterModeHmac, Gcm, Transform
from zrtp.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtpProfile:
    """One way to protect packets; `of` finds the one that was negotiated."""

    name: str
    """As registered for SDP security descriptions, e.g. "AES_CM_128_HMAC_SHA1_80"."""
    cipher: bytes
    """ZRTP code: b"AES1", b"AES2" or b"AES3" (RFC 6189 section 5.1.3)."""
    auth_tag: bytes
    """ZRTP code: b"HS80", b"HS32" (RFC 6189 section 5.1.4) or b"GCM " (AES-GCM, an extension)."""
    key_length: int
    """Octets of the master key."""
    salt_length: int
    """Octets of the master salt: 14, for AES-GCM 12."""
    tag_length: int
    """Octets that protection adds to an RTP packet."""
    srtcp_tag_length: int
    """Octets of the SRTCP tag: 10 even if that of SRTP has 4 (RFC 3711 section 5.2); for AES-GCM 16."""

    @classmethod
    def of(cls, cipher_code: bytes, auth_tag_code: bytes) -> SrtpProfile:
        """The profile of two negotiated codes; raises ApiMisuse if SRTP has no such combination."""
        need_octets("The code of a cipher", cipher_code)
        need_octets("The code of an authentication tag", auth_tag_code)
        try:
            return _BY_CODES[cipher_code, auth_tag_code]
        except KeyError:
            raise ApiMisuse(
                f"SRTP has no profile for cipher {codes.name(cipher_code)} with authentication tag "
                f"{codes.name(auth_tag_code)}: offer only AES1, AES2, AES3 with HS80, HS32, "
                "and AES1, AES3 with GCM."
            ) from None

    @property
    def aead(self) -> bool:
        """Whether the cipher authenticates by itself (AES-GCM)."""
        return self.auth_tag == b"GCM "

    def check_keys(self, key: Secret, salt: Secret) -> None:
        """Raises ApiMisuse unless key and salt have exactly the lengths of this profile."""
        need_instance("A master key", key, Secret, "a zrtp.Secret")
        need_instance("A master salt", salt, Secret, "a zrtp.Secret")
        if len(key) != self.key_length or len(salt) != self.salt_length:
            raise ApiMisuse(
                f"{self.name} takes a master key of {self.key_length} octets and a master salt of "
                f"{self.salt_length} octets, not {len(key)} and {len(salt)}."
            )

    def rtp_transform(self, key: Secret, salt: Secret) -> Transform:
        """The transform for SRTP under this master key and salt."""
        return self._transform(srtp_kdf.rtp_keys(key, salt), self.tag_length)

    def rtcp_transform(self, key: Secret, salt: Secret) -> Transform:
        """The transform for SRTCP under the same master key and salt."""
        return self._transform(srtp_kdf.rtcp_keys(key, salt), self.srtcp_tag_length)

    def _transform(self, keys: srtp_kdf.SessionKeys, tag_length: int) -> Transform:
        try:
            return Gcm(keys) if self.aead else CounterModeHmac(keys, tag_length)
        finally:
            keys.wipe()


def _counter_mode(cipher: bytes, key_length: int, auth_tag: bytes, tag_length: int) -> SrtpProfile:
    return SrtpProfile(
        name=SUITES[cipher, auth_tag],
        cipher=cipher,
        auth_tag=auth_tag,
        key_length=key_length,
        salt_length=14,
        tag_length=tag_length,
        srtcp_tag_length=10,
    )


def _gcm(cipher: bytes, key_length: int) -> SrtpProfile:
    return SrtpProfile(
        name=SUITES[cipher, b"GCM "],
        cipher=cipher,
        auth_tag=b"GCM ",
        key_length=key_length,
        salt_length=12,
        tag_length=GCM_TAG,
        srtcp_tag_length=GCM_TAG,
    )


PROFILES = (
    _counter_mode(b"AES1", 16, b"HS80", 10),
    _counter_mode(b"AES1", 16, b"HS32", 4),
    _counter_mode(b"AES2", 24, b"HS80", 10),
    _counter_mode(b"AES2", 24, b"HS32", 4),
    _counter_mode(b"AES3", 32, b"HS80", 10),
    _counter_mode(b"AES3", 32, b"HS32", 4),
    _gcm(b"AES1", 16),
    _gcm(b"AES3", 32),
)
"""RFC 3711 and RFC 4568, RFC 6188, RFC 7714."""

_BY_CODES = {(profile.cipher, profile.auth_tag): profile for profile in PROFILES}
