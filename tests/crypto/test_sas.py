"""SAS renderings against the RFC's algorithm and recorded calls."""

from __future__ import annotations

import base64
import random
from typing import Any

import pytest

from tests.support.cases import every
from tests.support.vectors import Transcript, code, item_id, primitives, transcripts
from zrtp.crypto.pgp_words import EVEN, ODD
from zrtp.crypto.sas import B32, B32E, B256, SAS_TYPES, Sas, SasType
from zrtp.errors import ApiMisuse

BY_CODE = {sas_type.code: sas_type for sas_type in SAS_TYPES}
SASHASH = bytes.fromhex("e582") + bytes(30)


@pytest.mark.attack("SAS-05")
@pytest.mark.rfc("R-5.1.6-01", "R-5.1.6-02", "R-5.1.6-03", "R-5.1.6-04", "R-4.5.2-08")
@every("item", primitives("sas"), ids=item_id)
def test_renderings_give_the_recorded_answers(item: dict[str, Any]) -> None:
    sashash = bytes.fromhex(item["sashash"])
    for sas_type in SAS_TYPES:
        name = sas_type.code.decode().strip()
        if name in item:
            assert sas_type.render(sashash) == item[name]


@every(
    "transcript",
    [call for call in transcripts() if call.suite.sas in BY_CODE and call.expect.sas_rendered],
    ids=str,
)
def test_renderings_are_what_the_users_of_recorded_calls_saw(transcript: Transcript) -> None:
    sashash = transcript.expect.sashash
    assert sashash is not None
    assert BY_CODE[transcript.suite.sas].sas(sashash).rendered == transcript.expect.sas_rendered


@pytest.mark.attack("SAS-05")
@pytest.mark.rfc("R-5.1.6-04")
def test_b32_is_the_first_four_letters_of_z_base_32() -> None:
    letters = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", b"ybndrfg8ejkmcpqxot1uwisza345h769")
    numbers = random.Random(1)
    for _ in range(500):
        sashash = numbers.randbytes(32)
        assert B32.render(sashash) == base64.b32encode(sashash)[:4].translate(letters).decode()
    assert B32.render(bytes(32)) == "yyyy"
    assert B32.render(b"\xff\xff\xf0" + bytes(29)) == "9999"


@pytest.mark.attack("SAS-05")
@pytest.mark.rfc("R-5.1.6-03")
def test_b256_takes_an_even_and_an_odd_word() -> None:
    for first in range(256):
        sashash = bytes((first, 255 - first)) + b"rest" * 8
        assert Sas(sashash=sashash, code=b"B256").words() == (EVEN[first], ODD[255 - first])
    assert B256.render(SASHASH) == "topmost:Istanbul"


def test_every_rendering_is_at_hand_whichever_was_negotiated() -> None:
    sas = B32.sas(SASHASH)
    assert sas.rendered == sas.letters() == B32.render(SASHASH)
    assert ":".join(sas.words()) == B256.render(SASHASH)
    assert sas.emoji() == B32E.render(SASHASH)
    assert len(sas.emoji()) == 4


def test_a_sas_can_be_made_from_code_and_hash() -> None:
    assert Sas(sashash=SASHASH, code=b"B256") == B256.sas(SASHASH)


def test_an_application_can_bring_its_own_rendering() -> None:
    hexadecimal = SasType(code=b"HEX8", render=lambda sashash: sashash[:4].hex())
    assert hexadecimal.sas(SASHASH).rendered == "e5820000"
    with pytest.raises(ApiMisuse, match="HEX8"):
        Sas(sashash=SASHASH, code=b"HEX8")


def test_the_ambiguous_b10d_is_not_offered() -> None:
    assert code("B10D") not in BY_CODE


@pytest.mark.attack("SID-05")
def test_the_repr_shows_neither_hash_nor_text() -> None:
    assert repr(B32.sas(SASHASH)) == "Sas(code=b'B32 ')"
