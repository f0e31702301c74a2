"""The media path of a call without any input or output: key agreement, demultiplexer and SRTP in one place.

For programs that own their sockets. They hand over every datagram of a media port and get back RTP packets;
they hand over RTP packets and get back what may be sent: octets both ways, so that header extensions,
contributing sources and padding pass as they are. `zrtp.media.rtp.RtpPacket` takes such octets apart.
`SecureCall` is a call, `SecureMedia` one of its streams. Time is an argument, in seconds of any monotonic clock,
as everywhere in the engine.

The gates for media (RFC 6189 section 4) are kept here: what comes out of `SecureMedia.datagram_received` was
authenticated and decrypted, and nothing but SRTP leaves `SecureMedia.protect`, unless the call was made with
`best_effort=True`; then plain RTP passes both ways for as long as `Stream.sending` is CLEAR. A user who agrees
to switch encryption off in the middle of a call is a reason to set it there.

After every call of a method: send `datagrams_to_send` of each stream, take `next_event` until it is None, and
set a timer for `next_timer`. The same holds after methods of the session, such as `Session.sas_matched`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from zrtp.errors import ApiMisuse, SrtpError
from zrtp.media import rtcp
from zrtp.media.demux import Kind, classify
from zrtp.media.srtp import SrtpReceiver, SrtpSender, srtp_pair
from zrtp.media.srtp.errors import SrtpMalformed, SrtpReplayed
from zrtp.media.srtp.sources import rtp_header
from zrtp.protocol.events import ClearRequested, Closed, Event, Failed, KeysReady, Sending, WentClear
from zrtp.protocol.session import Session

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream

Octets: TypeAlias = bytes | bytearray | memoryview
"""What a socket gives and takes."""

RTCP_BACKLOG = 16
"""Received RTCP packets that are kept until `SecureMedia.rtcp_received` is called; the oldest goes first."""


@dataclass(slots=True)
class Counters:
    """What happened to the packets of a stream."""

    sent: int = 0
    """RTP packets given out for sending."""
    received: int = 0
    """RTP and SRTP packets that arrived."""
    verified: int = 0
    """Of these, SRTP packets that were authenticated and decrypted."""
    rejected: int = 0
    """Of these, refused since the stream is secure: forged, damaged, repeated, or plain RTP."""
    repeated: int = 0
    """Of the rejected, packets that had been received before."""
    early: int = 0
    """Of the received, dropped because the stream was not secure yet."""
    withheld: int = 0
    """RTP packets that were not sent because the gate was shut."""
    foreign: int = 0
    """Datagrams that are neither ZRTP nor RTP nor RTCP; `classify` them before if you wait for them."""
    zrtp_packets: int = 0
    """ZRTP datagrams, both ways: those given out for sending, and all that arrived. When the stream becomes secure,
    this is what the key agreement took."""
    zrtp_octets: int = 0
    """The octets of these, as UDP payload."""

    def count_zrtp(self, datagram: bytes) -> None:
        """One ZRTP datagram more, in or out."""
        self.zrtp_packets += 1
        self.zrtp_octets += len(datagram)


class SecureCall:
    """One call with one peer: the engine's session, and the media paths of its streams.

    Raises ApiMisuse for anything but a session.
    """

    def __init__(self, session: Session, *, best_effort: bool = False) -> None:
        if not isinstance(session, Session):
            raise ApiMisuse(
                f"SecureCall is made of a session, for example endpoint.session(), not of a {type(session).__name__}."
            )
        self.session = session
        self.media: dict[int, SecureMedia] = {}
        """The streams by our SSRC."""
        self.best_effort = best_effort
        """Plain RTP may pass, both ways, whenever `Stream.sending` is CLEAR. May be changed during the call."""
        self._events: deque[Event] = deque()

    def add_stream(self, ssrc: int, *, peer_hello_hash: bytes | None = None) -> SecureMedia:
        """A stream under our SSRC; `peer_hello_hash` is the a=zrtp-hash of signalling, 32 octets.

        Raises ApiMisuse if the session cannot have it.
        """
        stream = self.session.add_stream(ssrc, peer_hello_hash=peer_hello_hash)
        media = self.media[ssrc] = SecureMedia(self, stream)
        return media

    def next_event(self) -> Event | None:
        """The next thing to tell the application; None when there is nothing more."""
        self.settle()
        return self._events.popleft() if self._events else None

    def next_timer(self) -> float | None:
        """When `handle_timer` is due; None while nothing is pending."""
        timers = (media.stream.next_timer() for media in self.media.values())
        return min((timer for timer in timers if timer is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Let every stream do what is due."""
        for media in self.media.values():
            media.stream.handle_timer(now)
        self.settle()

    def close(self, now: float) -> None:
        """End the call and wipe its keys. May be called again."""
        self.session.close(now)
        self.settle()

    def settle(self) -> None:
        """Bring the media paths up to date with the session; every method here and there does so."""
        while (event := self.session.next_event()) is not None:
            whole_call = isinstance(event, ClearRequested | WentClear)  # SRTP ends on all streams at once
            for ssrc, media in self.media.items():
                if whole_call or ssrc == event.ssrc:
                    media._follow(event)
            self._events.append(event)


class SecureMedia:
    """The datagrams of one stream, both ways. Made by `SecureCall.add_stream`."""

    def __init__(self, call: SecureCall, stream: Stream) -> None:
        self.stream = stream
        self.counters = Counters()
        self.peer_left = False
        """The peer said goodbye, in an authenticated RTCP packet."""
        self._call = call
        self._sender: SrtpSender | None = None
        self._receiver: SrtpReceiver | None = None
        self._heard = False  # an SRTP packet under these keys has been verified
        self._rtcp: deque[bytes] = deque(maxlen=RTCP_BACKLOG)

    def start(self, now: float) -> None:
        """Look for a ZRTP peer. Call it when datagrams can reach the other side, after the checks of ICE."""
        self.stream.start(now)
        self._call.settle()

    def datagram_received(self, datagram: Octets, now: float) -> list[bytes]:
        """Take a datagram of the media port; returns the RTP packets that may be played, as octets.

        Never raises for what is in it.
        """
        if type(datagram) is not bytes:
            datagram = _octets(datagram)
        kind = classify(datagram)
        if kind is Kind.RTP:
            return self._rtp_received(datagram, now)
        if kind is Kind.ZRTP:
            self.counters.count_zrtp(datagram)
            self.stream.receive_datagram(datagram, now)
            self._call.settle()
        elif kind is Kind.RTCP:
            self._rtcp_received(datagram)
        else:
            self.counters.foreign += 1
        return []

    @property
    def may_send(self) -> bool:
        """Whether the gate for media is open."""
        if self._sender is not None:
            return self.stream.sending is Sending.SRTP
        return self._plain_may_pass

    def protect(self, packet: Octets) -> bytes | None:
        """The datagram to send for the octets of an RTP packet; None while the gate is shut.

        Raises SrtpError if the packet cannot be protected: it is no RTP packet, or its sequence number was used.
        Raises ApiMisuse for anything but octets.
        """
        if type(packet) is not bytes:
            packet = _octets(packet)
        if not self.may_send:
            self.counters.withheld += 1
            return None
        if classify(packet) is not Kind.RTP:
            raise SrtpMalformed("This is not an RTP packet, or would be taken for RTCP on the other side.")
        if self._sender is not None:
            packet = self._sender.protect(packet)
        self.counters.sent += 1
        return packet

    def protect_rtcp(self, compound: Octets) -> bytes | None:
        """The datagram to send for a compound RTCP packet; None while the gate is shut.

        Raises SrtpError and ApiMisuse, as `protect`.
        """
        if type(compound) is not bytes:
            compound = _octets(compound)
        if not self.may_send:
            return None
        if classify(compound) is not Kind.RTCP:
            raise SrtpMalformed("This is not a compound RTCP packet.")
        return compound if self._sender is None else self._sender.protect_rtcp(compound)

    def datagrams_to_send(self) -> list[bytes]:
        """The ZRTP datagrams that are due now, in order."""
        due = self.stream.datagrams_to_send()
        for datagram in due:
            self.counters.count_zrtp(datagram)
        return due

    def rtcp_received(self) -> list[bytes]:
        """The compound RTCP packets since the last call, authenticated and decrypted."""
        packets = list(self._rtcp)
        self._rtcp.clear()
        return packets

    def _follow(self, event: Event) -> None:
        """Take over keys, and let go of them, as the engine says."""
        if isinstance(event, KeysReady):
            self._forget_keys()
            self._sender, self._receiver = srtp_pair(event.send, event.receive)
        elif isinstance(event, Failed | ClearRequested | WentClear | Closed):
            self._forget_keys()

    def _rtp_received(self, datagram: bytes, now: float) -> list[bytes]:
        self.counters.received += 1
        if self._receiver is not None:
            octets = self._unprotected(self._receiver, datagram, now)
            return [] if octets is None else [octets]
        if not self._plain_may_pass:
            self.counters.early += 1
            return []
        try:
            rtp_header(datagram)
        except SrtpMalformed:
            self.counters.rejected += 1
            return []
        return [datagram]

    def _unprotected(self, receiver: SrtpReceiver, datagram: bytes, now: float) -> bytes | None:
        try:
            octets = receiver.unprotect(datagram)
        except SrtpError as error:
            self.counters.rejected += 1
            self.counters.repeated += isinstance(error, SrtpReplayed)
            return None
        self.counters.verified += 1
        if not self._heard:
            self._heard = True
            self.stream.srtp_verified(now)
            self._call.settle()
        return octets

    @property
    def _plain_may_pass(self) -> bool:
        return self._call.best_effort and self.stream.sending is Sending.CLEAR

    def _rtcp_received(self, datagram: bytes) -> None:
        if self._receiver is not None:
            try:
                datagram = self._receiver.unprotect_rtcp(datagram)
            except SrtpError:
                return
        elif not self._plain_may_pass:
            return
        self._rtcp.append(datagram)
        self.peer_left |= bool(rtcp.leaving(datagram))

    def _forget_keys(self) -> None:
        for direction in (self._sender, self._receiver):
            if direction is not None:
                direction.wipe()
        self._sender = self._receiver = None
        self._heard = False


def _octets(given: object) -> bytes:
    """What may be given in place of bytes, as bytes."""
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    raise ApiMisuse(f"A packet is given as octets, not as {type(given).__name__}; RtpPacket.encode() makes them.")
