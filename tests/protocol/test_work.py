"""Public-key operations that are performed elsewhere: the exchange waits for them, and for nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.actor import FAST, Actor, only
from tests.support.inside import core_of, state_of
from tests.support.pair import ALICE_SSRC, BOB_SSRC, seeded
from zrtp.errors import ApiMisuse, ErrorCode, PeerMisbehaved
from zrtp.protocol.config import Config
from zrtp.protocol.endpoint import Endpoint
from zrtp.protocol.events import Failed, Secured
from zrtp.protocol.exchange import present
from zrtp.protocol.session import Session
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.protocol.work import Work
from zrtp.secret import Secret
from zrtp.wire.messages import CONF2ACK, Commit, Confirm2, DHPart2


class Call:
    """Two ends without a cache; Alice's session hands out its public-key operations."""

    def __init__(self, agreement: bytes = b"X255") -> None:
        config = Config(key_agreements=(agreement,))
        self.now = 0.0
        self.alice_session = Endpoint(config, random=seeded(1)).session(offload=True)
        self.bob_session = Endpoint(config, random=seeded(2)).session()
        self.alice = self.alice_session.add_stream(ALICE_SSRC)
        self.bob = self.bob_session.add_stream(BOB_SSRC)
        self.alice.start(self.now)
        self.bob.start(self.now)

    def deliver(self) -> None:
        """Until both are silent."""
        while (ours := self.alice.datagrams_to_send()) + (theirs := self.bob.datagrams_to_send()):
            for datagram in ours:
                self.bob.receive_datagram(datagram, self.now)
            for datagram in theirs:
                self.alice.receive_datagram(datagram, self.now)

    def until_work(self) -> Work:
        self.deliver()
        work = self.alice_session.work_to_do()
        assert work is not None
        return work

    def fire(self, stream: Stream) -> None:
        """The next timer of a stream."""
        timer = stream.next_timer()
        assert timer is not None
        self.now = max(self.now, timer)
        stream.handle_timer(self.now)


def failures(session: Session) -> list[Failed]:
    events = iter(session.next_event, None)
    return [event for event in events if isinstance(event, Failed)]


@pytest.mark.parametrize("agreement", [b"X255", b"DH3k", b"X1M2"])
def test_the_exchange_goes_on_with_the_result(agreement: bytes) -> None:
    call = Call(agreement)
    work = call.until_work()
    standing = call.alice.state
    assert standing in (State.COMMIT_SENT, State.DHPART1_SENT)

    with ThreadPoolExecutor(1) as executor:
        executor.submit(work.run).result()
    assert call.alice.state is standing, "nothing happens behind the owner's back"
    call.alice_session.work_done(work, call.now)
    call.deliver()

    assert call.alice.state is call.bob.state is State.SECURE
    assert call.alice_session.sas == call.bob_session.sas
    assert any(isinstance(event, Secured) for event in iter(call.alice_session.next_event, None))


def test_work_is_handed_out_once() -> None:
    call = Call()
    call.until_work()

    assert call.alice_session.work_to_do() is None


def test_without_offload_there_is_no_work() -> None:
    call = Call()
    call.until_work()

    assert call.bob_session.work_to_do() is None


def test_messages_that_the_peer_repeats_meanwhile_start_no_second_operation() -> None:
    call = Call()
    work = call.until_work()
    for _ in range(3):
        call.fire(call.bob if call.bob.state is State.DHPART2_SENT else call.alice)
        call.deliver()
    assert call.alice_session.work_to_do() is None
    assert call.alice.counters["a public-key operation is running"] > 0

    work.run()
    call.alice_session.work_done(work, call.now)
    call.deliver()
    assert call.alice.state is call.bob.state is State.SECURE


@pytest.mark.attack("DOS-15")
@pytest.mark.parametrize("handed_out", ["at once", "later"])
def test_an_exchange_that_was_set_aside_meanwhile_goes_on_with_its_own_result(handed_out: str) -> None:
    """A stranger answers the Commit that went to the peer, gets one too, and answers that while the peer's answer is
    being computed with."""
    session = Endpoint(FAST, random=seeded(5)).session(offload=True)
    stream = session.add_stream(BOB_SSRC)
    stream.start(0.0)
    peer, stranger = Actor(stream), Actor(stream, seed=3, ssrc=0x5000)
    to_peer = only(peer.discover()[-1:], Commit)
    stranger.send(stranger.own_hello)
    to_stranger = only(stranger.send(stranger.dhpart1(to_peer)), Commit)
    works = []
    for actor, commit in ((peer, to_peer), (stranger, to_stranger)):
        assert actor.send(actor.dhpart1(commit)) == []
        if handed_out == "at once":
            works.append(present(session.work_to_do()))
    works += iter(session.work_to_do, None)
    assert len(works) == 2

    for work in works:
        work.run()
        session.work_done(work, 0.0)
    to_the_peer, _ = (message for message in peer.listen() if isinstance(message, DHPart2))
    peer.take_dhpart2(to_the_peer)
    only(peer.send(peer.confirm()), Confirm2)
    peer.send(CONF2ACK)
    assert state_of(stream) is State.SECURE


def test_a_result_that_comes_after_the_end_is_wiped() -> None:
    call = Call()
    work = call.until_work()
    work.run()
    call.alice.close(call.now)
    call.alice_session.work_done(work, call.now)

    assert call.alice.state is State.CLOSED
    assert work.result().wiped


def test_a_refused_public_value_ends_the_exchange_as_ever() -> None:
    call = Call()
    work = call.until_work()

    def refuse() -> Secret:
        raise PeerMisbehaved(ErrorCode.PUBLIC_VALUE, "The peer's public value is not usable.")

    core_of(call.alice).compute(refuse, work.go_on, call.now)
    refused = present(call.alice_session.work_to_do())
    refused.run()
    call.alice_session.work_done(refused, call.now)

    assert call.alice.state is State.FAILED
    assert [failed.code for failed in failures(call.alice_session)] == [ErrorCode.PUBLIC_VALUE]


def test_work_that_has_not_run_has_no_result() -> None:
    work = Work(lambda: Secret(b"s"), lambda _result, _now: State.FAILED)

    with pytest.raises(ApiMisuse, match="has not been done"):
        work.result()
    work.discard()
