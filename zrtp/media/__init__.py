"""The media path: telling packets apart, SRTP, and calls over your own sockets or over asyncio.

Each name here is imported when it is first used, so a program that needs little loads little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zrtp.events import AnotherPeer
    from zrtp.media.aio import AsyncCall, ForkedCall, MediaLayer, SecureStream, connect, listen
    from zrtp.media.demux import DatagramKind, classify
    from zrtp.media.errors import NotSecured
    from zrtp.media.events import MediaRecovered, MediaTrouble, PeerLeft, Trouble
    from zrtp.media.rtp import MalformedRtp, Packetizer, RtpPacket
    from zrtp.media.secure import Counters, SecureCall, SecureMedia
    from zrtp.media.threads import SecureSocket

__all__ = [
    "AnotherPeer",
    "AsyncCall",
    "Counters",
    "DatagramKind",
    "ForkedCall",
    "MalformedRtp",
    "MediaLayer",
    "MediaRecovered",
    "MediaTrouble",
    "NotSecured",
    "Packetizer",
    "PeerLeft",
    "RtpPacket",
    "SecureCall",
    "SecureMedia",
    "SecureSocket",
    "SecureStream",
    "Trouble",
    "classify",
    "connect",
    "listen",
]

_HOMES = {
    ".aio": ("AsyncCall", "ForkedCall", "MediaLayer", "SecureStream", "connect", "listen"),
    ".demux": ("DatagramKind", "classify"),
    ".errors": ("NotSecured",),
    ".events": ("MediaRecovered", "MediaTrouble", "PeerLeft", "Trouble"),
    ".rtp": ("MalformedRtp", "Packetizer", "RtpPacket"),
    ".secure": ("Counters", "SecureCall", "SecureMedia"),
    ".threads": ("SecureSocket",),
    "..events": ("AnotherPeer",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(module, __name__), name)
            return value
    raise AttributeError(f"module 'zrtp.media' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
