"""The name under which a record is kept: the SIP address of the other side, and before it what the person calls them.

"sip:bob@example.org", or "Bob <sip:bob@example.org>", as SIP writes both (RFC 3261 section 20.10). That is whom a call
with this address expects, so that another key, or this key at another address, is told whatever the person calls them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from zrtp.cache.interface import SecretCache, entries
from zrtp.cache.record import NAME_LENGTH, clean_name
from zrtp.errors import CacheError

_NAMED: Final = re.compile(r"(?P<shown>.+) <(?P<address>[^<>]+)>")


class Names:
    """What the person calls the addresses that are known."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """`known` are the names of records."""
        self._by_address: dict[str, str] = {}
        for name in known:
            self._learn(name)

    @classmethod
    def of(cls, cache: SecretCache | None) -> Names:
        """Those in a cache; none if it fails, which the engine tells at each call."""
        with suppress(CacheError):
            return cls(entry.record.name for entry in entries(cache)) if cache is not None else cls()
        return cls()

    def of_record(self, address: str) -> str:
        """The name that the record of an address has, or will have."""
        address = _cleaned(address)
        return self._by_address.get(address.casefold(), address)

    def call(self, address: str, shown: str) -> str:
        """From now on the person calls an address so; returns the name of its record."""
        address = _cleaned(address)
        shown = clean_name(shown)[: max(0, NAME_LENGTH - len(address) - len(" <>"))].strip()
        if not shown or shown.casefold() == address.casefold():
            return self.of_record(address)
        return self._learn(f"{shown} <{address}>")

    def _learn(self, name: str) -> str:
        found = _NAMED.fullmatch(name)
        if found is not None:
            self._by_address[found["address"].casefold()] = name
        return name


def shown_for(address: str, name: str) -> str:
    """What a person is shown of a record's name beside the address of the call, if that is the record's."""
    found = _NAMED.fullmatch(name)
    return found["shown"] if found is not None and found["address"].casefold() == address.casefold() else name


def _cleaned(address: str) -> str:
    """An address without what would end it within a name: whoever calls chooses theirs."""
    return clean_name(address.replace("<", "").replace(">", ""))
