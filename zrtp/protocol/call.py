"""What the streams of one call share: ZRTPSess, the SAS and the verdict on it, retained secrets, nonces, events.

The first stream brings them; further streams use them.
"""

from __future__ import annotations

from hmac import compare_digest

from zrtp.crypto.codes import PRSH
from zrtp.crypto.hashes import HashAlgorithm, sha256
from zrtp.crypto.sas import Sas
from zrtp.errors import ApiMisuse, ErrorCode, PeerIncompatible, PeerMisbehaved
from zrtp.protocol import compatibility, limits
from zrtp.protocol.changes import CallOutcome
from zrtp.protocol.events import (
    Assurance,
    Continuity,
    EnrolmentOffered,
    Event,
    Mode,
    PeerDetected,
    Role,
    SasReady,
    SecurityWarning,
    SignatureReceived,
    Suite,
    Verified,
    WarningCode,
)
from zrtp.protocol.exchange import Candidate, Confirmed, Exchange, present
from zrtp.protocol.expectation import Expectation
from zrtp.protocol.installation import Installation, Member
from zrtp.protocol.key_schedule import SessionSecrets, pbxsecret
from zrtp.protocol.limits import TokenBucket
from zrtp.protocol.nonces import Nonces
from zrtp.protocol.retained_secrets import Matched
from zrtp.protocol.retention import Retention
from zrtp.protocol.states import WITHOUT_ENCRYPTION, State, Trigger
from zrtp.protocol.work import Work
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, ConfirmPlain, Hello, SASrelayPlain


class FurtherStream:
    """Evidence that a call may have a further stream by a peer's Commit; made by `Call.check_multistream`."""

    __slots__ = ("zrtpsess",)

    def __init__(self, zrtpsess: Secret) -> None:
        self.zrtpsess = zrtpsess


class Call:
    """One call with one peer, as its streams and their handlers see it."""

    __slots__ = (
        "_goclears",
        "_public_values",
        "_verdict",
        "_without_encryption",
        "bound_to_signalling",
        "clock",
        "compromised",
        "continuity",
        "detected",
        "endpoint_hash",
        "enrol",
        "events",
        "events_lost",
        "expected",
        "exported",
        "hash",
        "installation",
        "kdf_context",
        "members",
        "nonces",
        "number",
        "offload",
        "own_plain",
        "pbx_matched",
        "pbxsecret",
        "peer",
        "peer_plain",
        "relayed_flags",
        "relayed_sas",
        "retention",
        "role",
        "sas",
        "secured_at",
        "signalling_protected",
        "signature",
        "signed",
        "suite",
        "works",
        "zid",
        "zrtpsess",
    )

    def __init__(
        self,
        installation: Installation,
        *,
        zid: bytes,
        number: int,
        endpoint_hash: bytes,
        aux_secret: Secret | None = None,
        signalled_key: tuple[Secret, bytes] | None = None,
        enrol: bool = False,
        offload: bool = False,
        signalling_protected: bool = False,
        expected: Expectation | None = None,
    ) -> None:
        self.installation = installation
        self.zid = zid
        self.number, self.endpoint_hash = number, endpoint_hash
        self.enrol, self.offload = enrol, offload
        self.signalling_protected = signalling_protected
        self.members: list[Member] = []
        self.events: list[Event] = []
        self.events_lost = 0
        """How many were not kept, since nobody takes them."""
        self.works: list[tuple[Member, Work]] = []
        """Public-key operations that nobody performs yet."""
        self._public_values: TokenBucket | None = None  # none went out yet: a call that nobody disturbs sends one
        self._without_encryption = self._goclears = 0
        self.secured_at = 0.0
        self.clock = 0.0
        """The time of the last input."""
        self.nonces = Nonces()
        self.retention = Retention(installation, zid, aux_secret, signalled_key)
        self.expected = expected
        """Whom the application expects; None: nobody in particular."""
        if expected is not None and expected.name and not installation.cacheless:
            self.retention.store.search(expected.name)
        self.detected: dict[int, PeerDetected] = {}
        """Whom each stream told the application about last, by our SSRC."""
        self.peer: Candidate | None = None
        """The peer, once a stream is secure."""
        self.role: Role | None = None
        self.suite: Suite | None = None
        self.hash: HashAlgorithm | None = None
        self.sas: Sas | None = None
        self.continuity = Continuity.NONE
        self.own_plain: ConfirmPlain | None = None
        self.peer_plain: ConfirmPlain | None = None
        self.zrtpsess: Secret | None = None
        """ZRTPSess, hash length; from it further streams get their keys."""
        self.pbxsecret: Secret | None = None
        """Of an enrolment that was offered, or that we asked for."""
        self.signature: SignatureReceived | None = None
        self.signed = False
        """The application trusts whoever signed."""
        self.bound_to_signalling = False
        """Every secure stream's peer sent the Hello that signalling announced, as last noted."""
        self.compromised = False
        """The user said that the SAS differs: for the whole life of the call somebody is in between."""
        self.relayed_sas: Sas | None = None
        self.relayed_flags: SASrelayPlain | None = None
        self.pbx_matched = False
        """Both sides hold the secret of an enrolment (s3)."""
        self.exported: Secret | None = None
        self.kdf_context = b""
        self._verdict: bool | None = None

    # Telling.

    def emit(self, event: Event) -> None:
        """Queue an event. The queue is bounded: what can be missed is dropped first, then the oldest."""
        if len(self.events) < limits.EVENTS:
            self.events.append(event)
        elif not limits.keep_event(self.events, event):
            self.events_lost += 1

    def tell_others(self, stream: Member, trigger: Trigger) -> None:
        """What happened on one stream is an input for the others of this call."""
        for other in self.members:
            if other is not stream:
                self.installation.tell(other, trigger)

    def warn_of_store(self, text: str) -> None:
        """The store of retained secrets failed; the application hears of it."""
        self.emit(SecurityWarning(ssrc=self.members[0].ssrc, code=WarningCode.CACHE_FAILED, text=text))

    def note_devices(self, devices: frozenset[bytes]) -> None:
        """The store has told who has the name that is expected; late, if the call is secure by now."""
        before, present(self.expected).devices = self.doubt, devices
        if before is None and (doubt := self.doubt) is not None:
            code, text = doubt
            self.emit(SecurityWarning(ssrc=self.members[0].ssrc, code=code, text=text))

    # In how many exchanges our public value goes out, on all streams together (`limits.PUBLIC_VALUES`).

    def may_send_public_value(self, now: float, *, heard: bool) -> bool:
        """Whether one may go out in one more exchange; some are kept for those who hear us."""
        kept = 0.0 if heard else limits.PUBLIC_VALUES_KEPT
        return self._public_values is None or self._public_values.allows(now, kept)

    def count_public_value(self, now: float) -> None:
        """One has gone out."""
        if self._public_values is None:
            self._public_values = TokenBucket(limits.PUBLIC_VALUES_RATE, limits.PUBLIC_VALUES)
        self._public_values.take(now)

    # What handlers and people ask.

    @property
    def doubt(self) -> tuple[WarningCode, str] | None:
        """A reason to think that the peer is not the one whom the application expects, once a stream is secure."""
        if self.expected is None or self.peer is None:
            return None
        return self.expected.doubt(self.peer.hello.zid, self.peer_name, self.continuity)

    @property
    def peer_zid(self) -> bytes | None:
        """The peer's ZID, 12 octets, once a stream is secure."""
        return None if self.peer is None else self.peer.hello.zid

    @property
    def secured_before(self) -> bool:
        """A stream of this call has been secure: further ones follow without asking."""
        return self.zrtpsess is not None

    @property
    def switched_off(self) -> bool:
        """Encryption was switched off, or is being switched off: nothing becomes secure before a user asks for it."""
        return self._without_encryption > 0

    @property
    def going_clear(self) -> bool:
        """Our GoClear is on its way: the peer may not know yet."""
        return self._goclears > 0

    def note_state(self, before: State, after: State) -> None:
        """A stream has entered or left the states of GoClear."""
        self._without_encryption += (after in WITHOUT_ENCRYPTION) - (before in WITHOUT_ENCRYPTION)
        self._goclears += (after is State.GOCLEAR_SENT) - (before is State.GOCLEAR_SENT)

    @property
    def verified(self) -> bool:
        """The SAS was compared by both sides: in this call, or in earlier ones that this one continues."""
        if self.compromised or self.sas is None:
            return False
        return self.verified_before if self._verdict is None else self._verdict

    @property
    def verified_before(self) -> bool:
        """Both sides remember that the SAS was compared in an earlier call, and this call continues it."""
        own, peer = self.own_plain, self.peer_plain
        remembered = own is not None and own.verified and peer is not None and peer.verified
        return remembered and self.continuity is Continuity.CONTINUED

    @property
    def peer_name(self) -> str | None:
        """What the local user called this peer at an earlier comparison: a name belongs to a key, not to a ZID."""
        record = self.retention.record
        return None if record is None or not self.retention.names_peer else record.name or None

    @property
    def verified_at(self) -> float | None:
        """When the local user compared the SAS with this peer, wall clock seconds."""
        record = self.retention.record
        return None if record is None or not self.retention.names_peer else record.verified_at

    @property
    def assurance(self) -> Assurance:
        """How sure it is that nobody sits in between, as long as a stream is secure."""
        if self.sas is None or all(stream.state is not State.SECURE for stream in self.members):
            return Assurance.INSECURE
        if self.compromised:
            return Assurance.MISMATCH
        bound = self.bound_to_signalling and self.signalling_protected
        if self.verified:
            return Assurance.BOUND_AND_VERIFIED if bound else Assurance.VERIFIED
        if self.signed:
            return Assurance.SIGNED
        if bound:
            return Assurance.SIGNALLING
        return Assurance.MISMATCH if self.continuity is Continuity.MISMATCH else Assurance.ENCRYPTED

    def note_binding(self) -> None:
        """Signalling has told more about Hellos: see again whether every secure stream's peer sent the right one."""
        secure = [stream for stream in self.members if stream.state is State.SECURE]
        self.bound_to_signalling = all(_is_bound(stream) for stream in secure)

    def may_use_preshared(self, peer: Hello, role: Role) -> bool:
        """Preshared mode: both sides offer it, and the retained secret is good enough for it (section 4.4.2)."""
        return (
            self._offers_preshared(peer)
            and peer.zid not in self.installation.without_preshared
            and self.retention.allows_preshared(peer.zid, role)
        )

    def _offers_preshared(self, peer: Hello) -> bool:
        return self.installation.config.preshared and PRSH in peer.key_agreements

    def check_multistream(self, commit: Commit, suite: Suite) -> FurtherStream:
        """A Multistream Commit needs a secure first stream with the same peer (section 4.4.3).

        Raises:
            PeerMisbehaved: 0x56, there is no such session.
            PeerIncompatible: 0x51, 0x52, 0x54, other algorithms than the first stream's, if policy forbids that.
        """
        if self.zrtpsess is None or self.suite is None or commit.zid != self.peer_zid:
            raise PeerMisbehaved(
                ErrorCode.NO_SHARED_SECRET,
                "The peer wants a further stream of a call that is not secure yet.",
            )
        strict = self.installation.config.strict_multistream
        refusal = compatibility.refusal_of_multistream_suite(self.suite, suite, strict=strict)
        if refusal is not None:
            raise PeerIncompatible(refusal, "The peer wants other algorithms for a further stream of this call.")
        return FurtherStream(self.zrtpsess)

    def confirm_plain(self, exchange: Exchange, h0: bytes) -> ConfirmPlain:
        """The flags and the cache interval of our Confirm (section 5.7), not signed yet."""
        config = self.installation.config
        if exchange.mode is Mode.MULTISTREAM and self.own_plain is not None:
            return compatibility.multistream_confirm(self.own_plain, h0)
        return ConfirmPlain(
            h0=h0,
            enrolment=self.enrol,
            verified=self._own_v_flag(exchange),
            allow_clear=config.allow_clear and not self.enrol,
            disclosure=config.disclosure,
            cache_interval=0 if self.installation.cacheless else config.cache_interval,
        )

    def _own_v_flag(self, exchange: Exchange) -> bool:
        """The SAS was compared in an earlier call that this one continues (section 7.1)."""
        record = self.retention.record
        return record is not None and record.verified and exchange.matched.s1 is not None

    # What a finished exchange brings.

    def take_results(self, stream: Member, exchange: Exchange, confirmed: Confirmed) -> None:
        """The first stream brings the call's secrets, its SAS and a new retained secret; further ones nothing."""
        bound = _is_bound(stream)
        if exchange.mode is Mode.MULTISTREAM:
            self.bound_to_signalling = self.bound_to_signalling and bound
            return
        self.bound_to_signalling = bound
        derived, plain = present(exchange.derived), confirmed.confirm.plain
        secrets, derived.secrets, matched = present(derived.secrets), None, derived.matched
        self.zrtpsess, self.exported, self.kdf_context = secrets.zrtpsess, secrets.exported_key, secrets.kdf_context
        self.peer, self.secured_at = exchange.peer, self.clock
        self.role, self.suite, self.hash = exchange.role, exchange.suite, exchange.hash
        self.own_plain, self.peer_plain = exchange.own_plain, plain
        self.sas = self.installation.algorithms.sas_types[exchange.suite.sas].sas(secrets.sashash)
        remembers = self.retention.loaded and not self.installation.cacheless
        self.continuity = matched.continuity if remembers else Continuity.NONE
        if self.continuity is Continuity.MISMATCH and self._offers_preshared(exchange.peer.hello):
            compatibility.forgo_preshared(self.installation.without_preshared, exchange.peer.hello.zid)
        self.pbx_matched = matched.s3 is not None
        self.signature = confirmed.signature.received
        self._retain(exchange, secrets, matched, plain, bound=bound)
        if (plain.enrolment and exchange.peer.hello.mitm) or self.enrol:
            self._enrol(exchange, self.zrtpsess, exchange.peer.hello.zid)

    def note_failed_exchange(self, exchange: Exchange) -> None:
        """It ended without keys."""
        if exchange.mode is Mode.PRESHARED:
            compatibility.forgo_preshared(self.installation.without_preshared, exchange.peer.hello.zid)

    def announce_sas(self, ssrc: int) -> None:
        """People can compare now: once for each call, from its first stream."""
        if self.pbxsecret is not None and not self.enrol:
            self.emit(EnrolmentOffered(ssrc=ssrc))
        if self.signature is not None:
            self.emit(self.signature)
        sas = present(self.sas)
        self.emit(SasReady(ssrc=ssrc, sas=sas, continuity=self.continuity, verified=self.verified_before))

    def _retain(
        self, exchange: Exchange, secrets: SessionSecrets, matched: Matched, peer_plain: ConfirmPlain, *, bound: bool
    ) -> None:
        """Hand the new retained secret over, with what it is worth."""
        own = present(exchange.own_plain)
        outcome = CallOutcome(
            new_rs1=secrets.new_rs1,
            s1=matched.s1,
            mode=exchange.mode,
            role=exchange.role,
            interval=min(own.cache_interval, peer_plain.cache_interval),
            authenticated=bound and self.signalling_protected,
        )
        mismatch = self.continuity is Continuity.MISMATCH
        self.retention.store_or_hold_back(outcome, mismatch=mismatch)

    def _enrol(self, exchange: Exchange, zrtpsess: Secret, peer_zid: bytes) -> None:
        """A PBX keeps the new pbxsecret at once; a phone only when its user agrees (section 7.3.1).

        Of a phone that is known, and did not prove to be the same, the PBX keeps the old one until somebody compares.
        """
        zids = (self.zid, peer_zid) if exchange.role is Role.INITIATOR else (peer_zid, self.zid)
        self.pbxsecret = pbxsecret(exchange.hash, zrtpsess, *zids)
        if self.enrol and not self._enrolment_waits(exchange):
            self.retention.store_pbxsecret(self.pbxsecret)

    def _enrolment_waits(self, exchange: Exchange) -> bool:
        """A phone that shares s1 may be enrolled again, whether its user agreed the last time or not."""
        matched, authenticated = exchange.matched, self.bound_to_signalling and self.signalling_protected
        return self.retention.held_back or (matched.s1 is None and matched.pbx_mismatch and not authenticated)

    def _enrol_after_all(self) -> None:
        """The phone has proved who it is: as a PBX, keep what may have been held back."""
        if self.enrol and self.pbxsecret is not None:
            self.retention.store_pbxsecret(self.pbxsecret)

    # What the user decides.

    def sas_matched(self, name: str | None) -> None:
        """The user compared the SAS and it matches. Raises ApiMisuse as `Session.sas_matched`."""
        self.need_sas()
        if self.compromised:
            raise ApiMisuse("The SAS of this call was found to differ; only a new call can be verified.")
        self.retention.sas_matched(name)
        self._enrol_after_all()
        self.decide(True)

    def sas_mismatched(self) -> None:
        """The user compared the SAS and it differs. Raises ApiMisuse as `Session.sas_mismatched`."""
        self.need_sas()
        self.retention.sas_mismatched()
        self.compromised = True
        self.decide(False)

    def take_back_verdict(self) -> None:
        """Take back an earlier "they match". Raises ApiMisuse as `Session.take_back_verdict`."""
        self.need_sas()
        self.retention.unverify()
        self.decide(False)

    def decide(self, verdict: bool | None) -> None:
        """The verdict from now on, and word of it; None: it stays."""
        if verdict is not None:
            self._verdict = verdict
        self.emit(Verified(ssrc=self.members[0].ssrc, verified=self.verified, peer_name=self.peer_name))

    def need_sas(self) -> None:
        """Raises:
        ApiMisuse: there is no SAS yet, or the call is closed.
        """
        if self.sas is None:
            raise ApiMisuse("There is no SAS yet: wait for SasReady.")
        if self.zrtpsess is None:
            raise ApiMisuse("The call is closed and its secrets are gone: compare the SAS before.")

    def trust_signer(self) -> None:
        """The application trusts whoever signed the SAS. Raises ApiMisuse as `Peer.trust_signer`."""
        if self.signature is None:
            raise ApiMisuse("The other side did not sign the SAS.")
        if self.compromised:
            raise ApiMisuse("The SAS of this call was found to differ; no signature makes up for that.")
        self.signed = True
        self.retention.trust_signer()
        self._enrol_after_all()

    # Relayed SAS.

    def render_as(self, sas_type: bytes) -> None:
        """Show our own SAS in the rendering that the far end uses (section 7.3)."""
        if self.sas is not None and self.relayed_sas is None:
            self.sas = self.installation.algorithms.sas_types[sas_type].sas(self.sas.sashash)

    def take_relayed_sas(self, sas: Sas, flags: SASrelayPlain) -> bool:
        """Show the SAS of the far end from now on; whether people who compared another one must do so again.

        It is not verified before they do: what was compared in earlier calls was the SAS of the leg to the server.
        """
        previous, self.relayed_sas = self.relayed_sas, sas
        self.relayed_flags = flags
        shown = previous if previous is not None else self.sas
        changed = shown is not None and shown.sashash != sas.sashash
        compared = bool(self._verdict)
        if changed:
            verified_before = self.verified and not compared
            self._verdict = False
            if verified_before:
                self.decide(None)
        return changed and (compared or previous is not None)

    # Keys.

    def export_key(self, label: bytes, octets: int) -> Secret:
        """A key for another use. Raises ApiMisuse as `Keys.export`."""
        if self.exported is None or self.hash is None:
            raise ApiMisuse("Keys can be exported only while the call is secure, and not after GoClear.")
        if not 0 < octets <= self.hash.length:
            raise ApiMisuse(f"An exported key has 1 to {self.hash.length} octets here.")
        return self.hash.kdf(self.exported, label, self.kdf_context, octets * 8)

    def forget_exported_key(self) -> None:
        """Nothing is exported any more; after GoClear this leaves only the new ZRTPSess (section 4.7.2.1)."""
        if self.exported is not None:
            self.exported.wipe()
        self.exported, self.kdf_context = None, b""

    def put_zrtpsess(self, zrtpsess: Secret) -> None:
        """A new ZRTPSess after GoClear; the old one is wiped."""
        if self.zrtpsess is not None:
            self.zrtpsess.wipe()
        self.zrtpsess = zrtpsess

    def wipe(self) -> None:
        """Forget every secret of the call, except in changes that are not stored yet."""
        self.forget_exported_key()
        for secret in (self.zrtpsess, self.pbxsecret):
            if secret is not None:
                secret.wipe()
        self.zrtpsess = self.pbxsecret = None
        self.retention.wipe()


def _is_bound(stream: Member) -> bool:
    """The peer of this stream sent the Hello that signalling announced (section 8.1)."""
    announced, exchange = stream.peer_hello_hash, stream.exchange
    return announced is not None and exchange is not None and compare_digest(sha256(exchange.peer.hello.raw), announced)
