"""Telephone sound as octets: checked against another implementation and against the law's own properties."""

from __future__ import annotations

from array import array

from tests.support import pcmu
from tests.support.cases import every
from zrtp.media.sound import g711

EVERY_SAMPLE = range(-32768, 32768)


def test_every_sample_is_encoded_as_the_other_implementation_does() -> None:
    assert g711.encode(EVERY_SAMPLE) == pcmu.encode(EVERY_SAMPLE)


def test_every_octet_is_decoded_as_the_other_implementation_does() -> None:
    assert list(g711.decode(bytes(range(256)))) == pcmu.decode(bytes(range(256)))


@every(("sample", "octet"), [(0, 0xFF), (-1, 0x7F), (32767, 0x80), (-32768, 0x00), (1000, 0xCE), (-1000, 0x4E)])
def test_known_points_of_the_law(sample: int, octet: int) -> None:
    assert g711.encode([sample]) == bytes([octet])


def test_a_second_trip_changes_nothing() -> None:
    once = g711.decode(g711.encode(EVERY_SAMPLE))

    assert g711.decode(g711.encode(once)) == once


def test_the_error_stays_within_half_a_step() -> None:
    for sample, heard in zip(EVERY_SAMPLE, g711.decode(g711.encode(EVERY_SAMPLE)), strict=True):
        magnitude = min(abs(sample), 32635)
        assert abs(abs(heard) - magnitude) <= max(4, (magnitude + 132) >> 5)


def test_silence_is_zero() -> None:
    assert g711.decode(bytes([g711.SILENCE])) == array("h", [0])


def test_an_array_is_as_good_as_a_list() -> None:
    assert g711.encode(array("h", [1, 1000, -1000])[1:]) == bytes([0xCE, 0x4E])


def test_wav_octets_are_little_endian_on_every_machine() -> None:
    assert g711.little_endian(array("h", [1, -2])) == b"\x01\x00\xfe\xff"
