"""Session keys from a master key and salt (RFC 3711 section 4.3, RFC 6188 section 3, RFC 7714 section 11).

The key derivation rate is 0: keys are derived once, as ZRTP prescribes (RFC 6189 section 4.5.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from zrtp.secret import Secret

AUTHENTICATION_KEY = 20
"""Octets of an HMAC-SHA1 key (RFC 3711 section 5.2)."""


class Label(IntEnum):
    """What a derived key is for (RFC 3711 sections 4.3.1 and 4.3.2)."""

    RTP_ENCRYPTION = 0
    RTP_AUTHENTICATION = 1
    RTP_SALT = 2
    RTCP_ENCRYPTION = 3
    RTCP_AUTHENTICATION = 4
    RTCP_SALT = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKeys:
    """What protects either RTP or RTCP in one direction."""

    encryption: Secret
    """As long as the master key: 16, 24 or 32 octets."""
    authentication: Secret
    """20 octets; not used by AES-GCM."""
    salt: Secret
    """As long as the master salt: 14 octets, or 12 for AES-GCM."""

    def wipe(self) -> None:
        """Overwrites all three."""
        for secret in (self.encryption, self.authentication, self.salt):
            secret.wipe()


def rtp_keys(master_key: Secret, master_salt: Secret) -> SessionKeys:
    """The session keys of SRTP."""
    return SessionKeys(
        encryption=derive(master_key, master_salt, Label.RTP_ENCRYPTION, len(master_key)),
        authentication=derive(master_key, master_salt, Label.RTP_AUTHENTICATION, AUTHENTICATION_KEY),
        salt=derive(master_key, master_salt, Label.RTP_SALT, len(master_salt)),
    )


def rtcp_keys(master_key: Secret, master_salt: Secret) -> SessionKeys:
    """The session keys of SRTCP, from the same master key and salt."""
    return SessionKeys(
        encryption=derive(master_key, master_salt, Label.RTCP_ENCRYPTION, len(master_key)),
        authentication=derive(master_key, master_salt, Label.RTCP_AUTHENTICATION, AUTHENTICATION_KEY),
        salt=derive(master_key, master_salt, Label.RTCP_SALT, len(master_salt)),
    )


def derive(master_key: Secret, master_salt: Secret, label: Label, octets: int) -> Secret:
    """`octets` of AES-CM keystream under the master key, at the counter ((label << 48) XOR salt) << 16.

    A salt of 96 bits (AES-GCM) takes the place of the leftmost bits of the 112-bit one.
    """
    salt = int.from_bytes(master_salt.octets, "big") << (_SALT - len(master_salt)) * 8
    counter = (salt ^ label << 48) << 16
    prf = Cipher(algorithms.AES(master_key.octets), modes.CTR(counter.to_bytes(16, "big"))).encryptor()
    return Secret(prf.update(bytes(octets)))


_SALT = 14
