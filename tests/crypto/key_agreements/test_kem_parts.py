"""X25519 and X448 as KEMs: bzrtp's formulas, bit by bit."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes as library_hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.crypto.key_agreements.support import context
from tests.support.cases import every
from tests.support.vectors import code, item_id, primitives
from zrtp.crypto.hashes import S256, S384, S512, HashAlgorithm
from zrtp.crypto.key_agreements.kem_parts import X448_KEM, X25519_KEM, EcdhKem
from zrtp.crypto.registry import DEFAULT

BY_NAME = {"X25519": X25519_KEM, "X448": X448_KEM}
LIBRARY_HASHES: dict[bytes, library_hashes.HashAlgorithm] = {
    b"S256": library_hashes.SHA256(),
    b"S384": library_hashes.SHA384(),
    b"S512": library_hashes.SHA512(),
}


@every("item", primitives("kem_ecdh"), ids=item_id)
def test_shared_secrets_give_the_recorded_answers(item: dict[str, Any]) -> None:
    part = BY_NAME[item["alg"]]
    dh, pk, ct = (bytes.fromhex(item[key]) for key in ("dh", "pk", "ct"))
    secret = part.shared_secret(dh, ct, pk, DEFAULT.hashes[code(item["hash"])])
    assert secret.hex() == item["shared_secret"]


@every("hash", [S256, S384, S512], ids=lambda hash: hash.code.decode())
@every(("part", "kem_id"), [(X25519_KEM, b"\x00\x20"), (X448_KEM, b"\x00\x21")])
def test_the_derivation_is_hkdf(part: EcdhKem, kem_id: bytes, hash: HashAlgorithm) -> None:
    dh, ct, pk = b"d" * part.length, b"c" * part.length, b"p" * part.length
    info = bytes((0, part.length)) + b"ZRTP-v1.1KEM" + kem_id + b"shared_secret" + ct + pk
    hkdf = HKDF(algorithm=LIBRARY_HASHES[hash.code], length=part.length, salt=bytes(hash.length), info=info)
    assert part.shared_secret(dh, ct, pk, hash) == hkdf.derive(b"ZRTPKEM" + kem_id + b"eae_prk" + dh)


@pytest.mark.parametrize("part", [X25519_KEM, X448_KEM])
def test_the_secret_depends_on_key_ciphertext_and_hash(part: EcdhKem) -> None:
    public_key, decapsulate = part.key_pair(context(1))
    ciphertext, secret = part.encapsulate(public_key, b"e" * part.length, S256)
    assert decapsulate(ciphertext, S256) == secret
    assert decapsulate(ciphertext, S384) != secret
    other, _ = part.encapsulate(public_key, b"f" * part.length, S256)
    assert decapsulate(other, S256) != secret


@pytest.mark.attack("DH-12")
@pytest.mark.parametrize("part", [X25519_KEM, X448_KEM])
def test_our_own_public_key_is_no_ciphertext(part: EcdhKem) -> None:
    public_key, decapsulate = part.key_pair(context(1))
    with pytest.raises(ValueError, match="own public key"):
        decapsulate(public_key, S256)


@pytest.mark.attack("DH-06")
@pytest.mark.parametrize("part", [X25519_KEM, X448_KEM])
def test_low_order_values_are_refused_on_both_sides(part: EcdhKem) -> None:
    _, decapsulate = part.key_pair(context(1))
    with pytest.raises(ValueError):
        decapsulate(bytes(part.length), S256)
    with pytest.raises(ValueError):
        part.encapsulate(bytes(part.length), b"e" * part.length, S256)
