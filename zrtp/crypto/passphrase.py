"""auxsecret from a passphrase that two people agreed on (RFC 6189 section 4.3).

The RFC leaves open how a passphrase becomes octets; both ends must do it alike. This is scrypt (RFC 7914) with
N = 2^15, r = 8, p = 1 over the passphrase in Unicode form NFKC, UTF-8, with the salt "ZRTP auxsecret".
As long as s0 stays secret, an attacker has to take part in a call for each guess. So a few random words are enough;
a single word is not.
"""

from __future__ import annotations

import hashlib
import unicodedata

from zrtp.door import need_utf8
from zrtp.errors import ApiMisuse

LENGTH = 32
"""Octets of the result: the length at which all known peers compute the same."""

_SALT = b"ZRTP auxsecret"
_COST = 2**15
_BLOCK_SIZE = 8
_MEMORY = 64 * 1024 * 1024


def auxsecret(passphrase: str) -> bytes:
    """32 octets from a passphrase; it takes about 0.1 s and 32 MB, on purpose.

    Raises:
        ApiMisuse: the passphrase is empty, or no text.
    """
    text = " ".join(unicodedata.normalize("NFKC", need_utf8("passphrase", passphrase)).split())
    if not text:
        raise ApiMisuse("The passphrase is empty; agree on a few random words.")
    return hashlib.scrypt(text.encode(), salt=_SALT, n=_COST, r=_BLOCK_SIZE, p=1, maxmem=_MEMORY, dklen=LENGTH)
