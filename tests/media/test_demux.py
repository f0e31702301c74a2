"""Every datagram on the one media port finds its protocol, and none can hurt."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cases import every
from tests.support.effort import instructions
from tests.support.pair import Pair
from tests.support.pcap import CAPTURES, udp_datagrams
from tests.support.vectors import transcripts
from zrtp.media.demux import DatagramKind, classify, is_keep_alive
from zrtp.protocol.config import Config

ZRTP = bytes.fromhex("1000 1234 5a525450 deadbeef 505a0003") + b"HelloACK" + bytes(4)
RTP = bytes.fromhex("8000 0001 000000a0 deadbeef") + bytes(160)
EMPTY_RECEIVER_REPORT = bytes.fromhex("80c90001 deadbeef")
STUN_BINDING_REQUEST = bytes.fromhex("0001 0000 2112a442") + bytes(12)
STUN_WITHOUT_COOKIE = bytes.fromhex("0001 0000") + bytes(16)  # RFC 3489 had none
DTLS_CLIENT_HELLO = bytes.fromhex("16 feff 0000 000000000000 0001 01")


@pytest.mark.interop("I-33")
@pytest.mark.rfc("R-4-01")
@every(
    ("datagram", "kind"),
    [
        (ZRTP, DatagramKind.ZRTP),
        (RTP, DatagramKind.RTP),
        (EMPTY_RECEIVER_REPORT, DatagramKind.RTCP),
        (STUN_BINDING_REQUEST, DatagramKind.STUN),
        (STUN_WITHOUT_COOKIE, DatagramKind.STUN),
        (DTLS_CLIENT_HELLO, DatagramKind.DTLS),
        (b"", DatagramKind.OTHER),
        (b"\x00", DatagramKind.OTHER),
        (b"\r\n\r\n", DatagramKind.OTHER),
    ],
)
def test_each_protocol_is_told_by_its_first_octets(datagram: bytes, kind: DatagramKind) -> None:
    assert classify(datagram) is kind


@every(
    ("datagram", "keeps_alive"),
    [
        (b"", True),
        (b"\x00", True),
        (b"\r\n\r\n", True),
        (bytes(7), True),
        (bytes(8), False),
        (b"\x7f", True),
        (b"\x80", False),
        (RTP[:7], False),
        (b"\xbf", False),
        (b"\xc0", True),
        (STUN_BINDING_REQUEST, False),
        (b"no packet", False),
    ],
)
def test_what_only_keeps_a_port_open_is_shorter_than_any_packet(datagram: bytes, keeps_alive: bool) -> None:
    assert is_keep_alive(datagram) is keeps_alive


@pytest.mark.rfc("R-10-01")
def test_an_intermediary_that_passes_on_what_is_not_rtp_lets_two_phones_agree_through_it() -> None:
    """A relay that handles RTP itself and nothing else: ZRTP and STUN get through octet for octet."""
    pair = Pair(Config(key_agreements=(b"X1M2", b"X255"), mtu=600), Config(key_agreements=(b"X1M2", b"X255"), mtu=600))
    passed: list[bytes] = []

    def relay(_sender: str, datagram: bytes) -> bytes | None:
        if classify(datagram) in (DatagramKind.RTP, DatagramKind.RTCP):
            return None
        passed.append(datagram)
        return datagram

    pair.network.filter = relay
    pair.run()
    assert pair.secure and pair.keys_agree
    assert passed == [datagram for _, _, datagram in pair.network.log], "fragments too"
    assert relay("alice", STUN_BINDING_REQUEST) == STUN_BINDING_REQUEST
    assert relay("alice", RTP) is None


def test_fragments_are_zrtp() -> None:
    assert classify(b"\x11" + ZRTP[1:]) is DatagramKind.ZRTP


def test_the_twelve_bits_after_the_zrtp_nibble_are_ignored() -> None:
    for first in range(0x10, 0x20):
        assert classify(bytes([first, 0xFF]) + ZRTP[2:]) is DatagramKind.ZRTP


def test_the_cookie_decides_between_zrtp_and_dtls() -> None:
    for first in range(256):
        with_cookie = classify(bytes([first]) + ZRTP[1:])
        assert (with_cookie is DatagramKind.ZRTP) == (first >> 4 == 1)
        without = classify(bytes([first]) + bytes(40))
        assert (without is DatagramKind.DTLS) == (20 <= first <= 63)


def test_first_octets_of_rfc_7983() -> None:
    found = Counter(classify(bytes([first]) + bytes(40)) for first in range(256))
    assert found == {
        DatagramKind.STUN: 4,
        DatagramKind.DTLS: 44,
        DatagramKind.RTP: 64,
        DatagramKind.OTHER: 256 - 4 - 44 - 64,
    }


def test_payload_types_64_to_95_with_marker_are_rtcp() -> None:
    for second in range(256):
        expected = DatagramKind.RTCP if 192 <= second <= 223 else DatagramKind.RTP
        assert classify(bytes([0x80, second]) + RTP[2:]) is expected


@every("whole", [ZRTP, RTP, EMPTY_RECEIVER_REPORT, STUN_BINDING_REQUEST, DTLS_CLIENT_HELLO])
def test_no_truncation_raises_or_changes_the_protocol(whole: bytes) -> None:
    for length in range(len(whole)):
        assert classify(whole[:length]) in (classify(whole), DatagramKind.OTHER)


@given(st.binary(max_size=64))
def test_any_octets_have_a_kind(datagram: bytes) -> None:
    assert isinstance(classify(datagram), DatagramKind)


def test_recorded_handshakes_are_zrtp() -> None:
    packets = [packet.data for transcript in transcripts() for packet in transcript.packets]
    assert len(packets) > 100
    assert {classify(packet) for packet in packets} == {DatagramKind.ZRTP}


@pytest.mark.interop("I-33")
def test_a_recorded_call_is_sorted() -> None:
    found = Counter(classify(packet.payload) for packet in udp_datagrams(CAPTURES / "ms_sdes_srtp.pcap"))
    assert found == {DatagramKind.RTP: 385, DatagramKind.STUN: 18, DatagramKind.RTCP: 1}


@every("datagram", [RTP, ZRTP, EMPTY_RECEIVER_REPORT, STUN_BINDING_REQUEST, DTLS_CLIENT_HELLO])
def test_a_decision_takes_a_few_instructions_however_long_the_datagram(datagram: bytes) -> None:
    """Every packet of a call is asked for: `python -m tests.bench --targets` says what that is in microseconds."""
    assert instructions(classify, datagram + bytes(1200)) == instructions(classify, datagram) <= 75
