"""What handlers may do to their stream, each alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, Actor, alone, kinds, only
from tests.support.inside import call_of, core_of, state_of
from tests.support.pair import Pair, Side
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.errors import ErrorCode
from zrtp.protocol import limits
from zrtp.protocol.core import Core
from zrtp.protocol.events import Failed, SecurityWarning, Sending, SendingChanged, WarningCode
from zrtp.protocol.exchange import Candidate, present
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.timers import T1_EXTENDED, T2
from zrtp.wire.messages import CONF2ACK, HELLO_ACK, Commit, DHPart2, Error, Hello, Kind
from zrtp.wire.packet import Packet, decode_packet


def made() -> tuple[Side, Core]:
    """A stream that has started, and sent its first Hello."""
    side = alone(FAST)
    side.stream.datagrams_to_send()
    return side, core_of(side.stream)


def sent(side: Side) -> list[bytes]:
    packets = [decode_packet(datagram) for datagram in side.stream.datagrams_to_send()]
    return [packet.message for packet in packets if isinstance(packet, Packet)]


# Time


def test_in_a_new_state_only_the_deadlines_live_that_mean_something_there() -> None:
    _, core = made()
    core.deadlines[Trigger.RETRY] = 1.0
    core.deadlines[Trigger.NO_RECORD] = 2.0
    core.enter(State.QUIET, {Trigger.RETRY})
    assert set(core.deadlines) == {Trigger.RETRY}
    assert core.retransmission is None, "nothing is repeated there either"


@pytest.mark.parametrize("target", [State.DHPART2_SENT, State.DISCOVERED])
def test_a_hello_goes_on_beside_a_commit_only(target: State) -> None:
    _, core = made()
    core.state, core.beside = State.COMMIT_SENT, core.retransmission
    core.enter(target, set())
    assert core.beside is None


def test_the_round_trips_to_a_few_sources_are_remembered() -> None:
    """Anybody can acknowledge a Hello under as many SSRCs as he likes."""
    _, core = made()
    for number in range(3 * limits.CANDIDATES):
        core.note_round_trip(number, 0.1 + number / 100, core.hello_copies)
    assert core.round_trips == {number: 0.1 + number / 100 for number in range(limits.CANDIDATES)}


@pytest.mark.attack("DOS-22")
def test_an_acknowledgement_long_after_the_last_hello_tells_nothing_about_the_path() -> None:
    """A stranger's HelloACK to an end that rings silently would have its Commit repeated every few seconds only."""
    _, core = made()
    core.note_round_trip(1, limits.LONGEST_ROUND_TRIP, core.hello_copies)
    core.note_round_trip(2, limits.LONGEST_ROUND_TRIP + 0.01, core.hello_copies)
    assert core.round_trips == {1: limits.LONGEST_ROUND_TRIP}


def test_to_enter_the_same_state_again_ends_nothing() -> None:
    _, core = made()
    before = dict(core.deadlines), core.retransmission
    core.enter(core.state, set())
    assert (core.deadlines, core.retransmission) == before


def test_what_is_due_next_is_the_earliest_of_copies_and_deadlines() -> None:
    _, core = made()
    copy_due = present(core.retransmission).due
    assert core.next_timer() == copy_due
    core.deadlines[Trigger.RETRY] = copy_due - 0.01
    assert core.next_timer() == copy_due - 0.01
    core.stop_repeating()
    core.deadlines.clear()
    assert core.next_timer() is None


def test_a_scale_stretches_deadlines_and_pauses_alike() -> None:
    slow = core_of(alone(replace(FAST, timer_scale=3.0)).stream)
    usual = core_of(alone(FAST).stream)
    assert slow.later(10.0, 2.0) == 16.0
    assert present(slow.retransmission).due == pytest.approx(3 * present(usual.retransmission).due)
    trigger = Trigger.DISCOVERY_DEADLINE
    assert slow.deadlines[trigger] == 3 * usual.deadlines[trigger]


def test_a_sign_of_a_peer_lengthens_the_search_and_begins_nothing_that_is_over() -> None:
    _, core = made()
    core.extend_discovery(1.0)
    assert present(core.retransmission).schedule is T1_EXTENDED
    assert core.deadlines[Trigger.DISCOVERY_DEADLINE] == 16.0
    core.stop_repeating()
    core.extend_discovery(2.0)
    assert core.retransmission is None


# Sending


def test_what_is_sent_repeatedly_goes_out_now_and_until_its_copies_are_used_up() -> None:
    side, core = made()
    message = Error.make(code=ErrorCode.SOFTWARE_ERROR)
    core.send_repeatedly(message, T2, 0.0)
    copies = 1
    while core.repeat(now := present(core.retransmission).due):
        copies += 1
    assert copies == 1 + T2.retransmissions
    assert sent(side) == [message.raw] * copies
    assert core.retransmission is None and now > 9.0


def test_what_has_to_precede_the_next_copy_goes_out_once() -> None:
    side, core = made()
    core.send_repeatedly(Error.make(code=ErrorCode.SOFTWARE_ERROR), T2, 0.0)
    sent(side)
    present(core.retransmission).preceded_by = core.hello
    core.repeat(0.15)
    core.repeat(0.45)
    assert [raw == core.hello.raw for raw in sent(side)] == [True, False, False]


def test_a_complaint_about_what_anybody_could_have_sent_comes_once_a_second_and_has_no_other_effect() -> None:
    side, core = made()
    before = core.state, dict(core.deadlines), core.sending
    for tenth in range(25):
        core.complain(ErrorCode.EQUAL_ZIDS, tenth / 10)
    assert sent(side) == [Error.make(code=ErrorCode.EQUAL_ZIDS).raw] * 3
    assert (core.state, core.deadlines, core.sending) == before
    assert side.seen(Failed) == []


def test_beyond_the_rate_an_answer_is_counted_and_not_sent() -> None:
    side, core = made()
    for kept in (limits.KEPT_FOR_HELLO_ACK, 0.0):
        for _ in range(60):
            core.answer_limited(HELLO_ACK, 0.0, kept)
        assert len(sent(side)) == limits.ANSWER_BURST / 2
    assert core.counters["answer rate exceeded"] == 2 * 60 - limits.ANSWER_BURST


def test_the_hello_of_a_new_chain_is_not_sent_twice_in_one_moment() -> None:
    side, core = made()
    core.introduce_anew(1.0)
    core.send_hello_limited(1.0)
    assert sent(side) == [core.hello.raw]


# Telling


def test_the_gate_tells_only_when_it_moves() -> None:
    side, core = made()
    for sending in (Sending.CLEAR, Sending.BLOCKED, Sending.BLOCKED, Sending.CLEAR):
        core.set_sending(sending)
    assert [event.sending for event in side.seen(SendingChanged)] == [Sending.BLOCKED, Sending.CLEAR]


def test_warnings_of_different_kinds_do_not_silence_each_other() -> None:
    side, core = made()
    for code in (WarningCode.EQUAL_ZIDS, WarningCode.SSRC_COLLISION, WarningCode.EQUAL_ZIDS):
        core.warn(code, "A sentence.", 0.0)
    core.warn(WarningCode.EQUAL_ZIDS, "A sentence.", 1.0)
    assert [event.code for event in side.seen(SecurityWarning)] == [
        WarningCode.EQUAL_ZIDS,
        WarningCode.SSRC_COLLISION,
        WarningCode.EQUAL_ZIDS,
    ]
    assert core.counters["warnings suppressed"] == 1


# Ends


@pytest.mark.parametrize("tell_peer", [True, False])
def test_a_failure_blocks_media_wipes_what_there_was_and_is_told_once(tell_peer: bool) -> None:
    side = alone(FAST)
    peer = Actor(side.stream)
    peer.discover()
    core = core_of(side.stream)
    share = present(present(core.exchange).offer).share
    target = core.fail(ErrorCode.SOFTWARE_ERROR, "A sentence.", 1.0, tell_peer=tell_peer)
    assert target is State.FAILED
    assert (core.exchange, core.work, core.sending) == (None, None, Sending.BLOCKED)
    assert call_of(side.session).exchanging is None
    (failed,) = side.seen(Failed)
    assert (failed.code, failed.name, failed.by_peer, failed.text) == (
        ErrorCode.SOFTWARE_ERROR,
        "SOFTWARE_ERROR",
        False,
        "A sentence.",
    )
    assert (core.retransmission is not None) == tell_peer
    assert [type(message) for message in peer.listen()] == ([Error] if tell_peer else [])
    with pytest.raises(Exception, match="wiped"):
        share.finish(CheckedValue(bytes(32)))


def test_a_code_that_nobody_knows_has_a_name_too() -> None:
    side, core = made()
    core.fail(0x12345678, "A sentence.", 0.0, tell_peer=False, by_peer=True)
    (failed,) = side.seen(Failed)
    assert (failed.code, failed.name, failed.by_peer) == (0x12345678, "OTHER", True)


# Whose messages count


def test_until_a_confirm_has_verified_whoever_introduced_itself_is_known_and_then_the_peer_alone() -> None:
    side = alone(FAST)
    one, two = Actor(side.stream, ssrc=1, seed=1), Actor(side.stream, ssrc=2, seed=2)
    core = core_of(side.stream)
    assert not core.knows(1)
    for peer in (one, two):
        peer.send(peer.own_hello)
    assert core.knows(1) and core.knows(2) and not core.knows(3)
    commit = only(one.send(HELLO_ACK), Commit)
    assert core.knows(1) and core.knows(2) and not core.knows(3)
    answers = one.send(one.dhpart1(commit))
    assert kinds(answers) == [Kind.COMMIT, Kind.DHPART2]  # one for `two`, before H1 goes out
    one.take_dhpart2(only(answers[1:], DHPart2))
    one.send(one.confirm(), CONF2ACK)
    assert state_of(side.stream) is State.SECURE
    assert core.knows(1) and not core.knows(2)


def test_when_the_peer_is_known_other_hellos_are_forgotten() -> None:
    _, core = made()
    hellos = [Actor(alone(FAST).stream, seed=seed).own_hello for seed in (1, 2)]
    for ssrc, hello in enumerate(hellos):
        core.candidates[ssrc, hello.raw] = Candidate(hello, ssrc, 0.0)
    core.forget_candidates_except(Candidate(hellos[1], 1, 0.0))
    assert list(core.candidates) == [(1, hellos[1].raw)]


# Our Hello


def test_in_a_lower_version_our_hello_is_another_one_and_has_to_be_acknowledged_again() -> None:
    side = alone(replace(FAST, versions=(b"1.20", b"1.10")))
    core = core_of(side.stream)
    core.hello_acknowledged = True
    before = core.hello
    side.stream.datagrams_to_send()
    core.change_version(b"1.10", 1.0)
    assert (core.hello.version, core.hello_acknowledged) == (b"1.10", False)
    assert replace(core.hello, version=before.version, raw=before.raw, mac=before.mac) == before
    assert sent(side) == [core.hello.raw]
    assert core.hash_of_hello(b"1.20") != core.hash_of_hello() == core.hash_of_hello(b"1.10")


def test_what_our_hello_says_is_what_the_configuration_and_the_installation_say() -> None:
    config = replace(FAST, passive=True, trusted_mitm=True, client_id=b"test")
    core = core_of(alone(config).stream)
    hello: Hello = core.hello
    assert (hello.passive, hello.mitm, hello.signature_capable) == (True, True, False)
    assert (hello.client_id, hello.zid, hello.h3) == (b"test            ", core.call.zid, core.chain.h3)
    assert hello.key_agreements == core.installation.offer.key_agreements


@pytest.mark.parametrize("end", ["close", "GoClear"])
def test_keys_are_handed_over_once_and_then_belong_to_the_application(end: str) -> None:
    """Whoever takes its event late still has keys: the engine does not wipe what it gave away."""
    config = replace(FAST, allow_clear=True)
    pair = Pair(config, config).start()
    pair.network.run(30.0, stop=lambda: pair.secure)
    if end == "GoClear":
        pair.bob.session.go_clear(pair.network.now)
        pair.network.run(pair.network.now + 1.0)
        assert pair.alice.stream.state is State.CLEAR_PENDING
    else:
        for side in pair.sides:
            side.session.close(pair.network.now)
    for side in pair.sides:
        keys = side.keys()
        for half in (keys.send, keys.receive):
            assert not half.key.wiped and not half.salt.wiped
            assert any(half.key.octets) and any(half.salt.octets)
    assert pair.keys_agree
