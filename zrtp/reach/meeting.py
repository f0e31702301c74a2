"""From a code or a pasted line to a way for datagrams: who is told what, in which order.

Needs a gathered or ungathered `IcePath` and the hash of this call's Hello; gives the other side's description, whose
`hello_hash` the stream has to expect before it starts::

    theirs = await swap_by_code(path, own_hash, mailbox, told)      # or swap_by_lines
    way = await path.connect(theirs, CODE_LIMIT)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from zrtp.reach.code import Code
from zrtp.reach.description import Description
from zrtp.reach.errors import BadLine
from zrtp.reach.mailbox import JOIN_PATIENCE, Rendezvous
from zrtp.reach.path import IcePath
from zrtp.reach.steps import CodeFits, LineMade, LineRefused, Told

CODE_LIMIT: Final = 20.0
"""Seconds to look for a way when both sides are known to be there."""
LINE_LIMIT: Final = 30.0
"""The same for whoever pastes the second line."""
LINE_PATIENCE: Final = 600.0
"""Seconds that the side with the first line waits until the other one has pasted its answer."""

Ask: TypeAlias = Callable[[], Awaitable[str | None]]
"""The next line that somebody pastes; None when nothing will come any more."""


async def swap_by_code(
    path: IcePath,
    hello_hash: bytes,
    mailbox: str,
    told: Told,
    *,
    code: Code | None = None,
    words: int = 2,
    patience: float | None = None,
) -> Description:
    """The description of whoever knows the code; without one a new one of so many words is made.

    `patience` are the seconds to wait for whoever made the code, a minute unless given. The addresses are gathered
    meanwhile. Raises NoWay, MailboxRefused, WrongCode, NobodyThere, BadLine.
    """
    gathering = asyncio.create_task(path.gather())

    async def payload() -> bytes:
        await gathering
        return path.describe(hello_hash).octets()

    rendezvous = Rendezvous(mailbox, payload, told)
    path.at_close.append(rendezvous.wait)  # nobody has to wait for the goodbye to the server before the call

    async def meet() -> bytes:
        if code is not None:
            return await rendezvous.join(code, JOIN_PATIENCE if patience is None else patience)
        await gathering  # no code is told before it is known that this side has an address
        return await rendezvous.invite(words)

    meeting = asyncio.create_task(meet())
    try:
        await asyncio.wait({meeting, gathering}, return_when=asyncio.FIRST_COMPLETED)
        if gathering.done():
            gathering.result()
        theirs = Description.of_octets(await meeting)
        theirs.answers(path.describe(hello_hash))
        told(CodeFits())
        return theirs
    finally:
        meeting.cancel()
        gathering.cancel()
        await asyncio.gather(meeting, gathering, return_exceptions=True)


async def swap_by_lines(
    path: IcePath, hello_hash: bytes, told: Told, *, ask: Ask | None = None, theirs: Description | None = None
) -> Description:
    """The description in the other side's line. Whoever has one already gives it; otherwise it is asked for.

    Raises NoWay, and BadLine if nothing more is pasted, or if the line that is there already does not fit.
    """
    await path.gather()
    own = path.describe(hello_hash)
    if theirs is not None:
        theirs.answers(own)
    told(LineMade(own.line()))
    while theirs is None:
        pasted = await ask() if ask is not None else None
        if pasted is None:
            raise BadLine("No line of the other side was pasted.")
        if not pasted.strip():
            continue
        try:
            found = Description.of_line(pasted)
            found.answers(own)
            theirs = found
        except BadLine as error:
            told(LineRefused(str(error)))
    return theirs
