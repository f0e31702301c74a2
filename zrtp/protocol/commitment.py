"""Commit (RFC 6189 sections 4.2, 4.4.1.1, 4.4.2, 4.4.3, 5.4): sending it, answering it, and both at once.

Preshared mode is used only where the configuration offers it and the retained secret comes from an exchange that was
verified, signed or bound to protected signalling; after a number of calls in a row a DH exchange follows. A Preshared
Commit that fits no secret of ours is answered with a DH Commit of our own.
"""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

from zrtp.crypto.hashes import sha256
from zrtp.crypto.key_agreements.base import InitiatorShare
from zrtp.errors import ErrorCode, PeerError, PeerMisbehaved
from zrtp.protocol import compatibility, confirmation, limits
from zrtp.protocol.contention import Winner, resolve
from zrtp.protocol.events import GoingSecure, Mode, Role, Sending, Suite, WarningCode
from zrtp.protocol.exchange import Candidate, Exchange, present
from zrtp.protocol.hash_chain import (
    ChainBroken,
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
from zrtp.protocol.retained_secrets import KnownSecrets, Matched, continuity, own_ids
from zrtp.protocol.states import State
from zrtp.protocol.timers import RESPONDER_TIMEOUT, T2
from zrtp.secret import Secret
from zrtp.wire.messages import Commit, CommitMode, DHPart1, DHPart2

if TYPE_CHECKING:
    from zrtp.protocol.stream import Stream

NONCE_LENGTH = 16


def initiate(stream: Stream, now: float, *, allow_preshared: bool = True) -> State:
    """Arrives from: a state of discovery, when both Hellos are through; CLEAR, CLEAR_PENDING. Goes to: COMMIT_SENT,
    DISCOVERED if another exchange of this call or with this peer has to finish first, or HELLO_ACKED if only strangers
    introduced themselves. Sends: Commit on T2 (section 4.4).

    Raises:
        PeerIncompatible: 0x40, nothing usable in common.
    """
    peer = _choose_candidate(stream)
    if peer is None:
        return _wait_for_peer(stream, now)
    session = stream.session
    if session.secured_before:
        if MULT not in peer.hello.key_agreements:
            stream.warn(
                WarningCode.MULTISTREAM_REFUSED,
                "The peer does not offer further streams (Multistream); this stream stays unencrypted.",
                now,
            )
            return stream.state if stream.state in (State.CLEAR, State.CLEAR_PENDING) else State.DISCOVERED
        exchange = _multistream_commit(stream, peer)
    else:
        if session.running_exchange(peer.hello.zid) not in (None, stream):
            stream.discovery_deadline = None
            stream.retry_at = now + limits.RETRY_INTERVAL
            return State.DISCOVERED
        preshared = allow_preshared and session.may_use_preshared(peer.hello)
        exchange = _preshared_commit(stream, peer) if preshared else _dh_commit(stream, peer)
        stream.endpoint.begin_exchange(stream, session.zid, peer.hello.zid, now)
    stream.exchange = exchange
    stream.set_sending(Sending.BLOCKED)
    stream.emit(GoingSecure(ssrc=stream.ssrc, role=Role.INITIATOR))
    stream.send_repeatedly(exchange.commit, T2, now)
    return State.COMMIT_SENT


def _choose_candidate(stream: Stream) -> Candidate | None:
    """The newest Hello that signalling announced; without zrtp-hash, the first one of whoever acknowledged ours, or
    else the first. A call has one peer: once a stream is secure, the others know its ZID (section 4.4.3).
    """
    peer_zid = stream.session.peer_zid
    candidates = [known for known in stream.candidates.values() if peer_zid in (None, known.hello.zid)]
    if not candidates:
        return None
    expected = stream.peer_hello_hash
    announced = [
        known for known in candidates if expected is not None and hmac.compare_digest(sha256(known.hello.raw), expected)
    ]
    if announced:
        return announced[-1]
    return next((known for known in candidates if known.ssrc == stream.acknowledged_by), candidates[0])


def _wait_for_peer(stream: Stream, now: float) -> State:
    """Only strangers introduced themselves on a further stream: go on as if nobody had."""
    stream.warn(
        WarningCode.MULTISTREAM_REFUSED,
        "Somebody else than the peer of this call answers on a further stream; that stream stays unencrypted.",
        now,
    )
    stream.extend_discovery(now)
    return State.HELLO_ACKED


def _dh_commit(stream: Stream, peer: Candidate) -> Exchange:
    """Key pair, DHPart2, hvi, Commit, in this order (section 4.4.1.1)."""
    endpoint, session = stream.endpoint, stream.session
    suite = choose_suite(endpoint.config, endpoint.offer, peer.hello)
    algorithms = endpoint.algorithms
    agreement = algorithms.key_agreements[suite.key_agreement]
    hash_, cipher = algorithms.hashes[suite.hash], algorithms.ciphers[suite.cipher]
    share = endpoint.make_share(suite)
    known = session.retention.known_secrets(peer.hello.zid, hash_, Role.INITIATOR)
    ids = own_ids(hash_, known, Role.INITIATOR, stream.chain.h3, endpoint.random)
    dhpart2 = DHPart2.make(
        h1=stream.chain.h1,
        rs1_id=ids.rs1,
        rs2_id=ids.rs2,
        aux_secret_id=ids.aux,
        pbx_secret_id=ids.pbx,
        pv=share.dhpart2_field,
        mac=lambda covered: message_mac(stream.chain.h0, covered),
    )
    commit = _make_commit(
        stream,
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
        own_share=share,
        dhpart2=dhpart2,
    )


def _preshared_commit(stream: Stream, peer: Candidate) -> Exchange:
    """Nonce and keyID from every secret that this side has (section 4.4.2.1)."""
    endpoint, session = stream.endpoint, stream.session
    suite = choose_preshared_suite(endpoint.offer, peer.hello)
    hash_, cipher = endpoint.algorithms.hashes[suite.hash], endpoint.algorithms.ciphers[suite.cipher]
    known = session.retention.known_secrets(peer.hello.zid, hash_, Role.INITIATOR)
    key = preshared_key(hash_, present(known.rs1), known.aux, known.pbx)
    commit = _make_commit(stream, suite, nonce=session.nonces.fresh(endpoint.random), key_id=key_id(hash_, key))
    exchange = Exchange(
        role=Role.INITIATOR,
        mode=Mode.PRESHARED,
        suite=suite,
        hash=hash_,
        cipher=cipher,
        peer=peer,
        commit=commit,
        known=known,
        matched=Matched(s1=known.rs1, s2=known.aux, s3=known.pbx, continuity=continuity(known, known.rs1)),
    )
    transcript = Transcript.without_dh(hash_, peer.hello, commit)
    confirmation.derive(stream, exchange, s0_from_preshared(hash_, key, transcript), transcript)
    return exchange


def _multistream_commit(stream: Stream, peer: Candidate) -> Exchange:
    """A nonce, and the three algorithms of the first stream (section 4.4.3.1)."""
    session = stream.session
    suite = replace(present(session.suite), key_agreement=MULT)
    algorithms = stream.endpoint.algorithms
    exchange = Exchange(
        role=Role.INITIATOR,
        mode=Mode.MULTISTREAM,
        suite=suite,
        hash=algorithms.hashes[suite.hash],
        cipher=algorithms.ciphers[suite.cipher],
        peer=peer,
        commit=_make_commit(stream, suite, nonce=session.nonces.fresh(stream.endpoint.random)),
    )
    transcript = Transcript.without_dh(exchange.hash, peer.hello, exchange.commit)
    s0 = s0_from_session(exchange.hash, present(session.zrtpsess), transcript)
    confirmation.derive(stream, exchange, s0, transcript)
    return exchange


def _make_commit(
    stream: Stream,
    suite: Suite,
    *,
    hvi: bytes | None = None,
    public_key: bytes = b"",
    nonce: bytes | None = None,
    key_id: bytes | None = None,
) -> Commit:
    chain = stream.chain
    return Commit.make(
        h2=chain.h2,
        zid=stream.session.zid,
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


def on_commit(stream: Stream, request: tuple[Commit, int], now: float) -> State:
    """Arrives from: HELLO_SENT (a Hello got through before), HELLO_RECEIVED, DISCOVERED, QUIET, CLEAR. Goes to:
    DHPART1_SENT in DH mode, CONFIRM1_SENT in the others, COMMIT_SENT if a Preshared Commit is answered by a DH one.
    Sends: DHPart1, Confirm1 or Commit. A Commit counts as HelloACK (section 5.4).
    """
    if stream.session.going_clear or (stream.commits_count_from is not None and now < stream.commits_count_from):
        stream.counters["Commit of before GoClear"] += 1
        return stream.state  # the peer repeats one that it sent later
    commit, ssrc = request
    peer, authentic = _select_candidate(stream, commit, ssrc)
    stream.hello_acknowledged = True
    holder = stream.session.running_exchange(commit.zid)
    if commit.mode is not CommitMode.MULTISTREAM and holder is not None and holder is not stream:
        ours = holder.exchange
        if holder.state is not State.COMMIT_SENT or ours is None or ours.peer.hello.zid != commit.zid:
            stream.counters["another exchange with this peer is running"] += 1
            return stream.state  # the peer repeats its Commit; by then the other exchange is over
        # Commits that cross on two streams count as crossing on one (section 4.2).
        winner = resolve(ours.commit, holder.hello.mitm, commit, peer.hello.mitm)
        if winner is not Winner.PEER:
            stream.counters["lost the contention with another stream"] += 1
            return stream.state
        step_back(holder, now)
    return respond(stream, commit, peer, authentic, now)


def on_crossing_commit(stream: Stream, request: tuple[Commit, int], now: float) -> State:
    """Arrives from: COMMIT_SENT. Goes to: COMMIT_SENT if our Commit wins; DHPART1_SENT, CONFIRM1_SENT or COMMIT_SENT
    with a new Commit otherwise. Sends: nothing, or as `on_commit` (section 4.2).

    A Commit that continues another Hello than the one that ours answers shows that ours went to a stranger.
    """
    commit, ssrc = request
    peer, authentic = _select_candidate(stream, commit, ssrc)
    ours = present(stream.exchange)
    if peer.hello.raw != ours.peer.hello.raw:
        return respond(stream, commit, peer, authentic, now, lost=ours)
    winner = resolve(ours.commit, stream.hello.mitm, commit, peer.hello.mitm)
    copies = 0 if stream.retransmission is None else stream.retransmission.copies
    if winner is Winner.OWN and compatibility.yields_without_losing(ours.commit, commit, copies):
        winner = Winner.PEER
    if winner is not Winner.PEER:
        stream.counters["Commit lost the contention"] += 1
        ours.peer = peer  # whoever sent a copy of the peer's Hello does not send its Commit
        return State.COMMIT_SENT
    return respond(stream, commit, peer, authentic, now, lost=ours)


def step_back(stream: Stream, now: float) -> None:
    """Our Commit on this stream lost against one on another stream: wait until that exchange is finished."""
    stream.release()
    stream.enter(State.DISCOVERED)
    stream.retry_at = now + limits.RETRY_INTERVAL


def _select_candidate(stream: Stream, commit: Commit, ssrc: int) -> tuple[Candidate, HelloAuthentic]:
    """The Hello that the Commit's H2 continues; its MAC must be right, and its ZID the Commit's (section 5.4). Both
    come from one source: a copy of the Hello under another SSRC must not draw the exchange there.

    Raises:
        ChainBroken: H2 continues no Hello that was received from this source.
        PeerMisbehaved: 0x20, the Hello was changed on the way, or the ZIDs differ.
    """
    failure: PeerError | None = None
    for candidate in stream.candidates.values():
        if candidate.ssrc != ssrc:
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
        return candidate, authentic
    raise failure or ChainBroken("its H2 continues no Hello")


def respond(
    stream: Stream,
    commit: Commit,
    peer: Candidate,
    authentic: HelloAuthentic,
    now: float,
    lost: Exchange | None = None,
) -> State:
    """Answer a Commit that counts. `lost` is our own exchange that lost the contention."""
    endpoint, session = stream.endpoint, stream.session
    suite = check_commit(endpoint.config, endpoint.offer, commit)
    if commit.mode is CommitMode.MULTISTREAM:
        session.check_multistream(commit, suite)
    elif session.zrtpsess is not None:
        raise PeerMisbehaved(
            ErrorCode.SOFTWARE_ERROR,
            "The peer began a second key agreement in one call; further streams use Multistream mode.",
        )
    exchange = Exchange(
        role=Role.RESPONDER,
        mode=Mode.MULTISTREAM,
        suite=suite,
        hash=endpoint.algorithms.hashes[suite.hash],
        cipher=endpoint.algorithms.ciphers[suite.cipher],
        peer=peer,
        commit=commit,
        hello_authentic=authentic,
    )
    match commit.mode:
        case CommitMode.DH:
            return _respond_dh(stream, exchange, now, lost)
        case CommitMode.PRESHARED:
            return _respond_preshared(stream, exchange, now, lost)
        case CommitMode.MULTISTREAM:
            return _respond_multistream(stream, exchange, now, lost)


def _respond_dh(stream: Stream, exchange: Exchange, now: float, lost: Exchange | None) -> State:
    """DHPart1 (section 4.4.1.2). Our key pair of a lost contention is used again if it fits (section 4.2)."""
    endpoint, session = stream.endpoint, stream.session
    agreement = endpoint.algorithms.key_agreements[exchange.suite.key_agreement]
    agreement.check_commit(exchange.commit.public_key)
    own: InitiatorShare | None = None if lost is None else lost.own_share
    if own is None and not agreement.is_kem:
        own = endpoint.take_prepared(exchange.suite)
    share = agreement.respond(exchange.commit.public_key, endpoint.share_context(exchange.suite), own)
    known = session.retention.known_secrets(exchange.peer.hello.zid, exchange.hash, Role.RESPONDER)
    ids = own_ids(exchange.hash, known, Role.RESPONDER, stream.chain.h3, endpoint.random)
    exchange.mode = Mode.KEM if agreement.is_kem else Mode.DH
    exchange.responder_share = share
    exchange.known = known
    exchange.dhpart1 = DHPart1.make(
        h1=stream.chain.h1,
        rs1_id=ids.rs1,
        rs2_id=ids.rs2,
        aux_secret_id=ids.aux,
        pbx_secret_id=ids.pbx,
        pv=share.dhpart1_field,
        mac=lambda covered: message_mac(stream.chain.h0, covered),
    )
    if lost is not None and own is not None and id(own) == id(share):
        lost.own_share = None
    elif lost is None and own is not None and id(own) != id(share):
        own.wipe()
    _become_responder(stream, exchange, now, lost)
    stream.answer(exchange.commit.raw, exchange.dhpart1)
    return State.DHPART1_SENT


def _respond_preshared(stream: Stream, exchange: Exchange, now: float, lost: Exchange | None) -> State:
    """Confirm1 if the keyID is one of ours, otherwise our own Commit in DH mode (section 4.4.2.3)."""
    session = stream.session
    commit = exchange.commit
    session.nonces.check(commit)
    known = session.retention.known_secrets(commit.zid, exchange.hash, Role.RESPONDER)
    found = _find_preshared_key(exchange, known) if session.may_use_preshared(exchange.peer.hello) else None
    if found is None:
        if lost is not None:
            stream.release()
        if stream.endpoint.config.passive:
            raise PeerMisbehaved(ErrorCode.NO_SHARED_SECRET, ErrorCode.NO_SHARED_SECRET.text)
        return initiate(stream, now, allow_preshared=False)
    key, matched = found
    transcript = Transcript.without_dh(exchange.hash, stream.hello, commit)
    exchange.mode = Mode.PRESHARED
    exchange.known, exchange.matched = known, matched
    confirmation.derive(stream, exchange, s0_from_preshared(exchange.hash, key, transcript), transcript)
    session.nonces.remember(commit)
    _become_responder(stream, exchange, now, lost)
    stream.answer(commit.raw, confirmation.make_confirm(stream, exchange, now))
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


def _respond_multistream(stream: Stream, exchange: Exchange, now: float, lost: Exchange | None) -> State:
    """Confirm1 under keys from ZRTPSess and a nonce never seen before (section 4.4.3.2)."""
    session = stream.session
    commit = exchange.commit
    session.nonces.check(commit)
    transcript = Transcript.without_dh(exchange.hash, stream.hello, commit)
    s0 = s0_from_session(exchange.hash, present(session.zrtpsess), transcript)
    confirmation.derive(stream, exchange, s0, transcript)
    session.nonces.remember(commit)
    _become_responder(stream, exchange, now, lost)
    stream.answer(commit.raw, confirmation.make_confirm(stream, exchange, now))
    return State.CONFIRM1_SENT


def _become_responder(stream: Stream, exchange: Exchange, now: float, lost: Exchange | None) -> None:
    """All checks have passed: the exchange is ours from here on."""
    if lost is not None:
        stream.release()
    stream.exchange = exchange
    if exchange.mode is not Mode.MULTISTREAM:
        stream.endpoint.begin_exchange(stream, stream.session.zid, exchange.peer.hello.zid, now)
    stream.stop_repeating()
    stream.progressed()
    stream.set_sending(Sending.BLOCKED)
    stream.emit(GoingSecure(ssrc=stream.ssrc, role=Role.RESPONDER))
    stream.expect_initiator(now, RESPONDER_TIMEOUT)
