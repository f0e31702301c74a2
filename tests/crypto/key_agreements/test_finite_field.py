"""DH2k and DH3k: exponents, ranges, fixed widths, the library and its stand-in."""

from __future__ import annotations

import random
import sys
import warnings
from types import ModuleType, SimpleNamespace

import pytest

from tests.crypto.key_agreements.support import context, diffie_hellman_share
from zrtp.crypto.key_agreements import DH2K, DH3K, finite_field
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.finite_field import MODP_2048, MODP_3072, FiniteField
from zrtp.errors import ErrorCode, PeerMisbehaved, RandomnessFailed


@pytest.fixture(params=["openssl", "python"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "python":
        monkeypatch.setattr(finite_field, "_library", lambda: None)
    name: str = request.param
    return name


@pytest.fixture(params=[DH2K, DH3K], ids=["DH2k", "DH3k"])
def group(request: pytest.FixtureRequest) -> FiniteField:
    item: FiniteField = request.param
    return item


@pytest.mark.rfc("R-5.1.5-06")
@pytest.mark.parametrize(("bits", "offset", "prime"), [(2048, 124476, MODP_2048), (3072, 1690314, MODP_3072)])
def test_the_primes_follow_the_formula_of_rfc_3526(bits: int, offset: int, prime: int) -> None:
    # p = 2^n - 2^(n-64) - 1 + 2^64 * (floor(2^(n-130) * pi) + offset)
    assert prime == 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (_pi_times_power_of_two(bits - 130) + offset)


def test_the_library_computes_it() -> None:
    assert finite_field.backend() == "openssl"


def test_both_backends_agree(group: FiniteField, monkeypatch: pytest.MonkeyPatch) -> None:
    shares = [group.initiate(context(1))]
    monkeypatch.setattr(finite_field, "_library", lambda: None)
    assert finite_field.backend() == "python"
    shares.append(group.initiate(context(1)))
    assert shares[0].public_value == shares[1].public_value
    peer = group.initiate(context(2)).public_value
    assert shares[0].finish(CheckedValue(peer)) == shares[1].finish(CheckedValue(peer))


def test_a_library_without_finite_fields_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    stripped = ModuleType("cryptography.hazmat.bindings._rust")
    stripped.openssl = SimpleNamespace(dh=SimpleNamespace())  # type: ignore[attr-defined]
    for module in (None, ModuleType("empty"), stripped):
        monkeypatch.setitem(sys.modules, "cryptography.hazmat.bindings._rust", module)
        assert finite_field.backend() == "python"


def test_no_deprecation_warning_reaches_anybody_and_no_filter_is_touched(group: FiniteField) -> None:
    filters = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        share = group.initiate(context(1))
        share.finish(CheckedValue(group.initiate(context(2)).public_value))
    assert caught == []
    assert list(warnings.filters) == filters


@pytest.mark.attack("DH-15")
@pytest.mark.rfc("R-5.1.5-07", "R-5.1.5-08", "R-5.1.5-09", "R-5.1.5-10", "R-4.8-02")
@pytest.mark.parametrize("bits", [256, 384, 512])
def test_the_exponent_has_twice_the_bits_of_the_aes_key(group: FiniteField, bits: int) -> None:
    drawn: list[bytes] = []

    def source(length: int) -> bytes:
        drawn.append(random.Random(7).randbytes(length))
        return drawn[-1]

    share = group.initiate(context(exponent_bits=bits, random_source=source))
    (octets,) = drawn
    assert 8 * len(octets) == bits
    assert int.from_bytes(share.public_value, "big") == pow(2, int.from_bytes(octets, "big"), group.prime)


@pytest.mark.attack("SID-07")
@pytest.mark.rfc("R-4.8-02")
@pytest.mark.parametrize("exponent", [0, 1])
def test_an_exponent_of_0_or_1_is_never_used(group: FiniteField, exponent: int) -> None:
    with pytest.raises(RandomnessFailed, match="randomness"):
        group.initiate(context(random_source=lambda length: exponent.to_bytes(length, "big")))


@pytest.mark.attack("DH-01", "DH-02")
@pytest.mark.rfc("R-4.4.1.2-03", "R-4.4.1.2-05", "R-4.4.1.3-01", "R-4.4.1.3-03")
def test_values_out_of_range_are_refused(group: FiniteField, backend: str) -> None:
    share = group.initiate(context())
    p = group.prime
    for value in (0, 1, p - 1, p, p + 1, p + 2, 256**group.length - 1):
        pv = value.to_bytes(group.length, "big")
        for check in (group.check_dhpart1, group.check_dhpart2, share.finish):
            with pytest.raises(PeerMisbehaved) as caught:
                check(CheckedValue(pv))
            assert caught.value.code is ErrorCode.PUBLIC_VALUE


@pytest.mark.attack("DH-03")
def test_the_smallest_and_largest_values_and_non_residues_are_accepted(group: FiniteField, backend: str) -> None:
    share = diffie_hellman_share(group.code, b"\x07" * 32)
    exponent = int.from_bytes(b"\x07" * 32, "big")
    p = group.prime
    assert p % 4 == 3, "so the negative of a square has no root"
    for value in (2, p - 2, p - 9):
        pv = value.to_bytes(group.length, "big")
        group.check_dhpart1(pv)
        assert int.from_bytes(share.finish(CheckedValue(pv)).octets, "big") == pow(value, exponent, p)


@pytest.mark.attack("DH-08")
@pytest.mark.rfc("R-4.4.1.4-02")
def test_a_result_with_leading_zeros_keeps_its_width(group: FiniteField, backend: str) -> None:
    private = b"\x2b" * 32
    root = pow(int.from_bytes(private, "big"), -1, (group.prime - 1) // 2)
    pv = pow(4, root, group.prime).to_bytes(group.length, "big")
    result = diffie_hellman_share(group.code, private).finish(CheckedValue(pv))
    assert bytes(result.octets) == bytes(group.length - 1) + b"\x04"


@pytest.mark.attack("DH-09")
@pytest.mark.rfc("R-4.4.1.1-05", "R-4.4.1.2-02")
def test_a_public_value_with_leading_zeros_keeps_its_width(group: FiniteField, backend: str) -> None:
    share = diffie_hellman_share(group.code, b"\x05")
    assert share.public_value == bytes(group.length - 1) + b"\x20"


@pytest.mark.attack("DH-13")
def test_a_short_exponent_does_not_serve_a_longer_aes_key(group: FiniteField) -> None:
    lost = group.initiate(context(1, exponent_bits=256))
    assert group.respond(CheckedValue(b""), context(2, exponent_bits=256), own=lost) is lost
    assert group.respond(CheckedValue(b""), context(2, exponent_bits=512), own=lost) is not lost


def _pi_times_power_of_two(bits: int) -> int:
    """floor(2^bits * pi), by Machin's formula with 64 spare bits."""
    one = 1 << (bits + 64)

    def arctangent_of_inverse(x: int) -> int:
        total = term = one // x
        divisor, sign = 3, -1
        while term:
            term //= x * x
            total += sign * (term // divisor)
            divisor, sign = divisor + 2, -sign
        return total

    return (4 * (4 * arctangent_of_inverse(5) - arctangent_of_inverse(239))) >> 64
