from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.reach.test_description import ALICE, BOB
from zrtp.media.demux import DatagramKind, classify
from zrtp.reach.notice import RefusalReason, is_notice, notice, read_notice


def test_the_other_side_reads_the_reason() -> None:
    for reason in RefusalReason:
        assert read_notice(notice(reason, ALICE, BOB), ALICE, BOB) is reason


def test_nobody_can_send_it_back() -> None:
    assert read_notice(notice(RefusalReason.HASH_REFUSED, ALICE, BOB), BOB, ALICE) is None


def test_a_changed_reason_is_no_reason() -> None:
    datagram = bytearray(notice(RefusalReason.GIVEN_UP, ALICE, BOB))
    datagram[7] = RefusalReason.HASH_REFUSED
    assert read_notice(bytes(datagram), ALICE, BOB) is None


def test_no_protocol_of_a_media_port_takes_it_for_its_own() -> None:
    assert classify(notice(RefusalReason.GIVEN_UP, ALICE, BOB)) is DatagramKind.OTHER


@given(st.binary(max_size=40))
def test_strangers_tell_nothing(octets: bytes) -> None:
    for datagram in (octets, b"zrtpend" + octets, b"zrtpend\1" + octets[:16].ljust(16, b"\0")):
        assert read_notice(datagram, ALICE, BOB) is None


def test_the_form_is_seen_before_the_mac_is_computed() -> None:
    assert is_notice(notice(RefusalReason.GIVEN_UP, ALICE, BOB))
    assert not is_notice(b"zrtpend") and not is_notice(bytes(24))
