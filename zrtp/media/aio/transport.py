"""What a protocol is given to send through where something stands between it and its socket."""

from __future__ import annotations

import asyncio
from typing import Any


class TransportOver(asyncio.DatagramTransport):
    """Another transport in all but what is sent: subclasses say in `sendto` which way that goes."""

    def __init__(self, below: asyncio.DatagramTransport) -> None:
        super().__init__()
        self._below = below

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport below says, for example "sockname"."""
        return self._below.get_extra_info(name, default)

    def is_closing(self) -> bool:
        """Whether the transport below is."""
        return self._below.is_closing()

    def close(self) -> None:
        """Close the transport below."""
        self._below.close()

    def abort(self) -> None:
        """The same, at once."""
        self._below.abort()
