"""What all Diffie-Hellman forms refuse, and what they do when the library fails."""

from __future__ import annotations

import pytest

from tests.crypto.key_agreements.support import context
from zrtp.crypto.key_agreements import DH2K, DH3K, E255, EC25, EC38, EC52, X255, X448
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.crypto.key_agreements.diffie_hellman import DiffieHellman, DiffieHellmanShare
from zrtp.errors import ErrorCode, PeerMisbehaved

FORMS = (DH2K, DH3K, EC25, EC38, EC52, X255, E255, X448)


@pytest.fixture(params=FORMS, ids=lambda form: form.code.decode())
def form(request: pytest.FixtureRequest) -> DiffieHellman:
    item: DiffieHellman = request.param
    return item


@pytest.mark.attack("DH-12")
def test_our_own_public_value_is_refused(form: DiffieHellman) -> None:
    share = form.initiate(context())
    with pytest.raises(PeerMisbehaved, match="our own") as caught:
        share.finish(CheckedValue(share.public_value))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE


@pytest.mark.attack("DH-14")
@pytest.mark.parametrize("failure", [ValueError("bad point"), RuntimeError(), MemoryError(), OSError("x")])
def test_every_failure_of_the_library_ends_the_exchange(form: DiffieHellman, failure: Exception) -> None:
    def fail(pv: bytes) -> bytes:
        raise failure

    public_value = form.initiate(context(1)).public_value
    share = DiffieHellmanShare(form, 0, form.initiate(context(2)).public_value, fail)
    with pytest.raises(PeerMisbehaved) as caught:
        share.finish(CheckedValue(public_value))
    assert caught.value.code is ErrorCode.PUBLIC_VALUE


@pytest.mark.attack("DH-14")
def test_an_empty_or_zero_secret_of_the_library_ends_the_exchange(form: DiffieHellman) -> None:
    public_value = form.initiate(context(1)).public_value
    results = [b"", bytes(form.result_length), b"\x01" * (form.result_length - 1)]
    share = DiffieHellmanShare(form, 0, form.initiate(context(2)).public_value, lambda _: results.pop())
    while results:
        with pytest.raises(PeerMisbehaved):
            share.finish(CheckedValue(public_value))


def test_a_commit_carries_no_public_key(form: DiffieHellman) -> None:
    assert form.initiate(context()).commit_field == b""
    assert form.commit_length == 0
    assert not form.post_quantum
