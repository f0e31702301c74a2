"""Whole calls between two phones without ZRTP, in virtual time: what they hear, and what never leaves."""

from __future__ import annotations

from hashlib import sha256

import pytest

from tests.proxy.stage import Phone, sdp
from tests.proxy.two_phones import SETTLED, TwoPhones
from tests.support.cases import every
from zrtp.cache.memory import MemoryCache
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.rtcp import goodbye
from zrtp.media.sdp import media_zrtp_hashes
from zrtp.protocol.events import Assurance
from zrtp.proxy import sentences as texts
from zrtp.proxy.leg import Protection
from zrtp.proxy.news import CallVerdict, Phase, VerdictRefused
from zrtp.proxy.policy import Policy
from zrtp.proxy.sip import SipMessage, parse
from zrtp.proxy.tone import FRAMES
from zrtp.proxy.watch import IN_VAIN


@pytest.fixture
def stage() -> TwoPhones:
    return TwoPhones()


def test_two_phones_hear_each_other_and_the_network_nothing(stage: TwoPhones) -> None:
    offered, answered = stage.call()
    stage.talk(offered, answered)

    assert [len(side.media.heard) for side in stage.sides] == [5, 5]
    assert stage.alice.proxy.view.sas == stage.bob.proxy.view.sas is not None
    for side in stage.sides:
        view = side.proxy.view
        assert (view.phase, view.protection) == (Phase.UP, Protection.SECURE)
        assert (view.sent, view.verified_packets, view.withheld) == (5, 5, 0)
    assert stage.in_clear == []
    assert set(stage.kinds()) == {DatagramKind.ZRTP, DatagramKind.RTP}


def test_the_far_end_is_named_by_its_sip_address(stage: TwoPhones) -> None:
    stage.call()
    assert (stage.alice.proxy.view.peer, stage.alice.proxy.view.outgoing) == ("sip:bob@example.org", True)
    assert (stage.bob.proxy.view.peer, stage.bob.proxy.view.outgoing) == ("sip:alice@example.org", False)


def test_the_phones_packets_arrive_as_they_were_sent_with_header_and_source(stage: TwoPhones) -> None:
    offered, answered = stage.call()
    stage.talk(offered, answered, packets=1)

    (heard,) = stage.bob.media.heard
    assert (heard.ssrc, heard.sequence) == (0x5EED + 7000, 100)


def test_nothing_leaves_in_clear_in_any_state(stage: TwoPhones) -> None:
    """The phone sends from the first moment on, whatever the call is doing."""
    alice = stage.alice.media
    alice.speak(("10.1.0.1", 20000))

    asked = stage.ask(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    own_port = stage.alice.proxy.lines[0].phone_port
    alice.speak(("10.1.0.1", own_port))
    offered = stage.deliver(stage.alice, asked)
    alice.speak(("10.1.0.1", own_port))
    stage.bob.media.speak(stage.bob.spoke_to(offered))
    stage.answer(stage.bob, "183 Session Progress", stage.bob.sdp)
    alice.speak(("10.1.0.1", own_port))
    stage.clock.run(SETTLED)
    alice.speak(("10.1.0.1", own_port))
    assert stage.alice.proxy.view.protection is Protection.SECURE, "early media is secure before anybody answered"
    stage.answer(stage.bob, "200 OK", stage.bob.sdp)
    stage.request(stage.alice, "BYE")
    alice.speak(("10.1.0.1", own_port))

    assert stage.in_clear == []


def test_without_zrtp_at_the_other_end_nothing_leaves_and_the_call_is_hung_up_with_the_reason() -> None:
    stage = TwoPhones()
    plain = Phone(stage.wire, 9000, "203.0.113.9")
    stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    answered = stage.alice.proxy.into(answer_from(stage, plain))
    proxy, protections = stage.alice.proxy, set()
    for second in range(20):
        assert (proxy.view.phase is Phase.ENDED) is (second >= IN_VAIN)
        stage.clock.run(1)
        stage.alice.media.speak(stage.alice.spoke_to(answered))
        if proxy.wire.ports.get(("192.0.2.1", proxy.lines[0].network_port)):
            plain.speak(("192.0.2.1", proxy.lines[0].network_port), count=50)
        protections.add(proxy.view.protection)

    assert (plain.heard, stage.alice.media.words) == ([], [])
    assert len(stage.alice.media.tones) == len(stage.alice.media.heard) > 0, "and nothing but a tone"
    assert Protection.BLOCKED in protections
    assert Protection.SECURE not in protections
    assert texts.NO_ZRTP.format("sip:bob@example.org") in proxy.notices()
    assert texts.PLAIN_ARRIVES in proxy.notices()
    to_phone, to_network = proxy.hung_up
    for sending, target in ((to_phone, "sip:alice@10.1.0.2:5161"), (to_network, "sip:bob@203.0.113.9:5060")):
        assert isinstance(sending.message, SipMessage)
        assert (sending.message.method, sending.message.target) == ("BYE", target)
        assert "has no ZRTP" in sending.message.first("reason")
    assert to_phone.to == stage.alice.hop
    assert proxy.view.phase is Phase.ENDED


def test_early_media_without_zrtp_is_no_reason_to_hang_up_before_somebody_has_answered() -> None:
    stage = TwoPhones()
    plain = Phone(stage.wire, 9000, "203.0.113.9")
    stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    stage.alice.proxy.into(answer_from(stage, plain, "183 Session Progress"))
    stage.clock.run(40)
    assert stage.alice.proxy.view.protection is Protection.BLOCKED
    assert stage.alice.proxy.hung_up == []

    stage.alice.proxy.into(answer_from(stage, plain))
    stage.clock.run(IN_VAIN - 1)
    assert stage.alice.proxy.hung_up == [], "whoever answered may only begin now"
    stage.clock.run(3)
    assert len(stage.alice.proxy.hung_up) == 2


def test_best_effort_says_loudly_that_everybody_can_hear() -> None:
    stage = TwoPhones(alice=Policy.BEST_EFFORT)
    plain = Phone(stage.wire, 9000, "203.0.113.9")
    stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    answered = stage.alice.proxy.into(answer_from(stage, plain))
    stage.clock.run(20)
    stage.alice.media.speak(stage.alice.spoke_to(answered))
    plain.speak(("192.0.2.1", stage.alice.proxy.lines[0].network_port))

    assert len(plain.heard) == len(stage.alice.media.heard) == 1
    assert stage.alice.proxy.view.protection is Protection.CLEAR
    assert texts.CLEAR.format("sip:bob@example.org") in stage.alice.proxy.notices()


def test_best_effort_is_encrypted_with_whoever_has_zrtp() -> None:
    stage = TwoPhones(alice=Policy.BEST_EFFORT, bob=Policy.BEST_EFFORT)
    offered, answered = stage.call()
    stage.talk(offered, answered)
    assert [side.proxy.view.protection for side in stage.sides] == [Protection.SECURE] * 2
    assert stage.in_clear == []


def test_hold_and_resume_keep_keys_words_and_hash(stage: TwoPhones) -> None:
    offered, answered = stage.call()
    stage.talk(offered, answered)
    words, hashes = stage.alice.proxy.view.sas, announced_hashes(stage)

    held = stage.alice.sdp.replace("a=rtpmap", "a=sendonly\r\na=rtpmap")
    stage.request(stage.alice, "INVITE", held)
    stage.answer(stage.bob, "200 OK", stage.bob.sdp.replace("a=rtpmap", "a=recvonly\r\na=rtpmap"))
    stage.request(stage.alice, "ACK")
    stage.clock.run(10)
    offered = stage.request(stage.alice, "INVITE", stage.alice.sdp)
    answered = stage.answer(stage.bob, "200 OK", stage.bob.sdp)
    stage.talk(offered, answered)

    assert [len(side.media.heard) for side in stage.sides] == [10, 10]
    assert stage.alice.proxy.view.sas == words
    assert announced_hashes(stage) == hashes
    assert len(hashes) == 2
    assert stage.in_clear == []


def test_an_offer_that_is_refused_changes_nothing(stage: TwoPhones) -> None:
    offered, answered = stage.call()
    elsewhere = sdp("10.1.0.2", 7990)
    stage.request(stage.alice, "INVITE", elsewhere)
    stage.answer(stage.bob, "488 Not Acceptable Here")
    stage.talk(offered, answered)

    assert [len(side.media.heard) for side in stage.sides] == [5, 5]


def test_the_phone_may_move_its_port_within_the_call(stage: TwoPhones) -> None:
    stage.call()
    moved = Phone(stage.wire, 7990, "10.1.0.2")
    offered = stage.request(stage.alice, "INVITE", sdp("10.1.0.2", 7990))
    stage.answer(stage.bob, "200 OK", stage.bob.sdp)
    stage.bob.media.speak(stage.bob.spoke_to(offered))

    assert len(moved.heard) == 1
    assert stage.alice.media.heard == []


def test_the_offer_may_come_with_the_answer(stage: TwoPhones) -> None:
    """An INVITE without a description: the offer is in the 200, the answer in the ACK (RFC 3261 section 13.2.1)."""
    stage.request(stage.alice, "INVITE", to_tag=False)
    answered = stage.answer(stage.bob, "200 OK", stage.bob.sdp)
    acknowledged = stage.request(stage.alice, "ACK", stage.alice.sdp)
    stage.talk(acknowledged, answered)

    assert [len(side.media.heard) for side in stage.sides] == [5, 5]


def test_video_is_a_second_stream_of_the_same_key_agreement(stage: TwoPhones) -> None:
    cameras = [Phone(stage.wire, 7100, f"10.{number}.0.2") for number in (1, 2)]
    video = "m=video 7100 RTP/AVP 97\r\na=rtpmap:97 VP8/90000\r\n"
    offered = stage.request(stage.alice, "INVITE", stage.alice.sdp + video, to_tag=False)
    answered = stage.answer(stage.bob, "200 OK", stage.bob.sdp + video)
    stage.request(stage.alice, "ACK")
    stage.clock.run(1)
    stage.talk(offered, answered)
    for camera, proxy, text in (
        (cameras[0], "10.1.0.1", answered.body.decode()),
        (cameras[1], "10.2.0.1", offered.body.decode()),
    ):
        camera.speak((proxy, int(text.split("m=video ")[1].split()[0])))

    assert [len(side.media.heard) for side in stage.sides] == [5, 5]
    assert [len(camera.heard) for camera in cameras] == [1, 1]
    view = stage.alice.proxy.view
    assert view.streams == (("audio", Protection.SECURE), ("video", Protection.SECURE))
    assert len({view.sas for view in (stage.alice.proxy.view, stage.bob.proxy.view)}) == 1
    assert stage.in_clear == []


def test_a_line_that_the_other_side_refuses_stays_shut(stage: TwoPhones) -> None:
    video = "m=video {} RTP/AVP 97\r\n"
    offered = stage.request(stage.alice, "INVITE", stage.alice.sdp + video.format(7100), to_tag=False)
    answered = stage.answer(stage.bob, "200 OK", stage.bob.sdp + video.format(0))
    stage.talk(offered, answered)

    assert "m=video 0 " in answered.body.decode()
    assert stage.alice.proxy.view.protection is Protection.IDLE, "the worst of the two: video was never begun"
    assert [len(side.media.heard) for side in stage.sides] == [5, 5]


def test_rtcp_goes_along_protected(stage: TwoPhones) -> None:
    _, answered = stage.call()
    host, port = stage.alice.spoke_to(answered)
    report = goodbye(0x5EED)
    stage.wire.send(report, ("10.1.0.2", 7001), (host, port + 1))

    assert stage.bob.media.reports == [report]
    on_the_way = [d.payload for d in stage.network if classify(d.payload) is DatagramKind.RTCP]
    assert len(on_the_way) == 1 and report[8:] not in on_the_way[0]


@every(("alice", "bob"), [(True, True), (True, False), (False, True)])
def test_rtcp_comes_on_the_port_of_rtp_where_both_phones_want_that(alice: bool, bob: bool) -> None:
    stage = TwoPhones()
    descriptions = [
        side.sdp + "a=rtcp-mux\r\n" * wanted for side, wanted in zip(stage.sides, (alice, bob), strict=True)
    ]
    stage.request(stage.alice, "INVITE", descriptions[0], to_tag=False)
    answered = stage.answer(stage.bob, "200 OK", descriptions[1])
    stage.clock.run(1)
    report, mux = goodbye(0x5EED), alice and bob
    host, port = stage.alice.spoke_to(answered)
    stage.wire.send(report, ("10.1.0.2", 7000 if mux else 7001), (host, port if mux else port + 1))

    ports = [(d.source[1], d.destination[1]) for d in stage.network if classify(d.payload) is DatagramKind.RTCP]
    lines = [side.proxy.lines[0].network_port for side in stage.sides]
    assert ports == [tuple(line + (not mux) for line in lines)]
    to_bob = [d.destination for d in stage.wire.capture if d.payload == report and d.destination[0] == "10.2.0.2"]
    assert to_bob == [("10.2.0.2", 7000 if mux else 7001)]


def test_a_hello_that_signalling_did_not_announce_is_refused() -> None:
    """Somebody on the media path who has no hand in the signalling."""
    stage = TwoPhones()
    offered = stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
    announced = stage.say(stage.bob, "200 OK", stage.bob.sdp)
    head, _, tail = announced.body.partition(b"zrtp-hash:1.10 ")
    announced.body = head + b"zrtp-hash:1.10 " + b"0" * 64 + tail[64:]
    answered = stage.alice.proxy.into(announced)
    stage.talk(offered, answered, seconds=20)

    assert stage.alice.proxy.view.protection is not Protection.SECURE
    assert [side.media.words for side in stage.sides] == [[], []]
    assert any("signalling" in text for text in stage.alice.proxy.notices())
    assert stage.in_clear == []


class TestTone:
    """What the phone hears while there is nothing else to hear."""

    def answered(self, stage: TwoPhones, offer: str = "", *, cut: bool = True) -> TwoPhones:
        stage.wire.cut = cut
        stage.request(stage.alice, "INVITE", offer or stage.alice.sdp, to_tag=False)
        stage.answer(stage.bob, "200 OK", stage.bob.sdp)
        return stage

    def test_a_call_that_takes_its_time_is_not_silent(self, stage: TwoPhones) -> None:
        self.answered(stage).clock.run(2.9)
        assert len(stage.alice.media.tones) == len(stage.alice.media.heard) == FRAMES
        assert {d.source[0] for d in stage.wire.capture if classify(d.payload) is DatagramKind.RTP} == {
            "10.1.0.1",
            "10.2.0.1",
        }

        stage.wire.cut = False
        stage.clock.run(1.0)
        heard = len(stage.alice.media.heard)
        stage.clock.run(10.0)
        assert stage.alice.proxy.view.protection is Protection.SECURE
        assert len(stage.alice.media.heard) == heard

    def test_a_call_that_is_secure_at_once_has_none(self, stage: TwoPhones) -> None:
        self.answered(stage, cut=False).clock.run(5.0)
        assert stage.alice.media.heard == []

    @every("change", [("RTP/AVP 0", "RTP/AVP 96"), ("a=rtpmap:0", "a=sendonly\r\na=rtpmap:0")])
    def test_a_phone_that_does_not_take_it_waits_in_silence(self, change: tuple[str, str]) -> None:
        stage = TwoPhones()
        self.answered(stage, stage.alice.sdp.replace(*change)).clock.run(4.0)
        assert stage.alice.media.heard == []

    def test_while_it_rings_and_where_clear_sound_may_come_there_is_none(self) -> None:
        ringing, clear = TwoPhones(), TwoPhones(alice=Policy.BEST_EFFORT)
        ringing.wire.cut = True
        ringing.request(ringing.alice, "INVITE", ringing.alice.sdp, to_tag=False)
        ringing.answer(ringing.bob, "183 Session Progress", ringing.bob.sdp)
        ringing.clock.run(3.0)
        self.answered(clear).clock.run(3.0)
        assert ringing.alice.media.heard == clear.alice.media.heard == []


class TestForks:
    """One call rings at two places; each answers with a tag, a port and a key agreement of its own."""

    def ring_twice(self, stage: TwoPhones) -> tuple[Phone, Phone]:
        stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
        return Phone(stage.wire, 9000, "203.0.113.1"), Phone(stage.wire, 9000, "203.0.113.2")

    def test_each_far_end_has_a_leg_and_the_one_that_answers_keeps_it(self, stage: TwoPhones) -> None:
        first, second = self.ring_twice(stage)
        stage.alice.proxy.into(answer_from(stage, first, "183 Session Progress", tag="one"))
        stage.alice.proxy.into(answer_from(stage, second, "183 Session Progress", tag="two"))
        stage.alice.proxy.into(answer_from(stage, second, tag="two"))
        stage.clock.run(0.5)

        port = stage.alice.proxy.lines[0].network_port
        asked = [d.destination for d in stage.wire.capture if d.source == ("192.0.2.1", port)]
        assert {("203.0.113.1", 9000), ("203.0.113.2", 9000)} <= set(asked)
        after = [d.destination[0] for d in stage.wire.capture if d.at > 0.1 and d.source == ("192.0.2.1", port)]
        assert set(after) == {"203.0.113.2"}, "the other leg was closed by the answer"
        hellos = {d.payload[12:-4] for d in stage.wire.capture if d.source == ("192.0.2.1", port)}
        assert len(hellos) == 2, "a key agreement of its own for each"

    def test_without_early_media_whoever_answers_gets_the_hello_that_was_announced(self, stage: TwoPhones) -> None:
        _, second = self.ring_twice(stage)
        for tag in ("one", "two"):
            ringing = answer_from(stage, second, "180 Ringing", tag=tag).partition(b"\r\n\r\n")[0]
            bare = [line for line in ringing.split(b"\r\n") if not line.startswith(b"Content")]
            stage.alice.proxy.into(b"\r\n".join([*bare, b"", b""]))
        stage.alice.proxy.into(answer_from(stage, second, tag="two"))

        port = stage.alice.proxy.lines[0].network_port
        hellos = {d.payload[12:-4] for d in stage.wire.capture if d.source == ("192.0.2.1", port)}
        assert {sha256(hello).digest() for hello in hellos} == announced_hashes(stage)

    @every("winner", ["first", "second"])
    def test_two_places_that_insist_on_what_was_announced_both_get_it(self, winner: str) -> None:
        """Bob has two phones, each beside a proxy of its own; both ring with a sound, and one of them answers."""
        stage = TwoPhones()
        sides = {"first": stage.bob, "second": stage.second_bob()}
        told = {}
        for name, side in sides.items():
            stage.bob = side
            if name == "first":
                offered = stage.request(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
            else:
                offered = stage.deliver(stage.alice, parse(stage.requests[0]))
            stage.answer(side, "183 Session Progress", side.sdp)
            stage.clock.run(SETTLED)
            assert side.proxy.view.protection is Protection.SECURE, name
            told[name] = offered
        stage.bob = sides[winner]
        answered = stage.answer(stage.bob, "200 OK", stage.bob.sdp)
        stage.talk(told[winner], answered)

        assert [len(side.media.heard) for side in stage.sides] == [5, 5]
        assert stage.alice.proxy.view.sas == stage.bob.proxy.view.sas is not None
        assert [side.proxy.notices() for side in stage.sides] == [[], []]
        assert stage.in_clear == []

    @every("seconds", [0.2, 7.0])
    def test_a_server_that_plays_a_sound_does_not_use_up_what_was_announced(self, seconds: float) -> None:
        """It has no ZRTP. Whoever answers then insists on a=zrtp-hash, and knows of no other announcement."""
        stage = TwoPhones()
        asked = stage.ask(stage.alice, "INVITE", stage.alice.sdp, to_tag=False)
        lines = asked.body.split(b"\r\n")
        asked.with_body(b"\r\n".join(line for line in lines if not line.startswith(b"a=zrtp-hash-fork")))
        offered = stage.deliver(stage.alice, asked)
        server = Phone(stage.wire, 9000, "203.0.113.1")
        stage.alice.proxy.into(answer_from(stage, server, "183 Session Progress", tag="server"))
        stage.clock.run(seconds)
        answered = stage.answer(stage.bob, "200 OK", stage.bob.sdp)
        stage.talk(offered, answered, seconds=1)

        assert [len(side.media.words) for side in stage.sides] == [5, 5]
        assert stage.alice.proxy.view.sas == stage.bob.proxy.view.sas is not None
        assert stage.in_clear == []

    def test_one_that_hangs_up_does_not_end_the_call_of_the_other(self, stage: TwoPhones) -> None:
        first, second = self.ring_twice(stage)
        stage.alice.proxy.into(answer_from(stage, first, "183 Session Progress", tag="one"))
        stage.alice.proxy.into(answer_from(stage, second, "183 Session Progress", tag="two"))

        for tag, phase in (("one", Phase.RINGING), ("nobody", Phase.RINGING), ("two", Phase.ENDED)):
            stage.bob.tag = tag
            stage.ask(stage.alice, "BYE")
            assert stage.alice.proxy.view.phase is phase


class TestVerdicts:
    def words(self, stage: TwoPhones) -> str:
        sas = stage.alice.proxy.view.sas
        assert sas is not None
        return sas.rendered

    def test_they_match(self, stage: TwoPhones) -> None:
        stage.call()
        stage.alice.proxy.calls.judge(1, self.words(stage), CallVerdict.MATCH)
        view = stage.alice.proxy.view
        assert (view.verified, view.assurance, view.name) == (True, Assurance.VERIFIED, "sip:bob@example.org")

    def test_with_another_name(self, stage: TwoPhones) -> None:
        stage.call()
        stage.alice.proxy.calls.judge(1, self.words(stage), CallVerdict.MATCH, "Bob \u202eat home")
        assert stage.alice.proxy.view.name == "Bob at home"

    def test_they_differ_and_not_one_packet_passes_any_more(self, stage: TwoPhones) -> None:
        offered, answered = stage.call()
        stage.talk(offered, answered)
        before = len(stage.network)
        stage.alice.proxy.calls.judge(1, self.words(stage), CallVerdict.MISMATCH)
        stage.alice.media.speak(stage.alice.spoke_to(answered), count=5)
        stage.bob.media.speak(stage.bob.spoke_to(offered), count=5)

        assert len(stage.bob.media.heard) == len(stage.alice.media.heard) == 5
        assert [
            d for d in stage.network[before:] if d.source[0] == "192.0.2.1" and classify(d.payload) is DatagramKind.RTP
        ] == []
        assert stage.alice.proxy.view.mismatch
        assert texts.ALARM in stage.alice.proxy.notices()

    def test_a_call_that_has_ended_is_shown_as_it_was_then(self, stage: TwoPhones) -> None:
        offered, answered = stage.call()
        stage.talk(offered, answered)
        stage.alice.proxy.calls.judge(1, self.words(stage), CallVerdict.MATCH, "Bob")
        stage.request(stage.bob, "BYE")
        view = stage.alice.proxy.view
        assert (view.phase, view.name, view.verified, view.sent, view.sas) == (Phase.ENDED, "Bob", True, 5, None)

    def test_other_words_are_refused(self, stage: TwoPhones) -> None:
        stage.call()
        with pytest.raises(VerdictRefused, match="have changed"):
            stage.alice.proxy.calls.judge(1, "aardvark:Babylon", CallVerdict.MATCH)
        assert not stage.alice.proxy.view.verified

    def test_the_words_change_between_looking_and_judging(self, stage: TwoPhones) -> None:
        """Somebody else takes the other end's place within the call: a verdict about the old words is worth nothing."""
        stage.call()
        seen = self.words(stage)
        offer = sdp("203.0.113.77", 9000, "a=zrtp-hash:1.10 " + "cd" * 32)
        stage.alice.proxy.from_network(reinvite_of(stage, offer))

        assert texts.SOMEBODY_ELSE in stage.alice.proxy.notices()
        with pytest.raises(VerdictRefused):
            stage.alice.proxy.calls.judge(1, seen, CallVerdict.MATCH)

    def test_a_call_that_is_over_cannot_be_judged(self, stage: TwoPhones) -> None:
        stage.call()
        seen = self.words(stage)
        stage.request(stage.bob, "BYE")
        with pytest.raises(VerdictRefused, match="over"):
            stage.alice.proxy.calls.judge(1, seen, CallVerdict.MATCH)

    def test_later_changes_nothing(self, stage: TwoPhones) -> None:
        stage.call()
        stage.alice.proxy.calls.judge(1, self.words(stage), CallVerdict.LATER)
        assert stage.alice.proxy.view.assurance is Assurance.ENCRYPTED


class TestNames:
    """A record is kept under the SIP address of the other side."""

    def verified(self, name: str | None = None) -> tuple[MemoryCache, MemoryCache]:
        caches = MemoryCache(), MemoryCache()
        stage = TwoPhones(caches=caches)
        stage.call()
        for side in stage.sides:
            sas = side.proxy.view.sas
            assert sas is not None
            side.proxy.calls.judge(1, sas.rendered, CallVerdict.MATCH, name)
        return caches

    @every("name", [None, "Bob at home"])
    def test_at_the_next_call_the_same_key_under_the_same_address_is_verified(self, name: str | None) -> None:
        stage = TwoPhones(caches=self.verified(name), seed=10)
        stage.call()
        view = stage.alice.proxy.view
        assert (view.verified, view.name) == (True, name or "sip:bob@example.org")
        assert stage.alice.proxy.notices() == []

    @every("name", [None, "Bob at home"])
    def test_another_key_under_a_known_address_is_told(self, name: str | None) -> None:
        alices, _ = self.verified(name)
        stage = TwoPhones(caches=(alices, MemoryCache()), seed=10)
        stage.call()
        assert not stage.alice.proxy.view.verified
        (text,) = stage.alice.proxy.notices()
        assert "sip:bob@example.org" in text and "another phone" in text

    @every("name", [None, "Bob at home"])
    def test_a_known_key_under_another_address_is_told(self, name: str | None) -> None:
        stage = TwoPhones(caches=self.verified(name), seed=10)
        stage.bob.name = "carol"
        stage.register(stage.bob)
        stage.call()
        assert stage.alice.proxy.view.peer == "sip:carol@example.org"
        (text,) = stage.alice.proxy.notices()
        assert "sip:bob@example.org" in text and "expected sip:carol@example.org" in text


class TestWatching:
    def test_a_phone_whose_media_takes_another_way_is_missed(self, stage: TwoPhones) -> None:
        offered, answered = stage.call()
        stage.talk(offered, answered)
        stage.clock.run(8)
        assert texts.PHONE_IS_SILENT in stage.alice.proxy.notices()

        stage.talk(offered, answered)
        stage.clock.run(2)
        assert texts.PHONE_IS_BACK in stage.alice.proxy.notices()

    def test_a_phone_on_hold_is_not_missed(self, stage: TwoPhones) -> None:
        stage.call()
        stage.request(stage.alice, "INVITE", stage.alice.sdp.replace("a=rtpmap", "a=inactive\r\na=rtpmap"))
        stage.answer(stage.bob, "200 OK", stage.bob.sdp.replace("a=rtpmap", "a=inactive\r\na=rtpmap"))
        stage.clock.run(60)
        assert texts.PHONE_IS_SILENT not in stage.alice.proxy.notices()

    def test_sound_that_a_server_converts_is_told(self, stage: TwoPhones) -> None:
        offered, _ = stage.call()
        port = stage.alice.proxy.lines[0].network_port
        receive = stage.wire.ports["192.0.2.1", port]

        def convert(data: bytes, source: tuple[str, int]) -> None:
            receive(data[:-1] + bytes([data[-1] ^ 1]) if classify(data) is DatagramKind.RTP else data, source)

        stage.wire.ports["192.0.2.1", port] = convert
        for _ in range(40):
            stage.clock.run(0.05)
            stage.bob.media.speak(stage.bob.spoke_to(offered))
        assert any("converts them" in text for text in stage.alice.proxy.notices())

    def test_media_of_somebody_else_than_the_phone_is_not_encrypted_for_them(self, stage: TwoPhones) -> None:
        _, answered = stage.call()
        stranger = Phone(stage.wire, 7000, "10.1.0.66")
        stranger.speak(stage.alice.spoke_to(answered))
        assert stage.bob.media.heard == []

    def test_a_far_end_behind_a_nat_is_followed_once_it_has_proved_itself(self, stage: TwoPhones) -> None:
        offered, answered = stage.call()
        stage.talk(offered, answered)
        line = stage.alice.proxy.lines[0]
        at = ("192.0.2.1", line.network_port)
        receive = stage.wire.ports[at]
        stage.wire.ports[at] = lambda data, source: receive(data, ("203.0.113.50", 6000))
        stage.bob.media.speak(stage.bob.spoke_to(offered))
        stage.alice.media.speak(stage.alice.spoke_to(answered))
        assert stage.wire.capture[-1].destination == ("203.0.113.50", 6000)


def announced_hashes(stage: TwoPhones) -> set[bytes]:
    """All that the server saw in a=zrtp-hash."""
    found = [hashes for seen in stage.requests for hashes in media_zrtp_hashes(seen.decode())]
    return {each.hash for hashes in found for each in hashes}


def answer_from(stage: TwoPhones, phone: Phone, status: str = "200 OK", *, tag: str = "plain") -> bytes:
    """What the server passes on from somebody without a proxy."""
    asked = stage.requests[-1].decode()
    lines = [line for line in asked.split("\r\n\r\n")[0].split("\r\n")[1:] if not line.startswith(("Content", "Route"))]
    lines = [line + f";tag={tag}" if line.startswith("To:") else line for line in lines]
    lines = [f"Contact: <sip:bob@{phone.address[0]}:5060>" if line.startswith("Contact") else line for line in lines]
    body = sdp(*phone.address)
    head = "\r\n".join([f"SIP/2.0 {status}", *lines, "Content-Type: application/sdp", f"Content-Length: {len(body)}"])
    return (head + "\r\n\r\n" + body).encode()


def reinvite_of(stage: TwoPhones, body: str) -> bytes:
    """A re-INVITE to Alice that Bob's proxy has nothing to do with."""
    proxy = stage.alice.proxy
    lines = [
        "INVITE sip:alice@10.1.0.2:5161 SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.5:5060;branch=z9hG4bKx",
        f"Route: <sip:192.0.2.1:5080;lr;zflow={proxy.flows.name(stage.alice.hop)}>, <sip:10.1.0.1:5070;lr>",
        "From: <sip:bob@example.org>;tag=bob-tag",
        "To: <sip:alice@example.org>;tag=alice-tag",
        f"Call-ID: {stage.call_id}",
        "CSeq: 90 INVITE",
        "Content-Type: application/sdp",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
