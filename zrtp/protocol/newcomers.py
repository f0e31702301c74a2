"""Notices who introduces himself on a stream whose peer is known, and tells the application: nothing else follows.

It may be another phone that answers too, or one to which the call was passed on, or the peer's own program, started
anew. Or a stranger: anybody can send what introduces him. So the call and its keys stay as they are, one is told each
second, and he gets no HelloACK: a phone that was acknowledged falls silent. The checks are cheap, and come after the
rate: H2 of a Commit and H1 of a DHPart must not lead to the peer's Hello, and H1 has to lead to the sender's own.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from zrtp.crypto.hashes import sha256
from zrtp.protocol import limits
from zrtp.protocol.events import AnotherPeer
from zrtp.wire.messages import Commit, Confirm1, Confirm2, DHPart1, DHPart2, Hello, Kind, read

if TYPE_CHECKING:
    from zrtp.protocol.core import Core
    from zrtp.protocol.exchange import Candidate

TELLING = frozenset({Kind.COMMIT, Kind.DHPART1, Kind.DHPART2, Kind.CONFIRM1, Kind.CONFIRM2})
"""What shows that somebody else goes on with an exchange."""

TEXT = (
    "Somebody else has begun to speak ZRTP on this line: another phone that answers too, or to which the call was "
    "passed on, or the other side was started anew. Anybody can do that: this call goes on as it is."
)


def note_hello(core: Core, hello: Hello, now: float) -> None:
    """A Hello of another hash chain than the peer's."""
    core.counters["Hello of somebody else"] += 1
    if hello.zid == core.call.zid or any(hmac.compare_digest(own.hello.h3, hello.h3) for own in _of_the_peer(core)):
        return
    core.past.newcomer = hello.raw
    _tell(core, hello.zid, now)


def note_message(core: Core, kind: Kind, ssrc: int, raw: bytes, now: float) -> None:
    """Something of another source than the peer's, which may belong to an exchange."""
    if kind not in TELLING or not core.decided or not _may_tell(core, now):
        return
    message = read(kind, raw)
    if isinstance(message, Commit):
        own_or_peers = message.zid == core.call.zid or _leads_to_the_peer(core, sha256(message.h2))
        zid = None if own_or_peers else message.zid
    else:
        zid = next((one.hello.zid for one in core.past.others if one.ssrc == ssrc and _is_of(message, one)), None)
    if zid is not None:
        _tell(core, zid, now)


def tell_who_came_before(core: Core, now: float) -> None:
    """The stream is secure: tell who else introduced himself until then, the one who came last."""
    since = now - limits.NEWCOMER_LIFETIME * core.installation.config.timer_scale
    own = _of_the_peer(core)
    late = [one for one in core.past.others if one.seen >= since and one not in own]
    if late:
        _tell(core, max(late, key=lambda one: one.seen).hello.zid, now)


def _of_the_peer(core: Core) -> list[Candidate]:
    """Hellos of other chains that the peer itself has made in this call (see `initiation.on_new_chain`)."""
    peers = core.candidates.values()
    return [
        one
        for one in core.past.others
        if any((one.ssrc, one.hello.zid) == (peer.ssrc, peer.hello.zid) for peer in peers)
    ]


def _leads_to_the_peer(core: Core, h3: bytes) -> bool:
    return any(hmac.compare_digest(peer.hello.h3, h3) for peer in (*core.candidates.values(), *_of_the_peer(core)))


def _is_of(message: object, one: Candidate) -> bool:
    """Whether a message continues the chain of this Hello, as far as it shows."""
    if isinstance(message, DHPart1 | DHPart2):
        return hmac.compare_digest(sha256(sha256(message.h1)), one.hello.h3)
    return isinstance(message, Confirm1 | Confirm2)


def _may_tell(core: Core, now: float) -> bool:
    return core.past.told_of_newcomer is None or now - core.past.told_of_newcomer >= limits.NEWCOMER_INTERVAL


def _tell(core: Core, zid: bytes, now: float) -> None:
    if _may_tell(core, now):
        core.past.told_of_newcomer = now
        core.emit(AnotherPeer(ssrc=core.ssrc, zid=zid, text=TEXT))
