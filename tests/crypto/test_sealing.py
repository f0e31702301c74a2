from __future__ import annotations

from zrtp.crypto.sealing import OVERHEAD, seal, unseal
from zrtp.secret import Secret

SECRET = Secret(bytes(range(32)))


def test_what_was_sealed_is_unsealed_with_the_same_secret_and_purpose() -> None:
    sealed = seal(SECRET, b"letter", b"hello")
    assert len(sealed) == 5 + OVERHEAD
    assert unseal(SECRET, b"letter", sealed) == b"hello"
    assert unseal(SECRET, b"parcel", sealed) is None
    assert unseal(Secret(bytes(32)), b"letter", sealed) is None


def test_no_octet_can_be_changed() -> None:
    sealed = seal(SECRET, b"letter", b"hello")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 0x80
        assert unseal(SECRET, b"letter", bytes(changed)) is None
    assert unseal(SECRET, b"letter", b"") is None


def test_the_format_stays() -> None:
    """Two versions of this program have to understand each other."""
    assert seal(SECRET, b"letter", b"hello").hex() == "5381742d171a9bcb38ce2a00b4a8b129766893c924"
