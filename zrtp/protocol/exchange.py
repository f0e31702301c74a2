"""What one exchange, from Commit to the second Confirm, knows about itself and the other side.

Its parts are evidence: `Derived` exists only after the checks that lead to keys, `Confirmed` only after those of the
peer's Confirm, and `confirmation.secure` takes nothing less.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeVar

from zrtp.crypto.ciphers import CipherAlgorithm
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.key_agreements.base import InitiatorShare, ResponderShare
from zrtp.errors import EngineDefect, ErrorCode
from zrtp.protocol.confirm import Box, ConfirmVerified
from zrtp.protocol.events import Mode, Role, SignatureReceived, Suite
from zrtp.protocol.hash_chain import ChainComplete, Heard, HeardHello, HelloAuthentic
from zrtp.protocol.key_schedule import HviVerified, SessionSecrets, StreamKeys
from zrtp.protocol.retained_secrets import NOTHING_KNOWN, KnownSecrets, Matched
from zrtp.wire.messages import Commit, ConfirmPlain, DHPart1, DHPart2, Hello

T = TypeVar("T")


def present(value: T | None) -> T:
    """A part of the exchange that the state guarantees.

    Raises:
        EngineDefect: it is not there, against the transition table.
    """
    if value is None:
        raise EngineDefect("The engine reached a state without what that state requires; please report this defect.")
    return value


@dataclass(frozen=True, slots=True)
class Refusal:
    """A check that failed, or a part of ours that did."""

    code: ErrorCode
    """What an Error message carries (RFC 6189 section 5.9)."""
    text: str
    """A sentence for people."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Hello that may be the peer's; several can compete until the hash chain tells which one is real."""

    hello: Hello
    ssrc: int
    seen: float
    """When it came last."""
    copies: int = 1
    """How often it came."""


@dataclass(slots=True)
class Past:
    """What a stream remembers of exchanges that did not lead anywhere, as long as nobody has proved to be the peer, and
    of those who are not the peer, once it is known."""

    recent_commits: tuple[tuple[Commit, float], ...] = ()
    """Commits of ours that lost a contention and may still be under way, and when they did."""
    new_chains: int = 0
    """How often a new hash chain of ours was made in this search for the peer."""
    spent_commits: frozenset[bytes] = frozenset()
    """Commits whose exchange was given up. A second answer would be one more guess at the SAS."""
    had_time: frozenset[bytes] = frozenset()
    """H3 of those who had time to go on with an exchange and did not."""
    ended_by_error: tuple[bytes, ...] = ()
    """H3 of the last who sent an Error and proved nothing. Their Hello begins no new search: it would end likewise."""
    hearing: set[int] = field(default_factory=set)
    """SSRCs of those who are known to receive what we send; see `zrtp.protocol.hearing`."""
    first_hello_ack: float | None = None
    """When our first HelloACK went out."""
    asking: bool = False
    """A Ping is about to go out that asks who hears us."""
    challenge: bytes | None = None
    """What a PingACK has to repeat to show that its sender hears us, 8 octets."""
    first_asked_at: float | None = None
    asked: tuple[float, ...] = ()
    """When we asked who hears us, the first time and the last ones."""
    refused_commits: dict[int, tuple[Commit, float]] = field(default_factory=dict)
    """By source: the last Commit that found no room, and when its first copy came."""
    refused_for_room: tuple[bytes, ...] = ()
    """The last Commits that found no room; one that comes again is no stray."""
    started_at: float = 0.0
    """When this stream began to look for the peer."""
    waits_since: float | None = None
    """When this stream began to wait for the key agreement on another one."""
    open_to_others: bool = False
    """The exchange that failed was with somebody who proved nothing: the peer may still come."""
    said: str | None = None
    """The last Error of whoever may be the peer, in words."""
    said_by_nobody: str | None = None
    """The last Error of somebody whose Hello did not count, or did not come, while nobody was likelier."""
    refused_hello: bool = False
    """A Hello came that is not the one that signalling announced."""
    refused_commit: str | None = None
    """Why a Commit was refused, for the end of discovery."""
    nothing_in_common: Refusal | None = None
    """Why no Commit could be made to somebody who introduced himself."""
    others: tuple[Candidate, ...] = ()
    """Those who were candidates too when the peer became known."""
    newcomer: bytes | None = None
    """The last Hello that came since then of another hash chain than the peer's."""
    told_of_newcomer: float | None = None
    """When the application heard last that there is somebody else."""


@dataclass(slots=True)
class DhOffer:
    """An initiator in DH mode, before DHPart1: its key pair and its DHPart2."""

    share: InitiatorShare = field(repr=False)
    dhpart2: DHPart2


@dataclass(slots=True)
class DhAnswer:
    """A responder in DH mode, before DHPart2: its key pair, its DHPart1, and whose Hello the Commit continues."""

    share: ResponderShare = field(repr=False)
    dhpart1: DHPart1
    hello: HelloAuthentic


@dataclass(slots=True)
class Derived:
    """All keys, and what the peer's H0 has to open before they may be used."""

    box: Box = field(repr=False)
    """Seals and opens Confirm and SASrelay; it holds the keys."""
    secrets: SessionSecrets | None = field(repr=False)
    """What the first stream gives to the call; None in Multistream mode."""
    matched: Matched = field(repr=False)
    heard: Heard


@dataclass(frozen=True, slots=True)
class SignatureChecked:
    """Evidence that the signature in the peer's Confirm was checked, or that there is none to check."""

    received: SignatureReceived | None


@dataclass(frozen=True, slots=True)
class SignerIsNotUs:
    """Evidence that the peer did not send our own signature back; made by `signing.refuse_our_own`."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Evidence that the peer's Confirm passed every check."""

    confirm: ConfirmVerified
    signature: SignatureChecked
    signer: SignerIsNotUs


@dataclass(slots=True, kw_only=True, eq=False)
class Exchange:
    """Grows as messages arrive. A handler fills in new parts only after all its checks have passed."""

    role: Role
    mode: Mode
    suite: Suite
    hash: HashAlgorithm
    cipher: CipherAlgorithm
    peer: Candidate
    commit: Commit
    known: KnownSecrets = field(default=NOTHING_KNOWN, repr=False)
    """What this side could share with the peer."""
    offer: DhOffer | None = None
    answer: DhAnswer | None = None
    derived: Derived | None = None
    own_plain: ConfirmPlain | None = field(default=None, repr=False)
    confirmed: Confirmed | None = None
    begun: float = 0.0
    """When our Commit or our answer to the peer's was sent first."""
    round_trip: float | None = None
    """Seconds in which the peer answered, if it did: at least what the path takes."""
    heard: bool = False
    """The other side receives what we send: it answered a Ping that it could not guess."""
    proved: ChainComplete | HviVerified | None = None
    """Evidence that the other side heard our Hello: its DHPart2 opened hvi, or its Confirm verified."""
    refusal: Refusal | None = None
    """What was wrong with a message that anybody could have sent; if no better one follows, the exchange ends so."""
    strange_answer_at_copy: int | None = None
    """How often our Commit had been sent when the first DHPart1 came that may answer another one."""
    crowded_out: bool = False
    """Too many exchanges were begun at once, and this one makes room."""
    disturbed: bool = False
    """Messages that do not belong to the peer's hash chain came."""
    relays: tuple[bytes, ...] = ()
    """The MACs of the last SASrelay messages that were taken: an old one that comes again is no news."""

    @property
    def keys(self) -> StreamKeys:
        """The keys of the stream; only after they are derived."""
        return present(self.derived).box.keys

    @property
    def matched(self) -> Matched:
        """Which secrets both sides hold; only after the keys are derived."""
        return present(self.derived).matched

    @property
    def peer_plain(self) -> ConfirmPlain | None:
        """What the peer's Confirm says, once it is verified."""
        return None if self.confirmed is None else self.confirmed.confirm.plain

    @property
    def box(self) -> Box:
        """Seals and opens Confirm and SASrelay; only after the keys are derived."""
        return present(self.derived).box

    def forget_messages(self) -> None:
        """Both Confirms are verified: what only led there is given up, so that a secure stream is small. Of the Commit
        the choices stay, without the octets of a KEM's long public key.
        """
        self.offer = self.answer = None
        if self.commit.public_key:
            self.commit = replace(self.commit, raw=b"", public_key=b"")
        if self.derived is not None:
            self.derived.heard = HeardHello(self.peer.hello)
        self.known.wipe()

    def wipe(self) -> None:
        """Forget every secret of this exchange."""
        self.known.wipe()
        if self.offer is not None:
            self.offer.share.wipe()
        if self.answer is not None:
            self.answer.share.wipe()
        if self.derived is not None:
            self.derived.box.keys.wipe()
            if self.derived.secrets is not None:
                self.derived.secrets.wipe()
