"""Every recorded public value and DHResult that the algorithms here can reproduce."""

from __future__ import annotations

from typing import Any

import pytest

from tests.crypto.key_agreements.support import context, diffie_hellman_share
from tests.support.cases import every
from tests.support.vectors import (
    PrivateValue,
    Transcript,
    code,
    item_id,
    primitives,
    private_value,
    transcripts,
)
from zrtp.crypto.key_agreements import DH3K, KeyAgreement
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.kem import KEMS, response_from_private, share_from_private
from zrtp.crypto.registry import DEFAULT

EXPANDED_ONLY_FOR = b"MLK1"
"""The one code whose library takes an expanded ML-KEM key; the others take the seed."""


CALLS = [
    call
    for call in transcripts()
    if call.suite.key_agreement in DEFAULT.key_agreements and (call.initiator.secret or call.responder.secret)
]
"""Those with a private value to start from."""


def implemented(kind: str) -> list[dict[str, Any]]:
    return [item for item in primitives(kind) if code(item["key_agreement"]) in DEFAULT.key_agreements]


def agreement_or_skip(code: bytes) -> KeyAgreement:
    agreement = DEFAULT.key_agreements[code]
    if not agreement.available:
        pytest.skip("the library that computes it is not installed")
    return agreement


@pytest.mark.rfc("R-4.4.1.1-04", "R-4.4.1.1-06", "R-5.1.5-13")
@every("item", implemented("public_value"), ids=item_id)
def test_public_values(item: dict[str, Any]) -> None:
    agreement = agreement_or_skip(code(item["key_agreement"]))
    share = diffie_hellman_share(agreement.code, private_value(item["secret"]).value)
    assert share.public_value.hex() == item["pv"]


@pytest.mark.rfc("R-4.4.1.2-09", "R-4.4.1.3-05", "R-5.1.5-14")
@every("item", implemented("dh_result"), ids=item_id)
def test_dh_results(item: dict[str, Any]) -> None:
    agreement = agreement_or_skip(code(item["key_agreement"]))
    share = diffie_hellman_share(agreement.code, private_value(item["secret"]).value)
    assert share.finish(CheckedValue(bytes.fromhex(item["peer_pv"]))).octets.hex() == item["result"]


def test_every_family_has_recorded_calls() -> None:
    assert {call.suite.key_agreement for call in CALLS} >= {
        *(b"DH2k", b"DH3k", b"EC25", b"EC38", b"EC52", b"X255", b"E255", b"X448"),
        *(b"K255", b"K448", b"MLK1", b"MLK2", b"MLK3", b"X3M3"),
    }


@pytest.mark.parametrize("item", primitives("modp"), ids=item_id)
def test_primes(item: dict[str, Any]) -> None:
    group = DEFAULT.key_agreements[code(item["code"])]
    assert isinstance(group, type(DH3K))
    assert f"{group.prime:x}" == item["p"]


@pytest.mark.rfc("R-4.4.1.4-02")
@every("transcript", CALLS, ids=str)
def test_dh_results_of_recorded_calls(transcript: Transcript) -> None:
    messages, expect = transcript.messages, transcript.expect
    assert messages.dhpart1 is not None
    assert messages.dhpart2 is not None
    assert expect.dh_result is not None
    agreement = agreement_or_skip(transcript.suite.key_agreement)
    pvr, pvi, public_key = messages.dhpart1[76:-8], messages.dhpart2[76:-8], messages.commit[108:-8]
    agreement.check_commit(public_key)
    agreement.check_dhpart1(pvr)
    agreement.check_dhpart2(pvi)

    secrets = {"initiator": transcript.initiator.secret, "responder": transcript.responder.secret}
    for own, private in secrets.items():
        if private is not None:
            result = _result(transcript, own, private, pvr, pvi, public_key)
            assert result.hex() == expect.dh_result.hex()


def _result(
    transcript: Transcript, own: str, private: PrivateValue, pvr: bytes, pvi: bytes, public_key: bytes
) -> bytes:
    """DHResult as the end with this private value computes it; its own field must come out as recorded."""
    code = transcript.suite.key_agreement
    if code not in KEMS:
        share = diffie_hellman_share(code, private.value)
        assert share.public_value == (pvi if own == "initiator" else pvr)
        return bytes(share.finish(CheckedValue(pvr if own == "initiator" else pvi)).octets)

    shared = context(hash=DEFAULT.hashes[transcript.suite.hash])
    if private.role == "encapsulator":
        values = [part.value for part in private.parts]
        response = response_from_private(code, values, public_key, pvr, shared)
        assert response.dhpart1_field == pvr
        return bytes(response.finish(CheckedValue(pvi)).octets)

    if any(part.type == "ml-kem-dk" for part in private.parts) != (code == EXPANDED_ONLY_FOR):
        pytest.skip("the private key is recorded in a form that the library does not take")
    initiator = share_from_private(code, b"".join(part.value for part in private.parts), shared)
    assert initiator.commit_field == public_key
    return bytes(initiator.finish(CheckedValue(pvr)).octets)
