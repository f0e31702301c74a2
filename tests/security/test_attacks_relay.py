"""SASrelay and enrolment under attack (RFC 6189 sections 5.13, 7.3)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.support.inside import cache_of, call_of, core_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, Clock, Network, Side, seeded
from zrtp.cache.memory import MemoryCache
from zrtp.errors import ApiMisuse
from zrtp.protocol.config import Config
from zrtp.protocol.confirm import seal_sas_relay
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Assurance, SasRelayed, SecurityWarning, Verified, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.wire.messages import SASrelayPlain
from zrtp.wire.packet import encode_packet

PHONE = Config(key_agreements=(b"X255",))
PBX = Config(key_agreements=(b"X255",), trusted_mitm=True)


@dataclass
class Leg:
    """A phone in a call with a server."""

    phone: Side
    server: Side
    network: Network

    def relay(self, sashash: bytes, *, sas_type: bytes = b"B32 ", verified: bool = False) -> bytes:
        """The server sends this SASrelay; what the phone answers, as type block."""
        stream = self.server.stream
        exchange = present(core_of(stream).exchange)
        plain = SASrelayPlain(
            verified=verified, allow_clear=False, disclosure=False, sas_type=sas_type, sashash=sashash
        )
        message = seal_sas_relay(exchange.box, exchange.role, plain, core_of(stream).installation.random)
        self.phone.stream.receive_datagram(encode_packet(9, BOB_SSRC, message.raw), self.network.now)
        return b"".join(datagram[16:24] for datagram in self.phone.stream.datagrams_to_send())


def call(phone: Endpoint, server: Endpoint, *, enrol: bool = False, start: float = 0.0) -> Leg:
    network = Network()
    network.now = start
    one = Side("phone", phone, phone.session())
    other = Side("server", server, server.session(enrol=enrol))
    streams = one.session.add_stream(ALICE_SSRC), other.session.add_stream(BOB_SSRC)
    network.connect("phone", streams[0], "server", streams[1])
    for stream in streams:
        stream.start(network.now)
    network.run(network.now + 5.0)
    assert [stream.state for stream in streams] == [State.SECURE, State.SECURE]
    return Leg(one, other, network)


def endpoints(server: Config = PBX) -> tuple[Endpoint, Endpoint]:
    clock = Clock()
    return (
        Endpoint(PHONE, MemoryCache(), random=seeded(1), wall_clock=clock),
        Endpoint(server, MemoryCache(), random=seeded(2), wall_clock=clock),
    )


def enrolled_leg() -> Leg:
    """The second call of a phone that trusts the server."""
    phone, server = endpoints()
    first = call(phone, server, enrol=True)
    first.phone.session.sas_matched("PBX")
    first.phone.session.pbx.accept_enrolment()
    first.phone.session.close(5.0)
    first.server.session.close(5.0)
    return call(phone, server, start=10.0)


@pytest.mark.attack("SAR-08")
def test_first_relayed_sas_withdraws_a_verdict_about_the_servers_own() -> None:
    leg = enrolled_leg()
    leg.phone.session.sas_matched("PBX")
    assert leg.phone.session.peer.verified
    assert leg.relay(b"\x55" * 32) == b"RelayACK"
    assert not leg.phone.session.peer.verified
    assert WarningCode.RELAYED_SAS_CHANGED in {event.code for event in leg.phone.seen(SecurityWarning)}
    (relayed,) = leg.phone.seen(SasRelayed)
    assert relayed.sas.sashash == b"\x55" * 32


@pytest.mark.attack("SAR-08")
def test_another_relayed_sas_withdraws_the_verdict() -> None:
    leg = enrolled_leg()
    leg.relay(b"\x55" * 32)
    leg.phone.session.sas_matched("Bob behind the PBX")
    assert [event.verified for event in leg.phone.seen(Verified)] == [True]
    leg.relay(b"\x66" * 32)
    assert not leg.phone.session.peer.verified
    assert WarningCode.RELAYED_SAS_CHANGED in {event.code for event in leg.phone.seen(SecurityWarning)}


@pytest.mark.attack("SAR-08")
def test_relayed_sas_that_nobody_compared_yet_raises_no_alarm() -> None:
    leg = enrolled_leg()
    leg.relay(b"\x55" * 32)
    assert WarningCode.RELAYED_SAS_CHANGED not in {event.code for event in leg.phone.seen(SecurityWarning)}
    assert leg.phone.session.pbx.relayed_sas is not None


def verified_leg() -> Leg:
    """The third call of a phone with a server it trusts, where both sides remember that the SAS was compared."""
    phone, server = endpoints()
    for start, enrol in ((0.0, True), (10.0, False)):
        leg = call(phone, server, enrol=enrol, start=start)
        leg.phone.session.sas_matched("PBX")
        leg.server.session.sas_matched("Phone")
        if enrol:
            leg.phone.session.pbx.accept_enrolment()
        for side in (leg.phone, leg.server):
            side.session.close(start + 5.0)
    leg = call(phone, server, start=20.0)
    assert leg.phone.session.peer.verified
    assert leg.phone.session.assurance is Assurance.VERIFIED
    return leg


@pytest.mark.attack("SAR-11")
def test_a_relayed_sas_that_nobody_compared_is_not_verified() -> None:
    """Whatever V flags the server sets: what was compared earlier was the SAS of the leg to it."""
    leg = verified_leg()
    assert leg.relay(b"\x55" * 32, verified=True) == b"RelayACK"
    assert not leg.phone.session.peer.verified
    assert leg.phone.session.assurance is Assurance.ENCRYPTED
    assert [event.verified for event in leg.phone.seen(Verified)] == [False]


@pytest.mark.attack("SAR-11")
def test_it_is_verified_when_the_user_compares_it() -> None:
    leg = verified_leg()
    leg.relay(b"\x55" * 32, verified=True)
    leg.phone.session.sas_matched("Bob behind the PBX")
    assert leg.phone.session.assurance is Assurance.VERIFIED
    leg.relay(b"\x55" * 32, verified=True)
    assert leg.phone.session.peer.verified


@pytest.mark.attack("SAR-11")
def test_a_relay_of_zeros_leaves_what_is_shown_verified() -> None:
    """Our own SAS stays on the screen then, in the form that the far end uses."""
    leg = verified_leg()
    leg.relay(bytes(32), verified=True)
    assert leg.phone.session.peer.verified


@pytest.mark.attack("DOS-16")
def test_many_relays_of_an_authenticated_server_do_not_grow_memory() -> None:
    leg = enrolled_leg()
    for number in range(500):
        leg.relay(number.to_bytes(32, "big"))
    assert len(core_of(leg.phone.stream).outbox.answers) <= 8
    assert len(call_of(leg.phone.session).events) <= 512


@pytest.mark.attack("SAR-04")
def test_enrolment_is_not_accepted_without_a_secure_stream() -> None:
    """Nothing shows who is at the other end once no stream is secure any more."""
    phone, server = endpoints()
    leg = call(phone, server, enrol=True)
    leg.phone.stream.close(leg.network.now)
    assert leg.phone.session.assurance is Assurance.INSECURE
    with pytest.raises(ApiMisuse):
        leg.phone.session.pbx.accept_enrolment()
    (entry,) = cache_of(phone).peers()
    assert entry.record.pbxsecret is None
