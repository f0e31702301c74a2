"""Two people who know a code swap one sealed message each: SPAKE2, then one message under each derived key.

There is no network here: octets go in and come out. A wrong code is noticed at both ends, and whoever had it learns
nothing but that this one guess was wrong; a new guess needs a new number, thus the two people. SPAKE2 is the
symmetric form of the package `spake2`, as in magic-wormhole, over the whole code.
"""

from __future__ import annotations

from typing import Final

from spake2 import SPAKE2_Symmetric

from zrtp.crypto.sealing import seal, unseal
from zrtp.reach.code import Code
from zrtp.reach.errors import WrongCode
from zrtp.secret import Secret
from zrtp.system import RandomSource, system_random

APPLICATION: Final = "zrtp.python/call/v1"
"""Names this use of a mailbox server; part of the password exchange, too."""
LONGEST_MESSAGE: Final = 1024
"""Octets of a message that somebody else sent; ours have less than 220."""


class PasswordExchange:
    """One side. `side` is the random name by which the mailbox server tells the two apart."""

    def __init__(self, code: Code, side: str, random: RandomSource = system_random) -> None:
        self.side = side
        self._pake = SPAKE2_Symmetric(str(code).encode(), idSymmetric=APPLICATION.encode(), entropy_f=random)
        self.first: bytes = self._pake.start()
        """The message of SPAKE2, to be sent as it is, also again after a break."""
        self._key: Secret | None = None
        self._peer = ""

    @property
    def peer_is_there(self) -> bool:
        """The other side's message of SPAKE2 has come; whether its code is ours is not known yet."""
        return self._key is not None

    def meet(self, peer: str, message: bytes) -> None:
        """The other side's message of SPAKE2, once. Raises WrongCode if it is none."""
        try:
            self._key = Secret(self._pake.finish(message))
        except Exception:  # whatever octets from the network make of a point: half a dozen classes, also asserts
            raise WrongCode(_WRONG) from None
        self._peer = peer

    def seal(self, message: bytes) -> bytes:
        """Our message; `meet` has been called. One message for each exchange."""
        return seal(self._secret, _PURPOSE + self.side.encode(), message)

    def open(self, sealed: bytes) -> bytes:
        """The other side's message. Raises WrongCode."""
        message = unseal(self._secret, _PURPOSE + self._peer.encode(), sealed)
        if message is None:
            raise WrongCode(_WRONG)
        return message

    @property
    def _secret(self) -> Secret:
        assert self._key is not None, "the other side is there"  # noqa: S101
        return self._key


_PURPOSE: Final = b"zrtp description "
_WRONG: Final = (
    "Somebody used this number with other words: mistyped, or a guess (1 of 65536 for two words). "
    "The code is used up, make a new one."
)
