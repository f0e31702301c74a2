"""Which message belongs to which call, and when calls are over."""

from __future__ import annotations

import pytest

from tests.proxy.stage import sdp
from tests.proxy.two_phones import TwoPhones
from zrtp.proxy import calls as bounds
from zrtp.proxy.news import Phase
from zrtp.proxy.policy import Policy


@pytest.fixture
def stage() -> TwoPhones:
    return TwoPhones()


def test_a_bye_of_either_side_ends_the_call_and_closes_its_ports(stage: TwoPhones) -> None:
    before = set(stage.wire.ports)
    stage.call()
    assert set(stage.wire.ports) > before
    stage.request(stage.bob, "BYE")

    assert set(stage.wire.ports) == before
    assert [side.proxy.view.phase for side in stage.sides] == [Phase.ENDED] * 2
    assert all(line.closed for side in stage.sides for line in side.proxy.lines)


def test_a_cancelled_call_ends_with_its_final_answer(stage: TwoPhones) -> None:
    stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False, branch="c", cseq=1)
    stage.request(stage.alice, "CANCEL", to_tag=False, branch="c", cseq=1)
    assert stage.alice.proxy.view.phase is Phase.RINGING
    stage.answer(stage.bob, "487 Request Terminated")

    assert [side.proxy.view.phase for side in stage.sides] == [Phase.ENDED] * 2


def test_a_call_that_comes_again_with_credentials_is_the_same_call(stage: TwoPhones) -> None:
    first = stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    stage.answer(stage.bob, "407 Proxy Authentication Required")
    again = stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)

    assert len(stage.alice.proxy.calls.views()) == 1
    assert stage.alice.proxy.view.phase is Phase.RINGING
    assert first.first("cseq") != again.first("cseq")
    assert stage.requests[0].partition(b"\r\n\r\n")[2] == stage.requests[-1].partition(b"\r\n\r\n")[2]


def test_a_call_that_nobody_takes_is_forgotten(stage: TwoPhones) -> None:
    stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    stage.clock.run(bounds.LONGEST_RINGING - 2)
    before = stage.alice.proxy.view
    stage.clock.run(5)
    assert (before.phase, stage.alice.proxy.view.phase) == (Phase.RINGING, Phase.ENDED)


def test_a_call_whose_goodbye_got_lost_ends_when_nothing_was_heard_for_long(stage: TwoPhones) -> None:
    offered, answered = stage.call()
    stage.talk(offered, answered)
    stage.clock.run(bounds.LONGEST_SILENCE - 5)
    before = stage.alice.proxy.view
    stage.clock.run(10)
    assert (before.phase, stage.alice.proxy.view.phase) == (Phase.UP, Phase.ENDED)


def test_several_calls_at_once_do_not_know_of_each_other() -> None:
    stage = TwoPhones()
    ports = set()
    for number in range(5):
        stage.call_id = f"call-{number}"
        stage.call()
        ports.add(stage.alice.proxy.lines[-1].network_port)
    assert len(ports) == 5
    assert len({view.sas for view in stage.alice.proxy.calls.views()}) == 5

    stage.request(stage.alice, "BYE")
    phases = [view.phase for view in stage.alice.proxy.calls.views()]
    assert phases.count(Phase.ENDED) == 1 and phases.count(Phase.UP) == 4


def test_calls_are_bounded(stage: TwoPhones, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "MOST_CALLS", 2)
    for number in range(2):
        stage.call_id = f"call-{number}"
        stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    stage.call_id = "one-too-many"
    with pytest.raises(AssertionError):
        stage.ask(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    assert "There are 2 calls already." in stage.alice.proxy.notices()


def test_a_description_of_a_call_that_nobody_knows_does_not_pass(stage: TwoPhones) -> None:
    stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    late = stage.say(stage.bob, "200 OK", stage.bob.sdp)
    stage.alice.proxy.calls.close()

    assert stage.alice.proxy.from_network(late) == []


def test_at_the_end_everything_is_closed(stage: TwoPhones) -> None:
    before = set(stage.wire.ports)
    stage.call()
    for side in stage.sides:
        side.proxy.calls.close()

    assert set(stage.wire.ports) == before


class TestEncryptionOfThePhone:
    """A phone that brings keys of its own keeps them; where that might end in clear, it is refused instead."""

    CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40

    def test_a_secure_profile_passes_untouched_and_that_is_said(self, stage: TwoPhones) -> None:
        offer = sdp("10.1.0.2", 7000, self.CRYPTO).replace("RTP/AVP", "RTP/SAVP")
        received = stage.request(stage.alice, "INVITE", offer, to_tag=False)

        assert received.body.decode().endswith(offer.partition("m=audio")[2].partition("\r\n")[2])
        assert "c=IN IP4 10.1.0.2" in received.body.decode()
        assert any("encrypts audio by itself" in text for text in stage.alice.proxy.notices())

    def test_an_answer_that_falls_back_to_clear_is_not_passed_on(self, stage: TwoPhones) -> None:
        offer = sdp("10.1.0.2", 7000, self.CRYPTO).replace("RTP/AVP", "RTP/SAVP")
        stage.request(stage.alice, "INVITE", offer, to_tag=False)
        fallen = stage.say(stage.bob, "180 Ringing")
        body = sdp("203.0.113.5", 7000)
        fallen.replace("content-type", ["application/sdp"])
        fallen.with_body(body.encode())

        assert stage.alice.proxy.from_network(fallen) == []

    def test_keys_of_the_network_are_not_for_the_phone(self, stage: TwoPhones) -> None:
        seen = stage.ask(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
        seen.with_body(seen.body + f"{self.CRYPTO}\r\n".encode())

        assert b"crypto" not in stage.deliver(stage.alice, seen).body

    def test_where_clear_is_allowed_optional_keys_are_left_to_the_phone(self) -> None:
        stage = TwoPhones(alice=Policy.BEST_EFFORT)
        seen = stage.ask(stage.alice, "INVITE", sdp("10.1.0.2", 7000, self.CRYPTO), to_tag=False)
        assert self.CRYPTO.encode() in seen.body
        assert b"m=audio 7000 " in seen.body
