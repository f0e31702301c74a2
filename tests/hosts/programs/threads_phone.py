"""A program with one thread that sends and one that receives, over what looks like a socket."""

from __future__ import annotations

import threading
import time

from tests.hosts.programs.common import FAST, Told, frames
from zrtp import Endpoint
from zrtp.media import Packetizer, RtpPacket, SecureSocket
from zrtp.media.sound import g711

told = Told.by_command_line()

sock = SecureSocket(Endpoint(FAST), on_event=told.on_event)
sock.bind(("127.0.0.1", told.local))


def receive() -> None:
    try:
        while True:
            told.heard.extend(g711.decode(RtpPacket.decode(sock.recv()).payload))
    except OSError:
        pass


threading.Thread(target=receive, daemon=True).start()
sock.start(told.remote)
sock.secured(timeout=30)
packetizer = Packetizer(sock.media.stream.ssrc)
for frame in frames(told.tone(1.5)):
    sock.send(packetizer.packet(g711.encode(frame)).encode())
    time.sleep(0.02)
time.sleep(0.3)
told.facts["rejected"] = sock.media.counters.rejected
sock.close()
told.tell()
