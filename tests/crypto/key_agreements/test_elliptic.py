"""EC25, EC38 and EC52: published answers, fixed widths, and points that are none."""

from __future__ import annotations

import pytest

from tests.crypto.key_agreements.support import context, diffie_hellman_share
from zrtp.crypto.key_agreements import EC25, EC38, EC52
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.elliptic import Elliptic
from zrtp.errors import ErrorCode, MalformedPacket, PeerMisbehaved, RandomnessFailed

RFC_5903 = [
    (
        EC25,
        "C88F01F510D9AC3F70A292DAA2316DE544E9AAB8AFE84049C62A9C57862D1433",
        "DAD0B65394221CF9B051E1FECA5787D098DFE637FC90B9EF945D0C3772581180"
        "5271A0461CDB8252D61F1C456FA3E59AB1F45B33ACCF5F58389E0577B8990BB3",
        "C6EF9C5D78AE012A011164ACB397CE2088685D8F06BF9BE0B283AB46476BEE53",
        "D12DFB5289C8D4F81208B70270398C342296970A0BCCB74C736FC7554494BF63"
        "56FBF3CA366CC23E8157854C13C58D6AAC23F046ADA30F8353E74F33039872AB",
        "D6840F6B42F6EDAFD13116E0E12565202FEF8E9ECE7DCE03812464D04B9442DE",
    ),
    (
        EC38,
        "099F3C7034D4A2C699884D73A375A67F7624EF7C6B3C0F160647B67414DCE655E35B538041E649EE3FAEF896783AB194",
        "667842D7D180AC2CDE6F74F37551F55755C7645C20EF73E31634FE72B4C55EE6DE3AC808ACB4BDB4C88732AEE95F41AA"
        "9482ED1FC0EEB9CAFC4984625CCFC23F65032149E0E144ADA024181535A0F38EEB9FCFF3C2C947DAE69B4C634573A81C",
        "41CB0779B4BDB85D47846725FBEC3C9430FAB46CC8DC5060855CC9BDA0AA2942E0308312916B8ED2960E4BD55A7448FC",
        "E558DBEF53EECDE3D3FCCFC1AEA08A89A987475D12FD950D83CFA41732BC509D0D1AC43A0336DEF96FDA41D0774A3571"
        "DCFBEC7AACF3196472169E838430367F66EEBE3C6E70C416DD5F0C68759DD1FFF83FA40142209DFF5EAAD96DB9E6386C",
        "11187331C279962D93D604243FD592CB9D0A926F422E47187521287E7156C5C4D603135569B9E9D09CF5D4A270F59746",
    ),
]


@pytest.fixture(params=[EC25, EC38, EC52], ids=["EC25", "EC38", "EC52"])
def curve(request: pytest.FixtureRequest) -> Elliptic:
    item: Elliptic = request.param
    return item


@pytest.mark.rfc("R-5.1.5-11", "R-5.1.5-13", "R-5.1.5-14")
@pytest.mark.parametrize(("curve", "i", "gi", "r", "gr", "gir"), RFC_5903, ids=["EC25", "EC38"], indirect=["curve"])
def test_the_answers_of_rfc_5903(curve: Elliptic, i: str, gi: str, r: str, gr: str, gir: str) -> None:
    initiator = diffie_hellman_share(curve.code, bytes.fromhex(i))
    responder = diffie_hellman_share(curve.code, bytes.fromhex(r))
    assert initiator.public_value == bytes.fromhex(gi)
    assert responder.public_value == bytes.fromhex(gr)
    assert bytes(initiator.finish(CheckedValue(bytes.fromhex(gr))).octets) == bytes.fromhex(gir)
    assert bytes(responder.finish(CheckedValue(bytes.fromhex(gi))).octets) == bytes.fromhex(gir)


@pytest.mark.rfc("R-5.1.5-22", "R-4.4.1.4-02")
def test_widths(curve: Elliptic) -> None:
    expected = {b"EC25": (64, 32), b"EC38": (96, 48), b"EC52": (132, 66)}
    share = curve.initiate(context(1))
    result = share.finish(CheckedValue(curve.initiate(context(2)).public_value))
    assert (len(share.public_value), len(result)) == expected[curve.code]


@pytest.mark.attack("DH-04")
@pytest.mark.rfc("R-5.1.5-12")
def test_points_that_are_none_are_refused(curve: Elliptic) -> None:
    share = curve.initiate(context(1))
    good = curve.initiate(context(2)).public_value
    width = curve.result_length
    x, y = int.from_bytes(good[:width], "big"), int.from_bytes(good[width:], "big")
    for bad_x, bad_y in (
        (0, 0),
        (x, (y + 1) % curve.prime),
        (x ^ 1, y),
        (y, x),
        (curve.prime, y),
        (x, curve.prime),
        (256**width - 1, 256**width - 1),
    ):
        with pytest.raises(PeerMisbehaved) as caught:
            share.finish(CheckedValue(bad_x.to_bytes(width, "big") + bad_y.to_bytes(width, "big")))
        assert caught.value.code is ErrorCode.PUBLIC_VALUE


@pytest.mark.attack("DH-04")
def test_coordinates_out_of_range_are_found_without_a_point_operation(curve: Elliptic) -> None:
    width = curve.result_length
    p = curve.prime.to_bytes(width, "big")
    for pv in (p + bytes(width), bytes(width) + p, bytes(2 * width), b"\xff" * (2 * width)):
        for check in (curve.check_dhpart1, curve.check_dhpart2):
            with pytest.raises(PeerMisbehaved):
                check(pv)


@pytest.mark.attack("DH-04")
def test_a_point_of_another_curve_of_that_size_is_refused() -> None:
    # y^2 = x^3 - 3x + b with another b, as an invalid-curve attack uses: any x, y off the right curve.
    share = EC25.initiate(context(1))
    for seed in range(10):
        octets = context(seed).random(64)
        with pytest.raises(PeerMisbehaved):
            share.finish(CheckedValue(octets))


@pytest.mark.attack("DH-05")
def test_compressed_and_x_only_encodings_are_malformed(curve: Elliptic) -> None:
    share = curve.initiate(context(1))
    good = curve.initiate(context(2)).public_value
    width = curve.result_length
    for encoding in (good[:width], b"\x02" + good[:width], b"\x03" + good[:width], b"\x04" + good):
        with pytest.raises(MalformedPacket):
            share.finish(CheckedValue(encoding))


@pytest.mark.attack("DH-12")
def test_the_mirror_image_of_our_own_point_is_refused_too(curve: Elliptic) -> None:
    share = curve.initiate(context(1))
    width = curve.result_length
    y = int.from_bytes(share.public_value[width:], "big")
    with pytest.raises(PeerMisbehaved, match="our own"):
        share.finish(CheckedValue(share.public_value[:width] + (curve.prime - y).to_bytes(width, "big")))


@pytest.mark.attack("DH-08", "DH-09")
@pytest.mark.rfc("R-4.4.1.4-02", "R-4.4.1.1-05")
def test_leading_zeros_stay(curve: Elliptic) -> None:
    one = diffie_hellman_share(curve.code, (1).to_bytes(curve.result_length, "big"))
    for scalar in range(2, 3000):
        share = diffie_hellman_share(curve.code, scalar.to_bytes(curve.result_length, "big"))
        if share.public_value[0] == 0:
            break
    # scalar * G, as public value and as the result of the exchange with 1 * G
    result = share.finish(CheckedValue(one.public_value))
    assert bytes(result.octets) == share.public_value[: curve.result_length]
    assert one.finish(CheckedValue(share.public_value)) == result


@pytest.mark.rfc("R-4.8-02")
def test_scalars_out_of_range_are_drawn_again(curve: Elliptic) -> None:
    draws = [b"\xff" * curve.result_length, bytes(range(1, curve.result_length + 1))]
    octets = iter(draws)
    share = curve.initiate(context(random_source=lambda _: next(octets)))
    excess = 8 * curve.result_length - curve.prime.bit_length()
    scalar = (int.from_bytes(draws[1], "big") >> excess).to_bytes(curve.result_length, "big")
    assert share.public_value == diffie_hellman_share(curve.code, scalar).public_value


@pytest.mark.attack("SID-07")
def test_a_source_that_gives_only_unusable_scalars_is_noticed(curve: Elliptic) -> None:
    with pytest.raises(RandomnessFailed, match="randomness"):
        curve.initiate(context(random_source=lambda length: b"\xff" * length))
