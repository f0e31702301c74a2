"""One call from outside: inputs for its streams, public-key operations and store requests to carry out.

`Session` and `Stream` hand everything on to it. Where the cache is at hand, each request of the engine is carried out
as soon as it is made; otherwise somebody else does it and says when it is done.
"""

from __future__ import annotations

from zrtp.cache.interface import SecretCache
from zrtp.door import need_instance, need_moment
from zrtp.errors import ApiMisuse, CacheError
from zrtp.protocol import dispatch
from zrtp.protocol.call import Call
from zrtp.protocol.core import Core
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.store import Read, Request, Search, Write
from zrtp.protocol.work import Work
from zrtp.system import process


class Driver:
    """A call, its streams, and the cache if requests are carried out at once."""

    __slots__ = ("_cache", "_handed_out", "call", "closed", "cores", "generation", "store")

    def __init__(self, call: Call, cache: SecretCache | None) -> None:
        self.call = call
        self.cores: list[Core] = []
        self.closed = False
        self._cache = cache
        self.store = call.retention.store
        self.generation = process.generation
        self._handed_out: dict[Work, Core] = {}

    def check(self) -> None:
        """Raises:
        ApiMisuse: the call was made before this process was forked off: its keys are in use in the parent.
        """
        if self.generation != process.generation:
            raise ApiMisuse("This call belongs to the process that was forked: a child makes a new session.")

    def own_call(self) -> Call:
        """The call, for what only the process may do that made it. Raises as `check`."""
        self.check()
        return self.call

    # Inputs.

    def tell(self, core: Core, trigger: Trigger, now: float) -> None:
        """An input that is not a message for one stream."""
        if self.generation != process.generation:
            self.check()
        if type(now) is not float or now != now:
            need_moment(now)
        dispatch.tell(core, trigger, now)
        if self.store.open:
            self.serve_store(now)

    def carry_out_decision(self) -> None:
        """The user decided something about the whole call."""
        self.serve_store(self.call.clock)

    def next_timer(self, core: Core) -> float | None:
        """When something is due for one stream; what is due for the whole call counts for its first one."""
        earliest = core.next_timer()
        retry = self.store.retry_at
        if retry is None or core is not self.cores[0]:
            return earliest
        return retry if earliest is None else min(earliest, retry)

    def close(self, now: float) -> None:
        """Close every stream, and wipe every secret but those that are still to be stored."""
        self.check()
        if type(now) is not float or now != now:
            need_moment(now)
        self.call.clock = now
        for core in self.cores:
            if core.state is not State.CLOSED:
                dispatch.tell(core, Trigger.CLOSE, now)
        self.closed = True
        self.call.wipe()
        self.serve_store(now)

    # Public-key operations.

    def work_to_do(self) -> Work | None:
        """An operation to perform elsewhere, each once."""
        works = self.call.works
        while works:
            core, work = works.pop(0)
            if isinstance(core, Core) and _waits_for(core, work):
                self._handed_out[work] = core
                return work
        return None

    def work_done(self, work: Work, now: float) -> None:
        """An operation has been performed; unless its exchange has ended, it goes on."""
        self.check()
        need_instance("What is done", work, Work, "what work_to_do gave")
        need_moment(now)
        core = self._handed_out.pop(work, None)
        if core is None or not _waits_for(core, work):
            work.discard()
            return
        dispatch.finish_work(core, work, now)
        self.serve_store(now)

    # Store requests.

    def store_to_do(self) -> Request | None:
        """A request to carry out elsewhere, each once."""
        store = self.store
        if self.closed:
            store.retry_at = None  # there is no later time any more
        return store.next(self.call.clock)

    def store_done(self, request: Request, now: float) -> None:
        """A request has been carried out, or has failed."""
        self.call.clock = now
        if isinstance(request, Read):
            self._take_record(request, now)
        elif isinstance(request, Search):
            self.call.note_devices(request.zids)
        else:
            self._note_written(request, now)

    def serve_store(self, now: float) -> None:
        """Carry out what the engine asks of the cache, if that is at hand."""
        cache = self._cache
        if cache is None:
            return
        while self.store.open and (request := self.store_to_do()) is not None:
            try:
                request.run(cache)
            finally:  # also when the program is interrupted: later requests would wait for this one
                self.store_done(request, now)

    def _take_record(self, request: Read, now: float) -> None:
        trigger = Trigger.RECORD if self.call.retention.take_record(request, now) else Trigger.NO_RECORD
        for core in self.cores:
            if core.commit_waits_for is not None or core.waiting_commits:
                dispatch.tell(core, trigger, now)

    def _note_written(self, request: Write, now: float) -> None:
        if not request.answered and request.error is None:
            request.fail(CacheError("The store of retained secrets gave no answer."))
        over = self.store.note_written(request, now, last_try=self.closed)
        if request.answered:
            self.call.retention.note_stored(request.peer_zid, request.record)
        elif over:
            self.call.warn_of_store(f"{request.error} What was to be remembered of this call is lost.")
        elif request.tries == 1:
            self.call.warn_of_store(f"{request.error} It is tried again.")


def _waits_for(core: Core, work: Work) -> bool:
    """Whether an exchange of the stream, the one in hand or one beside it, still needs the result."""
    return core.work is work or any(other.work is work for other in core.aside)
