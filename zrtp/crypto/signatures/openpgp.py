"""Signatures of type "PGP ": a binary OpenPGP version 4 signature packet (RFC 6189 section 7.2.1).

pysequoia (`pip install .[openpgp]`) signs, verifies, and takes care of key packets, subkeys, revocations and weak
keys. It neither writes nor reads the URI of the preferred key server that RFC 6189 demands; `openpgp_packet` does.

The key does not come with the signature. The application has it in a key ring, and gives it to `OpenPgpVerifier`.
pysequoia takes time and randomness from the operating system.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zrtp.crypto.signatures.base import SignatureInvalid, SignerUnknown
from zrtp.crypto.signatures.openpgp_packet import LONGEST_URI, SignaturePacket, is_uri
from zrtp.errors import ApiMisuse, BackendUnavailable

if TYPE_CHECKING:
    import pysequoia as sequoia
else:
    try:
        import pysequoia as sequoia
    except ImportError:
        sequoia = None

SIGNATURE_TYPE = b"PGP "


class OpenPgpSigner:
    """Signs with an OpenPGP key: ECDSA on P-256 or P-384, or DSA of 2048 to 3072 bits; an `EllipticSigner`."""

    signature_type = SIGNATURE_TYPE

    def __init__(self, secret_key: bytes, key_server: str, *, password: str | None = None) -> None:
        """`secret_key` is a transferable secret key, binary or armored; its signing (sub)key is used.

        `key_server` is the URI at which the other side can get the public key, as complete as it needs to be.

        Raises:
            ApiMisuse: the key is unreadable, locked, or of a kind that RFC 6189 advises against; or no URI is given.
            BackendUnavailable: pysequoia is not installed.
        """
        _need_sequoia()
        uri = key_server.encode("utf-8")
        if len(uri) > LONGEST_URI or not is_uri(uri):
            raise ApiMisuse(
                f"The key server has to be a URI of at most {LONGEST_URI} characters, such as "
                "https://keys.example.org/alice.pgp; RFC 6189 wants it in every signature."
            )
        self._uri = uri
        try:
            key = sequoia.Tsk.from_bytes(secret_key)
            self._signer = key.signer(password)
        except RuntimeError:
            raise ApiMisuse("This is not an OpenPGP key that can sign now, or the password is wrong.") from None
        # Which (sub)key signs is pysequoia's choice; a signature of something that is no sashash shows it.
        try:
            trial = SignaturePacket.read(self._packet(b"Which key signs?"))
        except SignatureInvalid as error:
            raise ApiMisuse(f"This OpenPGP key makes signatures that RFC 6189 does not have: {error}") from None
        self._curve_bits = _curve_bits(bytes(key.extract_certificate()), trial.fingerprint)

    @property
    def curve_bits(self) -> int:
        return self._curve_bits

    def sign(self, sashash: bytes) -> bytes:
        packet = self._packet(sashash)
        return packet + bytes(-len(packet) % 4)

    def _packet(self, data: bytes) -> bytes:
        try:
            made = sequoia.sign(self._signer, data, mode=sequoia.SignatureMode.DETACHED, armor=False)
        except RuntimeError:
            raise ApiMisuse("The OpenPGP key cannot sign now.") from None
        return SignaturePacket.read(bytes(made), need_key_server=False).with_key_server(self._uri)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPgpIssuer:
    """Whose key is needed to check a signature. All of it is what the other side claims."""

    key_id: bytes
    """8 octets."""
    fingerprint: bytes | None
    """20 octets; that of a subkey, if a subkey signed. Some software leaves it out."""
    key_server: str
    """URI at which the other side offers the key; printable ASCII."""


class OpenPgpVerifier:
    """Checks OpenPGP signatures with the keys that the application has."""

    signature_type = SIGNATURE_TYPE

    def __init__(self, find_key: Callable[[OpenPgpIssuer], bytes | None]) -> None:
        """`find_key` returns the certificate (transferable public key) of an issuer, or None if it has none.

        It is called in the middle of a call and must not wait for a network: look into a local key ring, and get
        missing keys for the next call. It should return only keys that are valid now: pysequoia refuses revoked
        ones, but takes the time that the signature tells for that of the signature.

        Raises:
            BackendUnavailable: pysequoia is not installed.
        """
        _need_sequoia()
        self._find_key = find_key

    def verify(self, block: bytes, sashash: bytes) -> bytes:
        """The fingerprint of the certificate, that is of its primary key."""
        packet = SignaturePacket.read(block)
        issuer = OpenPgpIssuer(key_id=packet.key_id, fingerprint=packet.fingerprint, key_server=packet.key_server)
        name = (issuer.fingerprint or issuer.key_id).hex().upper()
        key = self._find_key(issuer)
        if key is None:
            raise SignerUnknown(
                f"It was made with the OpenPGP key {name}, which is not in your key ring; "
                f"it may be at {issuer.key_server}."
            )
        try:
            certificate = sequoia.Cert.from_bytes(key)
        except RuntimeError:
            raise SignerUnknown(f"Your key ring has something unreadable for the OpenPGP key {name}.") from None
        try:
            result = sequoia.verify(
                bytes=sashash,
                store=lambda _key_ids: [certificate],
                signature=sequoia.Sig.from_bytes(packet.encode()),
            )
        except RuntimeError:
            raise SignatureInvalid(
                "The signature does not fit the SAS of this call, or was not made by a valid key."
            ) from None
        return bytes.fromhex(result.valid_sigs[0].certificate)


def _need_sequoia() -> None:
    if sequoia is None:
        raise BackendUnavailable("OpenPGP signatures need the library pysequoia: pip install .[openpgp].")


# What kind of key signs: RFC 4880 section 5.5.2, RFC 6637 section 9.

_DSA = 17
_ECDSA = 19
_CURVES = {bytes.fromhex("082a8648ce3d030107"): 256, bytes.fromhex("052b81040022"): 384}
"""Size by the object identifier in a key packet, with its length in front: P-256, P-384."""
_PARAMETERS = 6
"""Offset in a key packet: version, creation time and algorithm come first."""


def _curve_bits(certificate: bytes, fingerprint: bytes | None) -> int:
    """Bits of the ECDSA key with that fingerprint, 0 for DSA; raises ApiMisuse for keys that must not sign."""
    from pysequoia.packet import PacketPile

    for packet in PacketPile.from_bytes(certificate):
        if packet.fingerprint is not None and bytes.fromhex(packet.fingerprint) == fingerprint:
            algorithm, parameters = packet.body[_PARAMETERS - 1], packet.body[_PARAMETERS:]
            if algorithm == _DSA and 2048 <= int.from_bytes(parameters[:2], "big") <= 3072:
                return 0
            for identifier, bits in _CURVES.items():
                if algorithm == _ECDSA and parameters.startswith(identifier):
                    return bits
    raise ApiMisuse("RFC 6189 wants signatures by ECDSA on P-256 or P-384, or by DSA of 2048 to 3072 bits.")
