"""pyVoIP as it is calls a SIP phone; its RTP client gets a secure socket.

The arguments are our SIP port, that of the phone, and our tone. pyVoIP wants to register before it calls, so a
registrar and proxy of a few lines stands between the two.
"""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from typing import Any

import pyVoIP.RTP
from pyVoIP.VoIP import CallState, VoIPPhone

from tests.hosts.programs.common import Told
from zrtp import Config, Endpoint
from zrtp.media import SecureSocket

told = Told.by_command_line()
OURS, PROXY, THEIRS = told.local, told.local + 1, told.remote[1]


# The glue: the library's RTP client with a secure socket in place of its own.
class SecureClient(pyVoIP.RTP.RTPClient):
    def start(self) -> None:
        endpoint = Endpoint(Config(key_agreements=(b"X255", b"DH3k", b"Mult")))
        self.sin = self.sout = SecureSocket(endpoint, self.outSSRC, told.on_event)
        self.sin.bind((self.inIP, self.inPort))
        self.sin.setblocking(False)
        for run in (self.recv, self.trans):
            threading.Timer(0, run).start()
        self.sin.start((self.outIP, self.outPort))
        told.facts["socket"] = self.sin


pyVoIP.RTP.RTPClient = SecureClient


def proxy(sock: socket.socket) -> None:
    """Says 200 to REGISTER, and passes everything else on with a Via of its own."""
    while True:
        data, address = sock.recvfrom(8192)
        text = data.decode()
        if text.startswith("REGISTER"):
            kept = [line for line in text.split("\r\n") if re.match(r"(Via|From|To|Call-ID|CSeq|Contact)\s*:", line)]
            answer = ["SIP/2.0 200 OK", *kept, "Expires: 300", "Content-Length: 0", "", ""]
            sock.sendto("\r\n".join(answer).encode(), address)
        elif text.startswith("SIP/2.0"):
            sock.sendto(re.sub(rf"Via:[^\r\n]*:{PROXY}[^\r\n]*\r\n", "", text, count=1).encode(), ("127.0.0.1", OURS))
        else:
            branch = f"z9hG4bK{abs(hash(text.splitlines()[0])):x}"
            via = f"\r\nVia: SIP/2.0/UDP 127.0.0.1:{PROXY};branch={branch}\r\n"
            sock.sendto(text.replace("\r\n", via, 1).encode(), ("127.0.0.1", THEIRS))


between = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
between.bind(("127.0.0.1", PROXY))  # before the first REGISTER, which is sent again after half a minute only
threading.Thread(target=proxy, args=[between], daemon=True).start()
phone = VoIPPhone(
    "127.0.0.1", PROXY, "ours", "x", myIP="127.0.0.1", sipPort=OURS, rtpPortLow=OURS + 10, rtpPortHigh=OURS + 20
)
phone.start()
call = phone.call("theirs")
deadline = time.monotonic() + 15
while call.state != CallState.ANSWERED and time.monotonic() < deadline:
    time.sleep(0.02)
secure: Any = told.facts.pop("socket")
secure.secured(timeout=10)
call.write_audio(bytes((sample >> 8) + 128 for sample in told.tone(6.0)))
time.sleep(1.0)
deadline = time.monotonic() + 2.5
while time.monotonic() < deadline:
    told.heard.extend((octet - 128) << 8 for octet in call.read_audio(160, blocking=False))
    time.sleep(0.018)
told.facts["rejected"] = secure.media.counters.rejected
told.tell()
os._exit(0)  # the library's threads do not end
