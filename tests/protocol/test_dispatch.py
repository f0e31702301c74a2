"""What happens to an input before and after its handler: cheap checks first, refusals, what follows elsewhere."""

from __future__ import annotations

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, snapshot
from tests.support.inside import core_of, state_of
from tests.support.pair import Pair, Side
from zrtp.errors import ApiMisuse, ErrorCode, MalformedPacket, PeerIncompatible, ZrtpError
from zrtp.protocol import dispatch
from zrtp.protocol.confirm import ConfirmRefused
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import Failed, SecurityWarning, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.hash_chain import ChainBroken, ChainComplete
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.transitions import TABLE, Go
from zrtp.secret import Secret
from zrtp.wire.messages import HELLO_ACK, Commit, Error, Kind


def committed() -> tuple[Side, Actor]:
    """Our Commit is out; the actor has it."""
    side = alone(FAST)
    peer = Actor(side.stream)
    assert any(isinstance(message, Commit) for message in peer.discover())
    return side, peer


def raising(monkeypatch: pytest.MonkeyPatch, state: State, given: Kind | Trigger, error: Exception) -> None:
    """From now on the handler of this input raises."""

    def handler(core: Core, received: Received[object]) -> State:
        raise error

    step = TABLE[state].inputs[given]
    assert isinstance(step, Go)
    monkeypatch.setitem(TABLE[state].inputs, given, Go(handler, step.targets))


# What follows for other streams


@pytest.mark.parametrize("others", [0, 1])
def test_what_an_exchange_means_for_another_stream_is_taken_with_it(
    others: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where exchanges with others run beside it."""
    bob = alone(WAITING)
    video = bob.session.add_stream(0x77)
    for number in range(others):
        stranger = Actor(bob.stream, seed=100 + number, ssrc=0x5000 + number)
        stranger.send(stranger.own_hello)
        stranger.send(stranger.commit())
    peer = Actor(bob.stream)
    peer.discover()
    peer.send(peer.commit())
    assert len(core_of(bob.stream).exchanges()) == 1 + others

    def handler(core: Core, _: Received[object]) -> State:
        core.installation.tell(core_of(video), Trigger.START)
        return core.state

    monkeypatch.setitem(TABLE[State.DHPART1_SENT].inputs, Kind.DHPART2, Go(handler, (State.DHPART1_SENT,)))
    peer.send(peer.dhpart2())
    assert video.state is State.HELLO_SENT


# Before the table


@pytest.mark.parametrize("state", [State.IDLE, State.CLOSED])
def test_before_start_and_after_close_nobody_looks_at_a_datagram(state: State) -> None:
    side = alone(FAST) if state is State.CLOSED else Side("x", alone(FAST).endpoint, alone(FAST).session)
    stream = side.session.add_stream(0x77) if state is State.IDLE else side.stream
    if state is State.CLOSED:
        side.session.close(0.0)
    stream.receive_datagram(b"anything", 0.0)
    assert stream.counters == {f"received while {state.value}": 1}
    assert stream.datagrams_to_send() == []


def test_a_pinned_peer_is_the_only_source_that_counts_except_for_hello_and_ping() -> None:
    side, peer = committed()
    before = snapshot(side)
    assert peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit), ssrc=0x666) == []
    assert side.stream.counters["source is not the peer's"] == 1
    assert snapshot(side) == before


def test_what_the_table_ignores_is_counted_without_being_parsed() -> None:
    side, peer = committed()
    commit = present(core_of(side.stream).exchange).commit
    raw = peer.dhpart1(commit).raw
    side.session.go_secure(0.0)
    assert side.stream.counters["going secure already"] == 1
    secure, other = alone(WAITING), Actor(alone(WAITING).stream)
    other.stream = secure.stream
    other.send(other.own_hello, HELLO_ACK, raw[:40] + bytes(len(raw) - 40))
    assert secure.stream.counters["no Commit yet"] == 1


# After a handler


def test_a_broken_chain_is_dropped_with_a_warning_and_the_exchange_remembers_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side, peer = committed()
    raising(monkeypatch, State.COMMIT_SENT, Kind.DHPART1, ChainBroken("it is not its own"))
    peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit))
    assert state_of(side.stream) is State.COMMIT_SENT
    assert present(core_of(side.stream).exchange).disturbed
    assert [event.code for event in side.seen(SecurityWarning)] == [WarningCode.CHAIN_MISMATCH]


def test_a_confirm_that_does_not_open_is_remembered_and_told_as_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    side, peer = committed()
    raising(monkeypatch, State.COMMIT_SENT, Kind.DHPART1, ConfirmRefused("wrong MAC"))
    peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit))
    exchange = present(core_of(side.stream).exchange)
    assert present(exchange.refusal).code == ErrorCode.CONFIRM_MAC and not exchange.disturbed
    assert [event.code for event in side.seen(SecurityWarning)] == [WarningCode.CONFIRM_REFUSED]
    assert state_of(side.stream) is State.COMMIT_SENT


NOTHING_IN_COMMON = PeerIncompatible(ErrorCode.CIPHER_UNSUPPORTED, "No cipher in common.")


@pytest.mark.attack("DOS-15")
def test_what_anybody_could_have_sent_is_dropped_and_the_exchange_remembers_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side, peer = committed()
    raising(monkeypatch, State.COMMIT_SENT, Kind.DHPART1, NOTHING_IN_COMMON)
    answers = peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit))
    assert [message.code for message in answers if isinstance(message, Error)] == [ErrorCode.CIPHER_UNSUPPORTED]
    assert state_of(side.stream) is State.COMMIT_SENT and not side.seen(Failed)
    refusal = present(present(core_of(side.stream).exchange).refusal)
    assert (refusal.code, refusal.text) == (ErrorCode.CIPHER_UNSUPPORTED, "No cipher in common.")
    assert side.stream.counters["refused of a candidate"] == 1


def test_a_proved_peer_that_misbehaves_ends_the_exchange_with_the_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    side, peer = committed()
    present(core_of(side.stream).exchange).proved = ChainComplete(bytes(32))
    raising(monkeypatch, State.COMMIT_SENT, Kind.DHPART1, NOTHING_IN_COMMON)
    peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit))
    (failed,) = side.seen(Failed)
    assert (failed.code, failed.text) == (ErrorCode.CIPHER_UNSUPPORTED, "No cipher in common.")


@pytest.mark.parametrize("error", [ZrtpError("The random source failed."), ApiMisuse("A library was misused.")])
def test_a_part_of_ours_that_fails_ends_the_exchange_as_our_failure(
    monkeypatch: pytest.MonkeyPatch, error: ZrtpError
) -> None:
    side, peer = committed()
    raising(monkeypatch, State.COMMIT_SENT, Kind.DHPART1, error)
    peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit))
    (failed,) = side.seen(Failed)
    assert (failed.code, failed.text) == (ErrorCode.SOFTWARE_ERROR, str(error))


def test_reading_a_wiped_secret_is_a_defect_of_the_engine_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    side, peer = committed()
    secret = Secret(b"s")
    secret.wipe()
    with pytest.raises(ApiMisuse) as read:
        secret.octets  # noqa: B018
    raising(monkeypatch, State.COMMIT_SENT, Kind.DHPART1, read.value)
    peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit))
    (failed,) = side.seen(Failed)
    assert failed.code == ErrorCode.SOFTWARE_ERROR and failed.text.endswith("please report this defect.")


def test_where_nothing_depends_on_it_such_a_failure_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secure stream does not end because a Ping could not be answered."""
    pair = Pair(FAST, FAST).run()
    raising(monkeypatch, State.SECURE, Kind.HELLO, ZrtpError("The random source failed."))
    hello = core_of(pair.alice.stream).hello
    alice = Actor(pair.bob.stream, ssrc=pair.alice.stream.ssrc)
    alice.send(hello.raw)
    assert state_of(pair.bob.stream) is State.SECURE
    assert pair.bob.stream.counters["ZrtpError"] == 1


def test_what_is_malformed_inside_is_refused_like_what_is_malformed_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    side, peer = committed()
    raising(monkeypatch, State.COMMIT_SENT, Kind.DHPART1, MalformedPacket("a field"))
    answers = peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit))
    assert state_of(side.stream) is State.COMMIT_SENT
    assert side.stream.counters["malformed"] == 1
    assert [message.kind for message in answers] == [Kind.ERROR]


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    side, peer = committed()
    raising(monkeypatch, State.COMMIT_SENT, Kind.DHPART1, KeyError("a defect"))
    with pytest.raises(KeyError):
        peer.send(peer.dhpart1(present(core_of(side.stream).exchange).commit))


def test_what_none_of_several_exchanges_takes_is_refused_once() -> None:
    side = alone(WAITING)
    peer = Actor(side.stream)
    peer.discover()
    for cipher in (b"AES1", b"AES3"):
        peer.send(peer.commit(cipher=cipher))
    assert len(core_of(side.stream).exchanges()) == 2
    assert peer.send(peer.dhpart2(h1=bytes(32))) == []
    assert side.stream.counters["hash chain does not fit"] == 1
    assert [event.code for event in side.seen(SecurityWarning)] == [WarningCode.CHAIN_MISMATCH]
    assert len(core_of(side.stream).exchanges()) == 2


# Time


def test_one_trigger_may_end_what_another_one_was_for() -> None:
    """Both are due at once: the first makes the state one in which the second means nothing."""
    side, _ = committed()
    core = core_of(side.stream)
    present(core.exchange).proved = ChainComplete(bytes(32))
    core.deadlines[Trigger.ERROR_GRACE_OVER] = 0.05
    core.peer_error = ErrorCode.SOFTWARE_ERROR
    core.deadlines[Trigger.NO_RECORD] = 0.05
    dispatch.handle_timer(core, 0.1)
    assert state_of(core) is State.FAILED
    assert len(side.seen(Failed)) == 1
    assert core.deadlines == {}


def test_a_timer_that_is_not_due_does_nothing() -> None:
    side, peer = committed()
    before = snapshot(side)
    for _ in range(10):
        dispatch.handle_timer(core_of(side.stream), 0.01)
    assert peer.listen() == []
    assert snapshot(side) == before


def test_what_is_due_for_exchanges_side_by_side_is_done_in_one_call() -> None:
    side, peer = committed()
    stranger = Actor(side.stream, seed=3, ssrc=0x5000)
    stranger.send(stranger.own_hello)
    stranger.send(stranger.dhpart1(present(core_of(side.stream).exchange).commit))
    ours = {exchange.commit.raw for exchange in core_of(side.stream).exchanges()}
    assert len(ours) == 2
    side.stream.handle_timer(0.5)
    assert {message.raw for message in peer.listen() if isinstance(message, Commit)} == ours


# What follows elsewhere


def test_what_one_stream_does_is_an_input_for_others_before_the_call_returns() -> None:
    pair = Pair(FAST, FAST).run()
    alice, bob = pair.add_streams(0xA2, 0xB2)
    pair.run(pair.network.now + 5.0)
    core_of(bob).installation.tell(core_of(bob), Trigger.CLEARED_BY_PEER)
    assert state_of(bob) is State.SECURE
    pair.bob.stream.srtp_verified(pair.network.now)
    assert state_of(bob) is State.CLEAR_PENDING
    assert not core_of(bob).installation.inputs
    assert state_of(alice) is State.SECURE
