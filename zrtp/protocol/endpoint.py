"""One installation: its ZID, its configuration, its cache, its randomness, and the calls it is in."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from zrtp.cache.interface import SecretCache
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.hashes import sha256
from zrtp.crypto.key_agreements.base import InitiatorShare, ShareContext
from zrtp.crypto.signatures import SignatureVerifier, Signer
from zrtp.errors import ApiMisuse
from zrtp.protocol.config import Config
from zrtp.protocol.events import Role, Suite
from zrtp.protocol.negotiation import Offer, usual_suite
from zrtp.protocol.session import Session
from zrtp.secret import Secret
from zrtp.system import RandomSource, WallClock, system_random, wall_clock

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream

ZID_LENGTH = 12
_HASH_LABEL = "EndpointHash"
"""The label under which the cache keeps random octets that nobody outside knows."""
COMMIT_OVERHEAD = 116
"""Octets of a Commit around its public key: more than a DHPart1 has around its ciphertext."""


class Endpoint:
    """Owns what all calls of one installation share. Make one, and a session for each call.

    `cache` holds the retained secrets; None makes a cacheless endpoint (RFC 6189 section 4.9.1) with a new ZID.
    `signer` signs the SAS of calls with peers that can check it, `verifiers` check theirs (section 7.2). Of several
    signers one whose key fits the key agreement is taken.
    `random` returns octets fit for keys, `wall_clock` seconds since 1970; both default to the operating system's.
    """

    def __init__(
        self,
        config: Config | None = None,
        cache: SecretCache | None = None,
        *,
        random: RandomSource = system_random,
        wall_clock: WallClock = wall_clock,
        signer: Signer | Sequence[Signer] | None = None,
        verifiers: Sequence[SignatureVerifier] = (),
    ) -> None:
        self.config = config if config is not None else Config()
        self.cacheless = cache is None
        self.cache: SecretCache = cache if cache is not None else MemoryCache()
        self.random = random
        self.wall_clock = wall_clock
        self.algorithms = self.config.algorithms
        self.offer = Offer(self.config)
        self.zid = self.zid_for("")
        self.signers = (signer,) if isinstance(signer, Signer) else tuple(signer or ())
        self._verifiers = {verifier.signature_type: verifier for verifier in verifiers}
        if self._verifiers and b"X509" not in self._verifiers:
            raise ApiMisuse("Whoever checks signatures has to check those of type X509: add an X509Verifier.")
        self.longest_fragmented_message = self._longest_kem_message()
        self._sessions = 0
        self._running: dict[tuple[bytes, bytes], Stream] = {}
        self._pairs: dict[Stream, tuple[bytes, bytes]] = {}
        self._half_open: dict[Stream, None] = {}
        self._prepared: dict[tuple[bytes, ...], deque[InitiatorShare]] = {}

    def session(
        self,
        *,
        peer_label: str = "",
        aux_secret: bytes | None = None,
        signalled_key: tuple[bytes, bytes] | None = None,
        extension: str = "",
        enrol: bool = False,
        offload: bool = False,
    ) -> Session:
        """A new call with one peer.

        Args:
            peer_label: selects a ZID of its own for this contact if `Config.zid_per_peer` is set.
            aux_secret: auxsecret, what both sides know from elsewhere; 32 octets unless the peer takes others, for
                example from `zrtp.crypto.passphrase`.
            signalled_key: SRTP master key and salt from SDES signalling, mixed in as auxsecret (section 8.2).
            extension: for a PBX, the SIP URI or number of the endpoint behind it, told apart by Ping (section 5.16).
            enrol: for a PBX, ask the phone to trust it with relaying the SAS (section 7.3.1).
            offload: hand out public-key operations instead of performing them (`zrtp.protocol.work`).

        Raises:
            ApiMisuse: both kinds of auxsecret, or `enrol` without `Config.trusted_mitm`.
        """
        if enrol and not self.config.trusted_mitm:
            raise ApiMisuse("Only an endpoint with Config.trusted_mitm can enrol phones.")
        if aux_secret is not None and signalled_key is not None:
            raise ApiMisuse("A call has one auxsecret: give aux_secret or signalled_key, not both.")
        self._sessions += 1
        return Session(
            self,
            zid=self.zid_for(peer_label) if self.config.zid_per_peer and peer_label else self.zid,
            number=self._sessions,
            aux_secret=None if aux_secret is None else Secret(aux_secret),
            signalled_key=None if signalled_key is None else (Secret(signalled_key[0]), signalled_key[1]),
            extension=extension,
            enrol=enrol,
            offload=offload,
        )

    def endpoint_hash(self, zid: bytes, extension: str) -> bytes:
        """EndpointHash, 8 octets that name an endpoint in Ping and PingACK for good (section 5.16): its truncated ZID,
        or a hash of it with the extension behind a PBX, or one that does not reveal the ZID.
        """
        if self.config.private_endpoint_hash:
            return sha256(self.zid_for(_HASH_LABEL) + zid + extension.encode())[:8]
        return sha256(zid + extension.encode())[:8] if extension else zid[:8]

    def zid_for(self, label: str) -> bytes:
        """Our ZID for that contact, 12 octets; made the first time it is asked for."""
        return self.cache.own_zid(lambda: self.random(ZID_LENGTH), label)

    @property
    def can_verify_signatures(self) -> bool:
        """The S flag of our Hello: off unless a verifier is configured, since one stack drops a Hello that has it."""
        return bool(self._verifiers)

    def verifier_of(self, signature_type: bytes) -> SignatureVerifier | None:
        """Who checks signatures of that type, if anybody does."""
        return self._verifiers.get(signature_type)

    # One DH or Preshared exchange at a time between the same two ZIDs (RFC 6189 section 4.4.1).

    def running_exchange(self, own_zid: bytes, peer_zid: bytes) -> Stream | None:
        """The stream whose DH or Preshared exchange with that peer is not finished."""
        return self._running.get((own_zid, peer_zid))

    def begin_exchange(self, stream: Stream, own_zid: bytes, peer_zid: bytes, now: float) -> None:
        """Note a running exchange. What answers strangers is bounded: too many push the oldest out."""
        self._running[own_zid, peer_zid] = stream
        self._pairs[stream] = own_zid, peer_zid
        if stream.role is Role.RESPONDER:
            self._half_open[stream] = None
            if len(self._half_open) > self.config.half_open_limit:
                next(iter(self._half_open)).abandon(now)

    def finish_exchange(self, stream: Stream) -> None:
        """The exchange of this stream is over, one way or the other."""
        pair = self._pairs.pop(stream, None)
        if pair is not None and self._running.get(pair) is stream:
            del self._running[pair]
        self._half_open.pop(stream, None)

    # Key shares.

    def share_context(self, suite: Suite) -> ShareContext:
        """What a key share needs to know: DH exponents are twice as long as the AES key (section 5.1.5)."""
        return ShareContext(
            hash=self.algorithms.hashes[suite.hash],
            exponent_bits=self.algorithms.ciphers[suite.cipher].key_length * 16,
            random=self.random,
        )

    def make_share(self, suite: Suite) -> InitiatorShare:
        """A key pair for our own Commit: one from `prepare`, or a fresh one."""
        prepared = self.take_prepared(suite)
        return prepared if prepared is not None else self._fresh_share(suite)

    def prepare(self, pairs: int = 1, suite: Suite | None = None) -> None:
        """Make key pairs ahead of need, for example while the phone rings: the next calls with this suite use them.

        Without `suite` they are for what two endpoints like this one agree on. Up to so many pairs are in stock then;
        each serves one call. It may run in another thread than the calls. Until they are used, or discarded, private
        keys lie in memory.
        """
        suite = suite if suite is not None else usual_suite(self.config, self.offer)
        stock = self._prepared.setdefault(_stock(suite), deque())
        while len(stock) < pairs:
            stock.append(self._fresh_share(suite))

    def take_prepared(self, suite: Suite) -> InitiatorShare | None:
        """A key pair from `prepare` for this suite, if there is one left."""
        stock = self._prepared.get(_stock(suite))
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


def _stock(suite: Suite) -> tuple[bytes, ...]:
    """What a key share depends on; see `Endpoint.share_context`."""
    return suite.key_agreement, suite.hash, suite.cipher
