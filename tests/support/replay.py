"""A recorded exchange, played again with one of its ends replaced by the engine.

    replay = Replay(transcript, Role.INITIATOR)
    replay.run()
    assert replay.stream.state is State.SECURE

The engine gets what that end held (ZID, H0, private value, cached secrets), the randomness that it drew (nonce, IV of
its Confirm, IDs in place of secrets that it did not have) and the Hello that it sent; the messages of the other end
arrive as the packets that were recorded. Every message that the engine then makes by itself can be compared octet for
octet with the recorded one.

Where the engine cannot come to the recorded octets by its own means, a small substitute stands in, and nowhere else:

* the Hello, because other software lists other algorithms: `Stream.hello` is the recorded one;
* the private value where the recording has none, or none that the library takes: a key share with the recorded fields
  and DHResult (`public_key_operation` is then False);
* a Commit of this end that lost the contention: its DHPart2 was never sent, so its hvi cannot be computed, or it was
  for Preshared mode;
* fields of the own Confirm that the recorded software decided in another way: `policies` names them;
* a signature of the SAS in the own Confirm: a signer that gives the recorded one;
* messages of the other end that the recording lacks: acknowledgements, and a Confirm that only the recorded end saw,
  which is then sealed with the keys that the engine computed (`sealed_here`);
* the first stream of the call in Multistream mode: only its ZRTPSess is recorded.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, fields, replace
from unittest import mock

from tests.crypto.key_agreements.support import diffie_hellman_share
from tests.support.inside import call_of, core_of
from tests.support.pair import Clock
from tests.support.vectors import Party, Transcript
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import FOREVER, PeerRecord
from zrtp.crypto.codes import name
from zrtp.crypto.hashes import HashAlgorithm
from zrtp.crypto.key_agreements import InitiatorShare, KeyAgreement, ResponderShare, ShareContext
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.kem import KEMS, response_from_private, share_from_private
from zrtp.crypto.registry import DEFAULT, Algorithms
from zrtp.protocol import agreement, compatibility, confirmation
from zrtp.protocol.call import Call
from zrtp.protocol.compatibility import read_confirm
from zrtp.protocol.config import WITHOUT_ALGORITHM, Config
from zrtp.protocol.confirm import Box, ConfirmVerified, seal_confirm
from zrtp.protocol.core import Core
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Event, KeysReady, Mode, Role, Suite
from zrtp.protocol.exchange import Candidate, Confirmed, Derived, Exchange, SignatureChecked, present
from zrtp.protocol.hash_chain import ChainComplete, Heard, HeardHello
from zrtp.protocol.key_schedule import SessionSecrets, StreamKeys, s0_from_dh
from zrtp.protocol.key_schedule import Transcript as HashedMessages
from zrtp.protocol.retained_secrets import NOTHING_MATCHED, Matched
from zrtp.protocol.signing import NOT_US
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret
from zrtp.wire.messages import (
    CONF2ACK,
    HELLO_ACK,
    Commit,
    ConfirmPlain,
    DHPart1,
    DHPart2,
    Hello,
    Kind,
    kind_of,
    parse,
)
from zrtp.wire.packet import Fragment, decode_packet, encode_packet

OWN_SSRC, PEER_SSRC = 0x0A0A0A0A, 0x0B0B0B0B
"""Used where the recording has no packets."""

FIRST_STREAM_SSRC = 0x0F0F0F0F

NO_KEY_AGREEMENT = (b"Mult", b"Prsh")


def missing_algorithms(transcript: Transcript, algorithms: Algorithms = DEFAULT) -> list[str]:
    """The names of the algorithms of an exchange that are not implemented, or whose library is not installed."""
    suite = transcript.suite
    tables = (
        (suite.hash, algorithms.hashes),
        (suite.cipher, algorithms.ciphers),
        (suite.auth_tag, algorithms.auth_tags),
        (suite.sas, algorithms.sas_types),
    )
    missing = [name(code) for code, table in tables if code not in table]
    agreed = algorithms.key_agreements.get(suite.key_agreement)
    if suite.key_agreement not in NO_KEY_AGREEMENT and (agreed is None or not agreed.available):
        missing.append(name(suite.key_agreement))
    return missing


class ScriptedRandom:
    """Gives out the octets that the recorded end drew, by their number; anything else is repeatable filler."""

    def __init__(self) -> None:
        self._scripted: dict[int, deque[bytes]] = {}
        self._filler = random.Random(0)

    def then(self, octets: bytes) -> None:
        """The next time that so many octets are drawn, these."""
        self._scripted.setdefault(len(octets), deque()).append(octets)

    def __call__(self, count: int) -> bytes:
        waiting = self._scripted.get(count)
        return waiting.popleft() if waiting else self._filler.randbytes(count)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownShare:
    """Stands in for a key share whose private value nobody knows: recorded fields, recorded DHResult."""

    code: bytes
    commit_field: bytes
    dhpart1_field: bytes
    dhpart2_field: bytes
    peer_field: bytes
    dh_result: bytes

    def finish(self, pv: CheckedValue) -> Secret:
        """DHResult, for the one public value that it is known for."""
        return Secret(self.dh_result) if pv == self.peer_field else Secret(bytes(len(self.dh_result)))

    def wipe(self) -> None:
        """Nothing here is secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAgreement:
    """The key agreement itself, except that its fresh key pairs are the recorded one."""

    real: KeyAgreement
    initiator_share: InitiatorShare | None
    responder_share: ResponderShare | None

    @property
    def code(self) -> bytes:
        return self.real.code

    @property
    def rank(self) -> int:
        return self.real.rank

    @property
    def is_kem(self) -> bool:
        return self.real.is_kem

    @property
    def post_quantum(self) -> bool:
        return self.real.post_quantum

    @property
    def available(self) -> bool:
        return self.real.available

    @property
    def commit_length(self) -> int:
        return self.real.commit_length

    @property
    def dhpart1_length(self) -> int:
        return self.real.dhpart1_length

    @property
    def dhpart2_length(self) -> int:
        return self.real.dhpart2_length

    def initiate(self, context: ShareContext) -> InitiatorShare:
        return self.real.initiate(context) if self.initiator_share is None else self.initiator_share

    def respond(
        self, commit_public_key: CheckedValue, context: ShareContext, own: InitiatorShare | None = None
    ) -> ResponderShare:
        if self.responder_share is None:
            return self.real.respond(commit_public_key, context, own)
        self.real.check_commit(commit_public_key)
        return self.responder_share

    def check_commit(self, public_key: bytes) -> CheckedValue:
        return self.real.check_commit(public_key)

    def check_dhpart1(self, pv: bytes) -> CheckedValue:
        return self.real.check_dhpart1(pv)

    def check_dhpart2(self, pv: bytes) -> CheckedValue:
        return self.real.check_dhpart2(pv)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSigner:
    """Signs what the recorded end signed."""

    signature_type: bytes
    block: bytes

    def sign(self, sashash: bytes) -> bytes:
        return self.block


@dataclass(slots=True)
class Observed:
    """Intermediate values that the engine wipes as soon as it has used them."""

    dh_result: bytes | None = None
    s0: bytes = b""
    total_hash: bytes = b""
    kdf_context: bytes = b""
    matched: tuple[bytes | None, ...] = ()
    """s1, s2, s3."""


@dataclass(slots=True)
class Inbound:
    """One datagram of the other end; `kind` is that of its message, also if it is only a fragment of it."""

    datagram: bytes
    kind: Kind


@dataclass(slots=True)
class Outbound:
    """What the engine sent, put together again."""

    messages: list[bytes] = field(default_factory=list)
    fragments: list[Fragment] = field(default_factory=list)
    ssrcs: set[int] = field(default_factory=set)

    def of(self, kind: Kind) -> list[bytes]:
        """The different messages of one kind, in order."""
        return list(dict.fromkeys(message for message in self.messages if kind_of(message) is kind))


class Replay:
    """One end of a recorded exchange, played by the engine. Deliver `inbound` datagrams, or call `run`."""

    def __init__(self, transcript: Transcript, role: Role) -> None:
        self.transcript = transcript
        self.role = role
        self.now = 0.0
        self.party, self.peer = _parties(transcript, role)
        self.recorded = _Recorded.of(transcript, role)
        self.observed = Observed()
        self.sent = Outbound()
        self.events: list[Event] = []
        self.policies: set[str] = set()
        self.sealed_here = False
        self.public_key_operation = False
        self.cache = MemoryCache()
        self.endpoint = self._endpoint()
        plain = self.recorded.own_plain
        self.session = self.endpoint.session(
            aux_secret=self.party.auxsecret, enrol=plain is not None and plain.enrolment
        )
        if transcript.mode == "multistream":
            self._first_stream()
        self.stream = self._stream()
        self.inbound = self._inbound()

    # The exchange.

    def run(self) -> Replay:
        """Everything from the first Hello until the engine is secure, or has nothing more to receive."""
        self.start()
        for inbound in self.inbound:
            self.deliver(inbound)
        self.finish()
        return self

    def start(self) -> None:
        """Send the first Hello."""
        self.stream.start(self.now)
        self.settle()

    def deliver(self, inbound: Inbound) -> None:
        """One datagram of the other end arrives."""
        self.now += 0.01
        self.prepare(inbound)
        self.receive(inbound.datagram)

    def prepare(self, inbound: Inbound) -> None:
        """Before a datagram arrives: have committed, if the recorded end had by then."""
        if inbound.kind is Kind.COMMIT and self._commit_crosses:
            self._be_committed()

    def receive(self, datagram: bytes) -> None:
        """Any datagram arrives."""
        with self._observing():
            self.stream.receive_datagram(datagram, self.now)
        self.settle()

    def tick(self) -> None:
        """Whatever is due happens."""
        with self._observing():
            self.stream.handle_timer(self.now)
        self.settle()

    def finish(self) -> None:
        """What the recording does not have, because it was made at the other end or stopped early."""
        if self.stream.state in (State.CONFIRM1_SENT, State.DHPART2_SENT, State.COMMIT_SENT):
            self._seal_missing_confirm()
        if self.stream.state is State.CONFIRM2_SENT:
            self.receive(self.packet(CONF2ACK.raw))

    def packet(self, message: bytes) -> bytes:
        """A datagram of the other end that was not recorded as such."""
        return encode_packet(0x7000, self.recorded.peer_ssrc, message)

    @property
    def exchange(self) -> Exchange:
        """The engine's exchange, which must exist."""
        return present(core_of(self.stream).exchange)

    @property
    def keys_ready(self) -> KeysReady:
        """The one event with SRTP keys of the replayed stream."""
        (keys,) = [e for e in self.events if isinstance(e, KeysReady) and e.ssrc == self.stream.ssrc]
        return keys

    # How it is set up.

    def _endpoint(self) -> Endpoint:
        self.random = ScriptedRandom()
        self.random.then(self.party.zid)
        party, plain = self.party, self.recorded.own_plain
        signer = None
        if plain is not None and plain.signature_type is not None:
            signer = RecordedSigner(signature_type=plain.signature_type, block=plain.signature)
        endpoint = Endpoint(self._config(), self.cache, random=self.random, wall_clock=Clock(), signer=signer)
        if party.rs1 is not None or party.rs2 is not None or party.pbxsecret is not None:
            record = PeerRecord(
                rs1=_secret(party.rs1),
                rs2=_secret(party.rs2),
                pbxsecret=_secret(party.pbxsecret),
                verified=plain is not None and plain.verified,
                verified_at=1.0 if plain is not None and plain.verified else None,
                trusted_lineage=True,
                first_seen=1.0,
                last_seen=1.0,
            )
            self.cache.update(party.zid, self.peer.zid, lambda _: record)
        return endpoint

    def _config(self) -> Config:
        """What that end offered; as initiator only what it chose, since the choice is its own."""
        suite, hello, plain = self.transcript.suite, self.recorded.own_hello, self.recorded.own_plain
        initiator = self.role is Role.INITIATOR
        lists: list[tuple[bytes, ...]]
        if initiator:
            agreed = b"DH3k" if suite.key_agreement in NO_KEY_AGREEMENT else suite.key_agreement
            lists = [(suite.hash,), (suite.cipher,), (suite.auth_tag,), (agreed, b"Mult"), (suite.sas,)]
        else:
            lists = [hello.hashes, hello.ciphers, hello.auth_tags, hello.key_agreements, hello.sas_types]
        hashes, ciphers, auth_tags, key_agreements, sas_types = lists
        algorithms = self._algorithms()
        return Config(
            hashes=_known(hashes, algorithms.hashes),
            ciphers=_known(ciphers, algorithms.ciphers),
            auth_tags=_known(auth_tags, algorithms.auth_tags),
            key_agreements=_known(key_agreements, algorithms.key_agreements),
            sas_types=_known(sas_types, algorithms.sas_types),
            algorithms=algorithms,
            mandatory_always=not initiator,
            passive=not initiator and self.transcript.messages.commit_lost is None,
            preshared=suite.key_agreement == b"Prsh",
            clear_dialect=self.transcript.expect.clear_dialect,
            trusted_mitm=hello.mitm,
            allow_clear=plain is not None and plain.allow_clear,
            disclosure=plain is not None and plain.disclosure,
            cache_interval=FOREVER if plain is None else plain.cache_interval,
            mtu=self.recorded.own_mtu,
        )

    def _algorithms(self) -> Algorithms:
        code = self.transcript.suite.key_agreement
        if code in NO_KEY_AGREEMENT:
            return DEFAULT
        initiating, responding, self.public_key_operation = _shares(self.transcript, self.role)
        return DEFAULT.extended(
            RecordedAgreement(
                real=DEFAULT.key_agreements[code],
                initiator_share=initiating,
                responder_share=responding,
            )
        )

    def _stream(self) -> Stream:
        self.random.then(self.party.h0)
        stream = self.session.add_stream(self.recorded.own_ssrc)
        core = core_of(stream)
        core.hello = core.own.hello = self.recorded.own_hello
        lost = self.recorded.lost if self.role is Role.RESPONDER else None
        first = self.recorded.commit if self.role is Role.INITIATOR else lost
        agreed = self.transcript.mode in ("dh", "kem")  # then the engine's first Commit has no nonce
        for octets in (None if first is None or agreed else first.nonce, self.recorded.own_iv):
            if octets is not None:
                self.random.then(octets)
        absent = self._ids_of_absent_secrets()
        if lost is not None and agreed:
            absent = [bytes(8)] * len(absent) + absent  # for the DHPart2 that was never sent
        for octets in absent:
            self.random.then(octets)
        return stream

    def _ids_of_absent_secrets(self) -> list[bytes]:
        """What the recorded DHPart has in place of IDs, in the order in which the engine draws it."""
        party, sent = self.party, self.recorded.own_dhpart
        if sent is None:
            return []
        fields_of = (
            (party.rs1, sent.rs1_id),
            (party.rs2, sent.rs2_id),
            (party.auxsecret, sent.aux_secret_id),
            (party.pbxsecret, sent.pbx_secret_id),
        )
        return [octets for secret, octets in fields_of if secret is None]

    def _first_stream(self) -> None:
        """What `Call.take_results` knows after a first stream with the recorded ZRTPSess."""
        transcript = self.transcript
        assert transcript.zrtpsess_in is not None
        suite = replace(_suite(transcript), key_agreement=b"DH3k")
        hash_ = DEFAULT.hashes[suite.hash]
        own, peer = (plain or _plain(bytes(32)) for plain in (self.recorded.own_plain, self.recorded.peer_plain))
        first = self.session.add_stream(FIRST_STREAM_SSRC)
        first_exchange = Exchange(
            role=self.role,
            mode=Mode.DH,
            suite=suite,
            hash=hash_,
            cipher=DEFAULT.ciphers[suite.cipher],
            peer=Candidate(self.recorded.peer_hello, self.recorded.peer_ssrc, 0.0),
            commit=self.recorded.commit,
            own_plain=replace(own, cache_interval=0),
            derived=Derived(
                box=Box(
                    hash=hash_,
                    cipher=DEFAULT.ciphers[suite.cipher],
                    keys=StreamKeys.derive(hash_, Secret(bytes(32)), bytes(32), suite, 16, 112),
                ),
                secrets=SessionSecrets(
                    zrtpsess=Secret(transcript.zrtpsess_in),
                    sashash=bytes(32),
                    exported_key=Secret(bytes(hash_.length)),
                    new_rs1=Secret(bytes(32)),
                    kdf_context=bytes(24 + hash_.length),
                ),
                matched=NOTHING_MATCHED,
                heard=HeardHello(self.recorded.peer_hello),
            ),
        )
        confirm = ConfirmVerified(replace(peer, cache_interval=0), ChainComplete(peer.h0))
        confirmed = Confirmed(confirm, SignatureChecked(None), NOT_US)
        call_of(self.session).take_results(core_of(first), first_exchange, confirmed)

    def _inbound(self) -> list[Inbound]:
        """The other end's datagrams: as recorded, or else one for each of its messages."""
        recorded = self.recorded
        if recorded.peer_packets:
            inbound = recorded.peer_packets
        else:
            messages = [recorded.peer_hello.raw, HELLO_ACK.raw, *recorded.peer_messages]
            if _kind(messages[-1]) is Kind.CONFIRM1:
                messages.append(CONF2ACK.raw)
            inbound = [
                Inbound(encode_packet(number, recorded.peer_ssrc, message), _kind(message))
                for number, message in enumerate(messages, 1)
            ]
        before_commit = []
        for one in inbound:
            if one.kind not in (Kind.HELLO, Kind.HELLO_ACK):
                break
            before_commit.append(one.kind)
        if Kind.HELLO_ACK not in before_commit and (self.role is Role.INITIATOR or self._commit_crosses):
            inbound.insert(len(before_commit), Inbound(self.packet(HELLO_ACK.raw), Kind.HELLO_ACK))
        return inbound

    @property
    def _commit_crosses(self) -> bool:
        return self.role is Role.RESPONDER and self.transcript.messages.commit_lost is not None

    def _be_committed(self) -> None:
        """Put the recorded Commit that lost in place of the one that the engine has just sent."""
        if self.stream.state is State.COMMIT_SENT and self.recorded.lost is not None:
            self.exchange.commit = self.recorded.lost
            core_of(self.stream).past.recent_commits = ()

    def _seal_missing_confirm(self) -> None:
        exchange = self.exchange
        if exchange.keys is None:
            return
        confirm = seal_confirm(exchange.box, self.role.other, _plain(self.peer.h0), random.Random(1).randbytes)
        self.sealed_here = True
        self.receive(self.packet(confirm.raw))

    def settle(self) -> None:
        """Take the events and the datagrams that there are."""
        while (event := self.session.next_event()) is not None:
            self.events.append(event)
        for datagram in self.stream.datagrams_to_send():
            packet = decode_packet(datagram)
            self.sent.ssrcs.add(packet.ssrc)
            if isinstance(packet, Fragment):
                self.sent.fragments.append(packet)
                if 4 * (packet.offset_words + len(packet.data) // 4) == 4 * packet.total_words:
                    whole = b"".join(part.data for part in self.sent.fragments)
                    self.sent.messages.append(whole[-4 * packet.total_words :])
            else:
                self.sent.messages.append(packet.message)

    # What is observed, and what is substituted, while the engine works.

    @contextmanager
    def _observing(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(mock.patch.object(agreement, "s0_from_dh", self._s0_from_dh))
            stack.enter_context(mock.patch.object(confirmation, "derive", self._derive))
            stack.enter_context(mock.patch.object(Call, "confirm_plain", self._confirm_plain))
            # No DHPart1 was recorded that names its Commit, not even of this package.
            stack.enter_context(mock.patch.object(compatibility, "OWN_CLIENT_ID", b"later than any recording"))
            yield

    def _s0_from_dh(
        self,
        hash_: HashAlgorithm,
        dh_result: Secret,
        transcript: HashedMessages,
        s1: Secret | None,
        s2: Secret | None,
        s3: Secret | None,
    ) -> Secret:
        self.observed.dh_result = bytes(dh_result.octets)
        return s0_from_dh(hash_, dh_result, transcript, s1, s2, s3)

    def _derive(
        self, core: Core, exchange: Exchange, s0: Secret, transcript: HashedMessages, matched: Matched, heard: Heard
    ) -> Derived:
        self.observed.s0 = bytes(s0.octets)
        self.observed.total_hash = transcript.kdf_context[24:]
        secrets = (matched.s1, matched.s2, matched.s3)
        self.observed.matched = tuple(None if secret is None else bytes(secret.octets) for secret in secrets)
        self.observed.kdf_context = transcript.kdf_context
        return _derive(core, exchange, s0, transcript, matched, heard)

    def _confirm_plain(self, exchange: Exchange, h0: bytes) -> ConfirmPlain:
        """The engine's own, except for what the recorded software decided otherwise."""
        plain = _confirm_plain(call_of(self.session), exchange, h0)
        recorded = self.recorded.own_plain
        if recorded is None:
            return plain
        unsigned = replace(recorded, signature_type=None, signature=b"")
        self.policies = {
            item.name for item in fields(plain) if getattr(plain, item.name) != getattr(unsigned, item.name)
        }
        return unsigned


def _plain(h0: bytes) -> ConfirmPlain:
    return ConfirmPlain(
        h0=h0, enrolment=False, verified=False, allow_clear=False, disclosure=False, cache_interval=FOREVER
    )


# The originals, which the substitutes above call.
_derive = confirmation.derive
_confirm_plain = Call.confirm_plain


@dataclass(slots=True, kw_only=True)
class _Recorded:
    """The recording as seen from one of its ends."""

    own_hello: Hello
    peer_hello: Hello
    commit: Commit
    lost: Commit | None
    own_dhpart: DHPart1 | DHPart2 | None
    own_iv: bytes | None
    own_plain: ConfirmPlain | None
    peer_plain: ConfirmPlain | None
    peer_messages: list[bytes]
    peer_packets: list[Inbound]
    own_fragments: list[Fragment]
    own_mtu: int
    own_ssrc: int
    peer_ssrc: int

    @classmethod
    def of(cls, transcript: Transcript, role: Role) -> _Recorded:
        messages, expect = transcript.messages, transcript.expect
        initiator = role is Role.INITIATOR
        confirms = (messages.confirm2, messages.confirm1) if initiator else (messages.confirm1, messages.confirm2)
        plains = (expect.confirm2_plain, expect.confirm1_plain)
        if not initiator:
            plains = plains[::-1]
        own_packets = [packet.data for packet in transcript.packets if packet.sender == role.value]
        peer_packets = [packet.data for packet in transcript.packets if packet.sender == role.other.value]
        fragments = [packet for data in own_packets if isinstance(packet := decode_packet(data), Fragment)]
        if initiator:
            peer_messages = (messages.commit_lost, messages.dhpart1, messages.confirm1)
        else:
            peer_messages = (messages.commit, messages.dhpart2, messages.confirm2)
        hellos = (parse(messages.hello_i), parse(messages.hello_r))
        own_hello, peer_hello = hellos if initiator else hellos[::-1]
        commit = parse(messages.commit)
        lost = None if messages.commit_lost is None else parse(messages.commit_lost)
        dhpart = messages.dhpart2 if initiator else messages.dhpart1
        own_dhpart = None if dhpart is None else parse(dhpart)
        assert isinstance(own_hello, Hello) and isinstance(peer_hello, Hello) and isinstance(commit, Commit)
        assert isinstance(lost, Commit | None) and isinstance(own_dhpart, DHPart1 | DHPart2 | None)
        return cls(
            own_hello=own_hello,
            peer_hello=peer_hello,
            commit=commit,
            lost=lost,
            own_dhpart=own_dhpart,
            own_iv=None if confirms[0] is None else confirms[0][20:36],
            own_plain=None if plains[0] is None else read_confirm(plains[0]),
            peer_plain=None if plains[1] is None else read_confirm(plains[1]),
            peer_messages=[message for message in peer_messages if message is not None],
            peer_packets=_inbound(peer_packets),
            own_fragments=fragments,
            own_mtu=max(len(data) for data in own_packets) if fragments else 2136,
            own_ssrc=decode_packet(own_packets[0]).ssrc if own_packets else OWN_SSRC,
            peer_ssrc=decode_packet(peer_packets[0]).ssrc if peer_packets else PEER_SSRC,
        )


def _inbound(datagrams: list[bytes]) -> list[Inbound]:
    """The kind of a fragment's message stands in the first fragment."""
    inbound = []
    kinds: dict[int, Kind] = {}
    for datagram in datagrams:
        packet = decode_packet(datagram)
        if isinstance(packet, Fragment):
            if packet.offset_words == 0:
                kinds[packet.message_id] = _kind(packet.data)
            inbound.append(Inbound(datagram, kinds[packet.message_id]))
        else:
            inbound.append(Inbound(datagram, _kind(packet.message)))
    return inbound


def _kind(message: bytes) -> Kind:
    kind = kind_of(message)
    assert kind is not None
    return kind


def _parties(transcript: Transcript, role: Role) -> tuple[Party, Party]:
    both = (transcript.initiator, transcript.responder)
    return both if role is Role.INITIATOR else both[::-1]


def _secret(octets: bytes | None) -> Secret | None:
    return None if octets is None else Secret(octets)


def _suite(transcript: Transcript) -> Suite:
    suite = transcript.suite
    return Suite(
        hash=suite.hash,
        cipher=suite.cipher,
        auth_tag=suite.auth_tag,
        key_agreement=suite.key_agreement,
        sas=suite.sas,
    )


def _shares(transcript: Transcript, role: Role) -> tuple[InitiatorShare | None, ResponderShare | None, bool]:
    """What the recorded end used as key share in its role, and whether it is a real one."""
    code = transcript.suite.key_agreement
    private = (transcript.initiator if role is Role.INITIATOR else transcript.responder).secret
    assert transcript.messages.dhpart1 is not None and transcript.messages.dhpart2 is not None
    pvr, pvi = transcript.messages.dhpart1[76:-8], transcript.messages.dhpart2[76:-8]
    public_key = transcript.messages.commit[108:-8]
    if private is not None and code not in KEMS:
        share = diffie_hellman_share(code, private.value)
        return share, share, True
    context = ShareContext(
        hash=DEFAULT.hashes[transcript.suite.hash],
        exponent_bits=256,
        random=lambda _: pvi,  # the nonce of a KEM's DHPart2
    )
    if private is not None and role is Role.RESPONDER:
        values = [part.value for part in private.parts]
        return None, response_from_private(code, values, public_key, pvr, context), True
    if private is not None:
        octets = b"".join(part.value for part in private.parts)
        if len(octets) == _private_length(code):
            return share_from_private(code, octets, context), None, True
    assert transcript.expect.dh_result is not None
    known = KnownShare(
        code=code,
        commit_field=public_key,
        dhpart1_field=pvr,
        dhpart2_field=pvi,
        peer_field=pvr if role is Role.INITIATOR else pvi,
        dh_result=transcript.expect.dh_result,
    )
    return (known, None, False) if role is Role.INITIATOR else (None, known, False)


def _private_length(code: bytes) -> int:
    """Octets of private key that the libraries of this KEM take."""
    return sum(part.private_length for part in KEMS[code].parts)


def _known(codes: tuple[bytes, ...], algorithms: Container[bytes]) -> tuple[bytes, ...]:
    """Those that can be configured here: the recorded software has others too."""
    return tuple(code for code in codes if code in algorithms or code in WITHOUT_ALGORITHM)
