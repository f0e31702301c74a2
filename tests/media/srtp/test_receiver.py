"""A receiver that has lost step with its sender, and what brings it back."""

from __future__ import annotations

import pytest

from tests.support.cases import every
from tests.support.srtp import SSRC, keys, rtp_packet
from zrtp.errors import SrtpError
from zrtp.media.srtp import SrtpReceiver, SrtpSender, srtp_pair
from zrtp.media.srtp.errors import SrtpNotAuthentic, SrtpReplayed
from zrtp.media.srtp.receiver import TRY_NEXT_AFTER
from zrtp.media.srtp.sources import RTP_LIMIT


def ends(tag: bytes = b"HS80") -> tuple[SrtpSender, SrtpReceiver]:
    """A sender and the receiver of what it sends."""
    one, two = keys(b"AES1", tag, seed=1), keys(b"AES1", tag, seed=2)
    return srtp_pair(one, two)[0], srtp_pair(two, one)[1]


def heard(receiver: SrtpReceiver, packets: list[bytes]) -> list[int]:
    """Which of the packets were opened, by their place in the list."""
    opened = []
    for number, packet in enumerate(packets):
        try:
            receiver.unprotect(packet)
            opened.append(number)
        except SrtpError:
            pass
    return opened


@every("tag", [b"HS80", b"GCM "])
@every(("first", "lost"), [(0x7FFF, 10), (65530, 0), (65530, 5), (65530, 6), (65530, 10), (65300, 240)])
def test_a_source_is_heard_although_its_first_packets_before_the_wrap_are_lost(
    tag: bytes, first: int, lost: int
) -> None:
    sender, receiver = ends(tag)
    packets = [sender.protect(rtp_packet(first + number)) for number in range(400)]
    opened = heard(receiver, packets[lost:])

    unheard = TRY_NEXT_AFTER if first + lost >= 65536 else 0
    assert opened == list(range(unheard, 400 - lost))
    assert receiver.refused == unheard


@every("lost", [32766, 32767, 40000, 65400, 65536, 66000, 98000])
def test_a_source_is_heard_again_after_a_long_loss(lost: int) -> None:
    last = 40000
    sender, receiver = ends(b"GCM ")
    receiver.continue_from(SSRC, rtp_index=last)
    sender.continue_from(SSRC, rtp_index=last + lost)
    packets = [sender.protect(rtp_packet(last + lost + number)) for number in range(1, 100)]

    opened = heard(receiver, packets)
    assert opened == list(range(0 if lost < 32767 else TRY_NEXT_AFTER, 99))


def test_two_rollovers_are_too_many() -> None:
    sender, receiver = ends()
    receiver.continue_from(SSRC, rtp_index=1000)
    sender.continue_from(SSRC, rtp_index=1000 + 2 * 65536)
    assert heard(receiver, [sender.protect(rtp_packet(1001 + number)) for number in range(50)]) == []


def test_tags_of_four_octets_are_too_short_to_try_twice() -> None:
    sender, receiver = ends(b"HS32")
    packets = [sender.protect(rtp_packet(65530 + number)) for number in range(100)]
    assert heard(receiver, packets[10:]) == []


def test_a_good_packet_in_between_starts_the_count_anew() -> None:
    sender, receiver = ends()
    receiver.unprotect(sender.protect(rtp_packet(0)))
    far = ends()[0]
    far.continue_from(SSRC, rtp_index=65536 + 99)
    ahead = [far.protect(rtp_packet(65636 + number)) for number in range(2 * TRY_NEXT_AFTER)]

    assert heard(receiver, ahead[:TRY_NEXT_AFTER]) == []
    receiver.unprotect(sender.protect(rtp_packet(1)))
    assert heard(receiver, ahead[TRY_NEXT_AFTER:]) == []


@pytest.mark.attack("DOS-14")
def test_a_source_of_which_nothing_was_heard_is_found_among_forged_ones() -> None:
    """The failures of strangers are counted for a few only; a handful of forged ones does not push the real one out."""
    sender, receiver = ends()
    packets = [sender.protect(rtp_packet(65530 + number)) for number in range(60)][6:]
    opened = 0
    for number, packet in enumerate(packets):
        opened += len(heard(receiver, [packet]))
        heard(receiver, [rtp_packet(number, ssrc=number % 5)])
    assert opened == len(packets) - TRY_NEXT_AFTER


def test_replays_do_not_pass_under_another_rollover_counter() -> None:
    sender, receiver = ends()
    packets = [sender.protect(rtp_packet(number)) for number in range(300)]
    assert len(heard(receiver, packets)) == 300

    assert heard(receiver, packets * 3) == []
    with pytest.raises(SrtpReplayed):
        receiver.unprotect(packets[-1])


def test_a_receiver_that_went_on_never_opens_what_lies_behind() -> None:
    sender, receiver = ends()
    packets = [sender.protect(rtp_packet(65000 + number)) for number in range(1000)]
    heard(receiver, packets[600:])
    assert heard(receiver, packets[:500]) == []


def test_forgeries_in_a_row_stay_forgeries() -> None:
    _, receiver = ends()
    for number in range(5 * TRY_NEXT_AFTER):
        with pytest.raises(SrtpNotAuthentic):
            receiver.unprotect(rtp_packet(number))
    assert receiver.refused == 5 * TRY_NEXT_AFTER


@pytest.mark.parametrize("tag", [b"HS80", b"GCM "])
def test_behind_the_last_packet_of_a_key_there_is_no_rollover_to_try(tag: bytes) -> None:
    _, receiver = ends(tag)
    receiver.continue_from(SSRC, rtp_index=RTP_LIMIT - 10)
    forged = rtp_packet(0xFFF8, bytes(40))
    for _ in range(2 * TRY_NEXT_AFTER):
        with pytest.raises(SrtpNotAuthentic):
            receiver.unprotect(forged)
