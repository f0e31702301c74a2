"""Signatures with OpenPGP keys (RFC 6189 section 7.2.1), against keys and signatures of GnuPG."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from hashlib import sha1

import pytest

from tests.support import openpgp_samples as samples
from tests.support.cases import every
from zrtp.crypto.signatures import LONGEST_BLOCK, SignatureInvalid, SignerUnknown, openpgp
from zrtp.crypto.signatures.openpgp import OpenPgpIssuer, OpenPgpSigner, OpenPgpVerifier
from zrtp.crypto.signatures.openpgp_packet import SignaturePacket
from zrtp.errors import ApiMisuse, BackendUnavailable

sequoia = pytest.importorskip("pysequoia", reason="pysequoia is not installed")

URI = "https://keys.example.org/alice"
SASHASH = samples.SASHASH


@cache
def generated(suite: str = "P256", profile: str = "RFC4880") -> bytes:
    """A secret key of pysequoia, with a subkey that signs."""
    return bytes(
        sequoia.Tsk.generate(
            user_id="Alice <alice@example.org>",
            cipher_suite=getattr(sequoia.CipherSuite, suite),
            profile=getattr(sequoia.Profile, profile),
        )
    )


def public(secret: bytes) -> bytes:
    return bytes(sequoia.Tsk.from_bytes(secret).extract_certificate())


def fingerprint(certificate: bytes) -> bytes:
    return bytes.fromhex(sequoia.Cert.from_bytes(certificate).fingerprint)


def ring(*certificates: bytes) -> OpenPgpVerifier:
    """A verifier with the first of these keys, whoever is asked for."""
    return OpenPgpVerifier(lambda _issuer: certificates[0] if certificates else None)


class TestSigning:
    @pytest.mark.rfc("R-7.2.1-01", "R-7.2.1-02", "R-7.2.1-06", "R-7.2-15", "R-7.2-16", "R-7.2-03")
    @pytest.mark.parametrize(("suite", "bits"), [("P256", 256), ("P384", 384)])
    def test_by_ecdsa(self, suite: str, bits: int) -> None:
        secret = generated(suite)
        signer = OpenPgpSigner(secret, URI)
        assert (signer.signature_type, signer.curve_bits) == (b"PGP ", bits)
        block = signer.sign(SASHASH)
        assert len(block) % 4 == 0 and len(block) <= LONGEST_BLOCK
        assert SignaturePacket.read(block).key_server == URI
        assert ring(public(secret)).verify(block, SASHASH) == fingerprint(public(secret))

    @pytest.mark.rfc("R-7.2.1-02", "R-7.2.1-04")
    def test_by_dsa_of_2048_bits(self) -> None:
        signer = OpenPgpSigner(samples.DSA_SECRET, URI)
        assert signer.curve_bits == 0
        signed = signer.sign(SASHASH)
        assert ring(samples.DSA_PUBLIC).verify(signed, SASHASH) == fingerprint(samples.DSA_PUBLIC)

    def test_the_signing_subkey_is_named(self) -> None:
        packet = SignaturePacket.read(OpenPgpSigner(generated(), URI).sign(SASHASH))
        assert packet.fingerprint not in (None, fingerprint(public(generated())))

    @pytest.mark.rfc("R-7.2.1-02", "R-7.2.1-05")
    @pytest.mark.parametrize("suite", ["P521", "Cv25519"])
    def test_other_keys_do_not_sign(self, suite: str) -> None:
        with pytest.raises(ApiMisuse, match="ECDSA on P-256 or P-384, or by DSA"):
            OpenPgpSigner(generated(suite), URI)

    @pytest.mark.rfc("R-7.2.1-02")
    def test_rsa_does_not_sign(self) -> None:
        with pytest.raises(ApiMisuse, match="ECDSA on P-256 or P-384, or by DSA"):
            OpenPgpSigner(samples.RSA_SECRET, URI)

    @pytest.mark.rfc("R-7.2.1-04")
    def test_dsa_of_1024_bits_does_not_sign(self) -> None:
        with pytest.raises(ApiMisuse):
            OpenPgpSigner(samples.SMALL_DSA_SECRET, URI)

    @pytest.mark.rfc("R-7.2.1-04")
    @every(
        ("bits", "allowed"), [(1024, False), (2047, False), (2048, True), (3072, True), (3073, False), (4096, False)]
    )
    def test_bounds_of_dsa(self, bits: int, allowed: bool) -> None:
        p = bits.to_bytes(2, "big") + (1 << bits - 1).to_bytes((bits + 7) // 8, "big")
        body = b"\x04" + bytes(4) + b"\x11" + p + b"\x00\x02\x03" * 3
        certificate = b"\xc6\xff" + len(body).to_bytes(4, "big") + body
        name = sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False).digest()
        if allowed:
            assert openpgp._curve_bits(certificate, name) == 0
        else:
            with pytest.raises(ApiMisuse, match="DSA of 2048 to 3072 bits"):
                openpgp._curve_bits(certificate, name)

    @pytest.mark.rfc("R-7.2.1-01")
    def test_keys_of_version_6_do_not_sign(self) -> None:
        with pytest.raises(ApiMisuse, match="not of OpenPGP version 4"):
            OpenPgpSigner(generated(profile="RFC9580"), URI)

    @pytest.mark.rfc("R-7.2.1-06")
    @every("key_server", ["", "keys.example.org", "https://a b", "https://ä.example", "x:" + "y" * 189])
    def test_the_uri_of_a_key_server_is_needed(self, key_server: str) -> None:
        with pytest.raises(ApiMisuse, match="key server has to be a URI"):
            OpenPgpSigner(generated(), key_server)

    def test_the_longest_uri(self) -> None:
        uri = "x:" + "y" * 188
        assert SignaturePacket.read(OpenPgpSigner(generated(), uri).sign(SASHASH)).key_server == uri

    @pytest.mark.parametrize("key", [b"", b"no key", samples.P256_PUBLIC], ids=["empty", "noise", "public"])
    def test_what_is_no_secret_key(self, key: bytes) -> None:
        with pytest.raises(ApiMisuse, match="not an OpenPGP key that can sign"):
            OpenPgpSigner(key, URI)


class TestVerifying:
    @pytest.mark.rfc("R-7.2-11", "R-7.2.1-01", "R-7.2.1-03", "R-7.2.1-08")
    @pytest.mark.parametrize(
        ("signature", "certificate", "name"),
        [
            pytest.param(samples.P256_SIGNATURE, samples.P256_PUBLIC, "p256", id="ECDSA"),
            pytest.param(samples.DSA_SIGNATURE, samples.DSA_PUBLIC, "dsa", id="DSA"),
            pytest.param(samples.RSA_SIGNATURE, samples.RSA_PUBLIC, "rsa", id="RSA"),
        ],
    )
    def test_signatures_of_gnupg(self, signature: bytes, certificate: bytes, name: str) -> None:
        asked: list[OpenPgpIssuer] = []

        def find_key(issuer: OpenPgpIssuer) -> bytes:
            asked.append(issuer)
            return certificate

        block = signature + bytes(-len(signature) % 4)
        expected = fingerprint(certificate)
        assert OpenPgpVerifier(find_key).verify(block, SASHASH) == expected
        assert asked == [
            OpenPgpIssuer(key_id=expected[-8:], fingerprint=expected, key_server=f"https://keys.example.org/{name}")
        ]

    @pytest.mark.rfc("R-7.2-03")
    @pytest.mark.attack("CNF-07")
    @pytest.mark.parametrize("octet", [0, 3, 4, 31])
    def test_the_whole_sashash_counts(self, octet: int) -> None:
        other = bytearray(SASHASH)
        other[octet] ^= 1
        with pytest.raises(SignatureInvalid, match="does not fit the SAS"):
            ring(samples.P256_PUBLIC).verify(samples.P256_SIGNATURE, bytes(other))

    @pytest.mark.attack("CNF-07")
    def test_another_key_than_the_one_that_signed(self) -> None:
        with pytest.raises(SignatureInvalid, match="does not fit the SAS"):
            ring(public(generated())).verify(samples.P256_SIGNATURE, SASHASH)

    @pytest.mark.attack("CNF-07")
    def test_a_revoked_key(self) -> None:
        with pytest.raises(SignatureInvalid, match="not made by a valid key"):
            ring(samples.GONE_PUBLIC).verify(samples.GONE_SIGNATURE, SASHASH)

    @pytest.mark.rfc("R-7.2-16")
    def test_sha_1(self) -> None:
        with pytest.raises(SignatureInvalid, match="SHA-1"):
            ring(samples.RSA_PUBLIC).verify(samples.RSA_SHA1_SIGNATURE, SASHASH)

    @pytest.mark.rfc("R-7.2.1-06")
    def test_no_key_server(self) -> None:
        block = samples.P256_NO_SERVER_SIGNATURE
        with pytest.raises(SignatureInvalid, match="at which key server"):
            ring(samples.P256_PUBLIC).verify(block, SASHASH)

    def test_a_signature_of_text(self) -> None:
        with pytest.raises(SignatureInvalid, match="binary document"):
            ring(samples.P256_PUBLIC).verify(samples.P256_TEXT_SIGNATURE, SASHASH)

    @pytest.mark.rfc("R-7.2-13")
    def test_a_key_that_is_not_in_the_ring(self) -> None:
        with pytest.raises(SignerUnknown) as caught:
            ring().verify(samples.P256_SIGNATURE, SASHASH)
        assert "AFA170B877A27C207C1DFC81B0D8C654539BE7C4" in str(caught.value)
        assert "https://keys.example.org/p256" in str(caught.value)

    def test_a_ring_that_returns_something_else(self) -> None:
        with pytest.raises(SignerUnknown, match="key ring has something unreadable"):
            ring(b"nonsense").verify(samples.P256_SIGNATURE, SASHASH)

    @pytest.mark.attack("CNF-07")
    def test_every_octet_that_is_signed_counts(self) -> None:
        verifier = ring(samples.P256_PUBLIC)
        packet = SignaturePacket.read(samples.P256_SIGNATURE)
        covered = 2 + len(packet.head)
        # Two octets of the hash come before the numbers, as a hint that verification does not need.
        numbers = len(samples.P256_SIGNATURE) - len(packet.tail) + 2
        for place in [*range(2, covered), *range(numbers, len(samples.P256_SIGNATURE))]:
            changed = bytearray(samples.P256_SIGNATURE)
            changed[place] ^= 1
            with pytest.raises(SignatureInvalid):
                verifier.verify(bytes(changed), SASHASH)


@pytest.fixture
def without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(openpgp, "sequoia", None)
    yield


@pytest.mark.usefixtures("without_library")
def test_without_the_library_the_message_says_what_to_install() -> None:
    with pytest.raises(BackendUnavailable, match=r"pip install \.\[openpgp\]"):
        OpenPgpVerifier(lambda _issuer: None)
    with pytest.raises(BackendUnavailable, match=r"pip install \.\[openpgp\]"):
        OpenPgpSigner(b"", URI)
