"""A call as a script of events, and streams that say they are terminals."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import replace

from zrtp.cli.calls.notices import Agreed, Calling, Ended, Listening, Media, News
from zrtp.cli.errors import Exit
from zrtp.crypto.sas import Sas
from zrtp.media.secure import Counters
from zrtp.protocol.events import (
    Assurance,
    Continuity,
    GoingSecure,
    KeysReady,
    Mode,
    PeerDetected,
    Role,
    SasReady,
    Secured,
    Sending,
    SendingChanged,
    SrtpKeys,
    Suite,
)
from zrtp.secret import Secret

SSRC = 1
ZID = bytes(range(12))
HELLO_HASH = "1.10 " + "ab" * 32
SAS = Sas(sashash=bytes.fromhex("3f19") + bytes(30), code=b"B256")
MARCH = 1_772_530_000.0  # 3 March 2026, midday in Greenwich
"""A moment that is the same day everywhere."""

SUITE = Suite(hash=b"S256", cipher=b"AES3", auth_tag=b"HS80", key_agreement=b"X255", sas=b"B256")
KEY = b"never to be seen by anybody ----"
KEYS = SrtpKeys(cipher=b"AES3", auth_tag=b"HS80", key=Secret(KEY), salt=Secret(KEY[:14]))

CALLING = Calling(remote=("192.0.2.20", 5004), bind=("192.0.2.30", 40000), zid=ZID, hello_hash=HELLO_HASH)
LISTENING = Listening(bind=("0.0.0.0", 5004), advertised=("192.0.2.20", 5004), zid=ZID, hello_hash=HELLO_HASH)  # noqa: S104
PEER = PeerDetected(
    ssrc=SSRC,
    zid=ZID,
    client_id=b"BZRTPv1.1\0\0\0\0\0\0\0",
    version="1.10",
    hashes=(b"S256", b"S384"),
    ciphers=(b"AES3", b"AES1"),
    auth_tags=(b"HS80", b"GCM "),
    key_agreements=(b"X255", b"DH3k", b"Mult"),
    sas_types=(b"B32 ", b"B256"),
    signature_capable=False,
    mitm=False,
    passive=True,
)
GOING = GoingSecure(ssrc=SSRC, role=Role.INITIATOR)
KEYS_READY = KeysReady(ssrc=SSRC, send=KEYS, receive=KEYS)
GATE = SendingChanged(ssrc=SSRC, sending=Sending.SRTP)
SAS_READY = SasReady(ssrc=SSRC, sas=SAS, continuity=Continuity.FIRST_CALL, verified=False)
SECURED = Secured(
    ssrc=SSRC,
    mode=Mode.DH,
    role=Role.INITIATOR,
    suite=SUITE,
    zid=b"p" * 12,
    client_id=b"A phone 1.0     ",
    verified=False,
    peer_name=None,
    verified_at=None,
    disclosure=False,
    allow_clear=False,
)
AGREED = Agreed(secured=SECURED, packets=13, octets=6412, assurance=Assurance.ENCRYPTED)
MEDIA = Media(counters=Counters(sent=250, received=250, verified=250), seconds=5.0)
ENDED = Ended(code=Exit.ENDED, text="you hung up")


def call(
    continuity: Continuity = Continuity.FIRST_CALL, assurance: Assurance | None = None, **secured: object
) -> list[News]:
    """A call that becomes secure, with the assurance that follows from the rest unless it is given."""
    if assurance is None:
        level = Assurance.MISMATCH if continuity is Continuity.MISMATCH else Assurance.ENCRYPTED
        assurance = Assurance.VERIFIED if secured.get("verified") else level
    sas_ready = replace(SAS_READY, continuity=continuity)
    agreed = replace(AGREED, secured=replace(SECURED, **secured), assurance=assurance)  # type: ignore[arg-type]
    return [CALLING, PEER, GOING, KEYS_READY, GATE, sas_ready, agreed]


def ticking(step: float = 0.041) -> Callable[[], float]:
    """A clock that goes on by a step each time somebody looks."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += step
        return now

    return clock


class Stream(io.StringIO):
    """Text that was written, on what may be a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def visible(text: str) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
