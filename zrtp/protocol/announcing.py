"""Whom a stream hears, for its application: the first one who says Hello, corrected if the peer is another one."""

from __future__ import annotations

from zrtp.protocol.core import Core
from zrtp.protocol.events import PeerDetected
from zrtp.protocol.exchange import Candidate


def announce(core: Core, candidate: Candidate) -> None:
    """Tell the application whom the stream hears."""
    core.call.detected[core.ssrc] = event = _detected(core.ssrc, candidate)
    core.emit(event)


def correct(core: Core, peer: Candidate) -> None:
    """The stream is secure with this peer: tell the application, if another one was announced."""
    if core.call.detected.get(core.ssrc) != _detected(core.ssrc, peer):
        announce(core, peer)


def _detected(ssrc: int, candidate: Candidate) -> PeerDetected:
    hello = candidate.hello
    return PeerDetected(
        ssrc=ssrc,
        zid=hello.zid,
        client_id=hello.client_id,
        version=hello.version.decode("ascii", "backslashreplace"),
        hashes=hello.hashes,
        ciphers=hello.ciphers,
        auth_tags=hello.auth_tags,
        key_agreements=hello.key_agreements,
        sas_types=hello.sas_types,
        signature_capable=hello.signature_capable,
        mitm=hello.mitm,
        passive=hello.passive,
    )
