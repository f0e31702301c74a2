"""One RTP stream of a call, as an application holds it."""

from __future__ import annotations

from collections import Counter

from zrtp.door import need_moment, need_octets
from zrtp.errors import ApiMisuse
from zrtp.protocol import dispatch, limits, transmission
from zrtp.protocol.core import Core
from zrtp.protocol.driver import Driver
from zrtp.protocol.events import Mode, Role, Sending, Suite
from zrtp.protocol.hello_hash import hello_hash
from zrtp.protocol.negotiation import VERSION
from zrtp.protocol.states import IN_EXCHANGE, State, Trigger
from zrtp.system import process
from zrtp.wire.messages import Ping


class Stream:
    """One media stream of a session, named by its SSRC. Made by `Session.add_stream`.

    After every call that can change state: drain the session's events, send the datagrams of all its streams, and arm
    a timer for the earliest `next_timer`. Times are seconds of one monotonic clock. Nothing that a peer sends raises;
    misuse raises `ApiMisuse`. One owner: there are no locks inside.
    """

    __slots__ = ("_core", "_driver")

    def __init__(self, core: Core, driver: Driver) -> None:
        self._core = core
        self._driver = driver

    # What moves it.

    def start(self, now: float) -> None:
        """Begin discovery: send Hello. Call it when media can flow, with ICE after its checks (RFC 6189 section 3).

        After discovery has ended without a peer it may be called again.
        """
        self._driver.tell(self._core, Trigger.START, now)

    def receive_datagram(self, datagram: bytes, now: float) -> None:
        """Take one UDP payload that the demultiplexer found to be ZRTP. Never raises for what is in it."""
        driver = self._driver
        if driver.generation != process.generation:
            driver.check()
        if type(datagram) is not bytes or type(now) is not float or now != now:
            datagram, now = need_octets("A datagram", datagram), need_moment(now)
        dispatch.receive(self._core, datagram, now)
        if driver.store.open:
            driver.serve_store(now)

    def datagrams_to_send(self) -> list[bytes]:
        """Drain the UDP payloads that are due now, in order."""
        if self._driver.generation != process.generation:
            self._driver.check()
        outbox = self._core.outbox
        due, outbox.datagrams = outbox.datagrams, []
        return due

    def next_timer(self) -> float | None:
        """When `handle_timer` should be called; None while nothing is pending."""
        return self._driver.next_timer(self._core)

    def handle_timer(self, now: float) -> None:
        """Do what is due. Early or repeated calls do nothing; a late call sends one copy, not a burst."""
        driver = self._driver
        if driver.generation != process.generation:
            driver.check()
        if type(now) is not float or now != now:
            need_moment(now)
        dispatch.handle_timer(self._core, now)
        if driver.store.open:
            driver.serve_store(now)

    def expect_hello(self, zrtp_hash: object) -> None:
        """The peer's a=zrtp-hash, as soon as signalling brings it: only that Hello counts (section 8.1).

        A peer that turns out to have sent another one is refused, or warned of, as
        `Config.require_hello_hash_match` says.

        Args:
            zrtp_hash: "1.10 HEX" as `hello_hash` gives it, a whole a=zrtp-hash line, 32 octets, or a `ZrtpHash`.

        Raises:
            ApiMisuse: it is none of these, or belongs to a version that is not spoken here.
        """
        core = self._core
        self._driver.check()
        core.peer_hello_hash = hello_hash(zrtp_hash, core.installation.config.versions)
        self._driver.tell(core, Trigger.HELLO_EXPECTED, core.call.clock)

    def srtp_verified(self, now: float) -> None:
        """An SRTP packet of the peer passed its authentication: it counts as Conf2ACK (RFC 6189 section 4.6). Once
        secure it proves that the peer has finished too, so that the secret retained from this call is sure.
        """
        self._driver.tell(self._core, Trigger.SRTP, now)

    def ping(self, now: float) -> None:
        """Ask whether a ZRTP endpoint is there; the answer is a `PongReceived` (RFC 6189 section 5.15),
        at most one for each Ping.

        Raises:
            ApiMisuse: the stream is closed.
        """
        self._driver.check()
        need_moment(now)
        if self._core.state is State.CLOSED:
            raise ApiMisuse("The stream is closed; a Ping needs a running one.")
        ping = Ping.make(version=VERSION, endpoint_hash=self._core.call.endpoint_hash)
        if transmission.answer_limited(self._core, ping, now):
            self._core.pings = min(self._core.pings + 1, limits.PINGS)

    def permit_clear(self) -> None:
        """After a failure: the application decides that clear media may flow again (policy "best effort").

        Raises:
            ApiMisuse: the stream is secure or still going secure; only GoClear leads from there.
        """
        self._driver.check()
        state = self._core.state
        if state in IN_EXCHANGE or state in (State.SECURE, State.GOCLEAR_SENT, State.CLEAR_PENDING):
            raise ApiMisuse("Clear media is not permitted while the stream is secure or going secure; use go_clear.")
        if state is not State.CLOSED:
            self._core.set_sending(Sending.CLEAR)

    def close(self, now: float) -> None:
        """End of this stream. Secrets are wiped, nothing more is sent. May be called twice."""
        self._driver.tell(self._core, Trigger.CLOSE, now)

    # What people ask about it.

    @property
    def ssrc(self) -> int:
        """Our SSRC, 32 bits: the name of the stream."""
        return self._core.ssrc

    @property
    def state(self) -> State:
        """Where the stream stands."""
        return self._core.state

    @property
    def sending(self) -> Sending:
        """What the media path may send now."""
        return self._core.sending

    @property
    def role(self) -> Role | None:
        """Initiator or responder, once a Commit decides it."""
        return None if self._core.exchange is None else self._core.exchange.role

    @property
    def mode(self) -> Mode | None:
        """How the keys came about, once a Commit decides it."""
        return None if self._core.exchange is None else self._core.exchange.mode

    @property
    def suite(self) -> Suite | None:
        """The algorithms of the Commit that counts."""
        return None if self._core.exchange is None else self._core.exchange.suite

    @property
    def hello_hash(self) -> str:
        """Version and SHA-256 of our Hello in hexadecimal, the value of a=zrtp-hash (RFC 6189 section 8)."""
        return self._core.hash_of_hello()

    @property
    def hello_hashes(self) -> list[str]:
        """One a=zrtp-hash value for each version that is supported, highest first."""
        return [self._core.hash_of_hello(version) for version in self._core.installation.config.versions]

    @property
    def counters(self) -> Counter[str]:
        """What was dropped, by reason."""
        return self._core.counters

    def __repr__(self) -> str:
        return f"<Stream {self.ssrc:08x} {self.state.value}>"


def core_of(stream: Stream) -> Core:
    """What the handlers of a stream see: for this package and its tests, not for applications."""
    return stream._core
