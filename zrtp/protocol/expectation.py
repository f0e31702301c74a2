"""Whom an application expects, by name or ZID, and what it is told if another one comes."""

from __future__ import annotations

from dataclasses import dataclass

from zrtp.cache.interface import check_zid
from zrtp.cache.record import clean_name
from zrtp.errors import ApiMisuse
from zrtp.protocol.events import Continuity, WarningCode


@dataclass(slots=True)
class Expectation:
    """Whom one call is expected to be with, by a name or a ZID."""

    name: str = ""
    zid: bytes | None = None
    devices: frozenset[bytes] = frozenset()
    """The ZIDs that are known under this name, as soon as the store has told."""

    @classmethod
    def of(cls, expect: str | bytes) -> Expectation:
        """What `Endpoint.session(expect=...)` says.

        Raises:
            ApiMisuse: it is neither a name nor 12 octets.
        """
        if isinstance(expect, str):
            return cls(name=clean_name(expect))
        if not isinstance(expect, bytes):
            raise ApiMisuse(f"Whom you expect is a name or a ZID of 12 octets, not {type(expect).__name__}.")
        check_zid(expect)
        return cls(zid=expect)

    def doubt(self, peer_zid: bytes, known: str | None, continuity: Continuity) -> tuple[WarningCode, str] | None:
        """What to warn of when that peer has come; `known` is the name that its key has here."""
        if self.zid is not None and self.zid != peer_zid:
            return WarningCode.DIFFERENT_NAME, (
                f"This is {known or 'a peer'} with the ZID {peer_zid.hex()}, and you expected {self.zid.hex()}: "
                "another phone, or somebody else. Compare the words."
            )
        if not self.name:
            return None
        if known is not None and known.casefold() != self.name.casefold():
            return WarningCode.DIFFERENT_NAME, (
                f"You know this peer as {known}, and expected {self.name}: a friend under another name, or a friend's "
                "phone that somebody in between uses."
            )
        if known is None and continuity is Continuity.FIRST_CALL and self.devices - {peer_zid}:
            return WarningCode.NEW_DEVICE, f"You know {self.name} from another phone: is this a new one of theirs?"
        return None
