"""The floor is the public-key work of both ends; the profile tells OpenSSL from the engine."""

from __future__ import annotations

import pytest

from tests.bench.handshakes import scenarios
from tests.bench.openssl import profile, public_key_operations


@pytest.mark.parametrize("agreement", [b"X255", b"EC38", b"X1M2"])
def test_the_operations_of_both_ends_can_be_repeated(agreement: bytes) -> None:
    run = public_key_operations(agreement)
    run()
    run()


@pytest.mark.parametrize("name", ["DH2k", "X255", "EC25", "MLK2"])
def test_no_place_outside_openssl_is_openssl(name: str) -> None:
    found = profile(scenarios([name])[0].prepare(), handshakes=2)

    assert found.symmetric > 0
    names = [place.where for place in found.places]
    assert any("zrtp/protocol/stream.py" in where for where in names)
    compiled = [where for where in names if where.startswith("<")]
    assert not any(word in where for where in compiled for word in ("hashlib.", "cryptography.", "x25519.", "ec."))


def test_places_come_with_calls_and_time_of_one_handshake_the_dearest_first() -> None:
    places = profile(scenarios(["X255"])[0].prepare(), handshakes=2).places

    assert [place.seconds for place in places] == sorted((place.seconds for place in places), reverse=True)
    (decoding,) = [place for place in places if place.where.endswith(" decode_packet")]
    assert decoding.calls == 11
