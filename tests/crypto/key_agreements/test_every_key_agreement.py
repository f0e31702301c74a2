"""One suite for every key agreement: the protocol must not notice which kind runs."""

from __future__ import annotations

import pytest

from tests.crypto.key_agreements.support import context
from tests.support.cases import every
from zrtp.crypto.hashes import HASHES, S512, HashAlgorithm
from zrtp.crypto.key_agreements import KEY_AGREEMENTS, KeyAgreement
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.errors import EngineDefect, MalformedPacket, PeerError


def name(item: KeyAgreement | HashAlgorithm) -> str:
    return item.code.decode()


EVERY_KEY_AGREEMENT = every("agreement", [item for item in KEY_AGREEMENTS if item.available], ids=name)


def test_every_key_agreement_is_available() -> None:
    missing = [name(item) for item in KEY_AGREEMENTS if not item.available]
    if missing:
        pytest.skip(f"the libraries that compute {', '.join(missing)} are not installed")


@EVERY_KEY_AGREEMENT
def test_both_ends_reach_the_same_secret(agreement: KeyAgreement) -> None:
    initiator = agreement.initiate(context(1))
    responder = agreement.respond(CheckedValue(initiator.commit_field), context(2))
    secret = initiator.finish(CheckedValue(responder.dhpart1_field))
    assert secret == responder.finish(CheckedValue(initiator.dhpart2_field))
    assert any(secret.octets)


@every("hash", HASHES, ids=name)
@EVERY_KEY_AGREEMENT
def test_any_hash_goes_with_any_key_agreement(agreement: KeyAgreement, hash: HashAlgorithm) -> None:
    initiator = agreement.initiate(context(1, hash=hash))
    responder = agreement.respond(CheckedValue(initiator.commit_field), context(2, hash=hash))
    assert initiator.finish(CheckedValue(responder.dhpart1_field)) == responder.finish(
        CheckedValue(initiator.dhpart2_field)
    )


@pytest.mark.rfc("R-4.4.1.1-05", "R-4.4.1.2-02", "R-5.1.5-22")
@EVERY_KEY_AGREEMENT
def test_fields_have_the_lengths_that_are_announced(agreement: KeyAgreement) -> None:
    initiator = agreement.initiate(context(1))
    responder = agreement.respond(CheckedValue(initiator.commit_field), context(2))
    assert len(initiator.commit_field) == agreement.commit_length
    assert len(responder.dhpart1_field) == agreement.dhpart1_length
    assert len(initiator.dhpart2_field) == agreement.dhpart2_length
    assert agreement.is_kem == (agreement.commit_length > 0)
    for length in (agreement.commit_length, agreement.dhpart1_length, agreement.dhpart2_length):
        assert length % 4 == 0


@EVERY_KEY_AGREEMENT
def test_good_fields_pass_the_cheap_checks(agreement: KeyAgreement) -> None:
    initiator = agreement.initiate(context(1))
    responder = agreement.respond(CheckedValue(initiator.commit_field), context(2))
    agreement.check_commit(initiator.commit_field)
    agreement.check_dhpart1(responder.dhpart1_field)
    agreement.check_dhpart2(initiator.dhpart2_field)


@pytest.mark.attack("DH-05")
@EVERY_KEY_AGREEMENT
def test_fields_of_another_length_are_malformed(agreement: KeyAgreement) -> None:
    initiator = agreement.initiate(context(1))
    responder = agreement.respond(CheckedValue(initiator.commit_field), context(2))
    for field, check in (
        (initiator.commit_field, agreement.check_commit),
        (responder.dhpart1_field, agreement.check_dhpart1),
        (initiator.dhpart2_field, agreement.check_dhpart2),
        (responder.dhpart1_field, initiator.finish),
        (initiator.dhpart2_field, responder.finish),
    ):
        for wrong in {field[:-4], field + bytes(4), field[: len(field) // 2], b""} - {field}:
            with pytest.raises(MalformedPacket):
                check(CheckedValue(wrong))
    with pytest.raises(MalformedPacket):
        agreement.respond(CheckedValue(initiator.commit_field + bytes(4)), context(3))


@pytest.mark.attack("DH-13")
@pytest.mark.rfc("R-4.8-01", "R-4.4.1.1-03")
@EVERY_KEY_AGREEMENT
def test_every_share_is_fresh(agreement: KeyAgreement) -> None:
    shared = context(1)
    first, second = agreement.initiate(shared), agreement.initiate(shared)
    assert first.dhpart2_field != second.dhpart2_field
    if agreement.is_kem:
        assert first.commit_field != second.commit_field
    answers = [agreement.respond(CheckedValue(first.commit_field), shared).dhpart1_field for _ in range(2)]
    assert answers[0] != answers[1]


@pytest.mark.attack("SID-04")
@pytest.mark.rfc("R-4.4.1.4-07")
@EVERY_KEY_AGREEMENT
def test_a_wiped_share_is_of_no_more_use(agreement: KeyAgreement) -> None:
    initiator = agreement.initiate(context(1))
    responder = agreement.respond(CheckedValue(initiator.commit_field), context(2))
    for share in (initiator, responder):
        share.wipe()
        share.wipe()
    with pytest.raises(EngineDefect, match="wiped"):
        initiator.finish(CheckedValue(responder.dhpart1_field))
    with pytest.raises(EngineDefect, match="wiped"):
        responder.finish(CheckedValue(initiator.dhpart2_field))


@EVERY_KEY_AGREEMENT
def test_the_secret_outlives_its_share(agreement: KeyAgreement) -> None:
    initiator = agreement.initiate(context(1))
    responder = agreement.respond(CheckedValue(initiator.commit_field), context(2))
    secret = responder.finish(CheckedValue(initiator.dhpart2_field))
    responder.wipe()
    assert secret == initiator.finish(CheckedValue(responder.dhpart1_field))


@pytest.mark.attack("SID-05")
@EVERY_KEY_AGREEMENT
def test_the_repr_of_a_share_is_its_name(agreement: KeyAgreement) -> None:
    initiator = agreement.initiate(context(1))
    responder = agreement.respond(CheckedValue(initiator.commit_field), context(2))
    for share in (initiator, responder):
        assert repr(share) == f"{type(share).__name__}({agreement.code!r})"


@pytest.mark.rfc("R-4.4.1.2-01")
@EVERY_KEY_AGREEMENT
def test_a_lost_contention_uses_its_key_pair_again_only_for_diffie_hellman(agreement: KeyAgreement) -> None:
    lost = agreement.initiate(context(1))
    winner = agreement.initiate(context(2))
    response = agreement.respond(CheckedValue(winner.commit_field), context(3), own=lost)
    assert (id(response) == id(lost)) == (not agreement.is_kem)
    assert winner.finish(CheckedValue(response.dhpart1_field)) == response.finish(CheckedValue(winner.dhpart2_field))


@pytest.mark.attack("DH-13")
@EVERY_KEY_AGREEMENT
def test_a_key_pair_of_another_kind_is_not_used_again(agreement: KeyAgreement) -> None:
    other = next(item for item in KEY_AGREEMENTS if item.code != agreement.code and not item.is_kem)
    lost = other.initiate(context(1))
    winner = agreement.initiate(context(2))
    response = agreement.respond(CheckedValue(winner.commit_field), context(3), own=lost)
    assert id(response) != id(lost)
    assert winner.finish(CheckedValue(response.dhpart1_field)) == response.finish(CheckedValue(winner.dhpart2_field))


@pytest.mark.attack("DH-13")
@EVERY_KEY_AGREEMENT
def test_a_wiped_key_pair_is_not_used_again(agreement: KeyAgreement) -> None:
    lost = agreement.initiate(context(1))
    lost.wipe()
    winner = agreement.initiate(context(2))
    response = agreement.respond(CheckedValue(winner.commit_field), context(3), own=lost)
    assert winner.finish(CheckedValue(response.dhpart1_field)) == response.finish(CheckedValue(winner.dhpart2_field))


@pytest.mark.attack("DH-14")
@EVERY_KEY_AGREEMENT
def test_random_octets_lead_to_a_secret_or_to_the_peers_fault(agreement: KeyAgreement) -> None:
    initiator = agreement.initiate(context(1))
    for seed in range(20):
        octets = context(seed).random
        try:
            initiator.finish(CheckedValue(octets(agreement.dhpart1_length)))
            agreement.respond(CheckedValue(octets(agreement.commit_length)), context(seed, hash=S512))
        except PeerError:
            continue
