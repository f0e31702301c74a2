"""A last word beside the call: one side tells the other, authenticated, why it does not go on.

Whoever refuses the other side's Hello, because its hash is not the announced one, sends no ZRTP message about it:
the exchange has not begun, and an Error message would prove nothing. Without a word the other person would only see
that nobody answers. The notice is sent on the path that ICE found; its MAC is made with the seeds of both
descriptions, so it comes from somebody who had them.

Octets: `zrtpend` (7; no other protocol of a media port begins so, RFC 7983), the reason (1), a MAC (16).
"""

from __future__ import annotations

import hashlib
import hmac
from enum import IntEnum
from typing import Final

from zrtp.reach.description import Description


class RefusalReason(IntEnum):
    """Why the call does not go on."""

    HASH_REFUSED = 1
    """Your Hello is not the one that your description announced."""
    GIVEN_UP = 2
    """The person has hung up before the call was secure."""


def notice(reason: RefusalReason, sender: Description, receiver: Description) -> bytes:
    """The datagram that tells the reason."""
    head = _MAGIC + bytes([reason])
    return head + _mac(head, sender, receiver)


def read_notice(datagram: bytes, sender: Description, receiver: Description) -> RefusalReason | None:
    """The reason that a datagram tells; None if it is something else, or nobody with both descriptions sent it."""
    if not is_notice(datagram):
        return None
    head, mac = datagram[: len(_MAGIC) + 1], datagram[len(_MAGIC) + 1 :]
    if not hmac.compare_digest(mac, _mac(head, sender, receiver)) or head[-1] not in list(RefusalReason):
        return None
    return RefusalReason(head[-1])


def is_notice(datagram: bytes) -> bool:
    """Whether a datagram has the form of a notice."""
    return len(datagram) == len(_MAGIC) + 1 + _MAC and datagram.startswith(_MAGIC)


def _mac(head: bytes, sender: Description, receiver: Description) -> bytes:
    key = hashlib.sha256(b"zrtp notice" + sender.seed + receiver.seed).digest()
    return hmac.digest(key, head, "sha256")[:_MAC]


_MAGIC: Final = b"zrtpend"
_MAC: Final = 16
