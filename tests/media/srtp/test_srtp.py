"""SRTP and SRTCP: octet for octet with libsrtp and recordings, and unmoved by hostile packets."""

from __future__ import annotations

import base64
import gc
import random
import time
from collections.abc import Callable

import pylibsrtp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.pcap import CAPTURES, udp_datagrams
from tests.support.srtp import LIBSRTP_PROFILES, SSRC, keys, libsrtp, rtcp_packet, rtp_packet
from tests.support.vectors import Transcript, transcripts
from zrtp.errors import ApiMisuse, SrtpError
from zrtp.media.demux import DatagramKind, classify
from zrtp.media.srtp import ShortSrtcpTag, SrtcpTags, SrtpProfile, SrtpReceiver, SrtpSender, srtp_pair
from zrtp.media.srtp.errors import (
    SrtpKeyExhausted,
    SrtpMalformed,
    SrtpNotAuthentic,
    SrtpReplayed,
)
from zrtp.media.srtp.profiles import PROFILES
from zrtp.media.srtp.receiver import TRY_NEXT_AFTER
from zrtp.media.srtp.sources import MAX_SOURCES
from zrtp.secret import Secret

ALL = [pytest.param(p.cipher, p.auth_tag, id=p.name) for p in PROFILES]
OF_LIBSRTP = [pytest.param(*codes, id=SrtpProfile.of(*codes).name) for codes in LIBSRTP_PROFILES]
SAMPLED = [transcript for transcript in transcripts() if transcript.expect.srtp_samples]
AES1_HS80 = (b"AES1", b"HS80")


def sender(cipher: bytes = b"AES1", auth_tag: bytes = b"HS80", seed: int = 0) -> SrtpSender:
    material = keys(cipher, auth_tag, seed=seed)
    return SrtpSender(SrtpProfile.of(cipher, auth_tag), material.key, material.salt)


def receiver(cipher: bytes = b"AES1", auth_tag: bytes = b"HS80", seed: int = 0) -> SrtpReceiver:
    material = keys(cipher, auth_tag, seed=seed)
    return SrtpReceiver(SrtpProfile.of(cipher, auth_tag), material.key, material.salt)


def snapshot(end: SrtpSender | SrtpReceiver) -> object:
    """All that decides about later packets."""
    return [
        {ssrc: (source.iv, source.history.highest, source.history._used) for ssrc, source in sources.items()}
        for sources in (end._rtp, end._rtcp)
    ] + [end.srtcp_tags.sending, end.srtcp_tags.trying]


# What other programs make and understand


@pytest.mark.rfc("R-4.5.3-02", "R-4.5.3-03", "R-4.5.3-05")
@pytest.mark.attack("KEY-03")
@every("transcript", SAMPLED, ids=str)
def test_recorded_packets_with_the_keys_of_their_direction(transcript: Transcript) -> None:
    profile = SrtpProfile.of(transcript.suite.cipher, transcript.suite.auth_tag)
    expect = transcript.expect
    for sample in expect.srtp_samples:
        of_initiator, of_responder = (expect.srtpkeyi, expect.srtpsalti), (expect.srtpkeyr, expect.srtpsaltr)
        right, wrong = of_initiator, of_responder
        if sample.direction == "r2i":
            right, wrong = wrong, right
        key, salt = map(Secret, right)
        assert SrtpReceiver(profile, key, salt).unprotect(sample.wire) == sample.plain
        assert SrtpSender(profile, key, salt).protect(sample.plain) == sample.wire
        with pytest.raises(SrtpNotAuthentic):
            SrtpReceiver(profile, *map(Secret, wrong)).unprotect(sample.wire)


def test_a_recorded_call_decrypts_to_sound() -> None:
    inline = {
        41000: "KA9q3+UjARe7LznF6eeGqijpCmZgh7ojrGsKef0E",
        41020: "QqDSM0voFS6uEUM8Q8+rqYkihPS/QjBpLxjDEL5D",
    }
    profile = SrtpProfile.of(*AES1_HS80)
    ends = {}
    for port, text in inline.items():
        octets = base64.b64decode(text)
        ends[port] = [make(profile, Secret(octets[:16]), Secret(octets[16:])) for make in (SrtpReceiver, SrtpSender)]
    counted = dict.fromkeys((DatagramKind.RTP, DatagramKind.RTCP), 0)
    for source, _, payload in udp_datagrams(CAPTURES / "ms_sdes_srtp.pcap"):
        kind = classify(payload)
        receiving, sending = ends[source & ~1]
        assert isinstance(receiving, SrtpReceiver)
        assert isinstance(sending, SrtpSender)
        if kind is DatagramKind.RTP:
            plain = receiving.unprotect(payload)
            assert len(plain) == 172
            assert sending.protect(plain) == payload
        elif kind is DatagramKind.RTCP:
            plain = receiving.unprotect_rtcp(payload)
            assert plain[1] == 200
            assert plain[4:8] == payload[4:8]
        else:
            continue
        counted[kind] += 1
    assert counted == {DatagramKind.RTP: 385, DatagramKind.RTCP: 1}


@pytest.mark.parametrize(("cipher", "auth_tag"), OF_LIBSRTP)
def test_packets_equal_those_of_libsrtp_across_the_rollover(cipher: bytes, auth_tag: bytes) -> None:
    ours, theirs = sender(cipher, auth_tag), libsrtp(keys(cipher, auth_tag), sending=True)
    receive_ours, receive_theirs = receiver(cipher, auth_tag), libsrtp(keys(cipher, auth_tag), sending=False)
    for index in [*range(5), *range(30000, 65536, 17000), *range(65500, 65600), *range(90000, 400000, 29000)]:
        packet = rtp_packet(index, index.to_bytes(4, "big") * 40)
        protected = ours.protect(packet)
        assert protected == theirs.protect(packet)
        assert receive_ours.unprotect(protected) == packet
        assert receive_theirs.unprotect(protected) == packet


@pytest.mark.parametrize(("cipher", "auth_tag"), OF_LIBSRTP)
def test_headers_of_all_kinds_equal_those_of_libsrtp(cipher: bytes, auth_tag: bytes) -> None:
    dice = random.Random(1)
    ours, theirs = sender(cipher, auth_tag), libsrtp(keys(cipher, auth_tag), sending=True)
    receiving = receiver(cipher, auth_tag)
    for sequence in range(64):
        contributing, extension, padding = sequence % 16, sequence & 16, sequence & 32
        packet = bytearray(rtp_packet(sequence, b""))
        packet[0] |= contributing | extension | padding
        packet += dice.randbytes(4 * contributing)
        if extension:
            words = dice.randrange(5)
            packet += b"\xbe\xde" + words.to_bytes(2, "big") + dice.randbytes(4 * words)
        packet += dice.randbytes(dice.randrange(200))
        protected = ours.protect(bytes(packet))
        assert protected == theirs.protect(bytes(packet))
        assert receiving.unprotect(protected) == packet


@pytest.mark.rfc("R-4.5.3-04")
@pytest.mark.parametrize(("cipher", "auth_tag"), OF_LIBSRTP)
def test_srtcp_with_libsrtp_in_both_directions(cipher: bytes, auth_tag: bytes) -> None:
    ours, theirs = sender(cipher, auth_tag), libsrtp(keys(cipher, auth_tag), sending=True)
    receive_ours, receive_theirs = receiver(cipher, auth_tag), libsrtp(keys(cipher, auth_tag), sending=False)
    # libsrtp's first index is 1, that of RFC 3711 section 3.4 is 0.
    assert receive_theirs.unprotect_rtcp(ours.protect_rtcp(rtcp_packet())) == rtcp_packet()
    for number in range(200):
        packet = rtcp_packet(number)
        protected = ours.protect_rtcp(packet)
        assert protected == theirs.protect_rtcp(packet)
        assert receive_theirs.unprotect_rtcp(protected) == packet
        assert receive_ours.unprotect_rtcp(protected) == packet


INDEXES = st.lists(
    st.one_of(
        st.integers(0, 400),
        st.integers(65300, 65800),
        st.integers(0, 3 * 65536),
        st.sampled_from([0, 32768, 65535]),
    ),
    max_size=40,
)


@given(INDEXES)
def test_a_sender_with_any_sequence_numbers_does_what_libsrtp_does(indexes: list[int]) -> None:
    ours, theirs = sender(), libsrtp(keys(*AES1_HS80), sending=True)
    for number, index in enumerate(indexes):
        packet = rtp_packet(index, b"sound %d" % number)
        assert outcome(ours.protect, packet) == outcome(theirs.protect, packet)


@given(INDEXES)
def test_a_receiver_accepts_what_libsrtp_accepts(indexes: list[int]) -> None:
    ours, theirs = receiver(), libsrtp(keys(*AES1_HS80), sending=False)
    for index in indexes[:TRY_NEXT_AFTER]:  # after so many failures in a row ours goes further
        sending = sender()
        if index:
            sending.continue_from(SSRC, rtp_index=index - 1)
        packet = sending.protect(rtp_packet(index, b"sound"))
        assert outcome(ours.unprotect, packet) == outcome(theirs.unprotect, packet)


def outcome(work: Callable[[bytes], bytes], packet: bytes) -> bytes | None:
    """What came of a packet: other octets, or a refusal."""
    try:
        return work(packet)
    except (SrtpError, pylibsrtp.Error):
        return None


# What a stream lives through


@every(("cipher", "auth_tag"), ALL)
def test_every_profile_comes_back(cipher: bytes, auth_tag: bytes) -> None:
    sending, receiving = sender(cipher, auth_tag), receiver(cipher, auth_tag)
    profile = sending.profile
    for number in range(3):
        rtp, rtcp = rtp_packet(number), rtcp_packet(number)
        protected = sending.protect(rtp)
        assert len(protected) == len(rtp) + profile.tag_length
        assert protected[:12] == rtp[:12]
        assert protected[12:-16] != rtp[12:-16]
        assert receiving.unprotect(protected) == rtp
        for encrypt in (True, False):
            protected = sending.protect_rtcp(rtcp, encrypt=encrypt)
            assert len(protected) == len(rtcp) + 4 + profile.srtcp_tag_length
            assert (rtcp in protected) is not encrypt
            assert receiving.unprotect_rtcp(protected) == rtcp
    assert receiving.refused == 0


@every(("cipher", "auth_tag"), ALL)
@every("seed", range(3))
def test_loss_and_reordering_across_the_rollover(cipher: bytes, auth_tag: bytes, seed: int) -> None:
    dice = random.Random(seed)
    sending, receiving = sender(cipher, auth_tag), receiver(cipher, auth_tag)
    packets = [rtp_packet(index) for index in range(65536 - 150, 65536 + 150)]
    wire = [(n + dice.uniform(0, 60), n, sending.protect(packet)) for n, packet in enumerate(packets)]
    wire = [wire[0], *(late for late in sorted(wire[1:]) if dice.random() > 0.2)]
    assert [n for _, n, _ in wire] != sorted(n for _, n, _ in wire)
    for _, number, protected in wire:
        assert receiving.unprotect(protected) == packets[number]


@given(st.data())
def test_a_network_that_delays_drops_and_repeats(data: st.DataObject) -> None:
    codes = data.draw(st.sampled_from([(p.cipher, p.auth_tag) for p in PROFILES]))
    start = data.draw(st.integers(0, 65535))
    sending, receiving = sender(*codes), receiver(*codes)
    packets = [rtp_packet(start + n, data.draw(st.binary(max_size=40))) for n in range(20)]
    wire = [sending.protect(packet) for packet in packets]
    received = set[int]()
    order = data.draw(st.lists(st.integers(0, 19), max_size=40))
    for number in [0, *order]:
        if number in received:
            with pytest.raises(SrtpReplayed):
                receiving.unprotect(wire[number])
        else:
            assert receiving.unprotect(wire[number]) == packets[number]
            received.add(number)


def test_a_burst_lost_for_ten_minutes_is_survived() -> None:
    sending, receiving = sender(), receiver()
    for index in (0, 0x7FFF, 2 * 0x7FFF, 3 * 0x7FFF):
        packet = rtp_packet(index)
        assert receiving.unprotect(sending.protect(packet)) == packet


def test_joining_a_stream_on_its_way_needs_its_index() -> None:
    sending = sender()
    sending.continue_from(SSRC, rtp_index=5 * 65536, rtcp_index=1000)
    rtp, rtcp = sending.protect(rtp_packet(1)), sending.protect_rtcp(rtcp_packet())
    with pytest.raises(SrtpNotAuthentic):
        receiver().unprotect(rtp)
    receiving = receiver()
    receiving.continue_from(SSRC, rtp_index=5 * 65536 - 9, rtcp_index=1000)
    assert receiving.unprotect(rtp) == rtp_packet(1)
    assert receiving.unprotect_rtcp(rtcp) == rtcp_packet()


def test_sources_do_not_disturb_each_other() -> None:
    sending, receiving = sender(), receiver()
    for n in range(4):
        for ssrc in (1, 2, 3):
            packet = rtp_packet(n * ssrc, ssrc=ssrc)
            assert receiving.unprotect(sending.protect(packet)) == packet


# What must be refused, and changes nothing


@every(("cipher", "auth_tag"), ALL)
def test_a_replay_is_refused(cipher: bytes, auth_tag: bytes) -> None:
    sending, receiving = sender(cipher, auth_tag), receiver(cipher, auth_tag)
    rtp, rtcp = sending.protect(rtp_packet(0)), sending.protect_rtcp(rtcp_packet())
    receiving.unprotect(rtp)
    receiving.unprotect_rtcp(rtcp)
    before = snapshot(receiving)
    with pytest.raises(SrtpReplayed):
        receiving.unprotect(rtp)
    with pytest.raises(SrtpReplayed):
        receiving.unprotect_rtcp(rtcp)
    assert snapshot(receiving) == before
    assert receiving.refused == 2


def test_replays_at_the_edge_of_the_window() -> None:
    sending, receiving = sender(), receiver()
    wire = [sending.protect(rtp_packet(index)) for index in range(400)]
    receiving.unprotect(wire[300])
    receiving.unprotect(wire[300 - 127])
    with pytest.raises(SrtpReplayed, match="already used"):
        receiving.unprotect(wire[300 - 127])
    with pytest.raises(SrtpReplayed, match="window"):
        receiving.unprotect(wire[300 - 128])


def test_replays_of_srtcp_at_the_edge_of_the_window() -> None:
    sending, receiving = sender(), receiver()
    wire = [sending.protect_rtcp(rtcp_packet(index)) for index in range(400)]
    receiving.unprotect_rtcp(wire[300])
    receiving.unprotect_rtcp(wire[300 - 127])
    for old in (300 - 127, 300 - 128):
        with pytest.raises(SrtpReplayed):
            receiving.unprotect_rtcp(wire[old])


@pytest.mark.attack("DOS-14")
@every(("cipher", "auth_tag"), ALL)
def test_a_flood_of_forgeries_is_counted_and_leaves_no_trace(cipher: bytes, auth_tag: bytes) -> None:
    dice = random.Random(2)
    sending, receiving = sender(cipher, auth_tag), receiver(cipher, auth_tag)
    wire = [sending.protect(rtp_packet(index)) for index in range(20)]
    receiving.unprotect(wire[0])
    before = snapshot(receiving)
    for number in range(500):
        forged = bytearray(wire[dice.randrange(1, 20)] if number % 2 else dice.randbytes(dice.randrange(200)))
        if number % 2:
            forged[dice.randrange(len(forged))] ^= 1 << dice.randrange(8)
        with pytest.raises(SrtpError):
            receiving.unprotect(bytes(forged))
        with pytest.raises(SrtpError):
            receiving.unprotect_rtcp(bytes(forged))
    assert snapshot(receiving) == before
    assert receiving.refused == 1000
    assert [receiving.unprotect(packet) for packet in wire[1:]] == [rtp_packet(index) for index in range(1, 20)]


@pytest.mark.attack("DOS-14")
def test_forged_sources_take_no_room() -> None:
    sending, receiving = sender(), receiver()
    for ssrc in range(10 * MAX_SOURCES):
        with pytest.raises(SrtpNotAuthentic):
            receiving.unprotect(rtp_packet(0, ssrc=ssrc))
        with pytest.raises(SrtpNotAuthentic):
            receiving.unprotect_rtcp(rtcp_packet(ssrc=ssrc))
    assert receiving.unprotect(sending.protect(rtp_packet(0))) == rtp_packet(0)


@pytest.mark.attack("MED-04")
@every(("cipher", "auth_tag"), ALL)
def test_plain_rtp_never_passes(cipher: bytes, auth_tag: bytes) -> None:
    sending, receiving = sender(cipher, auth_tag), receiver(cipher, auth_tag)
    receiving.unprotect(sending.protect(rtp_packet(0)))
    before = snapshot(receiving)
    with pytest.raises(SrtpNotAuthentic, match="plain RTP"):
        receiving.unprotect(rtp_packet(1))
    with pytest.raises(SrtpNotAuthentic):
        receiving.unprotect_rtcp(rtcp_packet())
    assert snapshot(receiving) == before
    assert receiving.unprotect(sending.protect(rtp_packet(1))) == rtp_packet(1)


@pytest.mark.attack("KEY-03")
def test_a_reflected_packet_is_refused() -> None:
    sending, receiving = srtp_pair(keys(*AES1_HS80, seed=1), keys(*AES1_HS80, seed=2))
    with pytest.raises(SrtpNotAuthentic):
        receiving.unprotect(sending.protect(rtp_packet(0)))
    with pytest.raises(SrtpNotAuthentic):
        receiving.unprotect_rtcp(sending.protect_rtcp(rtcp_packet()))


@every(
    "packet",
    [
        b"",
        bytes(11),
        bytes(200),
        b"\x40" + bytes(199),
        b"\x8f" + bytes(12 + 15 * 4 - 2),
        b"\x90" + bytes(11),
        b"\x90" + bytes(13) + b"\x00\x10" + bytes(40),
        b"\x90" + bytes(13) + b"\xff\xff" + bytes(200),
        b"\x80" + bytes(65535),
    ],
)
def test_what_is_no_rtp_packet_is_malformed_for_both(packet: bytes) -> None:
    with pytest.raises(SrtpMalformed):
        sender().protect(packet)
    with pytest.raises(SrtpMalformed):
        receiver().unprotect(packet)


@pytest.mark.parametrize("packet", [b"", b"\x80\xc8\x00\x01\x00\x00\x00", bytes(40), b"\x80" + bytes(65535)])
def test_what_is_no_rtcp_packet_is_malformed_for_both(packet: bytes) -> None:
    with pytest.raises(SrtpMalformed):
        sender().protect_rtcp(packet)
    with pytest.raises(SrtpMalformed):
        receiver().unprotect_rtcp(packet)


@every(("cipher", "auth_tag"), ALL)
def test_truncations_raise_the_declared_error(cipher: bytes, auth_tag: bytes) -> None:
    sending, receiving = sender(cipher, auth_tag), receiver(cipher, auth_tag)
    packet = bytearray(rtp_packet(0, bytes(4 * 3 + 4 + 8 + 30)))
    packet[0] |= 0x13
    packet[24:28] = b"\xbe\xde\x00\x02"
    rtp, rtcp = sending.protect(bytes(packet)), sending.protect_rtcp(rtcp_packet())
    for length in range(len(rtp)):
        with pytest.raises(SrtpError):
            receiving.unprotect(rtp[:length])
    receiving.unprotect_rtcp(sending.protect_rtcp(rtcp_packet()))
    for length in range(len(rtcp)):
        with pytest.raises(SrtpError):
            receiving.unprotect_rtcp(rtcp[:length])


@given(st.binary(max_size=300), st.sampled_from([(p.cipher, p.auth_tag) for p in PROFILES]))
def test_any_octets_raise_the_declared_error(octets: bytes, codes: tuple[bytes, bytes]) -> None:
    receiving = receiver(*codes)
    for packet in (octets, b"\x80\xc8" + octets):
        with pytest.raises(SrtpError):
            receiving.unprotect(packet)
        with pytest.raises(SrtpError):
            receiving.unprotect_rtcp(packet)


# What a sender must not do


def test_a_sequence_number_is_not_sent_twice() -> None:
    sending = sender()
    sending.protect(rtp_packet(5, b"one"))
    before = snapshot(sending)
    with pytest.raises(SrtpReplayed):
        sending.protect(rtp_packet(5, b"two"))
    assert snapshot(sending) == before
    sending.protect(rtp_packet(4, b"late"))


@pytest.mark.attack("KEY-05")
def test_a_living_key_cannot_start_again() -> None:
    sending, receiving = sender(), receiver()
    receiving.unprotect(sending.protect(rtp_packet(0)))
    sending.protect_rtcp(rtcp_packet())
    for end in (sending, receiving):
        with pytest.raises(ApiMisuse, match="in use"):
            end.continue_from(SSRC, rtp_index=0)
    with pytest.raises(ApiMisuse, match="in use"):
        sending.continue_from(SSRC, rtcp_index=0)
    assert not {"rekey", "reset", "set_roc", "set_key"} & set(dir(SrtpSender) + dir(SrtpReceiver))


@pytest.mark.attack("KEY-05")
def test_new_keys_start_with_rollover_counter_0_at_both_ends() -> None:
    old_sender, old_receiver = sender(), receiver()
    for index in (65534, 65535, 65536):
        old_receiver.unprotect(old_sender.protect(rtp_packet(index)))
    new_sender, new_receiver = sender(seed=9), receiver(seed=9)
    packet = new_sender.protect(rtp_packet(65537))
    assert new_receiver.unprotect(packet) == rtp_packet(65537)
    with pytest.raises(SrtpNotAuthentic):
        old_receiver.unprotect(packet)


@pytest.mark.attack("KEY-06")
def test_two_sources_of_one_key_have_different_keystreams() -> None:
    for profile in PROFILES:
        sending = sender(profile.cipher, profile.auth_tag)
        one, two = (sending.protect(rtp_packet(0, ssrc=ssrc))[12:172] for ssrc in (1, 2))
        assert one != two


@pytest.mark.attack("KEY-09")
def test_the_last_srtp_packet_of_a_key() -> None:
    sending, receiving = sender(), receiver()
    for end in (sending, receiving):
        end.continue_from(SSRC, rtp_index=2**48 - 2)
    last = rtp_packet(65535)
    assert receiving.unprotect(sending.protect(last)) == last
    before = snapshot(sending)
    with pytest.raises(SrtpKeyExhausted, match="new ZRTP exchange"):
        sending.protect(rtp_packet(0))
    assert snapshot(sending) == before
    with pytest.raises(SrtpKeyExhausted):
        receiving.unprotect(sender().protect(rtp_packet(0)))


@pytest.mark.attack("KEY-09")
def test_the_last_srtcp_packet_of_a_key() -> None:
    sending, receiving = sender(), receiver()
    sending.continue_from(SSRC, rtcp_index=2**31 - 2)
    assert receiving.unprotect_rtcp(sending.protect_rtcp(rtcp_packet())) == rtcp_packet()
    with pytest.raises(SrtpKeyExhausted, match="2\\^31 SRTCP"):
        sending.protect_rtcp(rtcp_packet())


@pytest.mark.attack("KEY-09")
def test_the_limit_counts_all_sources_of_a_key() -> None:
    sending = sender()
    sending._rtp_left = sending._rtcp_left = 2
    for ssrc in (1, 2):
        sending.protect(rtp_packet(0, ssrc=ssrc))
        sending.protect_rtcp(rtcp_packet(ssrc=ssrc))
    with pytest.raises(SrtpKeyExhausted):
        sending.protect(rtp_packet(0, ssrc=3))
    with pytest.raises(SrtpKeyExhausted):
        sending.protect_rtcp(rtcp_packet(ssrc=3))


# SRTCP with HS32


@pytest.mark.rfc("R-4.5.3-04")
def test_with_hs32_srtcp_keeps_80_bits() -> None:
    protected = sender(b"AES1", b"HS32").protect_rtcp(rtcp_packet())
    assert len(protected) == len(rtcp_packet()) + 4 + 10
    assert libsrtp(keys(b"AES1", b"HS32"), sending=False).unprotect_rtcp(protected) == rtcp_packet()


def short_tags() -> SrtcpTags:
    """The lengths of a program that shortens SRTCP tags too."""
    tags = SrtcpTags(SrtpProfile.of(b"AES1", b"HS32"))
    tags.note_verified(4)
    return tags


def short_rtcp(number: int) -> bytes:
    """The SRTCP packet of such a program."""
    material = keys(b"AES1", b"HS32", seed=2)
    profile = SrtpProfile.of(b"AES1", b"HS32")
    peer = SrtpSender(profile, material.key, material.salt, srtcp_tags=short_tags())
    peer.continue_from(SSRC, rtcp_index=number - 1)
    return peer.protect_rtcp(rtcp_packet(number))


@pytest.mark.parametrize("short", ShortSrtcpTag)
def test_a_peer_with_short_srtcp_tags(short: ShortSrtcpTag) -> None:
    sending, receiving = srtp_pair(
        keys(b"AES1", b"HS32", seed=1), keys(b"AES1", b"HS32", seed=2), short_srtcp_tag=short
    )
    long = len(sending.protect_rtcp(rtcp_packet()))
    if short is ShortSrtcpTag.REFUSE:
        with pytest.raises(SrtpNotAuthentic):
            receiving.unprotect_rtcp(short_rtcp(1))
        return
    assert receiving.unprotect_rtcp(short_rtcp(1)) == rtcp_packet(1)
    expected = long - 6 if short is ShortSrtcpTag.FOLLOW else long
    assert len(sending.protect_rtcp(rtcp_packet())) == expected
    with pytest.raises(SrtpReplayed):
        receiving.unprotect_rtcp(short_rtcp(1))
    assert receiving.unprotect_rtcp(short_rtcp(2)) == rtcp_packet(2)
    assert receiving.refused == 1


def test_a_forgery_does_not_shorten_the_tag() -> None:
    sending, receiving = srtp_pair(keys(b"AES1", b"HS32", seed=1), keys(b"AES1", b"HS32", seed=2))
    forged = bytearray(short_rtcp(1))
    forged[-1] ^= 1
    with pytest.raises(SrtpNotAuthentic):
        receiving.unprotect_rtcp(bytes(forged))
    assert sending.srtcp_tags.sending == 10


def test_a_tag_cut_on_its_way_shortens_nothing_after_the_first_whole_one() -> None:
    sending, receiving = srtp_pair(keys(b"AES1", b"HS32", seed=1), keys(b"AES1", b"HS32", seed=2))
    peer = sender(b"AES1", b"HS32", seed=2)
    receiving.unprotect_rtcp(peer.protect_rtcp(rtcp_packet())[:-6])
    assert sending.srtcp_tags.sending == 4
    receiving.unprotect_rtcp(peer.protect_rtcp(rtcp_packet()))
    assert sending.srtcp_tags.sending == 10
    with pytest.raises(SrtpNotAuthentic):
        receiving.unprotect_rtcp(peer.protect_rtcp(rtcp_packet())[:-6])


def test_with_hs80_there_is_nothing_to_tolerate() -> None:
    receiving = receiver()
    profile = SrtpProfile.of(b"AES1", b"HS32")
    material = keys(b"AES1", b"HS32")
    peer = SrtpSender(profile, material.key, material.salt, srtcp_tags=short_tags())
    with pytest.raises(SrtpNotAuthentic):
        receiving.unprotect_rtcp(peer.protect_rtcp(rtcp_packet()))


# Keys


@pytest.mark.attack("KEY-08")
@pytest.mark.parametrize("make", [SrtpSender, SrtpReceiver])
def test_keys_of_wrong_length_are_refused(make: type[SrtpSender] | type[SrtpReceiver]) -> None:
    with pytest.raises(ApiMisuse, match="32 octets"):
        make(SrtpProfile.of(b"AES3", b"HS80"), Secret(bytes(16)), Secret(bytes(14)))
    with pytest.raises(ApiMisuse, match="12 octets"):
        make(SrtpProfile.of(b"AES1", b"GCM "), Secret(bytes(16)), Secret(bytes(14)))


@pytest.mark.attack("KEY-03")
def test_the_same_key_in_both_directions_is_refused() -> None:
    with pytest.raises(ApiMisuse, match="share"):
        srtp_pair(keys(*AES1_HS80), keys(*AES1_HS80))


def test_directions_of_different_algorithms_are_refused() -> None:
    with pytest.raises(ApiMisuse, match="one ZRTP exchange"):
        srtp_pair(keys(*AES1_HS80, seed=1), keys(b"AES3", b"HS80", seed=2))


@every(("cipher", "auth_tag"), ALL)
def test_the_caller_may_wipe_its_keys_at_once(cipher: bytes, auth_tag: bytes) -> None:
    profile, material = SrtpProfile.of(cipher, auth_tag), keys(cipher, auth_tag)
    sending = SrtpSender(profile, material.key, material.salt)
    material.key.wipe()
    material.salt.wipe()
    assert receiver(cipher, auth_tag).unprotect(sending.protect(rtp_packet(0))) == rtp_packet(0)


@pytest.mark.rfc("R-4.7.2.1-01", "R-4.7.3-01")
def test_nothing_works_after_wipe() -> None:
    sending, receiving = sender(), receiver()
    rtp, rtcp = sending.protect(rtp_packet(0)), sending.protect_rtcp(rtcp_packet())
    for end in (sending, receiving):
        end.wipe()
        end.wipe()
    for work, packet in (
        (sending.protect, rtp_packet(1)),
        (sending.protect_rtcp, rtcp_packet(1)),
        (receiving.unprotect, rtp),
        (receiving.unprotect_rtcp, rtcp),
    ):
        with pytest.raises(ApiMisuse, match="wiped"):
            work(packet)


@every(("cipher", "auth_tag"), ALL)
def test_no_key_octets_in_repr(cipher: bytes, auth_tag: bytes) -> None:
    material = keys(cipher, auth_tag)
    for end in (sender(cipher, auth_tag), receiver(cipher, auth_tag)):
        text = repr(end) + repr(vars(end)) + repr(snapshot(end))
        assert material.key.octets.hex() not in text
        assert repr(bytes(material.key.octets))[2:-1] not in text


# Speed


@pytest.mark.long
@pytest.mark.parametrize(("cipher", "auth_tag"), OF_LIBSRTP)
def test_a_packet_costs_at_most_four_times_as_much_as_with_libsrtp(cipher: bytes, auth_tag: bytes) -> None:
    packets = [rtp_packet(index) for index in range(3000)]

    def seconds(protect: Callable[[bytes], bytes], unprotect: Callable[[bytes], bytes]) -> float:
        start = time.process_time()
        for packet in packets:
            unprotect(protect(packet))
        return time.process_time() - start

    material = keys(cipher, auth_tag)
    gc.disable()
    try:
        ours = min(seconds(sender(cipher, auth_tag).protect, receiver(cipher, auth_tag).unprotect) for _ in range(7))
        theirs = min(
            seconds(
                libsrtp(material, sending=True).protect,
                libsrtp(material, sending=False).unprotect,
            )
            for _ in range(7)
        )
    finally:
        gc.enable()
    assert ours < 4 * theirs
