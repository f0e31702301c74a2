"""Why two people do not find each other; each message says what happened and what helps."""

from __future__ import annotations

from zrtp.errors import ZrtpError


class ReachError(ZrtpError):
    """There is no way to the other side, or not this way."""


class BadLine(ReachError):
    """The pasted text is no line, or a damaged one, or one's own."""


class BadCode(ReachError):
    """The text is not a number and words of the list."""


class WrongCode(ReachError):
    """The two codes differ: mistyped, or somebody guessed. The number is used up."""


class NobodyThere(ReachError):
    """Nobody waits under this number, or whoever did has gone."""


class MailboxRefused(ReachError):
    """The mailbox server refuses, or cannot be reached."""


class NoWay(ReachError):
    """The two addresses are known, but no datagram gets from one to the other."""


class NoMapping(ReachError):
    """The router gives no port."""
