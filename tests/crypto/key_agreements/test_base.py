"""The order of speed, and the guards that every key agreement relies on."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from zrtp.crypto.key_agreements import KEY_AGREEMENTS, MERGED_ORDER
from zrtp.crypto.key_agreements.base import check_secret, draw, rank
from zrtp.errors import ErrorCode, PeerMisbehaved, RandomnessFailed


def order_of(*names: str) -> list[str]:
    return sorted(names, key=lambda name: rank(name.encode()))


@pytest.mark.rfc("R-4.1.2-04")
@every(
    "names",
    [
        ("DH2k", "EC25", "DH3k", "EC38", "EC52"),
        ("DH2k", "E255", "EC25", "DH3k", "E414", "EC38"),
        ("DH2k", "X255", "K255", "EC25", "X448", "K448", "DH3k", "EC38", "EC52"),
        ("EC52", "KYB1", "KYB3", "HQD1", "HQD3", "X1K1", "X1H1", "X3K3", "X3H3", "XKR1", "XKR3"),
        ("XKR3", "MLK1", "MLK2", "MLK3", "X1M1", "X1M2", "X3M3"),
    ],
    ids=["RFC 6189", "GNU ZRTP", "bzrtp", "bzrtp, older post-quantum", "bzrtp, post-quantum"],
)
def test_the_merged_order_contains_every_peers_order(names: tuple[str, ...]) -> None:
    assert order_of(*names) == list(names)


def test_an_applications_own_code_ranks_behind_all_of_them() -> None:
    assert rank(b"MINE") > max(rank(code) for code in MERGED_ORDER)


def test_no_code_has_two_places() -> None:
    assert len(set(MERGED_ORDER)) == len(MERGED_ORDER)


def test_the_implemented_ones_are_listed_in_that_order() -> None:
    ranks = [agreement.rank for agreement in KEY_AGREEMENTS]
    assert ranks == sorted(ranks)


@pytest.mark.attack("SID-07")
@pytest.mark.parametrize("source", [lambda n: bytes(n), lambda n: b"\x01" * (n - 1), lambda n: b""])
def test_a_source_of_randomness_that_fails_quietly_is_noticed(source: object) -> None:
    with pytest.raises(RandomnessFailed, match="randomness"):
        draw(source, 32)  # type: ignore[arg-type]


@pytest.mark.attack("SID-07")
def test_a_source_of_randomness_that_fails_loudly_is_not_hushed_up() -> None:
    def broken(length: int) -> bytes:
        raise OSError("no entropy")

    with pytest.raises(OSError, match="no entropy"):
        draw(broken, 32)


@pytest.mark.attack("DH-14")
@pytest.mark.parametrize("result", [b"", b"\x01" * 31, bytes(32), b"\x01" * 33])
def test_a_secret_that_is_empty_short_or_zero_is_refused(result: bytes) -> None:
    with pytest.raises(PeerMisbehaved) as caught:
        check_secret(result, 32)
    assert caught.value.code is ErrorCode.PUBLIC_VALUE
