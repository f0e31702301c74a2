"""Names of computers that take long to look up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from zrtp.media.addresses import Address, is_number

PATIENCE: Final = 1.0
"""Seconds after which people are told what is waited for."""


def names(*addresses: Address | None) -> list[str]:
    """The hosts that are not given in numbers."""
    return [address[0] for address in addresses if address is not None and not is_number(address[0])]


@contextmanager
def explained(tell: Callable[[str], None], *addresses: Address | None) -> Iterator[None]:
    """Within the block, in which these are looked up, `tell` is told of it if it takes long. Needs a running loop."""
    unknown = names(*addresses)
    if not unknown:
        yield
        return
    words = f"looking up the name {' and '.join(unknown)}"
    telling = asyncio.get_running_loop().call_later(PATIENCE, tell, words)
    try:
        yield
    finally:
        telling.cancel()
