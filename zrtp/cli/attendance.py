"""The person at the terminal during a call: the verdict on the SAS, a name for the peer, a few keys."""

from __future__ import annotations

from zrtp.cache.interface import other_devices
from zrtp.cli import wording
from zrtp.cli.conversation import Conversation
from zrtp.cli.dialogue import Dialogue
from zrtp.cli.errors import Exit
from zrtp.cli.keyboard import END_OF_INPUT
from zrtp.cli.options import Verdict
from zrtp.cli.presenter import Presenter
from zrtp.errors import CacheError
from zrtp.media.addresses import Address
from zrtp.protocol.session import Session


async def judge(conversation: Conversation, verdict: Verdict, name: str | None) -> None:
    """Say what `--verify` says, as soon as the call is secure; nobody is asked."""
    await conversation.secured
    if verdict is Verdict.MISMATCH:
        conversation.mismatch()
    elif verdict is Verdict.MATCH:
        conversation.match(name)


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
        """For as long as somebody types; the end of the call cancels it."""
        secured = await self._conversation.secured
        if not secured.verified:
            await self._ask()
        while (key := await self._dialogue.key()) != END_OF_INPUT:
            await self._obey(key)

    async def _obey(self, key: str) -> None:
        session = self._session
        if key == "q":
            self._conversation.hang_up(Exit.ENDED, "you hung up")
        elif key == "s" and session.sas is not None:
            self._presenter.show_sas(session.sas)
        elif key == "v" and session.sas is not None:
            self._presenter.show_sas(session.sas)
            await self._ask()
        elif key == "u" and session.verified:
            self._conversation.take_back()
            self._presenter.unverified()

    async def _ask(self) -> None:
        session = self._session
        if session.sas is None:
            return
        with self._presenter.asking():
            verdict = await self._dialogue.verdict(session.sas)
        if verdict is Verdict.MISMATCH:
            self._conversation.mismatch()
        elif verdict is Verdict.MATCH:
            self._conversation.match(self._name)  # at once: an interruption during the next question loses nothing
            await self._give_name(session)
            self._presenter.verified(session.peer_name)

    async def _give_name(self, session: Session) -> None:
        if session.peer_name or self._conversation.endpoint.cacheless:
            return
        with self._presenter.asking():
            name = await self._dialogue.name(self._suggestion)
        if name is None:
            return
        self._conversation.match(name)
        if session.peer_name is None:
            self._presenter.remark(wording.NOT_KEPT)
        self._mention_other_devices(session, name)

    def _mention_other_devices(self, session: Session, name: str) -> None:
        try:
            others = session.peer_zid is not None and other_devices(
                self._conversation.endpoint.cache, session.peer_zid, name
            )
        except CacheError:
            return
        if others:
            self._presenter.remark(wording.new_device(name))

    @property
    def _suggestion(self) -> str:
        """The address that was dialled, or that the call came from: there is no address book here."""
        address = self._address or self._conversation.opened.result().remote
        return address[0] if address is not None else "friend"

    @property
    def _session(self) -> Session:
        return self._conversation.opened.result().session
