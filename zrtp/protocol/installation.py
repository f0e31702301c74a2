"""What all calls of one installation share: its choices, ZIDs, key pairs made ahead, and half-open exchanges."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from zrtp.crypto.hashes import sha256
from zrtp.crypto.key_agreements.base import InitiatorShare, ShareContext
from zrtp.crypto.signatures import SignatureVerifier, Signer
from zrtp.errors import ApiMisuse
from zrtp.protocol.config import Config
from zrtp.protocol.events import Role, Suite
from zrtp.protocol.exchange import Exchange
from zrtp.protocol.half_open import HalfOpen
from zrtp.protocol.limits import EXCHANGES
from zrtp.protocol.negotiation import Offer, usual_suite
from zrtp.protocol.states import State, Trigger
from zrtp.system import RandomSource, WallClock, process
from zrtp.wire.messages import Hello

COMMIT_OVERHEAD = 116
"""Octets of a Commit around its public key: more than a DHPart1 has around its ciphertext."""


class Member(Protocol):
    """A stream, as far as others of the same call or installation need to know it."""

    ssrc: int
    state: State
    hello: Hello
    exchange: Exchange | None
    peer_hello_hash: bytes | None
    """The hash of the peer's Hello that signalling told, 32 octets."""


class Installation:
    """One installation, without its cache: the engine below never sees that."""

    __slots__ = (
        "_half_open",
        "_prepared",
        "algorithms",
        "cacheless",
        "config",
        "finish_exchange",
        "generation",
        "inputs",
        "longest_fragmented_message",
        "offer",
        "random",
        "signers",
        "verifiers",
        "wall_clock",
        "without_preshared",
    )

    def __init__(
        self,
        config: Config,
        *,
        cacheless: bool,
        random: RandomSource,
        wall_clock: WallClock,
        signers: Sequence[Signer] = (),
        verifiers: Mapping[bytes, SignatureVerifier] | None = None,
    ) -> None:
        self.config = config
        self.cacheless = cacheless
        """No retained secrets: RFC 6189 section 4.9.1."""
        self.random = random
        self.wall_clock = wall_clock
        self.without_preshared: dict[bytes, None] = {}
        """ZIDs of peers with which Preshared mode led to nothing."""
        self.algorithms = config.algorithms
        self.offer = Offer(config)
        self.signers = tuple(signers)
        self.verifiers = dict(verifiers or {})
        """By signature type. Without any the S flag of our Hello is off, since one stack drops a Hello that has it."""
        self.longest_fragmented_message = self._longest_kem_message()
        self.inputs: deque[tuple[Member, Trigger]] = deque()
        """What one stream means for another one, in order; the dispatcher takes it through the table."""
        self.generation = process.generation
        self._half_open: HalfOpen[Member] = HalfOpen(config.half_open_limit, EXCHANGES)
        self.finish_exchange = self._half_open.remove
        """The exchange is over, one way or the other."""
        self._prepared: dict[tuple[bytes, ...], deque[InitiatorShare]] = {}

    def tell(self, stream: Member, trigger: Trigger) -> None:
        """Something happened that is an input for another stream."""
        self.inputs.append((stream, trigger))

    def after_fork(self) -> None:
        """In a child: forget what belongs to the parent. Its key pairs would be used twice."""
        if self.generation != process.generation:
            self.generation = process.generation
            self._prepared.clear()  # not wiped: the library's memory is a copy of the parent's
            self._half_open.clear()
            self.inputs.clear()

    # Exchanges with one ZID run side by side, since anybody can claim it. What each of them brings for the cache is
    # written in the order in which they finish, so that RFC 6189 section 4.4.1 needs no exchange to wait for another.

    def make_room(self, peer_zid: bytes, now: float, *, heard: bool = False) -> bool:
        """Make room for an answer to a Commit from that ZID, if need be in place of another half-open exchange; False
        if there is none. Some is kept for those who are known to hear us.
        """
        room, crowded_out = self._half_open.make_room(peer_zid, now, heard=heard)
        if crowded_out is not None:
            self.tell(crowded_out, Trigger.CROWDED_OUT)
        return room

    def begin_exchange(self, stream: Member, exchange: Exchange) -> None:
        """Note a running exchange."""
        if exchange.role is Role.RESPONDER:
            self._half_open.add(exchange, stream)

    # Key shares.

    def share_context(self, suite: Suite) -> ShareContext:
        """What a key share needs to know: DH exponents are twice as long as the AES key (section 5.1.5)."""
        return ShareContext(
            hash=self.algorithms.hashes[suite.hash],
            exponent_bits=self.algorithms.ciphers[suite.cipher].key_length * 16,
            random=self.random,
        )

    def make_share(self, suite: Suite) -> InitiatorShare:
        """A key pair for our own Commit: one that was prepared, or a fresh one."""
        prepared = self.take_prepared(suite)
        return prepared if prepared is not None else self._fresh_share(suite)

    def prepare(self, pairs: int, suite: Suite | None) -> None:
        """Make key pairs ahead of need, up to so many, for this suite or the usual one."""
        suite = suite if suite is not None else usual_suite(self.config, self.offer)
        stock = self._prepared.setdefault(_stock(suite), deque())
        while len(stock) < pairs:
            stock.append(self._fresh_share(suite))

    def take_prepared(self, suite: Suite) -> InitiatorShare | None:
        """A prepared key pair for this suite, if there is one left."""
        stock = self._prepared.get(_stock(suite)) if self._prepared else None
        return stock.popleft() if stock else None

    def discard_prepared(self) -> None:
        """Wipe the key pairs that no call has used."""
        for stock in self._prepared.values():
            while stock:
                stock.popleft().wipe()

    def _fresh_share(self, suite: Suite) -> InitiatorShare:
        return self.algorithms.key_agreements[suite.key_agreement].initiate(self.share_context(suite))

    def _longest_kem_message(self) -> int:
        """Octets of the longest message that may arrive in fragments; 0 if no KEM is offered."""
        agreements = self.algorithms.key_agreements
        fields = [
            max(agreements[code].commit_length, agreements[code].dhpart1_length)
            for code in self.offer.key_agreements
            if code in agreements and agreements[code].is_kem
        ]
        return max(fields) + COMMIT_OVERHEAD if fields else 0


def endpoint_hash(zid: bytes, extension: str, hidden_zid: Callable[[], bytes] | None = None) -> bytes:
    """EndpointHash, 8 octets that name an endpoint in Ping and PingACK for good (section 5.16): its truncated ZID, or a
    hash of it with the extension behind a PBX, or, with `hidden_zid`, one that does not reveal the ZID.
    """
    if hidden_zid is not None:
        return sha256(hidden_zid() + zid + extension.encode())[:8]
    return sha256(zid + extension.encode())[:8] if extension else zid[:8]


def check_verifiers(verifiers: Sequence[SignatureVerifier]) -> dict[bytes, SignatureVerifier]:
    """By signature type.

    Raises:
        ApiMisuse: there are some, and none for the mandatory type X509.
    """
    by_type = {verifier.signature_type: verifier for verifier in verifiers}
    if by_type and b"X509" not in by_type:
        raise ApiMisuse("Whoever checks signatures has to check those of type X509: add an X509Verifier.")
    return by_type


def _stock(suite: Suite) -> tuple[bytes, ...]:
    """What a key share depends on; see `Installation.share_context`."""
    return suite.key_agreement, suite.hash, suite.cipher
