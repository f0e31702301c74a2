"""Sealing and opening Confirm and SASrelay (RFC 6189 sections 5.7 and 5.13)."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

import pytest

from tests.support.actor import SUITE
from tests.support.cases import every
from tests.support.pair import seeded
from tests.support.vectors import Transcript, transcripts
from zrtp.crypto.ciphers import AES1
from zrtp.crypto.hashes import S256, S384, Octets
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ErrorCode, MalformedPacket, PeerMisbehaved
from zrtp.protocol.compatibility import read_confirm
from zrtp.protocol.confirm import Box, ConfirmRefused, open_confirm, open_sas_relay, seal_confirm, seal_sas_relay
from zrtp.protocol.events import Role, Suite
from zrtp.protocol.hash_chain import ChainBroken, ChainComplete
from zrtp.protocol.key_schedule import StreamKeys
from zrtp.secret import Secret
from zrtp.wire.messages import Confirm1, Confirm2, ConfirmPlain, SASrelay, SASrelayPlain, parse

PLAIN = ConfirmPlain(
    h0=bytes(range(32)),
    enrolment=False,
    verified=True,
    allow_clear=False,
    disclosure=True,
    cache_interval=0x12345678,
)
RELAY = SASrelayPlain(verified=True, allow_clear=False, disclosure=False, sas_type=b"B32 ", sashash=bytes(range(32)))

BOTH = pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)

RECORDED = [
    recorded
    for recorded in transcripts()
    if recorded.suite.hash in DEFAULT.hashes
    and recorded.suite.cipher in DEFAULT.ciphers
    and recorded.suite.auth_tag in DEFAULT.auth_tags
]


def box(suite: Suite = SUITE, s0: bytes = bytes(32)) -> Box:
    hash_, cipher = DEFAULT.hashes[suite.hash], DEFAULT.ciphers[suite.cipher]
    keys = StreamKeys.derive(hash_, Secret(s0), b"context", suite, cipher.key_length, 112)
    return Box(hash=hash_, cipher=cipher, keys=keys)


def accept(h0: bytes) -> ChainComplete:
    return ChainComplete(h0)


def never_decrypts(key: Octets, iv: Octets, data: Octets) -> NoReturn:
    raise AssertionError("decrypted before the MAC was checked")


@BOTH
@pytest.mark.rfc("R-5.7-01", "R-5.7-02", "R-5.7-07", "R-4.6-02")
def test_what_is_sealed_can_be_opened_with_the_keys_of_the_same_role(role: Role) -> None:
    sealed = seal_confirm(box(), role, PLAIN, seeded(1))
    assert isinstance(sealed, Confirm2 if role is Role.INITIATOR else Confirm1)
    assert len(sealed.raw) == 19 * 4
    opened = open_confirm(box(), role, sealed, accept)
    assert opened.plain == PLAIN
    assert opened.chain.h0 == PLAIN.h0


@BOTH
@pytest.mark.attack("CNF-02")
@pytest.mark.rfc("R-5.7-11", "R-4.6-03", "R-4.6-04")
def test_the_keys_of_the_other_role_open_nothing(role: Role) -> None:
    sealed = seal_confirm(box(), role, PLAIN, seeded(1))
    with pytest.raises(ConfirmRefused):
        open_confirm(box(), role.other, sealed, accept)


@BOTH
@pytest.mark.attack("CNF-05")
@pytest.mark.rfc("R-4.6-03", "R-4.6-04", "R-4.6-05", "R-5.1.2.1-01")
@pytest.mark.parametrize("hash_", [S256, S384], ids=["S256", "S384"])
def test_confirm_mac_is_the_negotiated_mac_of_the_ciphertext_in_64_bits(role: Role, hash_: object) -> None:
    suite = replace(SUITE, hash=b"S256" if hash_ is S256 else b"S384")
    made = box(suite)
    sealed = seal_confirm(made, role, PLAIN, seeded(1))
    assert sealed.confirm_mac == made.hash.mac(made.keys.mackey(role), sealed.ciphertext)[:8]
    assert sealed.ciphertext == made.cipher.encrypt(made.keys.of(role)[1].octets, sealed.iv, PLAIN.encode())


@pytest.mark.attack("CNF-05")
@pytest.mark.attack("CNF-01")
@every("bit", range(64))
def test_the_mac_is_compared_in_full_and_before_anything_is_decrypted(bit: int) -> None:
    sealed = seal_confirm(box(), Role.INITIATOR, PLAIN, seeded(1))
    mac = bytearray(sealed.confirm_mac)
    mac[bit // 8] ^= 1 << bit % 8
    guarded = replace(box(), cipher=replace(AES1, decrypt=never_decrypts))
    with pytest.raises(ConfirmRefused):
        open_confirm(guarded, Role.INITIATOR, replace(sealed, confirm_mac=bytes(mac)), accept)


@pytest.mark.attack("CNF-03")
def test_every_bit_of_the_ciphertext_is_under_the_mac() -> None:
    sealed = seal_confirm(box(), Role.RESPONDER, PLAIN, seeded(1))
    for position in range(len(sealed.ciphertext)):
        changed = bytearray(sealed.ciphertext)
        changed[position] ^= 0x80
        with pytest.raises(ConfirmRefused):
            open_confirm(box(), Role.RESPONDER, replace(sealed, ciphertext=bytes(changed)), accept)


@pytest.mark.attack("CNF-03")
@pytest.mark.attack("CHN-03")
@every("position", range(16))
def test_a_changed_iv_garbles_h0_which_the_chain_catches_as_an_attack(position: int) -> None:
    sealed = seal_confirm(box(), Role.RESPONDER, PLAIN, seeded(1))
    iv = bytearray(sealed.iv)
    iv[position] ^= 1

    def verify(h0: bytes) -> ChainComplete:
        if h0 != PLAIN.h0:
            raise ChainBroken("H0 does not fit")
        return ChainComplete(h0)

    assert open_confirm(box(), Role.RESPONDER, sealed, verify)
    with pytest.raises(PeerMisbehaved, match="somebody may be in between") as caught:
        open_confirm(box(), Role.RESPONDER, replace(sealed, iv=bytes(iv)), verify)
    assert caught.value.code is ErrorCode.SOFTWARE_ERROR


@pytest.mark.attack("CNF-04")
@pytest.mark.rfc("R-5.7-10", "R-5.13-17")
def test_every_message_has_an_iv_of_its_own() -> None:
    random = seeded(2)
    ivs = {seal_confirm(box(), Role.INITIATOR, PLAIN, random).iv for _ in range(50)}
    ivs |= {seal_sas_relay(box(), Role.INITIATOR, RELAY, random).iv for _ in range(50)}
    assert len(ivs) == 100


@pytest.mark.attack("PAR-20")
@pytest.mark.parametrize("words", [0, 1, 3, 511])
def test_a_signature_length_that_does_not_fit_is_found_after_the_mac(words: int) -> None:
    octets = bytearray(replace(PLAIN, signature_type=b"PGP ", signature=b"sign").encode())
    octets[32:36] = (words << 8).to_bytes(4, "big")
    mac, iv, ciphertext = box().seal(Role.INITIATOR, bytes(octets), seeded(3))
    confirm = Confirm2.make(confirm_mac=mac, iv=iv, ciphertext=ciphertext)
    with pytest.raises(MalformedPacket):
        open_confirm(box(), Role.INITIATOR, confirm, accept)
    with pytest.raises(ConfirmRefused):
        open_confirm(box(), Role.INITIATOR, replace(confirm, confirm_mac=bytes(8)), accept)


@pytest.mark.attack("PAR-24")
@pytest.mark.rfc("R-5.7-04", "R-5.7-08")
def test_unused_bits_and_undefined_flags_are_ignored() -> None:
    octets = bytearray(PLAIN.encode())
    octets[32] |= 0xFF
    octets[33] |= 0xFE
    octets[35] |= 0xF0
    mac, iv, ciphertext = box().seal(Role.INITIATOR, bytes(octets), seeded(3))
    confirm = Confirm2.make(confirm_mac=mac, iv=iv, ciphertext=ciphertext)
    assert open_confirm(box(), Role.INITIATOR, confirm, accept).plain == PLAIN


@BOTH
@pytest.mark.attack("SAR-03")
@pytest.mark.rfc("R-5.13-06", "R-5.13-07", "R-5.13-08", "R-5.13-12")
def test_a_sas_relay_is_sealed_like_a_confirm(role: Role) -> None:
    sealed = seal_sas_relay(box(), role, RELAY, seeded(4))
    assert len(sealed.raw) == 19 * 4
    assert open_sas_relay(box(), role, sealed) == RELAY
    with pytest.raises(ConfirmRefused):
        open_sas_relay(box(), role.other, sealed)
    with pytest.raises(ConfirmRefused):
        open_sas_relay(box(), role, replace(sealed, mac=bytes(8)))


@pytest.mark.rfc("R-5.7-02", "R-5.7-09", "R-5.7-11", "R-4.6-03", "R-4.6-04")
@every("recorded", RECORDED, ids=str)
def test_the_confirms_of_recorded_peers_open(recorded: Transcript) -> None:
    suite = Suite(
        hash=recorded.suite.hash,
        cipher=recorded.suite.cipher,
        auth_tag=recorded.suite.auth_tag,
        key_agreement=recorded.suite.key_agreement,
        sas=recorded.suite.sas,
    )
    hash_, cipher = DEFAULT.hashes[suite.hash], DEFAULT.ciphers[suite.cipher]
    expected = recorded.expect
    keys = StreamKeys.derive(hash_, Secret(expected.s0), expected.kdf_context, suite, cipher.key_length, 112)
    opener = Box(hash=hash_, cipher=cipher, keys=keys)
    for raw, plain, role, h0 in (
        (recorded.messages.confirm1, expected.confirm1_plain, Role.RESPONDER, recorded.responder.h0),
        (recorded.messages.confirm2, expected.confirm2_plain, Role.INITIATOR, recorded.initiator.h0),
    ):
        if raw is None:
            continue
        confirm = parse(raw)
        assert isinstance(confirm, Confirm1 | Confirm2)
        opened = open_confirm(opener, role, confirm, accept).plain
        assert opened.h0 == h0
        assert plain is None or opened == read_confirm(plain)


@pytest.mark.rfc("R-5.13-06", "R-5.13-07", "R-5.13-08")
@pytest.mark.parametrize("recorded", [item for item in RECORDED if item.sasrelay], ids=str)
def test_the_sas_relays_of_recorded_peers_open(recorded: Transcript) -> None:
    relay, expected = recorded.sasrelay, recorded.expect
    assert relay is not None
    suite = Suite(
        hash=recorded.suite.hash,
        cipher=recorded.suite.cipher,
        auth_tag=recorded.suite.auth_tag,
        key_agreement=recorded.suite.key_agreement,
        sas=recorded.suite.sas,
    )
    hash_, cipher = DEFAULT.hashes[suite.hash], DEFAULT.ciphers[suite.cipher]
    keys = StreamKeys.derive(hash_, Secret(expected.s0), expected.kdf_context, suite, cipher.key_length, 112)
    message = parse(relay.message)
    assert isinstance(message, SASrelay)
    plain = open_sas_relay(Box(hash=hash_, cipher=cipher, keys=keys), Role(relay.sender), message)
    assert plain == SASrelayPlain.decode(relay.plain)
    assert (plain.sas_type, plain.sashash) == (relay.sas_type, relay.relayed_sashash)
