"""The gates for media, and the way from datagrams to sound and back, without a socket."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from tests.support.actor import WAITING, Actor
from tests.support.cases import every
from tests.support.forking import in_child
from tests.support.media_pair import FRAME, MediaPair
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.ciphers import CipherAlgorithm
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ApiMisuse, SrtpError
from zrtp.media import rtcp
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.events import MediaRecovered, MediaTrouble, PeerLeft, Trouble
from zrtp.media.rtp import Packetizer, RtpPacket
from zrtp.media.secure import EARLY_BACKLOG, SILENCE, STRAGGLING, Counters, SecureCall, SecureMedia, check_size
from zrtp.media.sound import g711
from zrtp.media.sound.sources import open_source
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import ClearRequested, Closed, Failed, GoingSecure, KeysReady, Secured, Sending
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.wire.messages import HELLO_ACK, Ping, PingACK, parse
from zrtp.wire.packet import encode_packet

SUITES = [
    Config(ciphers=(b"AES1",), auth_tags=(b"HS32",), key_agreements=(b"EC25",)),
    Config(ciphers=(b"AES3",), auth_tags=(b"HS80",), key_agreements=(b"X255",)),
    Config(ciphers=(b"AES3",), auth_tags=(b"GCM ",), key_agreements=(b"X255",)),
]


def plain_rtp() -> bytes:
    return Packetizer(0x600D).packet(FRAME).encode()


@pytest.mark.parametrize("config", SUITES, ids=["AES-128 32-bit tag", "AES-256", "AES-256-GCM"])
def test_what_one_side_says_the_other_hears_and_nobody_else(config: Config) -> None:
    pair = MediaPair(config, config).run()

    for speaker, listener in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
        datagram = speaker.speak()
        assert datagram is not None
        assert FRAME not in datagram
        assert classify(datagram) is DatagramKind.RTP
        assert [packet.payload for packet in listener.hear(datagram)] == [FRAME]
        assert (listener.media.counters.verified, listener.media.counters.rejected) == (1, 0)


@pytest.mark.rfc("R-8.3-01", "R-8.3-02")
def test_silence_is_sent_like_speech_so_that_sizes_and_times_of_packets_tell_nothing() -> None:
    """The codec is G.711, at a constant rate, and nothing detects whether somebody speaks."""
    alice = MediaPair().run().alice
    frames = [open_source(what).frame() for what in ("silence", "tone") for _ in range(5)]
    sent = [alice.speak(g711.encode(frame)) for frame in frames]
    assert {len(datagram) for datagram in sent if datagram is not None} == {12 + 160 + 10}
    assert None not in sent


def test_what_fits_into_a_datagram_with_20_octets_for_its_protection_is_sent() -> None:
    check_size(bytes(65_507 - 20))
    with pytest.raises(SrtpError, match="65488 octets do not fit"):
        check_size(bytes(65_507 - 19))


def test_each_side_sees_the_same_events_and_keys_that_fit() -> None:
    pair = MediaPair().run()
    (alice,), (bob,) = pair.alice.seen(KeysReady), pair.bob.seen(KeysReady)

    assert pair.alice.seen(Secured)
    assert pair.bob.seen(Secured)
    assert alice.send.key == bob.receive.key
    assert alice.receive.key == bob.send.key


def test_before_anything_happened_every_counter_is_zero() -> None:
    assert set(asdict(Counters()).values()) == {0}


def test_nothing_leaves_before_the_call_is_secure() -> None:
    pair = MediaPair()

    assert pair.alice.speak() is None
    assert pair.alice.media.protect_rtcp(rtcp.goodbye(1)) is None
    assert pair.alice.media.counters.withheld == 1
    assert pair.alice.media.counters.sent == 0


@pytest.mark.attack("MED-05")
def test_plain_rtp_before_the_call_is_secure_is_not_played() -> None:
    pair = MediaPair()

    assert pair.alice.hear(plain_rtp()) == []
    assert pair.alice.media.counters.early == 1


def test_with_best_effort_plain_rtp_passes_until_the_key_agreement_begins() -> None:
    pair = MediaPair(best_effort=True)
    datagram = pair.alice.speak()

    assert datagram is not None
    assert [packet.payload for packet in pair.bob.hear(datagram)] == [FRAME]


@pytest.mark.attack("MED-03")
@pytest.mark.rfc("R-4-06", "R-4-08")
def test_with_best_effort_plain_rtp_stops_at_the_commit() -> None:
    pair = MediaPair(best_effort=True)
    pair.run(stop=lambda: bool(pair.alice.seen(GoingSecure)))

    assert pair.alice.media.stream.sending is Sending.BLOCKED
    assert pair.alice.speak() is None
    assert pair.alice.hear(plain_rtp()) == []


@pytest.mark.attack("MED-08")
@every("begins", ["Commit", "HelloACK"])
@every("best_effort", [False, True])
def test_whoever_began_a_key_agreement_and_proved_nothing_does_not_mute_a_plain_call(
    best_effort: bool, begins: str
) -> None:
    call = SecureCall(Endpoint(WAITING).session(), best_effort=best_effort)
    media = call.add_stream(0x77)
    media.start(0.0)
    stranger = Actor(media.stream)
    stranger.wait(60.0)
    assert media.stream.state is State.QUIET
    stranger.send(stranger.own_hello, HELLO_ACK)
    if begins == "Commit":
        stranger.send(stranger.commit())
    else:
        call.session.go_secure(stranger.now)
    assert media.stream.sending is Sending.BLOCKED

    stranger.wait(60.0)
    call.settle()
    assert media.stream.state is State.QUIET
    assert media.stream.sending is (Sending.CLEAR if best_effort else Sending.BLOCKED)
    assert media.may_send is best_effort


@pytest.mark.attack("MED-08")
def test_a_call_that_was_secure_does_not_go_on_in_clear_because_the_next_key_agreement_came_to_nothing() -> None:
    config = Config(key_agreements=(b"X255",), allow_clear=True)
    pair = MediaPair(config, config, best_effort=True).run()
    pair.alice.call.session.go_clear(pair.now)
    pair.run(stop=lambda: bool(pair.bob.seen(ClearRequested)))
    pair.bob.call.session.agree_to_clear()
    pair.run()
    assert pair.alice.media.may_send

    pair.alice.call.session.go_secure(pair.now)
    pair.alice.media.stream.datagrams_to_send()
    Actor(pair.alice.media.stream).wait(60.0)
    pair.alice.call.settle()
    assert not pair.alice.media.may_send


@pytest.mark.attack("MED-04")
def test_plain_rtp_after_the_call_is_secure_is_dropped_and_counted() -> None:
    pair = MediaPair(best_effort=True).run()

    assert pair.alice.hear(plain_rtp()) == []
    assert pair.alice.media.counters.rejected == 1
    assert pair.alice.media.stream.sending is Sending.SRTP


@pytest.mark.attack("DOS-14")
def test_a_flood_of_forged_packets_changes_nothing() -> None:
    pair = MediaPair().run()
    datagram = pair.bob.speak()
    assert datagram is not None
    for octet in range(12, len(datagram)):
        forged = bytearray(datagram)
        forged[octet] ^= 1
        assert pair.alice.hear(bytes(forged)) == []

    assert pair.alice.media.counters.rejected == len(datagram) - 12
    assert [packet.payload for packet in pair.alice.hear(datagram)] == [FRAME]


def test_a_packet_that_comes_twice_is_played_once() -> None:
    pair = MediaPair().run()
    datagram = pair.bob.speak()
    assert datagram is not None
    pair.alice.hear(datagram)

    assert pair.alice.hear(datagram) == []
    assert (pair.alice.media.counters.rejected, pair.alice.media.counters.repeated) == (1, 1)


@pytest.mark.attack("NET-06", "MED-01")
@pytest.mark.rfc("R-4-07", "R-4.6-06", "R-4.6-07")
def test_the_first_srtp_packet_counts_as_the_acknowledgement_that_got_lost() -> None:
    pair = MediaPair(lose=lambda message: message == "Conf2ACK")
    pair.run(stop=lambda: any(party.seen(Secured) for party in pair.parties))
    responder, initiator = (pair.alice, pair.bob) if pair.alice.seen(Secured) else (pair.bob, pair.alice)
    assert initiator.speak() is None, "the initiator waits for Conf2ACK or SRTP"
    assert initiator.media.protect_rtcp(rtcp.goodbye(1)) is None, "and so does its RTCP"
    assert not initiator.media.may_send
    datagram = responder.speak()
    assert datagram is not None

    assert [packet.payload for packet in initiator.hear(datagram, pair.now)] == [FRAME]
    assert initiator.call.has_news, "a program that looks at nothing else learns of it"
    assert initiator.seen(Secured)
    assert initiator.speak() is not None


def test_the_engine_learns_of_the_first_packet_that_verifies_and_only_of_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """It proves that the peer finished, so that the secret retained from this call is sure."""
    told: list[float] = []
    monkeypatch.setattr(Stream, "srtp_verified", lambda stream, now: told.append(now))
    pair = MediaPair().run()
    assert all(party.seen(Secured) for party in pair.parties)
    for seconds in (1.0, 2.0, 3.0):
        datagram = pair.bob.speak()
        assert datagram is not None
        pair.alice.hear(datagram, seconds)

    assert told == [1.0]


@pytest.mark.attack("MED-02")
@pytest.mark.rfc("R-4-09")
def test_the_responder_sends_nothing_before_confirm2() -> None:
    pair = MediaPair(lose=lambda message: message == "Confirm2")
    pair.run(until=1.0)

    assert pair.alice.speak() is None
    assert pair.bob.speak() is None


@pytest.mark.attack("MED-07")
def test_after_a_failure_the_gate_stays_shut_until_the_application_decides() -> None:
    pair = MediaPair(best_effort=True, lose=lambda message: message == "Confirm2")
    pair.run(until=60.0, stop=lambda: any(party.seen(Failed) for party in pair.parties))
    failed = pair.alice if pair.alice.seen(Failed) else pair.bob

    assert failed.seen(Failed)
    assert failed.speak() is None
    failed.media.stream.permit_clear()
    assert failed.speak() is not None


def say_goodbye(pair: MediaPair, *sources: int) -> None:
    """Bob sends an authenticated goodbye of one source or more."""
    report, goodbyes = bytes.fromhex("80c90001") + sources[0].to_bytes(4, "big"), bytes([0x80 | len(sources), 203])
    leaving = b"".join(source.to_bytes(4, "big") for source in sources)
    datagram = pair.bob.media.protect_rtcp(report + goodbyes + len(sources).to_bytes(2, "big") + leaving)
    assert datagram is not None
    pair.alice.hear(datagram)


def speak_as(pair: MediaPair, source: int, sequence: int, now: float = 0.0) -> None:
    """Bob sends a packet of a source, and Alice hears it."""
    datagram = pair.bob.media.protect(
        RtpPacket(payload_type=0, sequence=sequence, timestamp=0, ssrc=source, payload=FRAME).encode()
    )
    assert datagram is not None
    assert [packet.ssrc for packet in pair.alice.hear(datagram, now)] == [source]


def test_nothing_is_told_of_the_closed_port_of_a_peer_that_said_goodbye() -> None:
    pair = MediaPair().run()
    say_goodbye(pair, pair.bob.media.stream.ssrc)
    datagram = pair.bob.speak()
    assert datagram is not None
    pair.alice.hear(datagram, pair.now)

    pair.alice.media.refused_by_network()

    assert pair.alice.seen(MediaTrouble) == []


def test_goodbye_is_authenticated() -> None:
    pair = MediaPair().run()
    goodbye = rtcp.goodbye(pair.bob.media.stream.ssrc)
    pair.alice.hear(goodbye)
    assert not pair.alice.media.peer_left
    assert pair.alice.media.take_rtcp() == []
    datagram = pair.bob.media.protect_rtcp(goodbye)
    assert datagram is not None
    pair.alice.hear(datagram)

    assert pair.alice.media.peer_left
    assert pair.alice.media.take_rtcp() == [goodbye]
    assert pair.alice.media.take_rtcp() == []


@pytest.mark.parametrize("leaving", [0x11111111, 0xDEADBEEF], ids=["music on hold", "never heard"])
def test_the_goodbye_of_another_source_than_the_one_that_is_heard_ends_nothing(leaving: int) -> None:
    pair = MediaPair().run()
    speak_as(pair, 0x11111111, 1)
    speak_as(pair, 0xB0B, 1)
    say_goodbye(pair, leaving)

    assert not pair.alice.media.peer_left
    assert pair.alice.seen(PeerLeft) == []
    speak_as(pair, 0xB0B, 2)


def test_the_goodbye_of_the_source_that_is_heard_is_told() -> None:
    pair = MediaPair().run()
    speak_as(pair, 0xB0B, 1)
    say_goodbye(pair, 0xB0B)

    assert pair.alice.media.peer_left
    assert [event.source for event in pair.alice.seen(PeerLeft)] == [0xB0B]


def test_a_peer_that_goes_on_under_another_source_has_not_left() -> None:
    pair = MediaPair().run()
    speak_as(pair, 0xB0B, 1)
    say_goodbye(pair, 0xB0B)
    speak_as(pair, 0xCAFE, 1)

    assert not pair.alice.media.peer_left
    assert len(pair.alice.seen(PeerLeft)) == len(pair.alice.seen(MediaRecovered)) == 1


def test_a_peer_whose_goodbye_overtook_its_last_packets_has_left() -> None:
    pair = MediaPair().run()
    for sequence, source in enumerate((0xB0B, 0x474)):
        speak_as(pair, source, sequence)
    say_goodbye(pair, 0xB0B, 0x474)
    for sequence, source in enumerate((0xB0B, 0x474, 0xB0B), 2):
        speak_as(pair, source, sequence, 0.4)

    assert pair.alice.media.peer_left
    assert pair.alice.seen(MediaRecovered) == []


def test_a_peer_that_is_heard_later_under_the_same_source_is_back() -> None:
    """As a phone does that says goodbye when it holds the call."""
    pair = MediaPair().run()
    speak_as(pair, 0xB0B, 1)
    say_goodbye(pair, 0xB0B)
    speak_as(pair, 0xB0B, 2, STRAGGLING)
    speak_as(pair, 0xB0B, 3, STRAGGLING)

    assert not pair.alice.media.peer_left
    assert len(pair.alice.seen(MediaRecovered)) == 1
    say_goodbye(pair, 0xB0B)
    assert pair.alice.media.peer_left


def test_plain_goodbyes_are_never_believed() -> None:
    pair = MediaPair(best_effort=True)
    pair.alice.hear(plain_rtp())
    pair.alice.hear(rtcp.goodbye(0x600D))

    assert not pair.alice.media.peer_left
    assert pair.alice.seen(PeerLeft) == []


def changed_by_a_server(datagram: bytes | None) -> bytes:
    assert datagram is not None
    return datagram[:-1] + bytes([datagram[-1] ^ 1])


def test_a_server_in_between_that_changes_every_packet_is_told_within_two_seconds() -> None:
    pair = MediaPair().run()
    begun = pair.now
    while not pair.alice.seen(MediaTrouble):
        pair.now += 0.02
        assert pair.alice.hear(changed_by_a_server(pair.bob.speak()), pair.now) == []
        assert pair.now - begun < 2.0

    (trouble,) = pair.alice.seen(MediaTrouble)
    assert trouble.trouble is Trouble.UNVERIFIED
    assert "codec" in trouble.text


def test_trouble_is_over_with_the_first_good_packet() -> None:
    pair = MediaPair().run()
    for step in range(60):
        pair.alice.hear(changed_by_a_server(pair.bob.speak()), pair.now + 0.02 * step)
    datagram = pair.bob.speak()
    assert datagram is not None
    assert len(pair.alice.hear(datagram, pair.now + 2.0)) == 1

    assert len(pair.alice.seen(MediaTrouble)) == len(pair.alice.seen(MediaRecovered)) == 1


def test_a_peer_that_is_not_heard_any_more_is_told_once() -> None:
    pair = MediaPair().run()
    datagram = pair.bob.speak()
    assert datagram is not None
    pair.alice.hear(datagram, pair.now)
    due = pair.alice.call.next_timer()
    assert due == pair.now + SILENCE
    pair.alice.call.handle_timer(due)

    assert [event.trouble for event in pair.alice.seen(MediaTrouble)] == [Trouble.SILENT]
    assert pair.alice.call.next_timer() is None


def test_a_peer_that_is_never_heard_is_told_too() -> None:
    """One-way audio: the key agreement came through, and no sound does."""
    pair = MediaPair().run()
    due = pair.alice.call.next_timer()
    assert due == pair.now + SILENCE
    pair.alice.call.handle_timer(due)

    assert [event.trouble for event in pair.alice.seen(MediaTrouble)] == [Trouble.SILENT]
    datagram = pair.bob.speak()
    assert datagram is not None
    pair.alice.hear(datagram, due + 1.0)
    assert len(pair.alice.seen(MediaRecovered)) == 1


def test_a_peer_that_only_listens_is_not_told_as_long_as_it_reports() -> None:
    pair = MediaPair().run()
    for seconds in range(5, 60, 5):
        report = pair.bob.media.protect_rtcp(bytes.fromhex("80c90001000000bb"))
        assert report is not None
        pair.alice.hear(report, pair.now + seconds)
        pair.alice.call.handle_timer(pair.now + seconds)

    assert pair.alice.seen(MediaTrouble) == []


def test_silence_counts_from_when_the_stream_became_secure_and_anew_after_encryption_was_off() -> None:
    pair, streams = both_streams_secure()
    pair.now += 5.0
    pair.alice.call.session.go_clear(pair.now)
    exchange_all(pair, streams)
    pair.now += 60.0
    pair.bob.call.handle_timer(pair.now)
    assert pair.bob.seen(MediaTrouble) == [], "there are no keys under which anything could be heard"
    pair.bob.call.session.go_secure(pair.now)
    exchange_all(pair, streams)

    assert pair.bob.call.next_timer() == pair.now + SILENCE


def test_reports_show_that_a_peer_on_hold_is_still_there() -> None:
    pair = MediaPair().run()
    datagram, report = pair.bob.speak(), pair.bob.media.protect_rtcp(bytes.fromhex("80c90001000000bb"))
    assert datagram is not None
    assert report is not None
    pair.alice.hear(datagram, pair.now)
    pair.alice.hear(report, pair.now + 6.0)
    pair.alice.call.handle_timer(pair.now + SILENCE)

    assert pair.alice.seen(MediaTrouble) == []
    assert pair.alice.call.next_timer() == pair.now + 6.0 + SILENCE


def test_a_network_that_refuses_the_very_first_packet_is_told_of() -> None:
    pair = MediaPair().run()
    pair.alice.media.refused_by_network()

    assert [event.trouble for event in pair.alice.seen(MediaTrouble)] == [Trouble.UNREACHABLE]


def test_what_the_network_says_of_an_unreachable_peer_is_told_and_ends_nothing() -> None:
    pair = MediaPair().run()
    first, second = pair.bob.speak(), pair.bob.speak()
    assert first is not None
    assert second is not None
    pair.alice.hear(first, pair.now)
    pair.alice.media.refused_by_network()
    pair.alice.media.refused_by_network()

    assert [event.trouble for event in pair.alice.seen(MediaTrouble)] == [Trouble.UNREACHABLE]
    assert len(pair.alice.hear(second, pair.now)) == 1
    assert len(pair.alice.seen(MediaRecovered)) == 1


def test_a_hello_that_comes_before_the_start_is_answered_at_it() -> None:
    """The callee's Hello overtakes its 200 OK: the call is secure without waiting for the next copy."""
    pair = MediaPair(SUITES[1], SUITES[1])
    pair.bob.media.start(0.0)
    for datagram in pair.bob.media.datagrams_to_send():
        for _ in range(3):
            pair.alice.hear(datagram)
    assert pair.alice.media.datagrams_to_send() == []
    pair.alice.media.start(0.0)
    pair.go_on(until=0.0)

    assert pair.alice.seen(Secured)


@every("opens", [1.0, 3.0, 4.5, 6.0, 15.0, 40.0])
@every("sign", ["plain RTP", "the program says so"])
def test_a_path_that_opens_late_is_noticed(opens: float, sign: str) -> None:
    """Both ends have given up long ago; the sound of the peer, or the program, says that the path works now."""
    pair = MediaPair(SUITES[1], SUITES[1], best_effort=True, lose=lambda _: pair.now < opens)
    pair.run(until=opens)
    pair.now = opens
    while pair.now < opens + 1.0 and not all(party.seen(Secured) for party in pair.parties):
        if sign == "plain RTP":
            for speaker, listener in ((pair.alice, pair.bob), (pair.bob, pair.alice)):
                datagram = speaker.speak()
                if datagram is not None:
                    listener.hear(datagram, pair.now)
        else:
            pair.alice.media.start(pair.now)
        pair.go_on(until=pair.now + 0.02)
        pair.now += 0.02

    assert all(party.seen(Secured) for party in pair.parties)


def test_plain_rtp_of_a_peer_that_does_not_speak_zrtp_begins_discovery_again_and_again_but_slowly() -> None:
    pair = MediaPair(best_effort=True, lose=lambda _: True)
    sent = 0
    for step in range(3000):  # a minute of sound
        now = step * 0.02
        pair.alice.hear(plain_rtp(), now)
        pair.alice.call.handle_timer(now)
        if step == 0:
            pair.alice.media.start(now)
        sent += len(pair.alice.media.datagrams_to_send())

    assert 10 < sent < 300


def test_what_is_kept_before_the_start_is_bounded() -> None:
    alice = MediaPair().alice
    for sequence in range(1000):
        alice.hear(b"\x10\0" + sequence.to_bytes(2, "big") + b"ZRTP" + bytes(20))

    assert len(alice.media._early) == EARLY_BACKLOG


def test_packets_of_a_secure_stream_are_no_news() -> None:
    pair = MediaPair().run()
    first, second = pair.bob.speak(), pair.bob.speak()
    assert first is not None
    assert second is not None
    pair.alice.hear(first, pair.now)
    while pair.alice.call.next_event() is not None:
        pass
    pair.alice.hear(second, pair.now)

    assert not pair.alice.call.has_news


def test_other_protocols_on_the_port_are_counted_and_left_alone() -> None:
    pair = MediaPair()
    stun = bytes.fromhex("000100002112a442") + bytes(12)

    assert pair.alice.hear(stun) == []
    assert pair.alice.media.counters.foreign == 1
    assert pair.alice.media.datagrams_to_send() == []


def whole_packet() -> bytes:
    """Two contributing sources, a header extension (audio level, RFC 6464), padding."""
    fixed, contributing = bytes.fromhex("b200000700001234000000aa"), bytes.fromhex("0000aaaa0000bbbb")
    return fixed + contributing + bytes.fromhex("bede0001109e0000") + FRAME + bytes.fromhex("00000004")


@pytest.mark.parametrize("config", SUITES, ids=["AES-128 32-bit tag", "AES-256", "AES-256-GCM"])
def test_a_packet_comes_out_octet_for_octet_as_it_went_in(config: Config) -> None:
    pair = MediaPair(config, config).run()
    datagram = pair.alice.media.protect(whole_packet())
    assert datagram is not None

    assert pair.bob.media.datagram_received(datagram, pair.now) == [whole_packet()]


def test_plain_packets_pass_octet_for_octet_too() -> None:
    pair = MediaPair(best_effort=True)
    assert pair.alice.media.protect(whole_packet()) == whole_packet()

    assert pair.bob.media.datagram_received(whole_packet(), pair.now) == [whole_packet()]


def test_a_report_comes_out_octet_for_octet_as_it_went_in() -> None:
    pair = MediaPair().run()
    report = bytes.fromhex("80c80006000000aa") + bytes(range(20))
    datagram = pair.alice.media.protect_rtcp(report)
    assert datagram is not None

    assert pair.bob.media.datagram_received(datagram, pair.now) == []
    assert pair.bob.media.take_rtcp() == [report]


@pytest.mark.parametrize(
    "octets", [b"", bytes(11), whole_packet()[:14], b"\x40" + bytes(20)], ids=lambda x: x.hex() or "none"
)
def test_what_is_no_rtp_packet_is_not_sent(octets: bytes) -> None:
    media = MediaPair().run().alice.media
    with pytest.raises(SrtpError, match="RTP"):
        media.protect(octets)
    assert media.counters.sent == 0


def test_what_the_other_side_would_take_for_rtcp_is_not_sent_as_rtp_nor_the_other_way_around() -> None:
    media = MediaPair().run().alice.media
    with pytest.raises(SrtpError, match="RTCP"):
        media.protect(rtcp.goodbye(1))
    with pytest.raises(SrtpError, match="RTCP"):
        media.protect_rtcp(whole_packet())


def test_octets_may_come_in_any_of_their_types() -> None:
    pair = MediaPair().run()
    datagram = pair.alice.media.protect(bytearray(whole_packet()))
    assert datagram is not None

    assert pair.bob.media.datagram_received(memoryview(datagram), pair.now) == [whole_packet()]


def test_wrong_types_are_refused_at_the_door_with_a_sentence() -> None:
    pair = MediaPair().run()
    packet: Any = Packetizer(1).packet(FRAME)
    text: Any = "text"
    endpoint: Any = Endpoint()

    with pytest.raises(ApiMisuse, match=r"RtpPacket\.encode\(\)"):
        pair.alice.media.protect(packet)
    with pytest.raises(ApiMisuse, match="not as str"):
        pair.alice.media.protect_rtcp(text)
    with pytest.raises(ApiMisuse, match="not as str"):
        pair.alice.media.datagram_received(text, 0.0)
    with pytest.raises(ApiMisuse, match=r"endpoint\.session\(\), not of Endpoint"):
        SecureCall(endpoint)
    for silence in (0, -1.0):
        with pytest.raises(ApiMisuse, match="silence is a number of seconds above 0"):
            SecureCall(Endpoint().session(), silence=silence)


@pytest.mark.attack("SID-07")
def test_in_a_forked_child_nothing_is_sent_under_the_keys_of_the_parent() -> None:
    pair = MediaPair().run()
    pair.alice.speak()

    refused = in_child(lambda: repr(pair.alice.speak()))
    assert refused.startswith("ApiMisuse: This process was forked")
    assert pair.alice.speak() is not None


def test_plain_packets_that_are_shorter_than_their_header_says_are_refused() -> None:
    pair = MediaPair(best_effort=True)

    assert pair.alice.hear(b"\x9f\x00" + bytes(10)) == []
    assert pair.alice.media.counters.rejected == 1


def test_an_agreed_cipher_without_srtp_here_is_told_and_nothing_is_sent() -> None:
    own = CipherAlgorithm(code=b"OWN1", key_length=16)
    config = Config(
        ciphers=(b"OWN1",),
        algorithms=DEFAULT.extended(own),
        key_agreements=(b"X255",),
        srtp_profiles=((b"OWN1", b"HS80"), (b"OWN1", b"HS32")),
        mandatory_always=False,
    )
    pair = MediaPair(config, config, best_effort=True).run()

    for party in pair.parties:
        assert party.seen(Secured)
        assert [event.trouble for event in party.seen(MediaTrouble)] == [Trouble.NO_SRTP]
        assert party.speak() is None


def test_after_the_call_is_closed_nothing_passes_and_the_keys_are_gone() -> None:
    pair = MediaPair().run()
    datagram = pair.bob.speak()
    (keys,) = pair.alice.seen(KeysReady)
    pair.alice.call.close(pair.now)
    pair.alice.call.close(pair.now)
    assert datagram is not None

    assert pair.alice.hear(datagram) == []
    assert pair.alice.speak() is None
    assert len(pair.alice.seen(Closed)) == 1
    assert keys.send.key.wiped


def test_further_streams_of_a_call_have_keys_of_their_own() -> None:
    pair = MediaPair(alice_cache=MemoryCache(), bob_cache=MemoryCache()).run()
    alice, bob = pair.alice.call.add_stream(0xA2), pair.bob.call.add_stream(0xB2)
    for media in (alice, bob):
        media.start(pair.now)
    for _ in range(40):
        for sender, receiver in ((alice, bob), (bob, alice)):
            for datagram in sender.datagrams_to_send():
                receiver.datagram_received(datagram, pair.now)
    packet = Packetizer(0xA2).packet(FRAME).encode()
    protected = alice.protect(packet)

    assert protected is not None
    assert pair.bob.media.datagram_received(protected, pair.now) == []
    assert bob.datagram_received(protected, pair.now) == [packet]


def test_an_ssrc_is_used_once() -> None:
    pair = MediaPair()

    with pytest.raises(ApiMisuse):
        pair.alice.call.add_stream(pair.alice.media.stream.ssrc)


def test_what_the_key_agreement_took_is_counted_the_same_at_both_ends() -> None:
    octets = 0
    pair = MediaPair(SUITES[1], SUITES[1])
    for party in pair.parties:
        party.media.start(0.0)
    pending = [(party, datagram) for party in pair.parties for datagram in party.media.datagrams_to_send()]
    packets = len(pending)
    while pending:
        sender, datagram = pending.pop(0)
        octets += len(datagram)
        receiver = pair.bob if sender is pair.alice else pair.alice
        receiver.hear(datagram)
        answers = receiver.media.datagrams_to_send()
        packets += len(answers)
        pending += [(receiver, answer) for answer in answers]

    for party in pair.parties:
        assert party.seen(Secured)
        assert (party.media.counters.zrtp_packets, party.media.counters.zrtp_octets) == (packets, octets)


def test_lost_and_foreign_packets_are_counted_where_they_were_seen() -> None:
    pair = MediaPair(lose=lambda message: True)
    pair.alice.media.start(0.0)
    (hello,) = pair.alice.media.datagrams_to_send()
    pair.bob.hear(hello)
    pair.bob.hear(hello)
    pair.bob.hear(plain_rtp())

    assert (pair.alice.media.counters.zrtp_packets, pair.alice.media.counters.zrtp_octets) == (1, len(hello))
    assert (pair.bob.media.counters.zrtp_packets, pair.bob.media.counters.zrtp_octets) == (2, 2 * len(hello))


CLEARABLE = Config(key_agreements=(b"X255", b"Mult"), allow_clear=True)


def both_streams_secure() -> tuple[MediaPair, list[tuple[SecureMedia, SecureMedia]]]:
    """A call with two streams; the media paths of each, Alice's and Bob's."""
    pair = MediaPair(CLEARABLE, CLEARABLE, alice_cache=MemoryCache(), bob_cache=MemoryCache()).run()
    streams = [(pair.alice.media, pair.bob.media)]
    streams.append((pair.alice.call.add_stream(0xA2), pair.bob.call.add_stream(0xB2)))
    for media in streams[1]:
        media.start(pair.now)
    exchange_all(pair, streams)
    assert all(media.stream.sending is Sending.SRTP for both in streams for media in both)
    return pair, streams


def exchange_all(pair: MediaPair, streams: list[tuple[SecureMedia, SecureMedia]]) -> None:
    for _ in range(40):
        for alice, bob in streams:
            for sender, receiver in ((alice, bob), (bob, alice)):
                for datagram in sender.datagrams_to_send():
                    receiver.datagram_received(datagram, pair.now)


@pytest.mark.rfc("R-4.7.2.1-01")
def test_switching_encryption_off_ends_srtp_on_every_stream_and_nothing_leaves_before_the_user_agrees() -> None:
    pair, streams = both_streams_secure()
    pair.alice.call.session.go_clear(pair.now)
    exchange_all(pair, streams)
    assert pair.bob.seen(ClearRequested)

    pair.bob.call.best_effort = True
    assert not any(bob.may_send for _, bob in streams)
    pair.bob.call.session.agree_to_clear()
    pair.bob.call.settle()
    for _, bob in streams:
        packet = Packetizer(bob.stream.ssrc).packet(FRAME).encode()
        assert bob.protect(packet) == packet


def test_without_consent_to_plain_rtp_a_cleared_call_stays_silent() -> None:
    pair, streams = both_streams_secure()
    pair.alice.call.session.go_clear(pair.now)
    exchange_all(pair, streams)
    pair.bob.call.session.agree_to_clear()
    pair.bob.call.settle()

    assert not any(media.may_send for both in streams for media in both)
    assert pair.bob.hear(plain_rtp()) == []


def test_a_cleared_call_becomes_secure_again_with_new_keys() -> None:
    pair, streams = both_streams_secure()
    pair.alice.call.session.go_clear(pair.now)
    exchange_all(pair, streams)
    pair.bob.call.session.go_secure(pair.now)
    exchange_all(pair, streams)

    assert pair.alice.media.may_send
    datagram = pair.alice.speak()
    assert datagram is not None
    assert [packet.payload for packet in pair.bob.hear(datagram, pair.now)] == [FRAME]
    old, new = [keys for keys in pair.alice.seen(KeysReady) if keys.ssrc == 0xA11CE000]
    assert old.send.key.wiped and not new.send.key.wiped


@pytest.mark.attack("DOS-17")
def test_events_that_nobody_takes_are_bounded() -> None:
    call = SecureCall(Endpoint(None, MemoryCache()).session())
    media = call.add_stream(0xA1)
    media.start(0.0)
    for number in range(3000):
        now = 0.1 * number
        media.stream.ping(now)
        own_hash = next(
            message.endpoint_hash
            for datagram in media.datagrams_to_send()
            if isinstance(message := parse(datagram[12:-4]), Ping)
        )
        pong = PingACK.make(version=b"1.10", sender_endpoint_hash=bytes(8), received_endpoint_hash=own_hash, ssrc=1)
        media.datagram_received(encode_packet(number, 0xB2, pong.raw), now)
    events = []
    while (event := call.next_event()) is not None:
        events.append(event)
    assert len(events) == 512


@pytest.mark.parametrize("best_effort", [False, True])
def test_before_a_call_is_secure_plain_rtcp_passes_only_if_plain_media_may(best_effort: bool) -> None:
    call = SecureCall(Endpoint(Config(key_agreements=(b"X255",))).session(), best_effort=best_effort)
    report = rtcp.goodbye(7)
    assert call.add_stream(1).unprotect_rtcp(report, 0.0) == (report if best_effort else None)
