"""Sources come and go under one key: as often as people like, in bounded memory, and nothing passes twice."""

from __future__ import annotations

import pytest

from tests.support.srtp import keys, rtcp_packet, rtp_packet
from zrtp.errors import ApiMisuse
from zrtp.media.srtp import SrtpReceiver, SrtpSender, sources, srtp_pair
from zrtp.media.srtp.errors import SrtpReplayed, SrtpTooManySources
from zrtp.media.srtp.sources import MAX_SOURCES


def ends() -> tuple[SrtpSender, SrtpReceiver]:
    one, two = keys(b"AES1", b"HS80", seed=1), keys(b"AES1", b"HS80", seed=2)
    return srtp_pair(one, two)[0], srtp_pair(two, one)[1]


def talk(sender: SrtpSender, receiver: SrtpReceiver, ssrc: int, numbers: range) -> list[bytes]:
    """Packets of a source, all of them heard; returns them as they were sent."""
    sealed = [sender.protect(rtp_packet(number, ssrc=ssrc)) for number in numbers]
    for number, packet in zip(numbers, sealed, strict=True):
        assert receiver.unprotect(packet) == rtp_packet(number, ssrc=ssrc)
    return sealed


def test_holding_and_resuming_with_a_new_source_goes_on_as_often_as_people_like() -> None:
    sender, receiver = ends()
    for resume in range(5 * MAX_SOURCES):
        talk(sender, receiver, 1000 + resume, range(3))
        receiver.unprotect_rtcp(sender.protect_rtcp(rtcp_packet(ssrc=1000 + resume)))
    assert len(receiver._rtp) == len(sender._rtp) == len(receiver._rtcp) == MAX_SOURCES


@pytest.mark.attack("MED-01")
def test_what_a_forgotten_source_sent_is_never_opened_again() -> None:
    sender, receiver = ends()
    old = talk(sender, receiver, 7, range(100, 110))
    for other in range(100, 100 + MAX_SOURCES):
        talk(sender, receiver, other, range(2))
    for packet in old:
        with pytest.raises(SrtpReplayed):
            receiver.unprotect(packet)


def test_a_forgotten_source_that_comes_back_goes_on_where_it_was() -> None:
    sender, receiver = ends()
    talk(sender, receiver, 7, range(65530, 65540))
    for other in range(100, 100 + MAX_SOURCES):
        talk(sender, receiver, other, range(2))
    with pytest.raises(SrtpReplayed):
        sender.protect(rtp_packet(65539, b"another", ssrc=7))

    talk(sender, receiver, 7, range(65540, 65550))


def test_the_one_that_is_forgotten_has_been_silent() -> None:
    """Somebody who talks all the time stays, even if he came first."""
    sender, receiver = ends()
    for turn in range(3 * MAX_SOURCES):
        talk(sender, receiver, 7, range(turn, turn + 1))
        talk(sender, receiver, 1000 + turn, range(1))
    assert (7).to_bytes(4, "big") in receiver._rtp


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FORGOTTEN", 10)
    sender, receiver = ends()
    for ssrc in range(MAX_SOURCES + 10):
        talk(sender, receiver, ssrc, range(1))
    one_more = ends()[0].protect(rtp_packet(0, ssrc=9999))
    with pytest.raises(SrtpTooManySources, match="74 SSRCs"):
        sender.protect(rtp_packet(0, ssrc=9999))
    with pytest.raises(SrtpTooManySources):
        receiver.unprotect(one_more)

    talk(sender, receiver, 3, range(1, 5))
    talk(sender, receiver, MAX_SOURCES + 9, range(1, 5))


def test_the_numbers_of_a_forgotten_source_cannot_be_set_again() -> None:
    sender, receiver = ends()
    talk(sender, receiver, 7, range(5))
    for other in range(100, 100 + MAX_SOURCES):
        talk(sender, receiver, other, range(1))
    for end in (sender, receiver):
        with pytest.raises(ApiMisuse, match="in use"):
            end.continue_from(7, rtp_index=1)


def test_of_those_that_are_silent_the_oldest_is_forgotten() -> None:
    sender, receiver = ends()
    for ssrc in range(MAX_SOURCES):
        talk(sender, receiver, ssrc, range(1))
    for ssrc in range(MAX_SOURCES, 2 * MAX_SOURCES - 1):
        talk(sender, receiver, ssrc, range(1))
        assert ssrc.to_bytes(4, "big") in receiver._rtp
        assert (ssrc - 1).to_bytes(4, "big") in receiver._rtp
