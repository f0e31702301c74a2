"""The words in which people are told how the other side is found, and who learns what meanwhile."""

from __future__ import annotations

from typing import Final

from zrtp.reach.notice import RefusalReason
from zrtp.reach.servers import Servers, host_of

FITS: Final = "the code fits"
THERE: Final = "somebody is there"
FINDING: Final = "finding a way ..."
WAITING_FOR_CODE: Final = "waiting for somebody with this code; it is good for one try"
WAITING_FOR_LINE: Final = "paste the line that you get back, and press Enter"
WAITING_FOR_ANSWER: Final = "waiting until your line has been pasted there"
TELL: Final = "tell the other person, and nobody else"
SEND: Final = "send this to the other person"
SEND_BACK: Final = "send this line back to the other person"

CALL_AGAIN: Final = "call again with a new code or line"

ENDS: Final = {
    RefusalReason.HASH_REFUSED: (
        "the other side refused the call: the Hello that it got is not the one that you announced",
        "somebody may sit in between. Call again with a new code",
    ),
    RefusalReason.GIVEN_UP: ("the other side hung up before the call was secure", CALL_AGAIN),
}
"""Why the other side does not go on: text and hint."""

TWINS: Final = (
    "both ends use the same installation's secrets",
    "to try it on one computer, give one of them a file of its own: --cache other.db",
)
"""Both ends have one ZID: text and hint."""

PATH_LOST: Final = "the way to the other side is gone: nothing has come for half a minute"


def asking(servers: Servers, mailbox: str | None) -> str:
    """Whom this computer is going to ask, said before the first packet."""
    asked = []
    if servers.stun is not None and not servers.relay_only:
        asked.append(f"{servers.stun[0]} where you are")
    if servers.turn is not None:
        asked.append(f"{servers.turn.address[0]} for a relay")
    if mailbox is not None:
        asked.append(f"{host_of(mailbox)} for a place to meet")
    if not asked:
        return "asking no server: a way is found in your own network, or over IPv6"
    learn = "they learn" if len(asked) > 1 else "it learns"
    return f"asking {', '.join(asked)}; {learn} your IP address and the time, neither keys nor words"


def broken(why: str) -> str:
    """The connection to the mailbox server is made again."""
    return f"the mailbox server is gone ({why}), trying again"


def found(way: str, milliseconds: int) -> str:
    """How the datagrams go, and how long that took to find out."""
    return f"{way}, found in {milliseconds} ms"
