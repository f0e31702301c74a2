"""One media leg: nothing passes before its time, and nothing that is no media passes at all."""

from __future__ import annotations

import pytest

from tests.proxy.stage import QUICK
from tests.support.pair import seeded
from zrtp.media.rtp import RtpPacket
from zrtp.media.sdp import ZrtpHash, parse_zrtp_hash
from zrtp.protocol.endpoint import Endpoint
from zrtp.proxy.leg import Arrived, Leg, Protection

PACKET = RtpPacket(payload_type=0, sequence=1, timestamp=0, ssrc=7, payload=b"words").encode()
REPORT = bytes([0x80, 201, 0, 1]) + bytes(4)


def leg(seed: int = 1, *, best_effort: bool = False) -> Leg:
    return Leg(
        Endpoint(QUICK, random=seeded(seed)), "sip:bob@example.org", best_effort=best_effort, random=seeded(seed)
    )


def secured() -> tuple[Leg, Leg]:
    """Two legs that have agreed."""
    alice, bob = leg(1), leg(2)
    for one in (alice, bob):
        one.hello_hash(0)
        one.start(0, 0.0)
    for step in range(40):
        now = step * 0.05
        for one, other in ((alice, bob), (bob, alice)):
            one.handle_timer(now)
            while (task := one.work_to_do()) is not None:
                task.run()
                task.done(now)
            for index, datagram in one.datagrams_to_send():
                other.from_network(index, datagram, now)
        while alice.next_event() or bob.next_event():
            pass
    assert alice.protection(0) is bob.protection(0) is Protection.SECURE
    return alice, bob


def test_nothing_leaves_before_the_leg_is_secure() -> None:
    made = leg()
    assert made.from_phone(0, PACKET) is None, "there is no such stream yet"
    made.hello_hash(0)
    assert (made.from_phone(0, PACKET), made.from_phone(0, REPORT)) == (None, None)
    made.start(0, 0.0)
    assert (made.from_phone(0, PACKET), made.from_phone(0, REPORT)) == (None, None)
    assert made.protection(0) is Protection.SECURING


def test_media_both_ways_and_nothing_but_media() -> None:
    alice, bob = secured()
    protected, report = alice.from_phone(0, PACKET), alice.from_phone(0, REPORT)
    assert protected is not None and report is not None

    assert bob.from_network(0, protected, 3.0) == Arrived([PACKET], [])
    assert bob.from_network(0, report, 3.0) == Arrived([], [REPORT])
    assert bob.from_network(0, PACKET, 3.0) == Arrived([], []), "plain RTP is not for the phone"
    for other in (b"", b"\x00\x01" + bytes(30), b"\x10\x00\x12\x34ZRTP" + bytes(30), b"\x16\xfe\xfd" + bytes(30)):
        assert alice.from_phone(0, other) is None


def test_a_number_that_was_used_does_not_leave_again() -> None:
    alice, _ = secured()
    assert alice.from_phone(0, PACKET) is not None
    assert alice.from_phone(0, PACKET[:-1] + b"!") is None


def test_words_that_differ_cut_the_sound_off_both_ways() -> None:
    alice, bob = secured()
    incoming = bob.from_phone(0, PACKET)
    alice.note_mismatch()

    assert incoming is not None
    assert alice.from_phone(0, PACKET) is None
    assert alice.from_network(0, incoming, 3.0) == Arrived([], [])
    assert alice.protection(0) is Protection.BLOCKED


def test_a_closed_leg_passes_nothing() -> None:
    alice, bob = secured()
    incoming = bob.from_phone(0, PACKET)
    alice.close(3.0)
    alice.close(4.0)

    assert incoming is not None
    assert alice.from_phone(0, PACKET) is None
    assert alice.from_network(0, incoming, 4.0) == Arrived([], [])
    assert alice.next_timer() is None


def test_a_stream_has_the_source_of_the_phone_where_that_is_known() -> None:
    made = leg()
    made.hello_hash(0, 2699571104)
    made.hello_hash(1, 2699571104)

    assert made.ssrc(0) == 2699571104
    assert made.ssrc(1) != made.ssrc(0), "within a call they differ"


@pytest.mark.parametrize("digits", ["ab", "cd"])
def test_another_announcement_than_before_is_noticed(digits: str) -> None:
    made = leg()
    first, second = (parse_zrtp_hash("1.10" + pair * 32) for pair in ("ab", digits))
    assert first is not None and second is not None

    assert not made.announces_another(0, (first,))
    made.expect(0, (first,))
    assert made.announces_another(0, (second,)) is (digits != "ab")
    assert not made.announces_another(0, ()), "silence announces nothing"


def hello_of(seed: int) -> tuple[ZrtpHash, list[bytes]]:
    """What somebody announces, and sends at first."""
    other = leg(seed)
    announced = parse_zrtp_hash(other.hello_hash(0))
    other.start(0, 0.0)
    assert announced is not None
    return announced, [datagram for _, datagram in other.datagrams_to_send()]


def test_the_other_hello_that_was_announced_counts_too_and_no_third_one() -> None:
    (first, firsts), (second, seconds), (_, thirds) = (hello_of(seed) for seed in (2, 3, 4))
    for datagrams, heard in ((firsts, True), (seconds, True), (thirds, False)):
        made = leg()
        made.expect(0, (first,), (second,))
        made.start(0, 0.0)
        made.datagrams_to_send()
        for datagram in datagrams:
            made.from_network(0, datagram, 0.1)
        assert any(datagram[16:24] == b"Commit  " for _, datagram in made.datagrams_to_send()) is heard
        assert not made.announces_another(0, (second,))


def test_a_leg_is_free_for_another_far_end_as_long_as_its_own_shows_no_zrtp() -> None:
    (hers, datagrams), (other, _) = hello_of(2), hello_of(3)
    made = leg()
    made.start(0, 0.0)
    assert made.is_free_for([(hers,)])
    assert not made.is_free_for([()]), "who announces nothing insists on nothing"

    made.from_network(0, datagrams[0], 0.1)
    assert made.heard
    assert made.is_free_for([(hers,)])
    assert not made.is_free_for([(other,)])
    assert not made.is_free_for([])

    made.expect(0, (hers,))
    assert not made.is_free_for([(hers,)])
