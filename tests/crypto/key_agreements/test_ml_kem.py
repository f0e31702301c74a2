"""ML-KEM: what FIPS 203 lets one compute from outside, and what happens without a library."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Iterator
from importlib import import_module

import pytest
from cryptography.hazmat.primitives import asymmetric

from tests.crypto.key_agreements.support import context
from zrtp.crypto.hashes import S256
from zrtp.crypto.key_agreements import MLK1, MLK2, X1M1, ml_kem
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.kem_parts import KemPart
from zrtp.crypto.key_agreements.ml_kem import ML_KEM_512, ML_KEM_768, ML_KEM_1024, MlKem
from zrtp.errors import BackendUnavailable


@pytest.fixture(params=[ML_KEM_512, ML_KEM_768, ML_KEM_1024], ids=["512", "768", "1024"])
def part(request: pytest.FixtureRequest) -> KemPart:
    item: KemPart = request.param
    if not item.available:
        pytest.skip("the library that computes it is not installed")
    return item


@pytest.fixture
def fresh_availability() -> Iterator[None]:
    """What the libraries can do is found out anew, and again after the test."""
    for answer in (ml_kem._library_has_mlkem, ml_kem._package):
        answer.cache_clear()
    yield
    for answer in (ml_kem._library_has_mlkem, ml_kem._package):
        answer.cache_clear()


def test_sizes_are_those_of_fips_203(part: KemPart) -> None:
    sizes = {800: (768, 32), 1184: (1088, 32), 1568: (1568, 32)}
    public_key, decapsulate = part.key_pair(context(1))
    ciphertext, secret = part.encapsulate(public_key, b"", S256)
    assert (len(ciphertext), len(secret)) == sizes[len(public_key)]
    assert (part.public_length, part.ciphertext_length) == (len(public_key), len(ciphertext))
    assert decapsulate(ciphertext, S256) == secret


@pytest.mark.parametrize(("part", "k"), [(ML_KEM_768, 3), (ML_KEM_1024, 4)], ids=["768", "1024"])
def test_the_public_key_of_a_seed_ends_with_its_rho(part: MlKem, k: int) -> None:
    # FIPS 203 algorithm 13: (rho, sigma) = G(d || k), and ek ends with rho.
    seed = random.Random(5).randbytes(64)
    public_key, _ = part.key_pair_of(seed)
    assert public_key[-32:] == hashlib.sha3_512(seed[:32] + bytes((k,))).digest()[:32]


@pytest.mark.parametrize("part", [ML_KEM_768, ML_KEM_1024], ids=["768", "1024"])
def test_a_forged_ciphertext_leads_to_the_implicit_rejection_secret(part: MlKem) -> None:
    # FIPS 203 algorithm 18: J(z || c) = SHAKE256(z || c), 32 octets.
    seed = random.Random(6).randbytes(64)
    _, decapsulate = part.key_pair_of(seed)
    forged = random.Random(7).randbytes(part.ciphertext_length)
    assert decapsulate(forged, S256) == hashlib.shake_256(seed[32:] + forged).digest(32)


def test_ml_kem_512_rejects_implicitly_too() -> None:
    if not ML_KEM_512.available:
        pytest.skip("pqcrypto is not installed")
    _, private = import_module("pqcrypto.kem.ml_kem_512").keygen()
    public_key, decapsulate = ML_KEM_512.key_pair_of(private)
    assert private[-64:-32] == hashlib.sha3_256(public_key).digest()
    forged = random.Random(7).randbytes(768)
    assert decapsulate(forged, S256) == hashlib.shake_256(private[-32:] + forged).digest(32)


@pytest.mark.parametrize("level", [768, 1024])
def test_the_package_for_512_agrees_with_the_library_where_both_can(level: int) -> None:
    if not ML_KEM_512.available:
        pytest.skip("pqcrypto is not installed")
    package = import_module(f"pqcrypto.kem.ml_kem_{level}")
    library = ML_KEM_768 if level == 768 else ML_KEM_1024
    public_key, private = package.keygen()
    ciphertext, secret = library.encapsulate(public_key, b"", S256)
    assert package.decaps(private, ciphertext) == secret
    public_key, decapsulate = library.key_pair(context())
    ciphertext, secret = package.encaps(public_key)
    assert decapsulate(ciphertext, S256) == secret


@pytest.mark.attack("DH-14")
def test_a_public_key_with_coefficients_out_of_range_is_refused(part: KemPart) -> None:
    with pytest.raises(ValueError):
        part.encapsulate(b"\xff" * part.public_length, b"", S256)


@pytest.mark.usefixtures("fresh_availability")
def test_without_ml_kem_in_the_library_it_is_unavailable_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(asymmetric, "mlkem", raising=False)
    monkeypatch.setitem(sys.modules, f"{asymmetric.__name__}.mlkem", None)
    assert not MLK2.available
    with pytest.raises(BackendUnavailable, match="MLK2 needs a newer `cryptography`"):
        MLK2.initiate(context())
    with pytest.raises(BackendUnavailable):
        MLK2.respond(CheckedValue(bytes(MLK2.commit_length)), context())


@pytest.mark.usefixtures("fresh_availability")
def test_an_openssl_without_ml_kem_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey

    def unsupported(seed: bytes) -> None:
        raise UnsupportedAlgorithm("ML-KEM-768 is not supported by this backend.")

    monkeypatch.setattr(MLKEM768PrivateKey, "from_seed_bytes", unsupported)
    assert not ML_KEM_768.available
    assert not ML_KEM_1024.available


@pytest.mark.usefixtures("fresh_availability")
def test_without_the_package_ml_kem_512_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pqcrypto.kem.ml_kem_512", None)
    for agreement in (MLK1, X1M1):
        assert not agreement.available
        with pytest.raises(BackendUnavailable, match=r"zrtp\[mlkem512\]"):
            agreement.initiate(context())
    with pytest.raises(BackendUnavailable, match="pqcrypto"):
        ML_KEM_512.key_pair(context())
