"""Our own half of a call with a real softphone: UDP ports on loopback, the media path of the package, tones as speech.

with SoftPhone(play=880) as ours, UserAgent() as agent:
    dialog = agent.call(phone.uri, describe(ours.offer()))
    ours.connect(dialog.media)
    ours.start()
    ours.run(until=ours.secure, timeout=5)
"""

from __future__ import annotations

import random
import select
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self, TypeVar

from tests.interop.ports import LOOPBACK, free_udp_ports
from tests.interop.sip import Media
from tests.support import pcmu, tones
from tests.support.inside import core_of
from zrtp.cache.interface import SecretCache
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.events import CallEvent
from zrtp.media.rtp import FRAME_SAMPLES, FRAME_SECONDS, PCMU, Packetizer, RtpPacket
from zrtp.media.secure import SecureCall, SecureMedia
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Secured
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.wire.messages import Kind, kind_of

E = TypeVar("E")

REPORT_INTERVAL = 0.5
SENDER_REPORT = 200
POLL = 0.005


@dataclass(slots=True)
class Line:
    """One media stream: a UDP port of ours, and where the other side wants it."""

    kind: str
    media: SecureMedia
    port: socket.socket
    rtcp_port: socket.socket
    """The next port, because softphones do not answer a=rtcp-mux."""
    packetizer: Packetizer
    remote: tuple[str, int] | None = None
    heard: list[int] = field(default_factory=list)
    """Decoded audio, at 8000 samples per second."""
    packets: list[RtpPacket] = field(default_factory=list)
    """Every packet that may be played."""
    reports: list[bytes] = field(default_factory=list)
    """RTCP packets that verified while the stream was secure."""
    arrived: Counter[DatagramKind] = field(default_factory=Counter)
    sent_messages: list[Kind] = field(default_factory=list)

    @property
    def ssrc(self) -> int:
        return self.media.stream.ssrc

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.port.getsockname()
        return host, port


class Agent(Protocol):
    """Keeps up signalling while a call is served."""

    def poll(self, timeout: float = 0.0) -> None:
        """Handle what has arrived."""


class SoftPhone:
    """One call of ours. To be closed, best by `with`."""

    def __init__(
        self,
        *,
        config: Config | None = None,
        cache: SecretCache | None = None,
        play: float = 0,
        video: bool = False,
        loss: float = 0.0,
        seed: int = 1,
        agent: Agent | None = None,
        best_effort: bool = True,
    ) -> None:
        """`play` is the tone that we send, in Hz; `loss` hits ZRTP in both directions."""
        endpoint = Endpoint(config, cache)
        self.call = SecureCall(endpoint.session(), best_effort=best_effort)
        self.events: list[tuple[float, CallEvent]] = []
        self.lines = [self._line("audio", 0x0A0A0A01)]
        if video:
            self.lines.append(self._line("video", 0x0A0A0A02))
        self._agent = agent
        self._loss, self._dice = loss, random.Random(seed)
        self._tone: list[int] = []
        self._position = 0
        self.play(play)
        self._next_frame = self._next_report = self._started = time.monotonic()

    @property
    def session(self) -> Session:
        return self.call.session

    @property
    def audio(self) -> Line:
        return self.lines[0]

    @property
    def video(self) -> Line:
        return self.lines[1]

    def offer(self, *, zrtp_hash: bool = True) -> list[Media]:
        """Our m= sections, for an SDP offer or answer."""
        return [
            Media(line.kind, line.address[1], zrtp_hash=line.media.stream.hello_hash if zrtp_hash else None)
            for line in self.lines
        ]

    def connect(self, theirs: Sequence[Media]) -> None:
        """Take where to send, and which Hello to expect, from their SDP."""
        for line, section in zip(self.lines, theirs, strict=False):
            line.remote = section.address, section.port
            if section.zrtp_hash:
                core_of(line.media.stream).peer_hello_hash = bytes.fromhex(section.zrtp_hash.split()[1])

    def start(self, *lines: Line) -> None:
        """Begin ZRTP, on all lines or on these."""
        self._started = time.monotonic()
        for line in lines or self.lines:
            line.media.start(self._started)

    def play(self, hertz: float) -> None:
        """Send this tone from now on, for at most 40 seconds; 0 is no sound, and then no RTP."""
        self._tone = tones.sine(hertz, 40) if hertz else []
        self._position = 0

    def run(self, *, timeout: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Serve the call until the condition holds; whether it did within `timeout` seconds."""
        end = time.monotonic() + timeout
        while not until():
            now = time.monotonic()
            if now >= end:
                return False
            for line, datagram in self._arrived():
                self._receive(line, datagram, time.monotonic())
            self._tick(time.monotonic())
        return True

    def secure(self) -> bool:
        return all(line.media.stream.state is State.SECURE for line in self.lines)

    def seen(self, kind: type[E]) -> list[E]:
        """Events of one type so far."""
        return [event for _, event in self.events if isinstance(event, kind)]

    @property
    def seconds_to_secure(self) -> float:
        """From `start` to the first Secured."""
        return next(at for at, event in self.events if isinstance(event, Secured)) - self._started

    def close(self) -> None:
        self.call.close(time.monotonic())
        for line in self.lines:
            line.port.close()
            line.rtcp_port.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _line(self, kind: str, ssrc: int) -> Line:
        first = free_udp_ports(2)
        port, rtcp_port = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        port.bind((LOOPBACK, first))
        rtcp_port.bind((LOOPBACK, first + 1))
        return Line(kind, self.call.add_stream(ssrc), port, rtcp_port, Packetizer(ssrc, payload_type=PCMU))

    def _arrived(self) -> list[tuple[Line, bytes]]:
        ports = {port: line for line in self.lines for port in (line.port, line.rtcp_port)}
        ready, _, _ = select.select(list(ports), [], [], POLL)
        return [(ports[port], port.recv(65536)) for port in ready]

    def _receive(self, line: Line, datagram: bytes, now: float) -> None:
        kind = classify(datagram)
        line.arrived[kind] += 1
        if kind is DatagramKind.ZRTP and self._dice.random() < self._loss:
            return
        packets = [RtpPacket.decode(octets) for octets in line.media.datagram_received(datagram, now)]
        line.packets += packets
        if line.kind == "audio":
            for packet in packets:
                if packet.payload_type == PCMU:
                    line.heard += pcmu.decode(packet.payload)
        reports = line.media.take_rtcp()
        if line.media.stream.state is State.SECURE:
            line.reports += reports

    def _tick(self, now: float) -> None:
        timer = self.call.next_timer()
        if timer is not None and timer <= now:
            self.call.handle_timer(now)
        while self._next_frame <= now:
            self._next_frame += FRAME_SECONDS
            self._speak()
        if self._next_report <= now:
            self._next_report = now + REPORT_INTERVAL
            for line in self.lines:
                report = line.media.protect_rtcp(sender_report(line.ssrc, self._position))
                if report is not None and line.remote is not None:
                    host, port = line.remote
                    line.rtcp_port.sendto(report, (host, port + 1))
        for line in self.lines:
            for datagram in line.media.datagrams_to_send():
                message = kind_of(datagram[12:])
                if message is not None:
                    line.sent_messages.append(message)
                if self._dice.random() >= self._loss:
                    self._send(line, datagram)
        while (event := self.call.next_event()) is not None:
            self.events.append((now, event))
        if self._agent is not None:
            self._agent.poll()

    def _speak(self) -> None:
        frame = self._tone[self._position : self._position + FRAME_SAMPLES]
        self._position += FRAME_SAMPLES
        if len(frame) == FRAME_SAMPLES and self.audio.remote is not None:
            octets = self.audio.media.protect(self.audio.packetizer.packet(pcmu.encode(frame)).encode())
            if octets is not None:
                self._send(self.audio, octets)

    def _send(self, line: Line, datagram: bytes) -> None:
        if line.remote is not None:
            line.port.sendto(datagram, line.remote)


def sender_report(ssrc: int, samples: int) -> bytes:
    """A compound RTCP packet: a sender report without reception blocks, and a CNAME (RFC 3550 sections 6.4.1, 6.5)."""
    seconds = time.time() + 2208988800
    ntp = int(seconds) & 0xFFFFFFFF, int(seconds % 1 * 0x100000000)
    report = struct.pack("!BBHIIIIII", 0x80, SENDER_REPORT, 6, ssrc, *ntp, samples & 0xFFFFFFFF, 1, 160)
    cname = struct.pack("!IBB", ssrc, 1, 4) + b"zrtp" + bytes(2)
    return report + struct.pack("!BBH", 0x81, 202, len(cname) // 4) + cname
