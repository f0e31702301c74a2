"""Signatures with certificates (RFC 6189 section 7.2.2)."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.certificates import P256, P384, PrivateKey, certificate, certificate_of_length, key
from tests.support.vectors import transcripts
from zrtp.crypto.signatures import LONGEST_BLOCK, SignatureInvalid
from zrtp.crypto.signatures.x509 import X509Signer, X509Verifier, certificate_length
from zrtp.errors import ApiMisuse

SASHASH = bytes(range(32))
CERTIFICATE = certificate(P256)
CURVES = pytest.mark.parametrize(
    ("private_key", "width", "hash_"),
    [pytest.param(P256, 32, hashes.SHA256(), id="P-256"), pytest.param(P384, 48, hashes.SHA384(), id="P-384")],
)


RSA_KEY = rsa.generate_private_key(65537, 2048)
"""Of a kind that signs no SAS; it takes a while to make."""


def signed(sashash: bytes = SASHASH, private_key: ec.EllipticCurvePrivateKey = P256) -> bytes:
    return X509Signer(certificate(private_key), private_key).sign(sashash)


class TestSigning:
    @pytest.mark.rfc("R-7.2.2-01", "R-7.2.2-02", "R-7.2-15", "R-7.2-16")
    @CURVES
    def test_the_block_is_certificate_padding_r_and_s(
        self, private_key: ec.EllipticCurvePrivateKey, width: int, hash_: hashes.SHA256 | hashes.SHA384
    ) -> None:
        der = certificate(private_key)
        block = X509Signer(der, private_key).sign(SASHASH)
        padded = der + bytes(-len(der) % 4)
        assert block.startswith(padded)
        r_and_s = block[len(padded) :]
        assert len(r_and_s) == 2 * width
        r, s = int.from_bytes(r_and_s[:width], "big"), int.from_bytes(r_and_s[width:], "big")
        private_key.public_key().verify(encode_dss_signature(r, s), SASHASH, ec.ECDSA(hash_))

    @pytest.mark.parametrize("octets", [401, 402, 403, 404])
    def test_the_certificate_is_padded_to_a_word(self, octets: int) -> None:
        der = certificate_of_length(octets)
        block = X509Signer(der, P256).sign(SASHASH)
        assert len(block) == 404 + 64
        assert X509Verifier().verify(block, SASHASH) == der

    @pytest.mark.rfc("R-7.2.2-01")
    def test_leading_zeros_of_r_and_s_are_kept(self) -> None:
        signer = X509Signer(CERTIFICATE, P256)
        zeros = {-64: False, -32: False}
        for _ in range(20_000):
            block = signer.sign(SASHASH)
            for place in zeros:
                if block[place] == 0:
                    zeros[place] = True
                    assert X509Verifier().verify(block, SASHASH) == CERTIFICATE
            if all(zeros.values()):
                break
        assert all(zeros.values())

    def test_a_loaded_certificate_does_as_well(self) -> None:
        signer = X509Signer(x509.load_der_x509_certificate(CERTIFICATE), P256)
        assert X509Verifier().verify(signer.sign(SASHASH), SASHASH) == CERTIFICATE

    @CURVES
    def test_the_size_of_the_key_is_told(
        self, private_key: ec.EllipticCurvePrivateKey, width: int, hash_: hashes.HashAlgorithm
    ) -> None:
        signer = X509Signer(certificate(private_key), private_key)
        assert (signer.curve_bits, signer.signature_type) == (width * 8, b"X509")

    @pytest.mark.rfc("R-7.2.2-04")
    def test_a_certificate_that_just_fits(self) -> None:
        der = certificate_of_length(LONGEST_BLOCK - 64)
        block = X509Signer(der, P256).sign(SASHASH)
        assert len(block) == LONGEST_BLOCK == 4 * 511 - 4
        assert X509Verifier().verify(block, SASHASH) == der

    @pytest.mark.rfc("R-7.2.2-04")
    def test_a_certificate_that_is_too_long(self) -> None:
        with pytest.raises(ApiMisuse, match="at most 2040 octets"):
            X509Signer(certificate_of_length(LONGEST_BLOCK - 63), P256)

    @pytest.mark.rfc("R-7.2-16")
    def test_a_certificate_signed_with_sha_1(self) -> None:
        with pytest.raises(ApiMisuse, match="SHA1"):
            X509Signer(with_sha1(CERTIFICATE), P256)

    def test_a_certificate_for_another_key(self) -> None:
        with pytest.raises(ApiMisuse, match="another key"):
            X509Signer(CERTIFICATE, key(ec.SECP256R1(), 2))

    def test_another_curve(self) -> None:
        p521 = key(ec.SECP521R1())
        with pytest.raises(ApiMisuse, match="secp521r1, not on P-256 or P-384"):
            X509Signer(certificate(p521), p521)

    def test_a_key_that_is_not_ecdsa(self) -> None:
        rsa_key = RSA_KEY
        with pytest.raises(ApiMisuse, match="no RSA"):
            X509Signer(certificate(rsa_key), rsa_key)  # type: ignore[arg-type]

    def test_something_that_is_no_certificate(self) -> None:
        with pytest.raises(ApiMisuse, match="cannot be read"):
            X509Signer(b"\x30\x03abc", P256)


def with_sha1(der: bytes) -> bytes:
    """The certificate with another algorithm in it, as if it had been signed so; nobody checks that signature."""
    ecdsa_with_sha256, ecdsa_with_sha1 = "06082a8648ce3d040302", "06072a8648ce3d0401"
    loaded = x509.load_der_x509_certificate(der)
    body = loaded.tbs_certificate_bytes[len(_sequence(bytes(200))) - 200 :]
    old = bytes.fromhex("300a" + ecdsa_with_sha256)
    new = bytes.fromhex("3009" + ecdsa_with_sha1)
    assert body.count(old) == 1
    body = _sequence(body.replace(old, new))
    signature = loaded.signature
    return _sequence(body + new + bytes([3, len(signature) + 1, 0]) + signature)


def _sequence(content: bytes) -> bytes:
    length = len(content)
    return b"\x30" + (bytes([0x81, length]) if length < 256 else b"\x82" + length.to_bytes(2, "big")) + content


ON_SECT233K1 = (
    "3082016730820114a003020102021438130a811265ca34d4469d2b4305afde4fe8f079300a06082a8648ce3d040302301031"
    "0e300c06035504030c05416c696365301e170d3236313132353034313731335a170d3336313132323034313731335a301031"
    "0e300c06035504030c05416c6963653052301006072a8648ce3d020106052b8104001a033e0004017539390069e501dca2e1"
    "6d70277babd6018fb1493687184b698cc7d8f100b403fec66ecf35511691a7b25b0a0c25d264a66d6e1a251ac5956b2211a3"
    "533051301d0603551d0e041604140b9569db434025425ec88b710f467f9248be3e6d301f0603551d230418301680140b9569"
    "db434025425ec88b710f467f9248be3e6d300f0603551d130101ff040530030101ff300a06082a8648ce3d04030203410030"
    "3e021d77011acc09b1938ded8a9994cbc0018487e5103c5ba4c0811f0eb6ef34021d547ac9b35b5307dbe3080f18a3b722d7"
    "4541a6c0296a47715698c8312c"
)
"""A certificate for a key on a curve over a binary field, by OpenSSL."""


class TestVerifying:
    @pytest.mark.rfc("R-7.2-03", "R-7.2-12")
    @CURVES
    def test_a_good_signature_yields_the_certificate(
        self, private_key: ec.EllipticCurvePrivateKey, width: int, hash_: hashes.HashAlgorithm
    ) -> None:
        assert X509Verifier().verify(signed(private_key=private_key), SASHASH) == certificate(private_key)

    def test_the_issuer_may_use_any_sound_algorithm(self) -> None:
        for issuer in (ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), RSA_KEY):
            der = certificate(P256, issuer=issuer)
            assert X509Verifier().verify(X509Signer(der, P256).sign(SASHASH), SASHASH) == der

    @pytest.mark.rfc("R-7.2-03")
    @pytest.mark.attack("CNF-07")
    @every("octet", range(32))
    def test_every_octet_of_the_sashash_counts(self, octet: int) -> None:
        other = bytearray(SASHASH)
        other[octet] ^= 1
        with pytest.raises(SignatureInvalid, match="does not fit the SAS"):
            X509Verifier().verify(signed(), bytes(other))

    @pytest.mark.attack("CNF-07")
    @pytest.mark.parametrize("r_and_s", [bytes(64), b"\xff" * 64, bytes(63) + b"\x01"], ids=["zero", "huge", "r zero"])
    def test_numbers_out_of_range(self, r_and_s: bytes) -> None:
        with pytest.raises(SignatureInvalid, match="does not fit the SAS"):
            X509Verifier().verify(signed()[:-64] + r_and_s, SASHASH)

    @pytest.mark.attack("CNF-07")
    def test_the_signature_of_somebody_else(self) -> None:
        block = signed()[:-64] + signed(private_key=P384)[-64:]
        with pytest.raises(SignatureInvalid, match="does not fit the SAS"):
            X509Verifier().verify(block, SASHASH)

    @pytest.mark.rfc("R-7.2.2-02")
    @pytest.mark.parametrize("change", [-64, -4, 4, 32])
    def test_a_signature_of_another_length(self, change: int) -> None:
        block = signed() + bytes(max(0, change))
        with pytest.raises(SignatureInvalid, match=f"has 64 octets, not the {64 + change} behind"):
            X509Verifier().verify(block[: len(block) + min(0, change)], SASHASH)

    @pytest.mark.rfc("R-5.1.7-02")
    @every(
        ("private_key", "reason"),
        [
            pytest.param(key(ec.SECP521R1()), "secp521r1, not on P-256", id="P-521"),
            pytest.param(key(ec.SECP256K1()), "secp256k1, not on P-256", id="secp256k1"),
            pytest.param(key(ec.BrainpoolP256R1()), "brainpoolP256r1, not on P-256", id="brainpool"),
            pytest.param(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)), "not for an ECDSA key", id="Ed25519"),
            pytest.param(RSA_KEY, "not for an ECDSA key", id="RSA"),
        ],
    )
    def test_other_keys_are_refused(self, private_key: PrivateKey, reason: str) -> None:
        der = certificate(private_key)
        with pytest.raises(SignatureInvalid, match=reason):
            X509Verifier().verify(der + bytes(-len(der) % 4 + 64), SASHASH)

    @pytest.mark.rfc("R-5.1.7-02")
    def test_a_key_on_a_curve_over_a_binary_field(self) -> None:
        der = bytes.fromhex(ON_SECT233K1)
        with pytest.raises(SignatureInvalid, match=r"unknown here|on sect233k1, not on P-256"):
            X509Verifier().verify(der + bytes(-len(der) % 4 + 64), SASHASH)
        with pytest.raises(ApiMisuse, match="cannot be used to sign"):
            X509Signer(der, P256)

    @pytest.mark.rfc("R-7.2-16")
    def test_a_certificate_signed_with_sha_1(self) -> None:
        der = with_sha1(CERTIFICATE)
        with pytest.raises(SignatureInvalid, match="SHA1, which can be forged"):
            X509Verifier().verify(der + bytes(-len(der) % 4) + signed()[-64:], SASHASH)

    def test_a_point_off_the_curve(self) -> None:
        point = P256.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        block = signed().replace(point, point[:-1] + bytes([point[-1] ^ 1]))
        with pytest.raises(SignatureInvalid, match="cannot be read"):
            X509Verifier().verify(block, SASHASH)

    @pytest.mark.rfc("R-7.2.2-04")
    @pytest.mark.attack("PAR-21")
    def test_more_than_511_words(self) -> None:
        with pytest.raises(SignatureInvalid, match="more than 2040"):
            X509Verifier().verify(signed() + bytes(2040), SASHASH)

    @pytest.mark.attack("PAR-20")
    def test_every_truncation(self) -> None:
        block = signed()
        for length in range(len(block)):
            with pytest.raises(SignatureInvalid):
                X509Verifier().verify(block[:length], SASHASH)

    @pytest.mark.attack("CNF-07")
    def test_every_octet_of_the_block_counts_or_is_padding(self) -> None:
        block = signed()
        for place in range(len(block)):
            changed = bytearray(block)
            changed[place] ^= 0x80
            try:
                der = X509Verifier().verify(bytes(changed), SASHASH)
            except SignatureInvalid:
                continue
            # What the issuer signed is not looked at here, but it is what the application gets to see.
            assert place >= len(CERTIFICATE) or der != CERTIFICATE

    @given(st.binary(max_size=300))
    def test_noise(self, noise: bytes) -> None:
        for block in (noise, b"\x30\x82" + noise, CERTIFICATE + noise):
            with pytest.raises(SignatureInvalid):
                X509Verifier().verify(block, SASHASH)

    @given(st.data())
    def test_a_damaged_certificate(self, data: st.DataObject) -> None:
        block = bytearray(signed())
        for _ in range(data.draw(st.integers(1, 4))):
            block[data.draw(st.integers(0, len(CERTIFICATE) - 1))] = data.draw(st.integers(0, 255))
        try:
            X509Verifier().verify(bytes(block), SASHASH)
        except SignatureInvalid as error:
            assert str(error).endswith(".")

    def test_a_recorded_block_that_is_no_certificate(self) -> None:
        (recorded,) = [transcript.signature for transcript in transcripts() if transcript.signature]
        with pytest.raises(SignatureInvalid, match="no certificate"):
            X509Verifier().verify(recorded.data[4:], SASHASH)


class TestLengthOfCertificate:
    @every(
        ("header", "total"),
        [("3000", 2), ("307f", 129), ("308180", 131), ("3081ff", 258), ("30820100", 260), ("308207f0", 2036)],
    )
    def test_is_that_of_its_header(self, header: str, total: int) -> None:
        assert certificate_length(bytes.fromhex(header) + bytes(2040)) == total

    @every(
        "header",
        ["3080", "30817f", "308200ff", "30830000ff", "3084000000ff", "30ff"],
        ids=["indefinite", "one octet too many", "two too many", "three", "four", "reserved"],
    )
    def test_other_forms_are_not_der(self, header: str) -> None:
        with pytest.raises(SignatureInvalid, match="not in DER form"):
            certificate_length(bytes.fromhex(header) + bytes(2040))

    @every("block", [b"", b"0", b"0\x82\x01", b"\x31\x82\x01\x00", bytes(100)])
    def test_there_may_be_no_certificate(self, block: bytes) -> None:
        with pytest.raises(SignatureInvalid, match="no certificate in DER form"):
            certificate_length(block)

    @pytest.mark.attack("PAR-20")
    @pytest.mark.parametrize("header", ["307f", "308180", "30820100", "3082ffff"])
    def test_never_reaches_beyond_the_block(self, header: str) -> None:
        start = bytes.fromhex(header)
        with pytest.raises(SignatureInvalid, match="but only 20 came"):
            certificate_length(start + bytes(20 - len(start)))
