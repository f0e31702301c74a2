"""Octets sealed at rest."""

from __future__ import annotations

import random

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.support.cases import every
from zrtp.crypto import at_rest
from zrtp.secret import Secret

KEY = Secret(b"k" * 32)


def sealed(message: bytes = b"a secret", bound_to: bytes = b"row") -> bytes:
    return at_rest.seal(KEY, bound_to, message, random.Random(1).randbytes)


def test_it_is_aes_gcm_with_the_nonce_in_front() -> None:
    octets = sealed()
    assert octets[:12] == random.Random(1).randbytes(12)
    assert AESGCM(b"k" * 32).decrypt(octets[:12], octets[12:], b"row") == b"a secret"


def test_what_was_sealed_is_opened_where_it_was() -> None:
    assert at_rest.unseal(KEY, b"row", sealed()) == b"a secret"
    assert at_rest.unseal(KEY, b"row", sealed(b"")) == b""
    assert at_rest.unseal(KEY, b"other row", sealed()) is None
    assert at_rest.unseal(Secret(b"K" * 32), b"row", sealed()) is None


@every("position", range(len(sealed())))
def test_every_octet_counts(position: int) -> None:
    octets = bytearray(sealed())
    octets[position] ^= 1
    assert at_rest.unseal(KEY, b"row", octets) is None


@every("length", range(len(sealed())))
def test_what_was_cut_off_does_not_open(length: int) -> None:
    assert at_rest.unseal(KEY, b"row", sealed()[:length]) is None
