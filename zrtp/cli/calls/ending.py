"""How a call ends. Whoever is first says it: a person, the other side, a failure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from zrtp.cli.errors import CommandError, Exit
from zrtp.media.sound.errors import AudioError

SAS_DIFFERS: Final = "SAS differs"
"""The reason in a goodbye for having found that the two renderings of the SAS differ (RFC 3550 section 6.6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the call ended."""

    code: Exit
    text: str
    hint: str = ""


class Ending:
    """The end of one call; await `outcome` to be there."""

    def __init__(self) -> None:
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        """Done when the call is over."""

    @property
    def reached(self) -> bool:
        """Whether the call is over."""
        return self.outcome.done()

    def hang_up(self, code: Exit, why: str, hint: str = "") -> None:
        """End the call, unless it has ended already."""
        if not self.reached:
            self.outcome.set_result(Outcome(code=code, text=why, hint=hint))

    def crash(self, error: BaseException) -> None:
        """A mistake in this program: the call must not go on as if nothing had happened."""
        if not self.reached:
            self.outcome.set_exception(error)

    async def guard(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What fails in a task ends the call, instead of being noticed at the end of the program."""
        try:
            await work()
        except AudioError as error:
            self.hang_up(Exit.LOCAL, str(error))
        except CommandError as error:
            self.hang_up(error.code, str(error), error.hint)
        except Exception as error:
            self.crash(error)
