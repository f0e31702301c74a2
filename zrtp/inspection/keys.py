"""Files with keys: SRTP master keys as in SDP, and secrets of ZRTP calls that were made for a test.

One key a line; empty lines and those that begin with # do not count::

    a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:...       a line of SDP, also without "a=crypto:1"
    s0 64 or more hexadecimal digits                    s0 of a ZRTP exchange (RFC 6189 section 4.4)
    zrtpsess 64 or more hexadecimal digits              ZRTPSess of a call, opens its Multistream streams
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from zrtp.errors import ZrtpError
from zrtp.media.sdp import CryptoAttribute, parse_crypto
from zrtp.secret import Secret

MOST_KEYS: Final = 256
LONGEST_FILE: Final = 1 << 20

_ZRTP: Final = re.compile(r"(s0|zrtpsess)[ \t=:]+((?:[0-9A-Fa-f]{2}){16,64})", re.IGNORECASE)
_LINE: Final = re.compile(r"(?:a=)?crypto:(.*)")


class KeysUnreadable(ZrtpError):
    """A file of keys cannot be read, or a line of it not be understood; the sentence shows no key."""


@dataclass(frozen=True, slots=True)
class KeyFile:
    """What a file gave."""

    sdes: tuple[CryptoAttribute, ...] = ()
    s0: tuple[Secret, ...] = field(default=(), repr=False)
    zrtpsess: tuple[Secret, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return bool(self.sdes or self.s0 or self.zrtpsess)


def read(path: Path) -> KeyFile:
    """The keys in a file. Raises KeysUnreadable."""
    try:
        with path.open("rb") as file:
            octets = file.read(LONGEST_FILE + 1)
    except OSError as error:
        raise KeysUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    if len(octets) > LONGEST_FILE:
        raise KeysUnreadable(f"{path} is too long for a file of keys.")
    return parse(octets.decode("utf-8", "replace"), str(path))


def parse(text: str, name: str) -> KeyFile:
    """The keys in a text; `name` is said in errors. Raises KeysUnreadable."""
    sdes: list[CryptoAttribute] = []
    secrets: dict[str, list[Secret]] = {"s0": [], "zrtpsess": []}
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        zrtp = _ZRTP.fullmatch(line)
        crypto = None if zrtp else _crypto(line)
        if zrtp is not None:
            secrets[zrtp[1].lower()].append(Secret(bytes.fromhex(zrtp[2])))
        elif crypto is not None:
            sdes.append(crypto)
        else:
            raise KeysUnreadable(
                f"Line {number} of {name} is no key. Write 'SUITE inline:BASE64' as in a=crypto, "
                "'s0 HEX' or 'zrtpsess HEX'."
            )
    if len(sdes) + sum(map(len, secrets.values())) > MOST_KEYS:
        raise KeysUnreadable(f"There are more than {MOST_KEYS} keys in {name}.")
    return KeyFile(tuple(sdes), tuple(secrets["s0"]), tuple(secrets["zrtpsess"]))


def _crypto(line: str) -> CryptoAttribute | None:
    found = _LINE.fullmatch(line)
    if found is not None:
        return parse_crypto(found[1])
    return parse_crypto(f"1 {line}")
