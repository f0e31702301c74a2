"""Every message that the engine can send, as it leaves in conversations between two engines."""

from __future__ import annotations

from dataclasses import replace

from tests.support.pair import Network, Pair, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.session import Session

DH = Config(key_agreements=(b"DH3k", b"X255", b"Mult"), allow_clear=True)
PRESHARED = replace(DH, preshared=True)
CURVES = Config(key_agreements=(b"X255", b"Mult"), client_id=b"ABCDEFGHIJKLMNOP")
PBX = replace(CURVES, trusted_mitm=True)


def all_datagrams() -> list[bytes]:
    """The datagrams of all conversations below, in order."""
    return [
        *call_that_goes_clear(),
        *preshared_call(),
        *call_with_kem(),
        *call_that_fails(),
        *call_through_a_pbx(),
    ]


def call_that_goes_clear() -> list[bytes]:
    """DH, a second stream by Multistream, a Ping, and encryption switched off."""
    pair = Pair(DH, DH, seed=1).run()
    assert pair.secure
    pair.add_streams(3, 4)
    pair.alice.stream.ping(pair.network.now)
    pair.run()
    pair.alice.session.go_clear(pair.network.now)
    pair.run()
    return sent(pair.network)


def preshared_call() -> list[bytes]:
    """A second call whose key comes from the first, verified one."""
    caches = MemoryCache(), MemoryCache()
    first = Pair(PRESHARED, PRESHARED, seed=2, alice_cache=caches[0], bob_cache=caches[1]).run()
    for side in first.sides:
        side.session.sas_matched()
    second = Pair(PRESHARED, PRESHARED, seed=3, alice_cache=caches[0], bob_cache=caches[1]).run()
    assert second.secure
    return sent(second.network)


def call_with_kem() -> list[bytes]:
    """A Commit that carries a public key, in one datagram."""
    offer = Config(key_agreements=(b"K255", b"Mult"))
    return sent(Pair(offer, offer, seed=4).run().network)


def call_that_fails() -> list[bytes]:
    """Nothing in common: Error, and ErrorACK."""
    curves = (b"X255", b"Mult")
    alice = Config(ciphers=(b"AES3",), key_agreements=curves, mandatory_always=False)
    bob = Config(ciphers=(b"AES1",), key_agreements=curves, mandatory_always=False)
    return sent(Pair(alice, bob, seed=5).run().network)


def call_through_a_pbx() -> list[bytes]:
    """Two phones that trust a server, and the server relays the SAS of one to the other."""
    pbx = Endpoint(PBX, MemoryCache(), random=seeded(6))
    phones = [Endpoint(CURVES, MemoryCache(), random=seeded(7 + n)) for n in range(2)]
    network = Network()
    for number, phone in enumerate(phones):
        session = phone.session()
        connect(network, session, pbx.session(enrol=True), number)
        session.pbx.accept_enrolment(despite_unverified=True)
    legs = [pbx.session() for _ in phones]
    for number, phone in enumerate(phones):
        connect(network, phone.session(), legs[number], 10 + number)
    assert legs[0].pbx.relay(legs[1].pbx, network.now) is not None
    network.run(network.now + 5)
    return sent(network)


def connect(network: Network, phone: Session, leg: Session, number: int) -> None:
    """A call between a phone and the server, until it is secure."""
    ends = phone.add_stream(0x1000 + number), leg.add_stream(0x2000 + number)
    network.connect("phone", ends[0], "pbx", ends[1])
    for stream in ends:
        stream.start(network.now)
    network.run(network.now + 5)


def sent(network: Network) -> list[bytes]:
    return [datagram for _, _, datagram in network.log]
