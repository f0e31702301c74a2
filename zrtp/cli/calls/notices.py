"""What the command itself has to tell, beside the events of the engine. Whoever shows one shows both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from zrtp.cli.options.verdict import Verdict
from zrtp.media.addresses import Address
from zrtp.media.events import CallEvent
from zrtp.media.secure import Counters
from zrtp.protocol.events import Assurance, Secured


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """The socket is open, and a caller may come."""

    bind: Address
    advertised: Address
    """Where the other computer reaches us, as far as this one knows."""
    zid: bytes
    """Ours, 12 octets."""
    hello_hash: str
    """The a=zrtp-hash of our Hello."""
    caveat: str = ""
    """What to know about the advertised address."""
    verb: str = "call"
    """What the other computer runs,"""
    options: str = ""
    """and what it needs behind the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calling:
    """The socket is open, and the peer is being looked for."""

    remote: Address
    bind: Address
    zid: bytes
    hello_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """A stream is secure. Told in place of the engine's `Secured`, with what only the command knows."""

    secured: Secured
    packets: int
    """ZRTP packets since the call began, or since the last key agreement in it, both ways."""
    octets: int
    """Their length as UDP payload."""
    assurance: Assurance
    """How sure it is that nobody sits in between."""
    new_device_of: str = ""
    """The name that the user expects, if it belongs to another device so far and this one is new."""
    stranger_to: str = ""
    """The name that the user expects, if the key is known as somebody else's."""
    differed: bool = False
    """What was compared with this peer differed, and no comparison has matched since."""
    sas_wanted: bytes = b""
    """The first choice of `--sas`."""
    server: bool = False
    """The other side declares itself a server in the middle of the call (M flag, RFC 6189 section 7.3)."""
    by_code: bool = False
    """The call is bound to a code that only the two people knew."""
    enrolled: bool = False
    """Both sides have kept the secret of an enrolment: it is the server that the user trusts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How sure it is that nobody sits in between has changed since the last `Agreed`."""

    assurance: Assurance


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Nothing has happened for a second; this is what is waited for. Told every second."""

    text: str
    since: float | None = None
    """Seconds that it has taken; None the first time that this is told."""
    patience: float | None = None
    """Seconds after which the waiting ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundNote:
    """What a person should know about the sound: who is heard, and why not."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatched:
    """The user, or `--verify`, said that the SAS differs."""

    text: str
    """The alarm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """How the sound gets through, once a second and at the end."""

    counters: Counters
    seconds: float
    """Since the stream is secure."""
    silent: bool = False
    """Nothing has been heard for so long that it was told."""
    level: int | None = None
    """How loud it is at the microphone, 0 to 8; None if it is not heard."""
    muted: bool | None = None
    """Whether the person switched the microphone off; None without one."""
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The call is over; the last notice."""

    code: int
    """An `Exit`, or the exit code of the program that got the keys."""
    text: str
    """Why, as a clause."""
    hint: str = ""
    """What to do about it, if there is something."""
    verdict: Verdict | None = None
    """What was said about the SAS; None if the call did not come that far, or nobody said anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaching:
    """A step on the way to the other side, by a code or a line."""

    stage: str
    """servers, code, line, waiting, somebody, fits, refused, broken, finding, found: for machines."""
    text: str
    give: str = ""
    """What has to be given to the other person."""


Notice: TypeAlias = (
    Listening | Calling | Reaching | Agreed | Standing | Waiting | SoundNote | Mismatched | Media | Ended
)
News: TypeAlias = CallEvent | Notice
