"""Two people who call each other again and again, each with one installation that remembers the other."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from itertools import count

from tests.support.pair import Clock, Netem, Pair
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.protocol.config import Config
from zrtp.wire.messages import Kind, kind_of

FAST = Config(key_agreements=(b"X255", b"Mult"))


def hear_each_other(pair: Pair) -> Pair:
    """SRTP of each side arrives at the other: both have stored what the call brought."""
    for side in pair.sides:
        side.stream.srtp_verified(pair.network.now)
    return pair


class Friends:
    """Alice and Bob over several calls; a clock that the test moves passes between them."""

    def __init__(self, alice: Config = FAST, bob: Config = FAST, *, seed: int = 0) -> None:
        self.configs = {"alice": alice, "bob": bob}
        self.caches = {"alice": MemoryCache(), "bob": MemoryCache()}
        self.clock = Clock()
        self._seeds = count(1000 * seed)

    def pair(
        self,
        initiator: str = "alice",
        *,
        net: Netem | None = None,
        alice_aux: bytes | None = None,
        bob_aux: bytes | None = None,
        bind: bool = False,
        deferred: Container[str] = (),
        alice_expects: str | bytes | None = None,
    ) -> Pair:
        """A call that has not begun; the other side than the initiator never commits."""
        configs = {name: replace(config, passive=name != initiator) for name, config in self.configs.items()}
        return Pair(
            configs["alice"],
            configs["bob"],
            net=net,
            seed=next(self._seeds),
            alice_cache=self.caches["alice"],
            bob_cache=self.caches["bob"],
            alice_aux=alice_aux,
            bob_aux=bob_aux,
            clock=self.clock,
            bind=bind,
            deferred=deferred,
            alice_expects=alice_expects,
        )

    def call(self, initiator: str = "alice", **options: object) -> Pair:
        """A whole call, still open at both ends; both are secure, and hear each other."""
        pair = self.pair(initiator, **options).run()  # type: ignore[arg-type]
        assert pair.secure and pair.keys_agree
        return hear_each_other(pair)

    def half_finished_call(self, initiator: str = "alice") -> Pair:
        """Conf2ACK is lost and no SRTP flows: the responder is secure and stores, the initiator fails and does not."""
        pair = self.pair(initiator)
        pair.network.filter = lambda _, datagram: None if kind_of(datagram[12:]) is Kind.CONF2ACK else datagram
        pair.run(60.0)
        for side in pair.sides:
            side.session.close(60.0)
        return pair

    def zids(self, owner: str) -> tuple[bytes, bytes]:
        """The ZID of one of them, and the other's."""
        alice = self.caches["alice"].own_zid(lambda: b"alice's ZID.")
        bob = self.caches["bob"].own_zid(lambda: b"bob's ZID...")
        return (alice, bob) if owner == "alice" else (bob, alice)

    def record(self, owner: str) -> PeerRecord | None:
        """What one of them remembers of the other."""
        return self.caches[owner].load(*self.zids(owner))

    def change(self, owner: str, **values: object) -> None:
        """Edit what one of them remembers of the other."""

        def edit(old: PeerRecord | None) -> PeerRecord:
            return replace(old if old is not None else PeerRecord(), **values)  # type: ignore[arg-type]

        self.caches[owner].update(*self.zids(owner), edit)

    def forget(self, owner: str) -> None:
        """One of them loses what it knew of the other, and keeps its ZID."""
        self.caches[owner].update(*self.zids(owner), lambda _: None)

    def move(self, owner: str, cache: MemoryCache) -> None:
        """One of them uses another, empty cache from now on, into which everything is copied."""
        own, peer = self.zids(owner)
        record = self.record(owner)
        cache.own_zid(lambda: own)
        cache.update(own, peer, lambda _: record)
        self.caches[owner] = cache

    def copied_caches(self) -> dict[str, MemoryCache]:
        """What both remember, for a call that leaves no trace here."""
        return {owner: self._copied_cache(owner) for owner in self.caches}

    def _copied_cache(self, owner: str) -> MemoryCache:
        own, peer = self.zids(owner)
        copy = MemoryCache()
        copy.own_zid(lambda: own)
        copy.update(own, peer, lambda _: self.record(owner))
        return copy
