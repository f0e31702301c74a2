"""rfcvoip, the maintained pyVoIP: its RTP client gets a secure socket in place of its own."""

from __future__ import annotations

import os
import socket
import time
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
secure.secured(timeout=10)
client.write(bytes((sample >> 8) + 128 for sample in told.tone(4.0)))
deadline = time.monotonic() + 2.5
while time.monotonic() < deadline:
    told.heard.extend((octet - 128) << 8 for octet in client.read(160, blocking=False))
    time.sleep(0.018)
told.facts["rejected"] = secure.media.counters.rejected
client.stop()
told.tell()
os._exit(0)  # the library's threads do not end
