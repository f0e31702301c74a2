"""What a recorded DTLS-SRTP handshake shows."""

from __future__ import annotations

import hashlib
import random

import pytest

from tests.support.pcap import CAPTURES, udp_datagrams
from zrtp.inspection import dtls
from zrtp.inspection.flows import Datagram
from zrtp.inspection.sessions import Fingerprint

RECORDED = [each for each in udp_datagrams(CAPTURES / "dtls_srtp.pcap") if 20 <= each.payload[0] <= 25]
CLIENT: list[Datagram] = [(0, 0.0, each.payload) for each in RECORDED if each.source == 40000]
SERVER: list[Datagram] = [(0, 0.0, each.payload) for each in RECORDED if each.source == 50000]


def fingerprint(half: dtls.Half, algorithm: str = "sha-256") -> Fingerprint:
    return Fingerprint(algorithm, hashlib.new(algorithm.replace("-", ""), half.certificate).digest())


@pytest.mark.parametrize("datagrams", [CLIENT, SERVER], ids=["client", "server"])
def test_certificates_travel_in_clear(datagrams: list[Datagram]) -> None:
    half = dtls.read(datagrams)
    assert half.certificate.startswith(b"\x30\x82")
    assert half.began and half.changed
    assert half.matches([fingerprint(half)]) is True
    assert half.matches([Fingerprint("md5", b""), fingerprint(half, "sha-512")]) is True
    assert half.matches([Fingerprint("sha-256", bytes(32))]) is False
    assert half.matches([]) is None
    assert half.matches([Fingerprint("md5", b"")]) is None


def test_the_server_names_the_srtp_profile() -> None:
    assert dtls.read(SERVER).profile == "SRTP_AES128_CM_HMAC_SHA1_80"
    assert dtls.read(CLIENT).profile == ""


def test_a_handshake_that_stops_early() -> None:
    half = dtls.read(SERVER[:1])
    assert (half.began, half.changed, half.certificate) == (True, False, b"")
    assert half.matches([Fingerprint("sha-256", bytes(32))]) is None


def test_datagrams_that_come_twice_or_in_another_order_do_no_harm() -> None:
    half = dtls.read([*SERVER, *SERVER])
    assert half.certificate == dtls.read(SERVER).certificate


def test_a_message_in_many_fragments_is_put_together() -> None:
    body = b"\0\x00\x08\0\0\x05abcde"
    fragments = []
    for offset in (0, 4, 4, 8):
        part = body[offset : offset + 4]
        head = bytes([11, 0, 0, len(body), 0, 1, 0, 0, offset, 0, 0, len(part)])
        record = head + part
        fragments.append((0, 0.0, bytes([22, 254, 253]) + bytes(8) + len(record).to_bytes(2, "big") + record))
    assert dtls.read(fragments).certificate == b"abcde"


def test_the_short_header_of_dtls_1_3_is_an_encrypted_record() -> None:
    assert dtls.read([(0, 0.0, b"\x2c" + bytes(40))]).changed


def test_noise_and_damage_raise_nothing() -> None:
    dice = random.Random(3)
    for _ in range(2000):
        octets = bytearray(dice.choice([*CLIENT, *SERVER])[2])
        for _ in range(dice.randrange(1, 6)):
            octets[dice.randrange(len(octets))] = dice.randrange(256)
        half = dtls.read([(0, 0.0, bytes(octets[: dice.randrange(1, len(octets) + 1)]))])
        assert len(half.certificate) < len(octets)
