"""Whether a peer's key and the name that the user expects belong together, as far as the cache knows."""

from __future__ import annotations

from contextlib import suppress

from zrtp.cache.interface import SecretCache, other_devices
from zrtp.cache.record import clean_name
from zrtp.cli.screen import wording
from zrtp.errors import CacheError
from zrtp.protocol.events import Continuity, SecurityWarning, WarningCode
from zrtp.protocol.session import Session


def differed(session: Session, own_zid: bytes, cache: SecretCache | None) -> SecurityWarning | None:
    """That an earlier comparison with this peer found a difference, and none since then has matched."""
    peer_zid = session.peer.zid
    if cache is None or peer_zid is None:
        return None
    with suppress(CacheError):  # the engine has told that the cache fails
        record = cache.load(own_zid, peer_zid)
        if record is not None and record.differed_at is not None:
            text = wording.differed_before(session.peer.name, record.differed_at)
            return SecurityWarning(ssrc=session.streams[0].ssrc, code=WarningCode.SAS_MISMATCH, text=text)
    return None


def doubt(session: Session, cache: SecretCache | None, name: str | None) -> SecurityWarning | None:
    """What to tell about a peer who was expected under `name`: another name, a new device, or nothing."""
    expected, known, ssrc = clean_name(name or ""), session.peer.name, session.streams[0].ssrc
    peer_zid = session.peer.zid
    if not expected or peer_zid is None:
        return None
    if known is not None and known.casefold() != expected.casefold():
        text = wording.different_name(known, expected)
        return SecurityWarning(ssrc=ssrc, code=WarningCode.DIFFERENT_NAME, text=text)
    if cache is not None and known is None and session.continuity is Continuity.FIRST_CALL:
        with suppress(CacheError):  # the engine has told that the cache fails
            if other_devices(cache, peer_zid, expected):
                text = wording.known_elsewhere(expected)
                return SecurityWarning(ssrc=ssrc, code=WarningCode.NEW_DEVICE, text=text)
    return None
