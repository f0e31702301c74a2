"""The framing of OpenPGP signature packets (RFC 4880 sections 4.2 and 5.2.3); no library is needed for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import openpgp_samples as samples
from tests.support.cases import every
from zrtp.crypto.signatures import LONGEST_BLOCK, SignatureInvalid
from zrtp.crypto.signatures.openpgp_packet import SignaturePacket, is_uri

BODY = samples.P256_SIGNATURE[2:]
"""Its header is of the old format, with one octet of length."""

FINGERPRINT = bytes.fromhex("afa170b877a27c207c1dfc81b0d8c654539be7c4")


def subpacket(kind: int, value: bytes) -> bytes:
    return bytes([len(value) + 1, kind]) + value


def packet(
    *,
    version: int = 4,
    kind: int = 0,
    hash_: int = 8,
    hashed: bytes = subpacket(33, b"\x04" + FINGERPRINT),
    unhashed: bytes = subpacket(24, b"https://keys.example.org"),
) -> bytes:
    """A packet in new format whose numbers are zeros."""
    areas = len(hashed).to_bytes(2, "big") + hashed + len(unhashed).to_bytes(2, "big") + unhashed
    body = bytes([version, kind, 19, hash_]) + areas + bytes(70)
    return b"\xc2\xff" + len(body).to_bytes(4, "big") + body


class TestReading:
    @pytest.mark.rfc("R-7.2.1-01", "R-7.2.1-06", "R-7.2-11")
    def test_a_packet_of_gnupg(self) -> None:
        read = SignaturePacket.read(samples.P256_SIGNATURE)
        assert read.key_server == "https://keys.example.org/p256"
        assert read.fingerprint == FINGERPRINT
        assert read.key_id == FINGERPRINT[-8:]
        assert read.encode() == b"\xc2" + samples.P256_SIGNATURE[1:]

    def test_two_octets_of_length(self) -> None:
        assert samples.RSA_SIGNATURE[0] & 3 == 1
        read = SignaturePacket.read(samples.RSA_SIGNATURE)
        assert read.key_server == "https://keys.example.org/rsa"
        assert read.encode()[3:] == samples.RSA_SIGNATURE[3:]
        assert SignaturePacket.read(read.encode()) == read

    @every(
        "header",
        [
            bytes([0xC2, len(BODY)]),
            bytes([0xC2, 0xFF, 0, 0, 0, len(BODY)]),
            bytes([0x88, len(BODY)]),
            bytes([0x89, 0, len(BODY)]),
            bytes([0x8A, 0, 0, 0, len(BODY)]),
        ],
        ids=["new, one", "new, five", "old, one", "old, two", "old, four"],
    )
    @every("padding", [0, 1, 2, 3])
    def test_every_form_of_header_with_padding(self, header: bytes, padding: int) -> None:
        assert SignaturePacket.read(header + BODY + b"\xa5" * padding) == SignaturePacket.read(samples.P256_SIGNATURE)

    def test_a_key_id_alone(self) -> None:
        read = SignaturePacket.read(packet(hashed=subpacket(16, b"12345678")))
        assert (read.key_id, read.fingerprint) == (b"12345678", None)

    def test_a_critical_subpacket_is_the_same_one(self) -> None:
        read = SignaturePacket.read(packet(unhashed=subpacket(0x80 | 24, b"hkps://keys.example.org")))
        assert read.key_server == "hkps://keys.example.org"

    def test_what_is_covered_by_the_signature_comes_first(self) -> None:
        hashed = subpacket(33, b"\x04" + FINGERPRINT) + subpacket(24, b"https://right.example.org")
        assert SignaturePacket.read(packet(hashed=hashed)).key_server == "https://right.example.org"

    def test_long_subpackets(self) -> None:
        notation = bytes([192 + 1, 8, 20]) + bytes(455)
        read = SignaturePacket.read(packet(unhashed=notation + subpacket(24, b"https://keys.example.org")))
        assert read.key_server == "https://keys.example.org"


class TestRefusing:
    @pytest.mark.rfc("R-7.2.1-06")
    @every(
        "unhashed",
        [
            b"",
            subpacket(24, b""),
            subpacket(24, b"keys.example.org"),
            subpacket(24, b"https://a\nb"),
            subpacket(24, b"http://\xc3\xa4"),
        ],
        ids=["none", "empty", "no scheme", "control character", "not ASCII"],
    )
    def test_no_uri_of_a_key_server(self, unhashed: bytes) -> None:
        with pytest.raises(SignatureInvalid, match="at which key server"):
            SignaturePacket.read(packet(unhashed=unhashed))

    @pytest.mark.rfc("R-7.2-15", "R-7.2-16")
    @every("hash_", [1, 2, 3, 0, 110], ids=["MD5", "SHA-1", "RIPEMD-160", "none", "private"])
    def test_hashes_that_are_not_of_nist_or_too_weak(self, hash_: int) -> None:
        with pytest.raises(SignatureInvalid, match="SHA-1 or another hash"):
            SignaturePacket.read(packet(hash_=hash_))

    @pytest.mark.rfc("R-7.2.1-01")
    @pytest.mark.parametrize("version", [3, 5, 6])
    def test_other_versions(self, version: int) -> None:
        with pytest.raises(SignatureInvalid, match="not of OpenPGP version 4"):
            SignaturePacket.read(packet(version=version))

    @every("kind", [0x01, 0x02, 0x10, 0x18, 0x20, 0x40])
    def test_other_kinds_of_signature(self, kind: int) -> None:
        with pytest.raises(SignatureInvalid, match="not one of a binary document"):
            SignaturePacket.read(packet(kind=kind))

    @pytest.mark.parametrize(
        "hashed",
        [b"", subpacket(16, b"1234567"), subpacket(33, b"\x06" + bytes(32))],
        ids=["none", "short", "version 6"],
    )
    def test_no_issuer(self, hashed: bytes) -> None:
        with pytest.raises(SignatureInvalid, match="which key made it"):
            SignaturePacket.read(packet(hashed=hashed))

    @every("first", [0x00, 0x42, 0x80, 0xC1, 0xD1, 0x8C], ids=hex)
    def test_other_packets(self, first: int) -> None:
        with pytest.raises(SignatureInvalid, match="no OpenPGP signature packet"):
            SignaturePacket.read(bytes([first, len(BODY)]) + BODY)

    @pytest.mark.attack("PAR-20")
    @every("length", [0, 1, len(BODY) - 4, len(BODY) + 1, 191])
    def test_lengths_that_do_not_fit(self, length: int) -> None:
        with pytest.raises(SignatureInvalid, match="does not fit the message"):
            SignaturePacket.read(bytes([0xC2, length]) + BODY)

    def test_a_packet_in_parts(self) -> None:
        with pytest.raises(SignatureInvalid, match="a form that it cannot have"):
            SignaturePacket.read(b"\xc2\xe1" + BODY)

    @pytest.mark.rfc("R-7.2.1-07")
    @pytest.mark.attack("PAR-21")
    def test_more_than_511_words(self) -> None:
        with pytest.raises(SignatureInvalid, match="more than 2040"):
            SignaturePacket.read(packet() + bytes(LONGEST_BLOCK))

    @pytest.mark.attack("PAR-20")
    @every("unhashed", [b"\x00", b"\x05\x18ab", b"\xc0", b"\xff\x00\x00", b"\xff\xff\xff\xff\xff\x18"])
    def test_subpackets_that_are_cut_off(self, unhashed: bytes) -> None:
        with pytest.raises(SignatureInvalid, match="subpacket of the OpenPGP signature is cut off"):
            SignaturePacket.read(packet(unhashed=unhashed))

    @pytest.mark.attack("PAR-20")
    def test_every_truncation(self) -> None:
        for block in (samples.P256_SIGNATURE, samples.RSA_SIGNATURE, packet()):
            for length in range(len(block)):
                with pytest.raises(SignatureInvalid):
                    SignaturePacket.read(block[:length])

    @pytest.mark.attack("PAR-20")
    @pytest.mark.parametrize("stride", [29, pytest.param(1, marks=pytest.mark.long)])
    def test_every_length_of_the_areas(self, stride: int) -> None:
        for area in (4, 4 + 2 + 23):
            for length in (*range(300), *range(300, 0x10000, stride)):
                body = bytearray(packet()[6:])
                body[area : area + 2] = length.to_bytes(2, "big")
                try:
                    SignaturePacket.read(b"\xc2" + bytes([len(body)]) + body)
                except SignatureInvalid:
                    continue

    @given(st.binary(max_size=200))
    def test_noise(self, noise: bytes) -> None:
        for block in (noise, bytes([0xC2, min(len(noise), 191)]) + noise, b"\xc2\x14\x04\x00\x13\x08" + noise):
            try:
                SignaturePacket.read(block)
            except SignatureInvalid as error:
                assert str(error).endswith(".")


@pytest.mark.rfc("R-7.2.1-06")
def test_a_key_server_is_put_in_without_touching_what_is_signed() -> None:
    without = SignaturePacket.read(samples.P256_NO_SERVER_SIGNATURE, need_key_server=False)
    again = SignaturePacket.read(without.with_key_server(b"https://keys.example.org/p256"))
    assert again.key_server == "https://keys.example.org/p256"
    assert (again.head, again.tail, again.fingerprint) == (without.head, without.tail, without.fingerprint)


@pytest.mark.parametrize("uri", [b"https://keys.example.org", b"hkps://k", b"http://127.0.0.1:11371/a?b", b"urn:x"])
def test_uris(uri: bytes) -> None:
    assert is_uri(uri)


@every("text", [b"", b"https:", b"://x", b"1http://x", b"https://a b", b"https://a\n", b"https://a\x7f"])
def test_no_uris(text: bytes) -> None:
    assert not is_uri(text)
