"""X.509 certificates for tests: always the same keys, and dates that no test looks at."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def key(curve: ec.EllipticCurve, number: int = 1) -> ec.EllipticCurvePrivateKey:
    """The private key with that number."""
    return ec.derive_private_key(0x1234567 + number, curve)


P256 = key(ec.SECP256R1())
P384 = key(ec.SECP384R1())


def certificate(
    subject: PrivateKey,
    *,
    issuer: PrivateKey | None = None,
    filling: int = 0,
    serial: int = 100,
) -> bytes:
    """A certificate in DER form, by the subject itself unless there is an issuer, with so many octets for nothing."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Alice")])
    signs = issuer if issuer is not None else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(subject.public_key())
        .serial_number(serial)
        .not_valid_before(datetime(2024, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2034, 1, 1, tzinfo=UTC))
    )
    if filling:
        private = x509.ObjectIdentifier("1.3.6.1.4.1.55555.1")
        builder = builder.add_extension(x509.UnrecognizedExtension(private, bytes(filling)), critical=False)
    algorithm = None if isinstance(signs, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    deterministic = True if isinstance(signs, ec.EllipticCurvePrivateKey) else None
    return builder.sign(signs, algorithm, ecdsa_deterministic=deterministic).public_bytes(serialization.Encoding.DER)


def certificate_of_length(octets: int) -> bytes:
    """A certificate for `P256` with exactly so many octets."""
    filling = octets - len(certificate(P256))
    # The signature in it has no fixed length; another serial number makes another one.
    for serial in range(1, 100):
        made = certificate(P256, filling=filling, serial=serial)
        if len(made) == octets:
            return made
        filling += 1 if len(made) < octets else -1
    raise AssertionError(f"no certificate of {octets} octets")
