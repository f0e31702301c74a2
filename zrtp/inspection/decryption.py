"""Tries keys on recorded SRTP and counts what verifies: the proof that somebody with these keys hears the call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from zrtp.errors import ApiMisuse, BackendUnavailable, SrtpError
from zrtp.media.sdp import CryptoAttribute
from zrtp.media.srtp.errors import SrtpReplayed
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.receiver import SrtpReceiver
from zrtp.protocol.events import SrtpKeys

MOST_TRIED: Final = 32
"""Keys that are tried on one flow."""

_SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": (b"AES1", b"HS80"),
    "AES_CM_128_HMAC_SHA1_32": (b"AES1", b"HS32"),
    "AES_192_CM_HMAC_SHA1_80": (b"AES2", b"HS80"),
    "AES_192_CM_HMAC_SHA1_32": (b"AES2", b"HS32"),
    "AES_256_CM_HMAC_SHA1_80": (b"AES3", b"HS80"),
    "AES_256_CM_HMAC_SHA1_32": (b"AES3", b"HS32"),
    "AES_CM_256_HMAC_SHA1_80": (b"AES3", b"HS80"),
    "AEAD_AES_128_GCM": (b"AES1", b"GCM "),
    "AEAD_AES_256_GCM": (b"AES3", b"GCM "),
}
"""The suites of SDP that this package can open."""


@dataclass(slots=True)
class Count:
    """What came of trying."""

    tried: int = 0
    verified: int = 0
    repeated: int = 0
    """Copies of packets that had verified."""


class Opener:
    """Keys for the packets of one flow; those that fit are tried first from then on."""

    def __init__(self, keys: Iterable[SrtpKeys]) -> None:
        self._receivers = [receiver for key in list(keys)[:MOST_TRIED] if (receiver := _receiver(key)) is not None]
        self.count = Count()

    def packet(self, packet: bytes) -> None:
        """Try an SRTP packet."""
        self.count.tried += 1
        for place, receiver in enumerate(self._receivers):
            try:
                receiver.unprotect(packet)
            except SrtpReplayed:
                self.count.repeated += 1
                return
            except SrtpError:
                continue
            self.count.verified += 1
            if place:
                self._receivers.insert(0, self._receivers.pop(place))
            return


def of_sdes(keys: Sequence[CryptoAttribute]) -> list[SrtpKeys]:
    """SRTP keys out of lines of SDP; suites that cannot be opened are left out."""
    found = []
    for each in keys:
        codes = _SUITES.get(each.suite)
        if codes is not None:
            found.append(SrtpKeys(cipher=codes[0], auth_tag=codes[1], key=each.key, salt=each.salt))
    return found


def opened(packets: Iterable[bytes], keys: Iterable[SrtpKeys]) -> Count:
    """How many of some packets of a flow verify."""
    opener = Opener(keys)
    for packet in packets:
        opener.packet(packet)
    return opener.count


def _receiver(keys: SrtpKeys) -> SrtpReceiver | None:
    try:
        return SrtpReceiver(SrtpProfile.of(keys.cipher, keys.auth_tag), keys.key, keys.salt)
    except (ApiMisuse, BackendUnavailable):
        return None
