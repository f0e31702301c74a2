"""Two endpoints and an attacker who owns the network between them: the stage for fuzzing and for random sessions.

After every step `check` looks at everything that must hold whatever happened before.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.security.machine import Party, clone
from tests.security.toy import Draws, toy_config
from tests.support.inside import cache_of, call_of, core_of, installation_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.errors import ApiMisuse
from zrtp.protocol import limits
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Event, KeysReady, Sending
from zrtp.protocol.exchange import present
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret
from zrtp.wire.crc import crc32c
from zrtp.wire.packet import encode_packet

MAX_STREAMS = 3
ANSWERS_TO_ONE_PACKET = 2


@dataclass
class Datagram:
    """Under way to a stream of a side."""

    side: int
    stream: int
    octets: bytes


@dataclass
class World:
    """Both ends of a call, what is under way, and what was ever sent."""

    parties: tuple[Party, Party]
    now: float = 0.0
    under_way: list[Datagram] = field(default_factory=list)
    history: list[Datagram] = field(default_factory=list)
    keyed: set[tuple[int, int]] = field(default_factory=set)
    """Side and SSRC of the streams whose keys were handed over and not taken away since."""
    events: list[Event] = field(default_factory=list)
    steps: int = 0

    def copy(self) -> World:
        """Another world in the same state."""
        return World(
            (clone(self.parties[0]), clone(self.parties[1])),
            self.now,
            list(self.under_way),
            list(self.history),
            set(self.keyed),
        )

    # What the network does.

    def deliver(self, number: int = 0, *, keep: bool = False) -> None:
        """One of the datagrams under way arrives."""
        if self.under_way:
            number %= len(self.under_way)
            self.arrive(self.under_way[number] if keep else self.under_way.pop(number))

    def drop(self, number: int = 0) -> None:
        if self.under_way:
            self.under_way.pop(number % len(self.under_way))

    def tamper(self, number: int, position: int, mask: int, *, repair: bool = True) -> None:
        """A datagram under way arrives with some bits turned over, the CRC made right again."""
        if self.under_way and mask:
            datagram = self.under_way.pop(number % len(self.under_way))
            position %= len(datagram.octets)
            octets = bytearray(datagram.octets)
            octets[position] ^= mask
            self.arrive(Datagram(datagram.side, datagram.stream, with_crc(bytes(octets)) if repair else bytes(octets)))

    def cut(self, number: int, words: int) -> None:
        """A datagram under way arrives shorter or longer, its length word and CRC made right again."""
        if self.under_way:
            datagram = self.under_way.pop(number % len(self.under_way))
            body = datagram.octets[:-4]
            body = body[: len(body) - 4 * words] if words >= 0 else body + bytes(-4 * words)
            if len(body) >= 16:
                length = (len(body) - 12) // 4
                body = body[:14] + length.to_bytes(2, "big") + body[16:]
            self.arrive(Datagram(datagram.side, datagram.stream, with_crc(body + bytes(4))))

    def inject(self, side: int, stream: int, octets: bytes) -> None:
        """Whatever the attacker likes."""
        streams = self.parties[side].streams
        self.arrive(Datagram(side, stream % len(streams), octets))

    def forge(self, side: int, stream: int, message: bytes, *, ssrc: int | None = None) -> None:
        """A message of the attacker's, by default under the SSRC of the peer's stream."""
        peers = self.parties[1 - side].streams
        known = peers[stream % len(peers)].ssrc
        self.inject(side, stream, encode_packet(1, known if ssrc is None else ssrc, message))

    def replay(self, number: int, *, reflect: bool = False) -> None:
        """Something that was sent before arrives once more, at its receiver or at its sender."""
        if self.history:
            old = self.history[number % len(self.history)]
            side = 1 - old.side if reflect else old.side
            self.inject(side, old.stream, old.octets)

    def arrive(self, datagram: Datagram) -> None:
        party = self.parties[datagram.side]
        if datagram.stream >= len(party.streams):
            return
        stream = party.streams[datagram.stream]
        stream.receive_datagram(datagram.octets, self.now)
        sent = self._collect()
        if sent > ANSWERS_TO_ONE_PACKET:
            raise AssertionError(f"{sent} datagrams in answer to one: {datagram.octets.hex()}")

    # Time and users.

    def timer(self, side: int) -> None:
        """Time passes until the next timer of that side."""
        party = self.parties[side]
        timers = [timer for stream in party.streams if (timer := stream.next_timer()) is not None]
        if timers:
            self.wait(max(0.0, min(timers) - self.now), only=side)

    def wait(self, seconds: float, *, only: int | None = None) -> None:
        """Time passes, and the timers of one side or both fire late."""
        self.now += seconds
        for side, party in enumerate(self.parties):
            if only is None or side == only:
                for stream in party.streams:
                    stream.handle_timer(self.now)
        self._collect()

    def work(self, side: int) -> None:
        """A thread brings back the result of a public-key operation, however late."""
        party = self.parties[side]
        if party.works:
            _, work = party.works.pop(0)
            work.run()
            party.session.work_done(work, self.now)
            self._collect()

    def act(self, side: int, action: str) -> bool:
        """The user does something; whether the engine allowed it."""
        session = self.parties[side].session
        try:
            match action:
                case "go_clear":
                    session.go_clear(self.now)
                case "agree_to_clear":
                    session.agree_to_clear()
                case "go_secure":
                    session.go_secure(self.now)
                case "matched":
                    session.sas_matched("somebody")
                case "mismatched":
                    session.sas_mismatched()
                case "forget":
                    session.take_back_verdict()
                case "rename":
                    session.peer.rename("somebody else")
                case "export":
                    session.keys.export(b"fuzz", 16)
                case "add_stream":
                    if len(session.streams) < MAX_STREAMS:
                        base = (ALICE_SSRC, BOB_SSRC)[side]
                        session.add_stream(base + len(session.streams)).start(self.now)
                case "srtp":
                    session.streams[-1].srtp_verified(self.now)
                case "close":
                    session.close(self.now)
        except ApiMisuse:
            return False
        finally:
            self._collect()
        return True

    def settle(self, seconds: float = 60.0) -> None:
        """From here on nothing is lost, and everybody's timers fire in time."""
        end = self.now + seconds
        while True:
            while self.under_way or self.parties[0].works or self.parties[1].works:
                self.deliver()
                self.work(0)
                self.work(1)
            timers = [
                timer
                for party in self.parties
                for stream in party.streams
                if (timer := stream.next_timer()) is not None
            ]
            if not timers or min(timers) > end:
                return
            self.wait(max(0.0, min(timers) - self.now))

    # What must hold.

    def check(self) -> None:
        """Raises AssertionError if anything is wrong."""
        for party in self.parties:
            assert not call_of(party.session).events
            assert len(installation_of(party.endpoint)._half_open) <= party.endpoint.config.half_open_limit
            for stream in party.streams:
                self._check_stream(stream)
        for mine, theirs in zip(self.parties[0].streams, self.parties[1].streams, strict=False):
            if mine.state is State.SECURE and theirs.state is State.SECURE:
                self._check_secure(mine, theirs)

    def _check_stream(self, stream: Stream) -> None:
        assert stream.counters["ApiMisuse"] == stream.counters["EngineDefect"] == 0, "the engine misused itself"
        assert len(core_of(stream).candidates) <= limits.CANDIDATES
        assert len(core_of(stream).outbox.answers) <= limits.ANSWERS
        if stream.sending is Sending.SRTP:
            assert stream.state is State.SECURE, "SRTP without being secure"
        if stream.state is State.SECURE:
            assert stream.sending is not Sending.CLEAR, "clear media although secure"
            assert present(core_of(stream).exchange).derived is not None
            assert present(core_of(stream).exchange).peer_plain is not None, "secure without a Confirm of the peer"

    def _check_secure(self, mine: Stream, theirs: Stream) -> None:
        """Two streams that are both secure hold the same keys from the same messages."""
        one, other = core_of(mine).exchange, core_of(theirs).exchange
        assert one is not None and other is not None
        if Sending.BLOCKED in (mine.sending, theirs.sending):
            return
        assert one.role is not other.role, "both have the same role"
        assert one.commit.raw == other.commit.raw, "secure from two Commits"
        for role in ("srtpi", "srtpr"):
            assert getattr(one.keys, role).key == getattr(other.keys, role).key, "unequal keys"
            assert getattr(one.keys, role).salt == getattr(other.keys, role).salt, "unequal salts"
        assert core_of(mine).call.sas == core_of(theirs).call.sas

    def _collect(self) -> int:
        """Put what the sides want to send on the wire, look at their events, and check."""
        count = 0
        for side, party in enumerate(self.parties):
            for number, stream in enumerate(party.streams):
                while (work := party.session.work_to_do()) is not None:
                    party.works.append((number, work))
                for octets in stream.datagrams_to_send():
                    datagram = Datagram(1 - side, number, octets)
                    self.under_way.append(datagram)
                    self.history.append(datagram)
                    count += 1
            self._look_at_events(side, party.session)
        self.steps += 1
        self.check()
        return count

    def _look_at_events(self, side: int, session: Session) -> None:
        while (event := session.next_event()) is not None:
            self.events.append(event)
            if isinstance(event, KeysReady):
                assert (side, event.ssrc) not in self.keyed, "keys came twice in one epoch"
                self.keyed.add((side, event.ssrc))
        self.keyed -= {(side, stream.ssrc) for stream in session.streams if core_of(stream).exchange is None}


def with_crc(octets: bytes) -> bytes:
    """The datagram with its last four octets replaced by the right CRC."""
    return octets[:-4] + crc32c(octets[:-4]).to_bytes(4, "little")


def two_parties(
    alice: Config | None = None, bob: Config | None = None, *, trusted: bool = False, offload: bool = False
) -> World:
    """A call with one stream on each side that is not started; with `trusted`, both know each other well, and with
    `offload` threads perform the public-key operations.
    """
    parties = []
    for name, ssrc, config in (("alice", ALICE_SSRC, alice), ("bob", BOB_SSRC, bob)):
        endpoint = Endpoint(
            config if config is not None else toy_config(allow_clear=True, half_open_limit=4),
            MemoryCache(),
            random=Draws(name),
            wall_clock=lambda: 1e6,
        )
        session = endpoint.session(offload=offload)
        session.add_stream(ssrc)
        parties.append(Party(endpoint, session, 0.0, {}))
    if trusted:
        for one, other in ((parties[0], parties[1]), (parties[1], parties[0])):
            record = PeerRecord(rs1=Secret(b"\x11" * 32), trusted_lineage=True, verified=True, first_seen=1.0)
            cache_of(one.endpoint).update(one.endpoint.zid, other.endpoint.zid, lambda old, record=record: record)  # type: ignore[misc]
    return World((parties[0], parties[1]))
