"""Which algorithms are offered, and the engine's configuration that follows from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, Final

from zrtp.cli.errors import CommandError, Exit
from zrtp.crypto import codes
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ApiMisuse, BackendUnavailable
from zrtp.protocol.config import Config

SAS_TYPES: Final = (b"B256", b"B32 ")
"""Words first: they are easier to read aloud than letters."""

_LISTS: Final = {
    "agreement": ("key_agreements", "key agreements"),
    "hash": ("hashes", "hashes"),
    "cipher": ("ciphers", "ciphers"),
    "auth_tag": ("auth_tags", "SRTP authentication tags"),
    "sas": ("sas_types", "renderings of the SAS"),
}


def add(parser: argparse.ArgumentParser) -> None:
    """One option for each kind of algorithm."""
    group = parser.add_argument_group("algorithms, comma separated, best first")
    for name, (attribute, meaning) in _LISTS.items():
        known = ", ".join(map(codes.name, getattr(DEFAULT, attribute)))
        group.add_argument(
            f"--{name.replace('_', '-')}", type=_algorithms(name), metavar="LIST", help=f"{meaning}: {known}"
        )


def config(arguments: argparse.Namespace, **settings: Any) -> Config:
    """The configuration with these algorithms and other `settings`. Raises CommandError."""
    lists = {attribute: getattr(arguments, name) for name, (attribute, _) in _LISTS.items() if getattr(arguments, name)}
    agreements = lists.get("key_agreements", ())
    preshared = codes.PRSH in agreements
    if preshared:
        lists["key_agreements"] = tuple(code for code in agreements if code != codes.PRSH)
    lists.setdefault("sas_types", SAS_TYPES)
    try:
        return Config(preshared=preshared, **settings, **lists)
    except (ApiMisuse, BackendUnavailable) as error:
        raise CommandError.from_sentences(str(error), code=Exit.USAGE) from error


def _algorithms(name: str) -> Callable[[str], tuple[bytes, ...]]:
    attribute, meaning = _LISTS[name]

    def parse(text: str) -> tuple[bytes, ...]:
        extra = (codes.MULT, codes.PRSH) if name == "agreement" else ()
        known = {_folded(codes.name(code)): code for code in (*getattr(DEFAULT, attribute), *extra)}
        chosen = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            code = known.get(_folded(part)) or known.get(_folded(_NATURAL[name].get(_folded(part), "")))
            if code is None:
                names = ", ".join(map(codes.name, known.values()))
                raise argparse.ArgumentTypeError(f"{part} is not among the {meaning} known here: {names}")
            chosen.append(code)
        if not chosen:
            raise argparse.ArgumentTypeError("the list is empty")
        return tuple(dict.fromkeys(chosen))

    return parse


def _folded(text: str) -> str:
    """Without what people write in one way or another: case, hyphens, plus signs."""
    return "".join(character for character in text.casefold() if character.isalnum())


_NATURAL: Final[dict[str, dict[str, str]]] = {
    "agreement": {
        "dh2048": "DH2k",
        "dh3072": "DH3k",
        "p256": "EC25",
        "p384": "EC38",
        "p521": "EC52",
        "x25519": "X255",
        "curve25519": "X255",
        "mlkem512": "MLK1",
        "mlkem768": "MLK2",
        "mlkem1024": "MLK3",
        "x25519mlkem512": "X1M1",
        "x25519mlkem768": "X1M2",
        "x448mlkem1024": "X3M3",
        "multistream": "Mult",
        "preshared": "Prsh",
    },
    "hash": {"sha256": "S256", "sha384": "S384"},
    "cipher": {"aes": "AES1", "aes128": "AES1", "aes192": "AES2", "aes256": "AES3"},
    "auth_tag": {"hmacsha132": "HS32", "hmacsha180": "HS80", "sha132": "HS32", "sha180": "HS80"},
    "sas": {"words": "B256", "letters": "B32", "emoji": "B32E", "pictures": "B32E"},
}
"""What people call them, folded, beside the codes of RFC 6189."""
