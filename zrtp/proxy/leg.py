"""One media leg: the far end of one dialog, with a key agreement of its own and all its media streams.

A leg is what Call-ID and the far end's tag name together. A call that rings at several places has a leg for each of
those that answer, so that no far end gets what was meant for another. No sockets and no clock here: the streams are
numbered as the m= lines of the session description, datagrams go in and come out.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any, Final

from zrtp.cache.interface import in_coroutines, waits
from zrtp.crypto.sas import Sas
from zrtp.errors import SrtpError
from zrtp.media.addresses import Address
from zrtp.media.aio.store import carry_out
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.events import CallEvent
from zrtp.media.sdp import ZrtpHash, matching_zrtp_hash
from zrtp.media.secure import Counters, SecureCall, SecureMedia
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Assurance, NoPeer, Sending
from zrtp.protocol.states import State
from zrtp.proxy.names import Names, shown_for
from zrtp.system import RandomSource, system_random

_LOOKING: Final = frozenset(
    {State.IDLE, State.HELLO_SENT, State.HELLO_ACKED, State.HELLO_RECEIVED, State.DISCOVERED, State.QUIET}
)
"""States in which nothing was agreed on with anybody."""


class Protection(Enum):
    """What a stream, or all streams of a leg together, let through towards the network."""

    IDLE = "idle"
    """Nothing yet: the far end has not been asked."""
    SECURING = "securing"
    SECURE = "secure"
    CLEAR = "clear"
    """Plain media passes, as the policy allows."""
    BLOCKED = "blocked"
    """Nothing passes, and nothing will without a change."""


@dataclass(frozen=True, slots=True)
class Remote:
    """Where the far end wants the media of one stream."""

    rtp: Address
    rtcp: Address
    mux: bool = False
    """It takes RTCP at `rtp` as well."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a datagram of the network meant for the phone."""

    rtp: list[bytes]
    rtcp: list[bytes]


@dataclass(frozen=True, slots=True)
class Task:
    """Something that takes its time."""

    run: Callable[[], None]
    """May be called in any thread."""
    done: Callable[[float], None]
    """Is called with the time afterwards, where the leg lives."""
    quick: bool = False
    """It never waits, and takes less time than a change of threads."""
    awaited: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Does the same as `run` for an event loop, if there is a way without a thread that waits."""


class Leg:
    """The media between the phone and one far end. `peer` is its SIP address, under which a record is kept."""

    def __init__(
        self,
        endpoint: Endpoint,
        peer: str,
        *,
        best_effort: bool,
        names: Names | None = None,
        random: RandomSource = system_random,
    ) -> None:
        self.peer = peer
        self._names = names if names is not None else Names()
        self._cache = endpoint.cache
        self.tag = ""
        """The far end's tag, once it has one."""
        self.remote: dict[int, Remote] = {}
        expected = self._names.of_record(peer)
        self._session = endpoint.session(peer_label=peer, offload=True, store="deferred", expect=expected)
        self._secure = SecureCall(self._session, best_effort=best_effort, silence=None)
        self._media: dict[int, SecureMedia] = {}
        self._expected: dict[int, bytes] = {}
        self._announced: dict[int, frozenset[bytes]] = {}
        self._heard: dict[int, bytes] = {}  # the last Hello
        self._in_vain: set[int] = set()  # streams that found nobody; they look again whenever plain media arrives
        self._random = random
        self.muted = False
        """The person said that the words differ: no sound passes any more, either way."""
        self.closed = False

    # Signalling.

    def hello_hash(self, index: int, ssrc: int | None = None) -> str:
        """The value of a=zrtp-hash for a stream, which is made now if there is none; `ssrc` is the phone's."""
        return self._stream(index, ssrc).stream.hello_hash

    def expect(self, index: int, hashes: tuple[ZrtpHash, ...], others: tuple[ZrtpHash, ...] = ()) -> None:
        """The far end announced its Hello, perhaps with `others`: only these count until the stream is secure."""
        found = matching_zrtp_hash(hashes)
        media = self._stream(index)
        if found is not None and index not in self._expected:
            self._expected[index] = found.hash
            self._announced[index] = frozenset({found.hash, *(other.hash for other in others)})
            media.stream.expect_hello(found.hash)

    def announces_another(self, index: int, hashes: tuple[ZrtpHash, ...]) -> bool:
        """Whether the far end now announces another Hello than before: somebody else took its place in the call."""
        announced, found = self._announced.get(index), matching_zrtp_hash(hashes)
        return announced is not None and found is not None and found.hash not in announced

    @property
    def heard(self) -> bool:
        """Whether a Hello came, from whomever."""
        return bool(self._heard)

    def is_free_for(self, announced: Sequence[tuple[ZrtpHash, ...]]) -> bool:
        """Whether the far end shows no ZRTP, and whatever came is what another one announced, stream by stream."""
        hashes = [{found.hash for found in section} for section in announced]
        others = all(index < len(hashes) and hello in hashes[index] for index, hello in self._heard.items())
        return any(hashes) and others and not self._announced

    def start(self, index: int, now: float) -> None:
        """Look for the far end's ZRTP; nothing happens if that was begun."""
        media = self._stream(index)
        if media.stream.state is State.IDLE:
            media.start(now)

    # Media.

    def from_phone(self, index: int, packet: bytes) -> bytes | None:
        """What goes to the network for an RTP or RTCP packet of the phone; None if nothing may."""
        media = self._media.get(index)
        if media is None or self.muted or self.closed:
            return None
        kind = classify(packet)
        try:
            if kind is DatagramKind.RTP:
                return media.protect(packet)
            return media.protect_rtcp(packet) if kind is DatagramKind.RTCP else None
        except SrtpError:
            return None

    def from_network(self, index: int, datagram: bytes, now: float) -> Arrived:
        """Take a datagram of the network; what comes out may be played by the phone."""
        media = self._media.get(index)
        if media is None or self.closed:
            return Arrived([], [])
        if hello := _hello_hash(datagram):
            self._heard[index] = hello
            self._choose_announced(index, media, hello)
        packets, reports = media.datagram_received(datagram, now), media.take_rtcp()
        return Arrived([], []) if self.muted else Arrived(packets, reports)

    def progress(self, index: int) -> tuple[object, int]:
        """Changes whenever a datagram moved the key agreement, or proved that it comes from the far end."""
        media = self._media[index]
        return media.stream.state, media.counters.verified

    def datagrams_to_send(self) -> list[tuple[int, bytes]]:
        """The ZRTP datagrams that are due now, with the stream that each belongs to."""
        return [(index, octets) for index, media in self._media.items() for octets in media.datagrams_to_send()]

    def next_timer(self) -> float | None:
        return None if self.closed else self._secure.next_timer()

    def handle_timer(self, now: float) -> None:
        self._secure.handle_timer(now)

    @property
    def has_news(self) -> bool:
        """Something happened since `next_event` said that there is nothing more."""
        return self._secure.has_news

    def next_event(self) -> CallEvent | None:
        """What the engine, and the media path, have to say."""
        event = self._secure.next_event()
        if isinstance(event, NoPeer):
            self._in_vain |= {index for index, media in self._media.items() if media.stream.ssrc == event.ssrc}
        return event

    def work_to_do(self) -> Task | None:
        """A public-key operation, or a request to the cache: what must not hold up the sound of other calls.

        Each is handed out once, to be run anywhere and given back to `work_done`. A closed leg may still have some:
        what the call leaves behind for later ones.
        """
        work = self._session.work_to_do()
        if work is not None:
            return Task(work.run, lambda now: self._session.work_done(work, now))
        cache, request = self._cache, self._session.store_to_do()
        if cache is None or request is None:
            return None
        awaitable = in_coroutines(cache)
        return Task(
            lambda: request.run(cache),
            lambda now: self._session.store_done(request, now),
            quick=not waits(cache),
            awaited=None if awaitable is None else lambda: carry_out(request, awaitable),
        )

    # What people ask, and what they decide.

    def protection(self, index: int) -> Protection:
        """Of one stream."""
        media = self._media.get(index)
        if media is None or media.stream.state is State.IDLE or self.closed:
            return Protection.IDLE
        if self.muted:
            return Protection.BLOCKED
        if media.stream.sending is Sending.SRTP:
            return Protection.SECURE
        looking_again = index in self._in_vain and media.stream.state is State.HELLO_SENT
        if not looking_again and media.stream.state not in (State.QUIET, State.FAILED):
            return Protection.SECURING
        return Protection.CLEAR if media.may_send else Protection.BLOCKED

    @property
    def streams(self) -> tuple[int, ...]:
        return tuple(self._media)

    @property
    def sas(self) -> Sas | None:
        """What to compare."""
        return self._session.pbx.relayed_sas or self._session.sas

    @property
    def assurance(self) -> Assurance:
        return self._session.assurance

    @property
    def verified(self) -> bool:
        return self._session.peer.verified

    @property
    def name(self) -> str | None:
        """What the person called this far end at an earlier comparison."""
        name = self._session.peer.name
        return name and shown_for(self.peer, name)

    def ssrc(self, index: int) -> int:
        """The name that the engine's events have for a stream."""
        return self._media[index].stream.ssrc

    def counters(self, index: int) -> Counters:
        media = self._media.get(index)
        return Counters() if media is None else media.counters

    def note_match(self, name: str | None) -> None:
        """The person says that the words match. Raises ApiMisuse before there are any."""
        self._session.sas_matched(self._names.call(self.peer, name or ""))

    def note_mismatch(self) -> None:
        """The person says that the words differ. Raises ApiMisuse before there are any."""
        self._session.sas_mismatched()
        self.muted = True

    def close(self, now: float) -> None:
        """End the key agreement and wipe its keys. May be called again."""
        if not self.closed:
            self._secure.close(now)
            self.closed = True

    def _choose_announced(self, index: int, media: SecureMedia, hello: bytes) -> None:
        """Expect the Hello that has come, if it is an announced one and nothing was agreed on with another."""
        announced = self._announced.get(index, frozenset())
        if media.stream.state in _LOOKING and hello in announced and hello != self._expected[index]:
            self._expected[index] = hello
            media.stream.expect_hello(hello)

    def _stream(self, index: int, ssrc: int | None = None) -> SecureMedia:
        media = self._media.get(index)
        if media is None:
            taken = {known.stream.ssrc for known in self._media.values()}
            if ssrc is None or ssrc in taken:
                ssrc = int.from_bytes(self._random(4), "big")
            media = self._media[index] = self._secure.add_stream(ssrc)
        return media


def _hello_hash(datagram: bytes) -> bytes:
    """What a=zrtp-hash says of the Hello in a datagram; nothing like it for other datagrams."""
    is_hello = classify(datagram) is DatagramKind.ZRTP and datagram[16:24] == b"Hello   "
    return sha256(datagram[12:-4]).digest() if is_hello else b""


MakeLeg = Callable[[str], Leg]
"""Makes a leg to a SIP address."""
