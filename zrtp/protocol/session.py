"""One call with one peer: what its streams share.

ZRTPSess, the SAS and the verdict on it, the retained secrets, the nonces used. The first stream brings them; further
streams use them.

The verdict is the user's. "They match" sets the V flag for later calls and stores a secret that was held back; "they
differ" takes V away, drops the new secret, and marks the call compromised as long as it lasts; without a word nothing
changes. Another SAS relayed by a PBX withdraws the verdict.
"""

from __future__ import annotations

from collections import deque
from hmac import compare_digest
from typing import TYPE_CHECKING

from zrtp.crypto.hashes import HashAlgorithm, sha256
from zrtp.crypto.sas import Sas
from zrtp.errors import ApiMisuse, CacheError, ErrorCode, PeerIncompatible, PeerMisbehaved
from zrtp.protocol import clearing, compatibility, limits, relaying
from zrtp.protocol.events import (
    Assurance,
    Continuity,
    EnrolmentOffered,
    Event,
    Failed,
    KeysReady,
    Mode,
    Role,
    SasReady,
    Secured,
    SignatureReceived,
    Suite,
    Verified,
    WarningCode,
)
from zrtp.protocol.exchange import Exchange, present
from zrtp.protocol.key_schedule import pbxsecret
from zrtp.protocol.negotiation import PRSH
from zrtp.protocol.nonces import Nonces
from zrtp.protocol.retained_secrets import CallOutcome
from zrtp.protocol.retention import Retention
from zrtp.protocol.states import IN_EXCHANGE, WITHOUT_ENCRYPTION, State, Trigger
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, ConfirmPlain, Hello, SASrelayPlain

if TYPE_CHECKING:
    from zrtp.protocol.endpoint import Endpoint


class Session:
    """A call. Its first stream makes the keys by DH, KEM or Preshared mode, further ones by Multistream mode.

    After every call that can change state: drain `next_event`, and serve every stream as its class says.
    """

    __slots__ = (
        "_bound",
        "_pbx_matched",
        "_peer_is_pbx",
        "_secrets",
        "_verdict",
        "compromised",
        "continuity",
        "endpoint",
        "endpoint_hash",
        "enrol",
        "events",
        "hash",
        "lost_events",
        "nonces",
        "number",
        "offload",
        "own_plain",
        "peer_plain",
        "peer_zid",
        "relayed_flags",
        "relayed_sas",
        "retention",
        "role",
        "sas",
        "signature",
        "signed",
        "streams",
        "suite",
        "zid",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        zid: bytes,
        number: int,
        aux_secret: Secret | None = None,
        signalled_key: tuple[Secret, bytes] | None = None,
        extension: str = "",
        enrol: bool = False,
        offload: bool = False,
    ) -> None:
        self.endpoint = endpoint
        self.zid = zid
        """Our ZID in this call, 12 octets."""
        self.endpoint_hash = endpoint.endpoint_hash(zid, extension)
        """Our name in Ping and PingACK, 8 octets."""
        self.number = number
        self.streams: list[Stream] = []
        self.events: deque[Event] = deque()
        self.lost_events = 0
        self.peer_zid: bytes | None = None
        """The peer's ZID, once a stream is secure."""
        self.role: Role | None = None
        self.suite: Suite | None = None
        self.hash: HashAlgorithm | None = None
        self.sas: Sas | None = None
        """The short authentication string of this call, once its first stream is secure."""
        self.continuity = Continuity.NONE
        self.own_plain: ConfirmPlain | None = None
        self.peer_plain: ConfirmPlain | None = None
        self.compromised = False
        """The user said that the SAS differs: for the whole life of the call somebody is in between."""
        self.signature: SignatureReceived | None = None
        """The peer's signature of the SAS, if it sent one that verifies."""
        self.signed = False
        """The application trusts whoever signed."""
        self.offload = offload
        """Public-key operations are handed out (`Stream.work_to_do`)."""
        self.enrol = enrol
        """As a PBX: ask the phone in this call to enrol (E flag)."""
        self.relayed_sas: Sas | None = None
        """The SAS of the far end, relayed by a trusted PBX: show it in place of `sas`."""
        self.relayed_flags: SASrelayPlain | None = None
        self._pbx_matched = False
        self._peer_is_pbx = False
        self._bound = False
        self._secrets: dict[str, Secret] = {}
        self.nonces = Nonces()
        self.retention = Retention(endpoint, zid, aux_secret, signalled_key, self._cache_failed)
        self._verdict: bool | None = None

    # Streams and events.

    def add_stream(self, ssrc: int, *, peer_hello_hash: bytes | None = None) -> Stream:
        """A stream for one RTP stream of ours. `peer_hello_hash` is what signalling announced, 32 octets (section 8).

        Raises:
            ApiMisuse: the SSRC is in use in this session, out of range, or the hash has another length.
        """
        if not 0 <= ssrc <= 0xFFFFFFFF:
            raise ApiMisuse("An SSRC is a number of 32 bits.")
        if any(stream.ssrc == ssrc and stream.state is not State.CLOSED for stream in self.streams):
            raise ApiMisuse("This session already has a stream with that SSRC.")
        if peer_hello_hash is not None and len(peer_hello_hash) != 32:
            raise ApiMisuse("A zrtp-hash is 32 octets (64 hexadecimal digits); parse it with zrtp.media.sdp.")
        stream = Stream(self, ssrc, peer_hello_hash)
        self.streams.append(stream)
        return stream

    def next_event(self) -> Event | None:
        """The next thing that happened, or None."""
        return self.events.popleft() if self.events else None

    def emit(self, event: Event) -> None:
        """Queue an event. The queue is bounded; only what can repeat without end is dropped."""
        if len(self.events) >= limits.EVENTS and not isinstance(event, KeysReady | Secured | Failed):
            self.lost_events += 1
        else:
            self.events.append(event)

    # What people ask about a call.

    @property
    def secured_before(self) -> bool:
        """A stream of this call has been secure: further ones follow without asking."""
        return self.zrtpsess is not None

    @property
    def switched_off(self) -> bool:
        """Encryption was switched off, or is being switched off: nothing becomes secure before a user asks for it."""
        return any(stream.state in WITHOUT_ENCRYPTION for stream in self.streams)

    @property
    def going_clear(self) -> bool:
        """Our GoClear is on its way: the peer may not know yet."""
        return any(stream.state is State.GOCLEAR_SENT for stream in self.streams)

    @property
    def verified(self) -> bool:
        """The SAS was compared by both sides: in this call, or in earlier ones that this one continues."""
        if self.compromised or self.sas is None:
            return False
        if self._verdict is not None:
            return self._verdict
        return self._verified_before

    @property
    def _verified_before(self) -> bool:
        return (
            self.continuity is Continuity.CONTINUED
            and self.own_plain is not None
            and self.own_plain.verified
            and self.peer_plain is not None
            and self.peer_plain.verified
        )

    @property
    def peer_name(self) -> str | None:
        """What the local user called this peer at an earlier comparison."""
        record = self.retention.record
        return record.name or None if record is not None else None

    @property
    def verified_at(self) -> float | None:
        """When the local user compared the SAS with this peer, wall clock seconds."""
        return self.retention.record.verified_at if self.retention.record is not None else None

    @property
    def assurance(self) -> Assurance:
        """How sure it is that nobody sits in between, as long as a stream is secure."""
        if self.sas is None or all(stream.state is not State.SECURE for stream in self.streams):
            return Assurance.INSECURE
        if self.compromised:
            return Assurance.MISMATCH
        bound = self.bound_to_signalling and self.endpoint.config.signalling_protected
        if self.verified:
            return Assurance.BOUND_AND_VERIFIED if bound else Assurance.VERIFIED
        if self.signed:
            return Assurance.SIGNED
        if bound:
            return Assurance.SIGNALLING
        return Assurance.MISMATCH if self.continuity is Continuity.MISMATCH else Assurance.ENCRYPTED

    @property
    def bound_to_signalling(self) -> bool:
        """Every secure stream's peer sent the Hello that signalling announced (section 8.1)."""
        return self._bound

    @property
    def zrtpsess(self) -> Secret | None:
        """ZRTPSess of this call, hash length; from it further streams get their keys."""
        return self._secrets.get("zrtpsess")

    def export_key(self, label: bytes, octets: int) -> Secret:
        """A key for another use, KDF(ExportedKey, label, KDF_Context, length) (RFC 6189 section 4.5.2).

        It is as trustworthy as the call: look at `assurance`. `octets` is at most the hash length.

        Raises:
            ApiMisuse: before the first stream is secure, after encryption was switched off or the call is closed, or
                too many octets.
        """
        exported, context = self._secrets.get("exported"), self._secrets.get("context")
        if exported is None or context is None or self.hash is None:
            raise ApiMisuse("Keys can be exported only while the call is secure, and not after GoClear.")
        if not 0 < octets <= self.hash.length:
            raise ApiMisuse(f"An exported key has 1 to {self.hash.length} octets here.")
        return self.hash.kdf(exported, label, bytes(context.octets), octets * 8)

    # What the user decides.

    def sas_matched(self, name: str | None = None) -> None:
        """The user compared the SAS and it matches: remember that, and a secret that was held back.

        Raises:
            ApiMisuse: there is no SAS yet, the call is closed, or the user said before that the SAS differs.
        """
        self._need_sas()
        if self.compromised:
            raise ApiMisuse("The SAS of this call was found to differ; only a new call can be verified.")
        self.retention.sas_matched(name)
        self._verdict = True
        self._emit_verdict()

    def sas_mismatched(self) -> None:
        """The user compared the SAS and it differs: somebody is in between. This call's secret is not kept.

        Raises:
            ApiMisuse: there is no SAS yet, or the call is closed.
        """
        self._need_sas()
        self.retention.sas_mismatched()
        self.compromised = True
        self._verdict = False
        self._emit_verdict()

    def forget_verification(self) -> None:
        """Take back an earlier "they match", without losing the secrets.

        Raises:
            ApiMisuse: there is no SAS yet, or the call is closed.
        """
        self._need_sas()
        self.retention.unverify()
        self._verdict = False
        self._emit_verdict()

    def rename_peer(self, name: str) -> None:
        """Another name for this peer; clears the verification until the SAS is compared again."""
        self._need_sas()
        self.retention.rename(name)
        record = self.retention.record
        if record is None or not record.verified:
            self._verdict = False
        self._emit_verdict()

    def go_clear(self, now: float) -> None:
        """Switch encryption off on every stream of the call (RFC 6189 section 4.7.2). Nothing becomes secure again,
        streams that are added later included, before one side's user asks for it with `go_secure`.

        Raises:
            ApiMisuse: nothing is secure, or the other side does not accept it.
        """
        clearing.go_clear(self, now)

    def agree_to_clear(self) -> None:
        """The user takes note that the other side switched encryption off; only now may RTP be sent.

        Raises:
            ApiMisuse: the other side did not ask for it.
        """
        clearing.agree_to_clear(self)

    def accept_enrolment(self, *, despite_unverified: bool = False) -> None:
        """Trust this PBX with relaying the SAS from now on (RFC 6189 section 7.3.1). It can then listen in.

        Raises:
            ApiMisuse: no enrolment was offered, or nothing shows that nobody sits between this phone and the PBX.
        """
        pbxsecret = self._secrets.get("pbxsecret")
        if pbxsecret is None:
            raise ApiMisuse("The other side does not offer an enrolment.")
        doubtful = (Assurance.INSECURE, Assurance.ENCRYPTED, Assurance.MISMATCH)
        if self.assurance in doubtful and not despite_unverified:
            raise ApiMisuse("Compare the SAS before you enrol: somebody may sit between you and the server.")
        self.retention.store_pbxsecret(pbxsecret)

    def relay_sas_with(self, other: Session, now: float) -> Session | None:
        """As a PBX: relay the SAS between this leg and another one, as `relaying.relay_between` says."""
        return relaying.relay_between(self, other, now)

    def trust_signer(self) -> None:
        """The application trusts whoever signed the SAS: the exchange is authenticated (RFC 6189 section 7.2).

        A retained secret that was held back is stored now, and Preshared mode may build on it.

        Raises:
            ApiMisuse: no valid signature was received, or the user said that the SAS differs.
        """
        if self.signature is None:
            raise ApiMisuse("The other side did not sign the SAS.")
        if self.compromised:
            raise ApiMisuse("The SAS of this call was found to differ; no signature makes up for that.")
        self.signed = True
        self.retention.signer_trusted()

    def go_secure(self, now: float) -> None:
        """The user wants encryption: commit on every stream that is ready (with `Config.auto_secure` off), or clear."""
        for stream in self.streams:
            stream.trigger(Trigger.GO_SECURE, now)

    def close(self, now: float) -> None:
        """End of the call: every stream is closed, every secret wiped except what the cache holds. Repeatable."""
        for stream in self.streams:
            if stream.state is not State.CLOSED:
                stream.close(now)
        for secret in self._secrets.values():
            secret.wipe()
        self._secrets.clear()
        self.retention.wipe()

    @property
    def pbx_matched(self) -> bool:
        """Both sides hold the secret of an enrolment (s3)."""
        return self._pbx_matched

    @property
    def peer_is_pbx(self) -> bool:
        """The peer's Hello has the M flag."""
        return self._peer_is_pbx

    def forget_exported_key(self) -> None:
        """After GoClear nothing of the first key agreement is left but the new ZRTPSess (section 4.7.2.1)."""
        for name in ("exported", "context"):
            if (secret := self._secrets.pop(name, None)) is not None:
                secret.wipe()

    def put_zrtpsess(self, zrtpsess: Secret) -> None:
        """A new ZRTPSess after GoClear; the old one is wiped."""
        self._secrets["zrtpsess"].wipe()
        self._secrets["zrtpsess"] = zrtpsess

    def render_as(self, sas_type: bytes) -> None:
        """Show our own SAS in the rendering that the far end uses (section 7.3)."""
        if self.sas is not None and self.relayed_sas is None:
            render = self.endpoint.algorithms.sas_types[sas_type].render
            self.sas = Sas(sashash=self.sas.sashash, code=sas_type, rendered=render(self.sas.sashash))

    def take_relayed_sas(self, sas: Sas, flags: SASrelayPlain) -> bool:
        """Show the SAS of the far end from now on; whether people who compared another one must do so again."""
        previous, self.relayed_sas = self.relayed_sas, sas
        self.relayed_flags = flags
        shown = previous if previous is not None else self.sas
        changed = shown is not None and shown.sashash != sas.sashash
        compared = bool(self._verdict)
        if changed and compared:
            self._verdict = False
        return changed and (compared or previous is not None)

    def _need_sas(self) -> None:
        if self.sas is None:
            raise ApiMisuse("There is no SAS yet: wait for SasReady.")
        if self.zrtpsess is None:
            raise ApiMisuse("The call is closed and its secrets are gone: compare the SAS before.")

    def _cache_failed(self, error: CacheError) -> None:
        stream = self.streams[0]
        stream.warn(WarningCode.CACHE_FAILED, f"{error} The call goes on without retained secrets.", 0.0)

    def _emit_verdict(self) -> None:
        self.emit(Verified(ssrc=self.streams[0].ssrc, verified=self.verified, peer_name=self.peer_name))

    # What handlers ask and tell.

    def running_exchange(self, peer_zid: bytes) -> Stream | None:
        """The stream that makes the keys of this call, or of another call with that peer, and is not finished.

        There is one at a time (section 4.4.1): a call has one peer, one ZRTPSess and one SAS.
        """
        for stream in self.streams:
            if stream.state in IN_EXCHANGE and stream.mode not in (None, Mode.MULTISTREAM):
                return stream
        return self.endpoint.running_exchange(self.zid, peer_zid)

    def may_use_preshared(self, peer: Hello) -> bool:
        """Preshared mode: both sides offer it, and the retained secret is good enough for it (section 4.4.2)."""
        offered = self.endpoint.config.preshared and PRSH in peer.key_agreements
        return offered and self.retention.allows_preshared(peer.zid)

    def check_multistream(self, commit: Commit, suite: Suite) -> None:
        """A Multistream Commit needs a secure first stream with the same peer (section 4.4.3).

        Raises:
            PeerMisbehaved: 0x56, there is no such session.
            PeerIncompatible: 0x51, 0x52, 0x54, other algorithms than the first stream's, if policy forbids that.
        """
        first = self.suite
        if self.zrtpsess is None or first is None or commit.zid != self.peer_zid:
            raise PeerMisbehaved(
                ErrorCode.NO_SHARED_SECRET,
                "The peer wants a further stream of a call that is not secure yet.",
            )
        strict = self.endpoint.config.strict_multistream
        refusal = compatibility.refusal_of_multistream_suite(first, suite, strict=strict)
        if refusal is not None:
            raise PeerIncompatible(refusal, "The peer wants other algorithms for a further stream of this call.")

    def confirm_plain(self, stream: Stream, exchange: Exchange) -> ConfirmPlain:
        """The flags and the cache interval of our Confirm (section 5.7), not signed yet."""
        config = self.endpoint.config
        if exchange.mode is Mode.MULTISTREAM and self.own_plain is not None:
            return compatibility.multistream_confirm(self.own_plain, stream.chain.h0)
        return ConfirmPlain(
            h0=stream.chain.h0,
            enrolment=self.enrol,
            verified=self._own_v_flag(exchange),
            allow_clear=config.allow_clear and not self.enrol,
            disclosure=config.disclosure,
            cache_interval=0 if self.endpoint.cacheless else config.cache_interval,
        )

    def _own_v_flag(self, exchange: Exchange) -> bool:
        """The SAS was compared in an earlier call that this one continues (section 7.1)."""
        record = self.retention.record
        return exchange.matched.s1 is not None and record is not None and record.verified

    def exchange_finished(self, stream: Stream, exchange: Exchange, now: float) -> None:
        """The first stream brings the session's secrets, its SAS and a new retained secret; further ones nothing."""
        announced = stream.peer_hello_hash
        bound = announced is not None and compare_digest(sha256(exchange.peer.hello.raw), announced)
        if exchange.mode is Mode.MULTISTREAM:
            self._bound = self._bound and bound
            return
        self._bound = bound
        secrets = present(exchange.secrets)
        exchange.secrets = None
        self._secrets = {
            "zrtpsess": secrets.zrtpsess,
            "exported": secrets.exported_key,
            "context": Secret(secrets.kdf_context),
        }
        self.peer_zid = exchange.peer.hello.zid
        self.role = exchange.role
        self.suite = exchange.suite
        self.hash = exchange.hash
        self.own_plain, self.peer_plain = exchange.own_plain, exchange.peer_plain
        sas_type = self.endpoint.algorithms.sas_types[exchange.suite.sas]
        self.sas = Sas(sashash=secrets.sashash, code=exchange.suite.sas, rendered=sas_type.render(secrets.sashash))
        remembers = self.retention.loaded and not self.endpoint.cacheless
        self.continuity = exchange.matched.continuity if remembers else Continuity.NONE
        self._pbx_matched = exchange.matched.s3 is not None
        self._peer_is_pbx = exchange.peer.hello.mitm
        self._warn_of_mismatches(stream, exchange, now)
        self._retain(secrets.new_rs1, exchange)
        self._enrol(stream)
        if exchange.signature is not None:
            self.signature = exchange.signature
            self.emit(exchange.signature)
        self.emit(SasReady(ssrc=stream.ssrc, sas=self.sas, continuity=self.continuity, verified=self._verified_before))

    def _warn_of_mismatches(self, stream: Stream, exchange: Exchange, now: float) -> None:
        name = self.peer_name or "This peer"
        if self.continuity is Continuity.MISMATCH:
            stream.warn(
                WarningCode.CACHE_MISMATCH,
                f"{name} no longer has the key from your last call. A new phone explains this; so does a wiretapper. "
                "Compare the words before you talk.",
                now,
            )
        if exchange.matched.aux_mismatch:
            stream.warn(
                WarningCode.AUX_MISMATCH,
                "The other side does not have the extra secret (auxsecret) that was set here. Compare the words.",
                now,
            )
        if exchange.matched.pbx_mismatch:
            stream.warn(WarningCode.PBX_MISMATCH, "The trusted server no longer has the secret of its enrolment.", now)
        own, peer = self.own_plain, self.peer_plain
        if own is not None and peer is not None and own.verified and not peer.verified:
            stream.warn(
                WarningCode.PEER_NOT_VERIFIED,
                f"You verified {self.peer_name or 'this peer'}; they have not.",
                now,
            )

    def _retain(self, new_rs1: Secret, exchange: Exchange) -> None:
        """Hand the new retained secret over, with what it is worth."""
        own, peer = present(exchange.own_plain), present(exchange.peer_plain)
        signalled = self.bound_to_signalling and self.endpoint.config.signalling_protected
        outcome = CallOutcome(
            new_rs1=new_rs1,
            s1=exchange.matched.s1,
            mode=exchange.mode,
            role=exchange.role,
            interval=min(own.cache_interval, peer.cache_interval),
            authenticated=signalled or self.signed,
        )
        mismatch = self.continuity is Continuity.MISMATCH
        self.retention.call_secured(exchange.peer.hello.zid, outcome, mismatch=mismatch)

    def _enrol(self, stream: Stream) -> None:
        """A PBX keeps the new pbxsecret at once; a phone only when its user agrees (section 7.3.1)."""
        peer, zrtpsess, peer_zid = self.peer_plain, self.zrtpsess, self.peer_zid
        offered = peer is not None and peer.enrolment and self._peer_is_pbx
        if not (offered or self.enrol) or zrtpsess is None or self.hash is None or peer_zid is None:
            return
        zids = (self.zid, peer_zid) if self.role is Role.INITIATOR else (peer_zid, self.zid)
        self._secrets["pbxsecret"] = pbxsecret(self.hash, zrtpsess, *zids)
        if self.enrol:
            self.retention.store_pbxsecret(self._secrets["pbxsecret"])
        else:
            self.emit(EnrolmentOffered(ssrc=stream.ssrc))
