"""Two media paths that talk to each other in virtual time: what two programs do that own their sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tests.support.pair import ALICE_SSRC, BOB_SSRC, seeded
from zrtp.cache.interface import SecretCache
from zrtp.media.events import CallEvent
from zrtp.media.rtp import Packetizer, RtpPacket
from zrtp.media.secure import SecureCall, SecureMedia
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Closed, Sending

E = TypeVar("E", bound=CallEvent)

FRAME = bytes(range(160))


class Party:
    """One end: a call with one stream, the events seen so far, and the packets that it may play."""

    def __init__(self, ssrc: int, config: Config | None, cache: SecretCache | None, best_effort: bool) -> None:
        self.call = SecureCall(Endpoint(config, cache, random=seeded(ssrc)).session(), best_effort=best_effort)
        self.media: SecureMedia = self.call.add_stream(ssrc)
        self.packetizer = Packetizer(ssrc, random=seeded(ssrc + 1))
        self.events: list[CallEvent] = []
        self.played: list[RtpPacket] = []

    def seen(self, kind: type[E]) -> list[E]:
        while (event := self.call.next_event()) is not None:
            self.events.append(event)
        return [event for event in self.events if isinstance(event, kind)]

    def speak(self, payload: bytes = FRAME) -> bytes | None:
        """The datagram for the next packet of sound."""
        return self.media.protect(self.packetizer.packet(payload).encode())

    def hear(self, datagram: bytes, now: float = 0.0) -> list[RtpPacket]:
        packets = [RtpPacket.decode(octets) for octets in self.media.datagram_received(datagram, now)]
        self.played += packets
        return packets


class MediaPair:
    """Alice and Bob. `lose` sees every ZRTP datagram (message type) and says whether it gets lost."""

    def __init__(
        self,
        alice: Config | None = None,
        bob: Config | None = None,
        *,
        alice_cache: SecretCache | None = None,
        bob_cache: SecretCache | None = None,
        best_effort: bool = False,
        lose: Callable[[str], bool] = lambda message: False,
    ) -> None:
        self.alice = Party(ALICE_SSRC, alice, alice_cache, best_effort)
        self.bob = Party(BOB_SSRC, bob, bob_cache, best_effort)
        self.lose = lose
        self.now = 0.0

    @property
    def parties(self) -> tuple[Party, Party]:
        return self.alice, self.bob

    def run(self, until: float = 5.0, stop: Callable[[], bool] = lambda: False) -> MediaPair:
        """Start, and deliver everything until both gates are open for SRTP, or `stop`, or that time."""
        for party in self.parties:
            party.media.start(self.now)
        return self.go_on(until, stop)

    def go_on(self, until: float = 5.0, stop: Callable[[], bool] = lambda: False) -> MediaPair:
        while not (stop() or all(party.media.stream.sending is Sending.SRTP for party in self.parties)):
            if self._deliver():
                continue
            timers = [timer for party in self.parties if (timer := party.call.next_timer()) is not None]
            if not timers or min(timers) > until:
                break
            self.now = max(self.now, min(timers))
            for party in self.parties:
                party.call.handle_timer(self.now)
        for party in self.parties:
            party.seen(Closed)
        return self

    def _deliver(self) -> bool:
        delivered = False
        for sender, receiver in ((self.alice, self.bob), (self.bob, self.alice)):
            for datagram in sender.media.datagrams_to_send():
                if not self.lose(datagram[16:24].decode("ascii", "replace").strip()):
                    delivered = True
                    receiver.hear(datagram, self.now)
        return delivered
