"""What the person decides in a call: whether the SAS matches, and whether encryption is used."""

from __future__ import annotations

import asyncio

from zrtp.cli.calls.bulletin import Bulletin
from zrtp.cli.calls.ending import Ending
from zrtp.cli.calls.notices import Mismatched
from zrtp.cli.calls.sound import Sound
from zrtp.cli.calls.talking import Talking
from zrtp.cli.errors import Exit
from zrtp.cli.options.verdict import Verdict
from zrtp.cli.screen import wording
from zrtp.crypto.sas import Sas
from zrtp.media.aio import SecureStream


class Decisions:
    """Carries out what is decided; the call must be open."""

    def __init__(
        self, opened: asyncio.Future[SecureStream], sound: Sound, talking: Talking, bulletin: Bulletin, ending: Ending
    ) -> None:
        self._opened = opened
        self._sound = sound
        self._talking = talking
        self._bulletin = bulletin
        self._ending = ending
        self._loop = asyncio.get_running_loop()
        self.verdict: Verdict | None = None
        """What was said of the SAS last; None before."""

    @property
    def sas(self) -> Sas | None:
        """The SAS to compare: what a trusted server relayed, otherwise that of this call."""
        session = self._stream.session
        return session.pbx.relayed_sas or session.sas

    def match(self, name: str | None = None) -> None:
        """The SAS matches; the peer's name is to be kept."""
        self.verdict = Verdict.MATCH
        self._stream.session.sas_matched(name)
        self._stream.settle()

    def mismatch(self) -> None:
        """The SAS differs: no more sound, the alarm, the end."""
        self.verdict = Verdict.MISMATCH
        self._sound.deaf = True
        self._talking.fall_silent()
        self._stream.session.sas_mismatched()
        self._stream.settle()
        self._bulletin.show(Mismatched(text=wording.alarm(self.sas)))
        self._ending.hang_up(Exit.SAS_MISMATCH, wording.alarm_exit(self.sas), wording.ALARM_HINT)

    def later(self) -> None:
        """The SAS is not compared now."""
        self.verdict = Verdict.LATER

    def take_back(self) -> None:
        """An earlier "they match" does not count any more."""
        self.verdict = Verdict.LATER
        self._stream.session.take_back_verdict()
        self._stream.settle()

    def go_clear(self) -> None:
        """Encryption goes off; sound follows, unprotected, when the other side knows."""
        self._stream.call.best_effort = True
        self._stream.session.go_clear(self._loop.time())
        self._stream.settle()

    def agree_to_clear(self) -> None:
        """The other side switched encryption off, and the person wants to go on without."""
        self._stream.call.best_effort = True
        self._stream.session.agree_to_clear()
        self._stream.settle()

    def go_secure(self) -> None:
        """Encryption is to come back."""
        self._stream.session.go_secure(self._loop.time())
        self._stream.settle()

    @property
    def _stream(self) -> SecureStream:
        return self._opened.result()
