"""A second installation in the same cache file, for calls in which both ends are on this computer.

Two ends with the same ZID refuse each other: a call to oneself is usually a reflection (RFC 6189 section 4.1).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Final

from zrtp.cache.interface import PeerEntry, RecordUpdate, SecretCache, waits
from zrtp.cache.record import PeerRecord

CALLER_HERE: Final = "calls within this computer"
"""The label of the ZID under which this computer calls itself."""


class Labelled:
    """A cache as another installation sees it: the same file, a ZID of its own."""

    def __init__(self, cache: SecretCache, label: str) -> None:
        self._cache = cache
        self._label = label
        self.waits = waits(cache)

    def own_zid(self, make: Callable[[], bytes], label: str = "", *, renew: bool = False) -> bytes:
        return self._cache.own_zid(make, label or self._label, renew=renew)

    def load(self, own_zid: bytes, peer_zid: bytes) -> PeerRecord | None:
        return self._cache.load(own_zid, peer_zid)

    def update(self, own_zid: bytes, peer_zid: bytes, change: RecordUpdate) -> PeerRecord | None:
        return self._cache.update(own_zid, peer_zid, change)

    def peers(self) -> list[PeerEntry]:
        return self._cache.peers()


def is_this_computer(host: str) -> bool:
    """Whether a numeric address is one of this computer: then a socket can be bound to it."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True
