"""How an exchange or a stream ends: Error, silence, close (RFC 6189 sections 4.7, 5.9, 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, kinds, only, snapshot
from tests.support.cases import every
from tests.support.inside import cache_of, call_of, core_of, running_exchanges, state_of
from tests.support.pair import Clock, Netem, Pair, Side
from zrtp.cache.memory import MemoryCache
from zrtp.errors import ApiMisuse, ErrorCode, describe
from zrtp.protocol.events import (
    Closed,
    Failed,
    KeysReady,
    NoPeer,
    Role,
    SecurityWarning,
    Sending,
    WarningCode,
)
from zrtp.protocol.states import IN_EXCHANGE, State, Trigger
from zrtp.wire.messages import (
    CONF2ACK,
    ERROR_ACK,
    HELLO_ACK,
    Commit,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    Kind,
    Message,
)

T2_MOMENTS = [0.15, 0.45, 1.05, 2.25, 3.45, 4.65, 5.85, 7.05, 8.25, 9.45]
END_OF_T2 = 10.65
MOMENTS = [0.05, 0.15, 0.35, *(0.75 + 0.4 * copy for copy in range(30))]
"""Of a message of the exchange on a path of no length."""
END_OF_SCHEDULE = 13.55


Step = Callable[[], list[Message]]


def last_commit(sent: list[Message]) -> Commit:
    (*_, commit) = sent
    assert isinstance(commit, Commit)
    return commit


def as_initiator(until: State) -> tuple[Side, Actor, Step]:
    """A stream that initiates, brought to a state; and the actor's next step, which continues the exchange."""
    bob = alone(FAST, MemoryCache())
    peer = Actor(bob.stream)
    (*_, commit) = peer.discover()
    assert isinstance(commit, Commit)
    dhpart1 = peer.dhpart1(commit)
    if until is State.COMMIT_SENT:
        return bob, peer, lambda: peer.send(dhpart1)
    peer.take_dhpart2(only(peer.send(dhpart1), DHPart2))
    confirm1 = peer.confirm()
    if until is State.DHPART2_SENT:
        return bob, peer, lambda: peer.send(confirm1)
    only(peer.send(confirm1), Confirm2)
    assert until is State.CONFIRM2_SENT
    return bob, peer, lambda: peer.send(CONF2ACK)


def as_responder(until: State) -> tuple[Side, Actor, Step]:
    """The same for a stream that responds."""
    bob = alone(WAITING, MemoryCache())
    peer = Actor(bob.stream)
    peer.discover()
    dhpart1 = only(peer.send(peer.commit()), DHPart1)
    peer.take_dhpart1(dhpart1)
    if until is State.DHPART1_SENT:
        return bob, peer, lambda: peer.send(peer.dhpart2())
    only(peer.send(peer.dhpart2()), Confirm1)
    assert until is State.CONFIRM1_SENT
    confirm2 = peer.confirm()
    return bob, peer, lambda: peer.send(confirm2)


def brought_to(state: State) -> tuple[Side, Actor, Step]:
    make = as_responder if state in (State.DHPART1_SENT, State.CONFIRM1_SENT) else as_initiator
    bob, peer, step = make(state)
    assert bob.stream.state is state
    return bob, peer, step


def secure(make: Callable[[State], tuple[Side, Actor, Step]] = as_initiator) -> tuple[Side, Actor]:
    bob, peer, step = make(State.CONFIRM2_SENT if make is as_initiator else State.CONFIRM1_SENT)
    step()
    assert bob.stream.state is State.SECURE
    return bob, peer


def name_of(state: State) -> str:
    return state.name


PROVED = (State.CONFIRM1_SENT, State.CONFIRM2_SENT)
"""Where the other side has shown that it heard our Hello."""

STATES = pytest.mark.parametrize("state", [state for state in State if state in IN_EXCHANGE], ids=name_of)


# A received Error


@STATES
@pytest.mark.attack("DOS-08")
@pytest.mark.attack("DOS-11")
@pytest.mark.attack("MED-07")
@pytest.mark.rfc("R-4.7.1-01", "R-4.7.1-02", "R-4.7.1-03", "R-5.10-01")
def test_an_error_is_acknowledged_and_ends_the_exchange_after_a_second_of_grace(state: State) -> None:
    bob, peer, _ = brought_to(state)
    assert kinds(peer.send(Error.make(code=ErrorCode.HVI_MISMATCH))) == [Kind.ERROR_ACK]
    peer.wait(0.99)
    assert bob.stream.state is state
    sent = peer.wait(0.02)
    assert not [message for _, message in sent if isinstance(message, Error)]
    if state in PROVED:
        assert state_of(bob) is State.FAILED
        (failed,) = bob.seen(Failed)
        assert (failed.code, failed.name, failed.by_peer) == (0x62, "HVI_MISMATCH", True)
        assert "not authenticated" in failed.text
    else:  # anybody may have answered: the peer may still come
        assert state_of(bob) is State.QUIET and not bob.seen(Failed)
        (nobody,) = bob.seen(NoPeer)
        assert "said, not proved: the committed hash does not match DHPart2" in nobody.text
    assert bob.stream.sending is Sending.BLOCKED
    assert core_of(bob.stream).exchange is None
    assert cache_of(bob.endpoint).peers() == []
    assert peer.wait(60.0) == []


@STATES
@pytest.mark.attack("DOS-08")
def test_a_valid_next_message_within_the_grace_continues_the_exchange(state: State) -> None:
    bob, peer, step = brought_to(state)
    peer.send(Error.make(code=ErrorCode.SOFTWARE_ERROR))
    peer.wait(0.5)
    step()
    assert state_of(bob) is not state
    peer.wait(1.0)
    assert not bob.seen(Failed)
    assert Trigger.ERROR_GRACE_OVER not in core_of(bob.stream).deadlines


@pytest.mark.attack("DOS-08")
def test_a_stream_of_errors_does_not_prolong_the_grace_nor_change_its_code() -> None:
    bob, peer, _ = brought_to(State.CONFIRM1_SENT)
    for tenth in range(12):
        peer.send(Error.make(code=0xA0 if tenth == 0 else 0x20))
        peer.wait(0.1)
    (failed,) = bob.seen(Failed)
    assert failed.code == 0xA0


@pytest.mark.attack("DOS-08")
def test_an_error_under_another_ssrc_is_not_the_peers() -> None:
    bob, peer, _ = brought_to(State.COMMIT_SENT)
    before = snapshot(bob)
    assert peer.send(Error.make(code=0x20), ssrc=0xBAD) == []
    assert snapshot(bob) == before


@pytest.mark.attack("DOS-10")
@every("code", [0, 0x57, 0x64, 0x101, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_codes_that_nobody_knows_are_other_errors(code: int) -> None:
    bob, peer, _ = brought_to(State.CONFIRM1_SENT)
    peer.send(Error.make(code=code))
    peer.wait(1.1)
    (failed,) = bob.seen(Failed)
    assert (failed.code, failed.name) == (code, "OTHER")
    assert f"0x{code:X}" in failed.text


@pytest.mark.interop("I-39")
def test_service_unavailable_is_accepted_from_a_peer_that_may_not_be_called() -> None:
    bob, peer, _ = brought_to(State.COMMIT_SENT)
    peer.send(Error.make(code=ErrorCode.SERVICE_UNAVAILABLE))
    peer.wait(1.1)
    (nobody,) = bob.seen(NoPeer)
    assert describe(ErrorCode.SERVICE_UNAVAILABLE) in nobody.text


@pytest.mark.attack("DOS-32")
@pytest.mark.parametrize("state", [State.COMMIT_SENT, State.DHPART1_SENT, State.DHPART2_SENT], ids=name_of)
def test_whoever_ended_it_with_an_error_and_proved_nothing_leaves_the_stream_to_others(state: State) -> None:
    """His own Hello begins nothing again: two ends that cannot agree would go on for ever."""
    bob, stranger, _ = brought_to(state)
    stranger.send(Error.make(code=ErrorCode.SERVICE_UNAVAILABLE))
    stranger.wait(1.1)
    assert kinds(stranger.send(stranger.own_hello, stranger.own_hello)) == [Kind.HELLO_ACK] * 2
    assert state_of(bob) is State.QUIET and bob.stream.next_timer() is None
    peer = Actor(bob.stream, seed=3, ssrc=0x5000)
    peer.now = 2.0
    peer.listen()
    if state is State.DHPART1_SENT:
        peer.discover()
        peer.initiate()
    else:
        peer.answer(last_commit(peer.discover()))
    assert state_of(bob) is State.SECURE
    assert not bob.seen(Failed)


@pytest.mark.attack("DOS-32")
def test_a_new_search_is_open_to_whoever_ended_the_last_exchange() -> None:
    bob, peer, _ = brought_to(State.COMMIT_SENT)
    peer.send(Error.make(code=ErrorCode.SERVICE_UNAVAILABLE))
    peer.wait(1.1)
    bob.stream.start(peer.now)
    peer.answer(last_commit(peer.discover()))
    assert state_of(bob) is State.SECURE


@pytest.mark.attack("DOS-09")
@pytest.mark.parametrize("make", [as_initiator, as_responder], ids=["initiator", "responder"])
def test_an_error_has_no_effect_once_secure(make: Callable[[State], tuple[Side, Actor, Step]]) -> None:
    bob, peer = secure(make)
    before = snapshot(bob)
    assert kinds(peer.send(Error.make(code=ErrorCode.CONFIRM_MAC))) == [Kind.ERROR_ACK]
    peer.wait(60.0)
    assert snapshot(bob) == before
    assert bob.stream.counters["Error without effect"] == 1
    assert not bob.seen(Failed)


@pytest.mark.parametrize("state", ["hello sent", "quiet", "failed"])
def test_an_error_has_no_effect_where_no_exchange_runs(state: str) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    if state == "failed":
        bob, peer, _ = brought_to(State.CONFIRM1_SENT)
    if state != "hello sent":
        peer.wait(60.0)
    before = snapshot(bob)
    assert Kind.ERROR_ACK in kinds(peer.send(Error.make(code=0x20)))
    assert snapshot(bob) == before


@pytest.mark.parametrize("zid", ["ours", "no Hello at all"])
def test_what_was_said_by_somebody_without_a_hello_that_counts_is_in_the_reason_at_the_end(zid: str) -> None:
    """GNU ZRTP refuses a Hello with its own ZID by 0x90."""
    bob = alone(FAST)
    peer = Actor(bob.stream, zid=call_of(bob.session).zid)
    if zid == "ours":
        peer.send(peer.own_hello)
    peer.send(Error.make(code=ErrorCode.EQUAL_ZIDS))
    assert WarningCode.PEER_ERROR not in [event.code for event in bob.seen(SecurityWarning)]
    peer.wait(60.0)
    (nobody,) = bob.seen(NoPeer)
    assert nobody.text == (
        "Somebody answers ZRTP, but no Hello came that counts; this call is not encrypted. "
        "What was said, not proved: both sides use the same ZID."
    )


@pytest.mark.parametrize("first", [True, False])
def test_what_a_stranger_says_where_there_is_a_likely_peer_is_in_no_reason(first: bool) -> None:
    bob = alone(FAST)
    peer = Actor(bob.stream)
    stray = peer.packet(Error.make(code=ErrorCode.EQUAL_ZIDS).raw, 0xBAD)
    for datagram in (stray, peer.packet(peer.own_hello.raw)) if first else (peer.packet(peer.own_hello.raw), stray):
        bob.stream.receive_datagram(datagram, peer.now)
    peer.wait(60.0)
    (nobody,) = bob.seen(NoPeer)
    assert nobody.text == "The other side speaks ZRTP but does not hear us; this call is not encrypted."


@pytest.mark.parametrize("code", [ErrorCode.HASH_UNSUPPORTED, ErrorCode.SERVICE_UNAVAILABLE])
def test_what_a_likely_peer_says_in_discovery_is_told_at_once_and_again_at_the_end(code: ErrorCode) -> None:
    """GNU ZRTP sends 0x51 there."""
    bob = alone(FAST)
    peer = Actor(bob.stream)
    peer.send(peer.own_hello)
    assert kinds(peer.send(Error.make(code=code))) == [Kind.ERROR_ACK]
    (warning,) = bob.seen(SecurityWarning)
    assert (warning.code, warning.text) == (
        WarningCode.PEER_ERROR,
        f"The other side, or somebody else, says: {code.text}. That is not proved; the key agreement goes on.",
    )
    peer.wait(60.0)
    (nobody,) = bob.seen(NoPeer)
    assert nobody.text == (
        "The other side speaks ZRTP but does not hear us; this call is not encrypted. "
        f"The other side said, not proved: {code.text}."
    )


def test_what_was_said_in_an_exchange_that_went_on_is_in_the_reason_why_it_failed() -> None:
    bob, peer, step = brought_to(State.COMMIT_SENT)
    peer.send(Error.make(code=ErrorCode.CIPHER_UNSUPPORTED))
    step()
    peer.wait(60.0)
    (nobody,) = bob.seen(NoPeer)
    assert nobody.text.endswith("The other side said, not proved: the cipher is not supported.")
    assert not bob.seen(Failed)


@pytest.mark.attack("DOS-09")
def test_a_flood_of_errors_gets_20_answers() -> None:
    bob, peer = secure()
    peer.now = 100.0
    assert len(peer.send(*[Error.make(code=0x20)] * 1000)) == 20
    assert state_of(bob) is State.SECURE


# Our own Error


@pytest.mark.interop("I-28")
@pytest.mark.rfc("R-5.10-01", "R-6-10", "R-6-11")
def test_our_error_is_repeated_on_t2_until_it_is_acknowledged() -> None:
    bob, peer, _ = brought_to(State.CONFIRM1_SENT)
    error = only(peer.send(peer.confirm(h0=bytes(32))), Error)
    sent = peer.wait(2.0)
    assert [moment for moment, _ in sent] == pytest.approx(T2_MOMENTS[:3], abs=0.005)
    assert [message for _, message in sent] == [error] * 3
    assert peer.send(ERROR_ACK, ERROR_ACK, ERROR_ACK) == []
    assert peer.wait(60.0) == []
    assert bob.stream.next_timer() is None


@pytest.mark.interop("I-28")
def test_a_peer_that_never_acknowledges_gets_eleven_copies_and_no_more() -> None:
    bob, peer, _ = brought_to(State.CONFIRM1_SENT)
    only(peer.send(peer.confirm(h0=bytes(32))), Error)
    sent = peer.wait(120.0)
    assert [moment for moment, _ in sent] == pytest.approx(T2_MOMENTS, abs=0.005)
    assert bob.stream.next_timer() is None
    assert len(bob.seen(Failed)) == 1


@pytest.mark.parametrize("state", PROVED, ids=name_of)
def test_a_failed_stream_still_acknowledges_a_hello_and_does_nothing_else(state: State) -> None:
    bob, peer, _ = brought_to(state)
    peer.wait(60.0)
    assert state_of(bob) is State.FAILED
    before = snapshot(bob)
    assert kinds(peer.send(peer.own_hello, peer.commit(), CONF2ACK)) == [Kind.HELLO_ACK]
    assert snapshot(bob) == before


@pytest.mark.attack("DOS-15")
@pytest.mark.attack("DOS-32")
def test_after_an_exchange_with_somebody_who_proved_nothing_another_one_may_begin() -> None:
    """A stranger that answers our Commit and falls silent does not keep the peer out."""
    bob, stranger, _ = brought_to(State.DHPART2_SENT)
    stranger.wait(60.0)
    assert state_of(bob) is State.QUIET and not bob.seen(Failed)
    peer = Actor(bob.stream, seed=3, ssrc=0x5000)
    peer.now = 61.0
    assert kinds(peer.send(peer.own_hello)) == [Kind.HELLO, Kind.HELLO_ACK]
    assert state_of(bob) is State.HELLO_RECEIVED
    only(peer.send(peer.commit()), DHPart1)
    assert bob.stream.sending is Sending.BLOCKED


@pytest.mark.attack("DOS-15")
def test_after_a_failure_for_want_of_anything_in_common_another_one_may_begin() -> None:
    bob = alone(replace(FAST, mandatory_always=False))
    stranger = Actor(bob.stream)
    stranger.send(stranger.hello(key_agreements=(b"XXXX",)), HELLO_ACK)
    stranger.wait(60.0)
    assert state_of(bob) is State.FAILED
    peer = Actor(bob.stream, seed=3, ssrc=0x5000)
    peer.now = 61.0
    assert kinds(peer.send(peer.own_hello)) == [Kind.HELLO_ACK, Kind.HELLO]
    peer.answer(only(peer.send(HELLO_ACK), Commit))
    assert state_of(bob) is State.SECURE


@pytest.mark.attack("DOS-15")
def test_after_a_failure_with_a_peer_who_was_there_nobody_else_may() -> None:
    bob, peer, _ = brought_to(State.CONFIRM1_SENT)
    peer.wait(60.0)
    assert state_of(bob) is State.FAILED
    before = snapshot(bob)
    stranger = Actor(bob.stream, seed=3, ssrc=0x5000)
    assert kinds(stranger.send(stranger.own_hello, stranger.commit())) == [Kind.HELLO_ACK]
    assert snapshot(bob) == before


# Silence


@pytest.mark.attack("NET-07")
@pytest.mark.attack("NET-16")
@pytest.mark.rfc("R-6-08", "R-6-11")
@pytest.mark.parametrize("state", [State.COMMIT_SENT, State.DHPART2_SENT, State.CONFIRM2_SENT], ids=name_of)
def test_an_initiator_gives_up_at_the_end_of_its_schedule_and_says_so(state: State) -> None:
    bob, peer, _ = brought_to(state)
    kind = {State.COMMIT_SENT: Kind.COMMIT, State.DHPART2_SENT: Kind.DHPART2, State.CONFIRM2_SENT: Kind.CONFIRM2}[state]
    sent = peer.wait(END_OF_SCHEDULE - 0.01)
    assert [moment for moment, _ in sent] == pytest.approx(MOMENTS, abs=0.005)
    assert {message.kind for _, message in sent} == {kind}
    assert bob.stream.state is state
    ((_, error),) = peer.wait(0.02)
    assert isinstance(error, Error) and error.code == ErrorCode.PROTOCOL_TIMEOUT
    if state not in PROVED:  # anybody may have answered: a late peer may still begin
        (nobody,) = bob.seen(NoPeer)
        assert "not completed" in nobody.text and not bob.seen(Failed)
        assert state_of(bob) is State.QUIET
    else:
        (failed,) = bob.seen(Failed)
        assert (failed.name, failed.by_peer) == ("PROTOCOL_TIMEOUT", False)
        assert state_of(bob) is State.FAILED
    assert cache_of(bob.endpoint).peers() == []
    assert bob.stream.sending is Sending.BLOCKED


@pytest.mark.attack("NET-16")
@pytest.mark.rfc("R-6-18", "R-6-08")
@pytest.mark.parametrize(("state", "patience"), [(State.DHPART1_SENT, 20.0), (State.CONFIRM1_SENT, 10.0)])
def test_a_responder_repeats_nothing_and_gives_up_after_some_time(state: State, patience: float) -> None:
    bob, peer, _ = brought_to(state)
    assert peer.wait(patience - 0.01) == []
    ((_, error),) = peer.wait(0.02)
    assert isinstance(error, Error) and error.code == ErrorCode.PROTOCOL_TIMEOUT
    assert state_of(bob) is (State.QUIET if state is State.DHPART1_SENT else State.FAILED)
    assert len(bob.seen(NoPeer)) == (state is State.DHPART1_SENT)
    assert len(bob.seen(Failed)) == (state is State.CONFIRM1_SENT)
    assert bob.stream.sending is Sending.BLOCKED
    assert cache_of(bob.endpoint).peers() == []


@pytest.mark.rfc("R-6-18")
@pytest.mark.attack("NET-10")
def test_a_responder_does_not_give_up_on_an_initiator_that_still_repeats_dhpart2() -> None:
    """Our answers are being lost; the initiator's schedule lasts longer than our ten seconds."""
    state = State.CONFIRM1_SENT
    bob, peer, step = brought_to(state)
    assert peer.own_dhpart2 is not None
    peer.wait(9.45)
    assert len(peer.send(peer.own_dhpart2)) == 1
    peer.wait(9.5)
    assert bob.stream.state is state
    step()
    assert state_of(bob) is not state
    assert not bob.seen(Failed)


def test_repeating_a_commit_wins_no_time() -> None:
    bob, peer, _ = brought_to(State.DHPART1_SENT)
    assert peer.own_commit is not None
    while bob.stream.state is State.DHPART1_SENT:
        peer.send(peer.own_commit)
        peer.wait(1.0)
    assert state_of(bob) is State.QUIET
    assert peer.now == pytest.approx(20.0, abs=1.0)


@pytest.mark.attack("NET-20")
@STATES
def test_a_jump_of_an_hour_in_an_exchange_fires_once(state: State) -> None:
    bob, peer, _ = brought_to(state)
    peer.listen()
    bob.stream.handle_timer(3600.0)
    assert len(bob.stream.datagrams_to_send()) == 1
    bob.stream.handle_timer(3600.0)
    assert bob.stream.datagrams_to_send() == []


# Close


def stream_in(state: str) -> tuple[Side, Actor]:
    if state == "secure":
        return secure()
    if state in {candidate.name for candidate in IN_EXCHANGE}:
        return brought_to(State[state])[:2]
    bob = alone(FAST)
    peer = Actor(bob.stream)
    if state == "in grace":
        peer.discover()
        peer.send(Error.make(code=0x20))
    elif state == "failed":
        bob, peer, _ = brought_to(State.CONFIRM1_SENT)
        peer.wait(11.0)
        assert state_of(bob) is State.FAILED
    elif state == "quiet":
        peer.wait(60.0)
    return bob, peer


@pytest.mark.attack("SID-06")
@pytest.mark.rfc("R-4.5.2-05", "R-4.5.3-16", "R-4.7.3-01", "R-4.7.2.1-08")
@every(
    "state",
    ["hello sent", "quiet", "in grace", "failed", "secure", *(state.name for state in State if state in IN_EXCHANGE)],
)
def test_close_in_any_state_sends_nothing_stops_every_timer_and_says_so_once(state: str) -> None:
    bob, peer = stream_in(state)
    peer.listen()
    exchange = core_of(bob.stream).exchange
    keys = None if exchange is None or exchange.derived is None else exchange.keys
    for _ in range(2):
        bob.session.close(peer.now)
        assert state_of(bob) is State.CLOSED
        assert bob.stream.next_timer() is None
        assert peer.listen() == []
        assert core_of(bob.stream).exchange is None
    assert len(bob.seen(Closed)) == 1
    assert isinstance(bob.events[-1], Closed)
    if keys is not None:
        for secret in (keys.mackeyi, keys.zrtpkeyr):
            assert secret.wiped
        for secret in (keys.srtpi.key, keys.srtpr.salt):
            assert secret.wiped != keys.srtp_handed_over
    assert peer.send(peer.own_hello, Error.make(code=0x20)) == []
    assert running_exchanges(bob.endpoint) == 0


@pytest.mark.attack("SID-06")
def test_after_an_error_no_key_is_left() -> None:
    bob, peer, _ = brought_to(State.CONFIRM2_SENT)
    exchange = core_of(bob.stream).exchange
    assert exchange is not None and exchange.derived is not None and exchange.derived.secrets is not None
    keys, secrets = exchange.keys, exchange.derived.secrets
    (ready,) = bob.seen(KeysReady)
    peer.wait(60.0)
    assert state_of(bob) is State.FAILED
    for secret in (keys.mackeyi, secrets.zrtpsess, secrets.new_rs1, secrets.exported_key):
        assert secret.wiped
    assert not ready.send.key.wiped, "what was handed over is the application's"


@pytest.mark.rfc("R-4.7.1-04")
def test_zrtpsess_outlives_the_failure_of_a_further_stream() -> None:
    pair = Pair(FAST, FAST).run()
    alice, _ = pair.add_streams(0xA2, 0xB2)
    pair.network.filter = lambda _, datagram: None if int.from_bytes(datagram[8:12], "big") < 0x100 else datagram
    pair.run(pair.network.now + 60.0)
    assert alice.state is not State.SECURE
    assert call_of(pair.alice.session).zrtpsess is not None
    assert pair.secure


# Clear media after a failure


@pytest.mark.attack("MED-07")
@pytest.mark.attack("DWN-17")
@STATES
def test_clear_media_is_not_permitted_in_an_exchange_and_permitted_after_its_failure(state: State) -> None:
    bob, peer, _ = brought_to(state)
    with pytest.raises(ApiMisuse, match="going secure"):
        bob.stream.permit_clear()
    peer.wait(60.0)
    assert bob.stream.sending is Sending.BLOCKED
    bob.stream.permit_clear()
    assert sending(bob) is Sending.CLEAR


@pytest.mark.attack("DWN-17")
def test_clear_media_is_not_permitted_once_secure() -> None:
    bob, _ = secure()
    with pytest.raises(ApiMisuse):
        bob.stream.permit_clear()
    assert bob.stream.sending is Sending.SRTP


def sending(side: Side) -> Sending:
    return side.stream.sending


@pytest.mark.attack("NET-11")
@every("first", range(2, 12))
def test_a_burst_of_ten_lost_packets_delays_and_does_not_prevent(first: int) -> None:
    pair = Pair(FAST, FAST, net=Netem(), clock=Clock())
    count = iter(range(10_000))
    pair.network.filter = lambda _, datagram: None if first <= next(count) < first + 10 else datagram
    pair.run(60.0)
    assert pair.secure and pair.keys_agree
    assert {side.stream.role for side in pair.sides} == {Role.INITIATOR, Role.RESPONDER}
