"""Why a call does not become secure: nobody answers, or a Hello came that is not the one it should be."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from zrtp.cli.calls import opening
from zrtp.cli.calls.bulletin import Bulletin
from zrtp.cli.calls.ending import Ending
from zrtp.cli.calls.meeting import Meeting
from zrtp.cli.calls.notices import Waiting
from zrtp.cli.errors import Exit
from zrtp.cli.screen import finding, wording
from zrtp.media.addresses import Address
from zrtp.media.aio import SecureStream
from zrtp.protocol.events import Failed, NoPeer, Secured, WarningCode
from zrtp.reach.notice import RefusalReason

_RIGHT_HELLO: Final = 3.0
"""Seconds in which the announced Hello may still come after another one, which anybody could have sent."""
_NOTICE: Final = 8.0
"""Seconds in which the other side of a meeting may say why nothing came of it."""


class Failure:
    """Ends a call that cannot become secure, with the reason that helps most."""

    def __init__(
        self,
        ending: Ending,
        bulletin: Bulletin,
        secured: asyncio.Future[Secured],
        *,
        meeting: Meeting | None,
    ) -> None:
        self._ending = ending
        self._bulletin = bulletin
        self._secured = secured
        self._meeting = meeting
        self._loop = asyncio.get_running_loop()
        self._twin = False  # the other side has our own ZID
        self._refused = False  # the other side says that our Hello is not the announced one
        self._unannounced = False  # a Hello came that is not the one of signalling

    def listen_to(self, meeting: Meeting) -> None:
        """What the other side of a meeting says about it, and that the way to it is lost."""
        meeting.on_notice = self._take_notice
        meeting.on_lost = partial(self._ending.hang_up, Exit.GONE, finding.PATH_LOST, finding.CALL_AGAIN)

    def take_doubt(self, code: WarningCode) -> None:
        """A Hello is not the other side's, or is our own. Anybody could have sent it: the right one may come yet."""
        self._unannounced |= code is WarningCode.HELLO_HASH_MISMATCH
        if self._meeting is None:
            self._twin |= code is WarningCode.EQUAL_ZIDS
            return
        if code is WarningCode.HELLO_HASH_MISMATCH:
            self._meeting.tell(RefusalReason.HASH_REFUSED)
            self._end_later(wording.HASH_MISMATCH, wording.HASH_MISMATCH_HINT)
        elif code is WarningCode.EQUAL_ZIDS and not self._twin:
            self._twin = True
            self._end_later(*finding.TWINS)

    def take(self, stream: SecureStream, event: NoPeer | Failed, remote: Address | None) -> None:
        """No exchange was possible."""
        if self._unannounced and isinstance(event, NoPeer):
            self._end(wording.HASH_MISMATCH, wording.HASH_MISMATCH_HINT)
        elif self._twin and self._meeting is None and remote is not None:
            self._end(*finding.TWINS)
        elif self._refused:
            self._end(*finding.ENDS[RefusalReason.HASH_REFUSED])
        elif isinstance(event, Failed):
            self._ending.hang_up(Exit.NOT_AGREED, event.text)
        elif self._meeting is not None:  # the other side may be about to say why
            self._loop.call_later(_NOTICE, self._nobody_after_all, wording.no_peer(event))
        elif remote is None:
            self._bulletin.show(Waiting(text="that was no ZRTP call, still waiting"))
        elif stream.layer.told_busy:
            self._ending.hang_up(Exit.NO_PEER, wording.STILL_BUSY, wording.STILL_BUSY_HINT)
        else:
            hint = opening.why_nobody_answers(remote, refused=stream.unreachable)
            self._ending.hang_up(Exit.NO_PEER, wording.no_peer(event), hint)

    def give_up(self, seconds: float) -> None:
        """Nobody called for as long as `listen` was told to wait."""
        if self._twin:
            self._end(*finding.TWINS)
        elif not self._secured.done():
            self._ending.hang_up(Exit.NO_PEER, f"nobody called within {wording.seconds(seconds)}")

    def _take_notice(self, reason: RefusalReason) -> None:
        """The other side says why it does not go on. One that refuses us may hear the right Hello yet."""
        if reason is RefusalReason.HASH_REFUSED:
            self._refused = True
            self._end_later(*finding.ENDS[reason])
        elif not self._secured.done():
            self._ending.hang_up(Exit.NO_PEER, *finding.ENDS[reason])

    def _nobody_after_all(self, text: str) -> None:
        if not self._refused:
            self._ending.hang_up(Exit.NO_PEER, text, finding.CALL_AGAIN)

    def _end_later(self, text: str, hint: str) -> None:
        self._loop.call_later(_RIGHT_HELLO, self._end, text, hint)

    def _end(self, text: str, hint: str) -> None:
        if not self._secured.done():
            self._ending.hang_up(Exit.NOT_AGREED, text, hint)
