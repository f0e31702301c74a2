"""Whatever a peer does wrong, our side ends in a stated state, says why in a sentence for people, and sends no sound in
clear by itself. Half of these peers are the real bzrtp with something done to what it sends, the others are played.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.interop.bzrtp_call import THEM, US, Call, Choice, assert_agreed
from tests.interop.virtual_time import Network, Sent
from tests.support import wire
from tests.support.actor import FAST, WAITING, Actor, alone, only
from tests.support.cases import every
from tests.support.inside import call_of
from tests.support.pair import BOB_SSRC, Side
from zrtp.errors import ErrorCode, describe
from zrtp.protocol.events import Failed, KeysReady, NoPeer, Role, SecurityWarning, Sending, WarningCode
from zrtp.protocol.exchange import present
from zrtp.protocol.states import State
from zrtp.wire.messages import (
    ERROR_ACK,
    HELLO_ACK,
    Commit,
    Conf2ACK,
    Confirm1,
    Confirm2,
    DHPart1,
    DHPart2,
    Error,
    Kind,
)
from zrtp.wire.packet import encode_packet

needs_bzrtp = pytest.mark.usefixtures("bzrtp_peer")

LONGEST = 30.0
"""Seconds of virtual time within which every story here has come to its end."""


def state(side: Side) -> State:
    return side.stream.state


def told(side: Side) -> str:
    """What the user was told at last; discovery can end more than once, when somebody appears late."""
    texts = [event.text for event in side.seen(object) if isinstance(event, Failed | NoPeer)]
    for text in texts:
        assert_understandable(text)
    return texts[-1]


def assert_understandable(text: str) -> None:
    """Whole sentences, short, without numbers of codes and names of Python."""
    assert re.fullmatch(r"[A-Z].*[.)]", text), text
    assert len(text) <= 200
    assert not re.search(r"0x|None|Error\(|<|\bb'|Traceback|_", text), text


def assert_no_secure_traces(side: Side) -> None:
    """Nothing of a failed exchange looks like a secure call."""
    assert side.session.sas is None
    assert side.stream.sending is not Sending.SRTP
    assert call_of(side.session).zrtpsess is None


# It stops answering.


@needs_bzrtp
@pytest.mark.parametrize(
    ("role", "last", "end", "words"),
    [
        (Role.INITIATOR, None, State.QUIET, "does not answer ZRTP"),
        (Role.INITIATOR, "Hello", State.QUIET, "does not hear us"),
        (Role.INITIATOR, "HelloACK", State.QUIET, "not completed"),
        (Role.INITIATOR, "DHPart1", State.QUIET, "not completed"),
        (Role.INITIATOR, "Confirm1", State.FAILED, "stopped answering"),
        (Role.RESPONDER, "Commit", State.QUIET, "not completed"),
        (Role.RESPONDER, "DHPart2", State.FAILED, "stopped answering"),
    ],
)
def test_bzrtp_that_falls_silent(role: Role, last: str | None, end: State, words: str) -> None:
    """It is cut off after its first message of a kind; with HelloACK, after both that and Hello."""
    heard: list[str] = []

    def keep(datagram: Sent) -> bool:
        if datagram.sender == US:
            return True
        if last is None or (last in heard and (last != "HelloACK" or "Hello" in heard)):
            return False
        if last == "Hello" and datagram.kind != "Hello":
            return False
        heard.append(datagram.kind)
        return True

    with Call(Choice().config(), Choice().algorithms, role=role, network=Network(keep=keep)) as call:
        call.run(until=LONGEST, done=lambda: False)
        assert state(call.ours) is end
        assert words in told(call.ours)
        assert_no_secure_traces(call.ours)
        assert call.stream.sending is (Sending.CLEAR if last in (None, "Hello") else Sending.BLOCKED)
        assert call.stream.next_timer() is None


@needs_bzrtp
def test_bzrtp_that_acknowledges_but_never_introduces_itself() -> None:
    network = Network(keep=lambda datagram: datagram.sender == US or datagram.kind == "HelloACK")
    with Call(network=network) as call:
        call.run(until=LONGEST, done=lambda: False)
        assert state(call.ours) is State.QUIET
        assert "never introduced itself" in told(call.ours)


@needs_bzrtp
def test_bzrtp_that_falls_silent_when_secure_leaves_the_call_secure() -> None:
    with Call() as call:
        assert_agreed(call.run())
        call.network.keep = lambda datagram: datagram.sender == US
        call.run(until=call.now + LONGEST, done=lambda: False)
        assert state(call.ours) is State.SECURE
        assert (call.ours.seen(Failed), call.ours.seen(NoPeer)) == ([], [])


def test_a_peer_that_never_sends_confirm2_is_given_up_and_told_so() -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.discover()
    actor.take_dhpart1(only(actor.send(actor.commit()), DHPart1))
    only(actor.send(actor.dhpart2()), Confirm1)
    sent = [message for _, message in actor.wait(LONGEST)]
    assert state(bob) is State.FAILED
    assert "stopped answering" in told(bob)
    assert {message.code for message in sent if isinstance(message, Error)} == {ErrorCode.PROTOCOL_TIMEOUT}


# It sends Error.


def initiating(steps: int) -> tuple[Side, Actor]:
    """Our side as initiator, so many steps into the exchange: COMMIT_SENT, DHPART2_SENT, CONFIRM2_SENT, SECURE."""
    bob = alone(FAST)
    actor = Actor(bob.stream)
    (commit,) = [message for message in actor.discover() if isinstance(message, Commit)]
    if steps > 0:
        actor.take_dhpart2(only(actor.send(actor.dhpart1(commit)), DHPart2))
    if steps > 1:
        only(actor.send(actor.confirm()), Confirm2)
    if steps > 2:
        bob.stream.srtp_verified(actor.now)
    return bob, actor


def responding(steps: int) -> tuple[Side, Actor]:
    """Our side as responder: DHPART1_SENT, CONFIRM1_SENT, SECURE."""
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.discover()
    dhpart1 = only(actor.send(actor.commit()), DHPart1)
    if steps > 0:
        actor.take_dhpart1(dhpart1)
        only(actor.send(actor.dhpart2()), Confirm1)
    if steps > 1:
        only(actor.send(actor.confirm()), Conf2ACK)
    return bob, actor


IN_EXCHANGE: list[tuple[Callable[[int], tuple[Side, Actor]], int, State]] = [
    (initiating, 0, State.COMMIT_SENT),
    (initiating, 1, State.DHPART2_SENT),
    (initiating, 2, State.CONFIRM2_SENT),
    (responding, 0, State.DHPART1_SENT),
    (responding, 1, State.CONFIRM1_SENT),
]
PROVED = (State.CONFIRM2_SENT, State.CONFIRM1_SENT)
"""Where the other side has shown that it heard our Hello."""

CODES = [*ErrorCode, 0, 0x57, 0xFFFFFFFF]

in_every_exchange = pytest.mark.parametrize(
    ("reach", "steps", "where"), IN_EXCHANGE, ids=[where.name for _, _, where in IN_EXCHANGE]
)


@pytest.mark.attack("DOS-08")
@in_every_exchange
def test_an_error_ends_the_exchange_when_nothing_better_follows(
    reach: Callable[[int], tuple[Side, Actor]], steps: int, where: State
) -> None:
    bob, actor = reach(steps)
    assert state(bob) is where
    assert ERROR_ACK in actor.send(Error.make(code=ErrorCode.SERVICE_UNAVAILABLE))
    assert state(bob) is where
    sent = [message for _, message in actor.wait(2)]
    if where in PROVED:
        assert state(bob) is State.FAILED
        (event,) = bob.seen(Failed)
        assert (event.code, event.by_peer) == (ErrorCode.SERVICE_UNAVAILABLE, True)
        assert "not authenticated" in told(bob)
    else:  # anybody may have answered
        assert state(bob) is State.QUIET
        assert f"said, not proved: {describe(ErrorCode.SERVICE_UNAVAILABLE)}" in told(bob)
    assert_no_secure_traces(bob)
    assert bob.stream.sending is Sending.BLOCKED
    assert not [message for message in sent if isinstance(message, Error)]


@pytest.mark.attack("DOS-10")
@every("code", CODES, ids=hex)
def test_every_code_has_a_sentence(code: int) -> None:
    bob, actor = initiating(2)
    actor.send(Error.make(code=code))
    actor.wait(2)
    (event,) = bob.seen(Failed)
    assert event.code == code
    if code in list(ErrorCode):
        told(bob)
    else:
        assert "other error" in event.text
        assert event.name == "OTHER"


@pytest.mark.attack("DOS-08")
@needs_bzrtp
@pytest.mark.parametrize("after", ["Hello", "HelloACK", "Commit", "DHPart1", "Confirm1"])
def test_an_error_that_bzrtp_never_sent_does_not_stop_it(after: str) -> None:
    """Somebody else injects it, and bzrtp's next message overrides it."""
    error = Error.make(code=ErrorCode.SOFTWARE_ERROR)
    injected: list[str] = []

    def keep(datagram: Sent) -> bool:
        if datagram.sender == THEM and datagram.kind == after and not injected:
            ssrc = int.from_bytes(datagram.data[8:12], "big")
            injected.append(after)
            call.stream.receive_datagram(encode_packet(1, ssrc, error.raw), datagram.at)
        return True

    network = Network(keep=keep, delay=0.02)
    with Call(Choice().config(), Choice().algorithms, network=network) as call:
        call.run(until=5)
        if injected:
            assert_agreed(call)
            assert call.ours.seen(Failed) == []


@pytest.mark.parametrize("when", ["before", "secure"])
def test_an_error_without_an_exchange_has_no_effect(when: str) -> None:
    if when == "before":
        bob = alone(WAITING)
        actor = Actor(bob.stream)
        actor.discover()
    else:
        bob, actor = responding(2)
    before = state(bob), bob.stream.sending
    assert ERROR_ACK in actor.send(Error.make(code=ErrorCode.HVI_MISMATCH))
    assert (state(bob), bob.stream.sending) == before
    assert bob.seen(Failed) == []


# It changes its ZID.


def test_a_commit_under_another_zid_than_the_hello_is_dropped() -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    actor.discover()
    sent = actor.send(actor.commit(zid=b"another ZID!"))
    assert state(bob) is State.HELLO_RECEIVED
    assert only(sent, Error).code == ErrorCode.SOFTWARE_ERROR
    assert_no_secure_traces(bob)


def test_a_hello_under_another_zid_during_the_exchange_changes_nothing() -> None:
    bob, actor = initiating(1)
    stranger = Actor(bob.stream, ssrc=actor.ssrc, seed=5)
    assert stranger.zid != actor.zid
    stranger.send(stranger.own_hello)
    only(actor.send(actor.confirm()), Confirm2)
    bob.stream.srtp_verified(actor.now)
    assert state(bob) is State.SECURE
    assert bob.session.peer.zid == actor.zid


@pytest.mark.parametrize("who_commits", ["we", "they"])
def test_a_further_stream_from_another_zid_stays_out_of_the_call(who_commits: str) -> None:
    bob, _ = responding(2)
    stream = bob.session.add_stream(BOB_SSRC + 1)
    stream.start(0.0)
    stranger = Actor(stream, ssrc=0x0AC70001, seed=5)
    assert call_of(bob.session).zrtpsess is not None
    if who_commits == "they":
        stranger.send(stranger.own_hello)
        stranger.send(stranger.multistream_commit(present(call_of(bob.session).zrtpsess)))
    else:
        assert Kind.COMMIT not in [message.kind for message in stranger.discover()]
    stranger.wait(LONGEST)
    assert stream.state in (State.FAILED, State.QUIET, State.DISCOVERED)
    assert stream.sending is not Sending.SRTP
    assert [event for event in bob.seen(KeysReady) if event.ssrc == stream.ssrc] == []
    assert state(bob) is State.SECURE
    texts = [event.text for event in bob.seen(object) if isinstance(event, Failed | NoPeer | SecurityWarning)]
    assert texts
    for text in texts:
        assert_understandable(text)


def test_our_own_zid_at_the_other_end_is_refused_with_an_explanation() -> None:
    bob = alone()
    actor = Actor(bob.stream)
    actor.own_hello = actor.hello(zid=call_of(bob.session).zid)
    (error,) = [message for message in actor.send(actor.own_hello) if isinstance(message, Error)]
    assert error.code == ErrorCode.EQUAL_ZIDS
    (warning,) = bob.seen(SecurityWarning)
    assert warning.code is WarningCode.EQUAL_ZIDS
    assert_understandable(warning.text)
    actor.wait(LONGEST)
    assert state(bob) is State.QUIET
    told(bob)


# It sends garbage.


def garbage(dice: random.Random, ssrc: int) -> list[bytes]:
    """One piece of every kind: noise, a wrong checksum, a right one around nonsense, a message cut short."""
    hello = wire.hello()
    kinds = [kind.value for kind in Kind]
    noise = dice.randbytes(4 * dice.randrange(10, 100))
    body = dice.choice(kinds) + dice.randbytes(4 * dice.randrange(0, 60))
    framed = b"\x50\x5a" + ((len(body) + 4) // 4).to_bytes(2, "big") + body
    cut = b"\x50\x5a" + (20).to_bytes(2, "big") + hello.raw[4:80]
    packets = [encode_packet(dice.randrange(65536), ssrc, message) for message in (framed, cut, hello.raw)]
    return [noise, b"\x10\x00" + noise, packets[2][:-1] + b"\x00", packets[0], packets[1], packets[0][:-4]]


@needs_bzrtp
@pytest.mark.parametrize("seed", range(10))
def test_garbage_among_the_messages_of_bzrtp_stops_nothing(seed: int) -> None:
    dice = random.Random(seed)

    def keep(datagram: Sent) -> bool:
        if datagram.sender == THEM:
            for piece in garbage(dice, int.from_bytes(datagram.data[8:12], "big")):
                call.stream.receive_datagram(piece, datagram.at)
        return True

    with Call(Choice().config(), Choice().algorithms, network=Network(keep=keep, delay=0.01), seed=seed) as call:
        assert_agreed(call.run())
        assert call.ours.seen(Failed) == []


@every("seed", range(10))
def test_a_peer_that_sends_nothing_but_garbage_is_no_peer(seed: int) -> None:
    dice = random.Random(seed)
    bob = alone()
    actor = Actor(bob.stream)
    for _ in range(40):
        for piece in garbage(dice, actor.ssrc):
            bob.stream.receive_datagram(piece, actor.now)
        actor.wait(0.2)
    actor.wait(LONGEST)
    assert state(bob) in (State.QUIET, State.FAILED)
    told(bob)
    assert_no_secure_traces(bob)


@in_every_exchange
def test_garbage_in_the_middle_of_an_exchange_ends_as_silence_does(
    reach: Callable[[int], tuple[Side, Actor]], steps: int, where: State
) -> None:
    bob, actor = reach(steps)
    dice = random.Random(steps)
    for _ in range(20):
        for piece in garbage(dice, actor.ssrc):
            bob.stream.receive_datagram(piece, actor.now)
        actor.wait(0.1)
    actor.wait(LONGEST)
    assert state(bob) is (State.FAILED if where in PROVED else State.QUIET)
    told(bob)
    assert_no_secure_traces(bob)
    assert bob.stream.sending is Sending.BLOCKED


# It cheats, or is broken.


@pytest.mark.parametrize(
    ("what", "code", "words"),
    [
        ("a public value of zero", ErrorCode.PUBLIC_VALUE, "public value"),
        ("another DHPart2 than committed", ErrorCode.HVI_MISMATCH, "somebody may be in between"),
        ("a wrong MAC of the Commit", ErrorCode.SOFTWARE_ERROR, "somebody changed it"),
    ],
)
def test_a_cheating_initiator_is_found_out(what: str, code: ErrorCode, words: str) -> None:
    bob = alone(WAITING)
    actor = Actor(bob.stream)
    wrong_mac: dict[str, Any] = {"mac": lambda covered: bytes(8)}
    actor.discover()
    if what == "a public value of zero":
        actor.send(actor.commit(actor.dhpart2(pv=bytes(32))))
        actor.send(actor.own_dhpart2 or b"")
    elif what == "another DHPart2 than committed":
        actor.send(actor.commit())
        actor.send(actor.dhpart2(rs1_id=b"mallory!"))
    else:
        actor.send(actor.commit(**wrong_mac))
        actor.send(actor.dhpart2())
    errors = [message for message in actor.heard if isinstance(message, Error)]
    assert [error.code for error in errors] == [code]
    if what == "a public value of zero":  # it opened hvi, so that it comes from the peer
        (event,) = bob.seen(Failed)
        assert event.code == code
        assert state(bob) is State.FAILED
    else:
        actor.wait(LONGEST)
        assert bob.seen(Failed) == []
        assert state(bob) is State.QUIET
    assert words in told(bob)
    assert_no_secure_traces(bob)


def test_a_confirm_that_never_verifies_ends_with_a_warning() -> None:
    bob, actor = responding(1)
    confirm = actor.confirm()
    for _ in range(3):
        wrong = Confirm2.make(confirm_mac=bytes(8), iv=confirm.iv, ciphertext=confirm.ciphertext)
        assert actor.send(wrong) == []
    actor.wait(LONGEST)
    (event,) = bob.seen(Failed)
    assert event.code == ErrorCode.CONFIRM_MAC
    assert "did not verify" in told(bob)
    assert_no_secure_traces(bob)


def test_a_valid_confirm_after_wrong_ones_still_counts() -> None:
    bob, actor = responding(1)
    confirm = actor.confirm()
    actor.send(Confirm2.make(confirm_mac=bytes(8), iv=confirm.iv, ciphertext=confirm.ciphertext))
    only(actor.send(confirm), Conf2ACK)
    assert state(bob) is State.SECURE
    assert bob.seen(Failed) == []


@pytest.mark.parametrize(
    ("offer", "words"),
    [
        ({"key_agreements": (b"XXXX",)}, "No key agreement in common"),
        ({"ciphers": (b"2FS3",)}, "No cipher in common"),
        ({"hashes": (b"SKN3",)}, "No hash in common"),
    ],
)
def test_a_peer_with_nothing_in_common_is_told_apart_by_what_is_missing(
    offer: dict[str, tuple[bytes, ...]], words: str
) -> None:
    strict = replace(FAST, mandatory_always=False, hashes=(b"S384",), ciphers=(b"AES3",), auth_tags=(b"HS80",))
    bob = alone(strict)
    actor = Actor(bob.stream, config=strict)
    sent = actor.send(actor.hello(**offer), HELLO_ACK)
    assert bob.seen(Failed) == []  # another one may be the peer
    actor.wait(LONGEST)
    assert words in told(bob)
    assert state(bob) is State.FAILED
    assert ErrorCode.HELLO_MISMATCH in [message.code for message in sent if isinstance(message, Error)]
