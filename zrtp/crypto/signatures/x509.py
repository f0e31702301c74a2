"""Signatures of type "X509": ECDSA with an X.509 certificate (RFC 6189 section 7.2.2).

::

    DER certificate | padding to a word | r | s          r and s 32 octets each (P-256), or 48 (P-384)

The length of the certificate is not transmitted, its own DER header tells it. P-256 goes with SHA-256, P-384 with
SHA-384; there are no other keys. Chains, names, dates and revocation are not looked at here: `X509Verifier` gives the
application the certificate, and the application decides.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from zrtp.crypto.signatures.base import LONGEST_BLOCK, SignatureInvalid
from zrtp.errors import ApiMisuse

SIGNATURE_TYPE = b"X509"


class X509Signer:
    """Signs with an ECDSA key that a certificate names; an `EllipticSigner`."""

    signature_type = SIGNATURE_TYPE

    def __init__(self, certificate: bytes | x509.Certificate, private_key: ec.EllipticCurvePrivateKey) -> None:
        """`certificate` is DER or loaded; the key may be one of `cryptography` or of a device with the same methods.

        Raises:
            ApiMisuse: the certificate is unreadable, too long, signed with SHA-1, for another key, or not P-256 or
                P-384.
        """
        der = certificate if isinstance(certificate, bytes) else certificate.public_bytes(serialization.Encoding.DER)
        if not isinstance(private_key, ec.EllipticCurvePrivateKey):
            raise ApiMisuse("Only an ECDSA key can sign for X509; RFC 6189 has no RSA here.")
        try:
            public_key, kind = _read_certificate(der)
        except SignatureInvalid as error:
            raise ApiMisuse(f"This certificate cannot be used to sign: {error}") from None
        if public_key != private_key.public_key():
            raise ApiMisuse("The certificate is for another key than the private one.")
        self._certificate = der + bytes(-len(der) % 4)
        if len(self._certificate) + 2 * kind.width > LONGEST_BLOCK:
            raise ApiMisuse(
                f"The certificate has {len(der)} octets; with a signature at most {LONGEST_BLOCK} octets can be sent. "
                "Use one with fewer extensions."
            )
        self._private_key = private_key
        self._kind = kind

    @property
    def curve_bits(self) -> int:
        return self._kind.width * 8

    def sign(self, sashash: bytes) -> bytes:
        signature = self._private_key.sign(sashash, ec.ECDSA(self._kind.hash))
        width = self._kind.width
        return self._certificate + b"".join(part.to_bytes(width, "big") for part in decode_dss_signature(signature))


class X509Verifier:
    """Checks ECDSA signatures by the certificate that comes with them, and returns it as DER; a `KeyVerifier`."""

    signature_type = SIGNATURE_TYPE

    def verify(self, block: bytes, sashash: bytes) -> bytes:
        if len(block) > LONGEST_BLOCK:
            raise SignatureInvalid(f"Certificate and signature have {len(block)} octets, more than {LONGEST_BLOCK}.")
        length = certificate_length(block)
        certificate, signature = block[:length], block[length + -length % 4 :]
        public_key, kind = _read_certificate(certificate)
        if len(signature) != 2 * kind.width:
            raise SignatureInvalid(
                f"A signature by this key has {2 * kind.width} octets, not the {len(signature)} behind the certificate."
            )
        r, s = (int.from_bytes(half, "big") for half in (signature[: kind.width], signature[kind.width :]))
        try:
            public_key.verify(encode_dss_signature(r, s), sashash, ec.ECDSA(kind.hash))
        except InvalidSignature:
            raise SignatureInvalid("The signature does not fit the SAS of this call.") from None
        return certificate

    def key_of(self, signer: bytes) -> bytes:
        """The SubjectPublicKeyInfo of a certificate, DER."""
        public_key, _ = _read_certificate(signer)
        return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def certificate_length(block: bytes) -> int:
    """Octets of the DER certificate at the beginning of a signature block, header included.

    Raises:
        SignatureInvalid: the header is not that of a certificate in DER, or tells more octets than there are.
    """
    if len(block) < 4 or block[0] != _SEQUENCE:
        raise SignatureInvalid("There is no certificate in DER form.")
    # A length is 0x82 and two octets, 0x81 and one, or one alone; DER allows only the shortest, and longer ones
    # exceed what a Confirm can hold.
    form = block[1]
    octets = form - 0x80 if form >= 0x80 else 0
    length = int.from_bytes(block[2 : 2 + octets], "big") if octets else form
    if form == 0x80 or octets > 2 or (octets == 1 and length < 0x80) or (octets == 2 and length < 0x100):
        raise SignatureInvalid("The length of the certificate is not in DER form.")
    total = 2 + octets + length
    if total > len(block):
        raise SignatureInvalid(f"The certificate says it has {total} octets, but only {len(block)} came.")
    return total


_SEQUENCE = 0x30


@dataclass(frozen=True, slots=True)
class _Kind:
    """A curve that RFC 6189 allows, and the hash that goes with it."""

    width: int
    """Octets of r, and of s."""
    hash: hashes.HashAlgorithm


_KINDS = {"secp256r1": _Kind(32, hashes.SHA256()), "secp384r1": _Kind(48, hashes.SHA384())}

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, Warning)
"""What the library raises for octets that are not a certificate; warnings, where a program turns them into errors."""


def _read_certificate(der: bytes) -> tuple[ec.EllipticCurvePublicKey, _Kind]:
    """The key of a certificate, and what to do with it; raises SignatureInvalid."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        public_key = certificate.public_key()
        issued_with = certificate.signature_hash_algorithm
    except _UNREADABLE:
        raise SignatureInvalid("The certificate cannot be read, or uses an algorithm that is unknown here.") from None
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise SignatureInvalid("The certificate is not for an ECDSA key.")
    kind = _KINDS.get(public_key.curve.name)
    if kind is None:
        raise SignatureInvalid(f"The certificate is for a key on {public_key.curve.name}, not on P-256 or P-384.")
    if isinstance(issued_with, hashes.SHA1 | hashes.MD5):
        raise SignatureInvalid(f"The certificate was signed with {issued_with.name.upper()}, which can be forged.")
    return public_key, kind
