"""What is sent once, again and again, or as an answer, and what that tells about the path."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, alone, sent, started
from tests.support.inside import core_of
from zrtp.errors import ErrorCode
from zrtp.protocol import limits, transmission
from zrtp.protocol.events import Failed
from zrtp.protocol.exchange import present
from zrtp.protocol.timers import T2
from zrtp.wire.messages import HELLO_ACK, Error


def test_the_round_trips_to_a_few_sources_are_remembered() -> None:
    """Anybody can acknowledge a Hello under as many SSRCs as he likes."""
    _, core = started()
    for number in range(3 * limits.CANDIDATES):
        transmission.note_round_trip(core, number, 0.1 + number / 100, core.hello_copies)
    assert core.round_trips == {number: 0.1 + number / 100 for number in range(limits.CANDIDATES)}


@pytest.mark.attack("DOS-22")
def test_an_acknowledgement_long_after_the_last_hello_tells_nothing_about_the_path() -> None:
    """A stranger's HelloACK to an end that rings silently would have its Commit repeated every few seconds only."""
    _, core = started()
    transmission.note_round_trip(core, 1, limits.LONGEST_ROUND_TRIP, core.hello_copies)
    transmission.note_round_trip(core, 2, limits.LONGEST_ROUND_TRIP + 0.01, core.hello_copies)
    assert core.round_trips == {1: limits.LONGEST_ROUND_TRIP}


def test_what_is_sent_repeatedly_goes_out_now_and_until_its_copies_are_used_up() -> None:
    side, core = started()
    message = Error.make(code=ErrorCode.SOFTWARE_ERROR)
    transmission.send_repeatedly(core, message, T2, 0.0)
    copies = 1
    while transmission.repeat(core, now := present(core.retransmission).due):
        copies += 1
    assert copies == 1 + T2.retransmissions
    assert sent(side) == [message.raw] * copies
    assert core.retransmission is None and now > 9.0


def test_what_has_to_precede_the_next_copy_goes_out_once() -> None:
    side, core = started()
    transmission.send_repeatedly(core, Error.make(code=ErrorCode.SOFTWARE_ERROR), T2, 0.0)
    sent(side)
    present(core.retransmission).preceded_by = core.hello
    transmission.repeat(core, 0.15)
    transmission.repeat(core, 0.45)
    assert [raw == core.hello.raw for raw in sent(side)] == [True, False, False]


def test_a_complaint_about_what_anybody_could_have_sent_comes_once_a_second_and_has_no_other_effect() -> None:
    side, core = started()
    before = core.state, dict(core.deadlines), core.sending
    for tenth in range(25):
        transmission.complain(core, ErrorCode.EQUAL_ZIDS, tenth / 10)
    assert sent(side) == [Error.make(code=ErrorCode.EQUAL_ZIDS).raw] * 3
    assert (core.state, core.deadlines, core.sending) == before
    assert side.seen(Failed) == []


def test_beyond_the_rate_an_answer_is_counted_and_not_sent() -> None:
    side, core = started()
    for kept in (limits.KEPT_FOR_HELLO_ACK, 0.0):
        for _ in range(60):
            transmission.answer_limited(core, HELLO_ACK, 0.0, kept)
        assert len(sent(side)) == limits.ANSWER_BURST / 2
    assert core.counters["answer rate exceeded"] == 2 * 60 - limits.ANSWER_BURST


def test_in_a_lower_version_our_hello_is_another_one_and_has_to_be_acknowledged_again() -> None:
    side = alone(replace(FAST, versions=(b"1.20", b"1.10")))
    core = core_of(side.stream)
    core.hello_acknowledged = True
    before = core.hello
    side.stream.datagrams_to_send()
    transmission.change_version(core, b"1.10", 1.0)
    assert (core.hello.version, core.hello_acknowledged) == (b"1.10", False)
    assert replace(core.hello, version=before.version, raw=before.raw, mac=before.mac) == before
    assert sent(side) == [core.hello.raw]
    assert core.hash_of_hello(b"1.20") != core.hash_of_hello() == core.hash_of_hello(b"1.10")
