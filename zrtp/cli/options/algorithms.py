"""Which algorithms are offered, and the engine's configuration that follows from them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from zrtp.cli.errors import CommandError, Exit
from zrtp.crypto import codes
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ApiMisuse
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
    missing = [
        code for code in agreements if code in DEFAULT.key_agreements and not DEFAULT.key_agreements[code].available
    ]
    if missing:
        raise CommandError(
            f"{codes.name(missing[0])} is not available with the installed cryptography library",
            "install a newer one: python -m pip install --upgrade cryptography",
            code=Exit.USAGE,
        )
    preshared = codes.PRSH in agreements
    if preshared:
        lists["key_agreements"] = tuple(code for code in agreements if code != codes.PRSH)
    lists.setdefault("sas_types", SAS_TYPES)
    try:
        return Config(preshared=preshared, **settings, **lists)
    except ApiMisuse as error:
        raise CommandError.from_sentences(str(error), code=Exit.USAGE) from error


def _algorithms(name: str) -> Callable[[str], tuple[bytes, ...]]:
    attribute, meaning = _LISTS[name]

    def parse(text: str) -> tuple[bytes, ...]:
        known = _by_folded_name(
            getattr(DEFAULT, attribute), extra=(codes.MULT, codes.PRSH) if name == "agreement" else ()
        )
        chosen = []
        for part in filter(None, (part.strip() for part in text.split(","))):
            if part.casefold() not in known:
                names = ", ".join(map(codes.name, known.values()))
                raise argparse.ArgumentTypeError(f"{part} is not among the {meaning} known here: {names}")
            chosen.append(known[part.casefold()])
        if not chosen:
            raise argparse.ArgumentTypeError("the list is empty")
        return tuple(dict.fromkeys(chosen))

    return parse


def _by_folded_name(entries: Mapping[bytes, Any], extra: Iterable[bytes]) -> dict[str, bytes]:
    return {codes.name(code).casefold(): code for code in (*entries, *extra)}
