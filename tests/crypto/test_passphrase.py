"""auxsecret from a passphrase."""

from __future__ import annotations

import hashlib

import pytest

from zrtp.crypto.passphrase import LENGTH, auxsecret
from zrtp.errors import ApiMisuse


def test_it_is_scrypt_with_the_documented_parameters() -> None:
    expected = hashlib.scrypt(
        b"correct horse battery", salt=b"ZRTP auxsecret", n=32768, r=8, p=1, maxmem=2**26, dklen=32
    )
    assert auxsecret("correct horse battery") == expected
    assert len(expected) == LENGTH


def test_two_people_may_type_it_differently(monkeypatch: pytest.MonkeyPatch) -> None:
    """Composed and decomposed letters, full-width letters and extra spaces are the same passphrase."""
    monkeypatch.setattr("zrtp.crypto.passphrase._COST", 2)
    assert auxsecret("caf\u00e9  au lait ") == auxsecret("cafe\u0301 au lait")
    assert auxsecret("\uff41\uff42\uff43") == auxsecret("abc")


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(ApiMisuse, match="empty"):
        auxsecret("  ")
