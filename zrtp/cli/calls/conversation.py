"""One call of the command line, from opening the socket to saying how it ended.

It joins the stream, the sound, the verdict, and an audience that is told everything; what a protocol message
means is none of its business.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol, TypeAlias

from zrtp.cache.record import clean_name
from zrtp.cli.calls import opening
from zrtp.cli.calls.impairment import BadNetwork, Impairment
from zrtp.cli.calls.meeting import Meeting, RouterPort
from zrtp.cli.calls.notices import (
    Agreed,
    Calling,
    Ended,
    Listening,
    Mismatched,
    News,
    SoundNote,
    Standing,
    Waiting,
)
from zrtp.cli.calls.sound import Sound
from zrtp.cli.calls.vigil import Vigil
from zrtp.cli.errors import CommandError, Exit
from zrtp.cli.options.call import CallSettings
from zrtp.cli.options.sound import Accept
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import finding, wording
from zrtp.crypto.sas import Sas
from zrtp.media import rtcp
from zrtp.media.addresses import Address
from zrtp.media.aio import Options, SecureStream, connect, listen
from zrtp.media.events import CallEvent, MediaRecovered, MediaTrouble, PeerLeft, Trouble
from zrtp.media.sound.errors import AudioError
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import (
    Assurance,
    ClearRequested,
    Closed,
    EnrolmentOffered,
    Failed,
    GoingSecure,
    NoPeer,
    PeerDetected,
    SasRelayed,
    Secured,
    SecurityWarning,
    SendingChanged,
    WarningCode,
)
from zrtp.reach.notice import Reason

_SILENCE: Final = 3.0
"""Seconds without a verified packet after which that is told."""
_SAS_DIFFERS: Final = "SAS differs"
"""The reason in a goodbye for having found that the two renderings of the SAS differ (RFC 3550 section 6.6)."""
_GOODBYE: Final = 0.8
"""Seconds to wait for the other side's goodbye, and its last packets before that, after ours."""
_ALONE: Final = 1.5
"""Seconds after which an end of the demo need not wait any more for what it will not hear."""
_RIGHT_HELLO: Final = 3.0
"""Seconds in which the announced Hello may still come after another one, which anybody could have sent."""
_ERROR_COPIES: Final = 0.3
"""Seconds in which an Error message is repeated, in case the first copy got lost."""


Interruption: TypeAlias = ClearRequested | SasRelayed | Secured
"""What the other side did that makes an open question pointless; `Secured` is encryption that came back."""


class Audience(Protocol):
    """Whoever is told what happens: people, machines."""

    def show(self, news: News) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the call ended."""

    code: Exit
    text: str
    hint: str = ""


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
    ) -> None:
        self.endpoint = endpoint
        self._settings = settings
        self.sound = sound
        self._audience = audience
        self._remote = remote
        self._callee = callee
        self._through = through
        self._found = found
        self._meeting = found if isinstance(found, Meeting) else None
        self._twin = False  # the other side has our own ZID, and that was told
        self._refused = False  # the other side says that our Hello is not the announced one
        self._path = BadNetwork(settings.impair) if settings.impair != Impairment() else None
        self._loop = asyncio.get_running_loop()
        self._outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self.opened: asyncio.Future[SecureStream] = self._loop.create_future()
        self._doubts: set[WarningCode] = set()
        """Done when the socket is open."""
        self._left: asyncio.Future[None] = self._loop.create_future()  # the other side said goodbye
        self.secured: asyncio.Future[Secured] = self._loop.create_future()
        """Done when the call is secure for the first time."""
        self.interruptions: asyncio.Queue[Interruption] = asyncio.Queue()
        self.enrolment_offered = False
        """A server asks to be trusted, and nobody has answered yet."""
        self._verdict: Verdict | None = None
        self._assurance = Assurance.INSECURE
        self._counted = (0, 0)  # ZRTP packets and octets up to the last key agreement
        stage = wording.WAITING_FOR_ANSWER if remote is not None else ""
        self._vigil = Vigil(sound, self.show, self.hang_up, stage=stage, patience=settings.wait)
        self._unannounced = False  # a Hello came that is not the one of signalling
        self._talking: asyncio.Task[None] | None = None
        self._answering: asyncio.Future[None] | None = None

    async def run(self) -> Outcome:
        """Hold the call. Raises CommandError if it cannot begin, CancelledError if it is cancelled."""
        if self._callee is not None:
            address = (await self._callee.opened).local
            self._remote = address if self._through is None else await self._through(address)
        async with AsyncExitStack() as stack:
            calling = self._remote is not None or (self._meeting is not None and self._meeting.calling)
            if not calling and self._settings.wait is not None:
                self._loop.call_later(self._settings.wait, self._give_up, self._settings.wait)
            try:
                stream = await self._unless_hung_up(stack.enter_async_context(self._open()))
            except OSError as error:
                raise opening.cannot_open(error, self._settings.bind, self._remote) from error
            outcome = self._close_sound(self._outcome.result()) if stream is None else await self._begin(stream)
        self.show(Ended(code=outcome.code, text=outcome.text, hint=outcome.hint, verdict=self._verdict))
        if self._callee is not None:
            patience = 0.0 if self._vigil.secure_since is None else _ALONE
            self._loop.call_later(patience, self._callee.hang_up, Exit.ENDED, "the other side is gone")
        return outcome

    async def _unless_hung_up(self, opening: Coroutine[Any, Any, SecureStream]) -> SecureStream | None:
        """The stream; None if the call was ended before there was one, which may take as long as people do."""
        entering = asyncio.ensure_future(opening)
        try:
            waiting: set[asyncio.Future[Any]] = {entering, self._outcome}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            return entering.result() if entering.done() else None
        finally:
            entering.cancel()
            await asyncio.gather(entering, return_exceptions=True)

    async def _begin(self, stream: SecureStream) -> Outcome:
        self._announce(stream)
        self.sound.note = lambda words: self.show(SoundNote(text=words))
        if self.sound.missing:
            self.sound.note(wording.tone_instead(self.sound.missing))
        self.opened.set_result(stream)
        if self._meeting is not None:
            self._meeting.on_notice = self._take_notice
            self._meeting.on_lost = partial(self.hang_up, Exit.GONE, finding.PATH_LOST, finding.CALL_AGAIN)
        return await self._hold(stream)

    def _take_notice(self, reason: Reason) -> None:
        """The other side says why it does not go on. One that refuses us may hear the right Hello yet."""
        if reason is Reason.HASH_REFUSED:
            self._refused = True
            self._loop.call_later(_RIGHT_HELLO, self._end_unsecured, *finding.ENDS[reason])
        elif not self.secured.done():
            self.hang_up(Exit.NO_PEER, *finding.ENDS[reason])

    def _take_doubt(self, meeting: Meeting, code: WarningCode) -> None:
        """A Hello in a meeting is not the other side's, or is our own. Anybody could have sent it: the right one may
        come yet."""
        if code is WarningCode.HELLO_HASH_MISMATCH:
            meeting.tell(Reason.HASH_REFUSED)
            why = wording.HASH_MISMATCH, wording.HASH_MISMATCH_HINT
            self._loop.call_later(_RIGHT_HELLO, self._end_unsecured, *why)
        elif code is WarningCode.EQUAL_ZIDS and not self._twin:
            self._twin = True
            self._loop.call_later(_RIGHT_HELLO, self._end_unsecured, *finding.TWINS)

    def _end_unsecured(self, text: str, hint: str) -> None:
        if not self.secured.done():
            self.hang_up(Exit.NOT_AGREED, text, hint)

    @property
    def pasting(self) -> bool:
        """Whether a line is going to be pasted, whose letters are no keys."""
        return self._meeting is not None and self._meeting.pasting and not self.opened.done()

    def show(self, news: News) -> None:
        """Tell everybody."""
        for listener in self._audience:
            listener.show(news)

    def hang_up(self, code: Exit, why: str, hint: str = "") -> None:
        """End the call, unless it has ended already."""
        if not self._outcome.done():
            self._outcome.set_result(Outcome(code=code, text=why, hint=hint))

    def crash(self, error: BaseException) -> None:
        """A mistake in this program: the call must not go on as if nothing had happened."""
        if not self._outcome.done():
            self._outcome.set_exception(error)

    async def answer(self) -> None:
        """Somebody is there and talks: open the microphone."""
        if await self.sound.answer():
            self.sound.note(wording.HEADPHONES)

    def match(self, name: str | None = None) -> None:
        """The person says that the SAS matches."""
        self._verdict = Verdict.MATCH
        stream = self.opened.result()
        stream.session.sas_matched(name)
        stream.settle()

    def mismatch(self) -> None:
        """The person says that the SAS differs: no more sound, the alarm, the end."""
        self._verdict = Verdict.MISMATCH
        stream = self.opened.result()
        self.sound.deaf = True
        if self._talking is not None:
            self._talking.cancel()
        stream.session.sas_mismatched()
        stream.settle()
        self.show(Mismatched(text=wording.alarm(self.sas)))
        self.hang_up(Exit.SAS_MISMATCH, wording.alarm_exit(self.sas), wording.ALARM_HINT)

    def later(self) -> None:
        """The person does not compare the SAS now."""
        self._verdict = Verdict.LATER

    def take_back(self) -> None:
        """The person takes an earlier "they match" back."""
        self._verdict = Verdict.LATER
        stream = self.opened.result()
        stream.session.take_back_verdict()
        stream.settle()

    @property
    def sas(self) -> Sas | None:
        """The SAS to compare: what a trusted server relayed, otherwise that of this call."""
        session = self.opened.result().session
        return session.pbx.relayed_sas or session.sas

    def go_clear(self) -> None:
        """The person switches encryption off; sound follows, unprotected, when the other side knows."""
        stream = self.opened.result()
        stream.call.best_effort = True
        stream.session.go_clear(self._loop.time())
        stream.settle()

    def agree_to_clear(self) -> None:
        """The other side switched encryption off, and the person wants to go on without."""
        stream = self.opened.result()
        stream.call.best_effort = True
        stream.session.agree_to_clear()
        stream.settle()

    def go_secure(self) -> None:
        """The person wants encryption back."""
        stream = self.opened.result()
        stream.session.go_secure(self._loop.time())
        stream.settle()

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

    def _announce(self, stream: SecureStream) -> None:
        zid, hello_hash = self.endpoint.zid, stream.media.stream.hello_hash
        if self._meeting is not None:
            return  # everything has been told step by step
        if self._remote is not None:
            self.show(Calling(remote=self._remote, bind=stream.local, zid=zid, hello_hash=hello_hash))
        else:
            mapped = self._found.advertised if isinstance(self._found, RouterPort) else None
            advertised = mapped or (opening.own_host(stream.local[0]), stream.local[1])
            self.show(
                Listening(
                    bind=stream.local,
                    advertised=advertised,
                    zid=zid,
                    hello_hash=hello_hash,
                    caveat=opening.who_reaches(advertised),
                )
            )

    async def _hold(self, stream: SecureStream) -> Outcome:
        tasks = [
            asyncio.ensure_future(self._guarded(partial(work, stream)))
            for work in (self._hear, self._follow, self._vigil.watch)
        ]
        try:
            outcome = await self._outcome
            if self._talking is not None:
                self._talking.cancel()
            await self._part(stream, outcome)
        finally:
            for task in (*tasks, *filter(None, [self._talking, self._answering])):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._close_sound(self._judged(stream, outcome))

    async def _part(self, stream: SecureStream, outcome: Outcome) -> None:
        """Say goodbye and hear the last words; or see to it that the other side learns of a failure."""
        if outcome.code is Exit.NOT_AGREED:
            await asyncio.sleep(_ERROR_COPIES)
        if self._vigil.secure_since is None:
            if self._meeting is not None and outcome.code in (Exit.ENDED, Exit.INTERRUPTED):
                self._meeting.tell(Reason.GIVEN_UP)
            return
        stream.say_goodbye(_SAS_DIFFERS if outcome.code is Exit.SAS_MISMATCH else "")
        if outcome.code is Exit.ENDED:
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
            self.sound.finish()
            self.sound.close()
        except AudioError as error:
            if outcome.code is Exit.ENDED:
                return Outcome(code=Exit.LOCAL, text=str(error))
        return outcome

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What fails in a task ends the call, instead of being noticed at the end of the program."""
        try:
            await work()
        except AudioError as error:
            self.hang_up(Exit.LOCAL, str(error))
        except CommandError as error:
            self.hang_up(error.code, str(error), error.hint)
        except Exception as error:
            self.crash(error)

    async def _follow(self, stream: SecureStream) -> None:
        async for event in stream:
            self._tell(stream, event)
            match event:
                case PeerDetected():
                    self._vigil.enter("")
                case GoingSecure():
                    self._vigil.enter(wording.WAITING_FOR_CONFIRMATION)
                case SendingChanged():
                    self._open_gate(stream)
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
                    self._unannounced |= event.code is WarningCode.HELLO_HASH_MISMATCH
                    if self._meeting is not None:
                        self._take_doubt(self._meeting, event.code)
                case NoPeer() if self._unannounced:
                    self._end_unsecured(wording.HASH_MISMATCH, wording.HASH_MISMATCH_HINT)
                case NoPeer() | Failed() if self._refused:
                    self._end_unsecured(*finding.ENDS[Reason.HASH_REFUSED])
                case NoPeer() if self._meeting is not None:
                    self.hang_up(Exit.NO_PEER, event.text, finding.CALL_AGAIN)
                case NoPeer() if self._remote is not None and stream.layer.told_busy:
                    self.hang_up(Exit.NO_PEER, wording.STILL_BUSY, wording.STILL_BUSY_HINT)
                case NoPeer() if self._remote is not None:
                    hint = opening.why_nobody_answers(self._remote, refused=stream.unreachable)
                    self.hang_up(Exit.NO_PEER, event.text, hint)
                case NoPeer():
                    self.show(Waiting(text="that was no ZRTP call, still waiting"))
                case Failed():
                    self.hang_up(Exit.NOT_AGREED, event.text)

    def _become_secure(self, event: Secured) -> None:
        if self.secured.done():
            self.interruptions.put_nowait(event)
            return
        self._vigil.begin()
        self.secured.set_result(event)
        if self._settings.seconds is not None:
            why = f"hung up after {self._settings.seconds:g} seconds"
            self._loop.call_later(self._settings.seconds, self.hang_up, Exit.ENDED, why)
        if self.sound.closed:
            self._ring(event)
        elif self.sound.talks:
            self.sound.note(wording.HEADPHONES)

    def _ring(self, secured: Secured) -> None:
        """A stranger who dials must not hear the room: the microphone opens when somebody answers."""
        if self._settings.accept is Accept.KNOWN and secured.verified:
            self._answering = asyncio.ensure_future(self._guarded(self.answer))
        elif self._settings.verdict is None:
            self.sound.ring()
        else:
            self.sound.note(wording.STAYS_CLOSED)

    def _tell(self, stream: SecureStream, event: CallEvent) -> None:
        """The event, and what follows from it for the person."""
        before, self._assurance = self._assurance, self._standing(stream)
        if isinstance(event, Secured):
            self._tell_agreed(stream, event)
            return
        if isinstance(event, SecurityWarning):
            self._doubts.add(event.code)
        if not (self._twin and isinstance(event, SecurityWarning) and event.code is WarningCode.EQUAL_ZIDS):
            self.show(event)
        if self._assurance is not before and self.secured.done() and not isinstance(event, Closed):
            self.show(Standing(assurance=self._assurance))

    def _tell_agreed(self, stream: SecureStream, secured: Secured) -> None:
        session, counters = stream.session, stream.media.counters
        expected = clean_name(self._settings.name or "")
        before, self._counted = self._counted, (counters.zrtp_packets, counters.zrtp_octets)
        agreed = Agreed(
            secured=secured,
            packets=counters.zrtp_packets - before[0],
            octets=counters.zrtp_octets - before[1],
            assurance=self._standing(stream),
            by_code=self._bound_to_code(stream),
            new_device_of=expected if WarningCode.NEW_DEVICE in self._doubts else "",
            stranger_to=expected if WarningCode.DIFFERENT_NAME in self._doubts else "",
            sas_wanted=self._settings.config.sas_types[0],
            server=session.pbx.peer_is_pbx,
            enrolled=session.pbx.peer_is_pbx and session.pbx.matched,
        )
        self.show(agreed)

    def _standing(self, stream: SecureStream) -> Assurance:
        """How sure it is that nobody sits in between. A code binds the call to it, but it is no evidence to the engine
        (RFC 6189 section 4.6.1.1): an alarm stays one, and what is known about the peer stays as it was."""
        assurance = stream.session.assurance
        bound = assurance is Assurance.ENCRYPTED and self._bound_to_code(stream)
        return Assurance.SIGNALLING if bound else assurance

    def _bound_to_code(self, stream: SecureStream) -> bool:
        return self._meeting is not None and self._meeting.by_code and stream.session.peer.bound_to_signalling

    def _open_gate(self, stream: SecureStream) -> None:
        if stream.media.may_send and (self._talking is None or self._talking.done()):
            self._talking = asyncio.ensure_future(self._guarded(partial(self.sound.talk, stream)))

    def _give_up(self, seconds: float) -> None:
        """Nobody called for as long as `listen` was told to wait."""
        if not self.secured.done():
            self.hang_up(Exit.NO_PEER, f"nobody called within {seconds:g} seconds")

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
        if _SAS_DIFFERS in map(rtcp.reason, stream.rtcp_received()) and not self._outcome.done():
            self.sound.deaf = True
            self.show(Mismatched(text=wording.OTHERS_ALARM))
            self.hang_up(Exit.SAS_MISMATCH, wording.OTHERS_MISMATCH, wording.ALARM_HINT)

    def _undecided(self, stream: SecureStream) -> bool:
        """Whether a person has still to say if the renderings of the SAS are the same."""
        asked = self._settings.verdict is None and self.secured.done() and not stream.session.peer.verified
        return asked and self._verdict is None
