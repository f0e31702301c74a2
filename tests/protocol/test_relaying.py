"""A trusted PBX relays the SAS, so that two phones behind it show the same (RFC 6189 sections 5.13, 5.14, 7.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import Actor, alone
from tests.support.cases import every
from tests.support.inside import cache_of, call_of, core_of
from tests.support.pair import Netem, Side
from tests.support.pbx import FAST, PBX, Exchange, Legs
from zrtp.cache.memory import MemoryCache
from zrtp.cache.record import PeerRecord
from zrtp.errors import ApiMisuse
from zrtp.protocol import limits
from zrtp.protocol.confirm import seal_sas_relay
from zrtp.protocol.events import EnrolmentOffered, Failed, SasRelayed, SecurityWarning, WarningCode
from zrtp.protocol.retained_secrets import KnownSecrets
from zrtp.protocol.states import State
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, Kind, SASrelay, SASrelayPlain
from zrtp.wire.packet import Packet, decode_packet


def messages(legs: Legs, sender: str, kind: Kind) -> list[bytes]:
    """The messages of one kind that a side put on the wire."""
    packets = [decode_packet(datagram) for _, name, datagram in legs.network.log if name == sender]
    return [p.message for p in packets if isinstance(p, Packet) and p.message[4:12] == kind.value]


@pytest.mark.rfc("R-7.3-01", "R-7.3-02", "R-7.3-04", "R-5.13-14", "R-5.14-01")
@pytest.mark.parametrize("enrolled", ["alice", "bob"])
def test_the_enrolled_phone_shows_the_sas_of_the_far_leg(enrolled: str) -> None:
    office = Exchange()
    office.enrol(alice=enrolled == "alice", bob=enrolled == "bob")
    legs = office.call()
    phone, far = (legs.alice, legs.bob) if enrolled == "alice" else (legs.bob, legs.alice)
    assert legs.shown(legs.alice) != legs.shown(legs.bob), "two legs have two SAS values"
    legs.relay()
    assert legs.shown(phone) == legs.shown(far)
    (event,) = phone.seen(SasRelayed)
    assert far.session.sas is not None and event.sas.sashash == far.session.sas.sashash
    assert phone.session.pbx.relayed_sas is not None and far.session.pbx.relayed_sas is None
    assert core_of(legs.sides[1].stream).retransmission is None, "RelayACK stopped the retransmission"
    assert core_of(legs.sides[2].stream).retransmission is None


@pytest.mark.rfc("R-7.3-07", "R-7.3-08", "R-5.13-15", "R-5.13-16", "R-5.13-12")
def test_the_other_phone_learns_only_the_rendering_scheme() -> None:
    office = Exchange(
        alice_config=replace(FAST, sas_types=(b"B256", b"B32 ")),
        pbx_config=replace(PBX, sas_types=(b"B32 ", b"B256")),
    )
    office.enrol(alice=False, bob=True)
    legs = office.call()
    own = legs.bob.session.sas
    alice = legs.alice.session.sas
    assert own is not None and alice is not None
    legs.relay()
    after = legs.alice.session.sas
    assert after is not None and after.sashash == alice.sashash, "its own SAS stays"
    assert legs.bob.session.pbx.relayed_sas is not None
    assert after.code == legs.bob.session.pbx.relayed_sas.code, "both people see the same kind of words"
    (zeros,) = set(messages(legs, "pbx-a", Kind.SASRELAY))
    assert len(zeros) == 19 * 4
    assert not legs.alice.seen(SasRelayed)


@pytest.mark.rfc("R-7.3-03")
def test_nothing_is_relayed_between_phones_that_do_not_trust_the_pbx() -> None:
    legs = Exchange().call()
    legs.relay()
    assert not messages(legs, "pbx-a", Kind.SASRELAY) + messages(legs, "pbx-b", Kind.SASRELAY)
    assert legs.shown(legs.alice) != legs.shown(legs.bob)


@pytest.mark.rfc("R-7.3-05")
def test_of_two_enrolled_phones_exactly_one_gets_the_real_sas() -> None:
    office = Exchange()
    office.enrol(alice=True, bob=True)
    legs = office.call()
    legs.relay()
    assert legs.shown(legs.alice) == legs.shown(legs.bob)
    assert [len(side.seen(SasRelayed)) for side in (legs.alice, legs.bob)] == [1, 0]


@pytest.mark.rfc("R-7.3-10", "R-7.3-09")
def test_between_two_pbxs_the_phone_gets_the_sas_and_the_other_pbx_never_does() -> None:
    """Alice's phone - PBX - another PBX: there are no more than two in a row."""
    office = Exchange(bob_config=replace(FAST, trusted_mitm=True))
    office.enrol(alice=True, bob=True)
    legs = office.call()
    legs.relay()
    assert [len(side.seen(SasRelayed)) for side in (legs.alice, legs.bob)] == [1, 0]
    office = Exchange(alice_config=replace(FAST, trusted_mitm=True))
    office.enrol(alice=True, bob=True)
    legs = office.call()
    legs.relay()
    assert [len(side.seen(SasRelayed)) for side in (legs.alice, legs.bob)] == [0, 1]


@pytest.mark.rfc("R-5.13-01")
def test_a_sas_is_relayed_only_when_both_legs_are_secure() -> None:
    office = Exchange()
    office.enrol(alice=True, bob=False)
    legs = office.call()
    idle = office.pbx.session()
    with pytest.raises(ApiMisuse, match="secure"):
        legs.pbx_to_alice.session.pbx.relay(idle.pbx, legs.network.now)


def test_a_sas_is_not_relayed_to_the_leg_that_it_is_of() -> None:
    office = Exchange()
    office.enrol(alice=True, bob=False)
    legs = office.call()
    with pytest.raises(ApiMisuse, match="between two calls"):
        legs.pbx_to_alice.session.pbx.relay(legs.pbx_to_alice.session.pbx, legs.network.now)


@pytest.mark.rfc("R-5.13-03", "R-10-05")
def test_only_a_declared_pbx_relays() -> None:
    """An endpoint without the M flag that sits between two others has no way to make their SAS values look alike."""
    office = Exchange(pbx_config=FAST)
    legs = office.call()
    with pytest.raises(ApiMisuse, match="trusted_mitm"):
        legs.relay()
    with pytest.raises(ApiMisuse, match="trusted_mitm"):
        office.pbx.session(enrol=True)


@pytest.mark.rfc("R-5.13-02", "R-6-10")
def test_sasrelay_is_repeated_until_it_is_acknowledged() -> None:
    office = Exchange()
    office.enrol(alice=True, bob=False)
    legs = office.call()
    legs.network.filter = lambda sender, datagram: None if b"RelayACK" in datagram else datagram
    legs.pbx_to_alice.session.pbx.relay(legs.pbx_to_bob.session.pbx, legs.network.now)
    legs.network.run(legs.network.now + 30.0)
    copies = messages(legs, "pbx-a", Kind.SASRELAY)
    assert len(copies) == 11 and len(set(copies)) == 1, "octet for octet, IV included"
    assert legs.pbx_to_alice.stream.state is State.SECURE, "an unanswered relay ends nothing"


@pytest.mark.rfc("R-5.13-07", "R-5.13-08")
@pytest.mark.parametrize("passive", ["phone", "pbx"])
def test_the_keys_follow_the_role_of_the_pbx(passive: str) -> None:
    office = Exchange(
        alice_config=replace(FAST, passive=passive == "phone"),
        pbx_config=replace(PBX, passive=passive == "pbx"),
    )
    office.enrol(alice=True, bob=False)
    legs = office.call()
    legs.relay()
    assert len(legs.alice.seen(SasRelayed)) == 1


@pytest.mark.rfc("R-5.13-17")
def test_every_sasrelay_has_a_fresh_iv() -> None:
    office = Exchange()
    office.enrol(alice=True, bob=False)
    legs = office.call()
    legs.relay()
    legs.relay()
    first, second = dict.fromkeys(messages(legs, "pbx-a", Kind.SASRELAY))
    assert first[20:36] != second[20:36]


def test_relaying_survives_a_bad_network() -> None:
    for seed in range(5):
        office = Exchange()
        office.enrol(alice=True, bob=False)
        legs = office.call(net=Netem(loss=0.2, duplicate=0.1, jitter=0.05, seed=seed))
        legs.network.run(20.0)
        legs.relay()
        legs.network.run(60.0)
        assert legs.shown(legs.alice) == legs.shown(legs.bob), seed


@pytest.mark.rfc(
    "R-7.3.1-01", "R-7.3.1-02", "R-7.3.1-03", "R-7.3.1-04", "R-7.3.1-07", "R-7.3-11", "R-10-06", "R-4.9-03"
)
def test_enrolment_stores_one_secret_at_both_ends_after_the_user_agreed() -> None:
    office = Exchange()
    legs = office.call(enrol_alice=True)
    assert len(legs.alice.seen(EnrolmentOffered)) == 1
    phone_zid, pbx_zid = office.alice.zid, office.pbx.zid
    assert legs.alice.session.peer.zid == legs.bob.session.peer.zid == pbx_zid, "one ZID for both phones"
    before = cache_of(office.alice).load(phone_zid, pbx_zid)
    assert before is not None and before.pbxsecret is None, "not without the user"
    legs.alice.session.sas_matched("the office")
    legs.alice.session.pbx.accept_enrolment()
    mine, theirs = cache_of(office.alice).load(phone_zid, pbx_zid), cache_of(office.pbx).load(pbx_zid, phone_zid)
    assert mine is not None and theirs is not None
    assert mine.pbxsecret is not None and mine.pbxsecret == theirs.pbxsecret


@pytest.mark.rfc("R-7.3.1-09")
def test_enrolment_needs_evidence_that_nobody_is_in_between() -> None:
    legs = Exchange().call(enrol_alice=True)
    with pytest.raises(ApiMisuse, match="Compare the SAS"):
        legs.alice.session.pbx.accept_enrolment()
    legs.alice.session.pbx.accept_enrolment(despite_unverified=True)
    with pytest.raises(ApiMisuse, match="does not offer"):
        legs.bob.session.pbx.accept_enrolment()


@pytest.mark.rfc("R-7.3.1-05", "R-7.3.1-06")
def test_enrolment_and_going_clear_exclude_each_other() -> None:
    office = Exchange(alice_config=replace(FAST, allow_clear=True), pbx_config=replace(PBX, allow_clear=True))
    legs = office.call(enrol_alice=True)
    plain = call_of(legs.alice.session).peer_plain
    assert plain is not None and plain.enrolment and not plain.allow_clear
    with pytest.raises(ApiMisuse, match="does not accept GoClear"):
        legs.alice.session.go_clear(legs.network.now)


@pytest.mark.rfc("R-10-09")
def test_zrtp_of_one_leg_never_reaches_the_other() -> None:
    office = Exchange()
    office.enrol(alice=True, bob=True)
    legs = office.call()
    legs.relay()
    alice = {datagram[12:-4] for _, name, datagram in legs.network.log if name == "alice"}
    towards_bob = {datagram[12:-4] for _, name, datagram in legs.network.log if name == "pbx-b"}
    acknowledgements = {message for message in alice if len(message) == 12}
    assert alice & towards_bob <= acknowledgements


@pytest.mark.rfc("R-5.16-07", "R-5.16-08")
def test_endpoints_behind_a_pbx_have_names_of_their_own_in_ping() -> None:
    office = Exchange()
    legs = office.call()
    names = {call_of(legs.pbx_to_alice.session).endpoint_hash, call_of(legs.pbx_to_bob.session).endpoint_hash}
    assert len(names) == 2 and office.pbx.zid[:8] not in names
    again = office.call()
    assert call_of(again.pbx_to_bob.session).endpoint_hash == call_of(legs.pbx_to_bob.session).endpoint_hash


@pytest.mark.rfc("R-7.3.1-08")
def test_an_enrolment_may_be_provisioned_by_whoever_manages_the_phones() -> None:
    """Without a call; that the server can then listen in is for whoever provisions it to say."""
    office = Exchange()
    secret = Secret(bytes(range(32)))
    for owner, other in ((office.alice, office.pbx), (office.pbx, office.alice)):
        cache_of(owner).update(owner.zid, other.zid, lambda _: PeerRecord(pbxsecret=secret.copy(), name="the office"))
    legs = office.call()
    assert not legs.alice.seen(EnrolmentOffered)
    legs.relay()
    assert legs.shown(legs.alice) == legs.shown(legs.bob)
    assert len(legs.alice.seen(SasRelayed)) == 1


def test_a_pbx_whose_enrolment_is_gone_is_noticed() -> None:
    office = Exchange()
    office.enrol(alice=True, bob=False)
    cache_of(office.pbx).update(
        office.pbx.zid, office.alice.zid, lambda old: None if old is None else replace(old, pbxsecret=None)
    )
    legs = office.call()
    assert WarningCode.PBX_MISMATCH in [warning.code for warning in legs.alice.seen(SecurityWarning)]
    assert not legs.alice.seen(Failed)


# A PBX that nobody trusts, played by hand


PBX_SECRET = Secret(b"\x5e" * 32)
FAR_SASHASH = b"\x55" * 32


def leg(*, mitm: bool, trusted: bool) -> tuple[Side, Actor]:
    """A phone in a secure call; `mitm` is what the Hello of the other side says, `trusted` whether it was enrolled."""
    cache = MemoryCache()
    own, pbx = cache.own_zid(lambda: b"the phone...", ""), b"the PBX....."
    if trusted:
        cache.update(own, pbx, lambda _: PeerRecord(pbxsecret=PBX_SECRET))
    phone = alone(FAST, cache)
    peer = Actor(phone.stream, zid=pbx, known=KnownSecrets(pbx=PBX_SECRET if trusted else None))
    peer.own_hello = peer.hello(mitm=mitm)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit)
    phone.drain()
    return phone, peer


def relay(peer: Actor, sashash: bytes = FAR_SASHASH, sas_type: bytes = b"B32 ", *, verified: bool = False) -> SASrelay:
    """What the PBX sends."""
    plain = SASrelayPlain(verified=verified, allow_clear=False, disclosure=False, sas_type=sas_type, sashash=sashash)
    return seal_sas_relay(peer.box, peer.role, plain, peer.random)


def warnings(side: Side) -> list[WarningCode]:
    return [event.code for event in side.seen(SecurityWarning)]


@pytest.mark.attack("SAR-01")
@pytest.mark.rfc("R-5.13-04", "R-5.13-05", "R-7.3-06")
@pytest.mark.interop("I-38")
@pytest.mark.parametrize("trusted", [False, True])
def test_a_relayed_sas_of_a_peer_without_the_m_flag_is_acknowledged_and_never_shown(trusted: bool) -> None:
    phone, peer = leg(mitm=False, trusted=trusted)
    sas = phone.session.sas
    assert [message.kind for message in peer.send(relay(peer))] == [Kind.RELAY_ACK]
    assert phone.session.pbx.relayed_sas is None
    assert phone.session.sas is sas
    assert not phone.seen(SasRelayed) and not phone.seen(Failed)
    assert warnings(phone) == [WarningCode.UNTRUSTED_RELAY]


@pytest.mark.attack("SAR-02")
@pytest.mark.attack("SAR-09")
@pytest.mark.rfc("R-7.3-06", "R-7.3-01")
def test_the_m_flag_alone_grants_nothing() -> None:
    phone, peer = leg(mitm=True, trusted=False)
    sas = phone.session.sas
    assert sas is not None
    assert [message.kind for message in peer.send(relay(peer, sas_type=b"B256"))] == [Kind.RELAY_ACK]
    assert phone.session.pbx.relayed_sas is None
    assert phone.session.sas is not None
    assert (phone.session.sas.sashash, phone.session.sas.code) == (sas.sashash, b"B256")
    assert not phone.seen(SasRelayed)
    assert warnings(phone) == [WarningCode.UNTRUSTED_RELAY]


@pytest.mark.attack("SAR-02")
def test_with_m_flag_and_enrolment_it_is_shown() -> None:
    phone, peer = leg(mitm=True, trusted=True)
    assert [message.kind for message in peer.send(relay(peer))] == [Kind.RELAY_ACK]
    (event,) = phone.seen(SasRelayed)
    assert event.sas.sashash == FAR_SASHASH
    assert phone.session.pbx.relayed_sas is event.sas
    assert warnings(phone) == []


@pytest.mark.attack("SAR-03")
@pytest.mark.rfc("R-5.13-07", "R-5.13-08")
@pytest.mark.parametrize("wrong", ["MAC", "direction", "before secure"])
def test_a_relayed_sas_that_does_not_verify_is_dropped_without_an_answer(wrong: str) -> None:
    phone, peer = leg(mitm=True, trusted=True)
    message = relay(peer)
    if wrong == "MAC":
        message = SASrelay.make(mac=bytes(8), iv=message.iv, ciphertext=message.ciphertext)
    elif wrong == "direction":
        plain = SASrelayPlain(
            verified=False, allow_clear=False, disclosure=False, sas_type=b"B32 ", sashash=FAR_SASHASH
        )
        message = seal_sas_relay(peer.box, peer.role.other, plain, peer.random)
    else:
        phone = alone(FAST)
        peer = Actor(phone.stream)
        peer.discover()
    assert peer.send(message) == []
    assert phone.session.pbx.relayed_sas is None
    assert not phone.seen(Failed)


@pytest.mark.attack("SAR-06")
@pytest.mark.parametrize(
    ("trusted", "sashash", "sas_type", "shown_as", "expected"),
    [
        (True, bytes(32), b"B256", b"B256", []),
        (False, bytes(32), b"B256", b"B256", []),
        (True, FAR_SASHASH, b"B10D", b"B32 ", [WarningCode.UNTRUSTED_RELAY]),
        (True, FAR_SASHASH, b"\x1b[2J", b"B32 ", [WarningCode.UNTRUSTED_RELAY]),
    ],
    ids=["zeros", "zeros of a server that is not trusted", "unknown rendering", "nonsense"],
)
def test_zeros_carry_the_rendering_scheme_only_and_an_unknown_one_is_a_warning(
    trusted: bool, sashash: bytes, sas_type: bytes, shown_as: bytes, expected: list[WarningCode]
) -> None:
    phone, peer = leg(mitm=True, trusted=trusted)
    own = phone.session.sas
    assert own is not None
    assert [message.kind for message in peer.send(relay(peer, sashash, sas_type))] == [Kind.RELAY_ACK]
    assert phone.session.pbx.relayed_sas is None
    assert phone.session.sas is not None
    assert (phone.session.sas.sashash, phone.session.sas.code) == (own.sashash, shown_as)
    assert warnings(phone) == expected


@pytest.mark.attack("SAR-07")
@pytest.mark.rfc("R-5.13-13")
@pytest.mark.parametrize("trusted", [False, True])
def test_relayed_flags_never_verify_anything_here(trusted: bool) -> None:
    phone, peer = leg(mitm=True, trusted=trusted)
    before = phone.session.assurance
    peer.send(relay(peer, verified=True))
    assert phone.session.assurance is before
    assert not phone.session.peer.verified
    record = cache_of(phone.endpoint).load(call_of(phone.session).zid, peer.zid)
    assert record is not None and not record.verified


@pytest.mark.attack("SAR-04")
@pytest.mark.rfc("R-7.3.1-07", "R-7.3.1-09")
@pytest.mark.parametrize("mitm", [False, True])
def test_the_e_flag_stores_no_secret_without_the_user(mitm: bool) -> None:
    phone = alone(FAST, MemoryCache())
    peer = Actor(phone.stream)
    peer.own_hello = peer.hello(mitm=mitm)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    peer.answer(commit, enrolment=True)
    assert len(phone.seen(EnrolmentOffered)) == mitm
    with pytest.raises(ApiMisuse):
        phone.session.pbx.accept_enrolment()
    record = cache_of(phone.endpoint).load(call_of(phone.session).zid, peer.zid)
    assert record is not None and record.pbxsecret is None


@pytest.mark.attack("SAR-12")
@every("between", [1, 20, limits.RELAYS - 1])
@every("other_iv", [False, True])
def test_an_old_sas_relay_that_somebody_replays_is_acknowledged_and_shows_nothing(between: int, other_iv: bool) -> None:
    """After a transfer the words of before would withdraw the verdict. The MAC does not cover the IV."""
    phone, peer = leg(mitm=True, trusted=True)
    first = relay(peer)
    peer.send(first)
    for number in range(between):
        peer.wait(1.0)
        peer.send(relay(peer, bytes([number]) * 32))
    shown, told = phone.session.pbx.relayed_sas, len(phone.seen(SasRelayed))

    iv = bytes(16) if other_iv else first.iv
    again = SASrelay.make(mac=first.mac, iv=iv, ciphertext=first.ciphertext)
    assert [answer.kind for answer in peer.send(again)] == [Kind.RELAY_ACK]
    assert phone.session.pbx.relayed_sas is shown
    assert len(phone.seen(SasRelayed)) == told


@pytest.mark.attack("NET-04")
@pytest.mark.rfc("R-5.14-01")
def test_a_repeated_sas_relay_is_acknowledged_again_and_shown_once() -> None:
    phone, peer = leg(mitm=True, trusted=True)
    message = relay(peer)
    assert [answer.kind for answer in peer.send(*[message] * 5)] == [Kind.RELAY_ACK] * 5
    assert len(phone.seen(SasRelayed)) == 1
