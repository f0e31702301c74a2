"""A call in an event loop: one timer, the events, slow work and the store beside the loop, and everybody who waits.

::

    call = AsyncCall(endpoint)
    audio = call.add_layer()                   # see `zrtp.media.aio.layer`
    ...
    await audio.secured()
    async for event in call: ...
    await call.aclose()
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from zrtp.cache.interface import in_coroutines, waits
from zrtp.door import need_function, need_instance, need_methods, need_options, need_whole
from zrtp.errors import ApiMisuse
from zrtp.media.aio.mailbox import Mailbox
from zrtp.media.aio.store import carry_out, carry_out_in_thread, ended
from zrtp.media.errors import NotSecured
from zrtp.media.events import CallEvent
from zrtp.media.secure import SILENCE, SecureCall, SecureMedia
from zrtp.media.standing import StreamStanding
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Secured, SecurityWarning
from zrtp.protocol.store import Write
from zrtp.system import system_random

if TYPE_CHECKING:
    from zrtp.cache.interface import SecretCache
    from zrtp.media.aio.host import Host
    from zrtp.media.aio.layer import MediaLayer
    from zrtp.protocol.store import Request
    from zrtp.protocol.stream import Stream
    from zrtp.protocol.work import Work

_log = logging.getLogger("zrtp")

EVENT_BACKLOG: Final = 1000
"""Events that wait until somebody takes them; of more the oldest goes."""


class SessionOptions(TypedDict, total=False):
    """What a call is made with."""

    aux_secret: bytes | None
    """A secret that both sides know by other means (RFC 6189 section 4.3)."""
    peer_label: str
    """Chooses among several ZIDs of this installation. What cannot be awaited refuses a new one: see
    `Endpoint.zid_for`."""
    best_effort: bool
    """Let plain RTP pass as long as no key agreement has begun."""
    signalling_protected: bool
    """Whether the signalling of this call is protected end to end, if that differs from the Config."""
    expect: str | bytes | None
    """Whom you expect, by name or by ZID: a warning tells if another one comes."""
    extension: str
    """For a PBX: the SIP URI or number of the endpoint behind it (RFC 6189 section 5.16)."""
    enrol: bool
    """For a PBX: ask the phone to trust it with relaying the SAS (RFC 6189 section 7.3.1)."""
    host: Host | None
    """Counts the call, and ends it when the process is going to stop; see `zrtp.media.aio.host`."""
    silence: float | None
    """Seconds without a good packet after which the peer seems gone, which is told; None never tells."""
    executor: Executor | None
    """Runs public-key operations, in threads; None is the loop's own. What it does not carry out, for example after
    its end, the event loop does. See `zrtp.protocol.work`."""
    on_event: Callable[[CallEvent], None] | None
    """Is called with every event, from the event loop, in place of the iteration over the call. What it raises goes to
    the loop's exception handler."""


class AsyncCall:
    """One call with one peer. Everything happens in one event loop; there are no locks.

    Methods of `session` may be called at any time, for example `sas_matched`; call `settle` afterwards.
    """

    def __init__(self, endpoint: Endpoint, **options: Unpack[SessionOptions]) -> None:
        if not isinstance(endpoint, Endpoint):
            raise ApiMisuse(f"A call is made of an Endpoint, not of {type(endpoint).__name__}.")
        need_options("A call", options, SessionOptions.__annotations__)
        if (host := options.get("host")) is not None:
            need_methods("host", host, ("enter", "note_left", "saw"), "a zrtp.media.aio.Host")
        if (executor := options.get("executor")) is not None:
            need_methods("executor", executor, ("submit",), "a concurrent.futures.Executor")
        if (on_event := options.get("on_event")) is not None:
            need_function("on_event", on_event, "a function that takes an event")
        self.session = endpoint.session(
            peer_label=options.get("peer_label", ""),
            aux_secret=options.get("aux_secret"),
            offload=True,
            store="deferred",
            signalling_protected=options.get("signalling_protected"),
            expect=options.get("expect"),
            extension=options.get("extension", ""),
            enrol=options.get("enrol", False),
        )
        self._cache = endpoint.cache
        self.secure = SecureCall(
            self.session, best_effort=options.get("best_effort", False), silence=options.get("silence", SILENCE)
        )
        self.layers: list[MediaLayer] = []
        self._executor = options.get("executor")
        self._on_event = options.get("on_event")
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._events: Mailbox[CallEvent] = Mailbox(EVENT_BACKLOG)
        self._waiters: dict[int, SecureWaiters] = {}
        self._storing: set[asyncio.Future[None]] = set()
        self._loop_ends = False
        self.closed = False
        self.leave: Callable[[], Coroutine[Any, Any, None]] = self.aclose
        """Ends the call politely, for its host: whoever made the call may know more to do than `aclose`."""
        self._host = options.get("host")
        if self._host is not None:
            self._host.enter(self)

    def add_layer(
        self, ssrc: int | None = None, *, peer_hello_hash: bytes | None = None, clock_rate: int = 8000
    ) -> MediaLayer:
        """One media stream of the call, under our SSRC, random unless given. Raises ApiMisuse after `aclose`.

        `peer_hello_hash` is the a=zrtp-hash that signalling brought, 32 octets; `clock_rate` that of the peer's
        timestamps.
        """
        from zrtp.media.aio.layer import MediaLayer

        if self.closed:
            raise ApiMisuse("The call is closed: make a new one.")
        need_whole("clock_rate", clock_rate, 1)
        number = int.from_bytes(system_random(4), "big") if ssrc is None else ssrc
        media = self.secure.add_stream(number, peer_hello_hash=peer_hello_hash)
        self._waiters[number] = SecureWaiters(media.stream)
        layer = MediaLayer(self, media, clock_rate)
        self.layers.append(layer)
        return layer

    async def secured(self, media: SecureMedia | None = None) -> Secured:
        """Wait until a stream is secure, by default the first one; raises NotSecured if it is not going to be.

        It tells the present: after a failure it may be awaited again, and returns once the stream is secure after all.
        """
        if media is not None:
            need_instance("media", media, SecureMedia, "the media of a layer")
        if not self._waiters:
            raise ApiMisuse("The call has no stream yet: add a layer first.")
        ssrc = next(iter(self._waiters)) if media is None else media.stream.ssrc
        return await self._waiters[ssrc].wait()

    async def __aiter__(self) -> AsyncIterator[CallEvent]:
        """Every event, until the call is closed. Several iterations share the events, and all of them end."""
        while (event := await self._events.get()) is not None:
            yield event

    def settle(self) -> None:
        """Send what is due, pass on events, set the timer. Call it after methods of `session`."""
        while (event := self.secure.next_event()) is not None:
            self._pass_on(event)
        if self._serve_store():
            return self.settle()
        for layer in self.layers:
            layer.flush()
        while (work := self.session.work_to_do()) is not None:
            self._begin_work(work)
        self._set_timer()

    def close(self) -> None:
        """End the call and wipe its keys; whoever waits for something learns of it. May be called again.

        What the call leaves behind for later ones may still be on its way to the store. `aclose` waits for that: use it
        where the program ends. Otherwise the end of `asyncio.run` waits for what goes to a store through a thread, and
        what was still to be awaited is lost, which the log tells.
        """
        if self.closed:
            return
        self.secure.close(self._loop.time())
        self.settle()
        self.closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._events.close()
        for waiters in self._waiters.values():
            waiters.end("The call is closed.")
        for layer in self.layers:
            layer.detach()
        self._leave_host()

    async def aclose(self) -> None:
        """As `close`, and wait until what the call leaves behind is stored."""
        self.close()
        while self._storing:
            await asyncio.wait(self._storing)

    def _leave_host(self) -> None:
        """If everything is over."""
        if self._host is not None and self.closed and not self._storing:
            self._host.note_left(self)

    def _pass_on(self, event: CallEvent) -> None:
        if self._host is not None:
            self._host.saw(event, self.session.continuity)
        waiters = self._waiters.get(event.ssrc)
        if waiters is not None:
            waiters.follow(event)
        if self._on_event is None:
            self._events.put(event)
        else:
            self._loop.call_soon(self._on_event, event)

    def _begin_work(self, work: Work) -> None:
        try:
            done = self._loop.run_in_executor(self._executor, work.run)
        except Exception as error:  # it was shut down, for example
            done = self._loop.create_future()
            done.set_exception(error)
        done.add_done_callback(partial(self._on_work_done, work))

    def _on_work_done(self, work: Work, done: asyncio.Future[None]) -> None:
        failure = asyncio.CancelledError() if done.cancelled() else done.exception()
        if failure is not None and not self.closed:
            _log.warning("The executor did not carry out its work (%s): the event loop does.", type(failure).__name__)
            work.run()
        self.session.work_done(work, self._loop.time())
        if not self.closed:
            self.settle()

    def _serve_store(self) -> bool:
        """Have the requests to the cache carried out, whoever may have to wait beside the loop; whether one is done."""
        cache, done = self._cache, False
        while cache is not None and (request := self.session.store_to_do()) is not None:
            if waits(cache):
                self._begin_storing(request, cache)
            else:
                request.run(cache)
                self.session.store_done(request, self._loop.time())
                done = True
        return done

    def _begin_storing(self, request: Request, cache: SecretCache) -> None:
        storing = self._loop.create_task(self._store(request, cache))
        self._storing.add(storing)
        storing.add_done_callback(partial(self._on_stored, request, cache))

    async def _store(self, request: Request, cache: SecretCache) -> None:
        """Carry out a request; after the call also whatever follows from it, for the loop may be about to end."""
        following: Request | None = request
        while following is not None:
            await self._carry_out(following, cache)
            self.session.store_done(following, self._loop.time())
            if not self.closed:
                self.settle()
                return
            self._tell_what_is_lost()
            following = self.session.store_to_do()

    async def _carry_out(self, request: Request, cache: SecretCache) -> None:
        awaitable = in_coroutines(cache)

        async def once() -> bool:
            if awaitable is None:
                await carry_out_in_thread(request, cache)
            elif self._loop_ends:
                request.fail(ended())  # it may never answer, and the program would not end
            else:
                await carry_out(request, awaitable)
            return request.answered

        try:
            done, host = await once(), self._host
            if not done and self.closed and not self._loop_ends and host is not None and isinstance(request, Write):
                await host.keep_trying(once)
        except asyncio.CancelledError:
            self._end_with_loop()

    def _end_with_loop(self) -> None:
        """Nobody but the end of the loop cancels these tasks: what is left to store has no later time."""
        self._loop_ends = True
        self.close()

    def _tell_what_is_lost(self) -> None:
        """After the call: nobody takes events any more."""
        while (event := self.secure.next_event()) is not None:
            if isinstance(event, SecurityWarning):
                _log.warning("%s", event.text)
                if self._host is not None:
                    self._host.saw(event, self.session.continuity)

    def _on_stored(self, request: Request, cache: SecretCache, storing: asyncio.Future[None]) -> None:
        self._storing.discard(storing)
        if storing.cancelled():  # before it began
            self._end_with_loop()
            self._begin_storing(request, cache)
        self._leave_host()

    def _set_timer(self) -> None:
        due = None if self.closed else self.secure.next_timer()
        timer = self._timer
        if timer is not None:
            if timer.when() == due:
                return
            timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.secure.handle_timer(self._loop.time())
        self.settle()


class SecureWaiters:
    """Everybody who waits for a stream to be secure."""

    def __init__(self, stream: Stream) -> None:
        self._standing = StreamStanding(stream)
        self._waiters: list[asyncio.Future[Secured]] = []

    async def wait(self) -> Secured:
        """The event that told it; raises NotSecured."""
        if self._standing.secured is not None:
            return self._standing.secured
        if (why_not := self._standing.why_not) is not None:
            raise NotSecured(why_not)
        waiter: asyncio.Future[Secured] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        return await waiter

    def follow(self, event: CallEvent) -> None:
        """What happened on the stream."""
        self._standing.follow(event)
        self._answer()

    def end(self, why: str) -> None:
        """It is not going to be secure, unless something new happens."""
        self._standing.end(why)
        self._answer()

    def _answer(self) -> None:
        secured, why_not = self._standing.secured, self._standing.why_not
        if secured is None and why_not is None:
            return
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if waiter.done():
                continue
            if secured is not None:
                waiter.set_result(secured)
            else:
                waiter.set_exception(NotSecured(why_not or ""))
