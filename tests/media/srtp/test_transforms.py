"""The transforms give the octets that the standards print."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.srtp import RFC
from zrtp.media.srtp.errors import SrtpMalformed, SrtpNotAuthentic
from zrtp.media.srtp.kdf import SessionKeys
from zrtp.media.srtp.transforms import ENCRYPTED, CounterModeHmac, Gcm, Transform
from zrtp.secret import Secret


def session_keys(key: bytes, salt: bytes) -> SessionKeys:
    return SessionKeys(encryption=Secret(key), authentication=Secret(bytes(range(20))), salt=Secret(salt))


@pytest.mark.rfc("R-5.1.3-03")
@pytest.mark.parametrize("item", RFC["keystream"], ids=lambda item: item["source"])
def test_keystream_of_the_standards(item: dict[str, Any]) -> None:
    transform = CounterModeHmac(session_keys(bytes.fromhex(item["key"]), bytes.fromhex(item["salt"])), 10)
    blocks = {int(number): bytes.fromhex(block) for number, block in item["blocks"].items()}
    header = b"\x80" + bytes(11)
    sealed = transform.seal_rtp(header + bytes(16 * (max(blocks) + 1)), 12, transform.iv(0), 0)
    for number, block in blocks.items():
        assert sealed[12 + 16 * number :][:16] == block


@pytest.mark.parametrize("item", RFC["aead"], ids=lambda item: item["source"])
def test_aead_packets_of_the_standard(item: dict[str, Any]) -> None:
    transform = Gcm(session_keys(bytes.fromhex(item["key"]), bytes.fromhex(item["salt"])))
    rtp, srtp = bytes.fromhex(item["rtp"]), bytes.fromhex(item["srtp"])
    iv = transform.iv(int.from_bytes(rtp[8:12], "big"))
    sequence = int.from_bytes(rtp[2:4], "big")
    assert transform.seal_rtp(rtp, 12, iv, sequence) == srtp
    assert transform.open_rtp(srtp, 12, iv, sequence) == rtp

    rtcp = bytes.fromhex(item["rtcp"])
    iv = transform.iv(int.from_bytes(rtcp[4:8], "big"))
    for name, flag in (("srtcp", ENCRYPTED), ("srtcp_clear", 0)):
        srtcp = bytes.fromhex(item[name])
        word = transform.rtcp_word(srtcp, 16)
        assert word == flag | 0x5D4
        assert transform.seal_rtcp(rtcp, iv, word, 16) == srtcp
        assert transform.open_rtcp(srtcp, iv, word, 16) == rtcp


TRANSFORMS = [
    pytest.param(lambda: CounterModeHmac(session_keys(bytes(range(16)), bytes(14)), 10), id="AES-CM"),
    pytest.param(lambda: Gcm(session_keys(bytes(range(16)), bytes(12))), id="AES-GCM"),
]


@pytest.mark.parametrize("make", TRANSFORMS)
def test_every_octet_and_the_index_are_authenticated(make: Any) -> None:
    transform: Transform = make()
    iv = transform.iv(7)
    rtp = transform.seal_rtp(b"\x80" + bytes(11) + b"payload", 12, iv, 65536)
    for position in range(len(rtp)):
        forged = bytearray(rtp)
        forged[position] ^= 1
        with pytest.raises(SrtpNotAuthentic):
            transform.open_rtp(bytes(forged), 12, iv, 65536)
    with pytest.raises(SrtpNotAuthentic):
        transform.open_rtp(rtp, 12, iv, 0)


@pytest.mark.parametrize("flag", [0, ENCRYPTED])
@pytest.mark.parametrize("make", TRANSFORMS)
def test_every_octet_of_srtcp_is_authenticated(make: Any, flag: int) -> None:
    transform: Transform = make()
    length = 16 if isinstance(transform, Gcm) else 10
    iv = transform.iv(7)
    rtcp = transform.seal_rtcp(b"\x80\xc8\x00\x06" + bytes(24), iv, flag | 3, length)
    for position in range(len(rtcp)):
        forged = bytearray(rtcp)
        forged[position] ^= 1
        word = transform.rtcp_word(bytes(forged), length)
        with pytest.raises(SrtpNotAuthentic):
            transform.open_rtcp(bytes(forged), iv, word, length)


@pytest.mark.parametrize("make", TRANSFORMS)
def test_a_packet_without_room_for_its_tag_is_malformed(make: Any) -> None:
    transform: Transform = make()
    length = 16 if isinstance(transform, Gcm) else 10
    with pytest.raises(SrtpMalformed):
        transform.open_rtp(bytes(12 + length - 1), 12, 0, 0)
    with pytest.raises(SrtpNotAuthentic):
        transform.open_rtp(bytes(12 + length), 12, 0, 0)
    with pytest.raises(SrtpMalformed):
        transform.rtcp_word(bytes(8 + length + 4 - 1), length)
    assert transform.rtcp_word(bytes(8 + length + 4), length) == 0


@pytest.mark.parametrize("make", TRANSFORMS)
def test_an_empty_payload_is_only_authenticated(make: Any) -> None:
    transform: Transform = make()
    header = b"\x80" + bytes(11)
    sealed = transform.seal_rtp(header, 12, 5, 9)
    assert sealed.startswith(header)
    assert transform.open_rtp(sealed, 12, 5, 9) == header
