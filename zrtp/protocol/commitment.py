"""Commit (RFC 6189 sections 4.2, 4.4.1.1, 4.4.2, 4.4.3, 5.4): sending it, answering it, and both at once.

Preshared mode is used only where the configuration offers it and the retained secret comes from an exchange that was
verified, signed or bound to protected signalling; after a number of calls in a row a DH exchange follows. A Preshared
Commit that fits no secret of ours is answered with a DH Commit of our own.

A Commit of ours, and an answer to one of the peer's, waits until the store has said what is known about the peer.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from zrtp.crypto.hashes import sha256
from zrtp.crypto.key_agreements.base import InitiatorShare
from zrtp.errors import ErrorCode, MalformedPacket, PeerError, PeerMisbehaved
from zrtp.protocol import compatibility, confirmation, limits
from zrtp.protocol.contention import Winner, resolve
from zrtp.protocol.core import Core, Received
from zrtp.protocol.events import GoingSecure, Mode, Role, Sending, Suite, WarningCode
from zrtp.protocol.exchange import Candidate, DhAnswer, DhOffer, Exchange, present
from zrtp.protocol.hash_chain import (
    ChainBroken,
    HeardCommit,
    HeardHello,
    HelloAuthentic,
    message_mac,
    verify_hello,
)
from zrtp.protocol.key_schedule import (
    Transcript,
    hvi,
    key_id,
    preshared_key,
    s0_from_preshared,
    s0_from_session,
)
from zrtp.protocol.negotiation import MULT, check_commit, choose_preshared_suite, choose_suite
from zrtp.protocol.retained_secrets import NOTHING_MATCHED, KnownSecrets, Matched, continuity, own_ids
from zrtp.protocol.states import State, Trigger
from zrtp.protocol.timers import DHPART2_TIMEOUT
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, CommitMode, DHPart1, DHPart2

# Our own Commit.


def initiate(core: Core, now: float, *, allow_preshared: bool = True) -> State:
    """Both Hellos are through: COMMIT_SENT, unless the store has not answered yet, or another exchange of this call or
    with this peer has to finish first: DISCOVERED. HELLO_ACKED if only strangers introduced themselves. Sends Commit on
    T2 (section 4.4).

    Raises:
        PeerIncompatible: 0x40, nothing usable in common.
    """
    peer = _choose_candidate(core)
    if peer is None:
        return _wait_for_peer(core, now)
    call = core.call
    if call.secured_before:
        if MULT not in peer.hello.key_agreements:
            core.warn(
                WarningCode.MULTISTREAM_REFUSED,
                "The peer does not offer further streams (Multistream); this stream stays unencrypted.",
                now,
            )
            return core.state if core.state in (State.CLEAR, State.CLEAR_PENDING) else State.DISCOVERED
        exchange = _multistream_commit(core, peer)
    else:
        zid = peer.hello.zid
        if call.running_exchange(zid) not in (None, core):
            return _wait_for_other_exchange(core, zid, now)
        if not call.retention.ready(zid, now):
            core.commit_waits = True
            return _wait_for_record(core, State.DISCOVERED, now)
        preshared = allow_preshared and call.may_use_preshared(peer.hello)
        exchange = _preshared_commit(core, peer) if preshared else _dh_commit(core, peer)
    core.commit_waits = False
    core.begin(exchange)
    core.set_sending(Sending.BLOCKED)
    core.emit(GoingSecure(ssrc=core.ssrc, role=Role.INITIATOR))
    if not core.hello_acknowledged:
        core.repeat_hello_beside(now)
    core.send_in_exchange(exchange.commit, peer, now)
    return State.COMMIT_SENT


def initiate_early(core: Core, peer: Candidate, now: float) -> State:
    """Our Commit in place of HelloACK: COMMIT_SENT, or HELLO_RECEIVED until the store has answered."""
    if core.call.secured_before or core.call.retention.ready(peer.hello.zid, now):
        return initiate(core, now)
    core.commit_waits = True
    return _wait_for_record(core, State.HELLO_RECEIVED, now)


def _choose_candidate(core: Core) -> Candidate | None:
    """Of those whose Commit was not refused, if there are any: the newest Hello that signalling announced; without
    zrtp-hash, the first one of whoever acknowledged ours, or else the first. A call has one peer: once a stream is
    secure, the others know its ZID (section 4.4.3).
    """
    peer_zid = core.call.peer_zid
    candidates = [known for known in core.candidates.values() if peer_zid in (None, known.hello.zid)]
    if not candidates:
        return None
    undoubted = [known for known in candidates if (known.ssrc, known.hello.raw) not in core.doubted]
    candidates = undoubted or candidates
    expected = core.peer_hello_hash
    announced = [
        known for known in candidates if expected is not None and hmac.compare_digest(sha256(known.hello.raw), expected)
    ]
    if announced:
        return announced[-1]
    return next((known for known in candidates if known.ssrc == core.acknowledged_by), candidates[0])


def _wait_for_peer(core: Core, now: float) -> State:
    """Only strangers introduced themselves on a further stream: go on as if nobody had."""
    core.warn(
        WarningCode.MULTISTREAM_REFUSED,
        "Somebody else than the peer of this call answers on a further stream; that stream stays unencrypted.",
        now,
    )
    core.extend_discovery(now)
    return State.HELLO_ACKED


def _wait_for_other_exchange(core: Core, peer_zid: bytes, now: float) -> State:
    """One exchange at a time between two ZIDs; what it leaves behind has to be read anew."""
    core.call.retention.outdated(peer_zid)
    core.deadlines.pop(Trigger.DISCOVERY_DEADLINE, None)
    core.deadlines[Trigger.RETRY] = now + limits.RETRY_INTERVAL
    return State.DISCOVERED


def _dh_commit(core: Core, peer: Candidate) -> Exchange:
    """Key pair, DHPart2, hvi, Commit, in this order (section 4.4.1.1)."""
    installation, call = core.installation, core.call
    suite = choose_suite(installation.config, installation.offer, peer.hello)
    algorithms = installation.algorithms
    agreement = algorithms.key_agreements[suite.key_agreement]
    hash_, cipher = algorithms.hashes[suite.hash], algorithms.ciphers[suite.cipher]
    share = installation.make_share(suite)
    known = call.retention.known_secrets(peer.hello.zid, hash_, Role.INITIATOR)
    ids = own_ids(hash_, known, Role.INITIATOR, core.chain.h3, installation.random)
    dhpart2 = DHPart2.make(
        h1=core.chain.h1,
        rs1_id=ids.rs1,
        rs2_id=ids.rs2,
        aux_secret_id=ids.aux,
        pbx_secret_id=ids.pbx,
        pv=share.dhpart2_field,
        mac=lambda covered: message_mac(core.chain.h0, covered),
    )
    commit = _make_commit(
        core,
        suite,
        hvi=hvi(hash_, dhpart2.raw, peer.hello.raw),
        public_key=share.commit_field,
    )
    return Exchange(
        role=Role.INITIATOR,
        mode=Mode.KEM if agreement.is_kem else Mode.DH,
        suite=suite,
        hash=hash_,
        cipher=cipher,
        peer=peer,
        commit=commit,
        known=known,
        offer=DhOffer(share, dhpart2),
    )


def _preshared_commit(core: Core, peer: Candidate) -> Exchange:
    """Nonce and keyID from every secret that this side has (section 4.4.2.1)."""
    installation, call = core.installation, core.call
    suite = choose_preshared_suite(installation.offer, peer.hello)
    hash_, cipher = installation.algorithms.hashes[suite.hash], installation.algorithms.ciphers[suite.cipher]
    known = call.retention.known_secrets(peer.hello.zid, hash_, Role.INITIATOR)
    key = preshared_key(hash_, present(known.rs1), known.aux, known.pbx)
    commit = _make_commit(core, suite, nonce=call.nonces.fresh(installation.random), key_id=key_id(hash_, key))
    exchange = Exchange(
        role=Role.INITIATOR,
        mode=Mode.PRESHARED,
        suite=suite,
        hash=hash_,
        cipher=cipher,
        peer=peer,
        commit=commit,
        known=known,
    )
    matched = Matched(s1=known.rs1, s2=known.aux, s3=known.pbx, continuity=continuity(known, known.rs1))
    transcript = Transcript.without_dh(hash_, peer.hello, commit)
    s0 = s0_from_preshared(hash_, key, transcript)
    exchange.derived = confirmation.derive(core, exchange, s0, transcript, matched, HeardHello(peer.hello))
    return exchange


def _multistream_commit(core: Core, peer: Candidate) -> Exchange:
    """A nonce, and the three algorithms of the first stream (section 4.4.3.1)."""
    call = core.call
    suite = replace(present(call.suite), key_agreement=MULT)
    algorithms = core.installation.algorithms
    exchange = Exchange(
        role=Role.INITIATOR,
        mode=Mode.MULTISTREAM,
        suite=suite,
        hash=algorithms.hashes[suite.hash],
        cipher=algorithms.ciphers[suite.cipher],
        peer=peer,
        commit=_make_commit(core, suite, nonce=call.nonces.fresh(core.installation.random)),
    )
    transcript = Transcript.without_dh(exchange.hash, peer.hello, exchange.commit)
    s0 = s0_from_session(exchange.hash, present(call.zrtpsess), transcript)
    exchange.derived = confirmation.derive(core, exchange, s0, transcript, NOTHING_MATCHED, HeardHello(peer.hello))
    return exchange


def _make_commit(
    core: Core,
    suite: Suite,
    *,
    hvi: bytes | None = None,
    public_key: bytes = b"",
    nonce: bytes | None = None,
    key_id: bytes | None = None,
) -> Commit:
    chain = core.chain
    return Commit.make(
        h2=chain.h2,
        zid=core.call.zid,
        hash=suite.hash,
        cipher=suite.cipher,
        auth_tag=suite.auth_tag,
        key_agreement=suite.key_agreement,
        sas=suite.sas,
        hvi=hvi,
        public_key=public_key,
        nonce=nonce,
        key_id=key_id,
        mac=lambda covered: message_mac(chain.h1, covered),
    )


# The peer's Commit.


def on_commit(core: Core, received: Received[Commit]) -> State:
    """Arrives from: HELLO_RECEIVED, DISCOVERED, QUIET; CLEAR, CLEAR_PENDING. Goes to: DHPART1_SENT in DH mode,
    CONFIRM1_SENT in the others, COMMIT_SENT or DISCOVERED if a Preshared Commit is answered by a DH one; the same while
    the store has not answered, another exchange is running, or the Commit is refused; HELLO_RECEIVED if it is refused
    and only its sender acknowledged our Hello. Sends: DHPart1, Confirm1 or Commit; Error. A Commit counts as HelloACK
    (section 5.4).
    """
    return _unless_refused(core, received, _answer_commit)


def on_crossing_commit(core: Core, received: Received[Commit]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: the same if our Commit wins, the store has not answered, or a new Commit
    answers a Preshared one; DHPART1_SENT, CONFIRM1_SENT, DISCOVERED otherwise; HELLO_ACKED if it is refused and only
    strangers are left. Sends: nothing, or as `on_commit` (section 4.2).

    Our Commit may have gone to a forged Hello. When the peer's Commit belongs to another Hello, we become responder.
    """
    return _unless_refused(core, received, _answer_crossing_commit)


def _unless_refused(core: Core, received: Received[Commit], answer: Callable[[Core, Received[Commit]], State]) -> State:
    """What follows from a Commit. One that fails a check costs its sender its candidacy and nothing else: anybody can
    send a Hello and a Commit that continues it.
    """
    acknowledged, beside = core.hello_acknowledged, core.beside
    try:
        return answer(core, received)
    except PeerError as error:
        if isinstance(error, MalformedPacket) or (core.state is State.COMMIT_SENT and core.exchange is None):
            raise  # it is dropped as such; or our own exchange is gone already
        core.hello_acknowledged, core.beside = acknowledged, beside
        core.counters["Commit refused"] += 1
        core.refused_commit = str(error)
        core.complain(error.code, received.at)
        return _doubt_sender(core, received)


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
        return turn_from_doubted(core, received.at) if went_to_doubted(core) else core.state
    if core.acknowledged_by != received.ssrc:
        return core.state
    core.acknowledged_by, core.hello_acknowledged = None, False
    core.resume_hello(received.at)
    return State.HELLO_RECEIVED


def went_to_doubted(core: Core) -> bool:
    """Whether our Commit went to somebody whose own was refused."""
    peer = present(core.exchange).peer
    return (peer.ssrc, peer.hello.raw) in core.doubted


def turn_from_doubted(core: Core, now: float) -> State:
    """Commit to another candidate, if there is one. H1 has not gone out yet, so that the chain may be used again."""
    if not core.candidates.keys() - core.doubted:
        return core.state
    core.release()
    return initiate(core, now)


def _answer_commit(core: Core, received: Received[Commit]) -> State:
    commit, now = received.message, received.at
    if core.call.going_clear or (core.commits_count_from is not None and now < core.commits_count_from):
        core.counters["Commit of before GoClear"] += 1
        return core.state  # the peer repeats one that it sent later
    peer = _select_candidate(core, received)
    core.hello_acknowledged = True
    holder = core.call.running_exchange(commit.zid)
    outrun = False
    if commit.mode is not CommitMode.MULTISTREAM and holder is not None and holder is not core:
        ours = holder.exchange
        if holder.state is not State.COMMIT_SENT or ours is None or ours.peer.hello.zid != commit.zid:
            core.counters["another exchange with this peer is running"] += 1
            core.call.retention.outdated(commit.zid)
            return core.state  # the peer repeats its Commit; by then the other exchange is over
        # Commits that cross on two streams count as crossing on one (section 4.2).
        winner = resolve(ours.commit, holder.hello.mitm, commit, peer.candidate.hello.mitm)
        if winner is not Winner.PEER:
            core.counters["lost the contention with another stream"] += 1
            return core.state
        outrun = True
    target = _respond(core, received, peer)
    if outrun and holder is not None:
        core.installation.tell(holder, Trigger.OUTRUN)
    return target


def _answer_crossing_commit(core: Core, received: Received[Commit]) -> State:
    commit = received.message
    peer = _select_candidate(core, received)
    core.hello_acknowledged, core.beside = True, None
    ours = present(core.exchange)
    if peer.candidate.hello.raw != ours.peer.hello.raw:
        return _respond(core, received, peer, lost=ours)
    winner = resolve(ours.commit, core.hello.mitm, commit, peer.candidate.hello.mitm)
    copies = 0 if core.retransmission is None else core.retransmission.copies
    if winner is Winner.OWN and compatibility.yields_without_losing(ours.commit, commit, copies):
        winner = Winner.PEER
    if winner is not Winner.PEER:
        core.counters["Commit lost the contention"] += 1
        ours.peer = peer.candidate  # whoever sent a copy of the peer's Hello does not send its Commit
        return State.COMMIT_SENT
    return _respond(core, received, peer, lost=ours)


def on_outrun(core: Core, due: Received[None]) -> State:
    """Arrives from: COMMIT_SENT. Goes to: DISCOVERED, until the exchange on the other stream is finished."""
    core.release()
    core.deadlines[Trigger.RETRY] = due.at + limits.RETRY_INTERVAL
    return State.DISCOVERED


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
    match commit.mode:
        case CommitMode.MULTISTREAM:
            return _respond_multistream(core, received, peer, suite, lost)
        case CommitMode.DH | CommitMode.PRESHARED if not call.retention.ready(commit.zid, received.at):
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
    own: InitiatorShare | None = None if lost is None or lost.offer is None else lost.offer.share
    if own is None and not agreement.is_kem:
        own = installation.take_prepared(suite)
    share = agreement.respond(public_key, installation.share_context(suite), own)
    hash_ = installation.algorithms.hashes[suite.hash]
    known = core.call.retention.known_secrets(peer.candidate.hello.zid, hash_, Role.RESPONDER)
    ids = own_ids(hash_, known, Role.RESPONDER, core.chain.h3, installation.random)
    dhpart1 = DHPart1.make(
        h1=core.chain.h1,
        rs1_id=ids.rs1,
        rs2_id=ids.rs2,
        aux_secret_id=ids.aux,
        pbx_secret_id=ids.pbx,
        pv=share.dhpart1_field,
        mac=lambda covered: message_mac(core.chain.h0, covered),
    )
    exchange = _responder(core, Mode.KEM if agreement.is_kem else Mode.DH, suite, peer, commit, known)
    exchange.answer = DhAnswer(share, dhpart1, peer.hello)
    if own is not None and id(own) == id(share):
        if lost is not None:
            lost.offer = None  # its key pair goes on
    elif lost is None and own is not None:
        own.wipe()
    _become_responder(core, exchange, received.at, lost)
    core.outbox.answer(commit.raw, dhpart1)
    return State.DHPART1_SENT


def _respond_preshared(
    core: Core, received: Received[Commit], peer: _Initiator, suite: Suite, lost: Exchange | None
) -> State:
    """Confirm1 if the keyID is one of ours, otherwise our own Commit in DH mode (section 4.4.2.3)."""
    call, commit = core.call, received.message
    fresh = call.nonces.check(commit)
    hash_ = core.installation.algorithms.hashes[suite.hash]
    known = call.retention.known_secrets(commit.zid, hash_, Role.RESPONDER)
    exchange = _responder(core, Mode.PRESHARED, suite, peer, commit, known)
    found = _find_preshared_key(exchange, known) if call.may_use_preshared(peer.candidate.hello) else None
    if found is None:
        known.wipe()
        if core.installation.config.passive:
            raise PeerMisbehaved(ErrorCode.NO_SHARED_SECRET, ErrorCode.NO_SHARED_SECRET.text)
        if lost is not None:
            core.release()
        return initiate(core, received.at, allow_preshared=False)
    key, matched = found
    transcript = Transcript.without_dh(hash_, core.hello, commit)
    s0 = s0_from_preshared(hash_, key, transcript)
    heard = HeardCommit(peer.hello, commit)
    exchange.derived = confirmation.derive(core, exchange, s0, transcript, matched, heard)
    call.nonces.remember(fresh)
    _become_responder(core, exchange, received.at, lost)
    core.outbox.answer(commit.raw, confirmation.make_confirm(core, exchange, received.at))
    return State.CONFIRM1_SENT


def _find_preshared_key(exchange: Exchange, known: KnownSecrets) -> tuple[Secret, Matched] | None:
    """Try (rs1, auxsecret, pbxsecret), then without auxsecret, without pbxsecret, without both."""
    if known.rs1 is None:
        return None
    found: tuple[Secret, Matched] | None = None
    for aux, pbx in dict.fromkeys(((True, True), (False, True), (True, False), (False, False))):
        s2, s3 = known.aux if aux else None, known.pbx if pbx else None
        key = preshared_key(exchange.hash, known.rs1, s2, s3)
        if found is None and Secret(key_id(exchange.hash, key)) == Secret(exchange.commit.key_id or b""):
            matched = Matched(
                s1=known.rs1,
                s2=s2,
                s3=s3,
                continuity=continuity(known, known.rs1),
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
    exchange = _responder(core, Mode.MULTISTREAM, suite, peer, commit, KnownSecrets())
    transcript = Transcript.without_dh(exchange.hash, core.hello, commit)
    s0 = s0_from_session(exchange.hash, further.zrtpsess, transcript)
    heard = HeardCommit(peer.hello, commit)
    exchange.derived = confirmation.derive(core, exchange, s0, transcript, NOTHING_MATCHED, heard)
    call.nonces.remember(fresh)
    _become_responder(core, exchange, received.at, lost)
    core.outbox.answer(commit.raw, confirmation.make_confirm(core, exchange, received.at))
    return State.CONFIRM1_SENT


def _become_responder(core: Core, exchange: Exchange, now: float, lost: Exchange | None) -> None:
    """All checks have passed: the exchange is ours from here on."""
    if lost is not None:
        core.release()
    core.commit_waits = False
    core.waiting_commits.clear()
    core.begin(exchange)
    core.stop_repeating()
    core.progressed()
    core.set_sending(Sending.BLOCKED)
    core.emit(GoingSecure(ssrc=core.ssrc, role=Role.RESPONDER))
    core.expect_initiator(now, DHPART2_TIMEOUT)


# Waiting for the store.


def _wait_for_record(core: Core, state: State, now: float) -> State:
    if Trigger.NO_RECORD not in core.deadlines:
        core.deadlines[Trigger.NO_RECORD] = now + core.installation.config.store_deadline
    return state


def _keep_for_later(core: Core, received: Received[Commit]) -> State:
    """Answer this Commit when the store has told what is known about its sender."""
    if received.ssrc in core.waiting_commits or len(core.waiting_commits) < limits.CANDIDATES:
        core.waiting_commits[received.ssrc] = received
    core.counters["Commit waits for the store"] += 1
    return _wait_for_record(core, core.state, received.at)


def on_record(core: Core, due: Received[None]) -> State:
    """Arrives from: HELLO_RECEIVED, DISCOVERED, QUIET, while a Commit of the peer or our own waits for the store. Goes
    to: the same, or where the Commit leads: DHPART1_SENT, CONFIRM1_SENT, COMMIT_SENT, DISCOVERED, HELLO_ACKED,
    HELLO_RECEIVED. Sends: what `on_commit` and `initiate` send.
    """
    waiting = _take_waiting_commit(core, due.at)
    if waiting is not None:
        return on_commit(core, waiting)
    if core.commit_waits and core.state in (State.HELLO_RECEIVED, State.DISCOVERED):
        core.deadlines.pop(Trigger.NO_RECORD, None)
        return initiate(core, due.at)
    return core.state


def on_record_after_commit(core: Core, due: Received[None]) -> State:
    """Arrives from: COMMIT_SENT, while a crossing Commit waits for the store. Goes to: the same, DHPART1_SENT,
    CONFIRM1_SENT, DISCOVERED, HELLO_ACKED. Sends: what `on_crossing_commit` sends.
    """
    waiting = _take_waiting_commit(core, due.at)
    return core.state if waiting is None else on_crossing_commit(core, waiting)


def _take_waiting_commit(core: Core, now: float) -> Received[Commit] | None:
    """One Commit whose sender's record is here; whatever comes of it, it does not wait any more."""
    retention = core.call.retention
    for ssrc, waiting in core.waiting_commits.items():
        if retention.ready(waiting.message.zid, now):
            del core.waiting_commits[ssrc]
            if not core.waiting_commits:
                core.deadlines.pop(Trigger.NO_RECORD, None)
            return replace(waiting, at=now)
    return None


def on_no_record(core: Core, due: Received[None]) -> State:
    """Arrives from: HELLO_RECEIVED, DISCOVERED, QUIET, when the store failed or its time is over. Goes to: the same if
    nothing waits for it; FAILED, or if the configuration says so where the Commit leads: DHPART1_SENT, CONFIRM1_SENT,
    COMMIT_SENT, DISCOVERED, HELLO_ACKED, HELLO_RECEIVED. Sends: Error 0xA0, or what `on_record` sends.

    To go on without what may be known raises an alarm at the other end, which has its own record.
    """
    core.deadlines.pop(Trigger.NO_RECORD, None)
    if not core.commit_waits and not core.waiting_commits:
        return core.state
    retention = core.call.retention
    if core.installation.config.go_on_without_store:
        core.warn(
            WarningCode.CACHE_FAILED,
            "The store of retained secrets does not answer. The call goes on without retained secrets: compare the "
            "words, even with people you know.",
            due.at,
        )
        retention.give_up(due.at)
        return on_record(core, due)
    retention.stop_waiting()
    core.commit_waits = False
    return core.fail(
        ErrorCode.SERVICE_UNAVAILABLE,
        "The store of retained secrets does not answer, so that nobody can tell whether this is the peer of earlier "
        "calls. Call again when it works.",
        due.at,
        tell_peer=True,
    )


def on_no_record_after_commit(core: Core, due: Received[None]) -> State:
    """Arrives from: COMMIT_SENT, when the store does not tell about the sender of a crossing Commit. Goes to: the same.
    Our own Commit goes on.
    """
    core.deadlines.pop(Trigger.NO_RECORD, None)
    core.waiting_commits.clear()
    core.call.retention.stop_waiting()
    return core.state
