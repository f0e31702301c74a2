"""Secure calls in an asyncio event loop.

`connect` and `listen` are the short way between two programs like this one. Programs that have RTP code of their own
put a layer under it: `AsyncCall.add_layer`, see `zrtp.media.aio.layer`.
"""

from __future__ import annotations

from zrtp.media.aio.call import AsyncCall, SessionOptions
from zrtp.media.aio.fork import ForkedCall
from zrtp.media.aio.host import Host, HostMetrics
from zrtp.media.aio.layer import MediaLayer
from zrtp.media.aio.stream import Options, Path, SecureStream, connect, listen
from zrtp.media.errors import HostDraining, NotSecured

__all__ = [
    "AsyncCall",
    "ForkedCall",
    "Host",
    "HostDraining",
    "HostMetrics",
    "MediaLayer",
    "NotSecured",
    "Options",
    "Path",
    "SecureStream",
    "SessionOptions",
    "connect",
    "listen",
]
