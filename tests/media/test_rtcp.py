"""Saying goodbye, and hearing it."""

from __future__ import annotations

from tests.support.cases import every
from zrtp.media import rtcp
from zrtp.media.demux import Kind, classify

SSRC = 0x11223344


def test_goodbye_is_a_compound_packet_that_starts_with_a_report() -> None:
    compound = rtcp.goodbye(SSRC, bytes)

    assert classify(compound) is Kind.RTCP
    assert compound[:8] == bytes.fromhex("80c90001 11223344")
    assert compound[-8:] == bytes.fromhex("81cb0001 11223344")
    assert len(compound) % 4 == 0


def test_goodbye_is_heard() -> None:
    assert rtcp.leaving(rtcp.goodbye(SSRC)) == {SSRC}


@every("end", range(len(rtcp.goodbye(SSRC))))
def test_a_truncated_compound_packet_is_no_goodbye(end: int) -> None:
    assert rtcp.leaving(rtcp.goodbye(SSRC)[:end]) == frozenset()


def test_a_goodbye_that_counts_more_sources_than_it_has_is_none() -> None:
    assert rtcp.leaving(bytes.fromhex("9fcb0001 11223344")) == frozenset()


def test_the_name_of_the_source_differs_from_call_to_call() -> None:
    assert rtcp.goodbye(SSRC) != rtcp.goodbye(SSRC)
