"""Calls out of SIP messages, and through whose hands keys went."""

from __future__ import annotations

import pytest

from tests.support.frames import ALICE, BOB, sdp, sip_request, sip_response
from zrtp.inspection.budget import Budget
from zrtp.inspection.calls import MOST_CALLS, MOST_MESSAGES, RecordedCalls

PHONE, SERVER, OTHER = ("192.0.2.10", 5060), ("192.0.2.1", 5060), ("192.0.2.20", 5060)
KEY = "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "QUJD" * 10


@pytest.fixture
def calls() -> RecordedCalls:
    return RecordedCalls(Budget())


def test_a_call_with_what_it_announced(calls: RecordedCalls) -> None:
    calls.add(1.0, PHONE, OTHER, "UDP", sip_request("INVITE", sdp(ALICE, KEY)))
    calls.add(2.0, OTHER, PHONE, "UDP", sip_response("200 OK", sdp(BOB)))

    (call,) = calls.all
    assert (call.caller, call.callee, call.started) == ("alice@example.org", "bob@example.org", 1.0)
    assert [(each.title, each.carries) for each in call.messages] == [("INVITE", ("SDP", "keys")), ("200 OK", ("SDP",))]
    assert [(each.author, each.index) for each in call.announcements] == [("of-alice", 0), ("of-bob", 0)]
    assert [announcement.author for _, announcement in calls.places[ALICE]] == ["of-alice"]
    assert BOB in calls.places


def test_a_key_is_followed_over_its_hops(calls: RecordedCalls) -> None:
    invite = sip_request("INVITE", sdp(ALICE, KEY))
    calls.add(1.0, PHONE, SERVER, "TCP", invite)
    calls.add(1.1, SERVER, OTHER, "UDP", invite)
    calls.add(1.6, SERVER, OTHER, "UDP", invite)  # the same again

    (call,) = calls.all
    assert [(each.hop.sender, each.hop.transport) for each in call.announcements] == [(PHONE, "TCP"), (SERVER, "UDP")]
    assert len(call.messages) == 3


def test_keys_are_in_no_repr(calls: RecordedCalls) -> None:
    calls.add(1.0, PHONE, OTHER, "UDP", sip_request("INVITE", sdp(ALICE, KEY)))
    assert "QUJD" not in repr(calls.all)
    assert "ABCABC" not in repr(calls.all)


def test_what_is_no_call_is_left_alone(calls: RecordedCalls) -> None:
    calls.add(1.0, PHONE, SERVER, "UDP", sip_request("REGISTER"))
    calls.add(1.0, PHONE, SERVER, "UDP", b"INVITE without a version\r\n\r\n")
    calls.add(1.0, PHONE, SERVER, "UDP", b"INVITE sip:b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n")
    assert calls.all == []
    assert calls.malformed == 1


def test_messages_that_are_cut_are_counted(calls: RecordedCalls) -> None:
    calls.add(1.0, PHONE, OTHER, "UDP", sip_request("INVITE", sdp(ALICE))[:-5])
    assert calls.cut == 1


def test_everything_is_bounded(calls: RecordedCalls) -> None:
    for number in range(MOST_CALLS + 10):
        calls.add(1.0, PHONE, OTHER, "UDP", sip_request("INVITE", call_id=str(number)))
    assert len(calls.all) == MOST_CALLS

    for _ in range(MOST_MESSAGES + 10):
        calls.add(2.0, PHONE, OTHER, "UDP", sip_request("BYE", call_id="0"))
    call = calls.all[0]
    assert (len(call.messages), call.unlisted) == (MOST_MESSAGES, 11)


def test_without_room_nothing_more_is_kept() -> None:
    calls = RecordedCalls(Budget(1500))
    calls.add(1.0, PHONE, OTHER, "UDP", sip_request("INVITE", sdp(ALICE)))
    assert [len(call.announcements) for call in calls.all] == [0]
