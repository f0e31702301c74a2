"""What the media path has to tell, beside the events of the engine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from zrtp.protocol.events import Event


class Trouble(Enum):
    """What is wrong with the media of a secure stream."""

    UNVERIFIED = "unverified"
    """Packets arrive, and none has ever verified."""
    NO_LONGER_VERIFIED = "no longer verified"
    """Packets arrive, and none verifies any more."""
    REPEATED = "repeated"
    """Packets arrive, under numbers that came before."""
    SILENT = "silent"
    """Nothing has been heard for as long as the call was told to wait, be it from the first moment on."""
    NO_SRTP = "no SRTP"
    """This media path does not have the SRTP that was agreed, so that nothing is sent or heard."""
    UNREACHABLE = "unreachable"
    """The network says that nobody listens at the peer's address."""

    @property
    def text(self) -> str:
        """One sentence for people, with the likely reason."""
        return _TEXTS[self]


_TEXTS = {
    Trouble.UNVERIFIED: (
        "The other side's packets arrive changed, so nothing is heard: a server in between probably converts them "
        "(another codec or packet time). Ask for the same codec at both ends."
    ),
    Trouble.NO_LONGER_VERIFIED: (
        "The other side's packets have begun to arrive changed, so nothing is heard any more: a server in between "
        "converts them, or the other side began anew. Call again if it stays so."
    ),
    Trouble.REPEATED: (
        "The other side sends packet numbers that came before, so nothing is heard: its program began its numbers "
        "again under the same keys. Call again."
    ),
    Trouble.SILENT: (
        "Nothing is heard from the other side: it may be on hold or gone, or its packets do not get through."
    ),
    Trouble.NO_SRTP: (
        "What was agreed has no SRTP here, so nothing is sent or heard: offer what zrtp.media has, or use a media path "
        "of your own with Stream."
    ),
    Trouble.UNREACHABLE: (
        "The network says that nobody listens at the other side's address. Anybody could say so: the call goes on."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaTrouble:
    """Something is wrong with what arrives on a secure stream; the call goes on. Told once until it is over."""

    ssrc: int
    """Our SSRC: the name of the stream."""
    trouble: Trouble
    text: str
    """One sentence for people, with the likely reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaRecovered:
    """What `MediaTrouble` or `PeerLeft` told is over: a packet of the other side verified."""

    ssrc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLeft:
    """The source that was heard last said goodbye, authenticated. The call ends unless that source or another one is
    heard again, as after hold, which `MediaRecovered` tells."""

    ssrc: int
    source: int
    """The SSRC of the peer that left."""


MediaEvent: TypeAlias = MediaTrouble | MediaRecovered | PeerLeft
CallEvent: TypeAlias = Event | MediaEvent
"""Everything that a call over `zrtp.media` tells."""
