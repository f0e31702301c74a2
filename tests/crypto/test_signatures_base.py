"""Which key signs (RFC 6189 section 7.2), and what loading the package costs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.cases import every
from tests.support.loading import loaded_by
from zrtp.crypto.signatures import EllipticSigner, Signer, choose_signer


@dataclass
class PlainSigner:
    name: str
    signature_type: bytes = b"X509"

    def sign(self, sashash: bytes) -> bytes:
        return self.name.encode()


@dataclass
class CurveSigner(PlainSigner):
    curve_bits: int = 256


DSA = PlainSigner("dsa")
SMALL = CurveSigner("p256")
LARGE = CurveSigner("p384", curve_bits=384)


def test_the_two_kinds_of_signers_are_told_apart() -> None:
    assert isinstance(DSA, Signer)
    assert not isinstance(DSA, EllipticSigner)
    assert isinstance(SMALL, EllipticSigner)


@pytest.mark.rfc("R-7.2-09")
@pytest.mark.parametrize("key_agreement", [b"EC25", b"EC38", b"EC52"])
def test_after_ecdh_an_ecdsa_key_signs(key_agreement: bytes) -> None:
    assert choose_signer([DSA, SMALL], key_agreement) is SMALL


@pytest.mark.rfc("R-7.2-10")
@pytest.mark.parametrize(("key_agreement", "expected"), [(b"EC25", SMALL), (b"EC38", LARGE)])
@pytest.mark.parametrize("signers", [[DSA, SMALL, LARGE], [LARGE, SMALL, DSA]], ids=["small first", "large first"])
def test_a_key_of_the_size_of_the_ecdh_exchange_signs(
    key_agreement: bytes, expected: Signer, signers: list[Signer]
) -> None:
    assert choose_signer(signers, key_agreement) is expected


@every("key_agreement", [b"DH3k", b"X255", b"X1M2"])
@every("signers", [[DSA, SMALL, LARGE], [LARGE, SMALL, DSA]], ids=["dsa first", "large first"])
def test_otherwise_the_first_signs(key_agreement: bytes, signers: list[Signer]) -> None:
    assert choose_signer(signers, key_agreement) is signers[0]


def test_nobody_signs_without_a_signer() -> None:
    assert choose_signer([], b"EC25") is None


def test_importing_the_package_loads_neither_certificates_nor_openpgp() -> None:
    assert loaded_by("import zrtp").isdisjoint({"cryptography.x509", "pysequoia"})
