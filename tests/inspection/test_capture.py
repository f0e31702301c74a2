"""Capture files: pcap and pcapng of every kind, and what is left of broken ones."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tests.support.frames import ETHERNET, RAW, block, enhanced, interface, pcap, section
from zrtp.inspection.capture import Capture, CaptureUnreadable, Frame

PACKET = b"a packet of 20 octet"


def read(path: Path, octets: bytes) -> tuple[list[Frame], str | None]:
    """The frames of a file with these octets, and what is wrong with it."""
    path.write_bytes(octets)
    capture = Capture(path)
    found = list(capture.frames())
    assert capture.packets == len(found)
    return found, capture.problem


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "call.pcap"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1e-6), (0xA1B23C4D, 1e-9)])
def test_pcap_in_both_byte_orders_and_both_units(path: Path, order: str, magic: int, unit: float) -> None:
    found, problem = read(path, pcap([(1000.25, PACKET), (1001.5, b"x")], order=order, magic=magic))

    assert [(link, octets, whole) for _, link, octets, whole in found] == [(1, PACKET, True), (1, b"x", True)]
    assert [time for time, *_ in found] == pytest.approx([1000.25, 1001.5], abs=unit)
    assert problem is None


def test_a_packet_that_was_recorded_in_part_says_so(path: Path) -> None:
    record = struct.pack("<IIII", 1, 0, len(PACKET), 1500) + PACKET
    found, problem = read(path, pcap([]) + record)

    assert found == [(1.0, ETHERNET, PACKET, False)]
    assert problem is None


def test_pcapng_with_two_interfaces_that_count_time_differently(path: Path) -> None:
    nanoseconds = struct.pack("<HHB3x", 9, 1, 9)
    later = struct.pack("<HHq", 14, 8, 100)
    octets = section() + interface() + interface(RAW, nanoseconds + later)
    octets += enhanced(PACKET, 2_500_000) + block(5, bytes(8)) + enhanced(b"raw", 3_000_000_000, number=1)
    found, problem = read(path, octets)

    assert found == [(2.5, ETHERNET, PACKET, True), (103.0, RAW, b"raw", True)]
    assert problem is None


def test_a_second_section_may_have_the_other_byte_order(path: Path) -> None:
    octets = section() + interface() + enhanced(PACKET, 0)
    octets += section(">") + interface(RAW, order=">") + enhanced(b"other", 1_000_000, order=">")
    found, _ = read(path, octets)

    assert [(time, link, octets) for time, link, octets, _ in found] == [(0.0, ETHERNET, PACKET), (1.0, RAW, b"other")]


def test_simple_and_old_packets_of_pcapng(path: Path) -> None:
    simple = block(3, struct.pack("<I", 4) + b"easy")
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 7_000_000, 3, 3) + b"old")
    found, _ = read(path, section() + interface() + simple + old)

    assert found == [(0.0, ETHERNET, b"easy", True), (7.0, ETHERNET, b"old", True)]


def test_a_packet_of_an_interface_that_was_never_described_is_left_out(path: Path) -> None:
    found, problem = read(path, section() + enhanced(PACKET, 0) + interface() + enhanced(PACKET, 0, number=1))
    assert (found, problem) == ([], None)


def test_a_long_block_that_nobody_needs_is_skipped(path: Path) -> None:
    found, problem = read(path, section() + interface() + block(0xBAD, bytes(3 << 20)) + enhanced(PACKET, 0))
    assert [octets for _, _, octets, _ in found] == [PACKET]
    assert problem is None


@pytest.mark.parametrize("missing", [1, 10, 20, 30])
def test_of_a_pcap_file_that_was_cut_off_everything_before_is_read(path: Path, missing: int) -> None:
    found, problem = read(path, pcap([(1.0, PACKET), (2.0, PACKET)])[:-missing])

    assert [octets for _, _, octets, _ in found] == [PACKET]
    assert problem == "The file ends within a packet at octet 60: the rest is missing."


def test_of_a_pcapng_file_that_was_cut_off_everything_before_is_read(path: Path) -> None:
    octets = section() + interface() + enhanced(PACKET, 0) + enhanced(PACKET, 1)
    found, problem = read(path, octets[:-5])

    assert len(found) == 1
    assert problem is not None and problem.startswith("The file ends within a block")


def test_a_packet_of_an_impossible_length_ends_the_reading(path: Path) -> None:
    octets = pcap([(1.0, PACKET)]) + struct.pack("<IIII", 2, 0, 0xFFFFFFF0, 60) + pcap([(3.0, PACKET)])
    found, problem = read(path, octets)

    assert len(found) == 1
    assert problem is not None and "claims 4294967280 octets" in problem


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (struct.pack("<II", 6, 8) + bytes(8), "a block of 8 octets"),
        (struct.pack("<II", 6, 1 << 30) + bytes(8), "a packet of 1073741824 octets"),
        (struct.pack("<IIII", 0x0A0D0D0A, 28, 0, 0), "a section without a byte order"),
    ],
)
def test_damage_in_pcapng_is_named_with_its_place(path: Path, broken: bytes, told: str) -> None:
    intact = section() + interface() + enhanced(PACKET, 0)
    found, problem = read(path, intact + broken)

    assert len(found) == 1
    assert problem == f"There is {told} at octet {len(intact)}: the rest of the file cannot be read."


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"", "it is empty"),
        (b"\x1f\x8b\x08\x00 compressed", "it is compressed, gunzip it first"),
        (b"RIFF....WAVE", "it begins neither as a pcap nor as a pcapng file does"),
    ],
)
def test_what_is_no_capture_is_refused_with_a_sentence(path: Path, octets: bytes, told: str) -> None:
    path.write_bytes(octets)
    with pytest.raises(CaptureUnreadable, match=told):
        Capture(path)


def test_a_file_that_is_not_there_is_refused_with_a_sentence(path: Path) -> None:
    with pytest.raises(CaptureUnreadable, match="cannot be read: No such file"):
        Capture(path)


def test_a_header_alone_is_an_empty_capture_and_half_a_header_a_broken_one(path: Path) -> None:
    assert read(path, pcap([])) == ([], None)
    assert read(path, pcap([])[:20]) == ([], "The file ends within its header at octet 0: the rest is missing.")


def test_a_file_longer_than_the_buffer_is_read_in_pieces(path: Path) -> None:
    many = [(float(number), bytes([number % 256]) * 1400) for number in range(2000)]
    found, problem = read(path, pcap(many))

    assert [(time, octets) for time, _, octets, _ in found] == many
    assert problem is None
