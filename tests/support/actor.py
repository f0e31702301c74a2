"""A peer played by hand against one stream: honest in everything that a test does not change.

The actor computes its messages and keys with the engine's own primitives, which have tests and known answers of their
own. A test walks through an exchange step by step and changes single fields on the way::

    bob = alone(FAST)
    mallory = Actor(bob.stream)
    mallory.discover()
    mallory.send(mallory.commit())
    mallory.send(mallory.dhpart2(pv=bytes(32)))      # a public value that no honest peer sends
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar

from tests.support.inside import cache_of, call_of, core_of
from tests.support.pair import BOB_SSRC, Clock, Side, seeded
from zrtp.cache.interface import SecretCache
from zrtp.crypto.codes import MULT, PRSH
from zrtp.crypto.key_agreements.base import CheckedValue, InitiatorShare, ResponderShare, ShareContext
from zrtp.protocol.config import Config
from zrtp.protocol.confirm import Box, open_confirm, seal_confirm
from zrtp.protocol.core import Core
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Role, Suite
from zrtp.protocol.hash_chain import (
    ChainComplete,
    CommitAuthentic,
    HelloAuthentic,
    OwnChain,
    message_mac,
)
from zrtp.protocol.key_schedule import (
    HviVerified,
    SessionSecrets,
    StreamKeys,
    Transcript,
    hvi,
    key_id,
    preshared_key,
    s0_from_dh,
    s0_from_preshared,
    s0_from_session,
)
from zrtp.protocol.negotiation import VERSION, Offer
from zrtp.protocol.retained_secrets import KnownSecrets, match, own_ids
from zrtp.protocol.states import Trigger
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret
from zrtp.wire.messages import (
    CONF2ACK,
    HELLO_ACK,
    Commit,
    Confirm1,
    Confirm2,
    ConfirmPlain,
    DHPart1,
    DHPart2,
    Hello,
    Kind,
    Message,
    Ping,
    PingACK,
    parse,
)
from zrtp.wire.packet import Packet, decode_packet, encode_packet

M = TypeVar("M", bound=Message)

ACTOR_SSRC = 0x0AC70000

FAST = Config(key_agreements=(b"X255", b"Mult"))
"""Nothing but X25519, in which an exchange takes a millisecond."""

WAITING = Config(key_agreements=(b"X255", b"Mult"), auto_secure=False)
"""As FAST, but never commits by itself: the side that an initiator is played against."""

SUITE = Suite(hash=b"S256", cipher=b"AES1", auth_tag=b"HS80", key_agreement=b"X255", sas=b"B32 ")


def alone(
    config: Config = FAST,
    cache: SecretCache | None = None,
    *,
    seed: int = 5,
    ssrc: int = BOB_SSRC,
    clock: Clock | None = None,
    aux_secret: bytes | None = None,
    peer_hello_hash: bytes | None = None,
) -> Side:
    """One endpoint with a started stream and nobody at the other end."""
    endpoint = Endpoint(config, cache, random=seeded(seed), wall_clock=clock if clock is not None else Clock())
    side = Side("bob", endpoint, endpoint.session(aux_secret=aux_secret))
    side.session.add_stream(ssrc, peer_hello_hash=peer_hello_hash).start(0.0)
    return side


class Actor:
    """One peer: its hash chain, its key share, and what it makes of the answers."""

    def __init__(
        self,
        stream: Stream,
        *,
        ssrc: int = ACTOR_SSRC,
        seed: int = 77,
        zid: bytes | None = None,
        config: Config = FAST,
        suite: Suite = SUITE,
        known: KnownSecrets | None = None,
    ) -> None:
        self.stream = stream
        self.ssrc = ssrc
        self.random = seeded(seed)
        self.chain = OwnChain.make(self.random)
        self.zid = zid if zid is not None else self.random(12)
        self.offer = Offer(config)
        self.algorithms = config.algorithms
        self.suite = suite
        self.known = known if known is not None else KnownSecrets()
        self.now = 0.0
        self.sequence = 1
        self.heard: list[Message] = []
        """Every message of the stream, oldest first."""
        self.own_hello = self.hello()
        self.own_commit: Commit | None = None
        self.own_dhpart1: DHPart1 | None = None
        self.own_dhpart2: DHPart2 | None = None
        self.share: InitiatorShare | None = None
        self.answer_share: ResponderShare | None = None
        self.keys: StreamKeys | None = None
        self.secrets: SessionSecrets | None = None
        self.role = Role.INITIATOR

    # The wire.

    def send(self, *messages: Message | bytes, ssrc: int | None = None) -> list[Message]:
        """Deliver messages, each in a packet of its own; what the stream answers to them."""
        for message in messages:
            raw = message if isinstance(message, bytes) else message.raw
            self.stream.receive_datagram(self.packet(raw, ssrc), self.now)
        return self.listen()

    def packet(self, raw: bytes, ssrc: int | None = None) -> bytes:
        """A datagram with that message."""
        self.sequence += 1
        return encode_packet(self.sequence & 0xFFFF, self.ssrc if ssrc is None else ssrc, raw)

    def listen(self) -> list[Message]:
        """What the stream has sent since the last time."""
        messages = []
        for datagram in self.stream.datagrams_to_send():
            packet = decode_packet(datagram)
            assert isinstance(packet, Packet)
            messages.append(parse(packet.message))
        self.heard += messages
        return messages

    def wait(self, seconds: float) -> list[tuple[float, Message]]:
        """Let virtual time pass and the stream's timers fire; what it sends, with the moment."""
        end = self.now + seconds
        sent = [(self.now, message) for message in self.listen()]
        while (timer := self.stream.next_timer()) is not None and timer <= end:
            self.now = max(self.now, timer)
            self.stream.handle_timer(self.now)
            sent += [(self.now, message) for message in self.listen()]
        self.now = end
        return sent

    # Discovery.

    def hello(self, **changes: Any) -> Hello:
        """A Hello of this actor, with a right MAC unless `mac` is given."""
        values: dict[str, Any] = {
            "version": VERSION,
            "client_id": b"actor           ",
            "h3": self.chain.h3,
            "zid": self.zid,
            "signature_capable": False,
            "mitm": False,
            "passive": False,
            "hashes": self.offer.hashes,
            "ciphers": self.offer.ciphers,
            "auth_tags": self.offer.auth_tags,
            "key_agreements": self.offer.key_agreements,
            "sas_types": self.offer.sas_types,
            "mac": lambda covered: message_mac(self.chain.h2, covered),
        }
        return Hello.make(**values | changes)

    def hear(self, now: float | None = None) -> list[Message]:
        """Answer the Ping by which the engine asks who hears it; whoever sends blindly cannot."""
        challenge = core_of(self.stream).past.challenge
        assert challenge is not None, "nobody was asked"
        self.now = self.now if now is None else now
        return self.send(
            PingACK.make(
                version=b"1.10",
                sender_endpoint_hash=self.zid[:8],
                received_endpoint_hash=challenge,
                ssrc=self.stream.ssrc,
            )
        )

    def discover(self) -> list[Message]:
        """Hello and HelloACK; what the stream sends in return."""
        return self.send(self.own_hello, HELLO_ACK)

    # As initiator.

    @property
    def context(self) -> ShareContext:
        return ShareContext(
            hash=self.algorithms.hashes[self.suite.hash],
            exponent_bits=self.algorithms.ciphers[self.suite.cipher].key_length * 16,
            random=self.random,
        )

    def commit(self, dhpart2: DHPart2 | None = None, **changes: Any) -> Commit:
        """A Commit in DH mode to what `dhpart2` says (by default the DHPart2 that this actor makes)."""
        if self.share is None:
            self.share = self.algorithms.key_agreements[self.suite.key_agreement].initiate(self.context)
        self.own_dhpart2 = dhpart2 if dhpart2 is not None else self.dhpart2()
        committed = hvi(self.context.hash, self.own_dhpart2.raw, core_of(self.stream).hello.raw)
        self.own_commit = self._commit(hvi=committed, public_key=self.share.commit_field, **changes)
        return self.own_commit

    def multistream_commit(self, zrtpsess: Secret, **changes: Any) -> Commit:
        """A Commit in Multistream mode, and the keys that follow from it."""
        values: dict[str, Any] = {"key_agreement": MULT, "nonce": self.random(16)}
        self.own_commit = self._commit(**values | changes)
        transcript = Transcript.without_dh(self.context.hash, core_of(self.stream).hello, self.own_commit)
        self._derive(s0_from_session(self.context.hash, zrtpsess, transcript), transcript)
        return self.own_commit

    def preshared_commit(self, **changes: Any) -> Commit:
        """A Commit in Preshared mode from the secrets that this actor knows, and the keys that follow from it."""
        assert self.known.rs1 is not None
        hash_ = self.context.hash
        key = preshared_key(hash_, self.known.rs1, self.known.aux, self.known.pbx)
        values: dict[str, Any] = {"key_agreement": PRSH, "nonce": self.random(16), "key_id": key_id(hash_, key)}
        self.own_commit = self._commit(**values | changes)
        transcript = Transcript.without_dh(hash_, core_of(self.stream).hello, self.own_commit)
        self._derive(s0_from_preshared(hash_, key, transcript), transcript)
        return self.own_commit

    def _commit(self, **changes: Any) -> Commit:
        values: dict[str, Any] = {
            "h2": self.chain.h2,
            "zid": self.zid,
            "hash": self.suite.hash,
            "cipher": self.suite.cipher,
            "auth_tag": self.suite.auth_tag,
            "key_agreement": self.suite.key_agreement,
            "sas": self.suite.sas,
            "mac": lambda covered: message_mac(self.chain.h1, covered),
        }
        return Commit.make(**values | changes)

    def dhpart2(self, **changes: Any) -> DHPart2:
        """The DHPart2 that goes with the Commit."""
        if self.share is None:
            self.share = self.algorithms.key_agreements[self.suite.key_agreement].initiate(self.context)
        made = self.own_dhpart2
        if made is not None and not changes:
            return made
        values = self._dhpart_fields(Role.INITIATOR, self.share.dhpart2_field)
        if made is not None:
            values |= {name: getattr(made, name) for name in values if name != "mac"}
        return DHPart2.make(**values | changes)

    def take_dhpart1(self, dhpart1: DHPart1) -> None:
        """Derive the keys of the initiator."""
        assert self.share is not None
        assert self.own_commit is not None
        assert self.own_dhpart2 is not None
        hash_, hello = self.context.hash, core_of(self.stream).hello
        matched = match(hash_, self.known, dhpart1, Role.RESPONDER, hello.h3)
        transcript = Transcript.of_initiator(
            hash_, self.zid, HelloAuthentic(hello, b""), self.own_commit, dhpart1, self.own_dhpart2
        )
        dh_result = self.share.finish(CheckedValue(dhpart1.pv))
        self._derive(s0_from_dh(hash_, dh_result, transcript, matched.s1, matched.s2, matched.s3), transcript)

    # As responder.

    def dhpart1(self, commit: Commit, **changes: Any) -> DHPart1:
        """The answer to the stream's Commit."""
        self.role = Role.RESPONDER
        self.suite = Suite(
            hash=commit.hash,
            cipher=commit.cipher,
            auth_tag=commit.auth_tag,
            key_agreement=commit.key_agreement,
            sas=commit.sas,
        )
        self.own_commit = commit
        agreement = self.algorithms.key_agreements[commit.key_agreement]
        self.answer_share = agreement.respond(CheckedValue(commit.public_key), self.context)
        values = self._dhpart_fields(Role.RESPONDER, self.answer_share.dhpart1_field)
        self.own_dhpart1 = DHPart1.make(**values | changes)
        return self.own_dhpart1

    def take_dhpart2(self, dhpart2: DHPart2) -> None:
        """Derive the keys of the responder."""
        assert self.answer_share is not None
        assert self.own_commit is not None
        assert self.own_dhpart1 is not None
        hash_ = self.context.hash
        matched = match(hash_, self.known, dhpart2, Role.INITIATOR, core_of(self.stream).hello.h3)
        transcript = Transcript.of_responder(
            hash_, self.own_hello, CommitAuthentic(self.own_commit, b""), self.own_dhpart1, HviVerified(dhpart2)
        )
        dh_result = self.answer_share.finish(CheckedValue(dhpart2.pv))
        self._derive(s0_from_dh(hash_, dh_result, transcript, matched.s1, matched.s2, matched.s3), transcript)

    def take_multistream_commit(self, commit: Commit, zrtpsess: Secret) -> None:
        """Derive the keys of the responder in Multistream mode."""
        self.role = Role.RESPONDER
        self.own_commit = commit
        transcript = Transcript.without_dh(self.context.hash, self.own_hello, commit)
        self._derive(s0_from_session(self.context.hash, zrtpsess, transcript), transcript)

    def _dhpart_fields(self, role: Role, pv: bytes) -> dict[str, Any]:
        ids = own_ids(self.context.hash, self.known, role, self.chain.h3, self.random)
        return {
            "h1": self.chain.h1,
            "rs1_id": ids.rs1,
            "rs2_id": ids.rs2,
            "aux_secret_id": ids.aux,
            "pbx_secret_id": ids.pbx,
            "pv": pv,
            "mac": lambda covered: message_mac(self.chain.h0, covered),
        }

    def _derive(self, s0: Secret, transcript: Transcript) -> None:
        hash_, context = self.context.hash, transcript.kdf_context
        key_length = self.algorithms.ciphers[self.suite.cipher].key_length
        salt_bits = self.algorithms.auth_tags[self.suite.auth_tag].salt_bits
        self.keys = StreamKeys.derive(hash_, s0, context, self.suite, key_length, salt_bits)
        self.secrets = SessionSecrets.derive(hash_, s0, context)

    # Confirm.

    @property
    def box(self) -> Box:
        assert self.keys is not None
        return Box(hash=self.context.hash, cipher=self.algorithms.ciphers[self.suite.cipher], keys=self.keys)

    def plain(self, **changes: Any) -> ConfirmPlain:
        """What this actor's Confirm says."""
        values: dict[str, Any] = {
            "h0": self.chain.h0,
            "enrolment": False,
            "verified": False,
            "allow_clear": False,
            "disclosure": False,
            "cache_interval": 0xFFFFFFFF,
        }
        return ConfirmPlain(**values | changes)

    def confirm(self, **changes: Any) -> Confirm1 | Confirm2:
        """Confirm1 of a responder, Confirm2 of an initiator."""
        return seal_confirm(self.box, self.role, self.plain(**changes), self.random)

    def open(self, confirm: Confirm1 | Confirm2) -> ConfirmPlain:
        """Decrypt the stream's Confirm."""
        return open_confirm(self.box, self.role.other, confirm, ChainComplete).plain

    # Whole exchanges.

    def initiate(self, **confirm: Any) -> ConfirmPlain:
        """The whole exchange as initiator, after discovery; what the stream's Confirm1 says."""
        dhpart1 = only(self.send(self.commit()), DHPart1)
        self.take_dhpart1(dhpart1)
        confirm1 = only(self.send(self.dhpart2()), Confirm1)
        only(self.send(self.confirm(**confirm)), type(CONF2ACK))
        return self.open(confirm1)

    def answer(self, commit: Commit, **confirm: Any) -> ConfirmPlain:
        """The whole exchange as responder, from the stream's Commit; what its Confirm2 says."""
        dhpart2 = among(self.send(self.dhpart1(commit)), DHPart2)  # perhaps beside Commits to others
        self.take_dhpart2(dhpart2)
        confirm2 = only(self.send(self.confirm(**confirm)), Confirm2)
        self.send(CONF2ACK)
        return self.open(confirm2)


def started() -> tuple[Side, Core]:
    """A stream whose first Hello has gone out."""
    side = alone(FAST)
    side.stream.datagrams_to_send()
    return side, core_of(side.stream)


def sent(side: Side) -> list[bytes]:
    """The messages that it sends now."""
    packets = [decode_packet(datagram) for datagram in side.stream.datagrams_to_send()]
    return [packet.message for packet in packets if isinstance(packet, Packet)]


def kinds(messages: Iterable[Message]) -> list[Kind]:
    """What kinds of messages these are, in order."""
    return [message.kind for message in messages]


def only(messages: list[Message], kind: type[M]) -> M:
    """The one message of a list, of that type, besides the Ping that asks who hears us."""
    (message,) = [one for one in messages if kind is Ping or not isinstance(one, Ping)]
    assert isinstance(message, kind), message
    return message


def among(messages: list[Message], kind: type[M]) -> M:
    """The one message of that type, whatever else was sent."""
    (message,) = [message for message in messages if isinstance(message, kind)]
    return message


NOTES = ("refusal", "disturbed")
"""What an exchange remembers of refused messages, to word a later failure."""


def snapshot(side: Side) -> dict[str, object]:
    """Everything about a side that a refused message must leave as it was; counters, logs and answers are left out."""
    stream, session = side.stream, side.session
    exchange, retransmission = core_of(stream).exchange, core_of(stream).retransmission
    return {
        "state": stream.state,
        "sending": stream.sending,
        "hello acknowledged": core_of(stream).hello_acknowledged,
        "candidates": dict(core_of(stream).candidates),
        "exchange": None
        if exchange is None
        else {f.name: getattr(exchange, f.name) for f in fields(exchange) if f.name not in NOTES},
        "retransmission": None if retransmission is None else (retransmission.message, retransmission.copies),
        "deadlines": {
            trigger: at for trigger, at in core_of(stream).deadlines.items() if trigger is not Trigger.ERROR_GRACE_OVER
        },
        "session": (
            session.sas,
            session.peer.zid,
            call_of(session).suite,
            session.continuity,
            call_of(session).compromised,
        ),
        "assurance": session.assurance,
        "cache": cache_of(side.endpoint).peers(),
    }
