"""What handlers may do to their stream, each alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, Actor, alone, kinds, only, started
from tests.support.inside import core_of, state_of
from tests.support.pair import Pair
from zrtp.crypto.key_agreements.base import CheckedValue
from zrtp.errors import ErrorCode
from zrtp.protocol import ending, transmission
from zrtp.protocol.events import Failed, SecurityWarning, Sending, SendingChanged, WarningCode
from zrtp.protocol.exchange import Candidate, present
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.timers import T1_EXTENDED
from zrtp.wire.messages import CONF2ACK, HELLO_ACK, Commit, DHPart2, Error, Hello, Kind

# Time


def test_in_a_new_state_only_the_deadlines_live_that_mean_something_there() -> None:
    _, core = started()
    core.deadlines[Trigger.RETRY] = 1.0
    core.deadlines[Trigger.NO_RECORD] = 2.0
    core.enter(State.QUIET, {Trigger.RETRY})
    assert set(core.deadlines) == {Trigger.RETRY}
    assert core.retransmission is None, "nothing is repeated there either"


@pytest.mark.parametrize("target", [State.DHPART2_SENT, State.DISCOVERED])
def test_a_hello_goes_on_beside_a_commit_only(target: State) -> None:
    _, core = started()
    core.state, core.beside = State.COMMIT_SENT, core.retransmission
    core.enter(target, set())
    assert core.beside is None


def test_to_enter_the_same_state_again_ends_nothing() -> None:
    _, core = started()
    before = dict(core.deadlines), core.retransmission
    core.enter(core.state, set())
    assert (core.deadlines, core.retransmission) == before


def test_what_is_due_next_is_the_earliest_of_copies_and_deadlines() -> None:
    _, core = started()
    copy_due = present(core.retransmission).due
    assert core.next_timer() == copy_due
    core.deadlines[Trigger.RETRY] = copy_due - 0.01
    assert core.next_timer() == copy_due - 0.01
    transmission.stop_repeating(core)
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
    _, core = started()
    core.extend_discovery(1.0)
    assert present(core.retransmission).schedule is T1_EXTENDED
    assert core.deadlines[Trigger.DISCOVERY_DEADLINE] == 16.0
    transmission.stop_repeating(core)
    core.extend_discovery(2.0)
    assert core.retransmission is None


# Sending


# Telling


def test_the_gate_tells_only_when_it_moves() -> None:
    side, core = started()
    for sending in (Sending.CLEAR, Sending.BLOCKED, Sending.BLOCKED, Sending.CLEAR):
        core.set_sending(sending)
    assert [event.sending for event in side.seen(SendingChanged)] == [Sending.BLOCKED, Sending.CLEAR]


def test_warnings_of_different_kinds_do_not_silence_each_other() -> None:
    side, core = started()
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
    target = ending.fail(core, ErrorCode.SOFTWARE_ERROR, "A sentence.", 1.0, tell_peer=tell_peer)
    assert target is State.FAILED
    assert (core.exchange, core.work, core.sending) == (None, None, Sending.BLOCKED)
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
    side, core = started()
    ending.fail(core, 0x12345678, "A sentence.", 0.0, tell_peer=False, by_peer=True)
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
    _, core = started()
    hellos = [Actor(alone(FAST).stream, seed=seed).own_hello for seed in (1, 2)]
    for ssrc, hello in enumerate(hellos):
        core.candidates[ssrc, hello.raw] = Candidate(hello, ssrc, 0.0)
    core.forget_candidates_except(Candidate(hellos[1], 1, 0.0))
    assert list(core.candidates) == [(1, hellos[1].raw)]


# Our Hello


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
