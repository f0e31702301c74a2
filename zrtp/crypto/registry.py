"""All algorithms that an endpoint knows, by code, and how an application adds its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar

from zrtp.crypto import codes
from zrtp.crypto.auth_tags import AUTH_TAGS, AuthTag
from zrtp.crypto.ciphers import CIPHERS, CipherAlgorithm
from zrtp.crypto.hashes import HASHES, HashAlgorithm
from zrtp.crypto.key_agreements import KEY_AGREEMENTS, KeyAgreement
from zrtp.crypto.sas import SAS_TYPES, SasType
from zrtp.door import need_methods, need_octets


class _Coded(Protocol):
    @property
    def code(self) -> bytes: ...


Entry = HashAlgorithm | CipherAlgorithm | AuthTag | KeyAgreement | SasType
_Item = TypeVar("_Item", bound=_Coded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """Five tables, one for each list of the Hello (RFC 6189 section 5.2), by type block.

    What is in them can be negotiated; what an endpoint offers, and in which order, its configuration says.
    """

    hashes: Mapping[bytes, HashAlgorithm]
    ciphers: Mapping[bytes, CipherAlgorithm]
    auth_tags: Mapping[bytes, AuthTag]
    key_agreements: Mapping[bytes, KeyAgreement]
    sas_types: Mapping[bytes, SasType]

    def extended(self, *entries: Entry) -> Algorithms:
        """These algorithms and more; an entry with a known code takes the place of the known one.

        Raises:
            ApiMisuse: a code is not four octets.
        """
        added: dict[str, dict[bytes, Any]] = {table.name: {} for table in fields(self)}
        for entry in entries:
            need_methods("What algorithms are extended by", entry, ("code",), "an algorithm, such as a CipherAlgorithm")
            need_octets("An algorithm's code", entry.code, length=codes.LENGTH)
            added[_table(entry)][entry.code] = entry
        return replace(
            self,
            **{name: MappingProxyType({**getattr(self, name), **more}) for name, more in added.items() if more},
        )


def _table(entry: Entry) -> str:
    match entry:
        case HashAlgorithm():
            return "hashes"
        case CipherAlgorithm():
            return "ciphers"
        case AuthTag():
            return "auth_tags"
        case SasType():
            return "sas_types"
        case _:
            return "key_agreements"


def _by_code(items: Iterable[_Item]) -> Mapping[bytes, _Item]:
    return MappingProxyType({item.code: item for item in items})


DEFAULT: Final = Algorithms(
    hashes=_by_code(HASHES),
    ciphers=_by_code(CIPHERS),
    auth_tags=_by_code(AUTH_TAGS),
    key_agreements=_by_code(KEY_AGREEMENTS),
    sas_types=_by_code(SAS_TYPES),
)
"""Everything that this package implements."""

RECOGNISED: Final[Mapping[bytes, str]] = MappingProxyType(
    {
        b"SKN2": "Skein-512, 256 bits",
        b"SKN3": "Skein-512, 384 bits",
        b"2FS1": "Twofish, 128 bits",
        b"2FS2": "Twofish, 192 bits",
        b"2FS3": "Twofish, 256 bits",
        b"SK32": "Skein-512 MAC, 32 bits",
        b"SK64": "Skein-512 MAC, 64 bits",
        b"E414": "Curve41417",
        b"KYB1": "Kyber-512 (round 3)",
        b"KYB2": "Kyber-768 (round 3)",
        b"KYB3": "Kyber-1024 (round 3)",
        b"HQD1": "HQC-128 (round 4)",
        b"HQD2": "HQC-192 (round 4)",
        b"HQD3": "HQC-256 (round 4)",
        b"HQB1": "HQC-128 (round 3)",
        b"HQB2": "HQC-192 (round 3)",
        b"HQB3": "HQC-256 (round 3)",
        b"X1K1": "X25519 and Kyber-512",
        b"X3K3": "X448 and Kyber-1024",
        b"X1H1": "X25519 and HQC-128",
        b"X3H3": "X448 and HQC-256",
        b"XKR1": "X25519, Kyber-512 and HQC-128",
        b"XKR3": "X448, Kyber-1024 and HQC-256",
        b"XKQ1": "X25519, Kyber-512 and HQC-128 (round 3)",
        b"XKQ3": "X448, Kyber-1024 and HQC-256 (round 3)",
        b"NP06": "NTRU Prime 653 and Curve41417",
        b"NP09": "NTRU Prime 953 and Curve41417",
        b"NP12": "NTRU Prime 1277 and Curve41417",
        b"PQ54": "unreleased post-quantum code",
        b"PQ64": "unreleased post-quantum code",
        b"PQ74": "unreleased post-quantum code",
        b"SDH5": "SIDH (broken)",
        b"SDH7": "SIDH (broken)",
        b"B10D": "decimal digits (ambiguous)",
    }
)
"""Codes that peers list and this package does not speak: names to show, never to select."""
