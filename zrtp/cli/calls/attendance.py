"""The person at the terminal during a call: the verdict on the SAS, a name for the peer, a few keys."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from zrtp.cache.interface import other_devices
from zrtp.cli.calls.conversation import Conversation, Interruption
from zrtp.cli.errors import Exit
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import wording
from zrtp.cli.screen.dialogue import Dialogue
from zrtp.cli.screen.keyboard import END_OF_INPUT, RESUMED
from zrtp.cli.screen.presenter import Presenter
from zrtp.errors import CacheError
from zrtp.media.addresses import Address
from zrtp.protocol.events import Assurance, ClearRequested, SasRelayed, Sending
from zrtp.protocol.session import Session


async def judge(conversation: Conversation, presenter: Presenter, verdict: Verdict, name: str | None) -> None:
    """Say what `--verify` says, as soon as the call is secure. Nobody is asked, so that nobody agrees to anything."""
    await conversation.secured
    if verdict is Verdict.MISMATCH:
        conversation.decisions.mismatch()
    elif verdict is Verdict.MATCH:
        conversation.decisions.match(name)
        presenter.show_verified(conversation.opened.result().session.peer.name)
    else:
        conversation.decisions.later()
    while True:
        if isinstance(await conversation.interruptions.get(), ClearRequested):
            conversation.hang_up(Exit.ENDED, wording.NOBODY_AGREES)


class Attendance:
    """Asks for the verdict unless the peer is verified already, and serves keys until the call ends."""

    def __init__(
        self,
        conversation: Conversation,
        dialogue: Dialogue,
        presenter: Presenter,
        *,
        name: str | None,
        address: Address | None,
    ) -> None:
        self._conversation = conversation
        self._dialogue = dialogue
        self._presenter = presenter
        self._name = name
        self._address = address

    async def attend(self) -> None:
        """Until the call ends, which cancels it. What the other side does may interrupt a question."""
        await self._wait_for_security()
        interruption = await self._run_until_interrupted(self._begin())
        while True:
            interruption = await self._run_until_interrupted(self._react(interruption))

    async def _wait_for_security(self) -> None:
        """Until the call is secure; meanwhile keys count, but no lines: those may be answers to later questions."""
        if self._conversation.pasting:
            await self._conversation.opened
        obeying = asyncio.ensure_future(self._obey_early_keys() if self._dialogue.single_keys else asyncio.sleep(0))
        try:
            await self._conversation.secured
        finally:
            obeying.cancel()
            await asyncio.gather(obeying, return_exceptions=True)

    async def _obey_early_keys(self) -> None:
        while (key := await self._dialogue.key()) != END_OF_INPUT:
            if key == "q":
                self.quit()
            else:
                self._presenter.show_keys()

    def quit(self) -> None:
        """Hang up."""
        self._conversation.hang_up(Exit.ENDED, "you hung up")

    async def _run_until_interrupted(self, work: Coroutine[None, None, None]) -> Interruption:
        """The next interruption, and the end of what was going on until then."""
        working = asyncio.ensure_future(work)
        interrupted = asyncio.ensure_future(self._conversation.interruptions.get())
        try:
            await asyncio.wait({working, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()  # a mistake in it is not to be lost; otherwise nobody types any more
            return await interrupted
        finally:
            working.cancel()
            interrupted.cancel()
            await asyncio.gather(working, interrupted, return_exceptions=True)

    async def _begin(self) -> None:
        await self._answer()
        if self._session.peer.verified:
            await self._enrol()
        else:
            await self._ask()
        await self._obey_keys()

    async def _answer(self) -> None:
        """Whoever is called opens the microphone with a key, and with nothing else."""
        if not self._conversation.sound.closed:
            return
        with self._presenter.asking():
            answered = await self._dialogue.answers(wording.somebody_calls(self._session.peer.name))
        if answered:
            await self._conversation.answer()
        else:
            self._presenter.remark(wording.STAYS_CLOSED)

    def _mute(self) -> None:
        sound = self._conversation.sound
        sound.muted = not sound.muted
        self._presenter.remark(wording.MUTED if sound.muted else wording.UNMUTED)

    async def _react(self, interruption: Interruption) -> None:
        if isinstance(interruption, ClearRequested):
            await self._ask_to_continue()
        elif isinstance(interruption, SasRelayed):
            await self._ask()
        await self._obey_keys()

    async def _obey_keys(self) -> None:
        while (key := await self._dialogue.key()) != END_OF_INPUT:
            await self._obey(key)

    async def _obey(self, key: str) -> None:
        conversation, session = self._conversation, self._session
        sending = session.streams[0].sending
        if key == "q":
            self.quit()
        elif key == "s" or key == RESUMED:
            self._show()
        elif key == "v" and sending is Sending.SRTP:
            self._show()
            await self._ask()
        elif key == "m" and conversation.sound.talks:
            self._mute()
        elif key == "u" and session.peer.verified:
            conversation.decisions.take_back()
            self._presenter.show_unverified(session.assurance)
        elif key == "c" and sending is Sending.SRTP and conversation.secured.result().allow_clear:
            await self._ask_to_go_clear()
        elif key == "e" and sending is Sending.CLEAR:
            conversation.decisions.go_secure()
        elif key.strip():
            self._presenter.show_keys()

    def _show(self) -> None:
        self._presenter.show_state()
        sas = self._conversation.decisions.sas
        if sas is not None:
            self._presenter.show_sas(sas, relayed=self._session.pbx.relayed_sas is not None)

    async def _ask(self) -> None:
        session, sas = self._session, self._conversation.decisions.sas
        if sas is None:
            return
        with self._presenter.asking():
            verdict = await self._dialogue.verdict(sas)
        if verdict is Verdict.MISMATCH:
            self._conversation.decisions.mismatch()
        elif verdict is Verdict.MATCH:
            # At once: an interruption during the next question loses nothing.
            self._conversation.decisions.match(self._name)
            await self._give_name(session)
            self._presenter.show_verified(session.peer.name)
        else:
            self._conversation.decisions.later()
        if verdict is not Verdict.MISMATCH:
            await self._enrol()

    async def _give_name(self, session: Session) -> None:
        if session.peer.name or self._conversation.endpoint.cache is None:
            return
        with self._presenter.asking():
            name = await self._dialogue.name(self._suggestion)
        if name is None:
            return
        self._conversation.decisions.match(name)
        if session.peer.name is None:
            self._presenter.remark(wording.NOT_KEPT)
        self._mention_other_devices(session, name)

    def _mention_other_devices(self, session: Session, name: str) -> None:
        cache, peer_zid = self._conversation.endpoint.cache, session.peer.zid
        try:
            others = cache is not None and peer_zid is not None and other_devices(cache, peer_zid, name)
        except CacheError:
            return
        if others:
            self._presenter.remark(wording.new_device(name))

    async def _enrol(self) -> None:
        """A server asks for trust. It can listen with it, so that the words come first (RFC 6189 section 7.3.1)."""
        if not self._conversation.enrolment_offered:
            return
        if self._session.assurance in (Assurance.INSECURE, Assurance.ENCRYPTED, Assurance.MISMATCH):
            self._presenter.remark(wording.COMPARE_FIRST)
            return
        self._conversation.enrolment_offered = False
        with self._presenter.asking():
            agreed = await self._dialogue.agrees(wording.ENROL_QUESTION)
        if agreed:
            self._session.pbx.accept_enrolment()
        self._presenter.remark(wording.ENROLLED if agreed else wording.NOT_ENROLLED)

    async def _ask_to_go_clear(self) -> None:
        with self._presenter.asking():
            agreed = await self._dialogue.agrees(wording.GO_CLEAR_QUESTION)
        if agreed:
            self._conversation.decisions.go_clear()

    async def _ask_to_continue(self) -> None:
        question = wording.continue_question(self._session.peer.name)
        with self._presenter.asking():
            agreed = await self._dialogue.agrees(question, no=wording.CONTINUE_NO)
        if agreed:
            self._conversation.decisions.agree_to_clear()
        else:
            self._conversation.hang_up(Exit.ENDED, wording.NOT_UNPROTECTED)

    @property
    def _suggestion(self) -> str:
        """The name that was dialled: there is no address book here, and a number is no name for anybody."""
        host = "" if self._address is None else self._address[0]
        return "" if ":" in host or host == "localhost" or host.replace(".", "").isdecimal() else host

    @property
    def _session(self) -> Session:
        return self._conversation.opened.result().session
