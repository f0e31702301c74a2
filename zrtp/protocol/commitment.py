"""The peer's Commit (RFC 6189 sections 4.2, 4.4.1.2, 4.4.2.3, 4.4.3.2, 5.4): answering it, and both at once.

Each Commit is answered with a fresh key pair: if a public value of the responder were known before the Commit that it
answers, hvi would commit to nothing. A second Commit, of the same source or of another one, is answered beside the
first (see `zrtp.protocol.initiation`). A Preshared Commit that fits no secret of ours is answered with a DH Commit of
our own.

An answer waits until the store has said what is known about the peer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product

from zrtp.crypto.hashes import sha256
from zrtp.crypto.key_agreements.base import InitiatorShare
from zrtp.errors import ErrorCode, MalformedPacket, PeerError, PeerMisbehaved, ZrtpError
from zrtp.protocol import (
    aside,
    compatibility,
    confirmation,
    discovery,
    ending,
    hearing,
    initiation,
    limits,
    other_streams,
    side_by_side,
    transmission,
)
from zrtp.protocol.contention import Winner, resolve
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import GoingSecure, Mode, Role, Sending, Suite, WarningCode
from zrtp.protocol.exchange import Candidate, DhAnswer, Exchange, present
from zrtp.protocol.hash_chain import (
    ChainBroken,
    HeardCommit,
    HelloAuthentic,
    message_mac,
    verify_hello,
)
from zrtp.protocol.key_schedule import (
    Transcript,
    key_id,
    preshared_key,
    s0_from_preshared,
    s0_from_session,
)
from zrtp.protocol.negotiation import check_commit
from zrtp.protocol.retained_secrets import NOTHING_MATCHED, KnownSecrets, Matched, continuity, own_ids
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.timers import FIRST_ANSWER_TIMEOUT
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, CommitMode, DHPart1, Hello, PingACK


def on_commit(core: Core, received: Received[Commit]) -> State:
    """Arrives from: HELLO_RECEIVED, DISCOVERED, QUIET; CLEAR, CLEAR_PENDING. Goes to: DHPART1_SENT in DH mode,
    CONFIRM1_SENT in the others, COMMIT_SENT or DISCOVERED if a Preshared Commit is answered by a DH one; the same while
    the store has not answered, another exchange is running, or the Commit is refused; HELLO_RECEIVED if it is refused
    and only its sender acknowledged our Hello. Sends: DHPart1, Confirm1 or Commit; Error. A Commit counts as HelloACK
    (section 5.4).
    """
    return _answer_unless_refused(core, received, _answer_commit)


def on_crossing_commit(core: Core, received: Received[Commit]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: the same if our Commit wins, the store has not answered, or a new Commit
    answers a Preshared one; DHPART1_SENT, CONFIRM1_SENT, DISCOVERED otherwise; HELLO_ACKED if it is refused and only
    strangers are left, DHPART2_SENT if it is and an exchange beside it goes on. Sends: nothing, or as `on_commit`
    (section 4.2).
    """
    return _answer_unless_refused(core, received, _answer_crossing_commit)


def _answer_unless_refused(
    core: Core, received: Received[Commit], answer: Callable[[Core, Received[Commit]], State]
) -> State:
    """What follows from a Commit. One that fails a check costs its sender its candidacy and nothing else: anybody can
    send a Hello and a Commit that continues it.
    """
    acknowledged, beside, first = core.hello_acknowledged, core.beside, core.exchange
    try:
        target = answer(core, received)
    except ZrtpError as error:
        if core.exchange is None and first is not None:
            aside.bring_forward(core, first)
        if not isinstance(error, PeerError) or isinstance(error, MalformedPacket):
            raise
        if core.state is State.COMMIT_SENT and core.exchange is None:
            raise  # our own exchange is gone already
        core.hello_acknowledged, core.beside = acknowledged, beside
        if other_streams.came_first(core, received.message, received.at):
            core.counters["another stream came first"] += 1
            return core.state
        core.counters["Commit refused"] += 1
        core.past.refused_commit = str(error)
        transmission.complain_to_candidate(core, error.code, received.at)
        return _doubt_sender(core, received)
    if core.exchange is None and core.aside:
        target = aside.leave(core, target)
        if core.waiting_commits:
            initiation.wait_for_record(core, target, received.at)
    return target


def on_commit_beside(core: Core, received: Received[Commit]) -> State:
    """Arrives from: DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT. Goes to: the same, DHPART1_SENT, DHPART2_SENT,
    CONFIRM1_SENT; COMMIT_SENT if a Preshared Commit is answered by a DH one. Sends: as `on_commit`, beside the exchange
    that runs.
    """
    return _answer_unless_refused(core, received, _answer_beside)


def _doubt_sender(core: Core, received: Received[Commit]) -> State:
    """Go on as if whoever sent this Commit had never said Hello. The Hello is kept: somebody on the path may have
    changed the Commit, and the true one may still come.
    """
    if core.state in (State.CLEAR, State.CLEAR_PENDING, State.QUIET):
        return core.state
    h3 = sha256(received.message.h2)
    for key, known in core.candidates.items():
        if known.ssrc == received.ssrc and hmac.compare_digest(known.hello.h3, h3):
            core.doubted.add(key)
    if core.exchange is not None:
        if core.state is State.COMMIT_SENT and initiation.went_to_doubted(core):
            return initiation.turn_from_doubted(core, received.at)
        return core.state
    if core.acknowledged_by != received.ssrc:
        return core.state
    core.acknowledged_by, core.hello_acknowledged = None, False
    transmission.resume_hello(core, received.at)
    return State.HELLO_RECEIVED


def _answer_commit(core: Core, received: Received[Commit]) -> State:
    commit, now = received.message, received.at
    if core.call.going_clear or (core.commits_count_from is not None and now < core.commits_count_from):
        core.counters["Commit of before GoClear"] += 1
        return core.state  # the peer repeats one that it sent later
    if commit.raw in core.past.spent_commits:
        core.counters["Commit was answered before"] += 1
        return core.state
    peer = _select_candidate(core, received)
    core.hello_acknowledged = True
    return _respond(core, received, peer)


def _answer_beside(core: Core, received: Received[Commit]) -> State:
    peer = _select_candidate(core, received)
    if any(one.role is Role.INITIATOR and one.derived and one.peer.ssrc == received.ssrc for one in core.exchanges()):
        core.counters["Commit lost the contention"] += 1  # it answered ours
        return core.state
    if not side_by_side.make_room_for_answer(core, peer.candidate, received.message, received.at):
        return _come_again(core, received)
    aside.set_aside(core)
    return _answer_commit(core, received)


def _answer_crossing_commit(core: Core, received: Received[Commit]) -> State:
    """Whether our Commit or the peer's counts (section 4.2). Ours may have gone to somebody else than the peer: he has
    got it too, and judges as we do. If one of ours wins, he answers it. If his does, it is answered, and so is what he
    sends from then on; the exchange with somebody else goes on beside it.
    """
    commit = received.message
    peer = _select_candidate(core, received)
    core.hello_acknowledged, core.beside = True, None
    ours = present(core.exchange)
    same = peer.candidate.hello.raw == ours.peer.hello.raw
    roles = {one.role for one in core.exchanges() if one.peer.ssrc == received.ssrc}
    answered = roles == {Role.RESPONDER}
    if not answered and not _wins(core, received, peer.candidate.hello, ours if same else None):
        core.counters["Commit lost the contention"] += 1
        if same:
            ours.peer = peer.candidate  # whoever sent a copy of the peer's Hello does not send its Commit
            if core.acknowledged_by == received.ssrc and core.peer_hello_hash is None:  # otherwise it may be early
                transmission.note_crossing_commit(core, received.at)
        return State.COMMIT_SENT
    if same and not answered:
        return _respond(core, received, peer, lost=ours)
    if not side_by_side.make_room_for_answer(core, peer.candidate, commit, received.at):
        return _come_again(core, received)
    aside.set_aside(core)
    return _respond(core, received, peer)


def _wins(core: Core, received: Received[Commit], hello: Hello, ours: Exchange | None) -> bool:
    """Whether the peer's Commit wins against every one of ours that may have reached it and waits for its answer;
    `ours` went to its Hello.
    """
    commit = received.message
    running = [present(core.exchange).commit]
    running += [other.exchange.commit for other in core.aside if other.state is State.COMMIT_SENT]
    under_way = [own for own, sent in core.past.recent_commits if received.at - sent < limits.TIME_TO_ANSWER]
    for own in dict.fromkeys((*running, *under_way)):
        winner = resolve(own, core.hello.mitm, commit, hello.mitm)
        if winner is Winner.PEER:
            continue
        yields = winner is Winner.OWN and ours is not None and own is ours.commit
        if not yields or not compatibility.yields_without_losing(own, commit, core.copies_sent):
            return False
    return True


def on_outrun(core: Core, due: Received[None]) -> State:
    """Arrives from: COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT, when another stream makes the keys of the
    call. Goes to: DISCOVERED, until that one is secure.
    """
    return other_streams.give_way(core, due.at)


@dataclass(frozen=True, slots=True)
class _Initiator:
    """Evidence of whose Commit it is: a Hello that it continues, from the same source."""

    candidate: Candidate
    hello: HelloAuthentic


def _select_candidate(core: Core, received: Received[Commit]) -> _Initiator:
    """The Hello that the Commit's H2 continues; its MAC must be right, and its ZID the Commit's (section 5.4). Both
    come from one source: a copy of the Hello under another SSRC must not draw the exchange there.

    Raises:
        ChainBroken: H2 continues no Hello that was received from this source.
        PeerMisbehaved: 0x20, the Hello was changed on the way, or the ZIDs differ.
    """
    commit = received.message
    failure: PeerError | None = None
    for candidate in core.candidates.values():
        if candidate.ssrc != received.ssrc:
            continue
        try:
            authentic = verify_hello(candidate.hello, commit.h2)
        except ChainBroken:
            continue
        except PeerMisbehaved as error:
            failure = error
            continue
        if commit.zid != candidate.hello.zid:
            raise PeerMisbehaved(
                ErrorCode.SOFTWARE_ERROR, "The peer's Commit carries another ZID than its Hello. Call again."
            )
        return _Initiator(candidate, authentic)
    raise failure or ChainBroken("its H2 continues no Hello")


def _respond(core: Core, received: Received[Commit], peer: _Initiator, lost: Exchange | None = None) -> State:
    """Answer a Commit that counts. `lost` is our own exchange that lost the contention."""
    installation, call, commit = core.installation, core.call, received.message
    suite = check_commit(installation.config, installation.offer, commit)
    if commit.mode is not CommitMode.MULTISTREAM and call.zrtpsess is not None:
        raise PeerMisbehaved(
            ErrorCode.SOFTWARE_ERROR,
            "The peer began a second key agreement in one call; further streams use Multistream mode.",
        )
    if call.members[1:] and other_streams.comes_first(core, commit, peer.candidate.hello, received.at):
        core.counters["another stream comes first"] += 1
        return core.state  # the peer repeats its Commit; by then the other exchange is over
    match commit.mode:
        case CommitMode.MULTISTREAM:
            return _respond_multistream(core, received, peer, suite, lost)
        case CommitMode.DH | CommitMode.PRESHARED if not call.retention.ask_unless_ready(
            commit.zid, received.at, heard=received.ssrc in core.past.hearing
        ):
            return _keep_for_later(core, received)
        case CommitMode.DH:
            return _respond_dh(core, received, peer, suite, lost)
        case CommitMode.PRESHARED:
            return _respond_preshared(core, received, peer, suite, lost)


def _responder(core: Core, mode: Mode, suite: Suite, peer: _Initiator, commit: Commit, known: KnownSecrets) -> Exchange:
    algorithms = core.installation.algorithms
    return Exchange(
        role=Role.RESPONDER,
        mode=mode,
        suite=suite,
        hash=algorithms.hashes[suite.hash],
        cipher=algorithms.ciphers[suite.cipher],
        peer=peer.candidate,
        commit=commit,
        known=known,
    )


def _respond_dh(core: Core, received: Received[Commit], peer: _Initiator, suite: Suite, lost: Exchange | None) -> State:
    """DHPart1 (section 4.4.1.2). Our key pair of a lost contention is used again if it fits (section 4.2)."""
    installation, commit = core.installation, received.message
    agreement = installation.algorithms.key_agreements[suite.key_agreement]
    public_key = agreement.check_commit(commit.public_key)
    heard = received.ssrc in core.past.hearing
    if not core.call.may_send_public_value(received.at, heard=heard):
        return _come_again(core, received)
    if not installation.make_room(commit.zid, received.at, heard=heard):
        return _come_again(core, received)
    _answer_as_heard(core, received)
    own: InitiatorShare | None = None if lost is None or lost.offer is None else lost.offer.share
    if own is None and not agreement.is_kem:
        own = installation.take_prepared(suite)
    share = agreement.respond(public_key, installation.share_context(suite), own)
    hash_ = installation.algorithms.hashes[suite.hash]
    known = core.call.retention.take_up_secrets(peer.candidate.hello.zid, hash_, Role.RESPONDER)
    answer = compatibility.id_of_answer(commit, peer.candidate.hello)
    ids = own_ids(hash_, known, Role.RESPONDER, core.chain.h3, installation.random, no_pbxsecret=answer)
    dhpart1 = DHPart1.make(
        h1=core.chain.h1,
        rs1_id=ids.rs1,
        rs2_id=ids.rs2,
        aux_secret_id=ids.aux,
        pbx_secret_id=ids.pbx,
        pv=share.dhpart1_field,
        mac=partial(message_mac, core.chain.h0),
    )
    exchange = _responder(core, Mode.KEM if agreement.is_kem else Mode.DH, suite, peer, commit, known)
    exchange.answer = DhAnswer(share, dhpart1, peer.hello)
    if own is not None and id(own) == id(share):
        if lost is not None:
            lost.offer = None  # its key pair goes on
    elif lost is None and own is not None:
        own.wipe()
    _become_responder(core, exchange, received.at, lost)
    initiation.h1_goes_out(core, received.at)
    if len(core.introductions) > 1:  # the peer may not know the one that this belongs to
        core.outbox.transmit(core.hello)
    core.outbox.answer(commit.raw, dhpart1)
    return State.DHPART1_SENT


def _come_again(core: Core, received: Received[Commit]) -> State:
    """Too many exchanges have begun: the peer repeats its Commit. If he shows until then that he hears us, he gets what
    is kept for such.
    """
    core.counters["too many exchanges"] += 1
    first_seen = _first_seen(core, received)
    refused = core.past.refused_commits
    refused.pop(received.ssrc, None)
    if len(refused) >= limits.CANDIDATES:
        del refused[next(iter(refused))]
    refused[received.ssrc] = received.message, first_seen
    if received.ssrc not in core.past.hearing:
        hearing.ask(core)
    return core.state


def _first_seen(core: Core, received: Received[Commit]) -> float:
    """When the first copy of a Commit came: it answers a Hello that was sent before."""
    refused, first_seen = core.past.refused_commits.get(received.ssrc, (None, received.at))
    return first_seen if refused is not None and refused.raw == received.message.raw else received.at


def _answer_as_heard(core: Core, received: Received[Commit]) -> None:
    """Which of our Hellos a Commit answers, only hvi tells; not one that was made after it came."""
    if len(core.introductions) == 1:
        return
    made_by = _first_seen(core, received) - core.round_trips.get(received.ssrc, 0.0)
    core.introduce_as(next((own for own in reversed(core.introductions) if own.made <= made_by), core.introductions[0]))


def _respond_preshared(
    core: Core, received: Received[Commit], peer: _Initiator, suite: Suite, lost: Exchange | None
) -> State:
    """Confirm1 if the keyID is one of ours, otherwise our own Commit in DH mode (section 4.4.2.3)."""
    call, commit = core.call, received.message
    fresh = call.nonces.check(commit)
    hash_ = core.installation.algorithms.hashes[suite.hash]
    known = call.retention.take_up_secrets(commit.zid, hash_, Role.RESPONDER)
    exchange = _responder(core, Mode.PRESHARED, suite, peer, commit, known)
    allowed = call.may_use_preshared(peer.candidate.hello, Role.RESPONDER)
    found = _find_preshared_key(exchange, known) if allowed else None
    if found is None:
        known.wipe()
        if core.installation.config.passive:
            raise PeerMisbehaved(ErrorCode.NO_SHARED_SECRET, ErrorCode.NO_SHARED_SECRET.text)
        if core.aside:
            core.counters["Preshared Commit fits no secret"] += 1
            return core.state
        if lost is not None:
            core.release()
        return initiation.commit_to(core, peer.candidate, received.at, allow_preshared=False)
    key, matched = found
    if not call.installation.make_room(commit.zid, received.at, heard=received.ssrc in core.past.hearing):
        key.wipe()
        return _come_again(core, received)
    _answer_as_heard(core, received)
    transcript = Transcript.without_dh(hash_, core.hello, commit)
    s0 = s0_from_preshared(hash_, key, transcript)
    heard = HeardCommit(peer.hello, commit)
    exchange.derived = confirmation.derive(core, exchange, s0, transcript, matched, heard)
    call.nonces.remember(fresh)
    _become_responder(core, exchange, received.at, lost)
    core.outbox.answer(commit.raw, confirmation.make_confirm(core, exchange, received.at))
    return State.CONFIRM1_SENT


def _find_preshared_key(exchange: Exchange, known: KnownSecrets) -> tuple[Secret, Matched] | None:
    """Try (rs1, auxsecret, pbxsecret), then without auxsecret, without pbxsecret, without both; and the same with rs2,
    which the peer has alone if the last call was interrupted.
    """
    found: tuple[Secret, Matched] | None = None
    tries = ((True, True), (False, True), (True, False), (False, False))
    for s1, (aux, pbx) in product((known.rs1, known.rs2 if known.unsure else None), tries):
        if s1 is None:
            continue
        s2, s3 = known.aux if aux else None, known.pbx if pbx else None
        key = preshared_key(exchange.hash, s1, s2, s3)
        if found is None and Secret(key_id(exchange.hash, key)) == Secret(exchange.commit.key_id or b""):
            matched = Matched(
                s1=s1,
                s2=s2,
                s3=s3,
                continuity=continuity(known, s1),
                aux_mismatch=known.aux is not None and s2 is None,
                pbx_mismatch=known.pbx is not None and s3 is None,
            )
            found = key, matched
        else:
            key.wipe()
    return found


def _respond_multistream(
    core: Core, received: Received[Commit], peer: _Initiator, suite: Suite, lost: Exchange | None
) -> State:
    """Confirm1 under keys from ZRTPSess and a nonce never seen before (section 4.4.3.2)."""
    call, commit = core.call, received.message
    further = call.check_multistream(commit, suite)
    fresh = call.nonces.check(commit)
    _answer_as_heard(core, received)
    exchange = _responder(core, Mode.MULTISTREAM, suite, peer, commit, KnownSecrets())
    transcript = Transcript.without_dh(exchange.hash, core.hello, commit)
    s0 = s0_from_session(exchange.hash, further.zrtpsess, transcript)
    heard = HeardCommit(peer.hello, commit)
    exchange.derived = confirmation.derive(core, exchange, s0, transcript, NOTHING_MATCHED, heard)
    call.nonces.remember(fresh)
    _become_responder(core, exchange, received.at, lost)
    initiation.remember_others(core, received.at)
    core.outbox.answer(commit.raw, confirmation.make_confirm(core, exchange, received.at))
    return State.CONFIRM1_SENT


def _become_responder(core: Core, exchange: Exchange, now: float, lost: Exchange | None) -> None:
    """All checks have passed: the exchange is ours from here on."""
    if lost is not None:
        answering = core.own
        core.release()
        core.introduce_as(answering)
        under_way = [(own, at) for own, at in core.past.recent_commits if now - at < limits.TIME_TO_ANSWER]
        core.past.recent_commits = (*under_way, (lost.commit, now))
    peer, commits = exchange.peer.ssrc, (exchange.commit,)
    if peer in core.past.refused_commits and core.past.refused_commits[peer][0] in commits:
        del core.past.refused_commits[peer]  # it came again and has its answer
    if peer in core.waiting_commits and core.waiting_commits[peer].message in commits:
        del core.waiting_commits[peer]  # a copy came when the record was there
    core.commit_waits_for = None
    core.begin(exchange, now)
    core.note_progress()
    core.set_sending(Sending.BLOCKED)
    core.emit(GoingSecure(ssrc=core.ssrc, role=Role.RESPONDER))
    core.expect_initiator(now, FIRST_ANSWER_TIMEOUT)


# Who hears us.


def on_ping_ack_in_exchange(core: Core, ack: Received[PingACK]) -> State:
    """Arrives from: COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT. Goes to: the same, COMMIT_SENT,
    DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT; from COMMIT_SENT also DISCOVERED, HELLO_ACKED. Sends: what `on_commit`
    sends, if there was no room for the Commit of whoever shows now that he hears us; or our Commit, if he sent none.
    """
    if not hearing.is_answer(core, ack.message):
        return discovery.on_ping_ack(core, ack)
    if not hearing.note(core, ack.ssrc, ack.at):
        return core.state
    initiation.give_up_unheard(core)
    refused, _ = core.past.refused_commits.get(ack.ssrc, (None, 0.0))
    ours = any(one.role is Role.INITIATOR and one.peer.ssrc == ack.ssrc for one in core.exchanges())
    if refused is None or ours or len(core.introductions) == 1:  # otherwise the answer brings its Hello along
        core.outbox.transmit(core.introductions[-1].hello)  # while strangers kept us busy he may not have got it
    if refused is None or ours:  # of two that cross he may have given up his: if not, it comes again
        return initiation.commit_to_hearing(core, ack.ssrc, ack.at)
    answer = on_crossing_commit if core.state is State.COMMIT_SENT else on_commit_beside
    return answer(core, Received(refused, ack.ssrc, ack.at))


# Waiting for the store.


def _keep_for_later(core: Core, received: Received[Commit]) -> State:
    """Answer this Commit when the store has told what is known about its sender."""
    if received.ssrc in core.waiting_commits or len(core.waiting_commits) < limits.CANDIDATES:
        core.waiting_commits[received.ssrc] = received
    core.counters["Commit waits for the store"] += 1
    return initiation.wait_for_record(core, core.state, received.at)


def on_record(core: Core, due: Received[None]) -> State:
    """Arrives from: HELLO_RECEIVED, DISCOVERED, QUIET, while a Commit of the peer or our own waits for the store. Goes
    to: the same, or where the Commit leads: DHPART1_SENT, CONFIRM1_SENT, COMMIT_SENT, DISCOVERED, HELLO_ACKED,
    HELLO_RECEIVED. Sends: what `on_commit` and `initiate` send.
    """
    waiting = _take_waiting_commit(core, due.at)
    if waiting is not None:
        return on_commit(core, waiting)
    if core.commit_waits_for is not None and core.state in (State.HELLO_RECEIVED, State.DISCOVERED):
        core.deadlines.pop(Trigger.NO_RECORD, None)
        return initiation.initiate(core, due.at)
    return core.state


def on_record_after_commit(core: Core, due: Received[None]) -> State:
    """Arrives from: COMMIT_SENT, while a crossing Commit waits for the store. Goes to: the same, DHPART1_SENT,
    DHPART2_SENT, CONFIRM1_SENT, DISCOVERED, HELLO_ACKED. Sends: what `on_crossing_commit` sends.
    """
    waiting = _take_waiting_commit(core, due.at)
    return core.state if waiting is None else on_crossing_commit(core, waiting)


def on_record_beside(core: Core, due: Received[None]) -> State:
    """Arrives from: DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT, while another Commit waits for the store. Goes to: the
    same, COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT. Sends: what `on_commit_beside` sends.
    """
    waiting = _take_waiting_commit(core, due.at)
    return core.state if waiting is None else on_commit_beside(core, waiting)


def _take_waiting_commit(core: Core, now: float) -> Received[Commit] | None:
    """One Commit whose sender's record is here; whatever comes of it, it does not wait any more."""
    retention = core.call.retention
    for ssrc, waiting in core.waiting_commits.items():
        if retention.is_ready(waiting.message.zid, now):
            del core.waiting_commits[ssrc]
            if not core.waiting_commits:
                core.deadlines.pop(Trigger.NO_RECORD, None)
            return replace(waiting, at=now)
    for waiting in core.waiting_commits.values():  # for some there may have been no room
        retention.ask_unless_ready(waiting.message.zid, now)
    return None


def on_no_record(core: Core, due: Received[None]) -> State:
    """Arrives from: HELLO_RECEIVED, DISCOVERED, QUIET, when the store failed or its time is over. Goes to: the same if
    nothing waits for it, or others may still be the peer; FAILED, or if the configuration says so where the Commit
    leads: DHPART1_SENT, CONFIRM1_SENT, COMMIT_SENT, DISCOVERED, HELLO_ACKED, HELLO_RECEIVED. Sends: Error 0xA0, or what
    `on_record` sends.

    To go on without what may be known raises an alarm at the other end, which has its own record.
    """
    unknown = _waited_in_vain(core, due.at)
    if not unknown:
        return _wait_on(core, due.at)
    if core.installation.config.go_on_without_store:
        core.warn(
            WarningCode.CACHE_FAILED,
            "The store of retained secrets does not answer. The call goes on without retained secrets: compare the "
            "words, even with people you know.",
            due.at,
        )
        for zid in unknown:
            core.call.retention.go_on_without(zid, due.at)
        return on_record(core, due)
    own_waits = core.commit_waits_for in unknown
    _stop_waiting(core, unknown)
    if all(known.hello.zid in unknown or key in core.doubted for key, known in core.candidates.items()):
        return ending.fail(
            core,
            ErrorCode.SERVICE_UNAVAILABLE,
            "The store of retained secrets does not answer, so that nobody can tell whether this is the peer of "
            "earlier calls. Call again when it works.",
            due.at,
            tell_peer=True,
        )
    core.doubted.update(key for key, known in core.candidates.items() if known.hello.zid in unknown)
    core.counters["the store does not tell about one of several"] += 1
    if own_waits and core.state in (State.HELLO_RECEIVED, State.DISCOVERED):
        return initiation.initiate(core, due.at)
    return _wait_on(core, due.at)


def on_no_record_beside(core: Core, due: Received[None]) -> State:
    """Arrives from: COMMIT_SENT, DHPART1_SENT, DHPART2_SENT, CONFIRM1_SENT, when the store does not tell about the
    sender of another Commit. Goes to: the same. The exchange that runs goes on.
    """
    _stop_waiting(core, _waited_in_vain(core, due.at))
    return _wait_on(core, due.at)


def _waited_in_vain(core: Core, now: float) -> set[bytes]:
    """The ZIDs of those whose record is waited for, and of which the store tells nothing."""
    awaited = {waiting.message.zid for waiting in core.waiting_commits.values()}
    if core.commit_waits_for is not None:
        awaited.add(core.commit_waits_for)
    return {zid for zid in awaited if core.call.retention.waited_in_vain(zid, now)}


def _stop_waiting(core: Core, unknown: set[bytes]) -> None:
    for ssrc in [ssrc for ssrc, waiting in core.waiting_commits.items() if waiting.message.zid in unknown]:
        del core.waiting_commits[ssrc]
    if core.commit_waits_for in unknown:
        core.commit_waits_for = None
    for zid in unknown:
        core.call.retention.stop_waiting(zid)


def _wait_on(core: Core, now: float) -> State:
    """For the records of others, if any is waited for: each has its own time."""
    core.deadlines.pop(Trigger.NO_RECORD, None)
    awaited = [waiting.message.zid for waiting in core.waiting_commits.values()]
    if core.commit_waits_for is not None:
        awaited.append(core.commit_waits_for)
    if not awaited:
        return core.state
    for zid in awaited:
        core.call.retention.ask(zid, now)  # it may not have been asked for want of room
    core.deadlines[Trigger.NO_RECORD] = min(core.call.retention.waits_until(zid, now) for zid in awaited)
    return core.state
