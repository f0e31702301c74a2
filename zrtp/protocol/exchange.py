"""What one exchange, from Commit to the second Confirm, knows about itself and the other side."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from zrtp.crypto.ciphers import CipherAlgorithm
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.key_agreements.base import InitiatorShare, ResponderShare
from zrtp.errors import ApiMisuse
from zrtp.protocol.confirm import Box
from zrtp.protocol.events import Mode, Role, SignatureReceived, Suite
from zrtp.protocol.hash_chain import HelloAuthentic
from zrtp.protocol.key_schedule import SessionSecrets, StreamKeys
from zrtp.protocol.retained_secrets import NOTHING_KNOWN, NOTHING_MATCHED, KnownSecrets, Matched
from zrtp.wire.messages import Commit, ConfirmPlain, DHPart1, DHPart2, Hello

T = TypeVar("T")


def present(value: T | None) -> T:
    """A part of the exchange that the state guarantees. Its absence is a defect of the transition table."""
    if value is None:
        raise ApiMisuse("The engine reached a state without what that state requires; please report this defect.")
    return value


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Hello that may be the peer's; several can compete until the hash chain tells which one is real."""

    hello: Hello
    ssrc: int
    seen: float


@dataclass(slots=True, kw_only=True)
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
    hello_authentic: HelloAuthentic | None = None
    own_share: InitiatorShare | None = field(default=None, repr=False)
    responder_share: ResponderShare | None = field(default=None, repr=False)
    dhpart1: DHPart1 | None = None
    dhpart2: DHPart2 | None = None
    matched: Matched = field(default=NOTHING_MATCHED, repr=False)
    keys: StreamKeys | None = field(default=None, repr=False)
    secrets: SessionSecrets | None = field(default=None, repr=False)
    own_plain: ConfirmPlain | None = field(default=None, repr=False)
    peer_plain: ConfirmPlain | None = field(default=None, repr=False)
    signature: SignatureReceived | None = None
    disturbed: bool = False
    """Messages that do not belong to the peer's hash chain came; perhaps our Commit answers a forged Hello."""
    confirm_refused: bool = False
    """A Confirm with a wrong MAC came; if nothing better follows, that is how the exchange ends."""

    @property
    def box(self) -> Box:
        """Seals and opens Confirm and SASrelay; only after the keys are derived."""
        return Box(hash=self.hash, cipher=self.cipher, keys=present(self.keys))

    def forget_messages(self) -> None:
        """Both Confirms are verified: what only led there is given up, so that a secure stream is small."""
        self.hello_authentic = self.dhpart1 = self.dhpart2 = None
        self.known = NOTHING_KNOWN

    def wipe(self) -> None:
        """Forget every secret of this exchange that nobody else owns by now."""
        if self.own_share is not None:
            self.own_share.wipe()
        if self.responder_share is not None:
            self.responder_share.wipe()
        if self.keys is not None:
            self.keys.wipe()
        if self.secrets is not None:
            self.secrets.wipe()
