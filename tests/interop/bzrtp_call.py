"""A call between the engine and the real bzrtp, in virtual time: the stage for the tests of both together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.interop.bzrtp import Algorithms, Bzrtp, Channel, Keys, ZidCache
from tests.interop.virtual_time import Network, Ours, Sent
from tests.support.pair import Clock, Side, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.crypto import codes
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Role, Secured, SrtpKeys, Suite
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret

OUR_AUDIO, OUR_VIDEO = 0x0A0A0A01, 0x0A0A0A02
THEIR_AUDIO, THEIR_VIDEO = 0x0B0B0B01, 0x0B0B0B02

EXPORT_LABEL = b"interop test"

US, THEM = "a", "b"
"""Names of the two parties in the network's record."""


class Call:
    """One call: our session with its streams, their context with its channels. To be closed, best by `with`.

    `role` makes us initiator or responder for certain; None leaves it to the contention of both Commits.
    """

    def __init__(
        self,
        config: Config | None = None,
        algorithms: Algorithms | None = None,
        *,
        role: Role | None = None,
        network: Network | None = None,
        cache: MemoryCache | None = None,
        their_cache: ZidCache | None = None,
        aux_secret: bytes | None = None,
        their_aux_secret: bytes = b"",
        clock: Clock | None = None,
        seed: int = 0,
    ) -> None:
        endpoint = Endpoint(
            config,
            cache if cache is not None else MemoryCache(),
            random=seeded(seed),
            wall_clock=clock if clock is not None else Clock(),
        )
        self.ours = Side("ours", endpoint, endpoint.session(aux_secret=aux_secret))
        self.ours.session.add_stream(OUR_AUDIO)
        self.theirs = Bzrtp(
            THEIR_AUDIO, algorithms, cache=their_cache, aux_secret=their_aux_secret, export_label=EXPORT_LABEL
        )
        self.network = network if network is not None else Network()
        if role is not None:
            self.network.keep = both(self.network.keep, no_commit_of(role))
        self.now = 0.0

    @property
    def stream(self) -> Stream:
        """Our audio stream."""
        return self.ours.stream

    @property
    def secure(self) -> bool:
        return self.stream.state is State.SECURE and self.theirs.secure

    def run(self, until: float = 20.0, done: Callable[[], bool] | None = None) -> Self:
        """Start both and let them talk until both are secure, or `done` holds, or it is `until` o'clock."""
        if self.stream.state is State.IDLE:
            self.stream.start(self.now)
            self.theirs.start()
        self._talk(self.stream, self.theirs, until, done or (lambda: self.secure))
        return self

    def hear_media(self) -> None:
        """Their first SRTP packet arrives and verifies."""
        self.stream.srtp_verified(self.now)

    def run_further_stream(
        self, *, until: float = 20.0, network: Network | None = None, ours: int = OUR_VIDEO, theirs: int = THEIR_VIDEO
    ) -> tuple[Stream, Channel]:
        """A second stream of the same call, as for video; returns both its ends."""
        stream, channel = self.ours.session.add_stream(ours), self.theirs.add_channel(theirs)
        self.network = network if network is not None else Network()
        stream.start(self.now)
        channel.start()
        self._talk(stream, channel, self.now + until, lambda: stream.state is State.SECURE and channel.secure)
        return stream, channel

    def _talk(self, stream: Stream, channel: Channel, until: float, done: Callable[[], bool]) -> None:
        self.now = self.network.run(Ours(stream), channel, until=until, done=done, start=self.now)
        self.ours.drain()

    def secured(self, ssrc: int = OUR_AUDIO) -> Secured:
        """What our application was told about a stream that is secure."""
        (event,) = [event for event in self.ours.seen(Secured) if event.ssrc == ssrc]
        return event

    def close(self) -> None:
        self.ours.session.close(self.now)
        self.theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def assert_agreed(call: Call, channel: Channel | None = None) -> Secured:
    """Everything that both ends can tell is the same: all SRTP keys and salts, algorithms, roles, SAS."""
    first = channel is None
    theirs = call.theirs if channel is None else channel
    ssrc = OUR_AUDIO if channel is None else OUR_VIDEO
    outcome, secured, keys = theirs.outcome, call.secured(ssrc), call.ours.keys(ssrc)
    assert outcome is not None
    assert plain(keys.send) == outcome.receive
    assert plain(keys.receive) == outcome.send
    assert plain(keys.send) != plain(keys.receive)
    hash_, cipher, auth_tag, key_agreement, sas = outcome.suite
    assert named(secured.suite)[:4] == (hash_, cipher, auth_tag, key_agreement)
    if first:
        assert call.ours.session.sas is not None
        assert call.ours.session.sas.rendered == outcome.sas
        assert named(secured.suite)[4] == sas
        # After a mismatch a responding bzrtp exports no keys, and only that callback tells its role.
        untold = outcome.cache_mismatch and not outcome.role
        assert untold or outcome.role == secured.role.other.value
    return secured


def plain(keys: SrtpKeys) -> Keys:
    """Our keys as bzrtp's driver shows its own."""
    return Keys(bytes(keys.key.octets), bytes(keys.salt.octets))


def named(suite: Suite) -> tuple[str, ...]:
    """Hash, cipher, auth tag, key agreement, SAS type, by name."""
    return tuple(
        codes.name(code) for code in (suite.hash, suite.cipher, suite.auth_tag, suite.key_agreement, suite.sas)
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """One algorithm of each kind, by name."""

    key_agreement: str = "X255"
    hash: str = "S256"
    cipher: str = "AES3"
    auth_tag: str = "HS80"
    sas: str = "B32"

    @property
    def names(self) -> tuple[str, ...]:
        return self.hash, self.cipher, self.auth_tag, self.key_agreement, self.sas

    def config(self, *, passive: bool = False) -> Config:
        """Ours, listing these and nothing else."""
        hash_, cipher, auth_tag, key_agreement, sas = (codes.code(name) for name in self.names)
        return Config(
            hashes=(hash_,),
            ciphers=(cipher,),
            auth_tags=(auth_tag,),
            key_agreements=(key_agreement, b"Mult"),
            sas_types=(sas,),
            mandatory_always=False,
            passive=passive,
        )

    @property
    def algorithms(self) -> Algorithms:
        """Theirs, listing these; bzrtp adds what is mandatory."""
        return Algorithms(
            hashes=[self.hash],
            ciphers=[self.cipher],
            auth_tags=[self.auth_tag],
            key_agreements=[self.key_agreement, "Mult"],
            sas_types=[self.sas],
        )

    def __str__(self) -> str:
        return "-".join(self.names)


def no_commit_of(role: Role) -> Callable[[Sent], bool]:
    """Keeps the other side of `role`, which is ours, from committing: the HelloACK for it gets lost every time.

    Both sides commit only when they have that, and take a Commit instead of it.
    """
    acknowledging = US if role is Role.INITIATOR else THEM
    return lambda datagram: not (datagram.sender == acknowledging and datagram.kind == "HelloACK")


def both(first: Callable[[Sent], bool] | None, second: Callable[[Sent], bool]) -> Callable[[Sent], bool]:
    """A datagram passes if both let it pass."""
    return second if first is None else lambda datagram: first(datagram) and second(datagram)


@dataclass
class Caches:
    """What both sides remember from call to call."""

    ours: MemoryCache
    theirs: ZidCache
    clock: Clock
    seed: int = 0

    @classmethod
    def new(cls, path: Path) -> Caches:
        return cls(MemoryCache(), ZidCache(path), Clock())

    def call(self, **choices: object) -> Call:
        """The next call of the same two people, a day later."""
        self.seed += 1
        self.clock.now += 86400
        return Call(
            cache=self.ours,
            their_cache=self.theirs,
            clock=self.clock,
            seed=self.seed,
            **choices,  # type: ignore[arg-type]
        )

    @property
    def record(self) -> PeerRecord:
        """Our record of them."""
        (entry,) = self.ours.peers()
        return entry.record

    @property
    def secrets(self) -> tuple[tuple[bytes | None, bytes | None], tuple[bytes | None, bytes | None]]:
        """rs1 and rs2 that we keep for them, and that they keep for us."""
        ((rs1, rs2, _),) = self.theirs.secrets()
        return (octets(self.record.rs1), octets(self.record.rs2)), (rs1, rs2)


def octets(secret: Secret | None) -> bytes | None:
    """The octets of a secret, for a comparison with what a peer stored."""
    return None if secret is None else bytes(secret.octets)
