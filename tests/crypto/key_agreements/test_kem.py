"""KEM key agreements: sizes, padding, the combination of secrets, and hostile fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from tests.crypto.key_agreements.support import context
from tests.support.cases import every
from tests.support.vectors import code, item_id, primitives
from zrtp.crypto.hashes import S256, S384, S512, HashAlgorithm
from zrtp.crypto.key_agreements import K255, K448, MLK1, MLK2, MLK3, X1M1, X1M2, X3M3, ShareContext
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.kem import KemAgreement, combine, share_from_private
from zrtp.crypto.key_agreements.kem_parts import X25519_KEM, Decapsulate
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ErrorCode, MalformedPacket, PeerMisbehaved, RandomnessFailed

SIZES = [
    # code, public key, ciphertext, DHResult with S384, words of Commit and DHPart1
    (K255, 32, 32, 32, 37, 29),
    (K448, 56, 56, 56, 43, 35),
    (MLK1, 800, 768, 32, 229, 213),
    (MLK2, 1184, 1088, 32, 325, 293),
    (MLK3, 1568, 1568, 32, 421, 413),
    (X1M1, 832, 800, 48, 237, 221),
    (X1M2, 1216, 1120, 48, 333, 301),
    (X3M3, 1624, 1624, 48, 435, 427),
]
HYBRIDS = (X1M2, X3M3)


@every("row", SIZES, ids=lambda row: row[0].code.decode())
def test_sizes_are_the_ones_that_peers_expect(row: tuple[KemAgreement, int, int, int, int, int]) -> None:
    kem, pk, ct, result, commit_words, dhpart1_words = row
    assert (kem.commit_length, kem.dhpart1_length, kem.dhpart2_length) == (pk, ct, 16)
    assert (116 + kem.commit_length) // 4 == commit_words
    assert (84 + kem.dhpart1_length) // 4 == dhpart1_words
    if kem.available:
        initiator = kem.initiate(context(1, hash=S384))
        responder = kem.respond(CheckedValue(initiator.commit_field), context(2, hash=S384))
        assert len(initiator.finish(CheckedValue(responder.dhpart1_field))) == result


def test_which_resist_a_quantum_computer() -> None:
    assert not K255.post_quantum
    assert not K448.post_quantum
    assert all(kem.post_quantum for kem in (MLK1, MLK2, MLK3, X1M1, X1M2, X3M3))


@pytest.mark.parametrize("item", primitives("kem_combine"), ids=item_id)
def test_combinations_give_the_recorded_answers(item: dict[str, Any]) -> None:
    secrets = [bytes.fromhex(secret) for secret in item["secrets"]]
    result = combine(DEFAULT.hashes[code(item["hash"])], secrets, bytes.fromhex(item["ct"]))
    assert result.hex() == item["result"]


@every("kem", HYBRIDS, ids=lambda kem: kem.code.decode())
@every("hash", [S256, S384, S512], ids=lambda hash: hash.code.decode())
def test_a_hybrid_is_as_long_as_the_hash_and_depends_on_each_part(kem: KemAgreement, hash: HashAlgorithm) -> None:
    initiator = kem.initiate(context(1, hash=hash))
    first = kem.respond(CheckedValue(initiator.commit_field), context(2, hash=hash))
    second = kem.respond(CheckedValue(initiator.commit_field), context(3, hash=hash))
    cut = kem.ciphertext_lengths[0]
    mixtures = (
        first.dhpart1_field,
        second.dhpart1_field,
        first.dhpart1_field[:cut] + second.dhpart1_field[cut:],
        second.dhpart1_field[:cut] + first.dhpart1_field[cut:],
    )
    results = [initiator.finish(CheckedValue(mixture)) for mixture in mixtures]
    assert {len(result) for result in results} == {hash.length}
    assert len({bytes(result.octets) for result in results}) == 4


@pytest.mark.parametrize("kem", [K255, K448], ids=["K255", "K448"])
def test_a_known_private_key_gives_a_known_share(kem: KemAgreement) -> None:
    private = bytes(range(1, kem.commit_length + 1))
    shares = [share_from_private(kem.code, private, context(seed)) for seed in (1, 2)]
    assert shares[0].commit_field == shares[1].commit_field
    assert shares[0].dhpart2_field != shares[1].dhpart2_field


@pytest.mark.attack("DH-06")
@pytest.mark.parametrize("kem", [K255, K448, *HYBRIDS], ids=lambda kem: kem.code.decode())
def test_low_order_values_are_refused_in_both_roles(kem: KemAgreement) -> None:
    initiator = kem.initiate(context(1))
    responder = kem.respond(CheckedValue(initiator.commit_field), context(2))
    width = kem.public_lengths[0]
    with pytest.raises(PeerMisbehaved) as caught:
        initiator.finish(CheckedValue(bytes(width) + responder.dhpart1_field[width:]))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE
    with pytest.raises(PeerMisbehaved) as caught:
        kem.respond(CheckedValue(bytes(width) + initiator.commit_field[width:]), context(2))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE


@pytest.mark.attack("DH-12")
@pytest.mark.parametrize("kem", [K255, K448], ids=["K255", "K448"])
def test_our_own_public_key_is_no_ciphertext(kem: KemAgreement) -> None:
    initiator = kem.initiate(context(1))
    with pytest.raises(PeerMisbehaved) as caught:
        initiator.finish(CheckedValue(initiator.commit_field))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE


@pytest.mark.attack("DH-14")
@pytest.mark.parametrize("kem", [MLK2, MLK3, *HYBRIDS], ids=lambda kem: kem.code.decode())
def test_an_invalid_ml_kem_public_key_is_refused(kem: KemAgreement) -> None:
    initiator = kem.initiate(context(1))
    spoiled = initiator.commit_field[: -kem.public_lengths[-1]] + b"\xff" * kem.public_lengths[-1]
    kem.check_commit(spoiled)
    with pytest.raises(PeerMisbehaved) as caught:
        kem.respond(CheckedValue(spoiled), context(2))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE


@pytest.mark.parametrize("kem", [MLK2, MLK3], ids=["MLK2", "MLK3"])
def test_a_forged_ciphertext_leads_to_another_secret(kem: KemAgreement) -> None:
    initiator = kem.initiate(context(1))
    responder = kem.respond(CheckedValue(initiator.commit_field), context(2))
    forged = bytes((responder.dhpart1_field[0] ^ 1,)) + responder.dhpart1_field[1:]
    assert initiator.finish(CheckedValue(forged)) != responder.finish(CheckedValue(initiator.dhpart2_field))


@pytest.mark.attack("SID-07")
def test_a_failing_source_of_randomness_is_not_blamed_on_the_peer() -> None:
    def broken(length: int) -> bytes:
        raise OSError("no entropy")

    initiator = K255.initiate(context(1))
    with pytest.raises(RandomnessFailed, match="randomness"):
        K255.respond(CheckedValue(initiator.commit_field), context(random_source=bytes))
    with pytest.raises(OSError, match="no entropy"):
        K255.respond(CheckedValue(initiator.commit_field), context(random_source=broken))


@dataclass(frozen=True, slots=True)
class OddSizedPart:
    """A part whose lengths are no multiple of 4, as HQC's are: a key of 5 octets, a ciphertext of 6."""

    public_length: ClassVar[int] = 5
    ciphertext_length: ClassVar[int] = 6
    private_length: ClassVar[int] = 5
    ephemeral_length: ClassVar[int] = 6
    secret_length: ClassVar[int] = 6
    post_quantum: ClassVar[bool] = True
    available: ClassVar[bool] = True
    needs: ClassVar[str] = ""

    def key_pair(self, context: ShareContext) -> tuple[bytes, Decapsulate]:
        return self.key_pair_of(context.random(5))

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        return private, lambda ciphertext, _: ciphertext

    def encapsulate(self, public_key: bytes, ephemeral: bytes, hash: HashAlgorithm) -> tuple[bytes, bytes]:
        return ephemeral, ephemeral


ODD = KemAgreement(code=b"ODD1", parts=(OddSizedPart(), X25519_KEM))


@dataclass(frozen=True, slots=True)
class FaultyPart(OddSizedPart):
    """A library that has gone wrong: whatever goes in, this comes out as the secret."""

    secret: bytes

    def key_pair_of(self, private: bytes) -> tuple[bytes, Decapsulate]:
        return private, lambda ciphertext, _: self.secret

    def encapsulate(self, public_key: bytes, ephemeral: bytes, hash: HashAlgorithm) -> tuple[bytes, bytes]:
        return ephemeral, self.secret


@pytest.mark.attack("DH-14")
@every("secret", [b"", bytes(6), b"\x01" * 5])
@every("hybrid", [False, True])
def test_an_empty_or_zero_secret_of_the_library_ends_the_exchange(secret: bytes, hybrid: bool) -> None:
    parts = (FaultyPart(secret), X25519_KEM) if hybrid else (FaultyPart(secret),)
    kem = KemAgreement(code=b"BAD1", parts=parts)
    initiator = kem.initiate(context(1))
    with pytest.raises(PeerMisbehaved) as caught:
        kem.respond(CheckedValue(initiator.commit_field), context(2))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE
    sound = KemAgreement(code=b"ODD1", parts=(OddSizedPart(), *parts[1:]))
    with pytest.raises(PeerMisbehaved) as caught:
        answer = sound.respond(CheckedValue(initiator.commit_field), context(2))
        initiator.finish(CheckedValue(answer.dhpart1_field))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE


def test_fields_are_padded_once_at_their_end() -> None:
    initiator = ODD.initiate(context(1))
    responder = ODD.respond(CheckedValue(initiator.commit_field), context(2))
    assert (ODD.commit_length, ODD.dhpart1_length) == (40, 40)
    assert initiator.commit_field[-3:] == bytes(3)
    assert responder.dhpart1_field[-2:] == bytes(2)
    assert initiator.finish(CheckedValue(responder.dhpart1_field)) == responder.finish(
        CheckedValue(initiator.dhpart2_field)
    )


def test_the_combined_secret_covers_the_ciphertexts_without_padding() -> None:
    initiator = ODD.initiate(context(1))
    responder = ODD.respond(CheckedValue(initiator.commit_field), context(2))
    ciphertexts = responder.dhpart1_field[:38]
    _, secret = X25519_KEM.encapsulate(initiator.commit_field[5:37], _private_of(2, skip=6), S256)
    expected = combine(S256, [ciphertexts[:6], secret], ciphertexts)
    assert bytes(initiator.finish(CheckedValue(responder.dhpart1_field)).octets) == expected


def test_padding_other_than_zeros_is_malformed() -> None:
    initiator = ODD.initiate(context(1))
    responder = ODD.respond(CheckedValue(initiator.commit_field), context(2))
    with pytest.raises(MalformedPacket, match="padded"):
        ODD.check_commit(initiator.commit_field[:-1] + b"\x01")
    with pytest.raises(MalformedPacket, match="padded"):
        ODD.respond(CheckedValue(initiator.commit_field[:-1] + b"\x01"), context(2))
    with pytest.raises(MalformedPacket, match="padded"):
        ODD.check_dhpart1(responder.dhpart1_field[:-1] + b"\x01")
    with pytest.raises(MalformedPacket, match="padded"):
        initiator.finish(CheckedValue(responder.dhpart1_field[:-1] + b"\x01"))


def _private_of(seed: int, skip: int) -> bytes:
    """The X25519 key that the context of this seed gives after `skip` octets."""
    source = context(seed).random
    source(skip)
    return source(32)
