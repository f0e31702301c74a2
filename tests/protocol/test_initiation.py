"""Our own Commit: to whom, to whom besides, and on which hash chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, among, kinds, only
from tests.support.cases import every
from tests.support.counting import CountingKeyAgreement
from tests.support.inside import call_of, core_of, state_of
from tests.support.pair import Side
from zrtp.cache.memory import MemoryCache
from zrtp.crypto.hashes import S256, sha256
from zrtp.crypto.key_agreements import X255
from zrtp.crypto.registry import DEFAULT
from zrtp.errors import ErrorCode
from zrtp.protocol import aside, hearing, limits
from zrtp.protocol.compatibility import id_of_answer
from zrtp.protocol.events import Failed, NoPeer, Role, SecurityWarning
from zrtp.protocol.exchange import present
from zrtp.protocol.key_schedule import hvi
from zrtp.protocol.states import State, Trigger
from zrtp.wire.messages import CONF2ACK, HELLO_ACK, Commit, Confirm2, DHPart1, DHPart2, Error, Hello, Kind, Message

STRANGER, NEWCOMER = 0x5000, 0x6000

SOURCES = pytest.mark.parametrize("source", ["another source", "the peer's source"])
"""Where the stranger's packets say that they come from."""


def of_kind(messages: Iterable[Message], kind: type[Message]) -> list[Message]:
    return [message for message in messages if isinstance(message, kind)]


def two(side: Side, source: str = "another source") -> tuple[Actor, Actor]:
    """The peer, and a stranger; what the stream sends reaches both, as on one address."""
    peer = Actor(side.stream)
    stranger = Actor(side.stream, seed=3, ssrc=STRANGER if source == "another source" else peer.ssrc)
    stranger.heard = peer.heard
    return peer, stranger


def assert_no_commit_on_a_chain_whose_h1_is_out(heard: Iterable[Message]) -> None:
    """H1 is the key of a Commit's MAC: whoever has it could have made the Commit."""
    shown: set[bytes] = set()
    made: set[bytes] = set()
    for message in heard:
        if isinstance(message, DHPart1 | DHPart2):
            shown.add(sha256(message.h1))
        elif isinstance(message, Commit) and message.raw not in made:
            made.add(message.raw)
            assert message.h2 not in shown


# To whom


@pytest.mark.attack("CHN-13")
def test_our_commit_goes_to_whoever_acknowledged_our_hello_rather_than_to_the_first() -> None:
    bob = alone(FAST)
    peer, stranger = two(bob)
    stranger.send(stranger.own_hello)
    commit = only(peer.discover()[-1:], Commit)
    assert present(core_of(bob.stream).exchange).peer.hello == peer.own_hello
    dhpart2 = among(peer.send(peer.dhpart1(commit)), DHPart2)
    assert commit.hvi == hvi(S256, dhpart2.raw, peer.own_hello.raw)


# To somebody who was first


@SOURCES
@pytest.mark.attack("DOS-15")
@pytest.mark.attack("CHN-13")
def test_our_commit_went_to_a_stranger_and_the_peer_that_answers_it_gets_one_too(source: str) -> None:
    """The peer cannot know that this Commit is not for it: it goes to its address."""
    bob = alone(FAST, MemoryCache())
    peer, stranger = two(bob, source)
    to_stranger = only(stranger.discover()[-1:], Commit)
    peer.send(peer.own_hello)
    to_peer = only(peer.send(peer.dhpart1(to_stranger)), Commit)
    assert to_peer.hvi != to_stranger.hvi
    peer.answer(to_peer)
    assert state_of(bob.stream) is State.SECURE
    assert bob.session.peer.zid == peer.zid
    assert not bob.seen(SecurityWarning) and not bob.seen(Failed)
    assert_no_commit_on_a_chain_whose_h1_is_out(peer.heard)


@pytest.mark.attack("CHN-02")
def test_a_dhpart1_that_opens_nobodys_hello_draws_no_commit() -> None:
    bob = alone(FAST)
    peer, stranger = two(bob)
    commit = only(peer.discover()[-1:], Commit)
    stranger.send(stranger.own_hello)
    assert stranger.send(stranger.dhpart1(commit, h1=bytes(32))) == []
    assert bob.stream.counters["source is not the peer's"] == 1
    peer.answer(commit)
    assert state_of(bob.stream) is State.SECURE


@pytest.mark.attack("DOS-15")
def test_the_copies_of_an_answer_that_drew_a_commit_are_not_the_answer_to_that() -> None:
    """Our Commit to the stranger is repeated, and so is the peer's DHPart1; it names the Commit that it answers."""
    bob = alone(FAST)
    peer, stranger = two(bob)
    peer.own_hello = peer.hello(client_id=FAST.client_id.ljust(16))
    to_stranger = only(stranger.discover()[-1:], Commit)
    peer.send(peer.own_hello)
    own = core_of(bob.stream).hello
    dhpart1 = peer.dhpart1(to_stranger, pbx_secret_id=id_of_answer(to_stranger, own))
    to_peer = only(peer.send(*[dhpart1] * 20), Commit)
    assert bob.stream.counters["DHPart1 for another Commit"] == 19
    right = peer.dhpart1(to_peer, pbx_secret_id=id_of_answer(to_peer, own))
    peer.take_dhpart2(among(peer.send(right), DHPart2))
    assert kinds(peer.send(peer.confirm())) == [Kind.CONFIRM2]


@pytest.mark.attack("DOS-15")
def test_whoever_comes_after_a_refused_commit_draws_our_hello_and_a_commit_and_no_more() -> None:
    """The Commit takes the place of HelloACK: one datagram never draws three."""
    bob = alone(FAST)
    peer, stranger = two(bob)
    stranger.discover()
    stranger.send(stranger.commit(zid=bytes(12)))
    peer.wait(0.01)
    assert kinds(peer.send(peer.own_hello)) == [Kind.HELLO, Kind.COMMIT]
    assert kinds(peer.send(peer.own_hello)) == [Kind.HELLO_ACK]


@pytest.mark.attack("DOS-15")
def test_a_further_stream_commits_to_whoever_answers_a_commit_that_went_to_somebody_else() -> None:
    """A ZID is no secret: somebody claims the peer's, and is there first."""
    bob = alone(FAST)
    audio = Actor(bob.stream)
    audio.answer(only(audio.discover()[-1:], Commit))
    stream = bob.session.add_stream(0xB2)
    stream.start(0.0)
    stranger = Actor(stream, ssrc=STRANGER, seed=3, zid=audio.zid)
    peer = Actor(stream, ssrc=NEWCOMER, seed=4, zid=audio.zid, suite=audio.suite)
    to_stranger = only(stranger.discover()[-1:], Commit)
    peer.send(peer.own_hello)
    shared = present(audio.secrets).zrtpsess
    peer.take_multistream_commit(to_stranger, shared)
    to_peer = only(peer.send(peer.confirm()), Commit)
    peer.take_multistream_commit(to_peer, shared)
    only(peer.send(peer.confirm()), Confirm2)
    peer.send(CONF2ACK)
    assert state_of(stream) is State.SECURE


# On which hash chain


@pytest.mark.attack("CHN-12")
@pytest.mark.attack("DOS-15")
def test_everybody_who_introduced_himself_gets_a_commit_before_our_dhpart2_goes_out() -> None:
    bob = alone(FAST)
    peer, stranger = two(bob)
    commit = only(stranger.discover()[-1:], Commit)
    peer.send(peer.own_hello)
    answers = stranger.send(stranger.dhpart1(commit))
    assert kinds(answers) == [Kind.COMMIT, Kind.DHPART2]
    assert state_of(bob.stream) is State.DHPART2_SENT
    peer.answer(only(answers[:1], Commit))
    assert state_of(bob.stream) is State.SECURE
    assert bob.session.peer.zid == peer.zid


@pytest.mark.attack("CHN-12")
@pytest.mark.attack("DOS-15")
@pytest.mark.parametrize("shown_by", ["DHPart1", "DHPart2"])
def test_once_h1_is_out_a_newcomer_gets_no_commit_of_that_chain_but_one_of_a_new_one(shown_by: str) -> None:
    bob = alone(FAST, MemoryCache())
    peer, stranger = two(bob)
    if shown_by == "DHPart1":
        stranger.send(stranger.own_hello)
        dhpart: Message = only(stranger.send(stranger.commit()), DHPart1)
    else:
        commit = only(stranger.discover()[-1:], Commit)
        dhpart = only(stranger.send(stranger.dhpart1(commit)), DHPart2)
    assert isinstance(dhpart, DHPart1 | DHPart2)
    assert kinds(peer.send(peer.own_hello)) == [Kind.HELLO_ACK, Kind.PING]
    assert not of_kind([message for _, message in peer.wait(limits.TIME_TO_ANSWER - 0.01)], Commit)
    later = [message for _, message in peer.wait(limits.TIME_TO_ANSWER + 0.02)]
    hello = next(message for message in later if isinstance(message, Hello) and message.h3 != sha256(sha256(dhpart.h1)))
    to_peer = next(message for message in later if isinstance(message, Commit) and sha256(message.h2) == hello.h3)
    assert_no_commit_on_a_chain_whose_h1_is_out(peer.heard)
    assert to_peer.zid == hello.zid == call_of(bob.session).zid


@pytest.mark.attack("DOS-32")
@pytest.mark.parametrize(("zid", "waits"), [(bytes(12), (0.5, 0.6)), (b"\xff" * 12, (0.9, 1.0))])
def test_of_two_who_have_to_begin_anew_the_one_with_the_higher_zid_is_the_first(
    zid: bytes, waits: tuple[float, float]
) -> None:
    """If both committed anew in the same moment, each would do so to a Hello that does not count any more."""
    bob = alone(FAST, MemoryCache())
    peer, stranger = Actor(bob.stream, zid=zid), Actor(bob.stream, seed=3, ssrc=0x5000)
    for actor in (peer, stranger):
        actor.send(actor.own_hello)
    only(stranger.send(stranger.commit()), DHPart1)
    earliest, latest = waits
    assert earliest <= core_of(bob.stream).deadlines[Trigger.NEW_CHAIN] <= latest


@pytest.mark.attack("DOS-32")
@pytest.mark.parametrize("first", ["of its own", "of the stranger"])
def test_a_confirm1_belongs_to_the_exchange_that_has_keys(first: str) -> None:
    """The stranger's Hello came under the peer's source, and the Commit to it still waits for its DHPart1."""
    bob = alone(FAST)
    peer, stranger = two(bob, "the peer's source")
    waiting = only(stranger.discover()[-1:], Commit)
    peer.send(peer.own_hello)
    commit = only(peer.send(peer.dhpart1(waiting)), Commit)
    dhpart2 = only(peer.send(peer.dhpart1(commit)), DHPart2)
    core = core_of(bob.stream)
    aside.bring_forward(
        core, next(one for one in core.exchanges() if (one.derived is None) == (first == "of the stranger"))
    )
    peer.take_dhpart2(dhpart2)
    assert kinds(peer.send(peer.confirm())) == [Kind.CONFIRM2]


@pytest.mark.attack("DOS-32")
def test_the_first_new_chain_reaches_a_peer_whose_record_was_read_long_ago() -> None:
    """Both wait for a user: what is known about the peer is read again while a stranger's exchange has its time."""
    bob = alone(WAITING, MemoryCache())
    peer, stranger = two(bob)
    peer.discover()
    stranger.now = peer.now = 20.0
    stranger.send(stranger.own_hello)
    only(stranger.send(stranger.commit()), DHPart1)
    peer.wait(2 * limits.TIME_TO_ANSWER + 0.01)
    ours = [one.peer.ssrc for one in core_of(bob.stream).exchanges() if one.role is Role.INITIATOR]
    assert peer.ssrc in ours


@pytest.mark.attack("DOS-15")
def test_whoever_was_known_when_h1_went_out_to_somebody_else_gets_a_commit_of_a_new_chain() -> None:
    bob = alone(FAST, MemoryCache())
    peer, stranger = two(bob)
    peer.send(peer.own_hello)
    stranger.send(stranger.own_hello)
    dhpart1 = only(stranger.send(stranger.commit()), DHPart1)
    later = [message for _, message in peer.wait(2 * limits.TIME_TO_ANSWER + 0.02)]
    commits = [message for message in later if isinstance(message, Commit)]
    assert commits and sha256(dhpart1.h1) not in {commit.h2 for commit in commits}


@pytest.mark.attack("DOS-15")
@every("passive", [True, False])
def test_who_hears_us_when_h1_is_out_gets_a_new_chain_at_once_if_no_commit_of_his_own_can_come(passive: bool) -> None:
    bob = alone(FAST, MemoryCache())
    peer, stranger = two(bob)
    peer.own_hello = peer.hello(passive=passive)
    peer.send(peer.own_hello)
    stranger.send(stranger.own_hello)
    only(stranger.send(stranger.commit()), DHPart1)
    hearing.ask(core_of(bob.stream))
    hearing.send_ping(core_of(bob.stream), peer.now)
    peer.hear()
    anew = core_of(bob.stream).deadlines[Trigger.NEW_CHAIN]
    assert anew == peer.now if passive else anew >= peer.now + limits.TIME_TO_ANSWER / 2


@pytest.mark.parametrize("lowest", [True, False])
def test_of_two_who_have_only_each_other_left_the_one_with_the_higher_zid_makes_a_new_chain_first(lowest: bool) -> None:
    bob = alone(FAST)
    low, high = bytes(12), b"\xff" * 12
    peer = Actor(bob.stream, zid=low if lowest else high)
    stranger = Actor(bob.stream, seed=3, ssrc=STRANGER, zid=high if lowest else low)
    peer.send(peer.own_hello)
    stranger.send(stranger.own_hello)
    only(stranger.send(stranger.commit()), DHPart1)
    wait = core_of(bob.stream).deadlines[Trigger.NEW_CHAIN] / limits.TIME_TO_ANSWER
    assert 1.0 <= wait <= 1.2 if lowest else 1.8 <= wait <= 2.0


@pytest.mark.attack("CHN-12")
def test_once_h1_is_out_an_answer_of_somebody_else_draws_no_commit_of_that_chain() -> None:
    bob = alone(FAST)
    peer, stranger = two(bob)
    newcomer = Actor(bob.stream, seed=4, ssrc=NEWCOMER)
    to_peer = only(peer.discover()[-1:], Commit)
    stranger.send(stranger.own_hello)
    to_stranger = only(peer.send(peer.dhpart1(to_peer))[:1], Commit)
    newcomer.send(newcomer.own_hello)
    assert newcomer.send(newcomer.dhpart1(to_stranger)) == []
    assert bob.stream.counters["answer of another candidate"] == 1


@pytest.mark.attack("DOS-03")
@pytest.mark.attack("DOS-15")
def test_newcomers_without_end_cost_four_chains_and_no_more_than_four_exchanges() -> None:
    counter = CountingKeyAgreement(X255)
    bob = alone(replace(FAST, algorithms=DEFAULT.extended(counter)), MemoryCache())
    peer, stranger = two(bob)
    stranger.send(stranger.own_hello)
    only(stranger.send(stranger.commit()), DHPart1)
    for number in range(50):
        newcomer = Actor(bob.stream, seed=100 + number, ssrc=NEWCOMER + number)
        newcomer.heard = peer.heard
        newcomer.now = 0.1 * number
        newcomer.send(newcomer.own_hello)
        newcomer.wait(0.1)
        assert len(core_of(bob.stream).exchanges()) <= limits.EXCHANGES
    assert len({hello.h3 for hello in peer.heard if isinstance(hello, Hello)}) <= limits.EXCHANGES
    assert counter.operations["shared secret"] == 0
    assert_no_commit_on_a_chain_whose_h1_is_out(peer.heard)


def test_a_passive_stream_makes_no_commit_to_newcomers() -> None:
    bob = alone(replace(FAST, passive=True))
    peer, stranger = two(bob)
    stranger.discover()
    only(stranger.send(stranger.commit()), DHPart1)
    peer.send(peer.own_hello)
    peer.wait(2.0)
    assert Kind.COMMIT not in kinds(peer.heard)


# Nothing in common


@pytest.mark.attack("DOS-15")
def test_somebody_with_nothing_in_common_hears_of_it_and_the_peer_may_still_come() -> None:
    strict = replace(FAST, mandatory_always=False)
    bob = alone(strict)
    peer, stranger = two(bob)
    stranger.own_hello = stranger.hello(key_agreements=(b"XXXX",))
    assert among(stranger.discover(), Error).code == ErrorCode.HELLO_MISMATCH
    assert not bob.seen(Failed) and not bob.seen(NoPeer)
    peer.answer(among(peer.discover(), Commit))
    assert state_of(bob.stream) is State.SECURE


def test_if_nobody_else_comes_the_call_fails_with_what_is_not_in_common_after_the_usual_time() -> None:
    bob = alone(replace(FAST, mandatory_always=False))
    stranger = Actor(bob.stream)
    stranger.own_hello = stranger.hello(key_agreements=(b"XXXX",))
    stranger.discover()
    stranger.wait(FAST.discovery_deadline - 0.01)
    assert not bob.seen(Failed) and not bob.seen(NoPeer)
    stranger.wait(0.02)
    (failed,) = bob.seen(Failed)
    assert failed.code == ErrorCode.HELLO_MISMATCH


def test_without_a_user_who_asks_nobody_gets_a_commit() -> None:
    bob = alone(WAITING)
    peer = Actor(bob.stream)
    peer.discover()
    assert state_of(bob.stream) is State.DISCOVERED
    bob.session.go_secure(0.0)
    peer.answer(only(peer.listen(), Commit))
    assert state_of(bob.stream) is State.SECURE


def test_an_early_hello_ack_of_a_stranger_draws_no_commit() -> None:
    bob = alone(FAST)
    peer, stranger = two(bob)
    peer.send(peer.own_hello)
    assert stranger.send(HELLO_ACK) == []
    assert state_of(bob.stream) is State.HELLO_RECEIVED
