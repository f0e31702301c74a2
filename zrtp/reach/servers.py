"""The servers that help two sides to find each other: how they are written, and the ones that are asked by default.

None of them gets a key or hears the call. What each learns stands in docs/reach.md. There is no default relay:
somebody would have to pay for the traffic.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from zrtp.errors import ApiMisuse
from zrtp.media.addresses import Address

DEFAULT_MAILBOX: Final = "ws://relay.magic-wormhole.io:4000/v1"
"""The server of magic-wormhole's author, which other programs may use (its docs/api.md)."""
DEFAULT_STUN: Final = "stun.l.google.com:19302"
STUN_PORT: Final = 3478
"""Of STUN and TURN (RFC 8489 section 18.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A TURN server and what it wants to know."""

    address: Address
    user: str
    password: str = field(repr=False)
    tcp: bool = False
    """Talk to it over TCP, for networks that let no UDP out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Who is asked while a way is looked for."""

    stun: Address | None = None
    """Tells us our public address."""
    turn: Turn | None = None
    """Relays the call if there is no direct way."""
    relay_only: bool = False
    """Show the other side no address of ours but the relay's."""

    def __post_init__(self) -> None:
        if self.relay_only and self.turn is None:
            raise ApiMisuse("A relay alone is wanted, but no TURN server is named.")


def parse_stun(text: str) -> Address | None:
    """HOST, HOST:PORT or `none`. Raises ApiMisuse."""
    if text.lower() == "none":
        return None
    return _host_and_port(text.removeprefix("stun:"), "a STUN server is HOST, HOST:PORT or none")


def parse_turn(text: str, password: str) -> Turn:
    """`turn:USER@HOST[:PORT][?transport=tcp]`; the password never stands in the text. Raises ApiMisuse."""
    found = re.fullmatch(r"turn:(?P<user>[^@]+)@(?P<host>[^?@]+)(\?transport=(?P<transport>udp|tcp))?", text)
    if found is None or ":" in found["user"]:
        raise ApiMisuse(
            "a TURN server is turn:USER@HOST, turn:USER@HOST:PORT, with ?transport=tcp at the end if need be"
        )
    address = _host_and_port(found["host"], "a TURN server is turn:USER@HOST or turn:USER@HOST:PORT")
    return Turn(address=address, user=found["user"], password=password, tcp=found["transport"] == "tcp")


def parse_mailbox(text: str) -> str:
    """The address of a mailbox server, ws:// or wss://. Raises ApiMisuse."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ApiMisuse("a mailbox server is an address like wss://HOST/v1 or ws://HOST:4000/v1")
    return text


def host_of(url: str) -> str:
    """The host name in a mailbox server's address, for people."""
    return urlsplit(url).hostname or url


def _host_and_port(text: str, form: str) -> Address:
    found = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\[\]:\s]+))(?::(?P<port>[0-9]{1,5}))?", text)
    port = int(found["port"] or STUN_PORT) if found else 0
    if found is None or not 0 < port < 65536:
        raise ApiMisuse(form)
    return found["v6"] or found["host"], port
