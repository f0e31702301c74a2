"""Keys tried on recorded SRTP."""

from __future__ import annotations

import base64

from tests.support.cases import every
from tests.support.frames import rtp
from tests.support.pcap import CAPTURES, udp_datagrams
from zrtp.inspection.decryption import Opener, of_sdes, opened
from zrtp.media.sdp import CryptoAttribute, parse_crypto
from zrtp.media.srtp.profiles import SrtpProfile
from zrtp.media.srtp.sender import SrtpSender
from zrtp.protocol.events import SrtpKeys
from zrtp.secret import Secret

OF_41000 = "1 AES_CM_128_HMAC_SHA1_80 inline:KA9q3+UjARe7LznF6eeGqijpCmZgh7ojrGsKef0E"
OF_41020 = "1 AES_CM_128_HMAC_SHA1_80 inline:QqDSM0voFS6uEUM8Q8+rqYkihPS/QjBpLxjDEL5D"
SENT = [
    each.payload
    for each in udp_datagrams(CAPTURES / "ms_sdes_srtp.pcap")
    if each.source == 41000 and each.payload[0] >> 6 == 2
]


def parsed(*lines: str) -> list[CryptoAttribute]:
    found = [parse_crypto(line) for line in lines]
    return [each for each in found if each is not None]


def test_the_right_key_opens_everything_wherever_it_stands() -> None:
    count = opened(SENT, of_sdes(parsed(OF_41020, OF_41000)))
    assert (count.tried, count.verified, count.repeated) == (len(SENT), len(SENT), 0)


def test_a_wrong_key_and_no_key_open_nothing() -> None:
    assert opened(SENT, of_sdes(parsed(OF_41020))).verified == 0
    assert opened(SENT, []).verified == 0


def test_copies_of_packets_are_counted_apart() -> None:
    count = opened([*SENT[:10], SENT[3]], of_sdes(parsed(OF_41000)))
    assert (count.verified, count.repeated) == (10, 1)


def test_what_is_damaged_does_not_verify() -> None:
    opener = Opener(of_sdes(parsed(OF_41000)))
    opener.packet(SENT[0][:-1] + b"?")
    opener.packet(b"\x80")
    assert (opener.count.tried, opener.count.verified) == (2, 0)


@every(
    ("suite", "cipher", "auth_tag"),
    [
        ("AES_CM_128_HMAC_SHA1_32", b"AES1", b"HS32"),
        ("AES_192_CM_HMAC_SHA1_80", b"AES2", b"HS80"),
        ("AES_256_CM_HMAC_SHA1_32", b"AES3", b"HS32"),
        ("AES_CM_256_HMAC_SHA1_80", b"AES3", b"HS80"),
        ("AEAD_AES_128_GCM", b"AES1", b"GCM "),
        ("AEAD_AES_256_GCM", b"AES3", b"GCM "),
    ],
)
def test_every_suite_of_sdp(suite: str, cipher: bytes, auth_tag: bytes) -> None:
    profile = SrtpProfile.of(cipher, auth_tag)
    octets = bytes(range(profile.key_length + profile.salt_length))
    sender = SrtpSender(profile, Secret(octets[: profile.key_length]), Secret(octets[profile.key_length :]))
    (key,) = of_sdes(parsed(f"1 {suite} inline:{base64.b64encode(octets).decode()}"))
    assert opened([sender.protect(rtp(1, bytes(20)))], [key]).verified == 1


def test_a_suite_that_cannot_be_opened_is_left_out() -> None:
    assert of_sdes(parsed(OF_41000.replace("AES_CM_128_HMAC_SHA1_80", "F8_128_HMAC_SHA1_80"))) == []
    foreign = SrtpKeys(cipher=b"2FS1", auth_tag=b"SK32", key=Secret(bytes(16)), salt=Secret(bytes(14)))
    assert opened(SENT[:3], [foreign]).verified == 0
