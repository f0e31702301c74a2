"""rfcvoip, the maintained pyVoIP: its RTP client gets a secure socket in place of its own."""

from __future__ import annotations

import os
import socket
import threading
import types
from typing import Any

import rfcvoip.RTP as RTP

from tests.hosts.programs.common import FAST, Told
from zrtp import Endpoint
from zrtp.media import SecureSocket

told = Told.by_command_line()

# The glue: the library's module sees a `socket` whose sockets are secure.
secure = SecureSocket(Endpoint(FAST), on_event=told.on_event)
shim: Any = types.ModuleType("socket")
shim.__dict__.update(vars(socket), socket=lambda *_: secure)
RTP.socket = shim

client = RTP.RTPClient({0: RTP.PayloadType.PCMU}, "127.0.0.1", told.local, *told.remote, RTP.TransmitType.SENDRECV)
client.start()
secure.start(told.remote)
secure.secured(timeout=30)
client.write(bytes((sample >> 8) + 128 for sample in told.tone(4.0)))
threading.Timer(2.5, client.stop).start()
# Reading waits for sound: the library discards what arrives behind the place up to which it was read.
while client.NSD:
    told.heard.extend((octet - 128) << 8 for octet in client.read(160))
told.facts["rejected"] = secure.media.counters.rejected
told.tell()
os._exit(0)  # the library's threads do not end
