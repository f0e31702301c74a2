"""What a session tells its application, as typed events.

No event carries key octets in its text or repr; only `KeysReady` holds keys, inside `Secret`.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from zrtp.crypto.codes import name
from zrtp.crypto.sas import Sas
from zrtp.crypto.srtp_suites import SUITES
from zrtp.secret import Secret


class Role(Enum):
    """Who sent the Commit that counts (RFC 6189 section 3.1.1)."""

    INITIATOR = "initiator"
    RESPONDER = "responder"

    # Equal means identical; Enum's own hash is a Python function, and every look-up calls it.
    __hash__ = object.__hash__

    @property
    def other(self) -> Role:
        return Role.RESPONDER if self is Role.INITIATOR else Role.INITIATOR


class Mode(Enum):
    """How the keys of a stream came about (RFC 6189 section 4.4; KEM is an extension of DH mode)."""

    DH = "dh"
    KEM = "kem"
    MULTISTREAM = "multistream"
    PRESHARED = "preshared"


class Sending(Enum):
    """What the media path may send now (RFC 6189 section 4)."""

    CLEAR = "clear"
    """Plain RTP: no Commit has been sent or received, or both users agreed to go clear."""
    BLOCKED = "blocked"
    """Nothing: key agreement is under way, or it failed and the application has not decided."""
    SRTP = "srtp"
    """SRTP under the keys of `KeysReady`, and nothing else."""


class Continuity(Enum):
    """What the retained secrets say about this peer (RFC 6189 section 4.3)."""

    NONE = "none"
    """This endpoint keeps no secrets, so nothing is known."""
    FIRST_CALL = "first"
    """Nothing was retained for this ZID."""
    CONTINUED = "match"
    """Both sides hold a secret of an earlier call."""
    MISMATCH = "mismatch"
    """A retained secret exists here, and the peer did not have it."""


class Assurance(Enum):
    """How sure it is that nobody sits in between, worst to best."""

    INSECURE = "insecure"
    MISMATCH = "mismatch"
    """The SAS differs, or retained secrets do not match: treat as not secure until compared."""
    ENCRYPTED = "encrypted"
    """Keys are agreed, nobody has compared the SAS."""
    SIGNALLING = "signalling"
    """The peer's Hello matches an a=zrtp-hash whose integrity the application vouches for (section 8.1.1)."""
    SIGNED = "signed"
    """The peer signed the SAS and the application trusts the signer (section 7.2)."""
    VERIFIED = "verified"
    """The SAS was compared, now or in an earlier call that this one continues."""
    BOUND_AND_VERIFIED = "bound-and-verified"
    """Verified and bound to protected signalling."""


class WarningCode(Enum):
    """Things a person should hear of although the exchange goes on."""

    CACHE_MISMATCH = "cache-mismatch"
    NAME_NOT_PROVED = "name-not-proved"
    """The peer claims the ZID of somebody who has a name here, and holds no secret of theirs: expired, or lost."""
    AUX_MISMATCH = "aux-mismatch"
    PBX_MISMATCH = "pbx-mismatch"
    HELLO_HASH_MISMATCH = "hello-hash-mismatch"
    HELLO_HASH_MALFORMED = "hello-hash-malformed"
    CHAIN_MISMATCH = "chain-mismatch"
    CONFIRM_REFUSED = "confirm-refused"
    """A Confirm with a wrong MAC came. Anybody can send one: not proved, and the exchange goes on."""
    PEER_ERROR = "peer-error"
    """An Error came. Anybody can send one: not proved, and the exchange goes on for a moment."""
    EQUAL_ZIDS = "equal-zids"
    SSRC_COLLISION = "ssrc-collision"
    CACHE_FAILED = "cache-failed"
    SIGNATURE_IGNORED = "signature-ignored"
    SIGNATURE_INVALID = "signature-invalid"
    SIGNATURE_WITHHELD = "signature-withheld"
    UNTRUSTED_RELAY = "untrusted-relay"
    RELAYED_SAS_CHANGED = "relayed-sas-changed"
    SAS_MISMATCH = "sas-mismatch"
    GOCLEAR_REFUSED = "goclear-refused"
    GOCLEAR_FORGED = "goclear-forged"
    PEER_NOT_VERIFIED = "peer-not-verified"
    NEW_DEVICE = "new-device"
    """The name that is expected is known with another ZID: perhaps a new phone."""
    DIFFERENT_NAME = "different-name"
    """The peer is not the one that is expected: known under another name, or with another ZID."""
    MULTISTREAM_REFUSED = "multistream-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The algorithms of a Commit, as codes of four octets."""

    hash: bytes
    cipher: bytes
    auth_tag: bytes
    key_agreement: bytes
    sas: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SrtpKeys:
    """What one direction of SRTP needs (RFC 6189 section 4.5.3)."""

    cipher: bytes
    """Code of the cipher, for example b"AES1"."""
    auth_tag: bytes
    """Code of the authentication tag, for example b"HS80" or b"GCM "."""
    key: Secret
    """Master key, 16, 24 or 32 octets."""
    salt: Secret
    """Master salt, 14 octets, or 12 with AES-GCM."""

    @property
    def profile(self) -> str:
        """The registered name of cipher and tag together, for example "AES_CM_128_HMAC_SHA1_80" (RFC 4568); of a
        combination that is an application's own, both codes."""
        return SUITES.get((self.cipher, self.auth_tag)) or f"{name(self.cipher)} {name(self.auth_tag)}"

    @property
    def master(self) -> bytes:
        """Key and salt in one, in the order that libsrtp, SDP and all others take. Raises ApiMisuse after `wipe`."""
        return bytes(self.key.octets + self.salt.octets)

    def sdes(self, tag: int = 1) -> str:
        """The value of an a=crypto line (RFC 4568), for programs that take their keys so. It contains the key."""
        return f"{tag} {self.profile} inline:{b64encode(self.master).decode('ascii')}"

    def wipe(self) -> None:
        """Overwrite key and salt, when nothing needs them any more."""
        self.key.wipe()
        self.salt.wipe()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerDetected:
    """A ZRTP peer answers on this stream; nothing is authenticated yet.

    Comes again, before `SasReady` and `Secured`, if the stream has become secure with another one.
    """

    ssrc: int
    """Our SSRC: the name of the stream."""
    zid: bytes
    """The peer's ZID, 12 octets."""
    client_id: bytes
    """16 raw octets; escape them before showing them."""
    version: str
    hashes: tuple[bytes, ...]
    ciphers: tuple[bytes, ...]
    auth_tags: tuple[bytes, ...]
    key_agreements: tuple[bytes, ...]
    sas_types: tuple[bytes, ...]
    signature_capable: bool
    mitm: bool
    passive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GoingSecure:
    """A Commit was sent or accepted; clear media must stop. Comes again if a contention changes the role."""

    ssrc: int
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingChanged:
    """The gate for outgoing media moved; `Stream.sending` says the same at any time."""

    ssrc: int
    sending: Sending


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysReady:
    """The SRTP keys of this stream, once per epoch.

    Unprotect with `receive` from now on. Protect with `send` only while `Stream.sending` is `SRTP`, which the
    following `SendingChanged` tells. The keys belong to the application, which wipes them when the stream has failed,
    gone clear or closed; the engine keeps none.
    """

    ssrc: int
    send: SrtpKeys
    receive: SrtpKeys


@dataclass(frozen=True, slots=True, kw_only=True)
class SasReady:
    """Both Confirm messages verified; people can compare now. Once per call, from its first stream."""

    ssrc: int
    sas: Sas
    continuity: Continuity
    verified: bool
    """Both sides remember that the SAS was compared in an earlier call, and this call continues it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secured:
    """The stream is secure and may carry SRTP both ways."""

    ssrc: int
    mode: Mode
    role: Role
    suite: Suite
    zid: bytes
    """The peer's ZID, 12 octets: which one of those who were heard it is."""
    client_id: bytes
    """What the peer calls its software: 16 raw octets; escape them before showing them."""
    verified: bool
    peer_name: str | None
    """The name given to this peer at an earlier comparison; None if it did not prove to hold a secret of that call."""
    verified_at: float | None
    """When the local user compared the SAS, wall clock seconds since 1970."""
    disclosure: bool
    """The peer's software says it may hand over keys (RFC 6189 section 11)."""
    allow_clear: bool
    """The peer would accept GoClear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityWarning:
    """Something a person should know; the exchange goes on."""

    ssrc: int
    code: WarningCode
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The exchange ended without keys, or was ended. Clear media stays blocked until the application decides."""

    ssrc: int
    code: int
    """Code of RFC 6189 table 8, or whatever number the peer sent."""
    name: str
    """The code's name, for example "HVI_MISMATCH", or "OTHER"."""
    by_peer: bool
    """The peer told us, in an Error message that anybody could have forged; otherwise our own finding."""
    text: str
    """One sentence for people."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPeer:
    """Discovery ended without a usable ZRTP peer; a late Hello or Commit still starts everything again.

    So does an exchange end whose other side proved nothing, and may have been anybody. Clear media stays blocked then,
    as after `Failed`: `Stream.sending` says so.
    """

    ssrc: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnotherPeer:
    """Somebody else than the peer introduces himself on a stream that has one: another phone that answers too, or to
    which the call was passed on, or the peer's own program, started anew. At most one a second. Nothing is
    authenticated, so that the call and its keys stay as they are; whoever has reason to believe it begins a call with
    him, see `zrtp.media.MediaLayer.take_over`."""

    ssrc: int
    zid: bytes
    """Which one he says he is, 12 octets; that of the peer, if he says so."""
    text: str
    """One sentence for people, with the likely reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearRequested:
    """The peer switched encryption off, authenticated. Nothing is sent before `Session.agree_to_clear`."""

    ssrc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WentClear:
    """SRTP ended on all streams of the call and their keys are gone."""

    ssrc: int
    by_peer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SasRelayed:
    """An enrolled, trusted PBX relayed the SAS of the far end; it replaces the one shown before."""

    ssrc: int
    sas: Sas
    signature: SignatureReceived | None = None
    """The PBX's signature of the relayed SAS, if it sent one that verifies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentOffered:
    """A PBX asks to be trusted with relaying the SAS; answer with `Session.pbx.accept_enrolment` if the user agrees."""

    ssrc: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureReceived:
    """The peer signed the SAS and the signature verifies; whether the signer is trusted is for the application."""

    ssrc: int
    signature_type: bytes
    signer: bytes
    """The DER certificate (X509) or the issuer's key id or fingerprint (PGP)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The local user gave a verdict: the words match (True), or a verification was withdrawn (False)."""

    ssrc: int
    verified: bool
    peer_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PongReceived:
    """A PingACK answered our Ping."""

    ssrc: int
    endpoint_hash: bytes
    """8 octets that name the peer's endpoint (RFC 6189 section 5.15)."""
    version: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """The stream is closed and its secrets are wiped; the last event of a stream."""

    ssrc: int


Event: TypeAlias = (
    PeerDetected
    | GoingSecure
    | SendingChanged
    | KeysReady
    | SasReady
    | Secured
    | SecurityWarning
    | Failed
    | NoPeer
    | AnotherPeer
    | ClearRequested
    | WentClear
    | SasRelayed
    | EnrolmentOffered
    | SignatureReceived
    | Verified
    | PongReceived
    | Closed
)
"""Whatever `Session.next_event` may give."""
