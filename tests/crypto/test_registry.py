"""The tables of algorithms, and how an application extends them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import zrtp
from zrtp.crypto import cfb, registry
from zrtp.crypto.auth_tags import AuthTag
from zrtp.crypto.ciphers import CipherAlgorithm
from zrtp.crypto.hashes import HashAlgorithm, Octets
from zrtp.crypto.key_agreements import MERGED_ORDER, X255
from zrtp.crypto.key_agreements.montgomery import Montgomery, x25519_key_pair
from zrtp.crypto.registry import DEFAULT, RECOGNISED
from zrtp.crypto.sas import SasType
from zrtp.errors import ApiMisuse


def toy_block(key: Octets) -> cfb.BlockEncryption:
    """A "block cipher" that a child could break, in place of Twofish."""
    return lambda block: bytes(a ^ b for a, b in zip(block, bytes(key), strict=True))[::-1]


TOY_CIPHER = CipherAlgorithm(
    code=b"2FS1",
    key_length=16,
    encrypt=lambda key, iv, data: cfb.encrypt(toy_block(key), iv, data),
    decrypt=lambda key, iv, data: cfb.decrypt(toy_block(key), iv, data),
)
SKEIN_TAG = AuthTag(code=b"SK64", tag_length=8, auth_key_length=32)


@pytest.mark.rfc("R-5.1.2-01", "R-5.1.3-01", "R-5.1.4-01", "R-5.1.5-01", "R-5.1.6-01")
def test_everything_mandatory_is_there() -> None:
    assert b"S256" in DEFAULT.hashes
    assert b"AES1" in DEFAULT.ciphers
    assert {b"HS32", b"HS80"} <= set(DEFAULT.auth_tags)
    assert DEFAULT.key_agreements[b"DH3k"].available
    assert b"B32 " in DEFAULT.sas_types


def test_every_entry_stands_under_its_code() -> None:
    for table in (
        DEFAULT.hashes,
        DEFAULT.ciphers,
        DEFAULT.auth_tags,
        DEFAULT.key_agreements,
        DEFAULT.sas_types,
    ):
        for code, entry in table.items():
            assert len(code) == 4
            assert entry.code == code


@pytest.mark.rfc("R-5.1-02", "R-5.1.3-04", "R-5.1.3-05", "R-5.1.4-02", "R-5.1.4-03")
def test_an_application_adds_a_cipher_and_a_tag() -> None:
    more = DEFAULT.extended(TOY_CIPHER, SKEIN_TAG)
    assert more.ciphers[b"2FS1"] is TOY_CIPHER
    assert more.auth_tags[b"SK64"].auth_key_length == 32
    assert b"2FS1" not in DEFAULT.ciphers

    key, iv, text = bytes(range(16)), bytes(16), b"what a Confirm encrypts, 40 octets long."
    ciphertext = more.ciphers[b"2FS1"].encrypt(key, iv, text)
    assert len(ciphertext) == len(text)
    assert ciphertext != text
    assert more.ciphers[b"2FS1"].decrypt(key, iv, ciphertext) == text


def test_an_application_adds_any_kind_of_entry() -> None:
    blake = HashAlgorithm(code=b"BLK2", length=32, algorithm="blake2s")
    digits = SasType(code=b"DIGI", render=lambda sashash: str(sashash[0]))
    agreement = Montgomery(code=b"X256", length=32, result_length=32, key_pair_of=x25519_key_pair, ignored_bits=1)
    more = DEFAULT.extended(blake, digits, agreement)
    assert more.hashes[b"BLK2"] is blake
    assert more.sas_types[b"DIGI"] is digits
    assert more.key_agreements[b"X256"] is agreement
    assert more.ciphers is DEFAULT.ciphers


def test_an_entry_with_a_known_code_replaces_it() -> None:
    faster = Montgomery(code=b"X255", length=32, result_length=32, key_pair_of=x25519_key_pair, ignored_bits=1)
    more = DEFAULT.extended(faster)
    assert more.key_agreements[b"X255"] is faster
    assert DEFAULT.key_agreements[b"X255"] is X255
    assert list(more.key_agreements) == list(DEFAULT.key_agreements)


def test_a_code_of_another_length_is_refused() -> None:
    with pytest.raises(ApiMisuse, match="has 4 octets"):
        DEFAULT.extended(AuthTag(code=b"SK128", tag_length=16, auth_key_length=32))


def test_the_tables_cannot_be_changed_in_place() -> None:
    with pytest.raises(TypeError):
        DEFAULT.ciphers[b"2FS1"] = TOY_CIPHER  # type: ignore[index]


@pytest.mark.attack("DH-17")
def test_recognised_codes_are_shown_but_never_selected() -> None:
    implemented = {
        *DEFAULT.hashes,
        *DEFAULT.ciphers,
        *DEFAULT.auth_tags,
        *DEFAULT.key_agreements,
        *DEFAULT.sas_types,
    }
    assert implemented.isdisjoint(RECOGNISED)
    assert {b"KYB1", b"X1K1", b"HQD1", b"B10D", b"2FS3", b"SKN2"} <= set(RECOGNISED)
    assert set(MERGED_ORDER) <= set(DEFAULT.key_agreements) | set(RECOGNISED)


def test_importing_the_algorithms_imports_nothing_of_the_library() -> None:
    # The package itself is left out, so that the answer depends on zrtp.crypto alone.
    program = f"""
import sys, types
package = types.ModuleType("zrtp")
package.__path__ = {list(zrtp.__path__)}
sys.modules["zrtp"] = package
import {registry.__name__}
sys.exit(any(name.startswith("cryptography") for name in sys.modules))
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603
