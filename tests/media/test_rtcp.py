"""Saying goodbye, and hearing it."""

from __future__ import annotations

from tests.support.cases import every
from zrtp.media import rtcp
from zrtp.media.demux import DatagramKind, classify

SSRC = 0x11223344


def test_goodbye_is_a_compound_packet_that_starts_with_a_report() -> None:
    compound = rtcp.goodbye(SSRC, bytes)

    assert classify(compound) is DatagramKind.RTCP
    assert compound[:8] == bytes.fromhex("80c90001 11223344")
    assert compound[-8:] == bytes.fromhex("81cb0001 11223344")
    assert len(compound) % 4 == 0


def test_between_report_and_goodbye_stands_the_name_of_the_source() -> None:
    """Padded with zeros to a whole word, and to no further one."""
    name = (b"00" * 12).hex()

    assert rtcp.goodbye(SSRC, bytes)[8:-8].hex() == "81ca0008" + "11223344" + "0118" + name + "0000"


def test_goodbye_is_heard() -> None:
    assert rtcp.leaving(rtcp.goodbye(SSRC)) == {SSRC}


@every("text", ["", "a", "abc", "SAS differs", "caf\u00e9", "x" * 255])
def test_a_goodbye_may_have_a_reason(text: str) -> None:
    compound = rtcp.goodbye(SSRC, reason=text)

    assert classify(compound) is DatagramKind.RTCP
    assert len(compound) % 4 == 0
    assert rtcp.leaving(compound) == {SSRC}
    assert rtcp.reason(compound) == text


@every("end", range(len(rtcp.goodbye(SSRC, reason="SAS differs"))))
def test_a_truncated_reason_is_none(end: int) -> None:
    assert rtcp.reason(rtcp.goodbye(SSRC, reason="SAS differs")[:end]) == ""


def test_a_reason_that_claims_more_octets_than_there_are_is_none() -> None:
    assert rtcp.reason(bytes.fromhex("81cb0002 11223344 05616263")) == ""


@every("end", range(len(rtcp.goodbye(SSRC))))
def test_a_truncated_compound_packet_is_no_goodbye(end: int) -> None:
    assert rtcp.leaving(rtcp.goodbye(SSRC)[:end]) == frozenset()


def test_a_goodbye_that_counts_more_sources_than_it_has_is_none() -> None:
    assert rtcp.leaving(bytes.fromhex("9fcb0001 11223344")) == frozenset()


def test_the_name_of_the_source_differs_from_call_to_call() -> None:
    assert rtcp.goodbye(SSRC) != rtcp.goodbye(SSRC)
