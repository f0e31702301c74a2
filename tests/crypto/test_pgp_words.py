"""The PGP word list has the shape that makes it work."""

from __future__ import annotations

import hashlib

import pytest

from zrtp.crypto.pgp_words import EVEN, ODD


@pytest.mark.attack("SAS-05")
def test_there_are_256_different_words_of_each_kind() -> None:
    assert len(EVEN) == len(ODD) == 256
    assert len({word.lower() for word in EVEN + ODD}) == 512


@pytest.mark.attack("SAS-05")
def test_no_word_was_changed() -> None:
    # The digest of the list as several independent programs have it, word for word.
    words = "\n".join(EVEN + ODD).encode("ascii")
    assert hashlib.sha256(words).hexdigest() == "e9b7b0052233a74aa56724ed3f79c272036aed68d8f4c0856e833c8043b9ac62"


def test_known_places() -> None:
    assert (EVEN[0x00], ODD[0x00]) == ("aardvark", "adroitness")
    assert (EVEN[0xE5], ODD[0x82]) == ("topmost", "Istanbul")
    assert (EVEN[0xFF], ODD[0xFF]) == ("Zulu", "Yucatan")
