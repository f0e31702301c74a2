"""Streams of one call that begin together: who waits for whom, and which of them makes the keys."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.actor import FAST, WAITING, Actor, alone, among, kinds, only
from tests.support.cases import every
from tests.support.friends import Friends
from tests.support.inside import core_of, state_of
from tests.support.pair import Netem, Pair, Side
from zrtp.cache.memory import MemoryCache
from zrtp.protocol import initiation, limits, other_streams
from zrtp.protocol.contention import Winner, resolve
from zrtp.protocol.events import Failed, Mode, NoPeer
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.protocol.stream import Stream
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, Confirm1, Confirm2, DHPart1, DHPart2, Error, Kind, kind_of

VIDEO = 0xB2


def two_streams(side: Side) -> tuple[Actor, Actor, Stream]:
    """A peer on either stream, under one ZID, and our second stream."""
    video = side.session.add_stream(VIDEO)
    video.start(0.0)
    sound = Actor(side.stream, ssrc=0xA1)
    return sound, Actor(video, ssrc=0xA2, seed=8, zid=sound.zid), video


def stranger_on(stream: Stream, zid: bytes | None = None) -> Actor:
    return Actor(stream, ssrc=0x666, seed=99, zid=zid)


def commit_of(actor: Actor, octet: bytes) -> Commit:
    """One whose hvi is that octet 32 times: it loses every contention, or wins it."""
    return actor._commit(hvi=octet * 32, public_key=b"")


# Who waits


def test_a_stream_waits_for_the_key_agreement_on_another_one_and_not_for_ever() -> None:
    side = alone(FAST)
    sound, pictures, video = two_streams(side)
    only(sound.discover()[-1:], Commit)
    assert Kind.COMMIT not in kinds(pictures.discover())
    assert video.state is State.DISCOVERED
    said = pictures.wait(limits.TIME_FOR_OTHER_STREAM + 2 * limits.RETRY_INTERVAL)
    assert next(at for at, message in said if isinstance(message, Commit)) >= limits.TIME_FOR_OTHER_STREAM


def test_a_stream_waits_longer_for_one_whose_peer_has_proved_that_it_hears_us() -> None:
    side = alone(FAST)
    sound, pictures, video = two_streams(side)
    only(sound.discover()[-1:], Commit)
    pictures.discover()
    present(core_of(side.stream).exchange).proved = object()  # type: ignore[assignment]
    assert not [message for _, message in pictures.wait(5.0) if isinstance(message, Commit)]
    assert video.state is State.DISCOVERED


def test_nor_does_a_commit_to_anybody_in_particular_go_out_then() -> None:
    side = alone(FAST)
    sound, pictures, video = two_streams(side)
    only(sound.discover()[-1:], Commit)
    pictures.discover()
    present(core_of(side.stream).exchange).proved = object()  # type: ignore[assignment]
    (peer,) = core_of(video).candidates.values()
    assert initiation.commit_to(core_of(video), peer, 5.0) is State.DISCOVERED
    assert core_of(video).exchange is None


@pytest.mark.attack("DOS-36")
@every("claims", ["a ZID of his own", "the peer's ZID"])
def test_whoever_began_something_on_one_stream_does_not_keep_the_peer_from_another(claims: str) -> None:
    side = alone(WAITING)
    sound, _, video = two_streams(side)
    stranger = stranger_on(video, sound.zid if claims == "the peer's ZID" else None)
    stranger.discover()
    only(stranger.send(stranger.commit()), DHPart1)
    sound.discover()
    only(sound.send(sound.commit()), DHPart1)


@pytest.mark.attack("DOS-36")
def test_nor_does_he_end_what_runs_there_already_whatever_he_claims() -> None:
    """A Commit under the peer's ZID that beats ours, by an hvi of his choice, is answered, and ours goes on."""
    side = alone(FAST)
    sound, _, video = two_streams(side)
    commit = only(sound.discover()[-1:], Commit)
    stranger = stranger_on(video, sound.zid)
    stranger.discover()
    among(stranger.send(commit_of(stranger, b"\xff")), DHPart1)
    sound.answer(commit)
    assert state_of(side.stream) is State.SECURE
    assert video.state is State.DISCOVERED, "it follows in Multistream mode"
    assert not side.seen(Failed) + side.seen(NoPeer)


# Commits that cross


@every("who", ["ours wins", "the peer's wins"])
def test_commits_that_cross_on_two_streams_count_as_crossing_on_one(who: str) -> None:
    side = alone(FAST)
    sound, pictures, _ = two_streams(side)
    ours = only(sound.discover()[-1:], Commit)
    pictures.discover()
    theirs = commit_of(pictures, b"\0" if who == "ours wins" else b"\xff")
    assert (resolve(ours, False, theirs, False) is Winner.OWN) == (who == "ours wins")
    answered = Kind.DHPART1 in kinds(pictures.send(theirs))
    assert answered == (who == "the peer's wins")
    pictures.now = limits.TIME_FOR_OTHER_STREAM + 0.1
    if who == "ours wins":
        assert Kind.DHPART1 in kinds(pictures.send(theirs)), "nobody answered ours: it may not have gone to the peer"


# Which one makes the keys


def test_the_first_confirm_decides_and_what_runs_elsewhere_ends() -> None:
    side = alone(WAITING)
    sound, pictures, video = two_streams(side)
    for actor in (sound, pictures):
        actor.discover()
        actor.take_dhpart1(only(actor.send(actor.commit()), DHPart1))
    confirm1 = only(sound.send(sound.dhpart2()), Confirm1)
    assert confirm1 is not None
    assert video.state is State.DHPART1_SENT
    sound.send(sound.confirm())
    assert state_of(side.stream) is State.SECURE
    assert (video.state, core_of(video).exchange) == (State.DISCOVERED, None)
    assert not other_streams.has_to_wait(core_of(video), 0.0), "secure: nobody has to be waited for any more"
    pictures.send(pictures.dhpart2())
    assert video.counters["no Commit yet"] == 1


def test_until_the_first_one_is_secure_no_other_confirm_counts() -> None:
    side = alone(FAST)
    sound, _, video = two_streams(side)
    sound.take_dhpart2(among(sound.send(sound.dhpart1(only(sound.discover()[-1:], Commit))), DHPart2))
    only(sound.send(sound.confirm()), Confirm2)
    assert not other_streams.claim(core_of(video), present(core_of(side.stream).exchange))
    assert core_of(side.stream).exchange is not None


def test_a_further_stream_that_comes_while_the_first_is_not_secure_here_yet_is_no_mistake_of_the_peer() -> None:
    """Its Conf2ACK got lost: for the peer the first stream is secure."""
    side = alone(FAST)
    sound, pictures, video = two_streams(side)
    sound.take_dhpart2(among(sound.send(sound.dhpart1(only(sound.discover()[-1:], Commit))), DHPart2))
    only(sound.send(sound.confirm()), Confirm2)
    pictures.discover()
    assert pictures.send(pictures.multistream_commit(Secret(bytes(32)))) == []
    assert video.counters["another stream comes first"] == 1


@pytest.mark.attack("DOS-36")
def test_what_was_begun_for_the_keys_before_another_stream_made_them_is_only_late() -> None:
    side = alone(WAITING)
    sound, pictures, video = two_streams(side)
    pictures.discover()
    sound.discover()
    sound.take_dhpart1(only(sound.send(sound.commit()), DHPart1))
    sound.now = pictures.now = 0.1
    sound.send(sound.dhpart2(), sound.confirm())
    assert state_of(side.stream) is State.SECURE
    assert pictures.send(pictures.commit()) == []
    assert video.counters["another stream came first"] == 1
    pictures.now = limits.LATE_COMMITS + 0.1
    only(pictures.send(pictures.commit(cipher=b"AES1")), Error)


def test_a_passive_end_that_gives_way_waits_for_the_commit_of_the_peer() -> None:
    side = alone(replace(FAST, passive=True))
    sound, pictures, video = two_streams(side)
    for actor in (sound, pictures):
        actor.discover()
        actor.take_dhpart1(only(actor.send(actor.commit()), DHPart1))
    sound.send(sound.dhpart2(), sound.confirm())
    assert video.state is State.DISCOVERED
    assert not [message for _, message in pictures.wait(5.0) if isinstance(message, Commit)]
    assert video.next_timer() is not None


@every("seed", range(5))
def test_two_preshared_exchanges_that_both_get_as_far_as_confirm1_end_in_one(seed: int) -> None:
    """There no DHPart2 shows that the initiator hears us: that our Confirm1 is out has to do. Alice commits on one
    stream and Bob on the other, and neither Commit arrives before both have waited for long enough.
    """
    config = replace(FAST, key_agreements=(b"X255", b"Mult", b"Prsh"), preshared=True)
    friends = Friends(config, config, seed=seed)
    for side in friends.call().sides:
        side.session.sas_matched("somebody")
    caches = {f"{name}_cache": cache for name, cache in friends.caches.items()}
    pair = Pair(config, config, seed=seed, clock=friends.clock, **caches)  # type: ignore[arg-type]
    late = {0xB2, pair.alice.stream.ssrc}

    def lose(_: str, datagram: bytes) -> bytes | None:
        kind, ssrc = kind_of(datagram[12:]), int.from_bytes(datagram[8:12], "big")
        held_up = kind is Kind.COMMIT and pair.network.now < limits.TIME_FOR_OTHER_STREAM + 0.1
        return None if held_up or (kind is Kind.HELLO_ACK and ssrc in late and pair.network.now < 1.0) else datagram

    pair.network.filter = lose
    pair.start()
    video = pair.add_streams(0xA2, 0xB2)
    pair.run(60.0)
    assert pair.secure and {stream.state for stream in video} == {State.SECURE}
    assert {pair.alice.stream.mode, video[0].mode} == {Mode.PRESHARED, Mode.MULTISTREAM}


@every("seed", range(10))
@every("netem", [Netem(delay=0.03), Netem(delay=0.03, jitter=0.1), Netem(delay=0.02, jitter=0.05, loss=0.2)])
def test_two_that_do_not_wait_for_each_other_agree_on_one_of_two_exchanges(
    netem: Netem, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the first copies get lost: both get as far as they may, and the one goes on whose Commit wins."""
    monkeypatch.setattr(limits, "TIME_FOR_OTHER_STREAM", 0.0)
    pair = Pair(FAST, FAST, seed=seed, alice_cache=MemoryCache(), bob_cache=MemoryCache())
    pair.network.impair(replace(netem, seed=seed))
    video = pair.add_streams(0xA2, 0xB2)
    pair.run(60.0)
    assert pair.secure and pair.keys_agree
    assert {stream.state for stream in video} == {State.SECURE}
    assert pair.keys_agree_on(0xA2, 0xB2)
    modes = {pair.alice.stream.mode, video[0].mode}
    assert modes == {Mode.DH, Mode.MULTISTREAM}
    assert present(pair.alice.session.sas).sashash == present(pair.bob.session.sas).sashash
    assert not [event for side in pair.sides for event in side.seen(Failed)]
