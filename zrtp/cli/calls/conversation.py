"""One call of the command line, from opening the socket to saying how it ended.

It joins the stream, the sound, the person's decisions, and an audience that is told everything; what a protocol message
means is none of its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final, TypeAlias

from zrtp.cli.calls import opening
from zrtp.cli.calls.bulletin import Audience, Bulletin
from zrtp.cli.calls.decisions import Decisions
from zrtp.cli.calls.ending import SAS_DIFFERS, Ending, Outcome
from zrtp.cli.calls.failure import Failure
from zrtp.cli.calls.impairment import BadNetwork, Impairment
from zrtp.cli.calls.meeting import Meeting, RouterPort
from zrtp.cli.calls.names import explained
from zrtp.cli.calls.notices import Ended, Mismatched, SoundNote, Waiting
from zrtp.cli.calls.sound import Sound
from zrtp.cli.calls.talking import Talking
from zrtp.cli.calls.vigil import Vigil
from zrtp.cli.errors import Exit
from zrtp.cli.options.call import CallSettings
from zrtp.cli.screen import wording
from zrtp.media import rtcp
from zrtp.media.addresses import Address
from zrtp.media.aio import Options, SecureStream, connect, listen
from zrtp.media.events import MediaRecovered, MediaTrouble, PeerLeft, Trouble
from zrtp.media.sound.errors import AudioError
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    ClearRequested,
    EnrolmentOffered,
    Failed,
    GoingSecure,
    NoPeer,
    PeerDetected,
    SasRelayed,
    Secured,
    SecurityWarning,
    SendingChanged,
)
from zrtp.reach.notice import RefusalReason

_SILENCE: Final = 3.0
"""Seconds without a verified packet after which that is told."""
_GOODBYE: Final = 0.8
"""Seconds to wait for the other side's goodbye, and its last packets before that, after ours."""
_ALONE: Final = 1.5
"""Seconds after which an end of the demo need not wait any more for what it will not hear."""
_ERROR_COPIES: Final = 0.3
"""Seconds in which an Error message is repeated, in case the first copy got lost."""


Interruption: TypeAlias = ClearRequested | SasRelayed | Secured
"""What the other side did that makes an open question pointless; `Secured` is encryption that came back."""


class Conversation:
    """A call to `remote`, to `callee` in the same process, or to whom `found` finds; otherwise the next one that
    comes in."""

    def __init__(
        self,
        endpoint: Endpoint,
        settings: CallSettings,
        sound: Sound,
        audience: Sequence[Audience],
        *,
        remote: Address | None = None,
        callee: Conversation | None = None,
        through: Callable[[Address], Awaitable[Address]] | None = None,
        found: Meeting | RouterPort | None = None,
        example: str = "",
    ) -> None:
        """`example` is how another local address for {} would be given."""
        self.endpoint = endpoint
        self._settings = settings
        self.sound = sound
        self._remote = remote
        self._callee = callee
        self._through = through
        self._found = found
        self._example = example
        self._meeting = found if isinstance(found, Meeting) else None
        self._path = BadNetwork(settings.impair) if settings.impair != Impairment() else None
        self._loop = asyncio.get_running_loop()
        self.opened: asyncio.Future[SecureStream] = self._loop.create_future()
        """Done when the socket is open."""
        self.secured: asyncio.Future[Secured] = self._loop.create_future()
        """Done when the call is secure for the first time."""
        self._left: asyncio.Future[None] = self._loop.create_future()  # the other side said goodbye
        self.interruptions: asyncio.Queue[Interruption] = asyncio.Queue()
        self.enrolment_offered = False
        """A server asks to be trusted, and nobody has answered yet."""
        self._ending = Ending()
        self._bulletin = Bulletin(audience, settings, found)
        self._talking = Talking(sound, settings, self._ending)
        self._failure = Failure(self._ending, self._bulletin, self.secured, meeting=self._meeting)
        self.decisions = Decisions(self.opened, sound, self._talking, self._bulletin, self._ending)
        stage = wording.WAITING_FOR_ANSWER if remote is not None else ""
        self._vigil = Vigil(sound, self._bulletin.show, self.hang_up, stage=stage, patience=settings.wait)

    async def run(self) -> Outcome:
        """Hold the call. Raises CommandError if it cannot begin, CancelledError if it is cancelled."""
        if self._callee is not None:
            self._remote = await self._address_of(self._callee)
        async with AsyncExitStack() as stack:
            calling = self._remote is not None or (self._meeting is not None and self._meeting.calling)
            if not calling and self._settings.wait is not None:
                self._loop.call_later(self._settings.wait, self._failure.give_up, self._settings.wait)
            try:
                stream: SecureStream | None = None
                if not self._ending.reached:
                    with explained(self._tell_wait, *self._looked_up):
                        stream = await self._unless_hung_up(stack.enter_async_context(self._open()))
            except OSError as error:
                raise opening.cannot_open(error, self._settings.bind, self._remote, example=self._example) from error
            if stream is None:
                outcome = self._close_sound(self._ending.outcome.result())
            else:
                outcome = await self._begin(stream)
        ended = Ended(code=outcome.code, text=outcome.text, hint=outcome.hint, verdict=self.decisions.verdict)
        self._bulletin.show(ended)
        if self._callee is not None:
            patience = 0.0 if self._vigil.secure_since is None else _ALONE
            self._loop.call_later(patience, self._callee.hang_up, Exit.ENDED, "the other side is gone")
        return outcome

    def hang_up(self, code: Exit, why: str, hint: str = "") -> None:
        """End the call, unless it has ended already."""
        self._ending.hang_up(code, why, hint)

    def crash(self, error: BaseException) -> None:
        """A mistake in this program: the call must not go on as if nothing had happened."""
        self._ending.crash(error)

    async def answer(self) -> None:
        """Somebody is there and talks: open the microphone."""
        await self._talking.answer()

    @property
    def pasting(self) -> bool:
        """Whether a line is going to be pasted, whose letters are no keys."""
        return self._meeting is not None and self._meeting.pasting and not self.opened.done()

    # From the socket to the end

    async def _address_of(self, callee: Conversation) -> Address | None:
        """Where to call; None if this call was ended before anybody could be."""
        callee._ending.outcome.add_done_callback(self._lose)
        waiting: set[asyncio.Future[Any]] = {callee.opened, self._ending.outcome}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if self._ending.reached:
            return None
        address = callee.opened.result().local
        return address if self._through is None else await self._through(address)

    def _lose(self, callee: asyncio.Future[Outcome]) -> None:
        """The callee of the same process has given up waiting, which no packet tells."""
        if not callee.cancelled() and callee.exception() is None and callee.result().code is Exit.NO_PEER:
            self.hang_up(Exit.NO_PEER, "the other side is gone")

    def _open(self) -> Any:
        options: Options = {
            "aux_secret": self._settings.aux,
            "peer_hello_hash": self._settings.peer_hash,
            "silence": _SILENCE,
            "expect": self._settings.name,
        }
        if self._path is not None:
            options["path"] = self._path
        if self._settings.ssrc is not None:
            options["ssrc"] = self._settings.ssrc
        if self._found is not None:
            return self._found.open(self.endpoint, options)
        if self._remote is not None:
            return connect(self.endpoint, self._remote, local=self._settings.bind, **options)
        assert self._settings.bind is not None, "whoever listens knows where"  # noqa: S101
        return listen(self.endpoint, self._settings.bind, **options)

    @property
    def _looked_up(self) -> tuple[Address | None, ...]:
        """What opening the port looks up; a way that is found without an address tells its steps itself."""
        return (self._settings.bind, self._remote) if self._found is None else ()

    def _tell_wait(self, text: str) -> None:
        self._bulletin.show(Waiting(text=text))

    async def _unless_hung_up(self, opening: Coroutine[Any, Any, SecureStream]) -> SecureStream | None:
        """The stream; None if the call was ended before there was one, which may take as long as people do."""
        entering = asyncio.ensure_future(opening)
        try:
            waiting: set[asyncio.Future[Any]] = {entering, self._ending.outcome}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return entering.result() if entering.done() else None
        finally:
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)

    async def _begin(self, stream: SecureStream) -> Outcome:
        self._bulletin.announce(stream, self.endpoint.zid, self._remote)
        self.sound.note = lambda words: self._bulletin.show(SoundNote(text=words))
        if self.sound.missing:
            self.sound.note(wording.tone_instead(self.sound.missing))
        self.opened.set_result(stream)
        if self._meeting is not None:
            self._failure.listen_to(self._meeting)
        return await self._hold(stream)

    async def _hold(self, stream: SecureStream) -> Outcome:
        tasks = [
            asyncio.ensure_future(self._ending.guard(partial(work, stream)))
            for work in (self._hear, self._follow, self._vigil.watch)
        ]
        try:
            outcome = await self._ending.outcome
            self._talking.fall_silent()
            await self._part(stream, outcome)
        finally:
            self._talking.stop()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._close_sound(self._judged(stream, outcome))

    async def _part(self, stream: SecureStream, outcome: Outcome) -> None:
        """Say goodbye and hear the last words; or see to it that the other side learns of a failure."""
        if outcome.code is Exit.NOT_AGREED:
            await asyncio.sleep(_ERROR_COPIES)
        if self._vigil.secure_since is None:
            if self._meeting is not None and outcome.code in (Exit.ENDED, Exit.INTERRUPTED):
                self._meeting.tell(RefusalReason.GIVEN_UP)
            return
        stream.say_goodbye(SAS_DIFFERS if outcome.code is Exit.SAS_MISMATCH else "")
        if outcome.code in (Exit.ENDED, Exit.INTERRUPTED):
            await asyncio.wait([self._left], timeout=_GOODBYE + 2 * self._settings.impair.delay)
        self._vigil.report(stream, final=True)

    def _judged(self, stream: SecureStream, outcome: Outcome) -> Outcome:
        """The outcome, unless a call that ended as if all were well was one in which nobody could be heard."""
        changed = self._vigil.trouble in (Trouble.UNVERIFIED, Trouble.REPEATED) and not stream.media.counters.verified
        if changed and outcome.code in (Exit.ENDED, Exit.GONE):
            return Outcome(code=Exit.NOT_THROUGH, text=wording.NOT_THROUGH, hint=wording.NOT_THROUGH_HINT)
        return outcome

    def _close_sound(self, outcome: Outcome) -> Outcome:
        try:
            self.sound.close()
        except AudioError as error:
            if outcome.code is Exit.ENDED:
                return Outcome(code=Exit.LOCAL, text=str(error))
        return outcome

    # What the other side does

    async def _follow(self, stream: SecureStream) -> None:
        async for event in stream:
            self._bulletin.tell(stream, event)
            match event:
                case PeerDetected():
                    self._vigil.enter("")
                case GoingSecure():
                    self._vigil.enter(wording.WAITING_FOR_CONFIRMATION)
                case SendingChanged():
                    self._talking.open_gate(stream)
                case MediaTrouble():
                    if event.trouble is not Trouble.UNREACHABLE:
                        self._vigil.trouble = event.trouble
                case MediaRecovered():
                    self._vigil.trouble = None
                case PeerLeft():
                    self._hear_farewell(stream)
                case Secured():
                    self._vigil.enter("")
                    self._become_secure(event)
                case ClearRequested() | SasRelayed():
                    self.interruptions.put_nowait(event)
                case EnrolmentOffered():
                    self.enrolment_offered = True
                case SecurityWarning():
                    self._failure.take_doubt(event.code)
                case NoPeer() | Failed():
                    self._failure.take(stream, event, self._remote)

    def _become_secure(self, event: Secured) -> None:
        if self.secured.done():
            self.interruptions.put_nowait(event)
            return
        self._vigil.begin()
        self.secured.set_result(event)
        if self._settings.seconds is not None:
            why = f"hung up after {wording.seconds(self._settings.seconds)}"
            self._loop.call_later(self._settings.seconds, self.hang_up, Exit.ENDED, why)
        self._talking.begin(event)

    async def _hear(self, stream: SecureStream) -> None:
        await self.sound.hear(stream)
        if self._undecided(stream):
            self.hang_up(Exit.GONE, wording.LEFT_UNDECIDED, wording.LEFT_UNDECIDED_HINT)
        else:
            self.hang_up(Exit.ENDED, "the other side hung up")

    def _hear_farewell(self, stream: SecureStream) -> None:
        """The other side said goodbye; unless it says why, `_hear` waits for the last packets."""
        if not self._left.done():
            self._left.set_result(None)
        if SAS_DIFFERS in map(rtcp.reason, stream.take_rtcp()) and not self._ending.reached:
            self.sound.deaf = True
            self._bulletin.show(Mismatched(text=wording.OTHERS_ALARM))
            self.hang_up(Exit.SAS_MISMATCH, wording.OTHERS_MISMATCH, wording.ALARM_HINT)

    def _undecided(self, stream: SecureStream) -> bool:
        """Whether a person has still to say if the renderings of the SAS are the same."""
        asked = self._settings.verdict is None and self.secured.done() and not stream.session.peer.verified
        return asked and self.decisions.verdict is None
