"""One call with one peer, as an application holds it.

The verdict is the user's. "They match" sets the V flag for later calls and stores a secret that was held back; "they
differ" takes V away, drops the new secret, and marks the call compromised as long as it lasts; without a word nothing
changes. Another SAS relayed by a PBX withdraws the verdict.
"""

from __future__ import annotations

from zrtp.crypto.sas import Sas
from zrtp.door import need_moment, need_text, refuse
from zrtp.errors import ApiMisuse
from zrtp.protocol import clearing
from zrtp.protocol.aspects import Keys, Pbx, Peer
from zrtp.protocol.core import Core
from zrtp.protocol.driver import Driver
from zrtp.protocol.events import Assurance, Continuity, Event
from zrtp.protocol.hello_hash import hello_hash
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.store import Read, Request, Search, Write
from zrtp.protocol.stream import Stream
from zrtp.protocol.work import Work
from zrtp.system import process


class Session:
    """A call. Its first stream makes the keys by DH, KEM or Preshared mode, further ones by Multistream mode.

    After every call that can change state: drain `next_event`, and serve every stream as its class says. Made by
    `Endpoint.session`.
    """

    __slots__ = ("_by_ssrc", "_driver", "_streams")

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._streams: list[Stream] = []
        self._by_ssrc: dict[int, Stream] = {}
        """The last one of each SSRC."""

    # Streams and events.

    def add_stream(self, ssrc: int, *, peer_hello_hash: object = None) -> Stream:
        """A stream for one RTP stream of ours, 32 bits of SSRC.

        `peer_hello_hash` is what signalling announced, in a form that `Stream.expect_hello` takes; it may come later.

        Raises:
            ApiMisuse: the SSRC is in use in this session, out of range, or the hash is none; or the call is closed.
        """
        driver = self._driver
        if driver.generation != process.generation:
            driver.check()
        if driver.closed:
            raise ApiMisuse("The call is closed: make a new session.")
        if type(ssrc) is not int or not 0 <= ssrc <= 0xFFFFFFFF:
            raise ApiMisuse("An SSRC is a number of 32 bits.")
        known = self._by_ssrc.get(ssrc)
        if known is not None and known.state is not State.CLOSED:
            raise ApiMisuse("This session already has a stream with that SSRC.")
        versions = driver.call.installation.config.versions
        announced = None if peer_hello_hash is None else hello_hash(peer_hello_hash, versions)
        core = Core(driver.call, ssrc, announced)
        driver.cores.append(core)
        driver.call.members.append(core)
        stream = Stream(core, driver)
        self._streams.append(stream)
        self._by_ssrc[ssrc] = stream
        return stream

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams in the order in which they were added."""
        return tuple(self._streams)

    def next_event(self) -> Event | None:
        """The next thing that happened, or None."""
        driver = self._driver
        events = driver.call.events
        if not events:
            return None
        if driver.generation != process.generation:
            driver.check()  # there may be keys among them
        return events.pop(0)

    # What people ask about a call.

    @property
    def sas(self) -> Sas | None:
        """The short authentication string of this call, once its first stream is secure."""
        return self._driver.call.sas

    @property
    def assurance(self) -> Assurance:
        """How sure it is that nobody sits in between, as long as a stream is secure."""
        return self._driver.call.assurance

    @property
    def continuity(self) -> Continuity:
        """What the retained secrets say about the peer."""
        return self._driver.call.continuity

    # Parts that few programs need all of.

    @property
    def peer(self) -> Peer:
        """Whom the call is with."""
        return Peer(self._driver)

    @property
    def pbx(self) -> Pbx:
        """A trusted server in the middle."""
        return Pbx(self._driver)

    @property
    def keys(self) -> Keys:
        """Keys for other uses."""
        return Keys(self._driver)

    # What the user decides.

    def sas_matched(self, name: str | None = None) -> None:
        """The user compared the SAS and it matches: remember that, and a secret that was held back.

        Raises:
            ApiMisuse: there is no SAS yet, the call is closed, or the user said before that the SAS differs.
        """
        if name is not None:
            need_text("name", name)
        self._driver.own_call().sas_matched(name)
        self._driver.carry_out_decision()

    def sas_mismatched(self) -> None:
        """The user compared the SAS and it differs: somebody is in between. This call's secret is not kept.

        Raises:
            ApiMisuse: there is no SAS yet, or the call is closed.
        """
        self._driver.own_call().sas_mismatched()
        self._driver.carry_out_decision()

    def take_back_verdict(self) -> None:
        """Take back an earlier "they match", without losing the secrets.

        Raises:
            ApiMisuse: there is no SAS yet, or the call is closed.
        """
        self._driver.own_call().take_back_verdict()
        self._driver.carry_out_decision()

    def go_clear(self, now: float) -> None:
        """Switch encryption off on every stream of the call (RFC 6189 section 4.7.2). Nothing becomes secure again,
        streams that are added later included, before one side's user asks for it with `go_secure`.

        Raises:
            ApiMisuse: nothing is secure, or the other side does not accept it.
        """
        self._driver.check()
        need_moment(now)
        for core in clearing.streams_to_clear(self._driver.cores):
            self._driver.tell(core, Trigger.GO_CLEAR, now)

    def agree_to_clear(self) -> None:
        """The user takes note that the other side switched encryption off; only now may RTP be sent.

        Raises:
            ApiMisuse: the other side did not ask for it.
        """
        self._driver.check()
        for core in clearing.agree_to_clear(self._driver.cores):
            self._driver.tell(core, Trigger.CLEAR_AGREED, self._driver.call.clock)

    def go_secure(self, now: float) -> None:
        """The user wants encryption: commit on every stream that is ready (with `Config.auto_secure` off), or clear."""
        need_moment(now)
        for core in self._driver.cores:
            self._driver.tell(core, Trigger.GO_SECURE, now)

    def close(self, now: float) -> None:
        """End of the call: every stream is closed, every secret wiped except what the cache holds. Repeatable.

        With a deferred store, carry out what `store_to_do` still gives.
        """
        self._driver.close(now)

    # What is carried out elsewhere.

    def work_to_do(self) -> Work | None:
        """A public-key operation to run elsewhere, each once; only in a session with `offload`."""
        self._driver.check()
        return self._driver.work_to_do()

    def work_done(self, work: Work, now: float) -> None:
        """`work` has run: go on with its result, unless the exchange has ended in the meantime."""
        self._driver.work_done(work, now)

    def store_to_do(self) -> Request | None:
        """A request to the cache to carry out, each once; only in a session with `store="deferred"`."""
        self._driver.check()
        return self._driver.store_to_do()

    def store_done(self, request: Request, now: float) -> None:
        """The request has been carried out, or has failed: go on."""
        self._driver.check()
        if not isinstance(request, Read | Write | Search):
            refuse("What is done", "what store_to_do gave", request)
        need_moment(now)
        self._driver.store_done(request, now)


def driver_of(session: Session) -> Driver:
    """What drives a session: for this package and its tests, not for applications."""
    return session._driver
