"""The media path of a call without any input or output: key agreement, demultiplexer and SRTP in one place.

For programs that own their sockets. They hand over every datagram of a media port and get back RTP packets;
they hand over RTP packets and get back what may be sent: octets both ways, so that header extensions,
contributing sources and padding pass as they are. `zrtp.media.rtp.RtpPacket` takes such octets apart.
`SecureCall` is a call, `SecureMedia` one of its streams. Time is an argument, in seconds of any monotonic clock,
as everywhere in the engine.

The gates for media (RFC 6189 section 4) are kept here: what comes out of `SecureMedia.datagram_received` was
authenticated and decrypted, and nothing but SRTP leaves `SecureMedia.protect`, unless the call was made with
`best_effort=True`; then plain RTP passes both ways for as long as `Stream.sending` is CLEAR, and again when whoever
began a key agreement has proved nothing (`NoPeer`). A user who agrees to switch encryption off in the middle of a call
is a reason to set it there.

After every call of a method: send `datagrams_to_send` of each stream, take `next_event` until it is None, and
set a timer for `next_timer`. The same holds after methods of the session, such as `Session.sas_matched`. After
`protect` and `unprotect`, which run for every packet, it is enough to look at `SecureCall.has_news`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from zrtp.crypto.hashes import Octets
from zrtp.door import need_flag, need_moment, need_seconds
from zrtp.errors import ApiMisuse, SrtpError
from zrtp.media import rtcp
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.events import CallEvent, MediaEvent, MediaRecovered, MediaTrouble, PeerLeft, Trouble
from zrtp.media.srtp import SrtpReceiver, SrtpSender, srtp_pair
from zrtp.media.srtp.errors import SrtpMalformed, SrtpReplayed
from zrtp.media.srtp.sources import rtp_header
from zrtp.media.watch import MediaWatch
from zrtp.protocol.events import ClearRequested, Closed, Event, Failed, KeysReady, NoPeer, Secured, Sending, WentClear
from zrtp.protocol.limits import keep_event
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.protocol.stream import core_of

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream

RTCP_BACKLOG: Final = 16
"""Received RTCP packets that are kept until `SecureMedia.take_rtcp` is called; the oldest goes first."""

EARLY_BACKLOG: Final = 4
"""ZRTP datagrams that are kept until `SecureMedia.start`; later ones are dropped, for the peer repeats them."""

LARGEST: Final = 65_507 - 20
"""Octets of a packet that fits into one datagram with what SRTCP adds, an index and at most 16 octets of tag."""

SILENCE: Final = 10.0
"""Seconds without a packet that verifies after which a peer seems gone."""

STRAGGLING: Final = 0.5
"""Seconds after a goodbye in which packets that it overtook may still arrive (RFC 3550 section 6.2.1)."""


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
    malformed: int = 0
    """Of the rejected, packets that are not even RTP. All others of the rejected did not verify."""
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
    zrtp_received: int = 0
    """Of the ZRTP datagrams, those that arrived."""

    def count_zrtp(self, datagram: bytes) -> None:
        """One ZRTP datagram more, in or out."""
        self.zrtp_packets += 1
        self.zrtp_octets += len(datagram)


class SecureCall:
    """One call with one peer: the engine's session, and the media paths of its streams.

    `best_effort` lets plain RTP pass, both ways, whenever `Stream.sending` is CLEAR. After `silence` seconds without
    a packet that verifies, counted from `Secured` on, the peer seems gone, which is told; None never tells.

    Raises ApiMisuse for anything but a session.
    """

    def __init__(self, session: Session, *, best_effort: bool = False, silence: float | None = SILENCE) -> None:
        if not isinstance(session, Session):
            raise ApiMisuse(
                f"SecureCall is made of a session, for example endpoint.session(), not of {type(session).__name__}."
            )
        need_flag("best_effort", best_effort)
        if silence is not None:
            need_seconds("silence", silence)
        self.session = session
        self.media: dict[int, SecureMedia] = {}
        """The streams by our SSRC."""
        self.best_effort = best_effort
        """May be changed during the call."""
        self.silence = silence
        self.has_news = False
        """Something happened since `next_event` said that there is nothing more."""
        self._events: deque[CallEvent] = deque()

    def add_stream(self, ssrc: int, *, peer_hello_hash: bytes | None = None) -> SecureMedia:
        """A stream under our SSRC; `peer_hello_hash` is the a=zrtp-hash of signalling, 32 octets.

        Raises ApiMisuse if the session cannot have it.
        """
        stream = self.session.add_stream(ssrc, peer_hello_hash=peer_hello_hash)
        media = self.media[ssrc] = SecureMedia(self, stream)
        return media

    def next_event(self) -> CallEvent | None:
        """The next thing to tell the application; None when there is nothing more."""
        self.settle()
        if self._events:
            return self._events.popleft()
        self.has_news = False
        return None

    def next_timer(self) -> float | None:
        """When `handle_timer` is due; None while nothing is pending."""
        timers = (media._next_timer() for media in self.media.values())
        return min((timer for timer in timers if timer is not None), default=None)

    def handle_timer(self, now: float) -> None:
        """Let every stream do what is due."""
        if type(now) is not float or now != now:
            need_moment(now)
        for media in self.media.values():
            media._handle_timer(now)
        self.settle()

    def close(self, now: float) -> None:
        """End the call and wipe its keys. May be called again."""
        self.session.close(now)
        self.settle()

    def settle(self) -> None:
        """Bring the media paths up to date with the session; every method here and there does so."""
        self.has_news = True
        while (event := self.session.next_event()) is not None:
            whole_call = isinstance(event, ClearRequested | WentClear)  # SRTP ends on all streams at once
            for ssrc, media in self.media.items():
                if whole_call or ssrc == event.ssrc:
                    media._follow(event)
            self._keep(event)

    def _tell(self, event: MediaEvent) -> None:
        self.has_news = True
        self._keep(event)

    def _keep(self, event: CallEvent) -> None:
        """Until the application takes it; within the bounds that the session has for its own."""
        keep_event(self._events, event)


class SecureMedia:
    """The datagrams of one stream, both ways. Made by `SecureCall.add_stream`."""

    def __init__(self, call: SecureCall, stream: Stream) -> None:
        self.stream = stream
        self.counters = Counters()
        self._call = call
        self._sender: SrtpSender | None = None
        self._receiver: SrtpReceiver | None = None
        self._keys: KeysReady | None = None
        self._watch: MediaWatch | None = None  # since the stream is secure, or a packet came under these keys
        self._latest = b""  # the packet that verified last
        self._left: frozenset[bytes] = frozenset()  # the sources that said goodbye, the one heard last among them
        self._left_at = 0.0
        self._newcomer: bytes | None = None  # the datagram with the last Hello of somebody else than the peer
        self._early: list[bytes] = []
        self._again_at = 0.0
        self._rtcp: deque[bytes] = deque(maxlen=RTCP_BACKLOG)

    def start(self, now: float) -> None:
        """Look for a ZRTP peer, or look again after none was found.

        Call it when datagrams can reach the other side, after the checks of ICE. A Hello that came before is answered
        now.
        """
        self.stream.start(now)
        early, self._early = self._early, []
        for datagram in early:
            self.stream.receive_datagram(datagram, now)
        self._call.settle()

    def datagram_received(self, datagram: Octets, now: float) -> list[bytes]:
        """Take a datagram of the media port; returns the RTP packets that may be played, as octets.

        Never raises for what is in it.
        """
        if type(datagram) is not bytes or type(now) is not float or now != now:
            datagram, now = as_octets(datagram), need_moment(now)
        kind = classify(datagram)
        if kind is DatagramKind.RTP:
            packet = self.unprotect(datagram, now)
            return [] if packet is None else [packet]
        if kind is DatagramKind.ZRTP:
            self.zrtp_received(datagram, now)
        elif kind is DatagramKind.RTCP:
            compound = self.unprotect_rtcp(datagram, now)
            if compound is not None:
                self.keep_rtcp(compound)
        else:
            self.counters.foreign += 1
        return []

    def zrtp_received(self, datagram: bytes, now: float) -> None:
        """Take what `classify` found to be ZRTP."""
        if type(datagram) is not bytes or type(now) is not float or now != now:
            datagram, now = as_octets(datagram), need_moment(now)
        self.counters.count_zrtp(datagram)
        self.counters.zrtp_received += 1
        if self.stream.state is State.IDLE:
            if len(self._early) < EARLY_BACKLOG and datagram not in self._early:
                self._early.append(datagram)
            return
        self.stream.receive_datagram(datagram, now)
        if datagram[_MESSAGE] == core_of(self.stream).past.newcomer:
            self._newcomer = datagram
        self._call.settle()

    def unprotect(self, packet: bytes, now: float) -> bytes | None:
        """The RTP packet in what `classify` found to be RTP; None if it may not be played. Never raises for it."""
        if type(packet) is not bytes or type(now) is not float or now != now:
            packet, now = as_octets(packet), need_moment(now)
        counters = self.counters
        counters.received += 1
        receiver = self._receiver
        if receiver is None:
            return self._plain(packet, now)
        try:
            plain = receiver.unprotect(packet)
        except SrtpError as error:
            self._note_refused(error, now)
            return None
        counters.verified += 1
        self._latest = packet
        watch = self._watch
        if watch is None or watch.troubled or self._left:
            watch = self._note_heard(packet[_SOURCE], now)
        watch.heard_at = now
        return plain

    def unprotect_rtcp(self, packet: bytes, now: float) -> bytes | None:
        """The compound RTCP packet in what `classify` found to be RTCP; None if it is not to be believed."""
        if type(packet) is not bytes or type(now) is not float or now != now:
            packet, now = as_octets(packet), need_moment(now)
        if self._receiver is not None:
            try:
                packet = self._receiver.unprotect_rtcp(packet)
            except SrtpError:
                return None
            if self._watch is not None:
                self._watch.heard_at = now
        elif not self._plain_may_pass:
            return None
        leaving = rtcp.leaving(packet)
        if leaving and self._receiver is not None:
            self._goodbye(leaving, now)
        return packet

    @property
    def peer_left(self) -> bool:
        """The source that was heard last said goodbye, in an authenticated packet, and since then neither another one
        was heard nor that one, apart from packets that were on their way."""
        return bool(self._left)

    @property
    def newcomer_hello(self) -> bytes | None:
        """The datagram with the last Hello of `AnotherPeer`: the first one for a new call's `zrtp_received`."""
        return self._newcomer

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
            packet = as_octets(packet)
        sender = self._sender
        may_send = self.stream.sending is Sending.SRTP if sender is not None else self._plain_may_pass
        if not may_send:
            self.counters.withheld += 1
            return None
        if sender is not None:
            if b"\xc0" <= packet[1:2] <= b"\xdf":
                raise _would_be_rtcp()
            packet = sender.protect(packet)
        elif classify(packet) is not DatagramKind.RTP:
            raise _would_be_rtcp()
        self.counters.sent += 1
        return packet

    def protect_rtcp(self, compound: Octets) -> bytes | None:
        """The datagram to send for a compound RTCP packet; None while the gate is shut.

        Raises SrtpError and ApiMisuse, as `protect`.
        """
        if type(compound) is not bytes:
            compound = as_octets(compound)
        if not self.may_send:
            return None
        if classify(compound) is not DatagramKind.RTCP:
            raise SrtpMalformed("This is not a compound RTCP packet.")
        return compound if self._sender is None else self._sender.protect_rtcp(compound)

    def datagrams_to_send(self) -> list[bytes]:
        """The ZRTP datagrams that are due now, in order."""
        due = self.stream.datagrams_to_send()
        for datagram in due:
            self.counters.count_zrtp(datagram)
        return due

    def take_rtcp(self) -> list[bytes]:
        """The compound RTCP packets since the last call, authenticated and decrypted."""
        packets = list(self._rtcp)
        self._rtcp.clear()
        return packets

    def keep_rtcp(self, compound: bytes) -> None:
        """Keep a packet from `unprotect_rtcp` for `take_rtcp`."""
        self._rtcp.append(as_octets(compound))

    def refused_by_network(self) -> None:
        """The network says that nobody listens at the peer's address: told once, since anybody can say so, and not
        at all of a peer that said goodbye and closed its port."""
        if self._watch is not None and not self.peer_left:
            self._tell_trouble(self._watch.tell(Trouble.UNREACHABLE))

    # What the call asks for.

    def _next_timer(self) -> float | None:
        engine = self.stream.next_timer()
        silence = self._watch.due if self._watch is not None else None
        return min((due for due in (engine, silence) if due is not None), default=None)

    def _handle_timer(self, now: float) -> None:
        self.stream.handle_timer(now)
        if self._watch is not None:
            self._tell_trouble(self._watch.look(now))

    def _follow(self, event: Event) -> None:
        """Take over keys, and let go of them, as the engine says."""
        if isinstance(event, KeysReady):
            self._forget_keys()
            self._keys = event
            try:
                self._sender, self._receiver = srtp_pair(event.send, event.receive)
            except ApiMisuse:  # an application's own cipher: the gate stays shut
                self._tell_trouble(Trouble.NO_SRTP)
        elif isinstance(event, Secured) and self._receiver is not None:
            self._watched(core_of(self.stream).call.clock)
        elif isinstance(event, Failed | ClearRequested | WentClear | Closed):
            self._forget_keys()
        elif isinstance(event, NoPeer) and self._call.best_effort:
            self._resume_plain()

    def _resume_plain(self) -> None:
        """Whoever began a key agreement proved nothing, so plain RTP goes on as before it: anybody can begin one."""
        shut = self.stream.state is State.QUIET and self.stream.sending is Sending.BLOCKED
        if shut and self._call.session.sas is None:
            self.stream.permit_clear()

    # What arrives.

    @property
    def _plain_may_pass(self) -> bool:
        return self._call.best_effort and self.stream.sending is Sending.CLEAR

    def _plain(self, packet: bytes, now: float) -> bytes | None:
        """What comes before there are keys. It also shows that somebody is there, who may speak ZRTP after all."""
        if self.stream.state is State.QUIET and now >= self._again_at:
            self._again_at = now + _AGAIN
            self.start(now)
        if not self._plain_may_pass:
            self.counters.early += 1
            return None
        try:
            rtp_header(packet)
        except SrtpMalformed:
            self.counters.rejected += 1
            self.counters.malformed += 1
            return None
        return packet

    def _note_refused(self, error: SrtpError, now: float) -> None:
        repeated = isinstance(error, SrtpReplayed)
        self.counters.rejected += 1
        self.counters.repeated += repeated
        self.counters.malformed += isinstance(error, SrtpMalformed)
        self._tell_trouble(self._watched(now).note_refused(repeated, now))

    def _note_heard(self, source: bytes, now: float) -> MediaWatch:
        """The first packet under these keys, the first good one after others, or any after a goodbye."""
        watch = self._watched(now)
        first = not watch.ever
        recovered = watch.note_good()
        if self._left and (source not in self._left or now - self._left_at >= STRAGGLING):
            self._left, recovered = frozenset(), True
        if recovered:
            self._call._tell(MediaRecovered(ssrc=self.stream.ssrc))
        if first:
            self.stream.srtp_verified(now)
            self._call.settle()
        return watch

    def _watched(self, now: float) -> MediaWatch:
        """The watch under these keys, which begins now at the latest."""
        if self._watch is None:
            self._watch = MediaWatch(self._call.silence, now)
        return self._watch

    def _goodbye(self, leaving: frozenset[int], now: float) -> None:
        """Only the source that is heard ends the call with its goodbye; nothing was heard: whichever it is."""
        latest = self._latest[_SOURCE]
        source = int.from_bytes(latest, "big") if latest else min(leaving)
        if source in leaving:
            self._left, self._left_at = frozenset(each.to_bytes(4, "big") for each in leaving), now
            self._call._tell(PeerLeft(ssrc=self.stream.ssrc, source=source))

    def _tell_trouble(self, trouble: Trouble | None) -> None:
        if trouble is not None:
            self._call._tell(MediaTrouble(ssrc=self.stream.ssrc, trouble=trouble, text=trouble.text))

    def _forget_keys(self) -> None:
        for direction in (self._sender, self._receiver):
            if direction is not None:
                direction.wipe()
        self._sender = self._receiver = self._watch = None
        self._latest, self._left = b"", frozenset()
        if self._keys is not None:
            for keys in (self._keys.send, self._keys.receive):
                keys.key.wipe()
                keys.salt.wipe()
            self._keys = None


_AGAIN: Final = 1.0
"""Seconds between two new beginnings of discovery for the sake of plain RTP."""

_SOURCE: Final = slice(8, 12)
"""Of an RTP packet, the SSRC."""

_MESSAGE: Final = slice(12, -4)
"""Of a ZRTP datagram, between the header of the packet and its CRC."""


def _would_be_rtcp() -> SrtpMalformed:
    return SrtpMalformed("This is not an RTP packet, or would be taken for RTCP on the other side.")


def check_size(packet: Octets) -> None:
    """Raises SrtpMalformed for a packet that no datagram carries once it is protected."""
    if len(packet) > LARGEST:
        raise SrtpMalformed(f"{len(packet)} octets do not fit into one datagram: send at most {LARGEST} at a time.")


def as_octets(given: object) -> bytes:
    """What may be given in place of bytes, as bytes."""
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given)
    raise ApiMisuse(f"A packet is given as octets, not as {type(given).__name__}; RtpPacket.encode() makes them.")
