"""A PBX between two phones in virtual time: it ends ZRTP on both legs, under one ZID."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.support.pair import Clock, Netem, Network, Side, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint

FAST = Config(key_agreements=(b"X255",))
PBX = Config(key_agreements=(b"X255",), trusted_mitm=True)


@dataclass
class Legs:
    """One call: Alice's phone - PBX - Bob's phone."""

    alice: Side
    pbx_to_alice: Side
    pbx_to_bob: Side
    bob: Side
    network: Network

    @property
    def sides(self) -> tuple[Side, Side, Side, Side]:
        return self.alice, self.pbx_to_alice, self.pbx_to_bob, self.bob

    def relay(self) -> None:
        """The PBX relays the SAS as section 7.3 says, and the answers arrive."""
        self.pbx_to_alice.session.pbx.relay(self.pbx_to_bob.session.pbx, self.network.now)
        self.network.run(self.network.now + 1.0)

    def shown(self, side: Side) -> str:
        """The SAS that a phone shows."""
        sas = side.session.pbx.relayed_sas or side.session.sas
        assert sas is not None
        return sas.rendered

    def hang_up(self) -> None:
        for side in self.sides:
            side.drain()
            side.session.close(self.network.now)


@dataclass
class Exchange:
    """The installations: two phones and a PBX, with what they remember."""

    alice_config: Config = FAST
    bob_config: Config = FAST
    pbx_config: Config = PBX
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.alice = self._endpoint(self.alice_config, 1)
        self.bob = self._endpoint(self.bob_config, 2)
        self.pbx = self._endpoint(self.pbx_config, 3)

    def _endpoint(self, config: Config, seed: int) -> Endpoint:
        return Endpoint(config, MemoryCache(), random=seeded(seed), wall_clock=self.clock)

    def call(self, *, enrol_alice: bool = False, enrol_bob: bool = False, net: Netem | None = None) -> Legs:
        """Both legs secure."""
        network = Network(net)
        legs = Legs(
            Side("alice", self.alice, self.alice.session()),
            Side("pbx-a", self.pbx, self.pbx.session(extension="alice", enrol=enrol_alice)),
            Side("pbx-b", self.pbx, self.pbx.session(extension="bob", enrol=enrol_bob)),
            Side("bob", self.bob, self.bob.session()),
            network,
        )
        streams = [side.session.add_stream(0x1000 + number) for number, side in enumerate(legs.sides)]
        network.connect("alice", streams[0], "pbx-a", streams[1])
        network.connect("pbx-b", streams[2], "bob", streams[3])
        for stream in streams:
            stream.start(0.0)
        network.run(5.0)
        return legs

    def enrol(self, *, alice: bool, bob: bool) -> None:
        """An earlier call in which the users of these phones came to trust the PBX."""
        legs = self.call(enrol_alice=alice, enrol_bob=bob)
        for side, wanted in ((legs.alice, alice), (legs.bob, bob)):
            if wanted:
                side.session.sas_matched("the office")
                side.session.pbx.accept_enrolment()
        legs.hang_up()
