"""Exchanges opened by a secret of them."""

from __future__ import annotations

import pytest

from tests.inspection.exchanges import exchange_of, flipped, messages_of, named, outcome, texts
from tests.support.cases import every
from tests.support.vectors import Transcript, transcripts
from zrtp.inspection.keys import KeyFile
from zrtp.inspection.unsealing import unseal
from zrtp.secret import Secret

COMPLETE = [
    each
    for each in transcripts()
    if each.messages.confirm1
    and each.messages.confirm2
    and each.suite.cipher[:3] == b"AES"
    and each.suite.auth_tag in (b"HS32", b"HS80", b"GCM ")
]
DH = named("linphone_default")


def keys(*s0: bytes, zrtpsess: bytes | None = None) -> KeyFile:
    return KeyFile(s0=tuple(map(Secret, s0)), zrtpsess=() if zrtpsess is None else (Secret(zrtpsess),))


@every("transcript", COMPLETE, ids=str)
def test_s0_opens_every_recorded_exchange(transcript: Transcript) -> None:
    exchange = exchange_of(messages_of(transcript.messages))
    expect = transcript.expect
    unsealed = unseal(exchange, keys(bytes(len(expect.s0)), expect.s0))

    assert unsealed is not None
    assert [bytes(each.key.octets) for each in unsealed.srtp] == [expect.srtpkeyi, expect.srtpkeyr]
    assert [bytes(each.salt.octets) for each in unsealed.srtp] == [expect.srtpsalti, expect.srtpsaltr]
    if expect.sas_rendered is not None and transcript.suite.sas != b"B10D":
        assert unsealed.sas == expect.sas_rendered
    for step in (exchange.confirm1, exchange.confirm2):
        assert step is not None and step.plain is not None
    assert [entry for checks in outcome(exchange).values() for entry in checks if "!" in entry] == []
    assert outcome(exchange)["Confirm1 of bob"] == ["CRC", "MAC", "H0"]


def test_then_every_message_of_the_chain_is_verified() -> None:
    exchange = exchange_of(messages_of(DH.messages))
    unseal(exchange, keys(DH.expect.s0))
    for title in ("Hello", "DHPart1"):
        assert "MAC" in outcome(exchange)[f"{title} of bob"]
    for title in ("Hello", "Commit", "DHPart2"):
        assert "MAC" in outcome(exchange)[f"{title} of alice"]


def test_zrtpsess_opens_a_multistream_exchange() -> None:
    further = named("linphone_video_s1")
    exchange = exchange_of(messages_of(further.messages))
    unsealed = unseal(exchange, keys(zrtpsess=further.zrtpsess_in))
    assert unsealed is not None
    assert unsealed.sas == ""
    assert [bytes(each.key.octets) for each in unsealed.srtp] == [further.expect.srtpkeyi, further.expect.srtpkeyr]


def test_a_wrong_secret_opens_nothing() -> None:
    exchange = exchange_of(messages_of(DH.messages))
    assert unseal(exchange, keys(bytes(32), bytes(48))) is None
    assert outcome(exchange)["Confirm1 of bob"] == ["CRC"]


def test_a_dhpart_that_was_changed_is_found_by_its_mac() -> None:
    """The key is over the changed message, so that only the message MAC can tell: here s0 is of that very exchange."""
    exchange = exchange_of(messages_of(DH.messages))
    assert exchange.dhpart1 is not None and exchange.dhpart1.message is not None
    object.__setattr__(exchange.dhpart1.message, "mac", bytes(8))
    unseal(exchange, keys(DH.expect.s0))
    assert "MAC!" in outcome(exchange)["DHPart1 of bob"]
    assert "The MAC of DHPart1 of bob is wrong" in texts(exchange)


def test_a_changed_iv_garbles_h0() -> None:
    sent = messages_of(DH.messages)
    at = next(place for place, (_, message) in enumerate(sent) if message[4:12] == b"Confirm1")
    sent[at] = (1, flipped(sent[at][1], 20))
    exchange = exchange_of(sent)
    unseal(exchange, keys(DH.expect.s0))
    assert "H0!" in outcome(exchange)["Confirm1 of bob"]


@pytest.mark.parametrize("messages", [2, 5, 7])
def test_an_exchange_that_stopped_cannot_be_opened(messages: int) -> None:
    assert unseal(exchange_of(messages_of(DH.messages)[:messages]), keys(DH.expect.s0)) is None


def test_algorithms_that_are_not_here_open_nothing() -> None:
    foreign = named("zrtpcpp_e414_skn3_2fs3_sk64_b10d")
    assert unseal(exchange_of(messages_of(foreign.messages)), keys(foreign.expect.s0)) is None
