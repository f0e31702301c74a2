"""X255, E255 and X448 against RFC 7748, and their low-order points."""

from __future__ import annotations

import pytest

from tests.crypto.key_agreements.support import context, diffie_hellman_share
from tests.support.cases import every
from zrtp.crypto.key_agreements import E255, X255, X448
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.montgomery import Montgomery
from zrtp.errors import ErrorCode, PeerMisbehaved

P255 = 2**255 - 19
P448 = 2**448 - 2**224 - 1

RFC_7748 = [
    (
        X255,
        "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
    ),
    (
        X448,
        "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf5"
        "74a9419744897391006382a6f127ab1d9ac2d8c0a598726b",
        "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bb"
        "c836647241d953d40c5b12da88120d53177f80e532c41fa0",
        "1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120"
        "bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d",
        "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972"
        "fc3e34fb4232a13ca706dcb57aec3dae07bdc1c67bf33609",
        "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56"
        "fd2464c335543936521c24403085d59a449a5037514a879d",
    ),
]


@pytest.mark.parametrize(("curve", "a", "ga", "b", "gb", "k"), RFC_7748, ids=["X255", "X448"])
def test_the_answers_of_rfc_7748(curve: Montgomery, a: str, ga: str, b: str, gb: str, k: str) -> None:
    alice = diffie_hellman_share(curve.code, bytes.fromhex(a))
    bob = diffie_hellman_share(curve.code, bytes.fromhex(b))
    assert alice.public_value.hex() == ga
    assert bob.public_value.hex() == gb
    assert alice.finish(CheckedValue(bob.public_value)).octets.hex() == k
    assert bob.finish(CheckedValue(alice.public_value)).octets.hex() == k


RFC_7748_SINGLE = [
    (
        X255,
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ),
    (
        X255,  # the value has its top bit set, which is to be ignored
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ),
    (
        X448,
        "3d262fddf9ec8e88495266fea19a34d28882acef045104d0d1aae121"
        "700a779c984c24f8cdd78fbff44943eba368f54b29259a4f1c600ad3",
        "06fce640fa3487bfda5f6cf2d5263f8aad88334cbd07437f020f08f9"
        "814dc031ddbdc38c19c6da2583fa5429db94ada18aa7a7fb4ef8a086",
        "ce3e4ff95a60dc6697da1db1d85e6afbdf79b50a2412d7546d5f239f"
        "e14fbaadeb445fc66a01b0779d98223961111e21766282f73dd96b6f",
    ),
]


@pytest.mark.attack("DH-07")
@pytest.mark.parametrize(("curve", "private", "pv", "result"), RFC_7748_SINGLE)
def test_the_single_answers_of_rfc_7748(curve: Montgomery, private: str, pv: str, result: str) -> None:
    share = diffie_hellman_share(curve.code, bytes.fromhex(private))
    assert share.finish(CheckedValue(bytes.fromhex(pv))).octets.hex() == result


def test_e255_is_x255_by_another_name() -> None:
    private, peer = bytes.fromhex(RFC_7748[0][1]), bytes.fromhex(RFC_7748[0][4])
    ours, theirs = (diffie_hellman_share(code, private) for code in (b"X255", b"E255"))
    assert ours.public_value == theirs.public_value
    assert ours.finish(CheckedValue(peer)) == theirs.finish(CheckedValue(peer))


LOW_ORDER_255 = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    P255 - 1,
    P255,
    P255 + 1,
]
LOW_ORDER_448 = [0, 1, P448 - 1, P448, P448 + 1]


@pytest.mark.attack("DH-06")
@every(
    ("curve", "value"),
    [(X255, value) for value in LOW_ORDER_255]
    + [(E255, value | 1 << 255) for value in LOW_ORDER_255]
    + [(X448, value) for value in LOW_ORDER_448],
)
def test_a_public_value_of_low_order_is_refused(curve: Montgomery, value: int) -> None:
    share = curve.initiate(context())
    pv = value.to_bytes(curve.length, "little")
    curve.check_dhpart1(pv)
    with pytest.raises(PeerMisbehaved) as caught:
        share.finish(CheckedValue(pv))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE


@pytest.mark.attack("DH-07")
@pytest.mark.parametrize(("curve", "prime"), [(X255, P255), (X448, P448)], ids=["X255", "X448"])
def test_non_canonical_values_are_reduced_as_rfc_7748_says(curve: Montgomery, prime: int) -> None:
    share = curve.initiate(context())
    for small in (2, 3, 9, 18):
        canonical, other = (number.to_bytes(curve.length, "little") for number in (small, prime + small))
        assert share.finish(CheckedValue(canonical)) == share.finish(CheckedValue(other))


@pytest.mark.attack("DH-07")
def test_the_top_bit_of_x25519_is_ignored_also_when_it_hides_our_own_value() -> None:
    share, peer = X255.initiate(context(1)), X255.initiate(context(2))
    flipped = peer.public_value[:-1] + bytes([peer.public_value[-1] ^ 0x80])
    assert share.finish(CheckedValue(flipped)) == share.finish(CheckedValue(peer.public_value))
    with pytest.raises(PeerMisbehaved, match="our own"):
        share.finish(CheckedValue(share.public_value[:-1] + bytes([share.public_value[-1] ^ 0x80])))


@pytest.mark.attack("DH-08")
@pytest.mark.parametrize("curve", [X255, X448], ids=["X255", "X448"])
def test_results_with_zeros_at_either_end_keep_their_width(curve: Montgomery) -> None:
    peer = curve.initiate(context(1)).public_value
    ends = set()
    for seed in range(2, 2000):
        result = curve.initiate(context(seed)).finish(CheckedValue(peer))
        assert len(result) == curve.result_length
        ends |= {end for end in (0, -1) if result.octets[end] == 0}
        if ends == {0, -1} or (curve is X448 and ends):
            break
    assert ends
