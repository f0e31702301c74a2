"""RTP code as somebody else may have written it: an asyncio protocol that knows nothing of keys."""

from __future__ import annotations

import asyncio
import struct
from typing import Any


class RtpProgram(asyncio.DatagramProtocol):
    """Keeps what arrives; `say` and `report` send plain packets."""

    def __init__(self, ssrc: int, remote: Any = None) -> None:
        self.ssrc = ssrc
        self.remote = remote
        self.heard: list[bytes] = []
        self.errors: list[Exception] = []
        self.paused: list[bool] = []
        self.lost = False
        self.sequence = 0
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.heard.append(data)

    def error_received(self, exc: Exception) -> None:
        self.errors.append(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def pause_writing(self) -> None:
        self.paused.append(True)

    def resume_writing(self) -> None:
        self.paused.append(False)

    def say(self, payload: bytes = b"sound") -> bytes:
        """Send the next packet; returns it as it should arrive."""
        self.sequence += 1
        packet = struct.pack("!BBHII", 0x80, 0, self.sequence, 160 * self.sequence, self.ssrc) + payload
        self.transport.sendto(packet, self.remote)
        return packet

    def report(self, number: int = 0) -> bytes:
        """Send a sender report; returns it as it should arrive."""
        report = struct.pack("!BBHI", 0x80, 200, 6, self.ssrc) + number.to_bytes(20, "big")
        self.transport.sendto(report, self.remote)
        return report
